/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking an agent what it would do: a rehearsal is armed, which prepares every fault,
 * touches nothing and needs no undo.  Without a daemon, and as root, an agent of our own
 * is started for the question.
 */
#include "api.h"
#include "cmd.h"
#include "ident.h"
#include "plan.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
make_request(struct arm_request *r, const struct experiment *x)
{
	*r = (struct arm_request){ .lease_ms = x->lease_ms, .rehearse = 1 };
	uuid_make(r->drill);
	(void)snprintf(r->name, sizeof(r->name), "%s", x->name);
	(void)snprintf(r->who, sizeof(r->who), "stormctl plan");
	r->faults = xcalloc(x->fault_count, sizeof(*r->faults));
	for (r->count = 0; r->count < x->fault_count; r->count++)
		r->faults[r->count] = x->faults[r->count].spec;
}

/* Only an agent that understood the question and says no is a refusal. */
static enum asked
rehearse(struct plan *p, const char *socket)
{
	struct arm_request request;
	struct client *c;
	int r = client_open(&c, socket, &p->why);

	if (r < 0)
		return ASKED_NOT;
	make_request(&request, p->x);
	r = client_arm(c, &request, &p->view, &p->why);
	arm_request_release(&request);
	client_free(c);
	return r < 0 ? ASKED_REFUSED : ASKED_ANSWERED;
}

void
plan_ask_agent(struct plan *p, const struct agent_options *o)
{
	struct agent a;
	struct err e = { 0 };

	if (agent_find(&a, o, &p->why) < 0)
		return;
	p->asked = rehearse(p, a.socket);
	if (a.is_embedded && agent_leave(&a, &e) < 0 && p->asked == ASKED_ANSWERED) {
		drill_view_release(&p->view);
		p->asked = ASKED_REFUSED;
		p->why = e;
	}
}
