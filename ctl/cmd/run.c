/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a drill: results directory, agents, before, arm, self-test, fire, during,
 * undo, after, verdict.  Every step may end the drill; what follows the undo always
 * happens.  It is the same for one host and for thirty.
 */
#include "run.h"
#include "cleanup.h"
#include "drill.h"
#include "err.h"
#include "xalloc.h"
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* --- begin and end -------------------------------------------------------------------- */

static void
say_start(struct drill *d)
{
	struct utsname u;
	struct event v = drill_event(d, EVENT_DRILL, d->x->name, "%s",
	    d->x->hypothesis != NULL ? d->x->hypothesis : "");

	(void)gethostname(v.host, sizeof(v.host) - 1);
	event_num(&v, "hosts", (double)d->party_count);
	event_num(&v, "lease_ms", d->lease_ms);
	event_num(&v, "before_us", (double)d->x->steady.before);
	event_num(&v, "during_us", (double)d->x->steady.during);
	event_num(&v, "after_us", (double)d->x->steady.after);
	event_num(&v, "false_abort", d->x->budget.false_abort);
	drill_emit(d, &v);
	report_targets(d);
	if (uname(&u) == 0)
		drill_say(
		    d, EVENT_NOTE, "kernel", "%s %s %s", u.sysname, u.release, u.machine);
	if (d->o->reason != NULL)
		drill_say(d, EVENT_NOTE, "reason", "%s", d->o->reason);
}

static void
add_checks(struct drill *d, const struct probe_def *defs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		d->checks[d->check_count] = defs[i];
		d->tally[d->check_count].def = &d->checks[d->check_count];
		d->check_count++;
	}
}

static void
init_checks(struct drill *d)
{
	const struct experiment *x = d->x;

	d->judged_count = x->probe_count + x->guard_count;
	d->checks = xcalloc(d->judged_count + x->load_count, sizeof(*d->checks));
	d->tally = xcalloc(d->judged_count + x->load_count, sizeof(*d->tally));
	add_checks(d, x->probes, x->probe_count);
	add_checks(d, x->guards, x->guard_count);
	add_checks(d, x->loads, x->load_count);
	timing_init(d);
}

static void
init(struct drill *d, const struct experiment *x, const struct run_options *o)
{
	memset(d, 0, sizeof(*d));
	d->x = x;
	d->o = o;
	d->epoll = d->timer = d->signals = -1;
	d->agent.pidfd = d->agent.lifeline = -1;
	d->during_from = d->after_from = USEC_INFINITY;
	d->began = clock_boottime();
	d->next_second = d->began + USEC_PER_SEC;
	d->lease_ms = x->lease_ms != 0 ? x->lease_ms : LEASE_DEFAULT_MS;
	uuid_make(d->id);
	init_checks(d);
	parties_init(d);
}

static void
release(struct drill *d)
{
	parties_release(d);
	loop_close(d);
	for (size_t i = 0; i < d->check_count; i++)
		tally_release(&d->tally[i]);
	free(d->tally);
	free(d->timing);
	free(d->checks);
	output_release(&d->out);
}

/* From here on the drill has a place for its results and owes a verdict. */
static enum verdict
run_steps(struct drill *d)
{
	struct err e = { 0 };

	say_start(d);
	if (loop_open(d, &e) < 0) {
		d->found.refused = true;
		d->is_invalid = e.outcome == OUTCOME_INVALID;
		drill_say(d, EVENT_ERROR, NULL, "%s", e.msg);
	} else if (parties_find(d) && parties_preview(d) && phase_before(d) &&
		   parties_arm(d) && parties_try(d)) {
		phase_during(d);
		if (parties_armed(d) ==
		    0) /* a rehearsal, or no faults: nobody else does */
			evidence_decision(d);
		abort_finish(d);
		phase_after(d);
		phase_end(d);
		evidence_late_decision(d);
		report_totals(d, PHASE_DURING);
		report_totals(d, PHASE_AFTER);
		evidence_shifts(d);
		evidence_budgets(d);
		if (d->first_good != 0)
			undo_say(d, "good again");
	} else {
		abort_finish(d);
		phase_end(d);
	}
	load_report(d);
	lost_settle(d);
	parties_judge_faults(d);
	parties_leave(d);
	return report_verdict(d);
}

enum verdict
run_drill(const struct experiment *x, const struct run_options *o)
{
	struct drill *d = xcalloc(1, sizeof(*d)); /* too large for a stack */
	struct err e = { 0 };
	enum verdict v = VERDICT_USAGE;

	init(d, x, o);
	if (output_open(&d->out, x, o, &e) < 0) {
		(void)fprintf(stderr, "stormctl: %s\n", e.msg);
	} else {
		d->out.has_many_hosts = d->party_count > 1;
		v = run_steps(d);
		output_reports(&d->out, x, d->id, v);
		report_last_words(d, v);
		result_fill(d, v);
	}
	release(d);
	free(d);
	return v;
}
