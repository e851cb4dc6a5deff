/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the agents what they would do: a rehearsal is armed on each, which prepares every
 * fault, touches nothing and needs no undo.  All are asked at once.  Without a daemon on
 * this host, and as root, an agent of our own is started for the question.
 */
#include "cmd.h"
#include "fleet.h"
#include "hosts.h"
#include "ident.h"
#include "plan.h"
#include "xalloc.h"
#include <stdlib.h>
#include <string.h>

#define PATIENCE (60 * USEC_PER_SEC)

/* One plan's questions. */
struct asking {
	struct plan *p;
	size_t *host; /* by index in the fleet, that in the plan */
	size_t open;  /* questions without an answer */
	struct arm_request request;
};

static void
fill_request(struct asking *a, const struct roster_host *h)
{
	a->request.count = h->count;
	for (size_t i = 0; i < h->count; i++)
		a->request.faults[i] = *h->spec[i];
}

/* Only an agent that understood the question and says no is a refusal. */
static void
on_answer(void *ctx, const struct fleet_answer *answer)
{
	struct asking *a = ctx;
	struct plan_host *h = &a->p->hosts[a->host[answer->host]];

	a->open--;
	h->why = answer->err;
	if (answer->err.code < 0) {
		h->asked = answer->json != NULL ? ASKED_REFUSED : ASKED_NOT;
		return;
	}
	h->asked = ASKED_ANSWERED;
	h->view = *answer->view;
	answer->view->count = 0; /* its operations are ours now */
}

static void
on_lost(void *ctx, size_t host, const struct err *why)
{
	(void)ctx; /* nothing was warmed */
	(void)host;
	(void)why;
}

static bool
is_answered(void *ctx)
{
	const struct asking *a = ctx;

	return a->open == 0;
}

static void
ask(struct asking *a, struct fleet *f, size_t i, const char *socket)
{
	struct plan_host *h = &a->p->hosts[i];
	struct endpoint where = { .name = "localhost", .socket = socket };
	int at;

	if (h->row->host != NULL)
		hosts_endpoint(h->row->host, &where);
	at = fleet_add(f, &where, &h->why);
	if (at < 0)
		return;
	a->host[at] = i;
	a->open++;
	fill_request(a, h->row);
	fleet_arm(f, (size_t)at, &a->request);
}

static bool
is_remote(const struct plan_host *h)
{
	return h->row->host != NULL;
}

static int
open_fleet(struct asking *a, const char *pki_dir, struct fleet **ret, struct err *e)
{
	struct fleet_options o = { .on_answer = on_answer, .on_lost = on_lost, .ctx = a };

	for (size_t i = 0; i < a->p->roster.count; i++) {
		if (is_remote(&a->p->hosts[i]))
			o.pki_dir = pki_dir;
	}
	return fleet_open(ret, &o, e);
}

/* `agent` is this host's, or NULL. */
static void
ask_all(struct asking *a, const struct agent *agent, const char *pki_dir)
{
	struct plan *p = a->p;
	struct fleet *f = NULL;
	struct err e = { 0 };

	if (open_fleet(a, pki_dir, &f, &e) < 0) {
		for (size_t i = 0; i < p->roster.count; i++)
			p->hosts[i].why = e;
		return;
	}
	for (size_t i = 0; i < p->roster.count; i++) {
		if (is_remote(&p->hosts[i]))
			ask(a, f, i, NULL);
		else if (agent != NULL)
			ask(a, f, i, agent->socket);
	}
	if (!fleet_wait(f, clock_boottime() + PATIENCE, is_answered, a))
		for (size_t i = 0; i < p->roster.count; i++)
			if (p->hosts[i].asked == ASKED_NOT && p->hosts[i].why.code == 0)
				(void)err_set(&p->hosts[i].why, -1, "no answer in time");
	fleet_free(f);
}

static void
leave(struct plan_host *here, struct agent *agent)
{
	struct err e = { 0 };

	if (!agent->is_embedded || agent_leave(agent, &e) == 0)
		return;
	drill_view_release(&here->view);
	here->asked = ASKED_REFUSED;
	here->why = e;
}

void
plan_ask(struct plan *p, const struct agent_options *o, const struct host_options *h)
{
	struct plan_host *here =
	    p->roster.count > 0 && !is_remote(&p->hosts[0]) ? &p->hosts[0] : NULL;
	struct asking a = { .p = p };
	struct agent agent;
	bool has_agent;

	if (p->roster.count == 0)
		return;
	a.host = xcalloc(p->roster.count, sizeof(*a.host));
	a.request.lease_ms = p->x->lease_ms;
	a.request.rehearse = 1;
	a.request.faults = xcalloc(DRILL_FAULTS_MAX, sizeof(*a.request.faults));
	uuid_make(a.request.drill);
	(void)snprintf(a.request.name, sizeof(a.request.name), "%s", p->x->name);
	(void)snprintf(a.request.who, sizeof(a.request.who), "stormctl plan");
	has_agent = here != NULL && agent_find(&agent, o, &here->why) == 0;
	ask_all(&a, has_agent ? &agent : NULL, h->pki_dir);
	if (has_agent)
		leave(here, &agent);
	free(a.request.faults);
	free(a.host);
}
