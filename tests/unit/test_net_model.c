/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of netem over 100,000 packets at a time: shares, means, spreads, correlation and
 * order against what theory says.  Everything is seeded, so the same numbers come out each
 * time; the bounds are those of five standard deviations or wider.
 */
#include "fates.h"

/* --- delay --- */

static void
a_delay_is_exact(void **state)
{
	const struct impairment i = { .delay = 50000 };

	(void)state;
	run_model(&i, 1);
	for (size_t k = 0; k < N; k++) {
		assert_int_equal(run.counts[k], 1);
		assert_int_equal(run.fates[k][0].kind, FATE_HOLD);
		assert_int_equal(run.fates[k][0].due, SEC + k * 10 * US + 50 * MS);
	}
}

static void
jitter_is_even_within_its_bounds(void **state)
{
	enum { BINS = 20 };
	const struct impairment i = { .delay = 100000, .jitter = 20000 };
	unsigned bins[BINS] = { 0 };

	(void)state;
	run_model(&i, 1);
	for (size_t k = 0; k < N; k++) {
		assert_true(run.delays[k] >= 80 && run.delays[k] < 120);
		bins[(size_t)((run.delays[k] - 80) / 2)]++;
	}
	assert_near("mean", mean_of(run.delays, N), 100, 5 * 11.55 / sqrt(N));
	assert_near("spread", sqrt(covariance(run.delays, N, 0)), 20 / sqrt(3), 0.1);
	assert_near("correlation",
	    covariance(run.delays, N, 1) / covariance(run.delays, N, 0), 0, 5 / sqrt(N));
	for (size_t b = 0; b < BINS; b++)
		assert_share("of one twentieth", (double)bins[b] / N, 1.0 / BINS);
}

/* Jitter up to a minute must not run over. */
static void
the_widest_jitter_is_even_too(void **state)
{
	const struct impairment i = { .delay = 60000000, .jitter = 60000000 };

	(void)state;
	run_model(&i, 2);
	assert_near("mean", mean_of(run.delays, N), 60000, 5 * 34641 / sqrt(N));
	assert_near("spread", sqrt(covariance(run.delays, N, 0)), 60000 / sqrt(3), 300);
}

static void
a_distribution_gives_its_shape(void **state)
{
	static const struct {
		const char *name;
		double mean, spread; /* in units of jitter: of the table */
	} cases[] = { { "normal", 0, 1 }, { "pareto", -0.0329, 0.8209 },
		{ "paretonormal", -0.0247, 0.8349 } };
	struct err e = { 0 };

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		_cleanup_free_ struct distribution *d = NULL;
		struct impairment i = { .delay = 100000, .jitter = 10000 };

		assert_ok(distribution_load(cases[c].name, &d, &e), e);
		i.distribution = d;
		run_model(&i, c);
		assert_near(cases[c].name, mean_of(run.delays, N),
		    100 + 10 * cases[c].mean, 5 * 10 / sqrt(N));
		assert_near(cases[c].name, sqrt(covariance(run.delays, N, 0)),
		    10 * cases[c].spread, 0.2);
	}
}

/* Of a series of which each value is r of the one before it the spread shrinks. */
static void
correlated_delays_follow_each_other(void **state)
{
	static const double rs[] = { 0.25, 0.5, 0.9 };
	struct err e = { 0 };
	_cleanup_free_ struct distribution *d = NULL;

	(void)state;
	assert_ok(distribution_load("normal", &d, &e), e);
	for (size_t c = 0; c < ARRAY_LEN(rs); c++) {
		double r = rs[c], variance;
		struct impairment i = { .delay = 100000,
			.jitter = 20000,
			.delay_correlation = (uint32_t)(r * SHARE_ALL) };

		run_model(&i, c);
		variance = covariance(run.delays, N, 0);
		assert_near(
		    "correlation", covariance(run.delays, N, 1) / variance, r, 0.02);
		assert_near("correlation of the second",
		    covariance(run.delays, N, 2) / variance, r * r, 0.02);
		assert_near("spread", sqrt(variance),
		    20 / sqrt(3) * sqrt((1 - r) / (1 + r)), 0.15);
		assert_near("mean", mean_of(run.delays, N), 100, 0.6);
		i.distribution = d;
		run_model(&i, c);
		variance = covariance(run.delays, N, 0);
		assert_near("correlation, normal",
		    covariance(run.delays, N, 1) / variance, r, 0.03);
	}
}

/* --- copies, damage, order --- */

static void
copies_have_their_share_and_their_own_fate(void **state)
{
	struct impairment i = { .delay = 10000, .jitter = 5000, .duplicate = 30000 };
	size_t copies = 0, same = 0, two = 0;

	(void)state;
	run_model(&i, 3);
	for (size_t k = 0; k < N; k++) {
		if (run.counts[k] != 2)
			continue;
		copies++;
		same += run.fates[k][0].due == run.fates[k][1].due;
	}
	assert_share("copies", (double)copies / N, 0.3);
	assert_true(same < copies / 1000); /* each draws its own delay */
	i.loss = 40000;
	run_model(&i, 4);
	/* a copied packet that is lost once is one packet; its copy may be lost, too */
	assert_share("nothing left", share_dropped(), 0.7 * 0.4);
	for (size_t k = 0; k < N; k++)
		two += run.counts[k] == 2;
	assert_share("two left", (double)two / N, 0.3 * 0.6 * 0.6);
}

static void
damage_is_anywhere(void **state)
{
	enum { BINS = 16 };
	const struct impairment i = { .corrupt = 40000 };
	unsigned bins[BINS] = { 0 };
	size_t damaged = 0;

	(void)state;
	run_model(&i, 5);
	for (size_t k = 0; k < N; k++) {
		damaged += run.fates[k][0].is_corrupted;
		if (run.fates[k][0].is_corrupted)
			bins[run.fates[k][0].where >> 28]++;
	}
	assert_share("damaged", (double)damaged / N, 0.4);
	for (size_t b = 0; b < BINS; b++)
		assert_share("of one sixteenth", (double)bins[b] / N, 0.4 / BINS);
}

static void
overtakers_have_their_share_and_their_gap(void **state)
{
	struct impairment i = { .delay = 10000, .reorder = 25000 };
	size_t overtook = 0, since = 0;

	(void)state;
	run_model(&i, 6);
	for (size_t k = 0; k < N; k++)
		overtook += run.fates[k][0].kind == FATE_NOW;
	assert_share("overtook", (double)overtook / N, 0.25);
	i.gap = 5;
	i.reorder = SHARE_ALL;
	run_model(&i, 6);
	for (size_t k = 0; k < N; k++)
		assert_int_equal(run.fates[k][0].kind == FATE_NOW, k % 5 == 4);
	i.reorder = 50000;
	run_model(&i, 6);
	overtook = 0;
	for (size_t k = 0; k < N; k++, since++) {
		if (run.fates[k][0].kind != FATE_NOW)
			continue;
		assert_true(since >= 4);
		since = (size_t)-1;
		overtook++;
	}
	/* four that may not, then one more for each that might but does not */
	assert_near(
	    "overtook, every fifth at most", (double)overtook / N, 1.0 / 6, 0.003);
}

/* --- rate and slots --- */

static void
a_wire_is_busy_as_long_as_its_bytes_take(void **state)
{
	static const struct {
		struct impairment i;
		uint64_t each; /* ns for a packet of 1000 bytes */
	} cases[] = {
		{ { .rate = 8000000 }, 1000 * US },
		{ { .rate = 8000000, .packet_overhead = 24 }, 1024 * US },
		{ { .rate = 8000000, .packet_overhead = -500 }, 500 * US },
		{ { .rate = 8000000, .packet_overhead = -2000 }, 0 },
		/* 21 cells of 48 and 5 */
		{ { .rate = 8000000, .cell_size = 48, .cell_overhead = 5 }, 1113 * US },
		{ { .rate = 8000000, .cell_size = 1000 }, 1000 * US },
		{ { .rate = UINT64_C(8000000000) }, 1000 },
	};

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct model m;

		model_init(&m, &cases[c].i, 1, LIMIT);
		decide_all(&m, SEC, 0, false);
		for (size_t k = 0; k < N; k++)
			assert_int_equal(
			    run.fates[k][0].due, SEC + (k + 1) * cases[c].each);
		model_release(&m);
	}
}

/* Waiting for the wire counts as delay, as with netem; an idle wire does not save up. */
static void
a_rate_adds_to_a_delay_only_what_the_wire_takes(void **state)
{
	const struct impairment i = { .delay = 10000, .rate = 8000000 };
	struct model m;

	(void)state;
	model_init(&m, &i, 1, LIMIT);
	decide_all(&m, SEC, 5 * MS, false); /* a fifth of what it takes */
	for (size_t k = 0; k < N; k++)
		assert_int_equal(run.fates[k][0].due, SEC + k * 5 * MS + 11 * MS);
	model_release(&m);
	model_init(&m, &i, 1, LIMIT);
	decide_all(&m, SEC, 500 * US, false); /* twice as much */
	for (size_t k = 0; k < N; k++)
		assert_int_equal(run.fates[k][0].due, SEC + 11 * MS + k * MS);
	model_release(&m);
}

static void
a_wire_with_jitter_keeps_the_order(void **state)
{
	const struct impairment i = { .delay = 10000, .jitter = 10000, .rate = 80000000 };
	uint64_t last = 0;

	(void)state;
	run_model(&i, 8);
	for (size_t k = 0; k < N; k++) {
		assert_true(run.fates[k][0].due >= last + 100 * US);
		last = run.fates[k][0].due;
	}
}

static void
what_is_beyond_the_limit_is_dropped(void **state)
{
	const struct impairment i = { .delay = 10000, .duplicate = SHARE_ALL };
	size_t held = 0;
	struct model m;

	(void)state;
	model_init(&m, &i, 1, 101);
	for (size_t k = 0; k < 200; k++) {
		const struct model_packet p = { .at = SEC, .len = 100 };
		struct fate fates[2];
		size_t n = model_decide(&m, &p, fates);

		if (fates[0].kind == FATE_DROP)
			assert_int_equal(n, 1);
		for (size_t j = 0; j < n && fates[0].kind == FATE_HOLD; j++, held++)
			model_hold(&m, &(struct held){ .due = fates[j].due });
	}
	/* the last place is the packet's, not its copy's */
	assert_int_equal(held, 101);
	assert_int_equal(m.line.count, 101);
	model_release(&m);
}

/* What was seen of the bunches that came out of a model. */
struct bunches {
	uint64_t last; /* when it went */
	unsigned in_this, most, count;
};

static void
see_packet(struct bunches *b, const struct impairment *i, uint64_t now)
{
	if (now != b->last) {
		assert_true(b->last == 0 || now - b->last >= i->slot * 1000);
		assert_true(b->last == 0 || now - b->last <= i->slot_max * 1000 + 2 * MS);
		b->last = now;
		b->count++;
		b->in_this = 0;
	}
	if (++b->in_this > b->most)
		b->most = b->in_this;
}

/* Every packet comes with a bunch: never two bunches within the slot, never too many in
 * one, and nothing before it is due. */
static void
slots_let_packets_go_in_bunches(void **state)
{
	enum { COUNT = 2000 };
	static const struct impairment cases[] = {
		{ .delay = 5000, .slot = 20000, .slot_max = 20000 },
		{ .delay = 5000, .slot = 10000, .slot_max = 30000, .slot_packets = 7 },
		{ .slot = 20000, .slot_max = 20000, .slot_bytes = 5000 },
	};
	static const unsigned mosts[] = { 21, 7, 5 };

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct bunches b = { 0 };
		uint64_t now = SEC;
		struct model m;
		struct held h;

		model_init(&m, &cases[c], 1, LIMIT);
		for (uint32_t k = 0; k < COUNT; k++) {
			const struct model_packet p = { .at = SEC + k * MS, .len = 1000 };
			struct fate f[2];

			assert_int_equal(model_decide(&m, &p, f), 1);
			model_hold(
			    &m, &(struct held){ .due = f[0].due, .id = k, .len = p.len });
		}
		for (unsigned out = 0; out < COUNT; out++) {
			while (!model_pop(&m, now, &h)) {
				assert_true(model_next(&m) > now);
				now = model_next(&m);
			}
			assert_int_equal(h.id, out);
			assert_true(h.due <= now);
			see_packet(&b, &cases[c], now);
		}
		print_message("         %u bunches, at most %u\n", b.count, b.most);
		assert_int_equal(b.most, mosts[c]);
		model_release(&m);
	}
}

/* --- change and chance --- */

static void
a_change_leaves_what_is_held_as_it_is(void **state)
{
	struct impairment i = { .delay = 100000 };
	const struct model_packet p = { .at = SEC, .len = 100 };
	struct fate f[2];
	struct model m;
	struct held h;

	(void)state;
	model_init(&m, &i, 1, LIMIT);
	assert_int_equal(model_decide(&m, &p, f), 1);
	model_hold(&m, &(struct held){ .due = f[0].due, .id = 1 });
	i.delay = 10000;
	model_change(&m, &i);
	assert_int_equal(model_next(&m), SEC + 100 * MS);
	assert_int_equal(model_decide(&m, &p, f), 1);
	model_hold(&m, &(struct held){ .due = f[0].due, .id = 2 });
	assert_int_equal(model_next(&m), SEC + 10 * MS);
	assert_true(model_pop(&m, SEC + 10 * MS, &h));
	assert_int_equal(h.id, 2);
	assert_false(model_pop(&m, SEC + 100 * MS - 1, &h));
	assert_true(model_pop(&m, SEC + 100 * MS, &h));
	assert_int_equal(h.id, 1);
	model_release(&m);
}

static void
the_same_seed_gives_the_same_fates(void **state)
{
	static struct run first;
	const struct impairment i = { .delay = 10000,
		.jitter = 5000,
		.delay_correlation = 20000,
		.loss_model = LOSS_GEMODEL,
		.loss_args = { 1000, 10000, 100000, 0 },
		.duplicate = 5000,
		.corrupt = 5000,
		.reorder = 10000 };

	(void)state;
	run_model(&i, 42);
	first = run;
	memset(&run, 0, sizeof(run));
	run_model(&i, 42);
	for (size_t k = 0; k < N; k++) {
		assert_int_equal(first.counts[k], run.counts[k]);
		for (size_t j = 0; j < run.counts[k]; j++) {
			assert_int_equal(first.fates[k][j].kind, run.fates[k][j].kind);
			assert_int_equal(first.fates[k][j].due, run.fates[k][j].due);
			assert_int_equal(first.fates[k][j].where, run.fates[k][j].where);
		}
	}
	run_model(&i, 43);
	assert_int_not_equal(memcmp(first.delays, run.delays, sizeof(run.delays)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delay_is_exact),
		cmocka_unit_test(jitter_is_even_within_its_bounds),
		cmocka_unit_test(the_widest_jitter_is_even_too),
		cmocka_unit_test(a_distribution_gives_its_shape),
		cmocka_unit_test(correlated_delays_follow_each_other),
		cmocka_unit_test(copies_have_their_share_and_their_own_fate),
		cmocka_unit_test(damage_is_anywhere),
		cmocka_unit_test(overtakers_have_their_share_and_their_gap),
		cmocka_unit_test(a_wire_is_busy_as_long_as_its_bytes_take),
		cmocka_unit_test(a_rate_adds_to_a_delay_only_what_the_wire_takes),
		cmocka_unit_test(a_wire_with_jitter_keeps_the_order),
		cmocka_unit_test(what_is_beyond_the_limit_is_dropped),
		cmocka_unit_test(slots_let_packets_go_in_bunches),
		cmocka_unit_test(a_change_leaves_what_is_held_as_it_is),
		cmocka_unit_test(the_same_seed_gives_the_same_fates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
