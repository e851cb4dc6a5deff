/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FARSIDE_H
#define FARSIDE_H
/*
 * Two hosts joined by a wire: the test in its own network namespace, and a process in
 * another one, reached over a veth pair by IPv4 and IPv6.  The far side listens on two TCP
 * ports, counts what arrives by UDP, sends a datagram of each family every few
 * milliseconds, and keeps one SSH-like connection to the near side's port 22.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "err.h"
#include "spawn.h"

#define NEAR4 "10.99.0.1"
#define FAR4  "10.99.0.2"
#define NEAR6 "fd99::1"
#define FAR6  "fd99::2"

enum { FAR_TCP = 8080, FAR_TCP_2 = 8081, FAR_UDP = 5353, NEAR_UDP = 7000, NEAR_SSH = 22 };
enum { TICK_MS = 5, PATIENCE_MS = 30000, SILENCE_MS = 200 };

/* What came of asking. */
enum reach { OPEN, SILENT, REFUSED };

/* Shared with the far side's process. */
struct farside {
	_Atomic unsigned got4, got6; /* what stood in the last datagram that came there */
	_Atomic bool ready;
	pid_t pid;
	int beacon4, beacon6; /* near sockets that its datagrams come to */
	int ssh;              /* near end of its connection to port 22 */
};

static inline int
tool(const char *const *argv, const char *input, char *out, size_t size)
{
	struct err e = { 0 };
	const struct run_tool t = { .argv = argv,
		.input = input,
		.out = out,
		.out_size = size,
		.keep_fd = -1,
		.timeout_ms = 20000 };
	int rc = run_tool(&t, &e);

	if (rc < 0)
		(void)fprintf(stderr, "%s: %s\n", argv[0], e.msg);
	return rc;
}

/* "link add …", by ip(8): the words of a line. */
static inline int
ip(const char *line)
{
	char words[256], *save = NULL;
	const char *argv[24] = { "/usr/sbin/ip" };
	size_t n = 1;

	if (access(argv[0], X_OK) != 0)
		argv[0] = "/sbin/ip";
	(void)snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w != NULL && n < 23;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	return tool(argv, NULL, NULL, 0);
}

static inline socklen_t
address(struct sockaddr_storage *ret, const char *text, uint16_t port)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *four = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		return sizeof(*four);
	}
	(void)inet_pton(AF_INET6, text, &six->sin6_addr);
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	return sizeof(*six);
}

/* A non-blocking socket bound to a port of every address of a family. */
static inline int
bound(int family, int type, uint16_t port)
{
	struct sockaddr_storage any;
	socklen_t len = address(&any, family == AF_INET ? "0.0.0.0" : "::", port);
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&any, len) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 64) < 0)) {
		perror("bind");
		return -1;
	}
	return fd;
}

static inline void
far_beacon(int fd, const char *to)
{
	struct sockaddr_storage near_side;
	socklen_t len = address(&near_side, to, NEAR_UDP);

	(void)sendto(fd, "x", 1, 0, (struct sockaddr *)&near_side, len);
}

static inline void
drain(int fd)
{
	char buf[64];

	while (recv(fd, buf, sizeof(buf), 0) >= 0)
		continue;
}

static inline void
take_all(int fd, _Atomic unsigned *got)
{
	unsigned word;

	while (recv(fd, &word, sizeof(word), 0) == sizeof(word))
		atomic_store(got, word);
}

static inline void
far_serve(struct farside *f)
{
	struct sockaddr_storage near_side;
	socklen_t len = address(&near_side, NEAR4, NEAR_SSH);
	int udp4 = bound(AF_INET, SOCK_DGRAM, FAR_UDP);
	int udp6 = bound(AF_INET6, SOCK_DGRAM, FAR_UDP);
	int tcp[4] = { bound(AF_INET, SOCK_STREAM, FAR_TCP),
		bound(AF_INET6, SOCK_STREAM, FAR_TCP),
		bound(AF_INET, SOCK_STREAM, FAR_TCP_2),
		bound(AF_INET6, SOCK_STREAM, FAR_TCP_2) };
	int ssh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(ssh, (struct sockaddr *)&near_side, len) < 0)
		perror("connect to port 22");
	(void)fcntl(ssh, F_SETFL, O_NONBLOCK);
	atomic_store(&f->ready, true);
	for (;;) {
		for (int i = 0; i < 4; i++)
			(void)close(accept(tcp[i], NULL, NULL));
		take_all(udp4, &f->got4);
		take_all(udp6, &f->got6);
		far_beacon(udp4, NEAR4);
		far_beacon(udp6, NEAR6);
		(void)!write(ssh, "x", 1);
		(void)poll(NULL, 0, TICK_MS);
	}
}

static inline void
far_main(struct farside *f, int go)
{
	char c;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN); /* its login may be cut: that is a result */
	if (unshare(CLONE_NEWNET) < 0 || write(go, "u", 1) != 1 || read(go, &c, 1) != 1)
		_exit(99);
	if (ip("link set lo up") < 0 || ip("addr add " FAR4 "/24 dev far0") < 0 ||
	    ip("addr add " FAR6 "/64 dev far0 nodad") < 0 || ip("link set far0 up") < 0)
		_exit(99);
	far_serve(f);
}

/* Make the wire and the far side; 0 when traffic can flow. */
static inline int
farside_start(struct farside **ret)
{
	struct farside *f = mmap(
	    NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char line[128], c;
	int go[2], listener;
	pid_t pid;

	if (f == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		far_main(f, go[1]);
	f->pid = pid;
	(void)close(go[1]);
	if (read(go[0], &c, 1) != 1)
		return -1;
	(void)snprintf(
	    line, sizeof(line), "link add near0 type veth peer name far0 netns %d", pid);
	if (ip(line) < 0 || ip("link set lo up") < 0 ||
	    ip("addr add " NEAR4 "/24 dev near0") < 0 ||
	    ip("addr add " NEAR6 "/64 dev near0 nodad") < 0 ||
	    ip("link set near0 up") < 0)
		return -1;
	f->beacon4 = bound(AF_INET, SOCK_DGRAM, NEAR_UDP);
	f->beacon6 = bound(AF_INET6, SOCK_DGRAM, NEAR_UDP);
	listener = bound(AF_INET, SOCK_STREAM, NEAR_SSH); /* stays open: it listens */
	if (write(go[0], "g", 1) != 1)
		return -1;
	for (int i = 0; i < PATIENCE_MS && !atomic_load(&f->ready); i++)
		(void)poll(NULL, 0, 1);
	/* it knows of the connection before we do */
	(void)poll(&(struct pollfd){ .fd = listener, .events = POLLIN }, 1, PATIENCE_MS);
	f->ssh = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	*ret = f;
	return f->ssh < 0 ? -1 : 0;
}

static inline void
farside_end(struct farside *f)
{
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
}

/* How long to wait: at length for what should come, briefly for what should not. */
static inline int
patience(enum reach expected)
{
	return expected == SILENT ? SILENCE_MS : PATIENCE_MS;
}

static inline enum reach
try_tcp(const char *to, uint16_t port, int wait_ms)
{
	struct sockaddr_storage far_side;
	socklen_t len = address(&far_side, to, port);
	int fd =
	    socket(far_side.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t error_len = sizeof(int);
	int error = 0;

	(void)connect(fd, (struct sockaddr *)&far_side, len);
	if (poll(&p, 1, wait_ms) != 1)
		error = ETIMEDOUT;
	else
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
	(void)close(fd);
	return error == 0 ? OPEN : error == ECONNREFUSED ? REFUSED : SILENT;
}

/* Does a datagram of ours arrive there?  REFUSED: an ICMP answer came back.  Each call has
 * its own word to send: one of an earlier call, read late there, is not taken for it. */
static inline enum reach
try_out(struct farside *f, const char *to, int wait_ms)
{
	struct sockaddr_storage far_side;
	socklen_t len = address(&far_side, to, FAR_UDP);
	bool four = far_side.ss_family == AF_INET;
	_Atomic unsigned *got = four ? &f->got4 : &f->got6;
	static unsigned word;
	int fd = socket(far_side.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	enum reach r = SILENT;
	char c;

	word++;
	(void)connect(fd, (struct sockaddr *)&far_side, len);
	for (int i = 0; i < wait_ms / TICK_MS && r == SILENT; i++) {
		if (i == 0 || i % 20 == 0)
			(void)send(fd, &word, sizeof(word), 0);
		(void)poll(NULL, 0, TICK_MS);
		if (atomic_load(got) == word)
			r = OPEN;
		else if (recv(fd, &c, 1, 0) < 0 && errno == ECONNREFUSED)
			r = REFUSED;
	}
	(void)close(fd);
	return r;
}

/* Does something of theirs arrive here? */
static inline enum reach
try_in(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	drain(fd); /* what came before we asked */
	(void)poll(NULL, 0, 2 * TICK_MS);
	drain(fd);
	return poll(&p, 1, wait_ms) == 1 ? OPEN : SILENT;
}

#endif
