/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `http:` and `prometheus:` of a probe; Prometheus is asked over HTTP, so that both take the
 * same ways to get there.  What curl would only find out in the middle of a drill is refused
 * here: a URL that is none, a file that cannot be read, a header with a line end in it.
 */
#include "bounds.h"
#include "cleanup.h"
#include "err.h"
#include "loader.h"
#include "parse.h"
#include "xalloc.h"
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static struct http_probe *
http_of(void *object)
{
	return &((struct probe_def *)object)->http;
}

static bool
is_clean(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	}
	return true;
}

static void
set_method(struct loader *l, const struct item *i, void *object)
{
	struct http_probe *h = http_of(object);
	const char *text = load_text(l, i);

	if (text == NULL)
		return;
	if (text[0] == '\0' ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != strlen(text)) {
		diag_error(&l->diag, i->value->place,
		    "method: '%s' is not a method: write GET, POST, …", text);
		return;
	}
	free(h->method);
	h->method = xstrdup(text);
}

/* What libcurl thinks of it, or NULL. */
static const char *
curl_objects(const char *url)
{
	CURLU *parsed = curl_url();
	CURLUcode rc;

	if (parsed == NULL)
		abort(); /* out of memory, as in xalloc */
	rc = curl_url_set(parsed, CURLUPART_URL, url, 0);
	curl_url_cleanup(parsed);
	return rc == CURLUE_OK ? NULL : curl_url_strerror(rc);
}

static bool
check_url(struct loader *l, struct place at, const char *url)
{
	const char *host = strncasecmp(url, "http://", 7) == 0  ? url + 7 :
			   strncasecmp(url, "https://", 8) == 0 ? url + 8 :
								  NULL;
	const char *why = NULL;

	if (host == NULL)
		why = "it must begin with http:// or https://";
	else if (*host == '\0' || strchr("/:?#", *host) != NULL)
		why = "it has no host";
	else if (strpbrk(url, " \t") != NULL || !is_clean(url))
		why = "it has blanks or control characters in it";
	else if (memchr(host, '@', strcspn(host, "/?#")) != NULL)
		why = "a password in a URL ends up in logs: use auth";
	else
		why = curl_objects(url);
	if (why != NULL)
		diag_error(&l->diag, at, "url: '%s' is not usable: %s", url, why);
	return why == NULL;
}

static void
set_url(struct loader *l, const struct item *i, void *object)
{
	struct http_probe *h = http_of(object);
	const char *text = load_text(l, i);

	if (text == NULL || !check_url(l, i->value->place, text))
		return;
	free(h->url);
	h->url = xstrdup(text);
}

bool
load_header_name(struct loader *l, const struct item *i)
{
	if (i->key[0] != '\0' && is_clean(i->key) && strpbrk(i->key, ": ") == NULL)
		return true;
	diag_error(&l->diag, i->place, "'%s' is not a name of a header", i->key);
	return false;
}

static void
add_header(struct loader *l, const struct item *i, struct http_probe *h)
{
	_cleanup_free_ char *line = NULL;
	const char *text = load_text(l, i);

	if (text == NULL || !load_header_name(l, i))
		return;
	if (!is_clean(text)) {
		diag_error(&l->diag, i->value->place,
		    "header '%s' has a line end or a control character in it", i->key);
		return;
	}
	line = xasprintf("%s: %s", i->key, text);
	string_list_add(&h->headers, line);
}

static void
set_headers(struct loader *l, const struct item *i, void *object)
{
	if (!load_is_map(l, i->value, "'headers'"))
		return;
	for (size_t k = 0; k < i->value->count; k++)
		add_header(l, &i->value->items[k], http_of(object));
}

static void
set_host(struct loader *l, const struct item *i, void *object)
{
	struct item header = *i;
	char name[] = "Host";

	header.key = name;
	add_header(l, &header, http_of(object));
}

/* A path of a file that can be read now. */
static void
set_file(struct loader *l, const struct item *i, char **ret)
{
	const char *path = load_text(l, i);

	if (path == NULL)
		return;
	if (access(path, R_OK) < 0) {
		diag_error(&l->diag, i->value->place, "%s: cannot read '%s': %s", i->key,
		    path, strerror(errno));
		return;
	}
	free(*ret);
	*ret = xstrdup(path);
}

static void
set_ca(struct loader *l, const struct item *i, void *object)
{
	set_file(l, i, &http_of(object)->ca);
}

static void
set_cert(struct loader *l, const struct item *i, void *object)
{
	set_file(l, i, &http_of(object)->cert);
}

static void
set_key(struct loader *l, const struct item *i, void *object)
{
	set_file(l, i, &http_of(object)->key);
}

static void
add_resolve(struct loader *l, const struct item *i, const char *text, void *ctx)
{
	struct http_probe *h = http_of(ctx);
	const char *port = strchr(text, ':');
	const char *address = port != NULL ? strchr(port + 1, ':') : NULL;
	_cleanup_free_ char *number = NULL;
	struct net n;
	struct err e;
	uint16_t ignored;

	if (address != NULL)
		number = xstrndup(port + 1, (size_t)(address - port - 1));
	if (address == NULL || port == text || parse_port(number, &ignored, &e) < 0 ||
	    parse_net(address + 1, &n, &e) < 0 || strchr(address, '/') != NULL) {
		diag_error(&l->diag, i->value->place,
		    "resolve: '%s' is not HOST:PORT:ADDRESS", text);
		return;
	}
	string_list_add(&h->resolve, text);
}

static void
set_resolve(struct loader *l, const struct item *i, void *object)
{
	load_each(l, i, add_resolve, object);
}

#define HTTP(member) offsetof(struct probe_def, http.member)

static void
set_socket(struct loader *l, const struct item *i, void *object)
{
	struct http_probe *h = http_of(object);
	const size_t room = sizeof(((struct sockaddr_un *)0)->sun_path);
	const char *text = load_text(l, i);

	if (text == NULL)
		return;
	if (text[0] != '/' || strlen(text) >= room) {
		diag_error(&l->diag, i->value->place,
		    "unix_socket: write an absolute path of at most %zu bytes", room - 1);
		return;
	}
	free(h->unix_socket);
	h->unix_socket = xstrdup(text);
}

static const struct field auth_fields[] = {
	{ "bearer", FIELD_TEXT, HTTP(bearer) },
	{ "basic", FIELD_TEXT, HTTP(basic) },
	{ 0 },
};

static void
set_auth(struct loader *l, const struct item *i, void *object)
{
	struct http_probe *h = http_of(object);
	unsigned before = l->diag.count;

	load_fields(l, i->value, auth_fields, object, "'auth'");
	if (l->diag.count > before)
		return;
	if ((h->bearer != NULL) == (h->basic != NULL))
		diag_error(&l->diag, i->place, "'auth' takes either bearer or basic");
	else if (h->basic != NULL && strchr(h->basic, ':') == NULL)
		diag_error(&l->diag, i->place, "basic: write USER:PASSWORD");
}

static void
set_jq(struct loader *l, const struct item *i, void *object)
{
	load_jq(l, i, &((struct probe_def *)object)->good);
}

/* How to get there, whatever is asked for. */
/* clang-format off */
#define WAY_FIELDS \
	{ "url", FIELD_OWN, .own = set_url }, \
	{ "headers", FIELD_OWN, .own = set_headers }, \
	{ "timeout", FIELD_USEC, HTTP(timeout), 1000, 5 * 60 * USEC_PER_SEC }, \
	{ "connect_timeout", FIELD_USEC, HTTP(connect_timeout), 1000, 5 * 60 * USEC_PER_SEC }, \
	{ "ca", FIELD_OWN, .own = set_ca }, \
	{ "cert", FIELD_OWN, .own = set_cert }, \
	{ "key", FIELD_OWN, .own = set_key }, \
	{ "insecure", FIELD_BOOL, HTTP(insecure) }, \
	{ "auth", FIELD_OWN, .own = set_auth }, \
	{ "host", FIELD_OWN, .own = set_host }, \
	{ "resolve", FIELD_OWN, .own = set_resolve }, \
	{ "proxy", FIELD_TEXT, HTTP(proxy) }, \
	{ "redirects", FIELD_COUNT, HTTP(redirects), 0, 20 }, \
	{ "unix_socket", FIELD_OWN, .own = set_socket }
/* clang-format on */

static const struct field http_fields[] = {
	WAY_FIELDS,
	{ "method", FIELD_OWN, .own = set_method },
	{ "body", FIELD_TEXT, HTTP(body) },
	{ "jq", FIELD_OWN, .own = set_jq },
	{ 0 },
};

static void
check_together(struct loader *l, const struct item *i, struct http_probe *h)
{
	if (i->value->type == NODE_MAP && node_find(i->value, "url") == NULL)
		diag_error(&l->diag, i->place, "'%s' needs a url", i->key);
	if ((h->cert != NULL) != (h->key != NULL))
		diag_error(&l->diag, i->place, "'cert' and 'key' go together");
	if (h->timeout == 0)
		h->timeout = 2 * USEC_PER_SEC;
	if (h->connect_timeout > h->timeout)
		diag_error(
		    &l->diag, i->place, "'connect_timeout' is longer than 'timeout'");
	if (h->connect_timeout == 0)
		h->connect_timeout = h->timeout;
	if (h->method == NULL)
		h->method = xstrdup(h->body != NULL ? "POST" : "GET");
}

void
load_http(struct loader *l, const struct item *i, void *object)
{
	struct probe_def *p = object;

	if (i->value->type == NODE_SCALAR)
		set_url(l, i, p); /* `http: URL` is short for {url: URL} */
	else
		load_fields(l, i->value, http_fields, p, "'http'");
	check_together(l, i, &p->http);
}

/* --- prometheus ------------------------------------------------------------------------ */

#define QUERY_MAX  4096 /* of a URL that servers and proxies take */
#define QUERY_PATH "/api/v1/query"

static void
set_query(struct loader *l, const struct item *i, void *object)
{
	struct probe_def *p = object;
	const char *text = load_text(l, i);

	if (text == NULL)
		return;
	if (text[strspn(text, " \t\n")] == '\0' || strlen(text) > QUERY_MAX) {
		diag_error(&l->diag, i->value->place,
		    "query: write a query of PromQL, of at most %d bytes", QUERY_MAX);
		return;
	}
	free(p->query);
	p->query = xstrdup(text);
}

static const struct field prometheus_fields[] = {
	WAY_FIELDS,
	{ "query", FIELD_OWN, .own = set_query },
	{ 0 },
};

/* The server's URL, or that of its API, becomes that of the question. */
static char *
query_url(const char *server, const char *query)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	size_t len = strlen(server), size = 0;
	char *url = NULL;
	FILE *f = open_memstream(&url, &size);

	if (f == NULL)
		abort(); /* out of memory, as in xalloc */
	while (len > 0 && server[len - 1] == '/')
		len--;
	if (len > strlen(QUERY_PATH) && strncmp(server + len - strlen(QUERY_PATH),
					    QUERY_PATH, strlen(QUERY_PATH)) == 0)
		len -= strlen(QUERY_PATH);
	(void)fprintf(f, "%.*s" QUERY_PATH "?query=", (int)len, server);
	for (; *query != '\0'; query++)
		(void)fprintf(f, strchr(plain, *query) != NULL ? "%c" : "%%%02X",
		    (unsigned char)*query);
	(void)fclose(f);
	return url;
}

void
load_prometheus(struct loader *l, const struct item *i, void *object)
{
	struct probe_def *p = object;
	char *url;

	load_fields(l, i->value, prometheus_fields, p, "'prometheus'");
	check_together(l, i, &p->http);
	if (i->value->type == NODE_MAP && node_find(i->value, "query") == NULL)
		diag_error(&l->diag, i->place, "'prometheus' needs a query");
	if (p->http.url == NULL || p->query == NULL)
		return;
	if (strpbrk(p->http.url, "?#") != NULL) {
		diag_error(&l->diag, node_find(i->value, "url")->value->place,
		    "url: write that of the server alone, such as http://prometheus:9090");
		return;
	}
	url = query_url(p->http.url, p->query);
	free(p->http.url);
	p->http.url = url;
}
