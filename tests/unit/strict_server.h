/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STRICT_SERVER_H
#define STRICT_SERVER_H
/*
 * A server on TLS 1.2 or 1.3 that lets nobody in without a certificate by its CA, in a process of
 * its own; and the files that a probe is given for it.
 */
#include "bad_server.h"
#include "certs.h"
#include "test.h"
#include <fcntl.h>
#include <unistd.h>

struct strict_server {
	struct cert ca, host, client;      /* who belongs together */
	struct cert stranger_ca, stranger; /* who does not */
	char dir[32];
	char ca_path[64], cert_path[64], key_path[64];
	char stranger_path[64], stranger_key_path[64];
	gnutls_certificate_credentials_t creds;
	const char *priority; /* of GnuTLS: the version */
	int listener;
	pid_t pid;
	uint16_t port;
};

struct strict_line {
	const struct strict_server *server;
	int fd;
};

static inline void
strict_talk(gnutls_session_t tls)
{
	static const char ok[] =
	    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
	char request[4096];

	if (gnutls_record_recv(tls, request, sizeof(request)) > 0)
		(void)gnutls_record_send(tls, ok, sizeof(ok) - 1);
	(void)gnutls_bye(tls, GNUTLS_SHUT_WR);
}

static inline void *
strict_serve(void *arg)
{
	struct strict_line *l = arg;
	gnutls_session_t tls;
	int rc;

	(void)gnutls_init(&tls, GNUTLS_SERVER);
	(void)gnutls_priority_set_direct(tls, l->server->priority, NULL);
	(void)gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, l->server->creds);
	gnutls_certificate_server_set_request(tls, GNUTLS_CERT_REQUIRE);
	gnutls_session_set_verify_cert(tls, NULL, 0);
	gnutls_transport_set_int(tls, l->fd);
	do
		rc = gnutls_handshake(tls);
	while (rc < 0 && !gnutls_error_is_fatal(rc));
	if (rc < 0)
		(void)gnutls_alert_send_appropriate(tls, rc);
	else
		strict_talk(tls);
	gnutls_deinit(tls);
	/* What the client has sent is read, or closing would reset what we said. */
	(void)shutdown(l->fd, SHUT_WR);
	for (char rest[512]; recv(l->fd, rest, sizeof(rest), 0) > 0;)
		;
	(void)close(l->fd);
	free(l);
	return NULL;
}

static inline _Noreturn void
strict_live(const struct strict_server *s)
{
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(5 * PATIENCE_S); /* whatever happens to the test */
	for (;;) {
		struct strict_line *l = xcalloc(1, sizeof(*l));
		pthread_t t;

		l->server = s;
		l->fd = accept(s->listener, NULL, NULL);
		if (l->fd < 0 || pthread_create(&t, NULL, strict_serve, l) != 0)
			_exit(1);
		(void)pthread_detach(t);
	}
}

/* Takes the PEM. */
static inline void
strict_file(
    const struct strict_server *s, char path[64], const char *name, gnutls_datum_t pem)
{
	(void)snprintf(path, 64, "%s/%s", s->dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, pem.data, pem.size), pem.size);
	(void)close(fd);
	gnutls_free(pem.data);
}

static inline void
strict_certs(struct strict_server *s)
{
	const struct wish ca = CA_WISH, operator= OPERATOR_WISH;
	const struct wish host = {
		.cn = "localhost", .dns = "localhost", .purpose = GNUTLS_KP_TLS_WWW_SERVER
	};

	s->ca = cert_make(&ca, NULL);
	s->stranger_ca = cert_make(&ca, NULL);
	s->host = cert_make(&host, &s->ca);
	s->client = cert_make(&operator, & s->ca);
	s->stranger = cert_make(&operator, & s->stranger_ca);
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/prober-tls.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	strict_file(s, s->ca_path, "ca.pem", cert_pem(&s->ca));
	strict_file(s, s->cert_path, "cert.pem", cert_pem(&s->client));
	strict_file(s, s->key_path, "key.pem", key_pem(&s->client));
	strict_file(s, s->stranger_path, "stranger.pem", cert_pem(&s->stranger));
	strict_file(s, s->stranger_key_path, "stranger-key.pem", key_pem(&s->stranger));
}

static inline void
strict_start(struct strict_server *s, const char *priority)
{
	*s = (struct strict_server){ .priority = priority };
	strict_certs(s);
	MUST_TLS(gnutls_certificate_allocate_credentials(&s->creds));
	MUST_TLS(gnutls_certificate_set_x509_trust(s->creds, &s->ca.crt, 1));
	MUST_TLS(gnutls_certificate_set_x509_key(s->creds, &s->host.crt, 1, s->host.key));
	s->listener = listen_on_loopback(&s->port);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		strict_live(s);
	(void)close(s->listener);
}

static inline void
strict_end(struct strict_server *s)
{
	struct cert *certs[] = { &s->ca, &s->host, &s->client, &s->stranger_ca,
		&s->stranger };
	const char *const paths[] = { s->ca_path, s->cert_path, s->key_path,
		s->stranger_path, s->stranger_key_path };

	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	gnutls_certificate_free_credentials(s->creds);
	for (size_t i = 0; i < ARRAY_LEN(certs); i++)
		cert_free(certs[i]);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		(void)unlink(paths[i]);
	(void)rmdir(s->dir);
}

#endif
