/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_AGENTS_H
#define TLS_AGENTS_H
/*
 * Agents on TLS in a process of their own, a thread for each connection, that behave and
 * misbehave as they are told through shared memory; and the certificates for all of them.
 */
#include "api.h"
#include "bounds.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "pki_store.h"
#include "test.h"
#include "xalloc.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define KNOWN         "11111111-1111-4111-8111-111111111111"
#define FAKES_MAX     128
#define FAKE_LIFE_S   600 /* whatever happens to the test */
#define FAKE_PATIENCE (60 * USEC_PER_SEC)

enum behaviour {
	FAKE_WELL,
	FAKE_REFUSE, /* nobody listens */
	FAKE_DEAF,   /* connects are not even answered */
	FAKE_MUTE,   /* connects, but no handshake */
	FAKE_BABBLE, /* speaks no TLS */
	FAKE_CLOSE,  /* accepts, and closes at once */
	/* after the handshake */
	FAKE_SILENT, /* reads and never answers */
	FAKE_STALL,  /* half an answer */
	FAKE_DRIP,   /* one byte a second */
	FAKE_NONSENSE,
	FAKE_HUGE,     /* 1 GB */
	FAKE_HANG_UP,  /* closes in place of an answer */
	FAKE_STRANGER, /* of another drill */
	FAKE_TWICE,    /* answers what was not asked, too */
	FAKE_LIE,      /* about its clock */
};

struct fake {
	_Atomic enum behaviour is, accepts_as; /* as told; what it has come to be */
	atomic_int drop;                       /* end each connection, once per change */
	_Atomic int64_t ahead;
	atomic_uint connects, shows, renews, undos, fires, arms, others;
	_Atomic uint64_t fired_at; /* ?at= of the last fire */
	uint16_t port;
	char name[NAME_MAX_LEN];
};

struct fakes {
	struct fake *fake; /* shared */
	size_t count;
	pid_t pid;
	char dir[64];       /* of the CA */
	char pki[128];      /* of operator alice */
	char strangers[64]; /* of another CA */
};

/* --- one connection ------------------------------------------------------------------- */

struct fake_line {
	struct fake *fake;
	gnutls_certificate_credentials_t creds;
	gnutls_session_t tls;
	int fd;
	int drop;
};

static int
fake_say(const struct fake_line *l, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = gnutls_record_send(l->tls, text, len);

		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
fake_answer(const struct fake_line *l, const char *drill, const char *cause)
{
	struct fake *k = l->fake;
	char body[1024], answer[1200];
	int64_t now = (int64_t)clock_boottime() + atomic_load(&k->ahead);
	bool lies = atomic_load(&k->is) == FAKE_LIE;
	int n = snprintf(body, sizeof(body),
	    "{\"drill\":\"%s\",\"name\":\"n\",\"who\":\"w\",\"reason\":\"\",\"uid\":0,"
	    "\"fired\":true,\"ended\":false,\"cause\":\"%s\",\"lease_ms\":2000,"
	    "\"armed_us\":%lld,\"fired_us\":%lld,\"lease_until_us\":%lld,"
	    "\"ends_us\":%lld,\"undo_told_us\":0,\"faults\":[],"
	    "\"received_us\":%lld,\"finished_us\":%lld}",
	    drill, cause, (long long)now - 1000000, (long long)now - 500000,
	    (long long)now + 2000000, (long long)INT64_MAX, lies ? -7LL : (long long)now,
	    lies ? 9000000000000000000LL : (long long)now);

	n = snprintf(answer, sizeof(answer),
	    "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, body);
	return fake_say(l, answer, (size_t)n);
}

static void
fake_drip(const struct fake_line *l)
{
	int r = fake_say(l, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 40);

	while (r == 0) {
		r = fake_say(l, "x", 1);
		sleep_usec(USEC_PER_SEC);
	}
}

static void
fake_stream(const struct fake_line *l)
{
	static char block[16384];
	int r = fake_say(l, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", 47);

	while (r == 0)
		r = fake_say(l, block, sizeof(block));
}

static void
fake_count(struct fake *k, const char *request)
{
	const char *at = strstr(request, "?at=");

	if (strstr(request, "/renew ") != NULL)
		atomic_fetch_add(&k->renews, 1);
	else if (strstr(request, "/undo") != NULL)
		atomic_fetch_add(&k->undos, 1);
	else if (strstr(request, "/fire") != NULL)
		atomic_fetch_add(&k->fires, 1);
	else if (strncmp(request, "POST /v1/drills ", 16) == 0)
		atomic_fetch_add(&k->arms, 1);
	else if (strncmp(request, "GET /v1/drills/", 15) == 0)
		atomic_fetch_add(&k->shows, 1);
	else
		atomic_fetch_add(&k->others, 1);
	if (at != NULL)
		atomic_store(&k->fired_at, strtoull(at + 4, NULL, 10));
}

/* 0 to go on with this connection. */
static int
fake_behave(const struct fake_line *l, const char *request)
{
	static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
	const char *cause = strstr(request, "=breach") != NULL ? "breach" :
			    strstr(request, "/undo") != NULL   ? "asked" :
								 "";

	switch (atomic_load(&l->fake->is)) {
	case FAKE_SILENT:
		return 0;
	case FAKE_STALL:
		return fake_say(l, half, sizeof(half) - 1);
	case FAKE_DRIP:
		fake_drip(l);
		return -1;
	case FAKE_NONSENSE:
		return fake_say(l, "220 smtp ready\r\n\r\n", 18);
	case FAKE_HUGE:
		fake_stream(l);
		return -1;
	case FAKE_HANG_UP:
		return -1;
	case FAKE_STRANGER:
		return fake_answer(l, "33333333-3333-4333-8333-333333333333", cause);
	case FAKE_TWICE:
		(void)fake_answer(l, KNOWN, cause);
		return fake_answer(l, KNOWN, cause);
	default:
		return fake_answer(l, KNOWN, cause);
	}
}

/* One whole request out of the connection: its length with the body, or 0 when gone. */
static size_t
fake_request(struct fake_line *l, char *buf, size_t size, size_t *used)
{
	for (;;) {
		char *end = memmem(buf, *used, "\r\n\r\n", 4), *length;
		size_t whole = end != NULL ? (size_t)(end - buf) + 4 : size;

		buf[*used] = '\0';
		length = end != NULL ? strstr(buf, "Content-Length: ") : NULL;
		if (length != NULL && length < end)
			whole += strtoul(length + 16, NULL, 10);
		if (whole <= *used)
			return whole;
		ssize_t n = gnutls_record_recv(l->tls, buf + *used, size - 1 - *used);
		if (atomic_load(&l->fake->drop) != l->drop)
			return 0;
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			return 0;
		*used += (size_t)n;
	}
}

static void
fake_talk(struct fake_line *l)
{
	static const size_t size = 256 * 1024;
	char *buf = xcalloc(1, size);
	size_t used = 0, len;

	while ((len = fake_request(l, buf, size, &used)) > 0) {
		fake_count(l->fake, buf);
		if (fake_behave(l, buf) != 0)
			break;
		used -= len;
		memmove(buf, buf + len, used);
	}
	free(buf);
}

static void *
fake_serve(void *arg)
{
	struct fake_line *l = arg;
	struct timeval tick = { .tv_usec = 20 * 1000 };
	int rc;

	atomic_fetch_add(&l->fake->connects, 1);
	switch (atomic_load(&l->fake->is)) {
	case FAKE_MUTE:
		while (atomic_load(&l->fake->is) == FAKE_MUTE)
			sleep_usec(10 * USEC_PER_MSEC);
		break;
	case FAKE_BABBLE:
		(void)send(l->fd, "220 smtp ready\r\n", 16, MSG_NOSIGNAL);
		sleep_usec(100 * USEC_PER_MSEC);
		break;
	case FAKE_CLOSE:
		break;
	default:
		/* Reading looks up now and then whether the line is to be dropped. */
		(void)setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick));
		(void)gnutls_init(&l->tls, GNUTLS_SERVER);
		(void)gnutls_priority_set_direct(
		    l->tls, "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL);
		(void)gnutls_credentials_set(l->tls, GNUTLS_CRD_CERTIFICATE, l->creds);
		gnutls_certificate_server_set_request(l->tls, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert(l->tls, NULL, 0);
		gnutls_transport_set_int(l->tls, l->fd);
		do
			rc = gnutls_handshake(l->tls);
		while (rc < 0 && !gnutls_error_is_fatal(rc));
		if (rc < 0)
			(void)gnutls_alert_send_appropriate(l->tls, rc);
		else
			fake_talk(l);
		gnutls_deinit(l->tls);
	}
	(void)close(l->fd);
	free(l);
	return NULL;
}

/* --- one agent ------------------------------------------------------------------------ */

struct fake_agent {
	struct fake *fake;
	gnutls_certificate_credentials_t creds;
	int listener;
	int callers[4]; /* who fill the queue of one that is deaf */
};

static int
fake_listen(uint16_t port, int backlog)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, backlog) < 0)
		_exit(3);
	return fd;
}

/* A full queue of connections: from then on the kernel drops whoever knocks. */
static void
fake_go_deaf(struct fake_agent *a)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(a->fake->port) };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)listen(a->listener, 0);
	for (size_t i = 0; i < ARRAY_LEN(a->callers); i++) {
		a->callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(a->callers[i], (struct sockaddr *)&to, sizeof(to));
	}
	atomic_store(&a->fake->accepts_as, FAKE_DEAF);
	while (atomic_load(&a->fake->is) == FAKE_DEAF)
		sleep_usec(10 * USEC_PER_MSEC);
	for (size_t i = 0; i < ARRAY_LEN(a->callers); i++)
		(void)close(a->callers[i]);
	(void)listen(a->listener, 512);
}

static void
fake_accept(struct fake_agent *a)
{
	struct fake_line *l;
	pthread_t t;
	int fd = accept(a->listener, NULL, NULL);

	if (fd < 0) {
		sleep_usec(2 * USEC_PER_MSEC);
		return;
	}
	l = xcalloc(1, sizeof(*l));
	l->fake = a->fake;
	l->creds = a->creds;
	l->fd = fd;
	l->drop = atomic_load(&a->fake->drop);
	if (pthread_create(&t, NULL, fake_serve, l) != 0)
		_exit(4);
	(void)pthread_detach(t);
}

static void *
fake_live(void *arg)
{
	struct fake_agent *a = arg;

	for (;;) {
		enum behaviour is = atomic_load(&a->fake->is);

		switch (is) {
		case FAKE_REFUSE:
			(void)close(a->listener);
			atomic_store(&a->fake->accepts_as, is);
			while (atomic_load(&a->fake->is) == FAKE_REFUSE)
				sleep_usec(2 * USEC_PER_MSEC);
			a->listener = fake_listen(a->fake->port, 512);
			break;
		case FAKE_DEAF:
			fake_go_deaf(a);
			break;
		default:
			atomic_store(&a->fake->accepts_as, is);
			fake_accept(a);
		}
	}
	return NULL;
}

/* Whoever connects from now on meets it as that. */
static inline void
fake_become(struct fake *k, enum behaviour how)
{
	usec_t until = clock_boottime() + FAKE_PATIENCE;

	atomic_store(&k->is, how);
	while (atomic_load(&k->accepts_as) != how && clock_boottime() < until)
		sleep_usec(2 * USEC_PER_MSEC);
	assert_int_equal(atomic_load(&k->accepts_as), how);
}

/* In the child; the listeners were made by the parent. */
static void
fakes_live(const struct fakes *s, const int *listeners)
{
	pthread_t t;

	for (size_t i = 0; i < s->count; i++) {
		struct fake_agent *a = xcalloc(1, sizeof(*a));
		char ca[256], cert[256], key[256];

		a->fake = &s->fake[i];
		a->listener = listeners[i];
		(void)snprintf(
		    ca, sizeof(ca), "%s/hosts/%s/ca.pem", s->dir, a->fake->name);
		(void)snprintf(
		    cert, sizeof(cert), "%s/hosts/%s/cert.pem", s->dir, a->fake->name);
		(void)snprintf(
		    key, sizeof(key), "%s/hosts/%s/key.pem", s->dir, a->fake->name);
		if (gnutls_certificate_allocate_credentials(&a->creds) < 0 ||
		    gnutls_certificate_set_x509_trust_file(
			a->creds, ca, GNUTLS_X509_FMT_PEM) < 0 ||
		    gnutls_certificate_set_x509_key_file(
			a->creds, cert, key, GNUTLS_X509_FMT_PEM) < 0 ||
		    pthread_create(&t, NULL, fake_live, a) != 0)
			_exit(5);
	}
	for (;;)
		pause();
}

/* --- all of them ---------------------------------------------------------------------- */

static void
fakes_issue(const char *dir, enum pki_kind kind, const char *name)
{
	struct pki_wish w = { .kind = kind, .name = name, .days = 2 };
	struct pki_store *store = NULL;
	struct err e = { 0 };

	/* Each host is called all of this, too. */
	static const char *const others[] = { "db_1", "10.77.1.2", "Web-1.Example.org",
		NULL };

	w.role = kind == PKI_KIND_OPERATOR ? ROLE_NAME_OPERATOR : NULL;
	w.addresses = kind == PKI_KIND_HOST ? others : NULL;
	assert_ok(pki_store_open_ca(&store, dir, NULL, &e), e);
	assert_ok(pki_store_issue(store, &w, false, &e), e);
	pki_store_free(store);
}

static inline void
fakes_revoke(const struct fakes *s, const char *name)
{
	struct pki_store *store = NULL;
	struct err e = { 0 };
	size_t dirs;

	assert_ok(pki_store_open_ca(&store, s->dir, NULL, &e), e);
	assert_ok(pki_store_revoke(store, name, &dirs, &e), e);
	pki_store_free(store);
}

static void
fakes_make_pki(char dir[static 64], const char *operator)
{
	struct err e = { 0 };

	(void)snprintf(dir, 64, "/tmp/stormdrill-fleet-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_ok(pki_store_make(dir, &e), e);
	fakes_issue(dir, PKI_KIND_OPERATOR, operator);
}

static inline void
fakes_open(struct fakes *s, size_t count)
{
	int listeners[FAKES_MAX];
	pid_t parent = getpid();

	memset(s, 0, sizeof(*s));
	s->count = count;
	s->fake = mmap(NULL, count * sizeof(*s->fake), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(s->fake, MAP_FAILED);
	fakes_make_pki(s->dir, "alice");
	fakes_make_pki(s->strangers, "mallory");
	(void)snprintf(s->pki, sizeof(s->pki), "%s/operators/alice", s->dir);
	for (size_t i = 0; i < count; i++) {
		struct fake *k = &s->fake[i];
		struct sockaddr_in at;
		socklen_t len = sizeof(at);

		(void)snprintf(k->name, sizeof(k->name), "db%zu", i + 1);
		fakes_issue(s->dir, PKI_KIND_HOST, k->name);
		listeners[i] = fake_listen(0, 512);
		assert_int_equal(
		    getsockname(listeners[i], (struct sockaddr *)&at, &len), 0);
		k->port = ntohs(at.sin_port);
	}
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(FAKE_LIFE_S);
		if (getppid() == parent)
			fakes_live(s, listeners);
		_exit(0);
	}
	for (size_t i = 0; i < count; i++)
		(void)close(listeners[i]);
}

static int
fakes_unlink(const char *path, const struct stat *st, int what, struct FTW *where)
{
	(void)st, (void)what, (void)where;
	return remove(path);
}

static inline void
fakes_close(struct fakes *s)
{
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	(void)nftw(s->dir, fakes_unlink, 16, FTW_DEPTH | FTW_PHYS);
	(void)nftw(s->strangers, fakes_unlink, 16, FTW_DEPTH | FTW_PHYS);
	(void)munmap(s->fake, s->count * sizeof(*s->fake));
}

#endif
