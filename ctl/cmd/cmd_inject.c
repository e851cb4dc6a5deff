/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl inject`: one fault in the foreground.  An experiment of one fault and no
 * probes, so that it runs, is undone and is recorded like any other drill.
 */
#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "experiment.h"
#include "kind.h"
#include "parse.h"
#include "resolve.h"
#include "run.h"
#include "verdict.h"
#include "xalloc.h"
#include <stdio.h>
#include <string.h>

static void
free_experimentp(struct experiment **x)
{
	experiment_free(*x);
}

static int
set_params(struct fault_def *f, const struct invocation *v, struct err *e)
{
	for (size_t i = 1; i < v->argc; i++) {
		const char *equals = strchr(v->argv[i], '=');

		if (equals == NULL)
			return err_invalid(e, "'%s' is not key=value", v->argv[i]);
		_cleanup_free_ char *key =
		    xstrndup(v->argv[i], (size_t)(equals - v->argv[i]));
		int r = resolve_set(&f->spec, key, equals + 1, &f->resolved, e);
		if (r < 0)
			return r;
	}
	for (char **line = f->resolved; line != NULL && *line != NULL; line++)
		(void)printf("%s\n", *line);
	return 0;
}

static int
set_duration(struct spec *s, const struct kind *k, const char *duration, struct err *e)
{
	bool is_oneshot = (k->flags & KIND_ONESHOT) != 0;

	if (duration != NULL && is_oneshot)
		return err_invalid(e, "%s happens once and takes no --for", k->name);
	if (duration == NULL && !is_oneshot)
		return err_invalid(
		    e, "--for is missing: how long should %s last?", k->name);
	if (duration == NULL)
		return 0;
	int r = parse_usec(duration, &s->duration, e);
	if (r == 0 && s->duration == 0)
		return err_invalid(e, "--for must be longer than nothing");
	return r;
}

static int
unknown_kind(const char *name, struct err *e)
{
	const char *near = kind_nearest(name);

	if (near != NULL)
		return err_invalid(
		    e, "unknown fault kind '%s' (did you mean '%s'?)", name, near);
	return err_invalid(e, "unknown fault kind '%s': see stormctl faults", name);
}

static int
make_fault(struct fault_def *f, const struct invocation *v, struct err *e)
{
	const struct kind *k = kind_find(v->argv[0]);
	struct spec *s = &f->spec;

	if (k == NULL)
		return unknown_kind(v->argv[0], e);
	spec_init(s, k);
	(void)snprintf(s->name, sizeof(s->name), "%s", k->name);
	int r = set_params(f, v, e);
	if (r == 0)
		r = set_duration(s, k, option_get(v, "for"), e);
	return r == 0 ? spec_finish(s, e) : r;
}

static int
run(const struct invocation *v)
{
	_cleanup_(free_experimentp) struct experiment *x = xcalloc(1, sizeof(*x));
	struct run_options ro = {
		.out_dir = option_get(v, "out"),
		.reason = option_get(v, "reason"),
		.rehearse = option_has(v, "rehearse"),
		.quiet = option_has(v, "quiet"),
		.json = option_has(v, "json"),
	};
	struct err e = { 0 };

	x->faults = xcalloc(1, sizeof(*x->faults));
	x->fault_count = 1;
	x->lease_ms = LEASE_DEFAULT_MS;
	x->budget.false_abort = 0.001;
	if (make_fault(&x->faults[0], v, &e) < 0) {
		(void)fprintf(stderr, "stormctl inject: %s\n", e.msg);
		return VERDICT_USAGE;
	}
	(void)snprintf(x->name, sizeof(x->name), "inject-%s", v->argv[0]);
	agent_options_of(v, &ro.agent);
	return run_drill(x, &ro);
}

static const struct option_def options[] = {
	{ "for", "DURATION", false, "how long the fault lasts; not for one-shot kinds" },
	{ "out", "DIR", false, "where results go (default: results/<date>-<name>)" },
	{ "reason", "TEXT", false, "why: shown by status and kept in the results" },
	{ "rehearse", NULL, false, "say what would be done, do nothing" },
	{ "quiet", NULL, false, "say only the verdict" },
	{ "json", NULL, false, "print the events as JSON, one per line" },
	OPTIONS_AGENT,
	{ 0 },
};

const struct cmd cmd_inject = {
	.name = "inject",
	.args = "KIND [KEY=VALUE]...",
	.summary = "inject one fault in the foreground; Ctrl-C undoes it",
	.args_min = 1,
	.args_max = 1 + SPEC_ARGS_MAX,
	.options = options,
	.run = run,
	.help =
	    "Parameters are those of `stormctl faults KIND`; lists are written to=a,b.\n"
	    "Nothing is probed: the fault lasts for --for, or until Ctrl-C (exit 8), and is\n"
	    "undone in either case.",
};
