/* SPDX-License-Identifier: Apache-2.0 */
/* What `stormctl probe` saw, for programs.  Times in µs, shares from 0 to 1. */
#include "experiment.h"
#include "probe.h"
#include "probe_look.h"

static const char *
opinion_name(enum opinion o)
{
	static const char *const names[] = {
		[OPINION_STEADY] = "steady",
		[OPINION_UNSTEADY] = "not-steady",
		[OPINION_COARSE] = "too-bad-to-judge-by",
		[OPINION_FEW] = "too-few",
		[OPINION_LATE] = "prober-late",
		[OPINION_LOAD] = "load",
	};

	return names[o];
}

static void
add_quantile(json_t *j, const char *key, const struct hist *h, double q)
{
	if (hist_supports(h, q))
		(void)json_object_set_new(
		    j, key, json_integer((json_int_t)hist_quantile(h, q)));
}

static void
add_times(json_t *parts, const char *name, const struct hist *h)
{
	json_t *j;

	if (h->count == 0)
		return;
	j = json_pack("{s:I}", "count", (json_int_t)h->count);
	add_quantile(j, "p50_us", h, 0.5);
	add_quantile(j, "p90_us", h, 0.9);
	add_quantile(j, "p99_us", h, 0.99);
	(void)json_object_set_new(j, "max_us", json_integer((json_int_t)h->max));
	(void)json_object_set_new(parts, name, j);
}

static json_t *
times_to_json(const struct looked *k)
{
	json_t *j = json_object();

	add_times(j, "latency", &k->tally.phase[PHASE_BEFORE].hist);
	add_times(j, "dns", &k->timing.dns);
	add_times(j, "connect", &k->timing.connect);
	add_times(j, "tls", &k->timing.tls);
	add_times(j, "first_byte", &k->timing.first_byte);
	add_times(j, "total", &k->timing.total);
	return j;
}

static json_t *
classes_to_json(const struct totals *t)
{
	json_t *j = json_object();

	for (enum sample_class c = SAMPLE_SLOW; c < SAMPLE_SKIPPED; c++)
		if (t->by_class[c] > 0)
			(void)json_object_set_new(j, sample_class_name(c),
			    json_integer((json_int_t)t->by_class[c]));
	return j;
}

static json_t *
judge_to_json(const struct look *l, size_t i)
{
	const struct judge_probe *null = &l->judge.probe[i];
	usec_t after;
	unsigned n = look_outage(l, i, &after);

	return json_pack("{s:f, s:f, s:f, s:i, s:I}", "p0", null->p0, "q", null->q, "r",
	    null->r, "outage_samples", (int)n, "outage_us", (json_int_t)after);
}

static json_t *
looked_to_json(const struct look *l, size_t i)
{
	const struct probe_def *p = &l->checks[i];
	const struct looked *k = &l->seen[i];
	const struct totals *t = &k->tally.phase[PHASE_BEFORE];
	enum opinion o = look_opinion(l, i);
	json_t *j =
	    json_pack("{s:s, s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:f, s:o, s:o}",
		"name", p->name, "is",
		i >= l->judged      ? "load" :
		look_is_guard(l, i) ? "guard" :
				      "probe",
		"type", probe_type_name(p->type), "state", opinion_name(o), "rate",
		(double)p->rate_mhz / 1000, "n", (json_int_t)t->n, "bad",
		(json_int_t)t->bad, "skipped", (json_int_t)t->skipped, "late",
		(json_int_t)t->late, "good_share", totals_good_share(t), "classes",
		classes_to_json(t), "times", times_to_json(k));

	if (t->bad > 0)
		(void)json_object_set_new(j, "first_bad", json_string(k->first));
	if (i < l->judged)
		(void)json_object_set_new(j, "objective", json_real(p->objective));
	if (i < l->x->probe_count && o == OPINION_STEADY)
		(void)json_object_set_new(j, "judge", judge_to_json(l, i));
	return j;
}

json_t *
look_to_json(const struct look *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->count; i++)
		(void)json_array_append_new(list, looked_to_json(l, i));
	return json_pack("{s:s, s:I, s:o}", "experiment", l->x->name, "for_us",
	    (json_int_t)(l->ended - l->began), "probes", list);
}
