/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain calls to an agent: one request, one answer, waited for.  The connection is kept by
 * libcurl between calls.  An answer is an error when its body says so, whatever its
 * status; one that is not ours (no JSON) is an error by its status.
 */
#include "client.h"
#include "api.h"
#include "cleanup.h"
#include "client_state.h"
#include "err.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Arming runs iptables-restore for every family; a drill is clean within 250 ms of its
 * end, but a stuck fault is retried for longer. */
#define CALL_TIMEOUT_MS 60000L
#define CONNECT_MS      2000L

struct body {
	char *text;
	size_t used;
};

struct call {
	const char *method, *path;
	char *upload; /* POST body, or NULL */
	struct body body;
	json_t *json;
};

static void
call_release(struct call *k)
{
	free(k->upload);
	free(k->body.text);
	json_decref(k->json);
}

static size_t
on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct body *b = ctx;
	size_t len = size * count;

	if (len > HTTP_BODY_MAX - b->used)
		return 0; /* libcurl fails the transfer */
	b->text = xrealloc(b->text, b->used + len + 1);
	memcpy(b->text + b->used, data, len);
	b->used += len;
	return len;
}

CURL *
client_curl_new(const struct client *c)
{
	CURL *curl = curl_easy_init();

	if (curl == NULL)
		abort(); /* out of memory */
	(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_URL, "http://agent" API_PREFIX "/status");
	return curl;
}

/* Connect once, for the errno that libcurl would hide. */
static int
try_connect(const char *path, struct err *e)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (fd < 0)
		return err_errno(e, "make a socket");
	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(e, -ENAMETOOLONG, "'%s' is too long for a socket", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		return err_errno(e, "no agent at '%s'", path);
	return 0;
}

int
client_open(struct client **ret, const char *socket_path, struct err *e)
{
	struct client *c;
	int rc = try_connect(socket_path, e);

	if (rc < 0)
		return rc;
	c = xcalloc(1, sizeof(*c));
	(void)snprintf(c->socket, sizeof(c->socket), "%s", socket_path);
	c->curl = client_curl_new(c);
	c->hot.fd = -1;
	*ret = c;
	return 0;
}

void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	client_hot_close(c);
	curl_easy_cleanup(c->curl);
	free(c);
}

static int
take_over(struct err *e, const struct err *said)
{
	if (e != NULL)
		*e = *said;
	return said->code;
}

int
client_judge(
    unsigned status, const char *body, size_t len, json_t **ret_json, struct err *e)
{
	json_t *j = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	struct err said;
	int rc = 0;

	if (j == NULL)
		rc = err_set(
		    e, -EPROTO, "the agent's answer is no JSON (HTTP status %u)", status);
	else if (err_from_json(j, &said) == 0)
		rc = take_over(e, &said);
	else if (status >= 300)
		rc =
		    err_set(e, -EPROTO, "the agent answered with HTTP status %u", status);
	if (ret_json != NULL)
		*ret_json = j;
	else
		json_decref(j);
	return rc;
}

static int
perform(struct client *c, struct call *k, struct err *e)
{
	char reason[CURL_ERROR_SIZE] = "";
	_cleanup_free_ char *url = xasprintf("http://agent%s", k->path);
	int is_post = strcmp(k->method, "POST") == 0;
	CURLcode code;
	long status = 0;

	(void)curl_easy_setopt(c->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, reason);
	(void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, CALL_TIMEOUT_MS);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &k->body);
	if (is_post) {
		const char *upload = k->upload != NULL ? k->upload : "";
		(void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, upload);
		(void)curl_easy_setopt(
		    c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(upload));
	} else {
		(void)curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	}
	code = curl_easy_perform(c->curl);
	(void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(e, -ETIMEDOUT, "the agent did not answer within %ld s",
		    CALL_TIMEOUT_MS / 1000);
	if (code != CURLE_OK)
		return err_set(e, -EPIPE, "the agent at '%s' is lost: %s", c->socket,
		    reason[0] != '\0' ? reason : curl_easy_strerror(code));
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	return client_judge((unsigned)status, k->body.text != NULL ? k->body.text : "",
	    k->body.used, &k->json, e);
}

static int
call_json(
    struct client *c, const char *method, const char *path, json_t **ret, struct err *e)
{
	_cleanup_(call_release) struct call k = { .method = method, .path = path };
	int rc = perform(c, &k, e);

	if (rc < 0)
		return rc;
	*ret = steal_ptr(&k.json);
	return 0;
}

int
client_get(struct client *c, const char *path, json_t **ret, struct err *e)
{
	return call_json(c, "GET", path, ret, e);
}

int
client_post(struct client *c, const char *path, json_t **ret, struct err *e)
{
	return call_json(c, "POST", path, ret, e);
}

/* A call whose answer is a drill; that is read even beside an error. */
static int
call_drill(struct client *c, struct call *k, struct drill_view *ret, struct err *e)
{
	int rc, read_rc;

	memset(ret, 0, sizeof(*ret));
	rc = perform(c, k, e);
	read_rc = k->json != NULL ? drill_view_read(k->json, ret, rc < 0 ? NULL : e) : 0;
	return rc < 0 ? rc : read_rc;
}

int
client_arm(
    struct client *c, const struct arm_request *r, struct drill_view *ret, struct err *e)
{
	_cleanup_(call_release) struct call k = {
		.method = "POST",
		.path = API_PREFIX "/drills",
	};
	json_t *j = arm_request_to_json(r);

	k.upload = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	if (k.upload == NULL) {
		memset(ret, 0, sizeof(*ret));
		return err_invalid(e, "the drill cannot be written as JSON");
	}
	return call_drill(c, &k, ret, e);
}

static int
call_drill_verb(struct client *c, const char *method, const char *path,
    struct drill_view *ret, struct err *e)
{
	_cleanup_(call_release) struct call k = { .method = method, .path = path };

	return call_drill(c, &k, ret, e);
}

int
client_fire(struct client *c, const char *drill, struct drill_view *ret, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(API_PREFIX "/drills/%s/fire", drill);

	return call_drill_verb(c, "POST", path, ret, e);
}

int
client_undo(struct client *c, const char *drill, struct drill_view *ret, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(API_PREFIX "/drills/%s/undo", drill);

	return call_drill_verb(c, "POST", path, ret, e);
}

int
client_show(struct client *c, const char *drill, bool wait_clean, struct drill_view *ret,
    struct err *e)
{
	_cleanup_free_ char *path =
	    xasprintf(API_PREFIX "/drills/%s%s", drill, wait_clean ? "?wait=clean" : "");

	return call_drill_verb(c, "GET", path, ret, e);
}
