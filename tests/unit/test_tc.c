/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tc against the real kernel, in a network namespace of this program's own, on its loopback
 * and on ifb links.  What needs netem and flower is skipped, with the reason, where the
 * kernel has none; tests/vm/smoke.sh runs this same program on a kernel that has them.
 */
#include "test.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

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
	f.match.port = 5432;
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
		T(netem_reads_back_what_was_asked),
		T(filters_of_both_families_go_in_one_message),
		T(a_chain_is_deleted_with_all_its_filters),
	};

	if (geteuid() != 0)
		skip_all("needs root, for a network namespace of its own");
	if (unshare(CLONE_NEWNET) < 0)
		skip_all("cannot make a network namespace");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
