/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent said, for whoever asked.  An answer is an error when its body says so,
 * whatever its status; one that is not ours is an error by its status, and one about
 * another drill is none to our question.
 */
#include "err.h"
#include "fleet_state.h"
#include "printable.h"
#include <errno.h>
#include <string.h>

#define PARTS_MAX 65536

/* More pieces than eight drills have would keep us from all other hosts while we read. */
static bool
has_too_many_parts(const char *body, size_t len)
{
	size_t parts = 0;

	for (size_t i = 0; i < len; i++)
		parts += body[i] == ',' || body[i] == '[' || body[i] == '{';
	return parts > PARTS_MAX;
}

/* What it says: 0, or its error.  *ret_json is its body whenever that is JSON, errors
 * included; else NULL. */
static int
judge(const struct raw_answer *r, json_t **ret_json, struct err *e)
{
	json_t *j = has_too_many_parts(r->body, r->len) ?
			NULL :
			json_loadb(r->body, r->len, JSON_REJECT_DUPLICATES, NULL);
	struct err said;

	*ret_json = j;
	json_make_printable(j); /* it ends up on a terminal */
	if (j == NULL)
		return err_set(e, -EPROTO,
		    "the agent's answer is no JSON of ours (HTTP status %u)", r->status);
	if (err_from_json(j, &said) == 0) {
		*e = said;
		return said.code;
	}
	if (r->status >= 300)
		return err_set(
		    e, -EPROTO, "the agent answered with HTTP status %u", r->status);
	return 0;
}

static usec_t
moment_of(const json_t *j, const char *name)
{
	json_int_t v = json_integer_value(json_object_get(j, name));

	return v > 0 ? (usec_t)v : 0;
}

static void
learn(struct fleet_host *h, const struct raw_answer *r, const json_t *j)
{
	struct exchange_times t = {
		.asked = r->asked,
		.received = moment_of(j, "received_us"),
		.finished = moment_of(j, "finished_us"),
		.answered = r->answered,
	};

	h->heard = r->answered;
	if (h->socket == NULL)
		clock_offset_learn(&h->clock, &t);
}

/* Its drill, if there is one in it: false when that is not the one asked about. */
static bool
read_view(struct fleet_host *h, const struct raw_answer *r, struct fleet_answer *a)
{
	struct drill_view *v = a->view;
	int rc = drill_view_read(a->json, v, a->err.code < 0 ? NULL : &a->err);

	if (rc < 0)
		return false;
	a->has_view = json_is_array(json_object_get(a->json, "faults"));
	if (!a->has_view)
		return true;
	if (r->drill[0] != '\0' && strcmp(v->drill.drill, r->drill) != 0)
		return false;
	clock_offset_apply(&h->clock, v, r->answered);
	return true;
}

bool
answer_deliver(struct fleet_host *h, const struct raw_answer *r)
{
	struct fleet *f = h->fleet;
	struct fleet_answer a = {
		.host = h->index,
		.what = r->what,
		.view = &f->view,
		.asked = r->asked,
		.answered = r->answered,
	};
	json_t *j = NULL;
	bool is_ours;

	memset(&f->view, 0, sizeof(f->view));
	(void)judge(r, &j, &a.err);
	a.json = j;
	is_ours = json_is_object(j);
	if (is_ours) {
		learn(h, r, j);
		is_ours = read_view(h, r, &a);
	}
	if (!is_ours && a.err.code == 0)
		(void)err_set(&a.err, -EPROTO,
		    "what answers at %s is no agent: that was no answer to our question",
		    h->where);
	f->o.on_answer(f->o.ctx, &a);
	drill_view_release(&f->view);
	json_decref(j);
	return is_ours;
}

void
answer_fail(struct fleet_host *h, enum fleet_ask what, const struct err *why)
{
	struct fleet_answer a = {
		.host = h->index,
		.what = what,
		.err = *why,
		.view = &h->fleet->view,
		.answered = clock_boottime(),
	};

	memset(&h->fleet->view, 0, sizeof(h->fleet->view));
	h->fleet->o.on_answer(h->fleet->o.ctx, &a);
}
