/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people. */
#include "kind.h"
#include "plan.h"
#include <inttypes.h>
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
print_budget(const struct experiment *x, FILE *f)
{
	char t[32];

	if (x->probe_count == 0)
		return;
	(void)fprintf(f,
	    "\nbudget\n  at most %g %% of the drills of a healthy system are stopped by chance\n",
	    x->budget.false_abort * 100);
	if (x->budget.stall != 0)
		(void)fprintf(f,
		    "  a pause of %s is normal: for so long, bad answers in a row are no evidence\n",
		    time_text(x->budget.stall, t, sizeof(t)));
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
	plan_print_probes(p, f);
	print_budget(p->x, f);
	plan_print_targets(p, f);
	print_faults(p, f);
	plan_print_hosts(p, f);
}
