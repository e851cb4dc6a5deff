/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathers what stormd says into the API's JSON.  An error and what is known of the drill
 * travel together: who hears that an undo failed must also see of what.
 */
#include "answer.h"
#include "err.h"
#include "spec_json.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
answer_release(struct answer *a)
{
	json_decref(a->agent);
	json_decref(a->drills);
	json_decref(a->kinds);
	free(a->ops);
	memset(a, 0, sizeof(*a));
}

/* The fault is complete: its operations, if any, have been heard. */
static void
add_fault(struct answer *a)
{
	json_t *drill = json_array_get(a->drills, json_array_size(a->drills) - 1);
	json_t *faults = json_object_get(drill, "faults");

	if (a->has_fault && faults != NULL)
		(void)json_array_append_new(
		    faults, fault_status_to_json(&a->fault, a->ops));
	a->has_fault = 0;
	free(a->ops);
	a->ops = NULL;
}

static void
add_drill(struct answer *a, const struct drill_status *d)
{
	json_t *drill = drill_status_to_json(d);

	if (a->drills == NULL)
		a->drills = json_array();
	(void)json_object_set_new(drill, "faults", json_array());
	(void)json_array_append_new(a->drills, drill);
}

/* "net.delay<TAB>supported[<TAB>how]": anything else after the tab is why not. */
static void
add_kind(struct answer *a, char *line)
{
	char *reason = strchr(line, '\t'), *how = NULL;
	json_t *row = json_object();
	int is_supported;

	if (reason != NULL) {
		*reason++ = '\0';
		how = strchr(reason, '\t');
	}
	if (how != NULL)
		*how++ = '\0';
	is_supported = reason != NULL && strcmp(reason, "supported") == 0;
	(void)json_object_set_new(row, "kind", json_string(line));
	(void)json_object_set_new(row, "supported", json_boolean(is_supported));
	if (is_supported && how != NULL)
		(void)json_object_set_new(row, "how", json_string(how));
	if (!is_supported && reason != NULL)
		(void)json_object_set_new(row, "reason", json_string(reason));
	if (a->kinds == NULL)
		a->kinds = json_array();
	(void)json_array_append_new(a->kinds, row);
}

static int
add_text(struct answer *a, const struct msg_text *t, struct err *e)
{
	char *save, *line;

	if (t->len > sizeof(t->text))
		return err_set(e, -EBADMSG, "a text of %u bytes", t->len);
	free(a->ops);
	a->ops = xstrndup(t->text, t->len);
	if (a->has_fault)
		return 0;
	for (line = strtok_r(a->ops, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		add_kind(a, line);
	return 0;
}

int
answer_add(struct answer *a, const union msg *m, struct err *e)
{
	switch (m->head.type) {
	case MSG_AGENT:
		json_decref(a->agent);
		a->agent = agent_status_to_json(&m->agent.agent);
		return 0;
	case MSG_DRILL:
		add_fault(a);
		add_drill(a, &m->drill.drill);
		return 0;
	case MSG_FAULT:
		add_fault(a);
		a->fault = m->fault.fault;
		a->has_fault = 1;
		return 0;
	case MSG_TEXT:
		return add_text(a, &m->text, e);
	case MSG_ANSWER:
		add_fault(a);
		return 1;
	default:
		return err_set(e, -EBADMSG, "message %u is no answer", m->head.type);
	}
}

json_t *
answer_body(struct answer *a, const struct msg_answer *last)
{
	json_t *body, *error;

	if (a->agent != NULL) {
		body = json_incref(a->agent);
		(void)json_object_set_new(body, "drills",
		    a->drills != NULL ? json_incref(a->drills) : json_array());
	} else if (a->drills != NULL) {
		body = json_incref(json_array_get(a->drills, 0));
	} else {
		body = json_object();
	}
	if (a->kinds != NULL)
		(void)json_object_set(body, "kinds", a->kinds);
	if (last->err.code != 0) {
		error = err_to_json(&last->err);
		(void)json_object_update(body, error);
		json_decref(error);
	}
	(void)json_object_set_new(
	    body, "received_us", json_integer((json_int_t)last->received));
	(void)json_object_set_new(
	    body, "finished_us", json_integer((json_int_t)last->finished));
	return body;
}

unsigned
answer_status(const struct err *e)
{
	static const unsigned by_outcome[OUTCOMES] = {
		[OUTCOME_DONE] = 500,
		[OUTCOME_UNSUPPORTED] = 501,
		[OUTCOME_REFUSED] = 403,
		[OUTCOME_INVALID] = 400,
		[OUTCOME_FAILED] = 500,
		[OUTCOME_STUCK] = 500,
	};
	static const struct {
		int code;
		unsigned status;
	} by_code[] = {
		{ 0, 200 },
		{ -ENOENT, 404 },
		{ -EISDIR, 405 }, /* a path that is there, by another method */
		{ -EEXIST, 409 },
		{ -EBUSY, 409 },
		{ -E2BIG, 413 },
		{ -ESHUTDOWN, 503 },
		{ -EPIPE, 503 },
	};

	for (size_t i = 0; i < sizeof(by_code) / sizeof(by_code[0]); i++) {
		if (e->code == by_code[i].code && e->outcome != OUTCOME_STUCK)
			return by_code[i].status;
	}
	return (unsigned)e->outcome < OUTCOMES ? by_outcome[e->outcome] : 500;
}
