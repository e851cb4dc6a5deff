/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_AGENT_H
#define FAKE_AGENT_H
/*
 * A shop to probe and an agent to talk to, for test_run: client.h and embed.h as a drill
 * sees them, with one fault that breaks the shop.  Defined here, they stand in for the
 * real ones, which the linker then leaves in their archive.
 */
#include "cleanup.h"
#include "client.h"
#include "clock.h"
#include "embed.h"
#include "err.h"
#include "test.h"
#include "xalloc.h"
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- the system under test ------------------------------------------------------------ */

static struct {
	struct MHD_Daemon *daemon;
	char url[64], sound_url[80];
	atomic_bool is_broken; /* by the fault, but for /sound */
	atomic_int percent;    /* of all answers that are bad anyway */
	atomic_uint asked;
} shop;

static enum MHD_Result
shop_answers(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **con)
{
	static char text[] = "hello";
	unsigned n = atomic_fetch_add(&shop.asked, 1);
	bool is_down = atomic_load(&shop.is_broken) && strcmp(url, "/sound") != 0;
	bool bad = is_down || (int)(n * 37 % 100) < atomic_load(&shop.percent);

	(void)ctx, (void)method, (void)version, (void)data, (void)size;
	(void)con;
	struct MHD_Response *r =
	    MHD_create_response_from_buffer(5, text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result q = MHD_queue_response(c, bad ? 503 : 200, r);
	MHD_destroy_response(r);
	return q;
}

/* --- the agent ------------------------------------------------------------------------ */

static struct fake_agent {
	/* how it is to behave */
	bool breaks_shop, has_no_effect, refuses, dies, is_dirty, stays_broken;
	bool is_slow_to_answer;
	bool interrupts; /* as one who presses Ctrl-C while the fault is in force */
	usec_t lasts;
	/* how it is */
	int wake; /* its hot connection */
	bool is_dead, undo_asked, undo_was_breach, renewed;
	unsigned rehearsals, arms, fires, recoveries, leaves;
	struct drill_view view;
} agent;

struct client {
	int unused;
};

static void
end_fault(usec_t at, enum undo_cause cause)
{
	struct fault_status *f = &agent.view.fault[0];

	if (f->state == FAULT_GONE)
		return;
	f->told = f->disarmed = f->undone = at;
	f->clean = at + 1000;
	f->state = FAULT_GONE;
	f->effect = agent.has_no_effect ? 0 : 17;
	f->dirty = agent.is_dirty;
	if (agent.is_dirty)
		(void)snprintf(f->err.msg, sizeof(f->err.msg), "a chain is left");
	agent.view.drill.ended = 1;
	agent.view.drill.undo_told = at;
	agent.view.drill.cause = cause;
	if (!agent.stays_broken)
		atomic_store(&shop.is_broken, false);
}

static void
age(void)
{
	usec_t now = clock_boottime();

	if (agent.view.drill.fired && now >= agent.view.drill.fired_at + agent.lasts)
		end_fault(agent.view.drill.fired_at + agent.lasts, UNDO_END);
}

int
agent_find(struct agent *a, const struct agent_options *o, struct err *e)
{
	(void)o, (void)e;
	a->is_embedded = true;
	a->pidfd = a->lifeline = -1;
	return 0;
}

int
agent_leave(struct agent *a, struct err *e)
{
	(void)a, (void)e;
	agent.leaves++;
	return 0;
}

int
agent_recover(struct agent *a, struct err *e)
{
	(void)a, (void)e;
	agent.recoveries++;
	atomic_store(&shop.is_broken, false);
	return 0;
}

int
client_open(struct client **ret, const char *path, struct err *e)
{
	(void)path, (void)e;
	*ret = xcalloc(1, sizeof(**ret));
	return 0;
}

void
client_free(struct client *c)
{
	free(c);
}

void
drill_view_release(struct drill_view *v)
{
	(void)v;
}

int
client_arm(
    struct client *c, const struct arm_request *r, struct drill_view *ret, struct err *e)
{
	struct fault_status *f = &agent.view.fault[0];

	(void)c;
	if (agent.refuses)
		return err_refused(e, "policy does not allow %s", r->faults[0].kind);
	if (r->rehearse) {
		agent.rehearsals++;
		memset(ret, 0, sizeof(*ret));
		return 0;
	}
	agent.arms++;
	agent.view.count = 1;
	(void)snprintf(agent.view.drill.drill, UUID_LEN, "%s", r->drill);
	(void)snprintf(f->name, sizeof(f->name), "%s", r->faults[0].name);
	(void)snprintf(f->effect_unit, sizeof(f->effect_unit), "packets");
	f->state = FAULT_STAGED;
	f->staged = clock_boottime();
	*ret = agent.view;
	return 0;
}

int
client_fire(struct client *c, const char *drill, struct drill_view *ret, struct err *e)
{
	struct fault_status *f = &agent.view.fault[0];

	(void)c, (void)drill, (void)e;
	agent.fires++;
	agent.view.drill.fired = 1;
	agent.view.drill.fired_at = f->active = clock_boottime();
	f->state = FAULT_ACTIVE;
	atomic_store(&shop.is_broken, agent.breaks_shop);
	*ret = agent.view;
	return 0;
}

int
client_selftest(struct client *c, const char *drill, usec_t *ret, struct err *e)
{
	(void)c, (void)drill, (void)e;
	*ret = agent.is_slow_to_answer ? 2 * USEC_PER_SEC : 400;
	return 0;
}

int
client_show(
    struct client *c, const char *drill, bool wait, struct drill_view *ret, struct err *e)
{
	(void)c, (void)drill, (void)wait, (void)e;
	age();
	*ret = agent.view;
	return 0;
}

int
client_undo(struct client *c, const char *drill, struct drill_view *ret, struct err *e)
{
	(void)c, (void)drill, (void)e;
	agent.undo_asked = true;
	end_fault(clock_boottime(), UNDO_ASKED);
	*ret = agent.view;
	return 0;
}

int
client_hot_open(struct client *c, const char *drill, struct err *e)
{
	(void)c, (void)drill, (void)e;
	agent.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return 0;
}

int
client_hot_fd(const struct client *c)
{
	(void)c;
	return agent.wake;
}

int
client_hot_renew(struct client *c, struct err *e)
{
	(void)c;
	if (agent.is_dead)
		return err_set(e, -EPIPE, "broken pipe");
	agent.is_dead = agent.dies && agent.fires > 0;
	if (agent.interrupts && agent.fires > 0)
		(void)kill(getpid(), SIGINT);
	agent.renewed = true;
	return eventfd_write(agent.wake, 1);
}

int
client_hot_undo(struct client *c, bool breach, struct err *e)
{
	(void)c, (void)e;
	agent.undo_asked = true;
	agent.undo_was_breach = breach;
	end_fault(clock_boottime(), breach ? UNDO_BREACH : UNDO_ASKED);
	return eventfd_write(agent.wake, 1);
}

int
client_hot_read(
    struct client *c, bool *ret_was_undo, struct drill_view *ret, struct err *e)
{
	eventfd_t n;

	(void)c, (void)e;
	if (eventfd_read(agent.wake, &n) < 0)
		return 0;
	age();
	*ret_was_undo = agent.undo_asked;
	*ret = agent.view;
	return 1;
}

#endif
