/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes.  A request becomes a verb and typed fields, or an error here; stormd checks all
 * of it again and never sees the text.
 */
#include "ask.h"
#include "api.h"
#include "chan.h"
#include "err.h"
#include "parse.h"
#include "spec_json.h"
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#define JSON_DEPTH_MAX 16
#define SEND_WAIT_MS   1000

struct route {
	const char *method;
	const char *path; /* below /v1/; '*' is a drill id */
	enum msg_type type;
};

static const struct route routes[] = {
	{ "GET", "status", MSG_STATUS },
	{ "GET", "doctor", MSG_DOCTOR },
	{ "POST", "halt", MSG_HALT },
	{ "POST", "resume", MSG_RESUME },
	{ "POST", "drills", MSG_ARM },
	{ "GET", "drills/*", MSG_SHOW },
	{ "POST", "drills/*/selftest", MSG_SELFTEST },
	{ "POST", "drills/*/fire", MSG_FIRE },
	{ "POST", "drills/*/renew", MSG_RENEW },
	{ "POST", "drills/*/undo", MSG_UNDO },
};

/* Does the path match?  Its drill id into `drill`. */
static bool
match_path(const char *pattern, const char *path, char drill[static UUID_LEN])
{
	const char *star = strchr(pattern, '*');
	size_t before = star != NULL ? (size_t)(star - pattern) : 0;

	if (star == NULL)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, before) != 0 || strlen(path) < before + UUID_LEN - 1 ||
	    strcmp(star + 1, path + before + UUID_LEN - 1) != 0)
		return false;
	memcpy(drill, path + before, UUID_LEN - 1);
	drill[UUID_LEN - 1] = '\0';
	return parse_uuid(drill, NULL) == 0;
}

static const struct route *
find_route(const struct ask *a, char drill[static UUID_LEN], struct err *e)
{
	static const char prefix[] = API_PREFIX "/";
	const char *path = a->path;
	bool is_known = false;

	if (strncmp(path, prefix, sizeof(prefix) - 1) == 0) {
		path += sizeof(prefix) - 1;
		for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
			if (!match_path(routes[i].path, path, drill))
				continue;
			if (strcmp(routes[i].method, a->method) == 0)
				return &routes[i];
			is_known = true;
		}
	}
	if (is_known)
		(void)err_set(
		    e, -EISDIR, "%.60s does not take %.10s", a->path, a->method);
	else
		(void)err_set(e, -ENOENT, "there is nothing at %.100s", a->path);
	e->outcome = OUTCOME_INVALID;
	return NULL;
}

/* stormd never sleeps for long: a full channel for a second is a stormd that hangs, and
 * its guardian is about to act. */
static int
send_patiently(int chan, const void *m, struct err *e)
{
	struct pollfd p = { .fd = chan, .events = POLLOUT };
	int rc = chan_send(chan, m, e);

	while (rc == -EAGAIN && poll(&p, 1, SEND_WAIT_MS) > 0)
		rc = chan_send(chan, m, e);
	return rc == -EAGAIN ? err_set(e, -EPIPE, "stormd does not read its channel") :
			       rc;
}

/* jansson recurses; the depth a request may have is ours to say, not its stack's. */
static bool
is_too_deep(const char *text, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len && depth <= JSON_DEPTH_MAX; i++) {
		if (text[i] == '"')
			in_string = !in_string;
		else if (in_string && text[i] == '\\')
			i++;
		else if (!in_string && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!in_string && (text[i] == '}' || text[i] == ']'))
			depth--;
	}
	return depth > JSON_DEPTH_MAX;
}

static int
read_body(const struct ask *a, struct arm_request *ret, struct err *e)
{
	json_error_t where;
	json_t *j;
	int rc;

	if (is_too_deep(a->body, a->body_len))
		return err_invalid(
		    e, "the request nests deeper than %d levels", JSON_DEPTH_MAX);
	j = json_loadb(a->body, a->body_len, JSON_REJECT_DUPLICATES, &where);
	if (j == NULL)
		return err_invalid(e, "the request is not JSON: %s (line %d, column %d)",
		    where.text, where.line, where.column);
	rc = arm_request_from_json(j, ret, e);
	json_decref(j);
	return rc;
}

static struct msg_head
head_of(const struct ask *a, enum msg_type type)
{
	struct msg_head h = {
		.type = type, .seq = a->seq, .uid = a->peer.uid, .role = a->peer.role
	};

	memcpy(h.name, a->peer.name, sizeof(h.name));
	return h;
}

static int
send_arm(int chan, const struct ask *a, const struct arm_request *r, struct err *e)
{
	static struct msg_spec one;
	struct msg_arm arm = {
		.head = head_of(a, MSG_ARM),
		.pid = a->peer.pid,
		.lease_ms = r->lease_ms,
		.count = (uint16_t)r->count,
		.rehearse = r->rehearse,
	};
	int rc;

	memcpy(arm.drill, r->drill, sizeof(arm.drill));
	memcpy(arm.name, r->name, sizeof(arm.name));
	memcpy(arm.who, r->who, sizeof(arm.who));
	memcpy(arm.reason, r->reason, sizeof(arm.reason));
	rc = send_patiently(chan, &arm, e);
	for (size_t i = 0; rc == 0 && i < r->count; i++) {
		one.head = arm.head;
		one.head.type = MSG_ARM_FAULT;
		one.spec = r->faults[i];
		rc = send_patiently(chan, &one, e);
	}
	return rc;
}

static int
ask_arm(int chan, const struct ask *a, struct err *e)
{
	struct arm_request r = { 0 };
	int rc = read_body(a, &r, e);

	if (rc < 0)
		return rc;
	rc = send_arm(chan, a, &r, e);
	arm_request_release(&r);
	return rc;
}

static int
ask_drill(
    int chan, const struct ask *a, enum msg_type type, const char *drill, struct err *e)
{
	struct msg_drill_verb m = {
		.head = head_of(a, type),
		.cause = type == MSG_UNDO ? UNDO_ASKED : UNDO_NOT_YET,
	};

	memcpy(m.drill, drill, sizeof(m.drill));
	if (a->wait != NULL) {
		if (type != MSG_SHOW || strcmp(a->wait, "clean") != 0)
			return err_invalid(
			    e, "wait=clean goes with a drill, nothing else");
		m.head.type = MSG_WAIT;
	}
	if (a->cause != NULL) {
		if (type != MSG_UNDO || strcmp(a->cause, "breach") != 0)
			return err_invalid(
			    e, "cause=breach goes with undo, nothing else");
		m.cause = UNDO_BREACH;
	}
	if (a->at != NULL) {
		if (type != MSG_FIRE)
			return err_invalid(e, "at=… goes with fire, nothing else");
		if (parse_u64(a->at, &m.at, e) < 0)
			return err_wrap(e, "at");
	}
	return send_patiently(chan, &m, e);
}

int
ask_send(int chan, const struct ask *a, struct err *e)
{
	char drill[UUID_LEN] = "";
	const struct route *r = find_route(a, drill, e);
	struct msg_verb m;

	if (r == NULL)
		return e->code;
	if (drill[0] != '\0')
		return ask_drill(chan, a, r->type, drill, e);
	if (a->wait != NULL || a->cause != NULL || a->at != NULL)
		return err_invalid(e, "%.60s takes no question mark", a->path);
	if (r->type == MSG_ARM)
		return ask_arm(chan, a, e);
	m.head = head_of(a, r->type);
	return send_patiently(chan, &m, e);
}
