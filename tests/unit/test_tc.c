/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tc against the real kernel, in a network namespace of this program's own, on its loopback
 * and on ifb links.  What needs netem and flower is skipped, with the reason, where the
 * kernel has none; tests/vm/smoke.sh runs this same program on a kernel that has them.
 */
#include "test.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_gact.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "link.h"
#include "nl.h"
#include "tc.h"

enum { LO = 1 };
#define FAULT "7b1c09aa"

static struct nl *nl;
static struct err e;

static int
open_socket(void **state)
{
	(void)state;
	e = (struct err){ 0 };
	return nl_open(&nl, NETLINK_ROUTE, &e);
}

static int
close_socket(void **state)
{
	(void)state;
	nl_free(nl);
	return 0;
}

static void
need_netem(void)
{
	struct err why = { 0 };

	if (tc_supports_netem(nl, &why) == 0)
		return;
	print_message("skip: %s\n", why.msg);
	skip();
}

static void
lo_qdisc(uint16_t type, uint16_t flags, const char *kind)
{
	struct tcmsg *t = nl_begin(nl, type, flags, sizeof(*t));

	t->tcm_ifindex = LO;
	t->tcm_parent = TC_H_INGRESS;
	nl_put_str(nl, TCA_KIND, kind);
	assert_int_equal(nl_ask(nl), 0);
}

static int
make_ifb(const char *name)
{
	int index = 0;

	assert_ok(link_add_ifb(nl, name, &index, &e), e);
	return index;
}

static struct tc_filter
to_chain(const char *net, uint16_t prio)
{
	struct tc_filter f = {
		.ifindex = LO,
		.direction = TC_EGRESS,
		.prio = prio,
		.goto_chain = tc_chain_of(FAULT),
	};

	assert_ok(parse_net(net, &f.match.net, &e), e);
	return f;
}

static void
chain_and_priority_follow_from_the_fault_id(void **state)
{
	(void)state;
	assert_int_equal(tc_chain_of("7b1c09aa"), 0xb1c09aa);
	assert_int_not_equal(tc_chain_of("00000000"), 0);
	assert_int_not_equal(tc_chain_of("f0000000"), 0);
	for (unsigned i = 0; i < 70000; i++)
		assert_true(tc_prio_of("ffffffff", i) >= TC_PRIO_FIRST);
	assert_int_not_equal(tc_prio_of("7b1c09aa", 0), tc_prio_of("7b1c09aa", 1));
}

static void
a_kernel_without_netem_is_told_apart_and_the_package_named(void **state)
{
	int rc = tc_supports_netem(nl, &e);
	struct err none = { 0 };

	(void)state;
	assert_int_equal(tc_netem_stats(nl, LO, NULL, NULL, &none), -ENOENT);
	if (rc == 0)
		return;
	assert_int_equal(rc, -EOPNOTSUPP);
	assert_int_equal(e.outcome, OUTCOME_UNSUPPORTED);
	assert_non_null(strstr(e.msg, "kernel-modules-extra"));
	assert_non_null(strstr(e.msg, "linux-image-amd64"));
}

static void
clsact_is_added_once_and_taken_away_once(void **state)
{
	(void)state;
	assert_ok(tc_clsact_add(nl, LO, &e), e);
	assert_int_equal(tc_clsact_add(nl, LO, &e), -EEXIST);
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 1);
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 0);
}

static void
an_ingress_qdisc_is_neither_used_nor_taken_away(void **state)
{
	(void)state;
	lo_qdisc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, "ingress");
	assert_int_equal(tc_clsact_add(nl, LO, &e), -EBUSY);
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 0);
	lo_qdisc(RTM_DELQDISC, 0, "ingress");
}

static void
an_interface_that_is_gone_has_nothing_to_delete(void **state)
{
	(void)state;
	assert_int_equal(tc_clsact_remove_empty(nl, 999999, &e), 0);
	assert_int_equal(tc_goto_delete(nl, 999999, TC_EGRESS, 50000, &e), -ENOENT);
	assert_int_equal(tc_chain_delete(nl, 999999, TC_EGRESS, 77, &e), -ENOENT);
	assert_false(tc_goto_exists(nl, 999999, TC_EGRESS, 50000));
	assert_int_equal(tc_goto_delete(nl, LO, TC_EGRESS, 50000, &e), -ENOENT);
	assert_int_equal(tc_chain_delete(nl, LO, TC_INGRESS, 77, &e), -ENOENT);
}

static void
shares_survive_being_fractions(void **state)
{
	(void)state;
	for (uint32_t share = 0; share <= TC_SHARE_ALL; share++)
		assert_int_equal(tc_share_of(tc_fraction_of(share)), share);
	assert_int_equal(tc_fraction_of(0), 0);
	assert_int_equal(tc_fraction_of(TC_SHARE_ALL), UINT32_MAX);
}

static void
what_differs_is_named(void **state)
{
	struct netem a = { .delay = 5, .limit = 9 }, b = a;

	(void)state;
	assert_null(tc_netem_differs(&a, &b));
	b.loss = 1;
	assert_string_equal(tc_netem_differs(&a, &b), "loss");
	b.loss_model = a.loss_model = TC_LOSS_GEMODEL;
	b.loss_args[4] = 7; /* gemodel has four */
	assert_null(tc_netem_differs(&a, &b));
	b.loss_args[3] = 7;
	assert_string_equal(tc_netem_differs(&a, &b), "loss");
	b = a;
	b.slot = b.slot_max = 20;
	assert_string_equal(tc_netem_differs(&a, &b), "slots");
	a.slot = 20; /* no slot_max: the same as slot */
	assert_null(tc_netem_differs(&a, &b));
	b.has_seed = true; /* an old kernel has none to compare with */
	assert_null(tc_netem_differs(&a, &b));
	b.limit++;
	assert_string_equal(tc_netem_differs(&a, &b), "limit");
}

static const int16_t table[] = { -8192, 0, 0, 8192 };

static const struct netem everything = {
	.delay = 150001,
	.jitter = 20003,
	.delay_correlation = 25000,
	.distribution = table,
	.distribution_count = ARRAY_LEN(table),
	.loss = 1001,
	.loss_correlation = 50000,
	.ecn = true,
	.duplicate = 2002,
	.duplicate_correlation = 333,
	.corrupt = 3,
	.corrupt_correlation = 99999,
	.reorder = 40000,
	.reorder_correlation = 1,
	.gap = 5,
	.rate = UINT64_C(12500000000),
	.packet_overhead = -20,
	.cell_size = 48,
	.cell_overhead = 5,
	.slot = 800,
	.slot_max = 1000,
	.slot_packets = 32,
	.slot_bytes = 64000,
	.has_seed = true,
	.seed = UINT64_C(0x123456789abcdef0),
	.limit = 123456,
};

static void
assert_set_to(int ifb, const struct netem *asked)
{
	struct netem got;
	const char *differs;

	assert_ok(tc_netem_stats(nl, ifb, &got, NULL, &e), e);
	differs = tc_netem_differs(asked, &got);
	if (differs != NULL)
		fail_msg("its %s was not set as asked", differs);
}

/* The first is everything at once; each of the others must leave nothing of the one before. */
static void
netem_is_set_to_all_that_is_asked_and_to_nothing_else(void **state)
{
	static const struct netem others[] = {
		{ .limit = 1000 },
		{ .loss_model = TC_LOSS_STATE,
		    .loss_args = { 1000, 20000, 300, 99000, 5 },
		    .limit = 10 },
		{ .loss_model = TC_LOSS_GEMODEL,
		    .loss_args = { 1000, 20000, 100000, 0 },
		    .rate = 125000,
		    .limit = 10 },
		{ .loss_model = TC_LOSS_GEMODEL,
		    .loss_args = { 100000, 1, 70000, 12345 },
		    .ecn = true,
		    .rate = UINT32_MAX,
		    .limit = 10 },
		{ .loss = 100000, .limit = UINT32_MAX },
		{ .delay = 60 * USEC_PER_SEC, .slot = 5, .gap = 1, .limit = 7 },
		{ .reorder = 100000, .gap = 1, .duplicate = 100000, .limit = 7 },
	};
	int ifb;

	(void)state;
	need_netem();
	ifb = make_ifb("sd" FAULT "e");
	assert_ok(tc_netem_add(nl, ifb, &everything, &e), e);
	assert_set_to(ifb, &everything);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_ok(tc_netem_change(nl, ifb, &others[i], &e), e);
		assert_set_to(ifb, &others[i]);
	}
	assert_ok(tc_netem_change(nl, ifb, &everything, &e), e);
	assert_set_to(ifb, &everything);
	assert_ok(link_delete(nl, "sd" FAULT "e", "ifb", &e), e);
}

static void
netem_reads_back_what_was_asked(void **state)
{
	struct netem asked = { .delay = 150000, .jitter = 20000, .limit = 123456 }, got;
	struct qdisc_stats stats;
	int ifb;

	(void)state;
	need_netem();
	ifb = make_ifb("sd" FAULT "e");
	assert_ok(tc_netem_add(nl, ifb, &asked, &e), e);
	assert_ok(tc_netem_stats(nl, ifb, &got, &stats, &e), e);
	assert_int_equal(got.delay, 150000);
	assert_int_equal(got.jitter, 20000);
	assert_int_equal(got.limit, 123456);
	assert_int_equal(stats.packets, 0);
	asked.delay = 60 * USEC_PER_SEC;
	assert_ok(tc_netem_change(nl, ifb, &asked, &e), e);
	assert_ok(tc_netem_stats(nl, ifb, &got, NULL, &e), e);
	assert_int_equal(got.delay, 60 * USEC_PER_SEC);
	assert_ok(link_delete(nl, "sd" FAULT "e", "ifb", &e), e);
}

static void
filters_of_both_families_go_in_one_message(void **state)
{
	uint16_t mine = tc_prio_of(FAULT, 0), other = tc_prio_of(FAULT, 1);
	struct tc_filter f;

	(void)state;
	need_netem();
	assert_ok(tc_clsact_add(nl, LO, &e), e);
	f = to_chain("10.0.0.0/8", mine);
	assert_ok(tc_filter_add(nl, &f, &e), e);
	f = to_chain("fd00::/9", mine);
	f.match.protocol = IPPROTO_TCP;
	f.match.port = (struct port_range){ 5432, 5432 };
	assert_ok(tc_filter_add(nl, &f, &e), e);
	f = to_chain("0.0.0.0/0", other);
	assert_ok(tc_filter_add(nl, &f, &e), e);
	assert_true(tc_goto_exists(nl, LO, TC_EGRESS, mine));
	assert_false(tc_goto_exists(nl, LO, TC_INGRESS, mine));
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 0);

	assert_ok(tc_goto_delete(nl, LO, TC_EGRESS, mine, &e), e);
	assert_false(tc_goto_exists(nl, LO, TC_EGRESS, mine));
	assert_true(tc_goto_exists(nl, LO, TC_EGRESS, other));
	assert_int_equal(tc_goto_delete(nl, LO, TC_EGRESS, mine, &e), -ENOENT);
	assert_ok(tc_goto_delete(nl, LO, TC_EGRESS, other, &e), e);
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 1);
}

static void
a_chain_is_deleted_with_all_its_filters(void **state)
{
	uint32_t chain = tc_chain_of(FAULT);
	struct tc_filter f = { .ifindex = LO, .direction = TC_INGRESS, .chain = chain };

	(void)state;
	need_netem();
	assert_ok(tc_clsact_add(nl, LO, &e), e);
	f.prio = 1;
	f.match = (struct tc_match){
		.net.family = 6, .protocol = IPPROTO_ICMPV6, .icmp6_type = 135
	};
	assert_ok(tc_filter_add(nl, &f, &e), e);
	f.prio = 2;
	f.match = (struct tc_match){ 0 };
	f.redirect = make_ifb("sd" FAULT "i");
	assert_ok(tc_filter_add(nl, &f, &e), e);
	assert_true(tc_chain_exists(nl, LO, TC_INGRESS, chain));
	assert_false(tc_chain_exists(nl, LO, TC_EGRESS, chain));
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 0);

	assert_ok(tc_chain_delete(nl, LO, TC_INGRESS, chain, &e), e);
	assert_false(tc_chain_exists(nl, LO, TC_INGRESS, chain));
	assert_int_equal(tc_chain_delete(nl, LO, TC_INGRESS, chain, &e), -ENOENT);
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 1);
	assert_ok(link_delete(nl, "sd" FAULT "i", "ifb", &e), e);
}

/* A gact of this number as another program would make it. */
static void
make_their_gact(uint32_t index)
{
	const struct tc_gact parms = { .index = index, .action = TC_ACT_SHOT };
	void *tab, *one, *options;

	(void)nl_begin(
	    nl, RTM_NEWACTION, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct tcamsg));
	tab = nl_nest(nl, TCA_ACT_TAB);
	one = nl_nest(nl, 1);
	nl_put_str(nl, TCA_ACT_KIND, "gact");
	options = nl_nest(nl, TCA_ACT_OPTIONS);
	nl_put(nl, TCA_GACT_PARMS, &parms, sizeof(parms));
	nl_nest_end(nl, options);
	nl_nest_end(nl, one);
	nl_nest_end(nl, tab);
	assert_int_equal(nl_ask(nl), 0);
}

static void
a_gate_is_made_once_opened_closed_and_deleted(void **state)
{
	struct tc_gate gate;

	(void)state;
	need_netem();
	assert_int_equal(tc_gate_get(nl, FAULT, &gate, &e), -ENOENT);
	assert_ok(tc_gate_add(nl, FAULT, &e), e);
	assert_int_equal(tc_gate_add(nl, FAULT, &e), -EEXIST);
	assert_ok(tc_gate_get(nl, FAULT, &gate, &e), e);
	assert_false(gate.is_open);
	assert_int_equal(gate.filters, 0);
	assert_ok(tc_gate_set(nl, FAULT, true, &e), e);
	assert_ok(tc_gate_get(nl, FAULT, &gate, &e), e);
	assert_true(gate.is_open);
	assert_ok(tc_gate_set(nl, FAULT, false, &e), e);
	assert_ok(tc_gate_get(nl, FAULT, &gate, &e), e);
	assert_false(gate.is_open);
	assert_ok(tc_gate_delete(nl, FAULT, &e), e);
	assert_int_equal(tc_gate_get(nl, FAULT, &gate, &e), -ENOENT);
	assert_int_equal(tc_gate_delete(nl, FAULT, &e), -ENOENT);
}

static void
an_action_of_the_same_number_is_somebody_elses(void **state)
{
	struct tc_gate gate;

	(void)state;
	need_netem();
	make_their_gact(tc_gate_of("7b1c09ab"));
	assert_int_equal(tc_gate_add(nl, "7b1c09ab", &e), -EEXIST);
	assert_int_equal(tc_gate_get(nl, "7b1c09ab", &gate, &e), -EPERM);
	assert_int_equal(tc_gate_delete(nl, "7b1c09ab", &e), -EPERM);
}

static void
a_gate_knows_how_many_filters_lead_through_it(void **state)
{
	uint16_t mine = tc_prio_of(FAULT, 0);
	struct tc_gate gate;
	struct tc_filter f;

	(void)state;
	need_netem();
	assert_ok(tc_clsact_add(nl, LO, &e), e);
	assert_ok(tc_gate_add(nl, FAULT, &e), e);
	f = to_chain("10.0.0.0/8", mine);
	f.gate = FAULT;
	for (unsigned i = 0; i < 512; i++) {
		f.match.net.addr[1] = (uint8_t)(i / 256);
		f.match.net.addr[2] = (uint8_t)i;
		f.match.net.prefix = 24;
		assert_ok(tc_filter_queue(nl, &f, &e), e);
	}
	f = to_chain("fd00::/9", mine);
	f.gate = FAULT;
	f.match.protocol = IPPROTO_UDP;
	f.match.local_port = (struct port_range){ 8000, 8100 };
	f.match.port = (struct port_range){ 1, 65535 };
	assert_ok(tc_filter_queue(nl, &f, &e), e);
	assert_ok(tc_filter_flush(nl, &e), e);
	assert_ok(tc_gate_get(nl, FAULT, &gate, &e), e);
	assert_int_equal(gate.filters, 513);
	assert_int_equal(tc_gate_delete(nl, FAULT, &e), -EBUSY);
	assert_ok(tc_goto_delete(nl, LO, TC_EGRESS, mine, &e), e);
	/* the kernel frees them when it has time */
	for (int i = 0; i < 10000 && gate.filters > 0; i++) {
		(void)usleep(1000);
		assert_ok(tc_gate_get(nl, FAULT, &gate, &e), e);
	}
	assert_int_equal(gate.filters, 0);
	assert_ok(tc_gate_delete(nl, FAULT, &e), e);
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 1);
}

static void
one_refused_among_many_is_told(void **state)
{
	uint16_t mine = tc_prio_of(FAULT, 0);
	struct tc_filter f = to_chain("10.0.0.0/8", mine);

	(void)state;
	need_netem();
	assert_ok(tc_clsact_add(nl, LO, &e), e);
	assert_ok(tc_filter_queue(nl, &f, &e), e);
	assert_ok(tc_filter_queue(nl, &f, &e), e); /* the same again */
	f.match.net.addr[1] = 0;
	f.match.net.prefix = 16;
	assert_ok(tc_filter_queue(nl, &f, &e), e);
	assert_int_equal(tc_filter_flush(nl, &e), -EEXIST);
	assert_ok(tc_filter_flush(nl, &e), e); /* nothing waits any more */

	f.match.net.addr[1] = 7;
	assert_ok(tc_filter_queue(nl, &f, &e), e);
	assert_true(tc_goto_exists(nl, LO, TC_EGRESS, mine)); /* drops it */
	assert_ok(tc_filter_flush(nl, &e), e);
	assert_ok(tc_goto_delete(nl, LO, TC_EGRESS, mine, &e), e);
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 1);
}

static void
programs_stand_in_place_of_a_match(void **state)
{
	const struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, 1) };
	struct tc_program classic = { .classic = all, .count = 1 };
	struct tc_program loaded = { .fd = -1 };
	uint32_t chain = tc_chain_of(FAULT);
	struct tc_filter f = {
		.ifindex = LO, .direction = TC_EGRESS, .chain = chain, .prio = 3
	};

	(void)state;
	need_netem();
	assert_ok(tc_clsact_add(nl, LO, &e), e);
	for (int i = 0; i < 2; i++) {
		loaded.fd = i == 0 ? tc_program_user(1000, &e) :
				     tc_program_cgroup(UINT64_C(0x123456789a), 2, &e);
		assert_true(loaded.fd >= 0);
		f.program = &loaded;
		assert_ok(tc_filter_add(nl, &f, &e), e);
		assert_int_equal(close(loaded.fd), 0);
	}
	f.program = &classic;
	assert_ok(tc_filter_add(nl, &f, &e), e);
	assert_true(tc_chain_exists(nl, LO, TC_EGRESS, chain));
	assert_ok(tc_chain_delete(nl, LO, TC_EGRESS, chain, &e), e);
	assert_int_equal(tc_clsact_remove_empty(nl, LO, &e), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_socket, close_socket)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_and_priority_follow_from_the_fault_id),
		T(a_kernel_without_netem_is_told_apart_and_the_package_named),
		T(clsact_is_added_once_and_taken_away_once),
		T(an_ingress_qdisc_is_neither_used_nor_taken_away),
		T(an_interface_that_is_gone_has_nothing_to_delete),
		cmocka_unit_test(shares_survive_being_fractions),
		cmocka_unit_test(what_differs_is_named),
		T(netem_reads_back_what_was_asked),
		T(netem_is_set_to_all_that_is_asked_and_to_nothing_else),
		T(filters_of_both_families_go_in_one_message),
		T(a_chain_is_deleted_with_all_its_filters),
		T(a_gate_is_made_once_opened_closed_and_deleted),
		T(an_action_of_the_same_number_is_somebody_elses),
		T(a_gate_knows_how_many_filters_lead_through_it),
		T(one_refused_among_many_is_told),
		T(programs_stand_in_place_of_a_match),
	};

	if (geteuid() != 0)
		skip_all("needs root, for a network namespace of its own");
	if (unshare(CLONE_NEWNET) < 0)
		skip_all("cannot make a network namespace");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
