/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of packets, by each engine that this kernel has: lost by each model, marked,
 * copied, damaged, beyond the limit, on and off, and when the wire goes away under the
 * fault.  Shares of packets that are in by themselves have the bounds of five standard
 * deviations; those of chains are wider, as bursts make a sample smaller.
 */
#include "measure.h"

static const char *const direction[] = { "out", "in" };

/* --- counting ------------------------------------------------------------------------- */

static unsigned
both_count(void)
{
	return 2 * measure.series.count;
}

static double
share_lost(int from, int to)
{
	unsigned lost = 0, n = 0;

	for (int w = from; w <= to; w++)
		for (unsigned i = 0; i < measure.series.count; i++, n++)
			lost += measure.samples[w][i].copies == 0;
	return (double)lost / n;
}

static double
share_marked(int from, int to)
{
	unsigned marked = 0, n = 0;

	for (int w = from; w <= to; w++)
		for (unsigned i = 0; i < measure.series.count; i++, n++)
			marked += measure.samples[w][i].is_marked;
	return (double)marked / n;
}

/* Of the packets that follow one that was lost. */
static double
lost_after_lost(int way_in)
{
	unsigned pairs = 0, after = 0;

	for (unsigned i = 1; i < both_count(); i++) {
		if (in_turn(way_in, i - 1)->copies > 0)
			continue;
		after++;
		pairs += in_turn(way_in, i)->copies == 0;
	}
	return after == 0 ? 0 : (double)pairs / after;
}

static void
expect_nothing_else(void)
{
	for (int w = 0; w < FAULTY_WAYS; w++)
		for (unsigned i = 0; i < measure.series.count; i++)
			if (measure.samples[w][i].copies > 1 ||
			    measure.samples[w][i].is_changed)
				complain("%s: packet %u was copied or damaged",
				    ways[w].name, i);
}

static const struct series many = { .count = 1500, .every = 1, .linger = 150 };

/* --- loss ----------------------------------------------------------------------------- */

static void
judge_fifth_lost(void)
{
	expect_nothing_else();
	for (int w = 0; w < FAULTY_WAYS; w++)
		expect_share(
		    "lost", ways[w].name, share_lost(w, w), 0.2, measure.series.count);
	expect_share("lost", "all ways", share_lost(OUT4, IN6), 0.2,
	    FAULTY_WAYS * measure.series.count);
	for (int in = 0; in < 2; in++) /* each by itself */
		expect_share("lost after one lost", direction[in], lost_after_lost(in),
		    0.2, both_count() * 0.2);
}

static void
judge_all_lost(void)
{
	for (int w = 0; w < FAULTY_WAYS; w++)
		expect("lost", ways[w].name, share_lost(w, w), 1, 1);
}

static void
packets_are_lost_each_by_itself(void **state)
{
	(void)state;
	measure_fault("net.loss", "loss=20%", many, judge_fifth_lost);
	measure_fault("net.loss", "loss=100%",
	    (struct series){ .count = 100, .every = 1, .linger = 100 }, judge_all_lost);
}

/* netem's numbers: half of each is that of the one before, by which both ends of the range
 * are rarer.  The share is worked out in tests/unit/test_net_model.c. */
static void
judge_correlated_loss(void)
{
	expect_nothing_else();
	for (int in = 0; in < 2; in++) {
		double share = share_lost(2 * in, 2 * in + 1);

		expect("lost", direction[in], share, 0.095, 0.165);
		expect("lost after one lost", direction[in], lost_after_lost(in), 0.28,
		    0.46);
	}
}

static void
correlated_losses_come_together(void **state)
{
	(void)state;
	measure_fault(
	    "net.loss", "loss=30% loss_correlation=50%", many, judge_correlated_loss);
}

/* From well to a burst 5 %, out of it 25 %; within it never well; single losses 2 %. */
static void
judge_state(void)
{
	/* shares of the states well, burst, single: w (1, 0.05 / 0.25, 0.02) */
	const double well = 1 / (1 + 0.2 + 0.02);

	expect_nothing_else();
	for (int in = 0; in < 2; in++) {
		expect("lost", direction[in], share_lost(2 * in, 2 * in + 1),
		    well * 0.22 - 0.075, well * 0.22 + 0.075);
		/* one after a burst's stays lost by 0.75; one after a single one is well */
		expect("lost after one lost", direction[in], lost_after_lost(in),
		    0.75 * 0.2 / 0.22 - 0.1, 0.75 * 0.2 / 0.22 + 0.1);
	}
}

/* To bad 4 %, to good 20 %; 90 % lost while bad, 2 % while good. */
static void
judge_gemodel(void)
{
	const double bad = 0.04 / 0.24;
	const double want = bad * 0.9 + (1 - bad) * 0.02;
	/* both lost: stays or turns, and loses there, too */
	const double both = bad * 0.9 * (0.8 * 0.9 + 0.2 * 0.02) +
			    (1 - bad) * 0.02 * (0.96 * 0.02 + 0.04 * 0.9);

	expect_nothing_else();
	for (int in = 0; in < 2; in++) {
		expect("lost", direction[in], share_lost(2 * in, 2 * in + 1), want - 0.07,
		    want + 0.07);
		expect("lost after one lost", direction[in], lost_after_lost(in),
		    both / want - 0.1, both / want + 0.1);
	}
}

static void
bursts_of_losses_follow_their_model(void **state)
{
	(void)state;
	measure_fault("net.loss", "loss_state=5%,25%,0%,100%,2%", many, judge_state);
	measure_fault("net.loss", "loss_gemodel=4%,20%,90%,2%", many, judge_gemodel);
}

static void
judge_marks(void)
{
	expect_nothing_else();
	for (int w = 0; w < FAULTY_WAYS; w++) {
		expect("lost", ways[w].name, share_lost(w, w), 0, 0);
		expect_share("marked", ways[w].name, share_marked(w, w), 0.2,
		    measure.series.count);
	}
}

static void
judge_no_marks(void)
{
	expect_nothing_else();
	for (int w = 0; w < FAULTY_WAYS; w++) {
		expect("marked", ways[w].name, share_marked(w, w), 0, 0);
		expect_share(
		    "lost", ways[w].name, share_lost(w, w), 0.2, measure.series.count);
	}
}

static void
what_can_be_marked_is_not_lost(void **state)
{
	struct series s = many;

	(void)state;
	s.ecn = 2;
	measure_fault("net.loss", "loss=20% ecn=yes", s, judge_marks);
	s.ecn = 0;
	measure_fault("net.loss", "loss=20% ecn=yes", s, judge_no_marks);
}

/* --- copies and damage ----------------------------------------------------------------- */

static void
judge_copies(void)
{
	unsigned all = 0;

	for (int w = 0; w < FAULTY_WAYS; w++) {
		unsigned twice = 0;

		for (unsigned i = 0; i < measure.series.count; i++) {
			const struct sample *s = &measure.samples[w][i];

			if (s->copies < 1 || s->copies > 2 || s->is_changed)
				complain("%s: packet %u came %u times%s", ways[w].name, i,
				    s->copies, s->is_changed ? ", damaged" : "");
			if (s->copies > 0 && s->got[0] - s->sent < 20)
				complain("%s: packet %u came early", ways[w].name, i);
			twice += s->copies == 2;
		}
		all += twice;
		expect_share("twice", ways[w].name, (double)twice / measure.series.count,
		    0.3, measure.series.count);
	}
	expect_share("twice", "all ways",
	    (double)all / FAULTY_WAYS / measure.series.count, 0.3,
	    FAULTY_WAYS * measure.series.count);
}

static void
packets_come_twice(void **state)
{
	(void)state;
	measure_fault("net.duplicate", "duplicate=30% delay=20ms", many, judge_copies);
}

/* A bit in a header loses a packet; any other comes in it.  Each damage is one bit. */
static void
judge_damage(void)
{
	unsigned all = 0;

	for (int w = 0; w < FAULTY_WAYS; w++) {
		unsigned changed = 0;

		for (unsigned i = 0; i < measure.series.count; i++) {
			changed += measure.samples[w][i].is_changed;
			if (measure.samples[w][i].copies > 1)
				complain("%s: packet %u came twice", ways[w].name, i);
		}
		all += changed;
		expect("lost", ways[w].name, share_lost(w, w), 0, 0.06);
		expect_share("damaged or lost", ways[w].name,
		    (double)changed / measure.series.count + share_lost(w, w), 0.4,
		    measure.series.count);
	}
	expect("bits a packet", "", (double)measure.flipped / all, 1, 1);
}

static void
packets_are_damaged_by_one_bit(void **state)
{
	struct series s = many;

	(void)state;
	s.size = 1000;
	measure_fault("net.corrupt", "corrupt=40%", s, judge_damage);
}

/* --- together, and bounds -------------------------------------------------------------- */

static void
judge_together(void)
{
	static double delays[COUNT_MAX];

	for (int w = 0; w < FAULTY_WAYS; w++) {
		unsigned twice = 0;
		size_t n = delays_of(w, w, delays);

		for (unsigned i = 0; i < measure.series.count; i++)
			twice += measure.samples[w][i].copies == 2;
		/* copied and neither lost, or not copied and lost */
		expect_share("twice", ways[w].name, (double)twice / measure.series.count,
		    0.3 * 0.8 * 0.8, measure.series.count);
		expect_share("lost", ways[w].name, share_lost(w, w), 0.7 * 0.2,
		    measure.series.count);
		expect(
		    "median", ways[w].name, quantile(delays, n, 0.5), 25, 32 + slack());
	}
}

static void
impairments_combine(void **state)
{
	(void)state;
	measure_fault("net.loss", "loss=20% duplicate=30% delay=30ms jitter=10ms", many,
	    judge_together);
}

/* All are sent before the first is due: as many come as may be held. */
static void
judge_limit(void)
{
	for (int w = 0; w < FAULTY_WAYS; w += 2)
		expect("came", direction[w / 2],
		    (1 - share_lost(w, w + 1)) * both_count(), 50, 50);
}

static void
what_is_beyond_the_limit_is_lost(void **state)
{
	(void)state;
	measure_fault("net.delay", "delay=@1000ms limit=50",
	    (struct series){ .count = 100, .every = 1, .linger = 1300 }, judge_limit);
}

/* --- on and off ------------------------------------------------------------------------ */

/* 300 ms without a packet, 200 ms with all, again and again from the beginning. */
static void
judge_flap(void)
{
	const double span = measure.series.every * measure.series.count;

	for (int w = 0; w < FAULTY_WAYS; w++) {
		const struct sample *s = measure.samples[w];
		double since = s[0].sent;
		unsigned turns = 0;

		for (unsigned i = 1; i < measure.series.count; i++) {
			bool is_off = s[i].copies > 0, was_off = s[i - 1].copies > 0;
			double want = was_off ? 200 : 300, off = 6 + 2 * slack();

			if (is_off == was_off)
				continue;
			/* the first began before the first packet */
			if (turns++ > 0)
				expect(was_off ? "off" : "on", ways[w].name,
				    s[i].sent - since, want - off,
				    want + off + measure.series.every);
			since = s[i].sent;
		}
		expect("turns", ways[w].name, turns, span / 250 - 2, span / 250 + 2);
	}
}

static void
a_flap_is_on_and_off(void **state)
{
	(void)state;
	measure_fault("net.loss", "loss=100% flap=300ms/200ms",
	    (struct series){ .count = 1000, .every = 2, .linger = 100 }, judge_flap);
}

/* From nothing to everything in a second. */
static void
judge_loss_ramp(void)
{
	const double start = measure.samples[0][0].sent, ramp = 1000 * measure.pace;
	enum { WINDOW = 100 };

	for (unsigned from = 0; from + WINDOW <= measure.series.count; from += WINDOW) {
		double since = measure.samples[0][from + WINDOW / 2].sent - start;
		double want = since >= ramp ? 1 : since / ramp;
		unsigned lost = 0;
		double off = 5 * sqrt(0.25 / (4 * WINDOW));

		for (unsigned i = from; i < from + WINDOW; i++)
			for (int w = 0; w < FAULTY_WAYS; w++)
				lost += measure.samples[w][i].copies == 0;
		/* a window of the line is 10 % wide, a step 5 % */
		expect("on the line", "", (double)lost / (4 * WINDOW), want - off - 0.06,
		    want + off + 0.06);
	}
}

static void
a_loss_grows_along_its_line(void **state)
{
	(void)state;
	measure_fault("net.loss", "from=0% loss=100% ramp=@1000ms",
	    (struct series){ .count = 1300, .every = 1, .linger = 100 }, judge_loss_ramp);
}

/* --- the wire goes away ----------------------------------------------------------------- */

static void
send_some(void)
{
	measure.series = (struct series){ .count = 20, .every = 1 };
	measure.run++;
	memset(measure.samples, 0, sizeof(measure.samples));
	for (unsigned i = 0; i < 20; i++)
		send_numbered(OUT4, i);
}

/* The kernel drops what it holds for an interface that goes down; the fault goes on. */
static void
an_interface_that_goes_down_takes_only_what_is_held(void **state)
{
	_cleanup_free_ char *args =
	    xasprintf("delay=300ms to=" FAR4 " engine=%s", measure.engine);
	struct held_fault h = held_on("net.delay", args);
	double until;

	(void)state;
	send_some();
	held_step(&h, 'h');
	assert_int_equal(ip("link set near0 down"), 0);
	assert_int_equal(ip("link set near0 up"), 0);
	assert_int_equal(ip("addr add " NEAR6 "/64 dev near0 nodad"), 0);
	for (until = clock_ms() + 600; clock_ms() < until;)
		wait_and_take(until);
	for (int i = 0; i < TRIES && echo_median(FAR4, ECHO_PORT) < 0; i++)
		continue;
	assert_true(echo_median(FAR4, ECHO_PORT) >= 300);
	held_step(&h, 'h');
	assert_false(h.state->run.lost);
	held_off(&h);
	assert_true(echo_median(FAR4, ECHO_PORT) < 300);
}

/* The other namespace dies, and with it both ends of the wire. */
static void
a_wire_that_vanishes_leaves_nothing_behind(void **state)
{
	_cleanup_free_ char *args =
	    xasprintf("delay=300ms to=" FAR4 " direction=both engine=%s", measure.engine);
	struct held_fault h = held_on("net.delay", args);
	_cleanup_free_ char *after = NULL;

	(void)state;
	send_some();
	held_step(&h, 'h');
	for (int w = 0; w < WAYS; w++) {
		(void)close(measure.tx[w]);
		(void)close(measure.rx[w]);
	}
	assert_int_equal(ip("link del near0"), 0);
	(void)kill(measure.far_pid, SIGKILL);
	(void)waitpid(measure.far_pid, NULL, 0);
	measure.far_pid = 0;
	held_step(&h, 'h');
	held_off(&h);
	after = held_look_around();
	assert_null(strstr(after, "sd-" HELD_ID));
	assert_null(strstr(after, "SD-" HELD_ID));
	assert_null(strstr(after, "sd" HELD_ID));
	assert_null(strstr(after, "\nqueue "));
	(void)close(measure.far_ns);
	(void)close(measure.near_ns);
	assert_int_equal(measure_start(), 0); /* for the next engine */
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_lost_each_by_itself),
		cmocka_unit_test(correlated_losses_come_together),
		cmocka_unit_test(bursts_of_losses_follow_their_model),
		cmocka_unit_test(what_can_be_marked_is_not_lost),
		cmocka_unit_test(packets_come_twice),
		cmocka_unit_test(packets_are_damaged_by_one_bit),
		cmocka_unit_test(impairments_combine),
		cmocka_unit_test(what_is_beyond_the_limit_is_lost),
		cmocka_unit_test(a_flap_is_on_and_off),
		cmocka_unit_test(a_loss_grows_along_its_line),
		cmocka_unit_test(an_interface_that_goes_down_takes_only_what_is_held),
		cmocka_unit_test(a_wire_that_vanishes_leaves_nothing_behind),
	};

	return measure_main(argc, argv, tests, ARRAY_LEN(tests));
}
