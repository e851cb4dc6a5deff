/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_CLIENT_H
#define DNS_CLIENT_H
/*
 * Who asks and who answers: queries byte by byte over UDP and TCP, and real resolvers
 * (dnsmasq) on the far side of the wire and on loopback.
 */
#include "cleanup.h"
#include "farside.h"
#include "xalloc.h"

#include <net/if.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <time.h>

#define STUB4 "127.0.0.53"
#define STUB6 "::1"

enum { TYPE_A = 1, TYPE_MX = 15, TYPE_AAAA = 28, TYPE_HTTPS = 65 };
enum { NOERROR, FORMERR, SERVFAIL, NXDOMAIN };
enum { ANSWER_MS = 30000, NO_ANSWER_MS = 400 };

struct question {
	const char *to, *name;
	uint16_t type, port; /* 0: A, 53 */
	bool tcp, edns;
	const char *device; /* SO_BINDTODEVICE, NULL none */
	uint32_t scope;     /* of a link-local `to` */
	int wait_ms;        /* 0: at length */
};

enum came { CAME, NOTHING_CAME, WAS_RESET };

struct reply {
	enum came came;
	int code, count;  /* of answer records */
	bool by_us, edns; /* AA clear: dnsmasq's own names are authoritative */
	bool echoes;      /* id and question are ours */
	char address[64]; /* of the last record of the asked family, or "" */
	double ms;
};

static inline double
dns_clock(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Id 0xabcd, recursion desired; its length. */
static inline size_t
dns_query_write(const struct question *q, uint8_t ret[static 600])
{
	static const uint8_t header[12] = { 0xab, 0xcd, 1, 0, 0, 1 };
	static const uint8_t opt[11] = { 0, 0, 41, 4, 0xd0 };
	uint16_t type = q->type != 0 ? q->type : TYPE_A;
	size_t at = sizeof(header);

	memcpy(ret, header, sizeof(header));
	for (const char *label = q->name; *label != '\0';) {
		size_t len = strcspn(label, ".");

		ret[at++] = (uint8_t)len;
		memcpy(ret + at, label, len);
		at += len;
		label += len + (label[len] == '.');
	}
	ret[at++] = 0;
	ret[at++] = (uint8_t)(type >> 8);
	ret[at++] = (uint8_t)type;
	ret[at++] = 0;
	ret[at++] = 1;
	if (!q->edns)
		return at;
	ret[11] = 1;
	memcpy(ret + at, opt, sizeof(opt));
	return at + sizeof(opt);
}

/* Connected to the resolver; -1 when it cannot be. */
static inline int
dns_socket(const struct question *q)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, q->to, q->port != 0 ? q->port : 53);
	int fd =
	    socket(a.ss_family, (q->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	int on = 1;

	if (q->scope != 0)
		((struct sockaddr_in6 *)&a)->sin6_scope_id = q->scope;
	if (q->device != NULL && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, q->device,
				     (socklen_t)strlen(q->device)) < 0)
		return -1;
	if (q->tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return connect(fd, (struct sockaddr *)&a, len) == 0 ? fd : -1;
}

/* A datagram, or what stands behind a stream's length; 0 when nothing came, -1 reset. */
static inline ssize_t
dns_receive(int fd, bool tcp, int wait_ms, uint8_t ret[static 2048])
{
	size_t got = 0, want = tcp ? 2 : 1;

	while (got < want) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, wait_ms) != 1)
			return 0;
		n = recv(fd, ret + got, 2048 - got, 0);
		if (n <= 0)
			return -1;
		got += (size_t)n;
		if (!tcp)
			return n;
		if (got >= 2)
			want = 2 + (size_t)(ret[0] << 8 | ret[1]);
	}
	memmove(ret, ret + 2, got - 2);
	return (ssize_t)got - 2;
}

static inline void
dns_reply_read(const struct question *q, const uint8_t *m, size_t len, struct reply *ret)
{
	uint8_t asked[600];
	size_t question = dns_query_write(q, asked) - 12 - (q->edns ? 11 : 0);
	size_t size = q->type == TYPE_AAAA ? 16 : 4;

	ret->code = m[3] & 0xf;
	ret->by_us = (m[2] & 4) == 0;
	ret->count = m[6] << 8 | m[7];
	ret->edns = (m[10] << 8 | m[11]) > 0;
	ret->echoes = len >= 12 + question && m[0] == asked[0] && m[1] == asked[1] &&
		      (m[2] & 0x80) != 0 && (m[2] & 1) != 0 &&
		      memcmp(m + 12, asked + 12, question) == 0;
	if (ret->count > 0 && len >= 12 + question + 12 + size)
		(void)inet_ntop(size == 16 ? AF_INET6 : AF_INET, m + 12 + question + 12,
		    ret->address, sizeof(ret->address));
}

static inline struct reply
dns_ask(const struct question *q)
{
	struct reply r = { .came = NOTHING_CAME };
	uint8_t m[2048];
	size_t len = dns_query_write(q, m + 2);
	double begin = dns_clock();
	int fd = dns_socket(q);
	ssize_t got;

	m[0] = (uint8_t)(len >> 8);
	m[1] = (uint8_t)len;
	if (fd < 0)
		return r;
	(void)send(fd, m + (q->tcp ? 0 : 2), len + (q->tcp ? 2 : 0), MSG_NOSIGNAL);
	got = dns_receive(fd, q->tcp, q->wait_ms != 0 ? q->wait_ms : ANSWER_MS, m);
	r.ms = dns_clock() - begin;
	(void)close(fd);
	if (got < 12) {
		r.came = got < 0 ? WAS_RESET : NOTHING_CAME;
		return r;
	}
	r.came = CAME;
	dns_reply_read(q, m, (size_t)got, &r);
	return r;
}

/* dnsmasq on port 53 of these addresses, in the network namespace of a process (0: ours).
 * www.example.com and other.test have an address of each family, that ends as told. */
static inline pid_t
resolver_start(pid_t where, const char *addr4, const char *addr6, const char *link_local,
    const char *last)
{
	_cleanup_free_ char *listen4 = xasprintf("--listen-address=%s", addr4);
	_cleanup_free_ char *listen6 = xasprintf("--listen-address=%s", addr6);
	_cleanup_free_ char *listen_ll = link_local == NULL || link_local[0] == '\0' ?
					     NULL :
					     xasprintf("--listen-address=%s", link_local);
	_cleanup_free_ char *www4 = xasprintf("--address=/example.com/10.5.5.%s", last);
	_cleanup_free_ char *www6 = xasprintf("--address=/example.com/fd05::%s", last);
	_cleanup_free_ char *other4 = xasprintf("--address=/other.test/10.6.6.%s", last);
	_cleanup_free_ char *other6 = xasprintf("--address=/other.test/fd06::%s", last);
	const char *const argv[] = { "dnsmasq", "--keep-in-foreground",
		"--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--port=53",
		"--bind-interfaces", "--user=root", "--pid-file=", "--cache-size=0",
		listen4, listen6, www4, www6, other4, other6,
		"--mx-host=www.example.com,mail.example.com,10", listen_ll, NULL };
	char path[64];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", where);
	if (where != 0 && setns(open(path, O_RDONLY | O_CLOEXEC), CLONE_NEWNET) < 0)
		_exit(99);
	(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* It has told its name servers' socket to listen: the first answer. */
static inline int
resolver_wait(const char *to)
{
	const struct question q = { .to = to, .name = "other.test", .wait_ms = 50 };

	for (int i = 0; i < ANSWER_MS / 50; i++) {
		if (dns_ask(&q).came == CAME)
			return 0;
		(void)poll(NULL, 0, 20);
	}
	return -1;
}

#endif
