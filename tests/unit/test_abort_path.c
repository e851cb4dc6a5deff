/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a bad answer that is known to the undo on every wire: nothing is resolved, allocated,
 * logged or rendered on the way.  The judge, the abort and the fleet are the real ones,
 * the agent's front is as it ships; libcurl's part of the way is watched, too.
 */
#include "abort_watch.h"
#include "drill.h"
#include "fake_stormd.h"
#include "xalloc.h"

#define HOSTS    2
#define PATIENCE (60 * USEC_PER_SEC)

struct path {
	struct drill d;
	struct experiment x;
	struct run_options o;
	struct probe_def probe;
	struct tally tally;
	struct party parties[HOSTS];
	size_t answers, breaches;
};

static void
on_answer(void *ctx, const struct fleet_answer *a)
{
	struct path *p = ctx;

	assert_int_equal(a->err.code, 0);
	p->answers++;
	p->breaches += a->what == FLEET_BREACH;
}

static void
on_lost(void *ctx, size_t host, const struct err *why)
{
	(void)ctx, (void)host;
	fail_msg("the agent is lost: %s", why->msg);
}

static bool
are_answered(void *ctx)
{
	const struct path *p = ctx;

	return p->answers >= p->d.party_count;
}

static void
open_warm(struct path *p, const struct stage *s)
{
	const struct fleet_options o = {
		.on_answer = on_answer, .on_lost = on_lost, .ctx = p
	};
	const struct endpoint where = { .name = "here", .socket = s->socket };
	struct err e = { 0 };

	assert_ok(fleet_open(&p->d.fleet, &o, &e), e);
	for (size_t i = 0; i < p->d.party_count; i++) {
		assert_int_equal(fleet_add(p->d.fleet, &where, &e), i);
		fleet_warm(p->d.fleet, i, KNOWN);
	}
	assert_true(fleet_wait(p->d.fleet, clock_boottime() + PATIENCE, are_answered, p));
	p->answers = 0;
}

/* In the middle of `during`, on so many hosts. */
static struct path *
path_open(const struct stage *s, size_t hosts)
{
	struct path *p = xcalloc(1, sizeof(*p));
	struct drill *d = &p->d;

	(void)snprintf(p->probe.name, sizeof(p->probe.name), "shop");
	p->probe.rate_mhz = 200 * 1000;
	p->probe.objective = 0.99;
	p->probe.abort_at = 0.5;
	p->probe.good.within = USEC_PER_SEC;
	p->tally.def = &p->probe;
	p->x.probes = &p->probe;
	p->x.probe_count = 1;
	p->x.budget.false_abort = 0.001;
	p->o.quiet = true;
	d->x = &p->x;
	d->o = &p->o;
	d->out.ndjson = -1;
	d->out.quiet = true;
	d->checks = &p->probe;
	d->check_count = d->judged_count = 1;
	d->tally = &p->tally;
	d->phase = PHASE_DURING;
	d->began = d->fired = d->during_from = clock_boottime();
	d->after_from = USEC_INFINITY;
	d->is_judging = true;
	d->parties = p->parties;
	d->party_count = hosts;
	for (size_t i = 0; i < hosts; i++)
		p->parties[i] = (struct party){ .d = d,
			.name = "here",
			.host = "",
			.is_armed = true,
			.is_warm = true };
	open_warm(p, s);
	return p;
}

static void
path_close(struct path *p)
{
	fleet_free(p->d.fleet);
	tally_release(&p->tally);
	free(p->d.out.events);
	free(p);
}

static void
begin_judging(struct path *p, uint32_t consecutive)
{
	struct judge_config c = {
		.alpha = 0.001, .consecutive = consecutive, .probe_count = 1
	};
	size_t worst;

	c.probe[0].objective = p->probe.objective;
	c.probe[0].abort_at = p->probe.abort_at;
	c.probe[0].planned = 6000;
	assert_int_equal(judge_init(&p->d.judge, &c, &worst), 0);
}

/* Bad answers, each watched, until one stops the drill: how many that took. */
static size_t
stop_it(struct path *p)
{
	size_t n = 0;

	while (p->d.stop == STOP_NOT && n < 100) {
		struct sample s = { .class = SAMPLE_STATUS,
			.bad = true,
			.intended = p->d.fired + n * 5000,
			.known = p->d.fired + n * 5000,
			.why = "status 503" };

		/* What an answer that decides nothing leads to may take its time. */
		bool is_last = n + 1 == judge_outage_samples(&p->d.judge, 0) ||
			       p->d.judge.config.consecutive == 1;
		if (is_last)
			watch_begin(p->d.party_count);
		phase_sample(&p->d, &s);
		watch_end();
		n++;
	}
	return n;
}

static void
expect_nothing_but_sends(const struct path *p)
{
	if (watch.struck != NULL)
		fail_msg("between the answer and the wire: %s (number %d)", watch.struck,
		    watch.number);
	assert_int_equal(watch.sent_count, p->d.party_count);
	for (size_t i = 0; i < watch.sent_count; i++)
		assert_non_null(strstr(
		    watch.sent[i], "/v1/drills/" KNOWN "/undo?cause=breach HTTP/1.1"));
}

static void
expect_it_arrives(struct path *p)
{
	assert_true(fleet_wait(p->d.fleet, clock_boottime() + PATIENCE, are_answered, p));
	assert_int_equal(p->breaches, p->d.party_count);
	for (size_t i = 0; i < p->d.party_count; i++)
		assert_true(p->parties[i].is_undo_sent &&
			    p->parties[i].undo_sent >= p->d.decided);
}

static void
nothing_lies_between_the_evidence_and_the_wire(void **state)
{
	struct path *p = path_open(*state, 1);

	begin_judging(p, 0);
	assert_int_equal(stop_it(p), judge_outage_samples(&p->d.judge, 0));
	assert_int_equal(p->d.decision.reason, JUDGE_BREACH);
	expect_nothing_but_sends(p);
	expect_it_arrives(p);
	path_close(p);
}

static void
one_bad_answer_in_a_row_goes_the_same_way(void **state)
{
	struct path *p = path_open(*state, 1);

	begin_judging(p, 1);
	assert_int_equal(stop_it(p), 1);
	assert_int_equal(p->d.decision.reason, JUDGE_CONSECUTIVE);
	expect_nothing_but_sends(p);
	expect_it_arrives(p);
	path_close(p);
}

static void
a_guard_goes_the_same_way(void **state)
{
	struct path *p = path_open(*state, 1);
	const struct sample s = {
		.class = SAMPLE_STATUS, .bad = true, .intended = p->d.fired
	};

	p->x.probe_count = 0; /* the check is a guard then */
	watch_begin(1);
	phase_sample(&p->d, &s);
	watch_end();
	assert_int_equal(p->d.decision.reason, JUDGE_GUARD);
	expect_nothing_but_sends(p);
	expect_it_arrives(p);
	path_close(p);
}

static void
every_host_is_told_before_anything_else(void **state)
{
	struct path *p = path_open(*state, HOSTS);

	begin_judging(p, 1);
	assert_int_equal(stop_it(p), 1);
	expect_nothing_but_sends(p);
	expect_it_arrives(p);
	path_close(p);
}

/* --- the watch itself ----------------------------------------------------------------- */

static void
the_watch_sees_a_log_line(void **state)
{
	if (!WATCHES_MALLOC)
		skip_test("a sanitizer dies of the system calls it is kept from");
	struct path *p = path_open(*state, 1);

	watch_begin(1);
	drill_say(&p->d, EVENT_NOTE, NULL, "stopping");
	watch_end();
	assert_non_null(watch.struck);
	path_close(p);
}

static void
the_watch_sees_each_kind_of_detour(void **state)
{
	char text[16];

	(void)state;
	watch_begin(1);
	(void)snprintf(text, sizeof(text), "%d", watch.number);
	watch_end();
	assert_string_equal(watch.struck, "snprintf");
	if (WATCHES_MALLOC) {
		watch_begin(1);
		free(xcalloc(1, 16));
		watch_end();
		assert_string_equal(watch.struck, "calloc");
	}
	watch_begin(1);
	(void)getppid();
	watch_end();
	if (!watch.has_dispatch)
		skip_test("this kernel has no syscall user dispatch");
	assert_string_equal(watch.struck, "a system call");
	assert_int_equal(watch.number, SYS_getppid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_lies_between_the_evidence_and_the_wire),
		cmocka_unit_test(one_bad_answer_in_a_row_goes_the_same_way),
		cmocka_unit_test(a_guard_goes_the_same_way),
		cmocka_unit_test(every_host_is_told_before_anything_else),
		cmocka_unit_test(the_watch_sees_a_log_line),
		cmocka_unit_test(the_watch_sees_each_kind_of_detour),
	};

	return cmocka_run_group_tests(tests, stage_open, stage_close);
}
