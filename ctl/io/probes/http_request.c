/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP probe's request: every option of its handles, set once and used for every
 * sample.  HTTP/1.1 with kept connections, so that requests in flight do not share a
 * connection and one stuck answer says nothing about the next.  The environment's proxy is
 * not used: a probe must go where its file says.
 */
#include "cleanup.h"
#include "err.h"
#include "http.h"
#include "http_shape.h"
#include "xalloc.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static void
append(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (longer == NULL)
		abort();
	*list = longer;
}

static bool
has_header(const struct http_probe *p, const char *name)
{
	size_t len = strlen(name);

	for (char **h = p->headers; h != NULL && *h != NULL; h++)
		if (strncasecmp(*h, name, len) == 0 && (*h)[len] == ':')
			return true;
	return false;
}

static int
compile_patterns(struct http *h, const struct good *g, struct err *e)
{
	if (g->body != NULL && pattern_compile(&h->pattern, g->body, e) < 0)
		return err_wrap(e, "probe '%s': body pattern", h->def->name);
	for (size_t i = 0; i < g->header_count; i++)
		if (pattern_compile(&h->header[i], g->headers[i].pattern, e) < 0)
			return err_wrap(e, "probe '%s': pattern of header '%s'",
			    h->def->name, g->headers[i].name);
	return 0;
}

int
http_open(struct http **ret, const struct probe_def *d, struct err *e)
{
	struct http *h = xcalloc(1, sizeof(*h));
	const struct http_probe *p = &d->http;

	h->def = d;
	int r = compile_patterns(h, &d->good, e);
	if (r < 0) {
		http_free(h);
		return r;
	}
	h->keeps_body = h->pattern != NULL || d->good.jq != NULL;
	for (char **l = p->headers; l != NULL && *l != NULL; l++)
		append(&h->headers, *l);
	/* Without this a body waits a second for a "100 Continue" many servers never send. */
	if (!has_header(p, "Expect"))
		append(&h->headers, "Expect:");
	for (char **l = p->resolve; l != NULL && *l != NULL; l++)
		append(&h->resolve, *l);
	if (!has_header(p, "User-Agent"))
		h->agent = xstrdup("stormctl/" STORMDRILL_VERSION);
	*ret = h;
	return 0;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_slist_free_all(h->headers);
	curl_slist_free_all(h->resolve);
	pattern_free(h->pattern);
	for (size_t i = 0; i < HEADER_RULES_MAX; i++)
		pattern_free(h->header[i]);
	free(h->agent);
	free(h);
}

static size_t
on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct http_answer *a = ctx;
	size_t len = size * count, take = len;

	a->received += len;
	if (a->received > HTTP_BODY_READ)
		return 0; /* ends the transfer with CURLE_WRITE_ERROR */
	if (!a->http->keeps_body)
		return len;
	if (take > HTTP_BODY_KEPT - a->kept)
		take = HTTP_BODY_KEPT - a->kept;
	if (a->kept + take > a->room) {
		a->room = (a->kept + take) * 2;
		a->body = xrealloc(a->body, a->room);
	}
	memcpy(a->body + a->kept, data, take);
	a->kept += take;
	return len;
}

/* Not all versions of libcurl have an end to what they read, and keep. */
static size_t
on_head(char *data, size_t size, size_t count, void *ctx)
{
	struct http_answer *a = ctx;

	(void)data;
	a->head += size * count;
	return a->head <= HTTP_HEAD_READ ? size * count : 0;
}

/* A lookup is a thread of libcurl's that lives until the resolver gives up, half a minute
 * with the usual settings, whatever becomes of the request.  Where names are not answered a
 * fast probe would have tens of thousands of them. */
static int
on_lookup(void *resolver, void *reserved, void *ctx)
{
	struct http_answer *a = ctx;
	struct stat st;

	(void)resolver, (void)reserved;
	/* The kernel counts a process's threads as links. */
	a->is_refused = stat("/proc/self/task", &st) == 0 && st.st_nlink > LOOKUPS_MAX;
	a->is_looking_up = a->http->is_looking_up = true;
	return a->is_refused;
}

bool
http_has_name(const struct http *h)
{
	const char *host = strstr(h->def->http.url, "://");
	char text[INET_ADDRSTRLEN];
	struct in_addr ignored;
	size_t len;

	host = host != NULL ? host + 3 : h->def->http.url;
	len = strcspn(host, ":/?#");
	if (*host == '[' || h->def->http.unix_socket != NULL)
		return false;
	if (len >= sizeof(text))
		return true;
	memcpy(text, host, len);
	text[len] = '\0';
	return inet_pton(AF_INET, text, &ignored) != 1;
}

void
http_answer_clear(struct http_answer *a)
{
	if (a->room > 16384) {
		free(a->body);
		a->body = NULL;
		a->room = 0;
	}
	a->kept = 0;
	a->received = 0;
	a->head = 0;
	a->is_looking_up = a->is_refused = false;
	a->detail[0] = '\0';
}

static int
set_method(const struct http_probe *p, CURL *c)
{
	const char *method = p->method != NULL ? p->method : "GET";
	int bad = 0;

	if (strcmp(method, "HEAD") == 0)
		return (int)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	if (p->body != NULL || strcmp(method, "POST") == 0) {
		const char *body = p->body != NULL ? p->body : "";

		bad |= (int)curl_easy_setopt(c, CURLOPT_POST, 1L);
		bad |= (int)curl_easy_setopt(
		    c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		bad |= (int)curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	}
	if (strcmp(method, "GET") != 0 || p->body != NULL)
		bad |= (int)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
	return bad;
}

static int
set_target(const struct http *h, CURL *c)
{
	const struct http_probe *p = &h->def->http;
	int bad = 0;

	bad |= (int)curl_easy_setopt(c, CURLOPT_URL, p->url);
	bad |= (int)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |=
	    (int)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	bad |= (int)curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers);
	bad |= (int)curl_easy_setopt(c, CURLOPT_USERAGENT, h->agent);
	bad |= (int)curl_easy_setopt(c, CURLOPT_RESOLVE, h->resolve);
	bad |= (int)curl_easy_setopt(c, CURLOPT_PROXY, p->proxy != NULL ? p->proxy : "");
	if (p->unix_socket != NULL)
		bad |= (int)curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, p->unix_socket);
	if (p->redirects > 0) {
		bad |= (int)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
		bad |= (int)curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)p->redirects);
		bad |=
		    (int)curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	}
	return bad | set_method(p, c);
}

static int
set_trust(const struct http_probe *p, CURL *c)
{
	int bad = 0;

	/* Authorities are read and parsed for every new connection, in our loop: the bundle
	 * takes 18 ms, the directory that holds the same ones again takes 70. */
	if (p->ca != NULL || p->insecure)
		bad |= (int)curl_easy_setopt(c, CURLOPT_CAINFO, p->ca);
	if (p->ca != NULL || p->insecure ||
	    curl_version_info(CURLVERSION_NOW)->cainfo != NULL)
		bad |= (int)curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	if (p->cert != NULL)
		bad |= (int)curl_easy_setopt(c, CURLOPT_SSLCERT, p->cert);
	if (p->key != NULL)
		bad |= (int)curl_easy_setopt(c, CURLOPT_SSLKEY, p->key);
	if (p->insecure) {
		bad |= (int)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		bad |= (int)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (p->bearer != NULL) {
		bad |= (int)curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		bad |= (int)curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, p->bearer);
	} else if (p->basic != NULL) {
		bad |= (int)curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		bad |= (int)curl_easy_setopt(c, CURLOPT_USERPWD, p->basic);
	}
	return bad;
}

/* libcurl counts in milliseconds and reads 0 as "no limit". */
static long
whole_ms(usec_t t)
{
	return (long)((t + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

int
http_attach(struct http *h, CURL *easy, struct http_answer *a, struct err *e)
{
	const struct http_probe *p = &h->def->http;
	int bad = 0;

	a->http = h;
	a->easy = easy;
	bad |= (int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Do not join a resolver thread that hangs: the loop would hang with it. */
	bad |= (int)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_lookup);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, a);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, a->detail);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_HEADERDATA, a);
	/* How long it may take in all is the prober's to see to: it knows when nobody ran
	 * it, libcurl's clock does not. */
	if (p->connect_timeout > 0 && p->connect_timeout < p->timeout)
		bad |= (int)curl_easy_setopt(
		    easy, CURLOPT_CONNECTTIMEOUT_MS, whole_ms(p->connect_timeout));
	bad |= set_target(h, easy) | set_trust(p, easy);
	if (bad != 0)
		return err_set(e, -EINVAL,
		    "probe '%s': this libcurl lacks something the probe asks for (%s)",
		    h->def->name, curl_version());
	return 0;
}
