/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When packets come, by each engine that this kernel has: delay, jitter, distribution,
 * correlation, order, rate, slots and ramps, measured both ways by IPv4 and IPv6 and compared
 * with what was asked for.  Nothing may come early; what comes late may be so by the slack
 * of measure.h; shares, means and quantiles have the bounds of five standard deviations.
 */
#include "measure.h"

static double delays[4 * COUNT_MAX];

static void
expect_all_came(void)
{
	for (int w = 0; w < FAULTY_WAYS; w++)
		for (unsigned i = 0; i < measure.series.count; i++)
			if (measure.samples[w][i].copies != 1)
				complain("%s: packet %u came %u times", ways[w].name, i,
				    measure.samples[w][i].copies);
}

static void
judge_delay(void)
{
	expect_all_came();
	for (int w = 0; w < FAULTY_WAYS; w++) {
		size_t n = delays_of(w, w, delays);

		expect(
		    "median", ways[w].name, quantile(delays, n, 0.5), 30, 30 + slack());
		expect("least", ways[w].name, delays[0], 30, 30 + slack());
	}
}

static void
a_delay_is_what_was_asked_for(void **state)
{
	(void)state;
	measure_fault("net.delay", "delay=30ms",
	    (struct series){ .count = 300, .every = 2, .linger = 150 }, judge_delay);
}

/* Evenly from 20 to 80. */
static void
judge_jitter(void)
{
	size_t n;

	expect_all_came();
	for (int w = 0; w < FAULTY_WAYS; w++) {
		double off;

		n = delays_of(w, w, delays);
		off = 5 * 60 * 0.5 / sqrt((double)n);
		expect("mean", ways[w].name, mean_of(delays, n), 50 - off * 0.6,
		    50 + off * 0.6 + slack());
		expect("spread", ways[w].name, spread_of(delays, n), 16, 18.7);
		for (int q = 1; q < 10; q++)
			expect("tenth", ways[w].name, quantile(delays, n, q / 10.0),
			    20 + 6 * q - off, 20 + 6 * q + off + slack());
		expect("least", ways[w].name, delays[0], 20, 20 + off);
		expect("all but a few", ways[w].name, quantile(delays, n, 0.99), 80 - off,
		    80 + slack());
	}
}

static void
jitter_spreads_evenly_about_the_delay(void **state)
{
	(void)state;
	measure_fault("net.delay", "delay=50ms jitter=30ms seed=5",
	    (struct series){ .count = 1000, .every = 1.5, .linger = 200 }, judge_jitter);
}

/* Where a standard normal, and tc's Pareto, have passed a share. */
static double
normal_at(double share)
{
	double low = -6, high = 6;

	while (high - low > 1e-6) {
		double middle = (low + high) / 2;

		if (0.5 * (1 + erf(middle / sqrt(2))) < share)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static double
pareto_at(double share)
{
	return (pow(1 - share, -1.0 / 3) - 1.5) * 4 / 3;
}

static void
judge_shape(double (*at)(double share))
{
	static const double shares[] = { 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95 };

	expect_all_came();
	for (int w = 0; w < FAULTY_WAYS; w += 2) { /* both families together */
		size_t n = delays_of(w, w + 1, delays);

		for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
			/* five deviations of the share itself */
			double u = shares[i];
			double off = 5 * sqrt(u * (1 - u) / (double)n);
			double low = u - off > 0.002 ? u - off : 0.002;
			double high = u + off < 0.998 ? u + off : 0.998;

			expect("quantile", ways[w].comes_in ? "in" : "out",
			    quantile(delays, n, u), 60 + 10 * at(low) - 0.05,
			    60 + 10 * at(high) + slack());
		}
	}
}

static void
judge_normal(void)
{
	judge_shape(normal_at);
}

static void
judge_pareto(void)
{
	judge_shape(pareto_at);
}

static void
distributions_have_their_shape(void **state)
{
	const struct series s = { .count = 1000, .every = 1.5, .linger = 250 };

	(void)state;
	measure_fault(
	    "net.delay", "delay=60ms jitter=10ms distribution=normal", s, judge_normal);
	measure_fault(
	    "net.delay", "delay=60ms jitter=10ms distribution=pareto", s, judge_pareto);
}

static void
judge_correlation(void)
{
	expect_all_came();
	for (int w = 0; w < FAULTY_WAYS; w += 2) {
		size_t n = delays_of(w, w + 1, delays); /* in the order sent */
		double mean = mean_of(delays, n), spread = spread_of(delays, n), sum = 0;

		for (size_t i = 1; i < n; i++)
			sum += (delays[i] - mean) * (delays[i - 1] - mean);
		expect("correlation", ways[w].comes_in ? "in" : "out",
		    sum / (double)(n - 1) / spread / spread, 0.7, 0.9);
		/* of what depends on the one before the spread is less */
		expect("spread", ways[w].comes_in ? "in" : "out", spread,
		    30 / sqrt(3) / 3 * 0.75, 30 / sqrt(3) / 3 * 1.25);
	}
}

static void
netem_refuses_to_correlate_delays(void)
{
	struct held_fault h = held_new("net.delay",
	    "delay=50ms jitter=30ms delay_correlation=80% to=" FAR4 " engine=netem");

	assert_false(held_try(&h, 's'));
	assert_non_null(strstr(h.state->e.msg, "cannot make delays correlate"));
	held_off(&h);
}

static void
delays_follow_each_other(void **state)
{
	(void)state;
	if (strcmp(measure.engine, "netem") == 0)
		netem_refuses_to_correlate_delays();
	else
		measure_fault("net.delay", "delay=50ms jitter=30ms delay_correlation=80%",
		    (struct series){ .count = 1000, .every = 1.5, .linger = 200 },
		    judge_correlation);
}

/* --- order ---------------------------------------------------------------------------- */

static void
judge_overtaking(double want)
{
	expect_all_came();
	for (int w = 0; w < FAULTY_WAYS; w += 2) {
		size_t n = delays_of(w, w + 1, delays), at_once = 0;

		for (size_t i = 0; i < n; i++) {
			at_once += delays[i] < 20;
			if (delays[i] > 5 + slack() && delays[i] < 40)
				complain("neither at once nor held: %.2f ms", delays[i]);
		}
		expect_share("at once", ways[w].comes_in ? "in" : "out",
		    (double)at_once / (double)n, want, (double)n);
	}
}

static void
judge_quarter(void)
{
	judge_overtaking(0.25);
}

static void
judge_every_fifth(void)
{
	unsigned since = 100;

	judge_overtaking(1.0 / 6);
	for (unsigned i = 0; i < 2 * measure.series.count; i++, since++) {
		const struct sample *s = in_turn(0, i);

		if (s->copies == 0 || s->got[0] - s->sent > 20)
			continue;
		if (since < 4)
			complain("packet %u overtook, %u after the last", i, since);
		since = (unsigned)-1;
	}
}

static void
packets_overtake_as_asked(void **state)
{
	const struct series s = { .count = 600, .every = 2, .linger = 200 };

	(void)state;
	measure_fault("net.reorder", "delay=40ms reorder=25%", s, judge_quarter);
	measure_fault(
	    "net.reorder", "delay=40ms reorder=50% gap=5", s, judge_every_fifth);
}

/* --- rate and slots ------------------------------------------------------------------- */

/* What a packet of 986 bytes takes at a pace of one: 1000 with the header of the link. */
static double per_packet;

/* Both families share the wire of their direction; what matters is the whole time. */
static void
judge_rate(void)
{
	const double want = per_packet * measure.pace;

	expect_all_came();
	for (int w = 0; w < FAULTY_WAYS; w += 2) {
		const unsigned n = 2 * measure.series.count;
		double first = in_turn(w / 2, 0)->got[0], last = first;

		for (unsigned i = 1; i < n; i++) {
			double got = in_turn(w / 2, i)->got[0];

			/* what is read together has no order between two sockets */
			if (i > 1 && got < in_turn(w / 2, i - 2)->got[0])
				complain("a wire does not reorder");
			last = fmax(last, got);
		}
		expect("ms a packet", ways[w].comes_in ? "in" : "out",
		    (last - first) / (n - 1), want * 0.99, want * 1.01 + slack() / n);
		expect("the first", ways[w].comes_in ? "in" : "out",
		    first - measure.samples[w][0].sent, want, want + slack() + 1);
	}
}

static void
a_wire_takes_its_time(void **state)
{
	const struct series s = { .count = 200, .every = 1, .size = 986, .linger = 800 };

	(void)state;
	per_packet = 1;
	measure_fault("net.rate", "rate=^8000kbit", s, judge_rate);
	per_packet = 1.1;
	measure_fault("net.rate", "rate=^8000kbit packet_overhead=100", s, judge_rate);
	per_packet = 1.113; /* 21 cells of 53 */
	measure_fault(
	    "net.rate", "rate=^8000kbit cell_size=48 cell_overhead=5", s, judge_rate);
}

/* What came within half a slot of each other is one bunch. */
static void
judge_slots(void)
{
	const double every = measure.series.every;
	const double span = every * measure.series.count;

	expect_all_came();
	for (int w = 0; w < FAULTY_WAYS; w += 2) {
		size_t n = 0, bunches = 1;

		for (unsigned i = 0; i < measure.series.count; i++)
			for (int k = w; k <= w + 1; k++)
				delays[n++] = measure.samples[k][i].got[0];
		qsort(delays, n, sizeof(delays[0]), by_value);
		for (size_t i = 1, first = 0; i < n; i++) {
			if (delays[i] - delays[i - 1] < 80)
				continue;
			expect("between two bunches", ways[w].comes_in ? "in" : "out",
			    delays[i] - delays[first], 160 - slack(),
			    160 + every + 2 * slack());
			first = i;
			bunches++;
		}
		expect("bunches", ways[w].comes_in ? "in" : "out", (double)bunches,
		    span / (160 + every) - 2, span / 160 + 2);
	}
}

static void
slots_make_bunches(void **state)
{
	(void)state;
	measure_fault("net.delay", "delay=1ms slot=160ms",
	    (struct series){ .count = 600, .every = 2, .linger = 400 }, judge_slots);
}

/* --- over time ------------------------------------------------------------------------ */

enum { RAMP_MS = 1500, RAMP_FROM = 20, RAMP_TO = 110, WINDOW = 50 };

/* Medians of 100 ms against the line; a step of 50 ms is 3 ms of it. */
static void
judge_ramp(void)
{
	const double start = measure.samples[0][0].sent, ramp = RAMP_MS * measure.pace;

	expect_all_came();
	for (unsigned from = 0; from + WINDOW <= measure.series.count; from += WINDOW) {
		size_t n = 0;
		double since = measure.samples[0][from + WINDOW / 2].sent - start;
		double want = since >= ramp ?
				  RAMP_TO :
				  RAMP_FROM + (RAMP_TO - RAMP_FROM) * since / ramp;

		for (unsigned i = 2 * from; i < 2 * (from + WINDOW); i++) {
			delays[n++] = in_turn(0, i)->got[0] - in_turn(0, i)->sent;
			delays[n++] = in_turn(1, i)->got[0] - in_turn(1, i)->sent;
		}
		expect("on the line", "", quantile(delays, n, 0.5), want - 4,
		    want + 3 + slack() * 2);
	}
}

static void
a_ramp_follows_its_line(void **state)
{
	const struct series s = { .count = 1000, .every = 2, .linger = 300 };

	(void)state;
	measure_fault("net.delay", "from=20ms delay=110ms ramp=@1500ms", s, judge_ramp);
}

/* Down again: what comes later is due earlier, and what is held keeps its time. */
static void
judge_ramp_down(void)
{
	double first = delays_of(0, 3, delays) > 0 ? delays[0] : 0;
	size_t n;

	expect_all_came();
	expect("the first", "", first, 100, 110 + slack() * 2);
	for (unsigned i = 0; i < measure.series.count; i++)
		if (measure.samples[0][i].got[0] - measure.samples[0][i].sent < 20)
			complain("packet %u came early", i);
	n = delays_of(0, 3, delays);
	expect("the last", "", delays[n - 1], 20, 20 + slack() * 2);
}

static void
a_ramp_down_lets_nothing_go_early(void **state)
{
	const struct series s = { .count = 800, .every = 2, .linger = 300 };

	(void)state;
	measure_fault(
	    "net.delay", "from=110ms delay=20ms ramp=@1000ms", s, judge_ramp_down);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delay_is_what_was_asked_for),
		cmocka_unit_test(jitter_spreads_evenly_about_the_delay),
		cmocka_unit_test(distributions_have_their_shape),
		cmocka_unit_test(delays_follow_each_other),
		cmocka_unit_test(packets_overtake_as_asked),
		cmocka_unit_test(a_wire_takes_its_time),
		cmocka_unit_test(slots_make_bunches),
		cmocka_unit_test(a_ramp_follows_its_line),
		cmocka_unit_test(a_ramp_down_lets_nothing_go_early),
	};

	return measure_main(argc, argv, tests, ARRAY_LEN(tests));
}
