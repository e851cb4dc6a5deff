/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo on real kernel objects, in a network namespace of the test's own: each operation
 * takes its object away, once and twice and when it was never there, leaves what belongs to
 * others alone, and does the same as the command that a person is told to type.
 */
#include "test.h"

#include "pidns.h"

#include "cgroup.h"
#include "cleanup.h"
#include "ipset.h"
#include "iptables.h"
#include "link.h"
#include "nft_table.h"
#include "nl.h"
#include "snapshot.h"
#include "spawn.h"
#include "tc.h"
#include "undo.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define FAULT  "7e57dd01"
#define SET    "sd-" FAULT "-4"
#define LINK   "sd" FAULT "e"
#define CHAIN  "SD-" FAULT "-I"
#define TABLE  "sd-" FAULT
#define CGROUP "stormdrill-" FAULT

static struct undo_ctx *ctx;
static struct err e;

static struct nl *
route(void)
{
	return undo_ctx_nl(ctx, NETLINK_ROUTE);
}

/* Run by a shell, as a person would: 0 when it succeeded. */
static int
shell(const char *command)
{
	const char *argv[] = { "/bin/sh", "-c", command, NULL };
	struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 20000 };
	struct err why = { 0 };

	return run_tool(&t, &why);
}

static int
index_of(const char *name)
{
	struct link l = { 0 };

	return link_find(route(), name, &l, &e) == 0 ? l.index : 0;
}

/* --- an object of each kind ------------------------------------------------------------ */

static int
make_set(void)
{
	struct net net = { .family = 4, .prefix = 24, .addr = { 192, 0, 2 } };
	struct nl *n = undo_ctx_nl(ctx, NETLINK_NETFILTER);

	if (ipset_create(n, SET, 4, 16, &e) < 0)
		return -1;
	return ipset_add(n, SET, &net, 1, &e);
}

static int
make_link(void)
{
	int index;

	return link_add_ifb(route(), LINK, &index, &e);
}

static int
make_chain(void)
{
	struct iptables_chain c = { .family = 4,
		.table = "filter",
		.chain = CHAIN,
		.hook = HOOK_IN,
		.rules = "-A " CHAIN " -s 192.0.2.0/24 -j DROP\n" };

	return iptables_add(&c, 1, -1, &e);
}

static int
make_cgroup(void)
{
	int root = undo_ctx_cgroup(ctx, &e), dir = -1;
	pid_t pid;
	int r;

	r = root < 0 ? root : cgroup_create(root, CGROUP, &dir, &e);
	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	r = cgroup_join(dir, pid, &e);
	(void)close(dir);
	return r;
}

/* u32 stands in for the flower filters that a minimal kernel lacks. */
static int
make_filter(const char *where)
{
	char command[300];

	(void)snprintf(command, sizeof(command),
	    "tc qdisc add dev d0 clsact 2>/dev/null; tc filter add dev d0 egress %s "
	    "protocol ip u32 match u32 0 0 action mirred egress redirect dev d1",
	    where);
	return shell(command);
}

/* The filter that leads to our chain is known by its kind too: this one must be real. */
static int
make_goto(void)
{
	struct tc_filter f = { .ifindex = index_of("d0"),
		.direction = TC_EGRESS,
		.prio = 49153,
		.goto_chain = tc_chain_of(FAULT) };

	if (shell("tc qdisc add dev d0 clsact") < 0)
		return -1;
	return tc_filter_add(route(), &f, &e);
}

static int
make_filter_chain(void)
{
	char where[64];

	(void)snprintf(where, sizeof(where), "pref 7 chain %u", tc_chain_of(FAULT));
	return make_filter(where);
}

static int
make_clsact(void)
{
	return shell("tc qdisc add dev d0 clsact");
}

/* Owned by `n`: nobody else can change or delete it. */
static int
make_owned(struct nl *n)
{
	const struct nft_set four = { TABLE, NFT_SET_TO4, NFT_KEY_NET4 };
	const struct nft_set six = { TABLE, NFT_SET_TO6, NFT_KEY_NET6 };
	const struct net net = { .family = 6, .prefix = 16, .addr = { 0xfd } };
	const struct range range = range_of_net(&net);

	nl_batch(n);
	nft_put_table(n, TABLE);
	nft_put_set(n, &four, 1);
	nft_put_set(n, &six, 2);
	nft_put_ranges(n, &six, &range, 1);
	return nl_ask_batch(n, 0);
}

static int
make_table(void)
{
	return make_owned(undo_ctx_nl(ctx, NETLINK_NETFILTER));
}

static int
make_gate(void)
{
	struct nl *n = undo_ctx_nl(ctx, NETLINK_ROUTE);

	return tc_gate_add(n, FAULT, &e) < 0 ? -1 : tc_gate_set(n, FAULT, true, &e);
}

struct subject {
	struct undo undo;
	int (*make)(void);
	bool dies_with_us; /* until then no command can take it away */
};

#define SUBJECTS 14

static void
subjects(struct subject *s)
{
	int64_t d0 = index_of("d0"), chain = tc_chain_of(FAULT);
	const struct subject all[SUBJECTS] = {
		{ { UNDO_SET_FLUSH, SET }, make_set },
		{ { UNDO_SET_DESTROY, SET }, make_set },
		{ { UNDO_LINK, LINK, "", { 1000 } }, make_link },
		{ { UNDO_CHAIN, CHAIN, "filter", { 4 } }, make_chain },
		{ { UNDO_CGROUP_KILL, CGROUP }, make_cgroup },
		{ { UNDO_CGROUP_REMOVE, CGROUP }, make_cgroup },
		{ { UNDO_FILTER, "", "d0", { d0, 1, 49153, chain } }, make_goto },
		{ { UNDO_FILTERS, "", "d0", { d0, 1, 49153, chain } }, make_goto },
		{ { UNDO_GATE, FAULT }, make_gate },
		{ { UNDO_GATE_DELETE, FAULT }, make_gate },
		{ { UNDO_FILTER_CHAIN, "", "d0", { d0, 1, chain } }, make_filter_chain },
		{ { UNDO_CLSACT, "", "d0", { d0 } }, make_clsact },
		{ { UNDO_NFT_FLUSH, TABLE }, make_table, true },
		{ { UNDO_NFT_OWN, TABLE }, make_table, true },
	};

	memcpy(s, all, sizeof(all));
}

static void
clear(void)
{
	(void)shell("iptables -F INPUT; iptables -F " CHAIN "; iptables -X " CHAIN
		    "; ipset destroy; ip link del " LINK "; tc qdisc del dev d0 clsact"
		    "; tc actions flush action gact; true");
	if (undo_ctx_cgroup(ctx, &e) >= 0) {
		(void)cgroup_kill(undo_ctx_cgroup(ctx, &e), CGROUP, &e);
		(void)cgroup_remove(undo_ctx_cgroup(ctx, &e), CGROUP, &e);
	}
	(void)nft_table_delete(undo_ctx_nl(ctx, NETLINK_NETFILTER), TABLE, &e);
}

static int
setup(void **state)
{
	(void)state;
	clear();
	memset(&e, 0, sizeof(e));
	return 0;
}

static int
run_one(const struct undo *u, bool check)
{
	struct undo_list l = { .count = 1, .op = { *u } };

	return (check ? undo_check : undo_run)(ctx, &l, undo_beat(u->op), &e);
}

/* --- tests ----------------------------------------------------------------------------- */

/* A cgroup must be empty before it can go, a set needs no elements: both beats first. */
static void
empty_first(const struct undo *u)
{
	struct undo kill_it = { UNDO_CGROUP_KILL, CGROUP };

	if (u->op == UNDO_CGROUP_REMOVE) {
		assert_ok(run_one(&kill_it, false), e);
		assert_ok(run_one(&kill_it, true), e);
	}
}

static void
each_operation_takes_its_object_away_once_and_twice(void **state)
{
	struct subject s[SUBJECTS];

	(void)state;
	subjects(s);
	for (size_t i = 0; i < SUBJECTS; i++) {
		clear();
		if (s[i].make() < 0) {
			print_message("%s: cannot make one here: %s\n",
			    undo_op_name(s[i].undo.op), e.msg);
			continue;
		}
		if (run_one(&s[i].undo, true) != -EBUSY)
			fail_msg(
			    "%s: the check sees nothing", undo_op_name(s[i].undo.op));
		empty_first(&s[i].undo);
		for (int k = 0; k < 2; k++) {
			assert_ok(run_one(&s[i].undo, false), e);
			assert_ok(run_one(&s[i].undo, true), e);
		}
	}
}

static void
undoing_what_was_never_made_is_fine(void **state)
{
	struct subject s[SUBJECTS];

	(void)state;
	subjects(s);
	for (size_t i = 0; i < SUBJECTS; i++) {
		assert_ok(run_one(&s[i].undo, false), e);
		assert_ok(run_one(&s[i].undo, true), e);
	}
}

static void
the_command_for_people_does_the_same(void **state)
{
	struct subject s[SUBJECTS];
	char command[1024];

	(void)state;
	subjects(s);
	for (size_t i = 0; i < SUBJECTS; i++) {
		clear();
		if (s[i].dies_with_us || s[i].make() < 0)
			continue; /* said by the test above */
		empty_first(&s[i].undo);
		undo_by_hand(&s[i].undo, command, sizeof(command));
		if (shell(command) < 0 || run_one(&s[i].undo, true) != 0)
			fail_msg("'%s' leaves: %s", command, e.msg);
	}
}

static void
success_leaves_the_error_alone(void **state)
{
	struct undo u = { UNDO_SET_FLUSH, SET };

	(void)state;
	assert_int_equal(run_one(&u, false), 0);
	assert_int_equal(e.code, 0);
	assert_string_equal(e.msg, "");
}

static void
a_link_of_another_kind_with_our_name_stays(void **state)
{
	struct undo u = { UNDO_LINK, LINK, "", { 0 } };

	(void)state;
	assert_int_equal(shell("ip link add " LINK " type veth peer name d9"), 0);
	assert_ok(run_one(&u, false), e);
	assert_int_not_equal(index_of(LINK), 0);
	assert_ok(run_one(&u, true), e);
}

static void
an_index_that_another_interface_has_now_is_not_touched(void **state)
{
	struct undo u = { UNDO_CLSACT, "", "gone0", { index_of("d0") } };
	struct undo f = { UNDO_FILTER, "", "gone0",
		{ index_of("d0"), 1, 3, tc_chain_of(FAULT) } };

	(void)state;
	assert_int_equal(make_clsact(), 0);
	assert_ok(run_one(&u, false), e);
	assert_true(tc_clsact_exists(route(), index_of("d0")));
	assert_int_equal(make_filter("pref 3"), 0);
	assert_ok(run_one(&f, false), e);
	assert_ok(run_one(&f, true), e);
	assert_true(tc_goto_exists(route(), index_of("d0"), TC_EGRESS, 3));
}

static void
a_renamed_interface_still_loses_our_filters(void **state)
{
	int d0 = index_of("d0");
	struct undo u = { UNDO_FILTER_CHAIN, "", "d0", { d0, 1, tc_chain_of(FAULT) } };

	(void)state;
	assert_int_equal(make_filter_chain(), 0);
	assert_int_equal(shell("ip link set d0 down && ip link set d0 name d5"), 0);
	assert_int_equal(run_one(&u, true), -EBUSY);
	assert_ok(run_one(&u, false), e);
	assert_ok(run_one(&u, true), e);
	assert_false(tc_chain_exists(route(), d0, TC_EGRESS, tc_chain_of(FAULT)));
	assert_int_equal(shell("ip link set d5 name d0"), 0);
}

static void
a_clsact_in_use_stays(void **state)
{
	struct undo u = { UNDO_CLSACT, "", "d0", { index_of("d0") } };

	(void)state;
	assert_int_equal(make_filter("pref 3"), 0);
	assert_ok(run_one(&u, false), e);
	assert_int_equal(run_one(&u, true), -EBUSY);
	assert_true(tc_clsact_exists(route(), index_of("d0")));
}

static void
one_failure_does_not_keep_the_others_in_force(void **state)
{
	struct undo_list l = { 0 };
	struct ipset_info info;

	(void)state;
	undo_add(&l, (struct undo){ UNDO_LINK, LINK, "", { 0 } });
	undo_add(&l, (struct undo){ UNDO_SET_DESTROY, SET });
	assert_int_equal(make_link(), 0);
	assert_true(make_set() > 0);
	/* a rule of somebody else's that refers to the set keeps it */
	assert_int_equal(
	    shell("iptables -A INPUT -m set --match-set " SET " src -j DROP"), 0);
	assert_true(undo_run(ctx, &l, BEAT_SWEEP, &e) < 0);
	assert_non_null(strstr(e.msg, SET));
	assert_int_equal(index_of(LINK), 0);
	assert_int_equal(
	    ipset_info(undo_ctx_nl(ctx, NETLINK_NETFILTER), SET, &info, &e), 0);
}

/* Whoever undoes by record while the holder lives is told why it cannot be. */
static void
a_table_goes_by_its_owner_or_with_it(void **state)
{
	struct undo flush = { UNDO_NFT_FLUSH, TABLE }, own = { UNDO_NFT_OWN, TABLE };
	struct nl *holder = NULL;

	(void)state;
	assert_ok(nl_open(&holder, NETLINK_NETFILTER, &e), e);
	assert_int_equal(make_owned(holder), 0);
	assert_int_equal(run_one(&flush, false), -EPERM);
	assert_non_null(strstr(e.msg, "belongs to a process that is alive"));
	assert_int_equal(run_one(&flush, true), -EBUSY);
	assert_int_equal(run_one(&own, false), -EPERM);
	assert_int_equal(run_one(&own, true), -EBUSY);
	nl_free(holder);
	assert_ok(run_one(&flush, false), e);
	assert_ok(run_one(&flush, true), e);
	assert_ok(run_one(&own, false), e);
	assert_ok(run_one(&own, true), e);
}

static void
a_table_with_our_name_but_not_of_our_making_stays(void **state)
{
	struct undo own = { UNDO_NFT_OWN, TABLE };

	(void)state;
	if (shell("nft add table inet " TABLE) < 0)
		skip_test("no nft here");
	assert_ok(run_one(&own, false), e);
	assert_ok(run_one(&own, true), e);
	assert_int_equal(shell("nft delete table inet " TABLE), 0);
}

static void
a_descriptor_closes_in_the_holder_and_only_there(void **state)
{
	struct undo_ctx *holder = NULL;
	int ends[2], again;
	struct undo_list l = { 0 };
	char c;

	(void)state;
	assert_ok(undo_ctx_open(&holder, -1, true, &e), e);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	undo_add(&l, (struct undo){ UNDO_DESCRIPTOR, "", "", { ends[1] } });
	assert_ok(undo_run(ctx, &l, BEAT_DISARM, &e), e);
	assert_int_equal(read(ends[0], &c, 1), -1); /* still open: nothing to read yet */
	assert_int_equal(undo_check(holder, &l, BEAT_DISARM, &e), -EBUSY);
	assert_ok(undo_run(holder, &l, BEAT_DISARM, &e), e);
	assert_int_equal(read(ends[0], &c, 1), 0); /* the end */
	again = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(again, ends[1]);
	assert_ok(undo_run(holder, &l, BEAT_DISARM, &e), e);
	assert_true(fcntl(again, F_GETFL) >= 0);
	assert_ok(undo_check(holder, &l, BEAT_DISARM, &e), e);
	(void)close(again);
	(void)close(ends[0]);
	(void)close(ends[1]);
	undo_ctx_free(holder);
}

static void
residue_is_found_by_name_and_by_fault(void **state)
{
	char text[4096], nobodys[9];
	unsigned id;

	(void)state;
	assert_int_equal(getrandom(&id, sizeof(id), 0), sizeof(id));
	(void)snprintf(nobodys, sizeof(nobodys), "%08x", id);
	assert_true(make_set() > 0);
	assert_int_equal(make_link(), 0);
	assert_int_equal(make_chain(), 0);
	assert_int_equal(make_filter_chain(), 0);
	assert_int_equal(make_table(), 0);
	assert_int_equal(
	    shell("ipset create sd-other hash:net; ip link add sdx type ifb"), 0);
	assert_true(residue_list(ctx, NULL, text, sizeof(text), &e) >= 3);
	assert_non_null(strstr(text, "set " SET "\n"));
	assert_non_null(strstr(text, "link " LINK "\n"));
	assert_non_null(strstr(text, "chain " CHAIN " in IPv4's table filter\n"));
	assert_non_null(strstr(text, "table " TABLE "\n"));
	assert_null(strstr(text, "sd-other"));
	assert_null(strstr(text, "sdx"));
	assert_int_equal(residue_list(ctx, FAULT, text, sizeof(text), &e), 5);
	assert_non_null(strstr(text, "filter chain"));
	assert_int_equal(residue_list(ctx, nobodys, text, sizeof(text), &e), 0);
	assert_int_equal(shell("ip link del sdx"), 0);
}

static void
residue_is_counted_beyond_what_can_be_named(void **state)
{
	char text[16];

	(void)state;
	assert_true(make_set() > 0);
	assert_int_equal(make_link(), 0);
	assert_int_equal(residue_list(ctx, FAULT, text, sizeof(text), &e), 2);
	assert_string_equal(text, "");
}

/* Disarm must work when no descriptor is to be had. */
static void
a_group_that_is_held_is_killed_without_opening_a_file(void **state)
{
	const struct undo_list l = { .count = 1, .op = { { UNDO_CGROUP_KILL, CGROUP } } };
	int root = undo_ctx_cgroup(ctx, &e), dir = -1, status;
	struct rlimit limit, none;
	pid_t member;

	(void)state;
	if (root < 0) {
		(void)fprintf(stderr, "skip: %s\n", e.msg);
		skip();
	}
	assert_int_equal(cgroup_create(root, CGROUP, &dir, &e), 0);
	member = sleeper("storm-member");
	assert_int_equal(cgroup_join(dir, member, &e), 0);
	assert_int_equal(undo_hold_cgroup(ctx, CGROUP, &e), 0);
	if (faccessat(dir, "cgroup.kill", F_OK, 0) < 0) {
		(void)fprintf(stderr, "skip: cgroup.kill needs Linux 5.14\n");
		(void)kill(member, SIGKILL);
		(void)waitpid(member, NULL, 0);
		(void)cgroup_remove(root, CGROUP, &e);
		skip();
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(open("/", O_PATH | O_CLOEXEC), -1);
	assert_int_equal(undo_run(ctx, &l, BEAT_DISARM, &e), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(waitpid(member, &status, 0), member);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(cgroup_remove(root, CGROUP, &e), 0);
	/* gone, and held all the same: nothing to do */
	assert_int_equal(undo_run(ctx, &l, BEAT_DISARM, &e), 0);
	assert_int_equal(close(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    each_operation_takes_its_object_away_once_and_twice, setup),
		cmocka_unit_test_setup(undoing_what_was_never_made_is_fine, setup),
		cmocka_unit_test_setup(the_command_for_people_does_the_same, setup),
		cmocka_unit_test_setup(success_leaves_the_error_alone, setup),
		cmocka_unit_test_setup(a_link_of_another_kind_with_our_name_stays, setup),
		cmocka_unit_test_setup(
		    an_index_that_another_interface_has_now_is_not_touched, setup),
		cmocka_unit_test_setup(
		    a_renamed_interface_still_loses_our_filters, setup),
		cmocka_unit_test_setup(a_clsact_in_use_stays, setup),
		cmocka_unit_test_setup(
		    one_failure_does_not_keep_the_others_in_force, setup),
		cmocka_unit_test_setup(a_table_goes_by_its_owner_or_with_it, setup),
		cmocka_unit_test_setup(
		    a_table_with_our_name_but_not_of_our_making_stays, setup),
		cmocka_unit_test_setup(
		    a_descriptor_closes_in_the_holder_and_only_there, setup),
		cmocka_unit_test_setup(
		    a_group_that_is_held_is_killed_without_opening_a_file, setup),
		cmocka_unit_test_setup(residue_is_found_by_name_and_by_fault, setup),
		cmocka_unit_test_setup(
		    residue_is_counted_beyond_what_can_be_named, setup),
	};
	int failed;

	pidns_enter();
	if (undo_ctx_open(&ctx, -1, false, &e) < 0)
		skip_all("%s", e.msg);
	if (shell("ip link set lo up && ip link add d0 type veth peer name d1 && "
		  "ipset list -n && iptables -S") < 0)
		skip_all("iproute2, ipset and iptables are needed");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	clear();
	undo_ctx_free(ctx);
	return failed;
}
