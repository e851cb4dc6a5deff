/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is so of partitions by nftables alone: the table belongs to the holder, dies with
 * it, and is nobody else's to change.  What they cut is tried by the tests of both engines.
 */
#include "net_drill.h"

#include "nft_table.h"
#include "nl.h"

#include <linux/netlink.h>
#include <netinet/tcp.h>

#define TABLE "sd-7b1c09aa"

static const char *const flush_ruleset[] = { "/usr/sbin/nft", "flush", "ruleset", NULL };

static const struct passes cut = { CUT, CUT };

static struct nl *
netfilter(void)
{
	return undo_ctx_nl(ctx, NETLINK_NETFILTER);
}

/* --- death ----------------------------------------------------------------------------- */

/* A holder with sockets of its own: says so when it is active, and sleeps. */
static pid_t
start_holder(const char *args)
{
	int said[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	(void)fflush(NULL); /* or the child would write it again */
	pid = fork();
	if (pid == 0) {
		struct err e = { 0 };

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (undo_ctx_open(&ctx, -1, true, &e) < 0)
			_exit(1);
		(void)drill_on("7b1c09aa", args);
		(void)!write(said[1], "a", 1);
		for (;;)
			(void)pause();
	}
	(void)close(said[1]);
	assert_int_equal(read(said[0], &c, 1), 1);
	(void)close(said[0]);
	return pid;
}

static void
kill_holder(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
a_killed_holder_takes_its_table_with_it(void **state)
{
	_cleanup_free_ char *before = snapshot();
	pid_t pid = start_holder("to=any mode=reject");
	struct undo_list l = { 0 };
	struct err e = { 0 };
	bool is_ours = false;

	(void)state;
	undo_add(&l, (struct undo){ UNDO_NFT_OWN, TABLE });
	undo_add(&l, (struct undo){ UNDO_NFT_FLUSH, TABLE });
	assert_int_equal(nft_table_find(netfilter(), TABLE, &is_ours), 0);
	assert_true(is_ours);
	/* by record, too early: it cannot, and says why */
	assert_int_equal(undo_run(ctx, &l, BEAT_DISARM, &e), -EPERM);
	assert_non_null(strstr(e.msg, "belongs to a process that is alive"));
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), REFUSED);
	kill_holder(pid);
	assert_int_equal(nft_table_find(netfilter(), TABLE, &is_ours), -ENOENT);
	assert_passes(&everything, "the holder is dead");
	assert_unchanged(before);
	for (enum undo_beat beat = BEAT_DISARM; beat <= BEAT_SWEEP; beat++) {
		assert_ok(undo_run(ctx, &l, beat, &e), e);
		assert_ok(undo_check(ctx, &l, beat, &e), e);
	}
	assert_unchanged(before);
}

static void
the_death_of_one_leaves_the_other_in_force(void **state)
{
	static const struct passes six_only = { UNCUT, CUT };
	pid_t pid = start_holder("to=" FAR4);
	struct drill *six = drill_on("7b1c09ab", "to=" FAR6);

	(void)state;
	assert_passes(&cut, "both in force");
	kill_holder(pid);
	assert_passes(&six_only, "one holder is dead");
	must(six, six->fault->hold(&six->run, &six->e));
	assert_false(six->run.lost); /* although the rules of the namespace changed */
	drill_off(six);
	assert_passes(&everything, "both undone");
}

/* --- others ---------------------------------------------------------------------------- */

static void
a_rule_manager_that_flushes_everything_passes_over_it(void **state)
{
	static const char *const change[] = { "/usr/sbin/nft", "delete", "chain", "inet",
		TABLE, "out", NULL };
	struct drill *d = drill_on("7b1c09aa", "to=any");

	(void)state;
	assert_int_equal(tool(flush_ruleset, NULL, NULL, 0), 0);
	assert_true(tool(change, NULL, NULL, 0) < 0);
	assert_passes(&cut, "the ruleset was flushed");
	must(d, d->fault->hold(&d->run, &d->e));
	assert_false(d->run.lost);
	drill_off(d);
	assert_passes(&everything, "undone");
}

/* Only who has the socket can, or the kernel. */
static void
a_table_or_networks_that_are_gone_are_told_as_lost(void **state)
{
	struct drill *d = drill_on("7b1c09aa", "to=any");

	(void)state;
	assert_ok(nft_table_flush(netfilter(), TABLE, &d->e), d->e);
	must(d, d->fault->hold(&d->run, &d->e));
	assert_true(d->run.lost);
	assert_string_equal(d->run.note,
	    "taken away by somebody else: networks are missing from its sets");
	drill_off(d);

	d = drill_on("7b1c09aa", "to=any");
	assert_ok(nft_table_delete(netfilter(), TABLE, &d->e), d->e);
	must(d, d->fault->hold(&d->run, &d->e));
	assert_true(d->run.lost);
	assert_string_equal(
	    d->run.note, "taken away by somebody else: its table is gone");
	drill_off(d);
}

static void
other_tables_stay_as_they_were(void **state)
{
	static const char *const load[] = { "/usr/sbin/nft", "-f", "-", NULL };
	static const char rules[] =
	    "table inet sd-other { set to4 { type ipv4_addr; elements = { 192.0.2.1 } }\n"
	    "chain in { type filter hook input priority -310; accept\n}\n"
	    "chain out { type filter hook output priority -310; accept\n}\n}\n";
	_cleanup_free_ char *before = NULL;
	struct drill *d;

	(void)state;
	assert_int_equal(tool(load, rules, NULL, 0), 0);
	before = snapshot();
	d = drill_on("7b1c09aa", "to=any");
	assert_passes(&cut, "although another table accepts everything");
	drill_off(d);
	assert_unchanged(before);
	assert_int_equal(tool(flush_ruleset, NULL, NULL, 0), 0);
}

static void
a_table_name_that_is_taken_is_refused(void **state)
{
	static const char *const add[] = { "/usr/sbin/nft", "add", "table", "inet", TABLE,
		NULL };
	struct drill *d = drill_new("7b1c09aa", "to=any");

	(void)state;
	assert_int_equal(tool(add, NULL, NULL, 0), 0);
	assert_int_equal(d->fault->prepare(&d->run, &d->e), -EEXIST);
	assert_string_equal(d->e.msg, "table '" TABLE "' exists already");
	assert_int_equal(d->run.undo.count, 0);
	drill_free(d);
	assert_int_equal(tool(flush_ruleset, NULL, NULL, 0), 0);
}

/* --- what is asked for ------------------------------------------------------------------ */

/* Staged and undone, so that every expression has been in the kernel. */
static void
every_filter_makes_rules_that_the_kernel_takes(void **state)
{
	static const char *const args[] = {
		"to=any interface=near0,lo local_port=80,8000-8100 port=1-1023",
		"to=any exclude=" FAR4 "," FAR6 " exclude_port=22,8080-8081",
		"to=any share=10% seed=7",
		"to=any user=0 direction=out",
		"to=any mode=unreachable established=keep",
		"to=any protocol=icmp",
		"to=10.0.0.0/8,10.1.0.0/16,10.99.0.2,192.0.2.0/25,192.0.2.128/25",
	};
	_cleanup_free_ char *before = snapshot();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(args); i++) {
		struct drill *d = drill_on("7b1c09aa", args[i]);

		must(d, d->fault->hold(&d->run, &d->e));
		assert_false(d->run.lost);
		drill_off(d);
		assert_unchanged(before);
	}
}

static void
what_is_excluded_passes(void **state)
{
	static const struct passes six_only = { UNCUT, CUT };
	static const struct passes one_port = { { OPEN, SILENT, SILENT, SILENT },
		{ OPEN, SILENT, SILENT, SILENT } };
	struct drill *d = drill_on("7b1c09aa", "to=any exclude=10.99.0.0/24");

	(void)state;
	assert_passes(&six_only, "the other network is excluded");
	drill_off(d);
	d = drill_on("7b1c09aa", "to=any exclude_port=8080");
	assert_passes(&one_port, "one port is excluded");
	drill_off(d);
}

static void
a_share_of_all_or_none_is_just_that(void **state)
{
	struct drill *d = drill_on("7b1c09aa", "to=any share=99.999%");

	(void)state;
	assert_passes(&cut, "nearly all flows");
	drill_off(d);
	d = drill_on("7b1c09aa", "to=any share=0.001%");
	assert_passes(&everything, "hardly any flow");
	drill_off(d);
}

static void
the_note_names_the_engine(void **state)
{
	struct drill *d = drill_on("7b1c09aa", "to=" FAR4 ",10.98.0.0/16," FAR6);

	(void)state;
	assert_string_equal(d->run.note, "engine nftables, 2 IPv4 and 1 IPv6 networks");
	assert_non_null(strstr(d->run.ops, "stage: nf_tables: table inet " TABLE));
	drill_off(d);
}

/* --- auto ------------------------------------------------------------------------------ */

static struct drill *
drill_auto(const char *args)
{
	struct drill *d = drill_of("net.partition", "7b1c09aa", args);

	drill_stage(d);
	drill_apply(d);
	return d;
}

static void
what_iptables_cannot_name_goes_by_nftables(void **state)
{
	struct drill *d;

	(void)state;
	assert_int_equal(ip("link add name a+b type veth peer name a-b"), 0);
	d = drill_auto("to=any interface=a+b");
	assert_non_null(strstr(d->run.note, "engine nftables"));
	drill_off(d);
	assert_int_equal(ip("link del a+b"), 0);
}

/* Something that cannot be run stands in its place, in this test's mount namespace. */
static void
where_iptables_is_not_installed_nftables_does_it(void **state)
{
	const char *program = "/usr/sbin/iptables-restore";
	char how[200] = "";
	struct drill *d;

	(void)state;
	if (access(program, X_OK) != 0)
		program = NULL;
	if (program != NULL)
		assert_int_equal(mount("/dev/null", program, NULL, MS_BIND, NULL), 0);
	d = drill_auto("to=any");
	d->fault->how(how, sizeof(how));
	assert_passes(&cut, "without iptables");
	drill_off(d);
	if (program != NULL)
		assert_int_equal(umount(program), 0);
	assert_string_equal(how,
	    "engine nftables: iptables-restore is not installed (Debian: iptables, "
	    "Fedora: iptables-nft)");
}

static int
run(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_holder_takes_its_table_with_it),
		cmocka_unit_test(the_death_of_one_leaves_the_other_in_force),
		cmocka_unit_test(a_rule_manager_that_flushes_everything_passes_over_it),
		cmocka_unit_test(a_table_or_networks_that_are_gone_are_told_as_lost),
		cmocka_unit_test(other_tables_stay_as_they_were),
		cmocka_unit_test(a_table_name_that_is_taken_is_refused),
		cmocka_unit_test(every_filter_makes_rules_that_the_kernel_takes),
		cmocka_unit_test(what_is_excluded_passes),
		cmocka_unit_test(a_share_of_all_or_none_is_just_that),
		cmocka_unit_test(the_note_names_the_engine),
		cmocka_unit_test(what_iptables_cannot_name_goes_by_nftables),
		cmocka_unit_test(where_iptables_is_not_installed_nftables_does_it),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	net_drill_enter("net.partition");
	if (access(flush_ruleset[0], X_OK) != 0)
		skip_all("nft(8) is not installed");
	return run_by_engine("nftables", run);
}
