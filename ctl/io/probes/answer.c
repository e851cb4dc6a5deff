/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer means: libcurl's result, the status, the headers, then the body.  The
 * reason is one a person can act on; it never quotes the body, which may hold anything.
 */
#include "cleanup.h"
#include "err.h"
#include "http.h"
#include "http_shape.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HEADERS_OF_A_NAME 16 /* that are looked at */

static bool
is_good_status(const struct good *g, long status)
{
	for (size_t i = 0; i < g->status_count; i++)
		if (status >= g->status[i].low && status <= g->status[i].high)
			return true;
	return false;
}

static enum sample_class
check_body(const struct http *h, const struct http_answer *a, char *why, size_t size)
{
	if (h->pattern == NULL)
		return SAMPLE_OK;
	const char *body = a->body != NULL ? a->body : "";
	enum found found = pattern_find(h->pattern, body, a->kept);

	if (found == FOUND)
		return SAMPLE_OK;
	if (found == FOUND_TOO_HARD)
		(void)snprintf(why, size, "body pattern gave up: too much backtracking");
	else if (a->received > a->kept)
		(void)snprintf(why, size, "no match in the first %d KiB of the body",
		    HTTP_BODY_KEPT / 1024);
	else
		(void)snprintf(why, size, "body does not match (%zu bytes)", a->kept);
	return SAMPLE_BODY;
}

/* Is there one of this name that matches?  Of the last answer, when redirects were
 * followed. */
static bool
check_header(CURL *easy, const struct header_rule *rule, const struct pattern *p,
    char *why, size_t size)
{
	struct curl_header *h;
	size_t i = 0, count = 1;

	for (; i < count; i++) {
		if (curl_easy_header(easy, rule->name, i, CURLH_HEADER, -1, &h) !=
		    CURLHE_OK)
			break;
		/* libcurl walks all that it has for each. */
		count = h->amount < HEADERS_OF_A_NAME ? h->amount : HEADERS_OF_A_NAME;
		enum found found = pattern_find(p, h->value, strlen(h->value));
		if (found == FOUND)
			return true;
		if (found == FOUND_TOO_HARD) {
			(void)snprintf(why, size,
			    "pattern of header '%s' gave up: too much backtracking",
			    rule->name);
			return false;
		}
	}
	(void)snprintf(why, size, i > 0 ? "header '%s' does not match" : "no header '%s'",
	    rule->name);
	return false;
}

static enum sample_class
check_headers(CURL *easy, const struct http *h, char *why, size_t size)
{
	const struct good *g = &h->def->good;

	for (size_t i = 0; i < g->header_count; i++)
		if (!check_header(easy, &g->headers[i], h->header[i], why, size))
			return SAMPLE_BODY;
	return SAMPLE_OK;
}

static enum sample_class
check_answer(CURL *easy, const struct http_answer *a, char *why, size_t size)
{
	long status = 0;

	if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
		status = 0;
	if (a->http->check != NULL)
		return a->http->check(a, status, why, size);
	if (!is_good_status(&a->http->def->good, status)) {
		(void)snprintf(why, size, "status %ld", status);
		return SAMPLE_STATUS;
	}
	if (check_headers(easy, a->http, why, size) != SAMPLE_OK)
		return SAMPLE_BODY;
	return check_body(a->http, a, why, size);
}

/* "Connection refused" of the system, else libcurl's own words, in our style. */
static void
say_failure(CURL *easy, CURLcode rc, const struct http_answer *a, char *why, size_t size)
{
	long number = 0;
	const char *text = a->detail[0] != '\0' ? a->detail : curl_easy_strerror(rc);

	if (curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK && number > 0)
		text = strerrordesc_np((int)number);
	(void)snprintf(why, size, "%s", text != NULL ? text : "unknown error");
	if (isupper((unsigned char)why[0]) && !isupper((unsigned char)why[1]))
		why[0] = (char)tolower((unsigned char)why[0]);
}

/* In TLS 1.3 a client has ended its own handshake when the server looks at its certificate:
 * what the server thinks of it comes in place of an answer. */
static bool
is_alert(const struct http_answer *a)
{
	return strstr(a->detail, "alert") != NULL;
}

static void
say_alert(const struct http_answer *a, char *why, size_t size)
{
	bool has_cert = a->http->def->http.cert != NULL;

	(void)snprintf(why, size, "TLS alert: the server may %s",
	    has_cert ? "not accept our certificate" : "want a client certificate");
}

static bool
has_happened(CURL *easy, CURLINFO moment)
{
	curl_off_t t = 0;

	return curl_easy_getinfo(easy, moment, &t) == CURLE_OK && t > 0;
}

bool
http_is_looking_up(const struct http_answer *a)
{
	struct http *h = a->http;

	/* With the first that has it, all have. */
	if (a->is_looking_up && has_happened(a->easy, CURLINFO_NAMELOOKUP_TIME_T))
		h->is_looking_up = false;
	return h->is_looking_up && a->is_looking_up;
}

bool
http_is_connected(CURL *easy)
{
	return has_happened(easy, CURLINFO_PRETRANSFER_TIME_T);
}

/* TCP is through, TLS perhaps not.  libcurl 7.88 stamps the time of the first only with the
 * second's. */
static bool
has_reached(CURL *easy)
{
	long port = 0;

	return has_happened(easy, CURLINFO_CONNECT_TIME_T) ||
	       (curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &port) == CURLE_OK &&
		   port > 0);
}

static enum sample_class
unanswered(CURL *easy, usec_t limit, char *why, size_t size)
{
	char span[32];

	(void)format_usec(limit, span, sizeof(span));
	if (http_is_connected(easy)) {
		(void)snprintf(why, size, "no answer within %s", span);
		return SAMPLE_TIMEOUT;
	}
	if (has_reached(easy)) {
		(void)snprintf(why, size, "no TLS handshake within %s", span);
		return SAMPLE_TLS;
	}
	if (has_happened(easy, CURLINFO_NAMELOOKUP_TIME_T)) {
		(void)snprintf(why, size, "no connection within %s", span);
		return SAMPLE_CONNECT;
	}
	(void)snprintf(why, size, "name not resolved within %s", span);
	return SAMPLE_DNS;
}

enum sample_class
http_unanswered(CURL *easy, const struct probe_def *d, char *why, size_t size)
{
	enum sample_class c = unanswered(easy, d->good.within, why, size);

	return c == SAMPLE_TIMEOUT && d->good.within < d->http.timeout ? SAMPLE_SLOW : c;
}

static enum sample_class
classify_timeout(CURL *easy, const struct http_answer *a, char *why, size_t size)
{
	const struct http_probe *p = &a->http->def->http;
	bool connected = http_is_connected(easy);
	usec_t limit = p->timeout;

	if (!connected && p->connect_timeout > 0 && p->connect_timeout < limit)
		limit = p->connect_timeout;
	return unanswered(easy, limit, why, size);
}

static enum sample_class
classify_failure(
    CURL *easy, CURLcode rc, const struct http_answer *a, char *why, size_t size)
{
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		say_failure(easy, rc, a, why, size);
		return SAMPLE_DNS;
	case CURLE_GOT_NOTHING:
		(void)snprintf(why, size, "connection closed without an answer");
		return SAMPLE_CONNECT;
	case CURLE_PARTIAL_FILE:
		(void)snprintf(why, size, "answer cut short");
		return SAMPLE_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_PEER_FAILED_VERIFICATION:
		say_failure(easy, rc, a, why, size);
		return SAMPLE_TLS;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_HTTP2:
		(void)snprintf(why, size, "not an HTTP answer");
		return SAMPLE_STATUS;
	case CURLE_URL_MALFORMAT: /* ours were looked at when the file was read */
		(void)snprintf(why, size, "a redirect to what is no URL");
		return SAMPLE_STATUS;
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		if (strstr(a->detail, "chunked-encoding") != NULL) {
			(void)snprintf(why, size, "not an HTTP answer");
			return SAMPLE_STATUS;
		}
		if (is_alert(a)) {
			say_alert(a, why, size);
			return SAMPLE_TLS;
		}
		say_failure(easy, rc, a, why, size);
		return SAMPLE_CONNECT;
	default: /* refused, unreachable */
		say_failure(easy, rc, a, why, size);
		return SAMPLE_CONNECT;
	}
}

static void
say_long_head(char *why, size_t size)
{
	(void)snprintf(why, size, "more than %d KiB of headers", HTTP_HEAD_READ >> 10);
}

enum sample_class
http_classify(
    CURL *easy, CURLcode rc, const struct http_answer *a, char *why, size_t size)
{
	(void)http_is_looking_up(a); /* so that it is not, once one has come through */
	if (a->is_refused) {
		(void)snprintf(why, size,
		    "name not resolved: %d lookups before it have not ended",
		    LOOKUPS_MAX);
		return SAMPLE_DNS;
	}
	switch (rc) {
	case CURLE_OK:
		return check_answer(easy, a, why, size);
	case CURLE_OPERATION_TIMEDOUT:
		return classify_timeout(easy, a, why, size);
	case CURLE_OUT_OF_MEMORY: /* its name for a header of more than 100 KB */
		say_long_head(why, size);
		return SAMPLE_STATUS;
	case CURLE_WRITE_ERROR:
		if (a->head > HTTP_HEAD_READ) {
			say_long_head(why, size);
			return SAMPLE_STATUS;
		}
		(void)snprintf(
		    why, size, "answer longer than %d MiB", HTTP_BODY_READ >> 20);
		return SAMPLE_BODY;
	case CURLE_TOO_MANY_REDIRECTS:
		(void)snprintf(
		    why, size, "more than %u redirects", a->http->def->http.redirects);
		return SAMPLE_STATUS;
	default:
		return classify_failure(easy, rc, a, why, size);
	}
}
