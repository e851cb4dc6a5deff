/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BAD_SERVER_H
#define BAD_SERVER_H
/* A server that misbehaves as the path asks, in a process of its own. */
#include "cleanup.h"
#include "clock.h"
#include "test.h"
#include "xalloc.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ANSWER_OK  "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"
#define PATIENCE_S 60 /* far more than anything here needs */

/* Shared with the server's process. */
static struct server_page {
	atomic_uint met;        /* connections that have come */
	atomic_uint asked;      /* requests that have come */
	atomic_bool may_answer; /* what /slow waits for */
} * page;

static inline int
say(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static inline void
stream(int fd)
{
	static char block[65536];
	ssize_t n = say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");

	while (n >= 0)
		n = send(fd, block, sizeof(block), MSG_NOSIGNAL);
}

static inline void
drip(int fd)
{
	int r = say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");

	while (r == 0) {
		r = say(fd, "x");
		sleep_usec(200 * USEC_PER_MSEC);
	}
}

static inline void
reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static inline bool
is_for(const char *request, const char *path)
{
	const char *at = strchr(request, ' ');

	return at != NULL && strncmp(at + 1, path, strlen(path)) == 0;
}

/* 0 to go on with this connection. */
static inline int
answer(int fd, const char *request)
{
	if (is_for(request, "/never")) {
		for (;;)
			(void)pause();
	} else if (is_for(request, "/slow")) {
		while (!atomic_load(&page->may_answer))
			sleep_usec(5 * USEC_PER_MSEC);
		return say(fd, ANSWER_OK);
	} else if (is_for(request, "/reset")) {
		reset(fd);
	} else if (is_for(request, "/drip")) {
		drip(fd);
	} else if (is_for(request, "/huge")) {
		stream(fd);
	} else if (is_for(request, "/redirect")) {
		return say(fd, "HTTP/1.1 302 Found\r\nLocation: /redirect\r\n"
			       "Content-Length: 0\r\n\r\n");
	} else if (is_for(request, "/503")) {
		return say(fd, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
	} else if (is_for(request, "/headers")) {
		return say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
			       "X-Shard: one\r\nX-Shard: two\r\n\r\n");
	} else if (is_for(request, "/babble")) {
		(void)say(fd, "nothing of the kind\r\n\r\n");
	} else if (is_for(request, "/post")) {
		bool ok = strncmp(request, "POST ", 5) == 0 &&
			  strstr(request, "Host: shop.test\r\n") != NULL &&
			  strstr(request, "Authorization: Bearer s3cret\r\n") != NULL &&
			  strstr(request, "\r\n\r\n{\"sku\":7}") != NULL;
		return say(
		    fd, ok ? ANSWER_OK : "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
	} else if (strncmp(request, "HEAD ", 5) == 0) {
		return say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n");
	} else if (is_for(request, "/")) {
		return say(fd, ANSWER_OK);
	}
	return -1;
}

static inline void *
serve_connection(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char request[4096];
	ssize_t n;

	while ((n = recv(fd, request, sizeof(request) - 1, 0)) > 0) {
		request[n] = '\0';
		(void)atomic_fetch_add(&page->asked, 1);
		if (answer(fd, request) != 0)
			break;
	}
	(void)close(fd);
	return NULL;
}

static inline void
serve(int listener)
{
	for (;;) {
		pthread_t t;
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		(void)atomic_fetch_add(&page->met, 1);
		if (pthread_create(&t, NULL, serve_connection, (void *)(intptr_t)fd) != 0)
			_exit(1);
		(void)pthread_detach(t);
	}
}

struct server {
	pid_t pid;
	uint16_t port;
};

static inline pid_t
serve_in_child(int listener)
{
	pid_t parent = getpid(), pid;

	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(5 * PATIENCE_S); /* whatever happens to the test */
		if (getppid() == parent)
			serve(listener);
		_exit(0);
	}
	(void)close(listener);
	return pid;
}

static inline void
end_server(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)munmap(page, sizeof(*page));
}

static inline int
listen_on_loopback(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 512), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static inline int
start_server(void **state)
{
	struct server *s = xcalloc(1, sizeof(*s));

	s->pid = serve_in_child(listen_on_loopback(&s->port));
	*state = s;
	return 0;
}

static inline int
stop_server(void **state)
{
	struct server *s = *state;

	end_server(s->pid);
	free(s);
	return 0;
}

#endif
