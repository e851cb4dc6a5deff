/* SPDX-License-Identifier: Apache-2.0 */
/* A plan's probes, guards and base load, for people. */
#include "plan.h"
#include <math.h>
#include <string.h>

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
	(void)fprintf(f, " within %s", format_usec(g->within, t, sizeof(t)));
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
	    format_usec(takes / USEC_PER_MSEC * USEC_PER_MSEC, t, sizeof(t)));
}

/* How its connections are used, where that was said. */
static void
print_connections(const struct probe_def *d, FILE *f)
{
	if (d->fresh > 0)
		(void)fprintf(f, ", %g %% on new connections", d->fresh * 100);
	if (d->max_in_flight > 0)
		(void)fprintf(f, ", at most %u under way", d->max_in_flight);
}

static void
print_slo(const struct plan *p, const struct probe_def *d, FILE *f)
{
	double slice = probe_slice(d), most = plan_samples(d, p->x->steady.during);
	char window[32], longer[32], shorter[32];

	if (!d->slo.is_set)
		return;
	(void)fprintf(f, "    slo        %.6g %% over %s", d->slo.objective * 100,
	    format_usec(d->slo.window, window, sizeof(window)));
	if (slice > 0)
		(void)fprintf(f, ": %g %% of its budget is %.0f bad answers%s",
		    d->slo.spend * 100, ceil(slice),
		    ceil(slice) > most ? ", more than the drill asks for" : "");
	(void)fputc('\n', f);
	for (size_t i = 0; i < d->slo.burn_count; i++)
		(void)fprintf(f,
		    "    burn       stops when errors come %g times as fast as it allows, over %s and %s\n",
		    d->slo.burn[i].rate,
		    format_usec(d->slo.burn[i].longer, longer, sizeof(longer)),
		    format_usec(d->slo.burn[i].shorter, shorter, sizeof(shorter)));
}

static void
print_list(const char *title, const struct probe_def *list, size_t count, FILE *f)
{
	char asks[512];

	if (count > 0)
		(void)fprintf(f, "\n%s\n", title);
	for (size_t i = 0; i < count; i++) {
		const struct probe_def *d = &list[i];

		(void)fprintf(f, "  %s: %s, %g/s", d->name,
		    probe_describe(d, asks, sizeof(asks)), (double)d->rate_mhz / 1000);
		print_connections(d, f);
		(void)fputc('\n', f);
		print_good(d, f);
	}
}

void
plan_print_probes(const struct plan *p, FILE *f)
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
		    "    rate       %g/s: %.0f samples before, %.0f during, %.0f after",
		    (double)d->rate_mhz / 1000, plan_samples(d, x->steady.before),
		    plan_samples(d, x->steady.during), plan_samples(d, x->steady.after));
		print_connections(d, f);
		(void)fputc('\n', f);
		print_good(d, f);
		print_judge(p, i, f);
		print_slo(p, d, f);
	}
	print_list("guards", x->guards, x->guard_count, f);
	print_list("base load", x->loads, x->load_count, f);
}
