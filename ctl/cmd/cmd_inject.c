/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl inject`: one fault in the foreground, here or on chosen hosts.  An experiment
 * of one fault and no probes, so that it runs, is undone and is recorded like any other
 * drill.
 */
#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "experiment.h"
#include "hosts.h"
#include "kind.h"
#include "parse.h"
#include "resolve.h"
#include "run.h"
#include "string_list.h"
#include "verdict.h"
#include "where.h"
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
	if (duration != NULL && !kind_takes_for(k))
		return err_invalid(e, "%s happens once and takes no --for", k->name);
	if (duration == NULL && kind_needs_for(k))
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

/* --- hosts ---------------------------------------------------------------------------- */

static struct target_def *
add_target(struct experiment *x, const char *name, const char *where)
{
	struct target_def *t;

	x->targets = xrealloc(x->targets, (x->target_count + 1) * sizeof(*t));
	t = &x->targets[x->target_count++];
	memset(t, 0, sizeof(*t));
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	t->where = where != NULL ? xstrdup(where) : NULL;
	return t;
}

static int
check_where(const char *option, const char *text, struct err *e)
{
	struct where *w;
	unsigned column = 0;

	if (where_parse(&w, text, &column, e) < 0)
		return err_wrap(e, "--%s '%s', column %u", option, text, column);
	where_free(w);
	return 0;
}

/* --target and --host. */
static int
make_target(struct experiment *x, const struct invocation *v, struct err *e)
{
	const char *where = option_get(v, "target"), *pick = option_get(v, "pick");
	const char *hosts[CMD_VALUES_MAX + 1];
	size_t count = option_all(v, "host", hosts, CMD_VALUES_MAX + 1);
	struct target_def *t;

	if (where != NULL && count > 0)
		return err_invalid(
		    e, "--target and --host are two ways to say it: leave one out");
	if (where == NULL && count == 0)
		return pick == NULL ? 0 : err_invalid(e, "--pick needs --target");
	if (where != NULL && check_where("target", where, e) < 0)
		return e->code;
	t = add_target(x, "hosts", where);
	for (size_t i = 0; i < count; i++)
		string_list_add(&t->hosts, hosts[i]);
	for (size_t i = 0; i < count && count > 1; i++)
		if (strcmp(hosts[i], "localhost") == 0)
			return err_invalid(e,
			    "--host localhost is this host, whatever the inventory says, and "
			    "stands alone");
	(void)snprintf(x->faults[0].target, NAME_MAX_LEN, "hosts");
	if (pick != NULL && pick_parse(pick, t, e) < 0)
		return err_wrap(e, "--pick");
	return 0;
}

/* --against and --topology: what they need is what they need in a file. */
static int
make_far_side(struct experiment *x, const struct invocation *v, struct err *e)
{
	const char *against = option_get(v, "against");
	const char *topology = option_get(v, "topology");
	struct fault_def *f = &x->faults[0];
	const struct kind *k = kind_find(f->spec.kind);

	if (against == NULL && topology == NULL)
		return 0;
	if (against != NULL && topology != NULL)
		return err_invalid(e, "--against and --topology: leave one out");
	if (kind_param(k, "to") == NULL)
		return err_invalid(e, "%s has no 'to': it is not between hosts", k->name);
	if (f->spec.nets_count > 0)
		return err_invalid(
		    e, "to=, --against and --topology: leave all but one out");
	if (against != NULL) {
		if (check_where("against", against, e) < 0)
			return e->code;
		(void)add_target(x, "far-side", against);
		(void)snprintf(f->against, sizeof(f->against), "far-side");
		return 0;
	}
	if (topology_parse(topology, &f->topology) < 0)
		return err_invalid(e,
		    "unknown topology '%s': it is one of halves, isolate, ring, bridge and "
		    "one-way",
		    topology);
	if (x->target_count == 0 || target_is_local(&x->targets[0]))
		return err_invalid(e, "--topology is among hosts: --target or --host");
	if (f->topology == TOPOLOGY_ONE_WAY && spec_has(&f->spec, "direction"))
		return err_invalid(e, "--topology one-way sets the direction itself");
	return 0;
}

/* --- the drill ------------------------------------------------------------------------ */

static int
make_fault(struct experiment *x, const struct invocation *v, struct err *e)
{
	const struct kind *k = kind_find(v->argv[0]);
	struct fault_def *f = &x->faults[0];
	int r;

	if (k == NULL)
		return unknown_kind(v->argv[0], e);
	spec_init(&f->spec, k);
	(void)snprintf(f->spec.name, sizeof(f->spec.name), "%s", k->name);
	r = set_params(f, v, e);
	if (r == 0)
		r = set_duration(&f->spec, k, option_get(v, "for"), e);
	if (r == 0)
		r = make_target(x, v, e);
	if (r == 0)
		r = make_far_side(x, v, e);
	if (r == 0 && x->target_count > 0 && kind_param(k, "to") != NULL &&
	    f->spec.nets_count == 0 && !fault_is_open(f))
		return err_invalid(e, "%s needs to=, --against or --topology", k->name);
	return r == 0 ? fault_finish(f, fault_is_open(f), e) : r;
}

static int
inject(
    const struct invocation *v, const struct experiment *x, const struct host_options *h)
{
	struct run_options ro = {
		.inventory = h->inventory,
		.pki_dir = h->pki_dir,
		.include_self = h->include_self,
		.out_dir = option_get(v, "out"),
		.reason = option_get(v, "reason"),
		.rehearse = option_has(v, "rehearse"),
		.quiet = option_has(v, "quiet"),
		.json = option_has(v, "json"),
	};
	struct inventory *inventory;
	struct roster roster;
	int code = hosts_choose("stormctl inject", x, h, &inventory, &roster);

	if (code != 0)
		return code;
	ro.roster = &roster;
	agent_options_of(v, &ro.agent);
	code = (int)run_drill(x, &ro);
	roster_release(&roster);
	inventory_free(inventory);
	return code;
}

static int
run(const struct invocation *v)
{
	_cleanup_(free_experimentp) struct experiment *x = xcalloc(1, sizeof(*x));
	struct host_options ho;
	struct err e = { 0 };

	x->faults = xcalloc(1, sizeof(*x->faults));
	x->fault_count = 1;
	x->lease_ms = LEASE_DEFAULT_MS;
	x->budget.false_abort = 0.001;
	if (make_fault(x, v, &e) < 0 || host_options_of(v, &ho, &e) < 0) {
		(void)fprintf(stderr, "stormctl inject: %s\n", e.msg);
		return VERDICT_USAGE;
	}
	(void)snprintf(x->name, sizeof(x->name), "inject-%s", v->argv[0]);
	return inject(v, x, &ho);
}

static const struct option_def options[] = {
	{ "for", "DURATION", false, "how long the fault lasts; not for one-shot kinds" },
	{ "target", "EXPRESSION", false,
	    "on the hosts of which it holds: role=db and zone=a" },
	{ "host", "NAME", true, "on this host of the inventory" },
	{ "pick", "N", false, "so many of them: 1, 50%, minority or all (the default)" },
	{ "against", "EXPRESSION", false, "these hosts are the far side" },
	{ "topology", "NAME", false, "halves, isolate, ring, bridge or one-way" },
	OPTIONS_HOSTS,
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
	    "Without --target and --host it is injected here.  --against and --topology take\n"
	    "the place of to=: see stormdrill-experiment(5).\n"
	    "Nothing is probed: the fault lasts for --for, or until Ctrl-C (exit 8), and is\n"
	    "undone in either case.",
};
