/* SPDX-License-Identifier: Apache-2.0 */
/* What `stormctl probe` shows to people. */
#include "experiment.h"
#include "probe.h"
#include "probe_look.h"
#include <string.h>

/* "0.42 ms" "1234 ms", or "-" where there are too few to say. */
static const char *
ms(double us, bool is_known, char buf[static 24])
{
	if (is_known)
		(void)snprintf(buf, 24, "%.*f ms", us < 100000 ? 2 : 0, us / 1000);
	else
		(void)snprintf(buf, 24, "-");
	return buf;
}

static const char *
at_quantile(const struct hist *h, double q, char buf[static 24])
{
	bool is_known = hist_supports(h, q);

	return ms(is_known ? (double)hist_quantile(h, q) : 0, is_known, buf);
}

static int
name_width(const struct look *l)
{
	size_t width = 0;

	for (size_t i = 0; i < l->count; i++) {
		size_t len = strlen(l->checks[i].name);

		width = len > width ? len : width;
	}
	return (int)width;
}

/* --- a second ------------------------------------------------------------------------- */

void
look_print_second(struct look *l, usec_t now, FILE *f)
{
	int width = name_width(l);

	for (size_t i = 0; i < l->count; i++) {
		struct looked *k = &l->seen[i];
		const struct totals *t = &k->tally.second;
		char p50[24], max[24];

		if (t->n + t->skipped == 0)
			continue;
		(void)fprintf(f, "%+6.0fs  %-*s  %llu answer%s, %llu bad",
		    (double)(now - l->began) / (double)USEC_PER_SEC, width,
		    l->checks[i].name, (unsigned long long)t->n, t->n == 1 ? "" : "s",
		    (unsigned long long)t->bad);
		if (t->skipped > 0)
			(void)fprintf(
			    f, ", %llu not sent", (unsigned long long)t->skipped);
		if (t->hist.count > 0)
			(void)fprintf(f, ", p50 %s, max %s",
			    ms((double)hist_quantile(&t->hist, 0.5), true, p50),
			    ms((double)t->hist.max, true, max));
		if (t->bad > 0)
			(void)fprintf(f, ": %s", k->why);
		(void)fputc('\n', f);
	}
}

/* --- totals --------------------------------------------------------------------------- */

static void
print_row(FILE *f, const char *name, const struct hist *h)
{
	char p50[24], p90[24], p99[24], max[24];

	if (h->count == 0)
		return;
	(void)fprintf(f, "  %-10s %8llu %11s %11s %11s %11s\n", name,
	    (unsigned long long)h->count, at_quantile(h, 0.5, p50),
	    at_quantile(h, 0.9, p90), at_quantile(h, 0.99, p99),
	    ms((double)h->max, true, max));
}

/* Latency counts from the moment a request was due, its parts from when it began. */
static void
print_times(const struct looked *k, FILE *f)
{
	const struct timing_hists *t = &k->timing;
	const struct hist *latency = &k->tally.phase[PHASE_BEFORE].hist;

	if (latency->count == 0)
		return;
	(void)fprintf(f, "  %-10s %8s %11s %11s %11s %11s\n", "", "count", "p50", "p90",
	    "p99", "max");
	print_row(f, "latency", latency);
	print_row(f, "dns", &t->dns);
	print_row(f, "connect", &t->connect);
	print_row(f, "tls", &t->tls);
	print_row(f, "first byte", &t->first_byte);
	print_row(f, "total", &t->total);
}

static void
print_counts(const struct looked *k, FILE *f)
{
	const struct totals *t = &k->tally.phase[PHASE_BEFORE];
	const char *before = " (";

	(void)fprintf(f, "  %llu answer%s, %llu bad", (unsigned long long)t->n,
	    t->n == 1 ? "" : "s", (unsigned long long)t->bad);
	for (enum sample_class c = SAMPLE_SLOW; c < SAMPLE_SKIPPED; c++) {
		if (t->by_class[c] == 0)
			continue;
		(void)fprintf(f, "%s%s %llu", before, sample_class_name(c),
		    (unsigned long long)t->by_class[c]);
		before = ", ";
	}
	if (t->bad > 0)
		(void)fprintf(f, "; the first: %s)", k->first);
	if (t->skipped > 0)
		(void)fprintf(f, ", %llu not sent", (unsigned long long)t->skipped);
	if (t->late > 0)
		(void)fprintf(f, ", %llu sent late", (unsigned long long)t->late);
	(void)fputc('\n', f);
}

static void
print_judge(const struct look *l, size_t i, FILE *f)
{
	const struct judge_probe *null = &l->judge.probe[i];
	const struct probe_def *p = &l->checks[i];
	char span[32], rows[64] = "";
	usec_t after;
	unsigned n = look_outage(l, i, &after);

	if (null->stall > 0)
		(void)snprintf(rows, sizeof(rows), ", in rows of up to %u", null->stall);
	else if (null->r > null->p0)
		(void)snprintf(rows, sizeof(rows), ", in rows of %.2g on average at most",
		    1 / (1 - null->r));
	(void)fprintf(f,
	    "  a drill would take up to %.2g %% bad for normal%s; a full outage would stop it "
	    "after\n  %u bad answers, %s after the first is known\n",
	    100 * null->p0, rows, n,
	    format_usec(after / 1000 * 1000, span, sizeof(span)));
	if (p->slo.is_set && p->slo.spend > 0)
		(void)fprintf(f, "  it may spend %.0f bad answers of the error budget\n",
		    probe_slice(p));
}

static void
print_opinion(const struct look *l, size_t i, FILE *f)
{
	const struct totals *t = &l->seen[i].tally.phase[PHASE_BEFORE];
	const struct probe_def *p = &l->checks[i];

	switch (look_opinion(l, i)) {
	case OPINION_LOAD:
		(void)fputs("base load\n", f);
		break;
	case OPINION_STEADY:
		(void)fputs(look_is_guard(l, i) ? "holds\n" : "steady\n", f);
		break;
	case OPINION_FEW:
		(void)fprintf(f, "too few answers to say: 30 are needed\n");
		break;
	case OPINION_LATE:
		(void)fprintf(f,
		    "our own prober was late or skipped %.0f %%: this machine is too busy "
		    "to judge\n",
		    100 * totals_late_share(t));
		break;
	case OPINION_COARSE:
		(void)fprintf(f,
		    "too bad to judge by: abort_at %.6g %% is not clearly above what is "
		    "bad already\n",
		    100 * p->abort_at);
		break;
	case OPINION_UNSTEADY:
		if (look_is_guard(l, i))
			(void)fputs(t->n > 0 ? "the guard does not hold\n" :
					       "the guard gave no answer\n",
			    f);
		else
			(void)fprintf(f,
			    "not steady: %.4g %% good, the objective is %.6g %%\n",
			    100 * totals_good_share(t), 100 * p->objective);
		break;
	}
}

void
look_print(const struct look *l, FILE *f)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct probe_def *p = &l->checks[i];
		enum opinion o = look_opinion(l, i);

		(void)fprintf(f, "\n%s (%s, %.6g/s): ", p->name, probe_type_name(p->type),
		    (double)p->rate_mhz / 1000);
		print_opinion(l, i, f);
		print_counts(&l->seen[i], f);
		print_times(&l->seen[i], f);
		if (i < l->x->probe_count && o == OPINION_STEADY)
			print_judge(l, i, f);
	}
}
