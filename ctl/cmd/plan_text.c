/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people. */
#include "kind.h"
#include "plan.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *
time_text(usec_t t, char *buf, size_t size)
{
	return format_usec(t, buf, size);
}

static void
print_head(const struct experiment *x, FILE *f)
{
	(void)fprintf(f, "%s\n", x->name);
	if (x->hypothesis != NULL)
		(void)fprintf(f, "  %s\n", x->hypothesis);
	if (x->vars != NULL)
		(void)fputs("\nvariables\n", f);
	for (char **v = x->vars; v != NULL && *v != NULL; v++)
		(void)fprintf(f, "  %s\n", *v);
}

static void
print_phases(const struct experiment *x, FILE *f)
{
	char t[32];

	(void)fputs("\nphases\n", f);
	if (x->probe_count > 0)
		(void)fprintf(f,
		    "  before  %-6s steady state must hold, or nothing is injected\n",
		    time_text(x->steady.before, t, sizeof(t)));
	(void)fprintf(f,
	    "  during  %-6s from fire on; a breach stops the drill and undoes everything\n",
	    time_text(x->steady.during, t, sizeof(t)));
	if (x->probe_count > 0)
		(void)fprintf(f,
		    "  after   %-6s within this it must meet its objectives again\n",
		    time_text(x->steady.after, t, sizeof(t)));
	(void)fprintf(f,
	    "  lease   %-6s without a word from stormctl the agent undoes everything\n",
	    time_text(x->lease_ms * USEC_PER_MSEC, t, sizeof(t)));
}

static void
print_status(const struct good *g, FILE *f)
{
	(void)fputs(" status ", f);
	for (size_t i = 0; i < g->status_count; i++) {
		(void)fprintf(f, "%s%u", i > 0 ? ", " : "", g->status[i].low);
		if (g->status[i].high != g->status[i].low)
			(void)fprintf(f, "-%u", g->status[i].high);
	}
}

static void
print_good(const struct probe_def *d, FILE *f)
{
	const struct good *g = &d->good;
	char t[32];

	(void)fputs("    good      ", f);
	if (d->type == PROBE_HTTP)
		print_status(g, f);
	else if (d->type == PROBE_EXEC)
		(void)fprintf(f, " exit %u", g->exit_status);
	(void)fprintf(f, " within %s", time_text(g->within, t, sizeof(t)));
	for (size_t i = 0; i < g->header_count; i++)
		(void)fprintf(f, ", header %s matches '%s'", g->headers[i].name,
		    g->headers[i].pattern);
	if (g->body != NULL)
		(void)fprintf(f, ", %s matches '%s'",
		    d->type == PROBE_EXEC ? "output" : "body", g->body);
	if (g->jq != NULL)
		(void)fprintf(f, ", jq '%s' is true", g->jq);
	if (!isinf(g->at_least))
		(void)fprintf(f, ", values at least %g", g->at_least);
	if (!isinf(g->at_most))
		(void)fprintf(f, ", values at most %g", g->at_most);
	if (g->may_be_empty)
		(void)fputs(", or no series", f);
	(void)fputc('\n', f);
}

static void
print_judge(const struct plan *p, size_t i, FILE *f)
{
	const struct probe_def *d = &p->x->probes[i];
	unsigned bad = judge_outage_samples(&p->judge, i);
	char t[32];
	usec_t takes = (usec_t)((double)(bad - 1) * 1000 / (double)d->rate_mhz *
				(double)USEC_PER_SEC);

	(void)fprintf(f, "    objective  %g %% good; %g %% bad is worth stopping for\n",
	    d->objective * 100, d->abort_at * 100);
	(void)fprintf(f,
	    "    judge      p0 %.2g %%, h %.1f: a full outage stops the drill at %u bad answers "
	    "(%s after the first is known)\n",
	    p->judge.probe[i].p0 * 100, p->judge.h, bad,
	    time_text(takes / USEC_PER_MSEC * USEC_PER_MSEC, t, sizeof(t)));
}

static void
print_probes(const struct plan *p, FILE *f)
{
	const struct experiment *x = p->x;
	char asks[512];

	if (x->probe_count > 0)
		(void)fputs("\nprobes\n", f);
	for (size_t i = 0; i < x->probe_count; i++) {
		const struct probe_def *d = &x->probes[i];

		(void)fprintf(
		    f, "  %s: %s\n", d->name, probe_describe(d, asks, sizeof(asks)));
		(void)fprintf(f,
		    "    rate       %g/s: %.0f samples before, %.0f during, %.0f after\n",
		    (double)d->rate_mhz / 1000, plan_samples(d, x->steady.before),
		    plan_samples(d, x->steady.during), plan_samples(d, x->steady.after));
		print_good(d, f);
		print_judge(p, i, f);
	}
	for (size_t i = 0; i < x->guard_count; i++)
		(void)fprintf(f, "%s  %s: %s, %g/s\n", i == 0 ? "\nguards\n" : "",
		    x->guards[i].name, probe_describe(&x->guards[i], asks, sizeof(asks)),
		    (double)x->guards[i].rate_mhz / 1000);
	for (size_t i = 0; i < x->load_count; i++)
		(void)fprintf(f, "%s  %s: %s, %g/s\n", i == 0 ? "\nbase load\n" : "",
		    x->loads[i].name, probe_describe(&x->loads[i], asks, sizeof(asks)),
		    (double)x->loads[i].rate_mhz / 1000);
}

static void
print_budget(const struct experiment *x, FILE *f)
{
	if (x->probe_count == 0)
		return;
	(void)fprintf(f,
	    "\nbudget\n  at most %g %% of the drills of a healthy system are stopped by chance\n",
	    x->budget.false_abort * 100);
	if (x->budget.max_bad != 0)
		(void)fprintf(
		    f, "  stops at %" PRIu64 " bad answers in all\n", x->budget.max_bad);
	if (x->budget.consecutive != 0)
		(void)fprintf(f, "  stops at %u bad answers of one probe in a row\n",
		    x->budget.consecutive);
}

/* Without the commands for a person behind each undo: they are 200 columns long, and in the
 * record for whoever needs them. */
void
plan_print_lines(const char *lines, const char *indent, FILE *f)
{
	for (size_t len; *lines != '\0'; lines += len + (lines[len] == '\n')) {
		len = strcspn(lines, "\n");
		const char *hand = memmem(lines, len, "   # ", 5);

		(void)fprintf(f, "%s%.*s\n", indent,
		    (int)(hand != NULL ? (size_t)(hand - lines) : len), lines);
	}
}

/* When there is no other host, the operations stand with the faults. */
static void
print_ops(const struct plan *p, size_t fault, FILE *f)
{
	const char *note, *ops;

	for (size_t i = 0; plan_is_here(p) && i < p->hosts[0].row->count; i++) {
		if (p->hosts[0].row->fault[i] != fault)
			continue;
		ops = plan_ops(&p->hosts[0], i, &note);
		if (note[0] != '\0')
			(void)fprintf(f, "      %s\n", note);
		if (ops != NULL)
			plan_print_lines(ops, "        ", f);
	}
}

static const char *
place_of(const struct plan *p, const struct fault_def *d)
{
	const struct target_def *t = experiment_target(p->x, d->target);

	return t != NULL && !target_is_local(t) ? d->target : "the local host";
}

static void
print_fault(const struct plan *p, size_t i, FILE *f)
{
	const struct fault_def *d = &p->x->faults[i];
	const struct kind *k = kind_find(d->spec.kind);
	char at[32], lasts[32], text[512];

	(void)fprintf(f, "  at %-6s %s %-6s %s: %s\n",
	    time_text(d->spec.at, at, sizeof(at)), d->spec.duration > 0 ? "for" : "   ",
	    d->spec.duration > 0 ? time_text(d->spec.duration, lasts, sizeof(lasts)) :
				   "once",
	    d->spec.name, spec_describe(&d->spec, text, sizeof(text)));
	(void)fprintf(f, "      on %s", place_of(p, d));
	if (d->against[0] != '\0')
		(void)fprintf(f, ", against %s", d->against);
	if (d->topology != TOPOLOGY_NONE)
		(void)fprintf(f, ", topology %s", topology_name(d->topology));
	(void)fputc('\n', f);
	if (k != NULL && (k->flags & KIND_IRREVERSIBLE) != 0)
		(void)fputs("      cannot be undone\n", f);
	for (char **r = d->resolved; r != NULL && *r != NULL; r++)
		(void)fprintf(f, "      %s\n", *r);
	plan_print_sides(p, i, f);
	print_ops(p, i, f);
}

static void
print_faults(const struct plan *p, FILE *f)
{
	const struct spec *specs[FILE_FAULTS_MAX];
	size_t order[FILE_FAULTS_MAX], count = p->x->fault_count;

	(void)fputs("\nfaults, by the time since fire\n", f);
	for (size_t i = 0; i < count; i++)
		specs[i] = &p->x->faults[i].spec;
	plan_by_time(specs, count, order);
	for (size_t i = 0; i < count; i++)
		print_fault(p, order[i], f);
}

void
plan_print(const struct plan *p, FILE *f)
{
	print_head(p->x, f);
	print_phases(p->x, f);
	print_probes(p, f);
	print_budget(p->x, f);
	plan_print_targets(p, f);
	print_faults(p, f);
	plan_print_hosts(p, f);
}
