/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that misbehaves, one listener per vice, from PORT on at 127.0.0.1 and ::1;
 * and, if it is bad from the beginning on, a name server at 127.0.0.1:53.
 *
 *	hostile PORT [good]
 *
 * prints "VICE PORT" lines, then a line "ready".  Told `good`, every listener but those
 * that are odd all the time answers as it should until SIGUSR1, and shows its vice from
 * then on, on connections that are kept, too, until SIGUSR2.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define OK         "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
#define STACK_SIZE (64 * 1024)

static atomic_bool is_bad;

static int
say_bytes(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
say(int fd, const char *text)
{
	return say_bytes(fd, text, strlen(text));
}

/* Until the other goes away. */
static void
repeat(int fd, const char *first, const char *text, unsigned every_s)
{
	int r = say(fd, first);

	while (r == 0) {
		r = say(fd, text);
		(void)sleep(every_s);
	}
}

static void
flood(int fd, const char *first, const char *begin, char fill, const char *end)
{
	static __thread char block[16384 + 64];
	size_t len = strlen(begin);

	memcpy(block, begin, len);
	memset(block + len, fill, 16384);
	memcpy(block + len + 16384, end, strlen(end));
	len += 16384 + strlen(end);
	if (say(fd, first) < 0)
		return;
	for (size_t sent = 0; sent < (size_t)1 << 30; sent += len)
		if (say_bytes(fd, block, len) < 0)
			return;
}

static void
reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* --- vices: what becomes of a request; the connection is closed afterwards ------------- */

static void
silent(int fd)
{
	char rest[4096];

	while (recv(fd, rest, sizeof(rest), 0) > 0)
		;
}

static void
drip_head(int fd)
{
	repeat(fd, "HTTP/1.1 200 OK\r\nX-Slow: ", "x", 1);
}

static void
drip_body(int fd)
{
	repeat(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "x", 1);
}

static void
huge(int fd)
{
	flood(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", "", 'x', "");
}

static void
chunks(int fd)
{
	flood(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4000\r\n",
	    'x', "\r\n");
}

static void
endless(int fd)
{
	flood(fd, "HTTP/1.1 200 OK\r\n\r\n", "", 'x', "");
}

static void
headers(int fd)
{
	flood(fd, "HTTP/1.1 200 OK\r\n", "X-Header: ", 'x', "\r\n");
}

static void
long_header(int fd)
{
	flood(fd, "HTTP/1.1 200 OK\r\nX-Header: ", "", 'x', "");
}

static void
trailers(int fd)
{
	flood(fd,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n",
	    "X-Trailer: ", 'x', "\r\n");
}

static void
interim(int fd)
{
	while (say(fd, "HTTP/1.1 100 Continue\r\nX-Header: not yet\r\n\r\n") == 0)
		;
}

static void
loop(int fd)
{
	(void)say(fd, "HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\n"
		      "Content-Length: 0\r\n\r\n");
}

static void
to_file(int fd)
{
	(void)say(fd, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
		      "Content-Length: 0\r\n\r\n");
}

static void
to_ftp(int fd)
{
	(void)say(fd, "HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\n"
		      "Content-Length: 0\r\n\r\n");
}

static void
nothing(int fd)
{
	(void)fd;
}

static void
reset_body(int fd)
{
	(void)say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	(void)usleep(20 * 1000); /* or it is reset before it is read */
	reset(fd);
}

static void
babble(int fd)
{
	(void)say(fd, "nothing of the kind\r\n\r\n");
}

static void
http2(int fd)
{
	static const char settings[] = "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64";

	(void)say_bytes(fd, settings, sizeof(settings) - 1);
}

static void
cut_short(int fd)
{
	(void)say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
}

static void
too_long(int fd)
{
	(void)say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\nand more of it");
}

static void
bad_length(int fd)
{
	(void)say(fd, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nok\n");
}

static void
fine(int fd)
{
	(void)say(fd, OK);
}

static void
old(int fd)
{
	(void)say(fd, "HTTP/1.0 200 OK\r\n\r\nok\n");
}

static void
fine_then_reset(int fd)
{
	(void)say(fd, OK);
	(void)usleep(20 * 1000);
	reset(fd);
}

static void
chunk_garbage(int fd)
{
	(void)say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "ffffffffffffffffffff\r\nno length\r\n");
}

/* What a terminal obeys, wherever an answer has room for it. */
#define ESCAPE "\033]0;owned\007\033[2J\302\233\061m"

static void
escapes(int fd)
{
	(void)say(fd,
	    "HTTP/1.1 302 " ESCAPE "\r\nX-Header: " ESCAPE "\r\nLocation: http://" ESCAPE
	    ".test/" ESCAPE "\r\nContent-Length: 0\r\n\r\n");
}

static void
escaped_length(int fd)
{
	(void)say(fd, "HTTP/1.1 200 OK\r\nContent-Length: " ESCAPE "\r\n\r\n" ESCAPE);
}

static void
nul_header(int fd)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nX-Nul: \0\r\n\r\nok\n";

	(void)say_bytes(fd, text, sizeof(text) - 1);
}

/* The word behind it counts. */
static void
nul_body(int fd)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"
				   "\0\033[2Jok\n";

	(void)say_bytes(fd, text, sizeof(text) - 1);
}

static void
dawdle(int fd)
{
	(void)usleep(100 * 1000);
	(void)say(fd, OK);
}

static void
html(int fd)
{
	(void)say(fd,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 25\r\n"
	    "\r\n<html>please log in</html");
}

static void
deep_json(int fd)
{
	static char deep[1 << 20];

	memset(deep, '[', sizeof(deep));
	if (say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n") == 0)
		(void)say_bytes(fd, deep, sizeof(deep));
}

#define JSON(text)                                                      \
 "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"status\":\"success\"," \
 "\"data\":{\"resultType\":" text "}}"

static void
nan_json(int fd)
{
	(void)say(fd, JSON("\"vector\",\"result\":[{\"metric\":{},"
			   "\"value\":[1,\"NaN\"]}]"));
}

static void
huge_json(int fd)
{
	flood(fd, "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"", "", 'x', "");
}

struct vice {
	const char *name;
	void (*show)(int fd);
	enum { ON_REQUEST, ON_ACCEPT, NEVER_ACCEPTS } when;
	bool is_odd; /* and no fault: all the time */
};

static const struct vice vices[] = {
	{ "silent", silent },
	{ "deaf", nothing, NEVER_ACCEPTS },
	{ "drip-head", drip_head },
	{ "drip-body", drip_body },
	{ "huge", huge },
	{ "chunks", chunks },
	{ "endless", endless },
	{ "headers", headers },
	{ "long-header", long_header },
	{ "trailers", trailers },
	{ "interim", interim },
	{ "loop", loop },
	{ "to-file", to_file },
	{ "to-ftp", to_ftp },
	{ "empty", nothing },
	{ "reset-accept", reset, ON_ACCEPT },
	{ "reset-request", reset },
	{ "reset-body", reset_body },
	{ "babble", babble },
	{ "chunk-garbage", chunk_garbage },
	{ "escapes", escapes },
	{ "escaped-length", escaped_length },
	{ "nul-header", nul_header },
	{ "nul-body", nul_body },
	{ "flood", endless, ON_ACCEPT },
	{ "http2", http2, ON_ACCEPT },
	{ "cut-short", cut_short },
	{ "bad-length", bad_length },
	{ "html", html },
	{ "deep-json", deep_json },
	{ "nan-json", nan_json },
	{ "huge-json", huge_json },
	{ "too-long", too_long, .is_odd = true },
	{ "fine", fine, .is_odd = true },
	{ "old", old, .is_odd = true },
	{ "dawdle", dawdle, .is_odd = true },
	{ "closing", fine, .is_odd = true },
	{ "closing-reset", fine_then_reset, .is_odd = true },
};

/* --- connections ---------------------------------------------------------------------- */

struct line {
	const struct vice *vice;
	int fd;
};

static void *
serve(void *arg)
{
	struct line l = *(struct line *)arg;
	char request[4096];

	free(arg);
	if (l.vice->when == ON_ACCEPT && atomic_load(&is_bad)) {
		l.vice->show(l.fd);
		(void)close(l.fd);
		return NULL;
	}
	while (recv(l.fd, request, sizeof(request), 0) > 0) {
		if (atomic_load(&is_bad) || l.vice->is_odd) {
			l.vice->show(l.fd);
			break;
		}
		if (say(l.fd, OK) < 0)
			break;
	}
	(void)close(l.fd);
	return NULL;
}

static void
start(void *(*run)(void *), void *arg)
{
	pthread_attr_t a;
	pthread_t t;

	if (pthread_attr_init(&a) != 0 ||
	    pthread_attr_setstacksize(&a, STACK_SIZE) != 0 ||
	    pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED) != 0 ||
	    pthread_create(&t, &a, run, arg) != 0) {
		perror("hostile: thread");
		_exit(1);
	}
}

/* Nothing is taken from it any more, and its queue is full. */
static void
be_deaf(int listener)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	(void)listen(listener, 0);
	if (getsockname(listener, (struct sockaddr *)&a, &len) < 0)
		_exit(1);
	for (int i = 0; i < 4; i++) {
		int fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

		(void)connect(fd, (struct sockaddr *)&a, len); /* kept for ever */
	}
	for (;;)
		(void)pause();
}

static void *
take(void *arg)
{
	const struct line *l = arg;

	for (;;) {
		struct line *one = malloc(sizeof(*one));

		if (one == NULL)
			_exit(1);
		*one = *l;
		if (l->vice->when == NEVER_ACCEPTS && atomic_load(&is_bad))
			be_deaf(l->fd);
		one->fd = accept(l->fd, NULL, NULL);
		if (one->fd >= 0)
			start(serve, one);
		else
			free(one);
	}
}

static void
open_listener(const struct vice *v, const struct sockaddr *a, socklen_t len)
{
	struct line *l = malloc(sizeof(*l));
	int one = 1;

	if (l == NULL)
		_exit(1);
	*l = (struct line){ .vice = v, .fd = socket(a->sa_family, SOCK_STREAM, 0) };
	if (l->fd < 0 ||
	    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(l->fd, a, len) < 0 || listen(l->fd, 512) < 0) {
		perror("hostile: listen");
		exit(1);
	}
	start(take, l);
}

static void
open_vice(const struct vice *v, uint16_t port)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	six.sin6_addr = in6addr_loopback;
	open_listener(v, (struct sockaddr *)&four, sizeof(four));
	open_listener(v, (struct sockaddr *)&six, sizeof(six));
	(void)printf("%s %u\n", v->name, port);
}

/* --- names ---------------------------------------------------------------------------- */

#define TYPE_A    1
#define TYPE_AAAA 28

/* By a word in the name; a name without any does not exist. */
static const struct lie {
	const char *word;
	unsigned delay_ms, v4, v6; /* so many addresses */
	bool is_mute, is_garbled;
} lies[] = {
	{ "mute", .is_mute = true },
	{ "garbled", .is_garbled = true },
	{ "late", .delay_ms = 300, .v4 = 1 },
	{ "many", .v4 = 20 }, /* nobody is at home at all but the last */
	{ "six", .v6 = 1 },
	{ "", 0 },
};

struct question {
	char text[1500]; /* becomes the answer */
	size_t len;
	struct sockaddr_in from;
	int fd;
};

static void
add_address(struct question *q, char type, const void *address, char len)
{
	const char head[] = { (char)0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, len };

	memcpy(q->text + q->len, head, sizeof(head));
	memcpy(q->text + q->len + sizeof(head), address, (size_t)len);
	q->len += sizeof(head) + (size_t)len;
	q->text[7]++;
}

static void *
answer(void *arg)
{
	struct question *q = arg;
	bool is_v6 = q->text[q->len - 3] == TYPE_AAAA;
	const struct lie *lie = lies;

	while (memmem(q->text, q->len, lie->word, strlen(lie->word)) == NULL)
		lie++;
	if (lie->is_garbled)
		memset(q->text + 2, 0xff, q->len - 2);
	(void)usleep(lie->delay_ms * 1000);
	q->text[2] = (char)(q->text[2] | 0x80);
	q->text[3] = lie->v4 + lie->v6 > 0 ? (char)0x80 : (char)0x83;
	for (unsigned i = lie->v4; i > 0 && !is_v6; i--) {
		uint32_t there = htonl(INADDR_LOOPBACK + i - 1);

		add_address(q, TYPE_A, &there, sizeof(there));
	}
	for (unsigned i = 0; i < lie->v6 && is_v6; i++)
		add_address(q, TYPE_AAAA, &in6addr_loopback, sizeof(in6addr_loopback));
	if (!lie->is_mute)
		(void)sendto(q->fd, q->text, q->len, 0, (struct sockaddr *)&q->from,
		    sizeof(q->from));
	free(q);
	return NULL;
}

static void *
take_questions(void *arg)
{
	for (;;) {
		struct question *q = calloc(1, sizeof(*q));
		socklen_t len = sizeof(q->from);

		if (q == NULL)
			_exit(1);
		q->fd = (int)(intptr_t)arg;
		ssize_t n =
		    recvfrom(q->fd, q->text, 512, 0, (struct sockaddr *)&q->from, &len);
		q->len = n > 16 ? (size_t)n : 0;
		if (q->len > 0)
			start(answer, q);
		else
			free(q);
	}
	return NULL;
}

static void
open_names(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		perror("hostile: port 53");
		exit(1);
	}
	start(take_questions, (void *)(intptr_t)fd);
}

static void
turn(int number)
{
	atomic_store(&is_bad, number == SIGUSR1);
}

int
main(int argc, char **argv)
{
	int port = 0;

	if (argc < 2 || sscanf(argv[1], "%d", &port) != 1 || port <= 0) {
		(void)fputs("usage: hostile PORT [good]\n", stderr);
		return 2;
	}
	atomic_store(&is_bad, argc < 3 || strcmp(argv[2], "good") != 0);
	(void)signal(SIGUSR1, turn);
	(void)signal(SIGUSR2, turn);
	for (size_t i = 0; i < COUNT(vices); i++)
		open_vice(&vices[i], (uint16_t)((size_t)port + i));
	if (atomic_load(&is_bad))
		open_names();
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}
