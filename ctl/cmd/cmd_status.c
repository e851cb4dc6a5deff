/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl status`: what is broken on this host right now, who did it, why, for how much
 * longer, and how to stop it.  Read at 3 a.m. by somebody who did not start it.
 */
#include "cleanup.h"
#include "client.h"
#include "clock.h"
#include "cmd.h"
#include "err.h"
#include "instances.h"
#include "verdict.h"
#include <stdio.h>
#include <string.h>

/* "48s": whole seconds above ten, tenths below. */
static const char *
span(usec_t t, char *buf, size_t size)
{
	usec_t unit = t > 10 * USEC_PER_SEC ? USEC_PER_SEC : USEC_PER_SEC / 10;

	return format_usec(t / unit * unit, buf, size);
}

static void
print_fault(const struct fault_status *f, usec_t now)
{
	char left[32];

	(void)printf(
	    "    %-16s %-9s %s\n", f->name, fault_state_name(f->state), f->summary);
	if (f->note[0] != '\0')
		(void)printf("    %-16s %-9s matches %s\n", "", "", f->note);
	if (f->state == FAULT_ACTIVE && f->until > now)
		(void)printf("    %-16s %-9s %s left", "", "",
		    span(f->until - now, left, sizeof(left)));
	if (f->state == FAULT_ACTIVE && f->effect_unit[0] != '\0')
		(void)printf("%s%llu %s so far", f->until > now ? ", " : "",
		    (unsigned long long)f->effect, f->effect_unit);
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
		    span(now - d->armed_at, ago, sizeof(ago)));
	else
		(void)printf(
		    "    running for %s", span(now - d->fired_at, ago, sizeof(ago)));
	if (d->ends_at > now)
		(void)printf(", ends in %s", span(d->ends_at - now, left, sizeof(left)));
	if (d->lease_until > now)
		(void)printf("; without its controller in %s",
		    span(d->lease_until - now, left, sizeof(left)));
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

static int
print_agent(const struct instance *in, const json_t *j)
{
	struct agent_status a = { 0 };
	struct err e = { 0 };
	const json_t *drills = json_object_get(j, "drills"), *each;
	char up[32];
	size_t i;

	if (agent_status_from_json(j, &a, &e) < 0) {
		(void)fprintf(stderr, "%s: %s\n", in->name, e.msg);
		return VERDICT_INTERNAL;
	}
	(void)printf("%s: stormd %s%s, pid %d, up %s%s; %s\n", in->name, a.version,
	    a.ephemeral ? " (embedded)" : "", a.pid,
	    span(a.now - a.started, up, sizeof(up)), a.halted ? ", HALTED" : "",
	    json_array_size(drills) > 0 ? "drills:" : "no drill");
	json_array_foreach(drills, i, each) if (!print_drill(each, a.now))
	{
		(void)fprintf(stderr, "%s: cannot read the agent's answer\n", in->name);
		return VERDICT_INTERNAL;
	}
	if (json_array_size(drills) > 0)
		(void)printf("  stop all of it: stormctl halt\n");
	if (a.halted)
		(void)printf("  allow drills again: stormctl resume\n");
	return 0;
}

static int
no_agent(const struct instance *i, const struct err *why, json_t *list)
{
	int left = instance_left(i);

	if (list != NULL) {
		(void)json_array_append_new(
		    list, json_pack("{s:s, s:s, s:s, s:i}", "instance", i->name,
			      "run_dir", i->run_dir, "error", why->msg, "records", left));
	} else if (left > 0) {
		(void)printf(
		    "%s: no agent answers, but %d faults are on record as not "
		    "undone\n  undo them, as root: stormd-undo --run-dir %s --all\n",
		    i->name, left, i->run_dir);
	} else {
		(void)printf("%s: no agent answers, nothing is outstanding\n", i->name);
	}
	return left > 0 ? VERDICT_AGENT_LOST : 0;
}

static int
status_of(const struct instance *i, json_t *list)
{
	struct client *c = NULL;
	json_t *answer = NULL;
	struct err e = { 0 };
	int code = 0;
	int r = instance_open(i, &c, &e);

	if (r == 0)
		r = client_get(c, "/v1/status", &answer, &e);
	client_free(c);
	if (r < 0)
		code = no_agent(i, &e, list);
	else if (list != NULL)
		(void)json_array_append(list, answer);
	else
		code = print_agent(i, answer);
	json_decref(answer);
	return code;
}

static int
run(const struct invocation *v)
{
	struct instance found[INSTANCES_MAX];
	struct agent_options o = { 0 };
	struct err e = { 0 };
	json_t *list = option_has(v, "json") ? json_array() : NULL;
	int code = 0;

	agent_options_of(v, &o);
	int n = instances_find(&o, found, INSTANCES_MAX, &e);
	if (n < 0) {
		(void)fprintf(stderr, "stormctl status: %s\n", e.msg);
		return VERDICT_AGENT_LOST;
	}
	for (int i = 0; i < n; i++) {
		int r = status_of(&found[i], list);

		code = r > code ? r : code;
	}
	if (list != NULL) {
		(void)json_dumpf(list, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(list);
	} else if (n == 0) {
		(void)puts(host_is_halted(&o) ?
			       "no agent runs; the host is halted, no drill starts until "
			       "`stormctl resume`" :
			       "no agent runs, nothing is injected");
	}
	return code;
}

static const struct option_def options[] = { OPTION_JSON, OPTIONS_AGENT, { 0 } };

const struct cmd cmd_status = {
	.name = "status",
	.summary = "what is injected on this host, by whom, for how long",
	.options = options,
	.run = run,
	.help =
	    "Shows every agent of this host, or the one that is named: its drills, who\n"
	    "started them and why, the time left, what each fault matches, and how to stop\n"
	    "it.  Exit 30 when an agent is gone and left obligations behind.",
};
