/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's netem is told, and how many filters it takes: the pure part. */
#include "test.h"

#include <netinet/in.h>
#include <string.h>

#include "cleanup.h"
#include "netem.h"
#include "parse.h"

#define GBIT (UINT64_C(1000000000) / 8)

static void
reordering_needs_a_gap_and_rates_are_bytes(void **state)
{
	struct impairment i = { .delay = 5000, .reorder = 25000, .rate = 1000000 };
	struct netem n = netem_of(&i);

	(void)state;
	assert_int_equal(n.gap, 1);
	assert_int_equal(n.reorder, 25000);
	assert_int_equal(n.rate, 125000);
	i.gap = 7;
	i.rate = 3; /* less than a byte: none would be no limit at all */
	n = netem_of(&i);
	assert_int_equal(n.gap, 7);
	assert_int_equal(n.rate, 1);
	i.reorder = 0;
	assert_int_equal(netem_of(&i).gap, 0);
}

static void
models_and_tables_are_handed_on(void **state)
{
	static struct distribution d = { .count = 3, .quantile = { -1, 0, 1 } };
	const struct impairment i = { .jitter = 1,
		.distribution = &d,
		.loss_model = LOSS_GEMODEL,
		.loss_args = { 1, 2, 3, 4 },
		.ecn = true,
		.has_seed = true,
		.seed = 9 };
	struct netem n = netem_of(&i);

	(void)state;
	assert_ptr_equal(n.distribution, d.quantile);
	assert_int_equal(n.distribution_count, 3);
	assert_int_equal(n.loss_model, TC_LOSS_GEMODEL);
	assert_int_equal(n.loss_args[3], 4);
	assert_true(n.ecn && n.has_seed && n.seed == 9);
}

static void
the_limit_is_what_can_arrive_meanwhile(void **state)
{
	struct impair i = { .full.delay = USEC_PER_SEC };

	(void)state;
	assert_int_equal(netem_limit(&i, GBIT), GBIT / 500);
	i.full.delay = 1000; /* hardly any: some all the same */
	assert_int_equal(netem_limit(&i, GBIT), 1000);
	i.full.delay = 60 * USEC_PER_SEC; /* bounded */
	assert_int_equal(netem_limit(&i, 10 * GBIT), 1000000);
	i.full.rate = 8 * 1000000; /* a slow wire lets no more arrive, and has a buffer */
	i.full.delay = USEC_PER_SEC;
	assert_int_equal(netem_limit(&i, GBIT), 2000 + 1000);
	i.course = (struct course){ .ramped = RAMP_RATE, .from = 80 * 1000000 };
	assert_int_equal(netem_limit(&i, GBIT), 20000 + 1000);
	i.full.limit = 5;
	assert_int_equal(netem_limit(&i, GBIT), 5);
}

static void
only_a_delay_takes_large_packets_whole(void **state)
{
	static const struct impair cuts[] = {
		{ .full.loss = 1 },
		{ .full.loss_model = LOSS_STATE },
		{ .full.duplicate = 1 },
		{ .full.corrupt = 1 },
		{ .full.reorder = 1 },
		{ .full.rate = 1 },
		{ .full.slot_max = 1 },
		{ .full.limit = 1 },
		{ .course.ramped = RAMP_LOSS },
	};
	const struct impair whole = {
		.full.delay = 1, .full.jitter = 1, .course.ramped = RAMP_DELAY
	};

	(void)state;
	assert_false(netem_must_split(&whole));
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++)
		assert_true(netem_must_split(&cuts[i]));
}

static size_t
read_nets(struct net *ret, const char *const *texts, size_t count)
{
	struct err e = { 0 };

	for (size_t i = 0; i < count; i++)
		assert_ok(parse_net(texts[i], &ret[i], &e), e);
	return count;
}

static void
networks_within_others_need_no_filter(void **state)
{
	static const char *const texts[] = { "10.1.0.0/16", "10.0.0.0/8", "10.2.3.4",
		"192.0.2.1", "192.0.2.1", "fd00::/8", "fd01::1", "0.0.0.0/32" };
	struct net nets[ARRAY_LEN(texts)], kept[ARRAY_LEN(texts)];
	struct flows f = { .nets = nets };
	char text[64];

	(void)state;
	f.nets_count = read_nets(nets, texts, ARRAY_LEN(texts));
	assert_int_equal(netem_nets(&f, kept), 4);
	assert_string_equal(format_net(&kept[0], text, sizeof(text)), "10.0.0.0/8");
	assert_string_equal(format_net(&kept[1], text, sizeof(text)), "192.0.2.1");
	assert_string_equal(format_net(&kept[2], text, sizeof(text)), "fd00::/8");
}

static void
filters_are_counted_by_combination(void **state)
{
	static const char *const texts[] = { "10.0.0.0/8", "fd00::/8" };
	struct net nets[ARRAY_LEN(texts)];
	struct flows f = { 0 };

	(void)state;
	(void)read_nets(nets, texts, ARRAY_LEN(texts));
	assert_int_equal(netem_filters(&f, nets, 2), 2);
	f.ports_count = 3; /* of TCP and of UDP */
	assert_int_equal(netem_filters(&f, nets, 2), 2 * 2 * 3);
	f.local_ports_count = 2;
	assert_int_equal(netem_filters(&f, nets, 2), 2 * 2 * 3 * 2);
	f.protocol = IPPROTO_UDP;
	assert_int_equal(netem_filters(&f, nets, 2), 2 * 3 * 2);
	f = (struct flows){ .protocol = IPPROTO_ICMP };
	assert_int_equal(netem_filters(&f, nets, 2), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reordering_needs_a_gap_and_rates_are_bytes),
		cmocka_unit_test(models_and_tables_are_handed_on),
		cmocka_unit_test(the_limit_is_what_can_arrive_meanwhile),
		cmocka_unit_test(only_a_delay_takes_large_packets_whole),
		cmocka_unit_test(networks_within_others_need_no_filter),
		cmocka_unit_test(filters_are_counted_by_combination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
