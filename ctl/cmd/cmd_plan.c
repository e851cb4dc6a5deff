/* SPDX-License-Identifier: Apache-2.0 */
/* `stormctl plan`: what a drill would do, without doing it. */
#include "cleanup.h"
#include "cmd.h"
#include "hosts.h"
#include "open_experiment.h"
#include "plan.h"
#include "redact.h"
#include "verdict.h"
#include <stdlib.h>

static void
print_json(const struct plan *p)
{
	json_t *j = plan_to_json(p);

	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	(void)fputc('\n', stdout);
	json_decref(j);
}

/* A URL or a header may have a secret put into it by a variable. */
static void
print_text(const struct plan *p)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		abort(); /* out of memory, as in xalloc */
	plan_print(p, f);
	(void)fclose(f);
	redact(text, p->x->secrets);
	(void)fputs(text, stdout);
}

static int
refused(const struct plan *p, const char *who, const struct err *why)
{
	struct err clean = *why;

	redact(clean.msg, p->x->secrets);
	(void)fprintf(stderr, "stormctl plan: %s: %s\n", who, clean.msg);
	return why->outcome == OUTCOME_INVALID ? VERDICT_INVALID : VERDICT_REFUSED;
}

/* The worst that an agent said: a wrong request is wrong everywhere. */
static int
exit_code(const struct plan *p)
{
	int code = 0;

	for (size_t i = 0; i < p->roster.count; i++) {
		const struct plan_host *h = &p->hosts[i];
		char who[NAME_MAX_LEN + 48];

		if (h->asked != ASKED_REFUSED)
			continue;
		(void)snprintf(who, sizeof(who), "the agent%s%s would refuse this drill",
		    h->row->host != NULL ? " of " : "", roster_name(h->row));
		code = refused(p, who, &h->why);
	}
	return code;
}

static void
do_not_ask(struct plan *p)
{
	for (size_t i = 0; i < p->roster.count; i++)
		(void)err_set(&p->hosts[i].why, -1, "--offline");
}

/* Without an inventory there is no fault of the file's, and no drill to refuse. */
static int
choose(struct plan *p, const struct host_options *o)
{
	int r = plan_choose(p, o);

	if (r == 0 || (o->inventory == NULL && experiment_has_targets(p->x)))
		return 0;
	return refused(p, "hosts", &p->why_not);
}

static int
make(struct plan *p, const struct invocation *v, const struct host_options *o)
{
	struct agent_options agent;
	int code = choose(p, o);

	if (code != 0)
		return code;
	agent_options_of(v, &agent);
	if (option_has(v, "offline"))
		do_not_ask(p);
	else
		plan_ask(p, &agent, o);
	if (option_has(v, "json"))
		print_json(p);
	else
		print_text(p);
	return exit_code(p);
}

static int
run(const struct invocation *v)
{
	struct experiment *x = NULL;
	struct host_options o;
	struct err e = { 0 };
	struct plan p;
	int code;

	if (host_options_of(v, &o, &e) < 0) {
		(void)fprintf(stderr, "stormctl plan: %s\n", e.msg);
		return VERDICT_USAGE;
	}
	code = open_experiment(v, v->argv[0], &x);
	if (code != 0)
		return code;
	plan_make(&p, x);
	code = make(&p, v, &o);
	plan_release(&p);
	experiment_free(x);
	return code;
}

static const struct option_def options[] = {
	OPTION_VAR,
	OPTIONS_HOSTS,
	{ "offline", NULL, false, "ask no agent" },
	OPTION_JSON,
	OPTIONS_AGENT,
	{ 0 },
};

const struct cmd cmd_plan = {
	.name = "plan",
	.args = "FILE",
	.summary = "show what a drill would do, without doing it",
	.args_min = 1,
	.args_max = 1,
	.options = options,
	.run = run,
	.help =
	    "Shows phases, probes and their samples, when the judge would stop the drill,\n"
	    "the timeline of faults, and the addresses that host names gave; with an\n"
	    "inventory the hosts that were chosen, and who would hear whom.  Every agent that\n"
	    "answers, on this host as root also one of our own, is asked for the exact\n"
	    "operations of its faults: they are prepared, which changes nothing.  Exits 3\n"
	    "when the file is wrong, 9 when the hosts cannot be had or an agent would refuse.",
};
