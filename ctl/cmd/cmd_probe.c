/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl probe`: what a drill would see before it injects anything, and what its judge
 * would make of that.  No agent is asked and nothing is injected; base load runs, since the
 * probes of a drill would run under it.
 */
#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "experiment.h"
#include "open_experiment.h"
#include "parse.h"
#include "probe.h"
#include "probe_look.h"
#include "redact.h"
#include "verdict.h"
#include "xalloc.h"
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#define SPAN_DEFAULT   (10 * USEC_PER_SEC)
#define SPAN_MIN       USEC_PER_SEC
#define SPAN_MAX       (24 * 3600 * USEC_PER_SEC)
#define LATE_SHARE_MAX 0.05

/* --- what is seen --------------------------------------------------------------------- */

bool
look_is_guard(const struct look *l, size_t i)
{
	return i >= l->x->probe_count && i < l->judged;
}

static void
on_sample(void *ctx, const struct sample *s)
{
	struct look *l = ctx;
	struct looked *k = &l->seen[s->probe];

	tally_add(&k->tally, PHASE_BEFORE, s);
	if (!s->bad)
		return;
	memcpy(k->why, s->why, sizeof(k->why));
	if (k->first[0] == '\0')
		memcpy(k->first, s->why, sizeof(k->first));
}

/* Latencies and the parts of them, from the prober into the tallies. */
static void
take(struct look *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct looked *k = &l->seen[i];
		struct hist *h = &k->tally.second.hist;

		prober_hist(l->prober, i, false, h);
		hist_merge(&k->tally.phase[PHASE_BEFORE].hist, h);
		prober_timing(l->prober, i, false, &k->timing);
	}
}

/* --- what it means -------------------------------------------------------------------- */

static enum opinion
opinion_of_guard(const struct totals *t)
{
	return t->n > 0 && t->bad == 0 ? OPINION_STEADY : OPINION_UNSTEADY;
}

enum opinion
look_opinion(const struct look *l, size_t i)
{
	const struct totals *t = &l->seen[i].tally.phase[PHASE_BEFORE];
	const struct answers seen = totals_answers(t);

	if (i >= l->judged)
		return OPINION_LOAD;
	if (look_is_guard(l, i))
		return opinion_of_guard(t);
	if (totals_late_share(t) > LATE_SHARE_MAX)
		return OPINION_LATE;
	switch (judge_steady(&seen, l->checks[i].objective)) {
	case STEADY_FEW:
		return OPINION_FEW;
	case STEADY_NO:
		return OPINION_UNSTEADY;
	case STEADY_YES:
		break;
	}
	return l->seen[i].is_coarse ? OPINION_COARSE : OPINION_STEADY;
}

unsigned
look_outage(const struct look *l, size_t i, usec_t *ret_after)
{
	unsigned n = judge_outage_samples(&l->judge, i);

	*ret_after =
	    n > 0 ? (usec_t)(n - 1) * 1000 * USEC_PER_SEC / l->checks[i].rate_mhz : 0;
	return n;
}

/* A baseline that the judge cannot use is left out, so that the others are judged. */
static void
judge_it(struct look *l)
{
	struct judge_config c;
	size_t worst;

	judge_configure(&c, l->x);
	for (size_t i = 0; i < c.probe_count; i++)
		c.probe[i].base = totals_answers(&l->seen[i].tally.phase[PHASE_BEFORE]);
	while (judge_init(&l->judge, &c, &worst) < 0 && !l->seen[worst].is_coarse) {
		l->seen[worst].is_coarse = true;
		c.probe[worst].base = (struct answers){ 0 };
	}
}

static enum verdict
verdict(const struct look *l)
{
	struct findings f = { 0 };

	for (size_t i = 0; i < l->count; i++) {
		enum opinion o = look_opinion(l, i);

		f.unsteady |= o == OPINION_UNSTEADY || o == OPINION_COARSE;
		f.inconclusive |= o == OPINION_FEW || o == OPINION_LATE;
	}
	return verdict_of(&f);
}

/* --- looking -------------------------------------------------------------------------- */

/* A secret may have come back in an answer. */
static void
show(struct look *l, usec_t second)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		abort(); /* out of memory, as in xalloc */
	if (second != 0)
		look_print_second(l, second, f);
	else
		look_print(l, f);
	(void)fclose(f);
	redact(text, l->x->secrets);
	(void)fputs(text, stdout);
	(void)fflush(stdout);
}

static void
end_second(struct look *l, usec_t now, bool is_shown)
{
	take(l);
	if (is_shown)
		show(l, now);
	for (size_t i = 0; i < l->count; i++) {
		struct totals second;

		tally_second(&l->seen[i].tally, &second);
	}
}

/* Until its time is over, somebody has seen enough, or nobody reads on. */
static int
watch(struct look *l, int signals, bool is_shown, struct err *e)
{
	struct pollfd fds[] = {
		{ .fd = prober_fd(l->prober), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	usec_t now = clock_boottime(), end = now + l->span, second = now + USEC_PER_SEC;

	l->began = now;
	prober_start(l->prober, now);
	while ((now = clock_boottime()) < end && fds[1].revents == 0 && !ferror(stdout)) {
		usec_t next = second < end ? second : end;
		int ms = (int)((next - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC);

		(void)poll(fds, ARRAY_LEN(fds), now < next ? ms : 0);
		int r = prober_run(l->prober, e);
		if (r < 0)
			return r;
		if (clock_boottime() < second)
			continue;
		end_second(l, second, is_shown);
		second += USEC_PER_SEC;
	}
	prober_stop(l->prober);
	l->ended = clock_boottime();
	take(l);
	return 0;
}

/* Ctrl-C ends the look, not what it has to say. */
static int
open_signals(struct err *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(e, "block signals");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : err_errno(e, "signalfd");
}

static void
print_json(const struct look *l, enum verdict v)
{
	json_t *j = look_to_json(l);

	(void)json_object_set_new(j, "exit", json_integer((int)v));
	(void)json_object_set_new(
	    j, "verdict", json_string(v == VERDICT_HELD ? "steady" : verdict_name(v)));
	redact_json(j, l->x->secrets);
	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	(void)fputc('\n', stdout);
	json_decref(j);
}

static int
look(struct look *l, const struct invocation *v)
{
	const struct prober_options o = {
		.probes = l->checks, .count = l->count, .on_sample = on_sample, .ctx = l
	};
	bool is_shown = !option_has(v, "json") && !option_has(v, "quiet");
	_cleanup_close_ int signals = -1;
	struct err e = { 0 };
	int r = signals = open_signals(&e);

	if (r >= 0)
		r = prober_open(&l->prober, &o, &e);
	if (r >= 0)
		r = watch(l, signals, is_shown, &e);
	if (r < 0) {
		redact(e.msg, l->x->secrets);
		(void)fprintf(stderr, "stormctl probe: %s\n", e.msg);
		return e.outcome == OUTCOME_INVALID ? VERDICT_INVALID : VERDICT_INTERNAL;
	}
	judge_it(l);
	if (option_has(v, "json"))
		print_json(l, verdict(l));
	else
		show(l, 0);
	return verdict(l);
}

/* --- life ----------------------------------------------------------------------------- */

/* As long as a drill would look, and for each guard to be asked and answered once. */
static usec_t
usual_span(const struct look *l)
{
	usec_t span = l->x->steady.before > 0 ? l->x->steady.before : SPAN_DEFAULT;

	for (size_t i = l->x->probe_count; i < l->judged; i++) {
		const struct probe_def *g = &l->checks[i];
		usec_t need = 1000 * USEC_PER_SEC / g->rate_mhz + g->good.within;

		span = need > span ? need : span;
	}
	return span;
}

static int
choose_span(struct look *l, const struct invocation *v)
{
	const char *text = option_get(v, "for");
	struct err e = { 0 };

	l->span = usual_span(l);
	if (text == NULL)
		return 0;
	if (parse_usec(text, &l->span, &e) == 0 &&
	    (l->span < SPAN_MIN || l->span > SPAN_MAX))
		(void)err_invalid(&e, "'%s' is out of range: 1s to 24h", text);
	if (e.code == 0)
		return 0;
	(void)fprintf(stderr, "stormctl probe: --for: %s\n", e.msg);
	return VERDICT_USAGE;
}

static void
add(struct look *l, const struct probe_def *defs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		l->checks[l->count] = defs[i];
		l->seen[l->count].def = &l->checks[l->count];
		l->seen[l->count].tally.def = &l->checks[l->count];
		l->count++;
	}
}

static struct look *
look_new(const struct experiment *x)
{
	size_t room = x->probe_count + x->guard_count + x->load_count;
	struct look *l = xcalloc(1, sizeof(*l)); /* too large for a stack */

	l->x = x;
	l->checks = xcalloc(room, sizeof(*l->checks));
	l->seen = xcalloc(room, sizeof(*l->seen));
	add(l, x->probes, x->probe_count);
	add(l, x->guards, x->guard_count);
	l->judged = l->count;
	add(l, x->loads, x->load_count);
	return l;
}

static void
look_free(struct look *l)
{
	prober_free(l->prober);
	for (size_t i = 0; i < l->count; i++)
		tally_release(&l->seen[i].tally);
	free(l->seen);
	free(l->checks);
	free(l);
}

static int
run(const struct invocation *v)
{
	struct experiment *x = NULL;
	int code = open_experiment(v, v->argv[0], &x);

	if (code != 0)
		return code;
	struct look *l = look_new(x);
	if (l->judged == 0) {
		(void)fprintf(
		    stderr, "stormctl probe: %s has no probes and no guards\n", x->path);
		code = VERDICT_USAGE;
	} else {
		code = choose_span(l, v);
	}
	if (code == 0)
		code = look(l, v);
	look_free(l);
	experiment_free(x);
	return code;
}

static const struct option_def options[] = {
	OPTION_VAR,
	{ "for", "DURATION", false, "how long (default: steady.before)" },
	{ "quiet", NULL, false, "only the totals" },
	OPTION_JSON,
	{ 0 },
};

const struct cmd cmd_probe = {
	.name = "probe",
	.args = "FILE",
	.summary = "run an experiment's probes alone: is the system steady?",
	.args_min = 1,
	.args_max = 1,
	.options = options,
	.run = run,
	.help =
	    "Asks the probes and guards of FILE for a while, under its base load, with nothing\n"
	    "injected: a line a second, then for each what it counted, where the time of its\n"
	    "answers went, and what the judge of a drill would make of it.  Ctrl-C ends it\n"
	    "early.  Needs no agent and no root.  Exits 0 when all is steady, 4 when it is\n"
	    "not, 6 when there were too few answers to say.",
};
