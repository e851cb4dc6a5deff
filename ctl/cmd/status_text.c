/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent says of its drills, for somebody at 3 a.m. who did not start them.  All of
 * it is by the agent's own clock, `now` included, so that no difference between clocks shows.
 */
#include "status_text.h"
#include "err.h"
#include "spec_json.h"
#include <stdio.h>

/* "48s": whole seconds above ten, tenths below. */
const char *
status_span(usec_t t, char *buf, size_t size)
{
	usec_t unit = t > 10 * USEC_PER_SEC ? USEC_PER_SEC : USEC_PER_SEC / 10;

	return format_usec(t / unit * unit, buf, size);
}

static void
print_fault(const struct fault_status *f, usec_t now)
{
	char left[32], effect[64];

	(void)printf(
	    "    %-16s %-9s %s\n", f->name, fault_state_name(f->state), f->summary);
	if (f->note[0] != '\0')
		(void)printf("    %-16s %-9s %s\n", "", "", f->note);
	if (f->state == FAULT_ACTIVE && f->until > now)
		(void)printf("    %-16s %-9s %s left", "", "",
		    status_span(f->until - now, left, sizeof(left)));
	if (f->state == FAULT_ACTIVE && f->effect_unit[0] != '\0')
		(void)printf("%s%s so far", f->until > now ? ", " : "",
		    format_effect(f->effect, f->effect_unit, effect, sizeof(effect)));
	if (f->state == FAULT_ACTIVE && f->no_effect)
		(void)printf(": NO EFFECT yet");
	if (f->state == FAULT_ACTIVE)
		(void)putchar('\n');
	if (f->outcome != OUTCOME_DONE || f->err.msg[0] != '\0')
		(void)printf("    %-16s %-9s %s\n", "", "", f->err.msg);
}

static void
print_times(const struct drill_status *d, usec_t now)
{
	char ago[32], left[32];

	if (d->fired_at == 0)
		(void)printf("    armed %s ago, nothing is in force yet",
		    status_span(now - d->armed_at, ago, sizeof(ago)));
	else
		(void)printf("    running for %s",
		    status_span(now - d->fired_at, ago, sizeof(ago)));
	if (d->ends_at > now)
		(void)printf(
		    ", ends in %s", status_span(d->ends_at - now, left, sizeof(left)));
	if (d->lease_until > now)
		(void)printf("; without its controller in %s",
		    status_span(d->lease_until - now, left, sizeof(left)));
	(void)putchar('\n');
}

/* false when the answer does not read as one. */
static bool
print_drill(const json_t *j, usec_t now)
{
	struct drill_status d = { 0 };
	struct err e = { 0 };
	size_t i;
	const json_t *each;

	if (drill_status_from_json(j, &d, &e) < 0)
		return false;
	(void)printf("  %s (drill %s)\n    by %s%s%s%s\n", d.name, d.drill, d.who,
	    d.reason[0] != '\0' ? ": \"" : "", d.reason, d.reason[0] != '\0' ? "\"" : "");
	if (d.ended)
		(void)printf("    over, everything is undone\n");
	else
		print_times(&d, now);
	json_array_foreach(json_object_get(j, "faults"), i, each)
	{
		struct fault_status f = { 0 };

		if (fault_status_from_json(each, &f, &e) < 0)
			return false;
		print_fault(&f, now);
	}
	return true;
}

bool
status_print(const char *name, const char *options, const json_t *j)
{
	struct agent_status a = { 0 };
	struct err e = { 0 };
	const json_t *drills = json_object_get(j, "drills"), *each;
	char up[32];
	size_t i;

	if (agent_status_from_json(j, &a, &e) < 0) {
		(void)fprintf(stderr, "%s: %s\n", name, e.msg);
		return false;
	}
	(void)printf("%s: stormd %s%s, pid %d, up %s%s; %s\n", name, a.version,
	    a.ephemeral ? " (embedded)" : "", a.pid,
	    status_span(a.now - a.started, up, sizeof(up)), a.halted ? ", HALTED" : "",
	    json_array_size(drills) > 0 ? "drills:" : "no drill");
	json_array_foreach(drills, i, each) if (!print_drill(each, a.now))
	{
		(void)fprintf(stderr, "%s: cannot read the agent's answer\n", name);
		return false;
	}
	if (json_array_size(drills) > 0)
		(void)printf("  stop all of it: stormctl halt%s\n", options);
	if (a.halted)
		(void)printf("  allow drills again: stormctl resume%s\n", options);
	return true;
}
