/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl handles that reach one host and no other: by its socket, or by TLS 1.3 with a
 * certificate for its inventory name, signed by our own CA and no other.  And what libcurl
 * says when that failed, in words that tell what to do.
 *
 * A dead network acknowledges nothing: TCP_USER_TIMEOUT tells it from an agent that takes
 * its time, which our own clock cannot.
 */
#include "cleanup.h"
#include "err.h"
#include "fleet_state.h"
#include "xalloc.h"
#include <errno.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define KEEP_IDLE_S 2 /* then ask whether it is still there */
#define BUFFER_SIZE 4096L
#define UPLOAD_SIZE 16384L
#define SILENCE_MAX (5 * USEC_PER_SEC)

static int
on_open(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	const struct fleet *f = ctx;
	usec_t silence = f->o.lost_after > 0 && f->o.lost_after < SILENCE_MAX ?
			     f->o.lost_after :
			     SILENCE_MAX;
	unsigned ms = (unsigned)(silence / USEC_PER_MSEC);
	int on = 1, idle = KEEP_IDLE_S, each = 1;

	(void)purpose;
	/* On a Unix socket all of this fails, and is not needed. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof(each));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

/* With TLS 1.3 the server judges our certificate after we think that all is well: its
 * verdict comes as an alert in place of an answer, and of several errors libcurl keeps but
 * the first. */
static int
on_talk(CURL *easy, curl_infotype type, char *text, size_t len, void *ctx)
{
	struct exchange *x = ctx;

	(void)easy;
	if (type == CURLINFO_TEXT && memmem(text, len, " alert ", 7) != NULL)
		x->was_alerted = true;
	return 0;
}

static void
set_trust(CURL *c, const struct fleet *f)
{
	(void)curl_easy_setopt(c, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_3 | (long)CURL_SSLVERSION_MAX_TLSv1_3);
	(void)curl_easy_setopt(c, CURLOPT_CAINFO, f->ca);
	(void)curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(c, CURLOPT_SSLCERT, f->cert);
	(void)curl_easy_setopt(c, CURLOPT_SSLKEY, f->key);
	(void)curl_easy_setopt(c, CURLOPT_CRLFILE, f->crl);
	(void)curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_ENABLE_ALPN, 0L);
}

CURL *
link_new(const struct fleet_host *h, struct exchange *x)
{
	const struct fleet *f = h->fleet;
	CURL *c = curl_easy_init();

	if (c == NULL)
		abort(); /* out of memory */
	x->reason[0] = '\0';
	x->was_alerted = x->is_heard = false;
	(void)curl_easy_setopt(c, CURLOPT_PRIVATE, x);
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->reason);
	(void)curl_easy_setopt(c, CURLOPT_VERBOSE, 1L);
	(void)curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, on_talk);
	(void)curl_easy_setopt(c, CURLOPT_DEBUGDATA, x);
	(void)curl_easy_setopt(c, CURLOPT_URL, h->url);
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	/* Nobody waits for a name server that does not answer. */
	(void)curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	(void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
	(void)curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_SIZE);
	(void)curl_easy_setopt(
	    c, CURLOPT_CONNECTTIMEOUT_MS, (long)(f->o.connect_timeout / USEC_PER_MSEC));
	(void)curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_open);
	(void)curl_easy_setopt(c, CURLOPT_SOCKOPTDATA, f);
	if (h->socket != NULL) {
		(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http");
		(void)curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, h->socket);
	} else {
		(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
		(void)curl_easy_setopt(c, CURLOPT_CONNECT_TO, h->connect_to);
		set_trust(c, f);
	}
	return c;
}

/* libcurl parses our certificates anew for each connection and keeps them as long as it:
 * half of all that a connection costs.  Once both sides have believed each other nobody
 * looks at them again; TLS 1.3 has no second handshake. */
void
link_forget_certificates(CURL *easy)
{
	const struct curl_tlssessioninfo *tls = NULL;
	gnutls_certificate_credentials_t ours = NULL;
	gnutls_x509_trust_list_t nobody;

	(void)curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls);
	if (tls == NULL || tls->backend != CURLSSLBACKEND_GNUTLS ||
	    tls->internals == NULL ||
	    gnutls_credentials_get(
		tls->internals, GNUTLS_CRD_CERTIFICATE, (void **)&ours) < 0 ||
	    gnutls_x509_trust_list_init(&nobody, 1) < 0)
		return;
	gnutls_certificate_set_trust_list(ours, nobody, 0); /* takes it over */
	gnutls_certificate_free_keys(ours);
}

/* --- failures ------------------------------------------------------------------------- */

/* Why GnuTLS does not believe a certificate; libcurl's own text does not say. */
static const char *
doubt_of(CURL *easy)
{
	static const struct {
		unsigned bit;
		const char *text;
	} doubts[] = {
		{ GNUTLS_CERT_REVOKED, "its certificate is revoked" },
		{ GNUTLS_CERT_SIGNER_NOT_FOUND, "its certificate is not of our CA" },
		{ GNUTLS_CERT_SIGNATURE_FAILURE, "its certificate is not of our CA" },
		{ GNUTLS_CERT_EXPIRED, "its certificate has expired" },
		{ GNUTLS_CERT_NOT_ACTIVATED, "its certificate is not valid yet" },
		{ GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED,
		    "our crl.pem is too old to tell" },
		{ GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE,
		    "our crl.pem is from the future" },
	};
	const char *backend = curl_version_info(CURLVERSION_NOW)->ssl_version;
	long status = 0;

	if (backend == NULL || strncmp(backend, "GnuTLS", 6) != 0)
		return NULL; /* another library's numbers */
	(void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &status);
	for (size_t i = 0; i < ARRAY_LEN(doubts); i++) {
		if ((unsigned long)status & doubts[i].bit)
			return doubts[i].text;
	}
	return NULL;
}

static enum link_failure
refused(const struct fleet_host *h, CURL *easy, const char *reason, struct err *e)
{
	long number = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	errno = (int)number;
	if (number == 0)
		(void)err_set(e, -EHOSTUNREACH, "no way to %s: %s", h->where, reason);
	else if (number == ECONNREFUSED || number == ENOENT || h->socket != NULL)
		(void)err_errno(e, "no agent at %s", h->where);
	else
		(void)err_errno(e, "no way to %s", h->where);
	if (number == ENETUNREACH)
		e->code = -EHOSTUNREACH;
	return LINK_REFUSED;
}

/* Its reason does not come with it, but may be seen from here. */
static void
not_accepted(const struct fleet_host *h, const char *what, struct err *e)
{
	const char *seen = h->fleet->own_fault;

	(void)err_set(e, -EACCES, "the agent at %s %s%s%s", h->where, what,
	    seen[0] != '\0' ? ": " : "", seen);
}

static enum link_failure
distrusted(const struct fleet_host *h, CURL *easy, CURLcode code,
    const struct exchange *x, struct err *e)
{
	const char *doubt = doubt_of(easy);

	if (x->was_alerted)
		not_accepted(h, "does not accept our certificate", e);
	else if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
		 code == CURLE_SSL_CRL_BADFILE)
		(void)err_set(e, -EACCES, "our own certificate files: %s", x->reason);
	else if (doubt == NULL && strstr(x->reason, "does not match") != NULL)
		(void)err_set(e, -EACCES,
		    "the agent at %s is not believed under this name: %s", h->where,
		    x->reason);
	else
		(void)err_set(e, -EACCES, "the agent at %s is not believed: %s", h->where,
		    doubt != NULL ? doubt : x->reason);
	return LINK_TRUST;
}

/* It was connected. */
static enum link_failure
broken(const struct fleet_host *h, CURL *easy, CURLcode code, const char *reason,
    struct err *e)
{
	struct exchange *x = NULL;

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x);
	if (x->was_alerted || doubt_of(easy) != NULL)
		return distrusted(h, easy, code, x, e);
	/* libcurl has no code of its own for a key that is not the certificate's. */
	if (strstr(reason, "reading X.509") != NULL) {
		(void)err_set(e, -EACCES,
		    "our own certificate will not do, cert.pem and key.pem have to be "
		    "whole and belong together: %s",
		    reason);
		return LINK_TRUST;
	}
	if (code == CURLE_SEND_ERROR && h->socket == NULL && !x->is_heard)
		/* An alert came, and with it the end of the connection, which hid it. */
		not_accepted(h, "hung up as soon as it saw our certificate", e);
	else if (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR)
		(void)err_set(
		    e, -ECONNRESET, "the connection to %s broke: %s", h->where, reason);
	else
		(void)err_set(
		    e, -ECONNRESET, "the agent at %s hung up: %s", h->where, reason);
	return LINK_BROKEN;
}

enum link_failure
link_judge(const struct fleet_host *h, CURL *easy, CURLcode code, struct err *e)
{
	struct exchange *x = NULL;
	const char *reason;
	char took[32];

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x);
	reason = x->reason[0] != '\0' ? x->reason : curl_easy_strerror(code);
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return refused(h, easy, reason, e);
	case CURLE_COULDNT_RESOLVE_HOST:
		(void)err_set(e, -EHOSTUNREACH,
		    "no way to %s: its address is not known: %s", h->where, reason);
		return LINK_REFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		(void)err_set(e, -ETIMEDOUT,
		    "the agent at %s does not answer: no connection within %s", h->where,
		    format_usec(h->fleet->o.connect_timeout, took, sizeof(took)));
		return LINK_SLOW;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE:
		return distrusted(h, easy, code, x, e);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return broken(h, easy, code, reason, e);
	case CURLE_URL_MALFORMAT:
		(void)err_invalid(e, "no certificate can carry the name of %s", h->where);
		return LINK_TRUST;
	case CURLE_WRITE_ERROR:
		(void)err_set(e, -EPROTO,
		    "what answers at %s is no agent: it says more than any answer of ours",
		    h->where);
		return LINK_NONSENSE;
	default:
		(void)err_set(
		    e, -EPROTO, "what answers at %s is no agent: %s", h->where, reason);
		return LINK_NONSENSE;
	}
}

void
link_count(struct fleet_host *h, enum link_failure what, const struct err *why)
{
	if (h->socket != NULL)
		return;
	if (what != LINK_REFUSED && what != LINK_SLOW) {
		breaker_succeeded(&h->breaker); /* somebody is there, and at once */
		return;
	}
	h->why = *why;
	breaker_failed(&h->breaker, clock_boottime());
}
