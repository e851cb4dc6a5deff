/* SPDX-License-Identifier: Apache-2.0 */
/* `stormctl plan`: what a drill would do, without doing it. */
#include "cleanup.h"
#include "cmd.h"
#include "open_experiment.h"
#include "plan.h"
#include "redact.h"
#include "verdict.h"
#include <stdlib.h>

static void
write_plan(const struct plan *p, bool as_json, FILE *f)
{
	json_t *j;

	if (!as_json) {
		plan_print(p, f);
		return;
	}
	j = plan_to_json(p);
	(void)json_dumpf(j, f, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	(void)fputc('\n', f);
	json_decref(j);
}

/* A URL or a header may have a secret put into it by a variable. */
static void
print(const struct plan *p, bool as_json)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		abort(); /* out of memory, as in xalloc */
	write_plan(p, as_json, f);
	(void)fclose(f);
	redact(text, p->x->secrets);
	(void)fputs(text, stdout);
}

static int
exit_code(const struct plan *p)
{
	if (p->asked != ASKED_REFUSED)
		return 0;
	(void)fprintf(
	    stderr, "stormctl plan: the agent would refuse this drill: %s\n", p->why.msg);
	return p->why.outcome == OUTCOME_INVALID ? VERDICT_INVALID : VERDICT_REFUSED;
}

static int
run(const struct invocation *v)
{
	struct experiment *x = NULL;
	struct agent_options o;
	struct plan p;
	int code = open_experiment(v, v->argv[0], &x);

	if (code != 0)
		return code;
	plan_make(&p, x);
	agent_options_of(v, &o);
	if (option_has(v, "offline"))
		(void)err_set(&p.why, -1, "--offline");
	else
		plan_ask_agent(&p, &o);
	print(&p, option_has(v, "json"));
	code = exit_code(&p);
	plan_release(&p);
	experiment_free(x);
	return code;
}

static const struct option_def options[] = {
	OPTION_VAR,
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
	    "the timeline of faults, and the addresses that host names gave.  When an agent\n"
	    "answers, or as root, also the exact operations of every fault: they are\n"
	    "prepared, which changes nothing.  Exits 3 when the file is wrong, 9 when the\n"
	    "agent would refuse it.",
};
