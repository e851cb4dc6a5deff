/* SPDX-License-Identifier: Apache-2.0 */
/* `stormctl search`: how much of one thing a system stands. */
#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "err.h"
#include "experiment.h"
#include "hosts.h"
#include "open_experiment.h"
#include "parse.h"
#include "quote.h"
#include "search_job.h"
#include "verdict.h"
#include "xalloc.h"
#include <string.h>

/* "1.2" or "20%": so much larger at most. */
static int
parse_until(const char *text, double *ret, struct err *e)
{
	int64_t thousandths;
	struct err ignored;
	char *end = strchr(text, '%');

	/* a ratio has the form of a share without its sign: "1.2" */
	if (end != NULL || parse_percent(text, &thousandths, &ignored) < 0 ||
	    thousandths < 1010)
		return err_invalid(e,
		    "--until: '%s' is not a ratio from 1.01, such as 1.2",
		    quote(text).text);
	*ret = (double)thousandths / 1000;
	return 0;
}

static int
parse_steps(const char *text, size_t *ret, struct err *e)
{
	uint64_t n;

	if (parse_u64(text, &n, e) < 0)
		return err_wrap(e, "--steps");
	if (n < 2 || n > SEARCH_VALUES_MAX)
		return err_invalid(e, "--steps: %s is not from 2 to %d", quote(text).text,
		    SEARCH_VALUES_MAX);
	*ret = (size_t)n;
	return 0;
}

static int
parse_by(const char *text, enum search_by *ret, struct err *e)
{
	*ret = SEARCH_BISECT;
	if (text == NULL || strcmp(text, "bisect") == 0)
		return 0;
	*ret = SEARCH_RAISE;
	if (strcmp(text, "raise") == 0)
		return 0;
	return err_invalid(e, "--by: '%s' is neither bisect nor raise", quote(text).text);
}

static int
make_plan(struct search_job *j, const struct invocation *v, struct err *e)
{
	const char *steps = option_get(v, "steps"), *until = option_get(v, "until");
	struct search_plan *p = &j->search.plan;
	int r;

	*p = (struct search_plan){ .type = j->vary.type,
		.from = j->vary.from,
		.to = j->vary.to,
		.until = SEARCH_UNTIL };
	r = parse_by(option_get(v, "by"), &p->by, e);
	if (r == 0 && steps != NULL && until != NULL)
		r = err_invalid(
		    e, "--steps and --until are two ways to end it: leave one out");
	if (r == 0 && steps != NULL)
		r = parse_steps(steps, &p->values, e);
	if (r == 0 && until != NULL)
		r = parse_until(until, &p->until, e);
	if (p->by == SEARCH_RAISE && steps == NULL && until == NULL)
		p->values = SEARCH_RAISES;
	return r;
}

/* What held and what broke decides most when it is tried again itself. */
static int
take_hints(struct search_job *j, const char *against, struct err *e)
{
	const struct search_answer *a = &j->earlier.answer;
	struct search_plan *p = &j->search.plan;
	int r = search_load_earlier(j, against, e);

	if (r < 0)
		return r;
	if (a->has_held)
		p->hint[p->hint_count++] = a->holds;
	if (a->has_broken)
		p->hint[p->hint_count++] = a->breaks;
	return 0;
}

static int
prepare(struct search_job *j, const struct invocation *v, struct err *e)
{
	const char *vary = option_get(v, "vary"), *against = option_get(v, "against");
	int r;

	if (vary == NULL)
		return err_invalid(
		    e, "--vary FAULT.PARAM=FROM..TO is missing: what is to be searched?");
	if (j->x->probe_count == 0)
		return err_invalid(e,
		    "'%s' has no probes: nothing would say when it breaks", v->argv[0]);
	if (j->x->steady.before == 0 && j->x->steady.after == 0)
		return err_invalid(e,
		    "'%s' has neither steady.before nor steady.after: nothing would show "
		    "that a step has recovered before the next",
		    v->argv[0]);
	r = vary_parse(&j->vary, j->x, vary, e);
	if (r < 0)
		return err_wrap(e, "--vary");
	r = make_plan(j, v, e);
	if (r == 0 && against != NULL)
		r = take_hints(j, against, e);
	return r == 0 ? search_open_dir(j, option_get(v, "out"), e) : r;
}

static int
search(struct search_job *j, const struct invocation *v)
{
	struct err e = { 0 };
	int code;

	if (host_options_of(v, &j->hosts, &e) < 0 || prepare(j, v, &e) < 0) {
		(void)fprintf(stderr, "stormctl search: %s\n", e.msg);
		return VERDICT_USAGE;
	}
	j->run.inventory = j->hosts.inventory;
	j->run.pki_dir = j->hosts.pki_dir;
	j->run.include_self = j->hosts.include_self;
	search_run(j);
	code = search_exit_code(j);
	if (j->json && search_print_json(j) != 0)
		code = code == 0 ? VERDICT_INTERNAL : code;
	return code;
}

static int
run(const struct invocation *v)
{
	_cleanup_free_ struct search_job *j = xcalloc(1, sizeof(*j));
	int code = open_experiment(v, v->argv[0], &j->x);

	if (code != 0)
		return code;
	j->step = xcalloc(SEARCH_DRILLS_MAX + 1, sizeof(*j->step));
	j->began = clock_wall();
	j->quiet = option_has(v, "quiet");
	j->json = option_has(v, "json");
	j->is_terminal = isatty(STDOUT_FILENO);
	j->run.reason = option_get(v, "reason");
	agent_options_of(v, &j->run.agent);
	code = search(j, v);
	free(j->step);
	free(j->dir);
	experiment_free(j->x);
	return code;
}

static const struct option_def options[] = {
	{ "vary", "FAULT.PARAM=FROM..TO", false, "what is searched, from mild to bad" },
	{ "steps", "N", false, "try so many values at most" },
	{ "until", "RATIO", false, "until the two are so near (default: 1.2)" },
	{ "by", "WAY", false, "bisect (the default) or raise" },
	{ "against", "FILE", false, "compare with the search.json of an earlier one" },
	OPTION_VAR,
	OPTIONS_HOSTS,
	{ "out", "DIR", false,
	    "where results go (default: results/<date>-search-<name>)" },
	{ "reason", "TEXT", false, "why: shown by status and kept in the results" },
	{ "quiet", NULL, false, "say only the answer" },
	{ "json", NULL, false, "print search.json at the end, and no lines" },
	OPTIONS_AGENT,
	{ 0 },
};

const struct cmd cmd_search = {
	.name = "search",
	.args = "FILE",
	.summary = "find how much a system stands: vary a fault until it breaks",
	.args_min = 1,
	.args_max = 1,
	.options = options,
	.run = run,
	.help =
	    "Runs the experiment again and again with another value of one parameter, such as\n"
	    "--vary net.delay.delay=10ms..2s, and finds between which two the judge begins to\n"
	    "stop it.  FAULT is a fault's id, or its kind when only one is of it; PARAM may\n"
	    "also be 'for'.  Each step is a whole drill, undone and recovered before the next.\n"
	    "Exits 0 with an answer, 5 when the first value breaks, 1 when it is worse than\n"
	    "--against, 6 when it cannot be told, else as the drill that ended it.",
};
