/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of obligations: records appear whole or not at all, also on a full file
 * system; damaged ones are named and never obeyed; and undoing by record works whoever else
 * is at it and whatever became of its namespace.
 */
#include "link.h"
#include "nft.h"
#include "store_world.h"
#include "tc.h"

/* --- the files ------------------------------------------------------------------------- */

static void
a_record_is_put_got_and_dropped(void **state)
{
	struct record r = record_of(ONE), again;

	(void)state;
	assert_ok(store_put(&store, &r, &e), e);
	assert_ok(store_get(&store, ONE, &again, &e), e);
	assert_string_equal(again.drill, r.drill);
	assert_ok(store_drop(&store, ONE, &e), e);
	assert_ok(store_drop(&store, ONE, &e), e);
	assert_int_equal(store_get(&store, ONE, &again, &e), -ENOENT);
}

static void
records_come_newest_first(void **state)
{
	static const char *const faults[] = { TWO, ONE, THREE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct record r = record_of(faults[i]);
		struct timespec t[2] = { { 1000 + (time_t)i, 0 },
			{ 1000 + (time_t)i, 0 } };

		assert_ok(store_put(&store, &r, &e), e);
		assert_int_equal(utimensat(store.dir, faults[i], t, 0), 0);
	}
	assert_string_equal(look_at_all().order, THREE " " ONE " " TWO " ");
}

static void
a_damaged_record_is_named_and_a_cut_off_write_is_none(void **state)
{
	struct seen s;

	(void)state;
	put(ONE, "stormdrill-record 1\nfault " ONE "\n");
	put("." TWO ".tmp", "stormdrill-rec");
	s = look_at_all();
	assert_int_equal(s.bad, 1);
	assert_int_equal(s.good, 0);
	assert_non_null(strstr(s.why, "line 2"));
	assert_non_null(strstr(s.why, ONE));
}

static void
a_record_under_anothers_name_is_refused(void **state)
{
	struct record r = record_of(ONE), again;

	(void)state;
	assert_ok(store_put(&store, &r, &e), e);
	assert_int_equal(renameat(store.dir, ONE, store.dir, TWO), 0);
	assert_int_equal(store_get(&store, TWO, &again, &e), -EINVAL);
	assert_int_equal(store_get(&store, "../" ONE, &again, &e), -EINVAL);
	put("README", "not a record\n");
	assert_int_equal(look_at_all().bad, 2);
}

static void
a_record_with_more_behind_a_nul_is_refused(void **state)
{
	struct record r = record_of(ONE);
	char text[RECORD_TEXT_MAX];
	int len;

	(void)state;
	len = record_format(&r, text, sizeof(text), &e);
	assert_ok(len, e);
	memcpy(text + len + 1, "x", 2);
	assert_ok(replace_file_at(store.dir, ONE, text, (size_t)len + 2, &e), e);
	assert_int_equal(store_get(&store, ONE, &r, &e), -EINVAL);
}

static void
on_a_full_file_system_nothing_is_promised(void **state)
{
	char command[300];
	struct store full;
	struct record r = record_of(ONE), old = record_of(TWO);
	struct seen s = { 0 };

	(void)state;
	(void)snprintf(command, sizeof(command),
	    "mkdir -p %s/full && mount -t tmpfs -o size=32k tmpfs %s/full", dir, dir);
	if (shell(command) < 0)
		skip();
	(void)snprintf(command, sizeof(command), "%s/full/run", dir);
	assert_ok(store_open(&full, command, "", command, &e), e);
	assert_ok(store_put(&full, &old, &e), e);
	(void)snprintf(command, sizeof(command),
	    "dd if=/dev/zero of=%s/full/filler bs=1k 2>/dev/null; true", dir);
	assert_int_equal(shell(command), 0);
	assert_int_equal(store_put(&full, &r, &e), -ENOSPC);
	assert_int_equal(store_put(&full, &old, &e), -ENOSPC);
	memset(&e, 0, sizeof(e));
	assert_int_equal(store_each(&full, look, &s, &e), 1);
	assert_string_equal(s.order, TWO " ");
	assert_int_equal(s.good, 1);
	assert_ok(store_drop(&full, TWO, &e), e); /* giving up needs no space */
	store_close(&full);
	(void)snprintf(command, sizeof(command), "umount %s/full", dir);
	assert_int_equal(shell(command), 0);
}

static void
undoing_takes_object_holder_and_record(void **state)
{
	struct record r = record_of(ONE);
	pid_t holder = sleeper("stormd-fault");

	(void)state;
	assert_int_equal(process_id_get(holder, &r.holder), 0);
	(void)kill(holder, SIGSTOP);
	make_set(ONE);
	assert_ok(store_put(&store, &r, &e), e);
	assert_ok(store_undo(&store, &r, -1, &e), e);
	assert_false(has_set(ONE));
	assert_false(has_record(ONE));
	assert_false(process_id_alive(r.holder));
	assert_int_equal(e.code, 0);
	assert_ok(store_undo(&store, &r, -1, &e), e);
	end_sleeper(holder);
}

static void
another_process_with_the_holders_pid_is_spared(void **state)
{
	struct record r = record_of(ONE);
	pid_t other = sleeper("innocent");

	(void)state;
	assert_int_equal(process_id_get(other, &r.holder), 0);
	r.holder.start--;
	assert_ok(store_put(&store, &r, &e), e);
	assert_ok(store_undo(&store, &r, -1, &e), e);
	r.holder.start++;
	assert_true(process_id_alive(r.holder));
	end_sleeper(other);
}

/* --- undoing --------------------------------------------------------------------------- */

static void
what_cannot_be_undone_keeps_its_record(void **state)
{
	struct record r = record_of(ONE);

	(void)state;
	make_set(ONE);
	assert_int_equal(
	    shell("iptables -A INPUT -m set --match-set sd-" ONE "-4 src -j DROP"), 0);
	assert_ok(store_put(&store, &r, &e), e);
	assert_true(store_undo(&store, &r, -1, &e) < 0);
	assert_int_equal(e.outcome, OUTCOME_STUCK);
	assert_true(has_record(ONE));
	assert_int_equal(shell("iptables -F INPUT"), 0);
	assert_ok(store_undo(&store, &r, -1, &e), e);
	assert_false(has_record(ONE));
}

static void
an_object_that_the_record_forgot_is_residue(void **state)
{
	struct record r = record_of(ONE);

	(void)state;
	assert_int_equal(shell("ip link add sd" ONE "e type ifb"), 0);
	assert_ok(store_put(&store, &r, &e), e);
	assert_int_equal(store_undo(&store, &r, -1, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "link sd" ONE "e is left"));
	assert_true(has_record(ONE));
	assert_int_equal(shell("ip link del sd" ONE "e"), 0);
	assert_ok(store_undo(&store, &r, -1, &e), e);
}

static void
two_who_undo_at_once_both_succeed(void **state)
{
	struct record r = record_of(ONE);
	struct undo u = { UNDO_CHAIN, "SD-" ONE "-I", "filter", { 4 } };
	pid_t pids[4];
	int status;

	(void)state;
	undo_add(&r.undo, u);
	for (int round = 0; round < 5; round++) {
		make_set(ONE);
		assert_int_equal(shell("iptables -N SD-" ONE "-I && iptables -I INPUT -j "
				       "SD-" ONE "-I"),
		    0);
		assert_ok(store_put(&store, &r, &e), e);
		for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				_exit(store_undo(&store, &r, -1, &e) == 0 ? 0 : 1);
		}
		for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_int_equal(status, 0);
		}
		assert_false(has_set(ONE));
		assert_false(has_record(ONE));
	}
}

/* A fault of another namespace, which its undoer must enter and leave again. */
static void
a_record_is_undone_in_its_own_namespace(void **state)
{
	struct record r = record_of(ONE);
	uint64_t here = netns_inode();
	int ready[2];
	pid_t pid;
	char c;

	(void)state;
	make_set(ONE); /* the same name here is another's */
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0 ||
		    shell("ipset create sd-" ONE "-4 hash:net") < 0)
			_exit(1);
		(void)!write(ready[1], "r", 1);
		while (shell("ipset list -n | grep -q .") == 0)
			sleep_usec(5 * USEC_PER_MSEC);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	{
		char path[64];
		struct stat st;

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		assert_int_equal(stat(path, &st), 0);
		r.netns = st.st_ino;
	}
	assert_ok(store_put(&store, &r, &e), e);
	store_disarm_all(&store, -1);
	assert_int_equal(netns_inode(), here);
	assert_ok(store_undo(&store, &r, -1, &e), e);
	assert_int_equal(netns_inode(), here);
	assert_true(has_set(ONE));
	(void)waitpid(pid, NULL, 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void
when_its_namespace_is_gone_only_the_rest_is_undone(void **state)
{
	struct record r = record_of(ONE);
	int root = undo_ctx_cgroup(ctx, &e), group = -1;

	(void)state;
	if (root < 0)
		skip();
	r.netns = 1; /* no namespace has this inode */
	undo_add(&r.undo, (struct undo){ UNDO_CGROUP_REMOVE, "stormdrill-" ONE });
	undo_add(&r.undo, (struct undo){ UNDO_CGROUP_KILL, "stormdrill-" ONE });
	assert_ok(cgroup_create(root, "stormdrill-" ONE, &group, &e), e);
	(void)close(group);
	assert_ok(store_put(&store, &r, &e), e);
	assert_ok(store_undo(&store, &r, -1, &e), e);
	assert_int_equal(cgroup_count(root, "stormdrill-" ONE), -ENOENT);
	assert_false(has_record(ONE));
}

/* --- shared objects -------------------------------------------------------------------- */

static bool
has_notes(void)
{
	char command[200];

	(void)snprintf(command, sizeof(command), "test -n \"$(ls %s/shared)\"", host_dir);
	return shell(command) == 0;
}

static void
the_last_to_sweep_takes_the_shared_object_and_its_note(void **state)
{
	struct link d0 = { 0 };
	struct undo u = { UNDO_CLSACT, "", "d0", { 0 } };
	struct nl *n = undo_ctx_nl(ctx, NETLINK_ROUTE);

	(void)state;
	assert_ok(link_find(n, "d0", &d0, &e), e);
	u.num[0] = d0.index;
	assert_ok(shared_claim(&store, ctx, &u, &e), e);
	assert_ok(tc_clsact_add(n, d0.index, &e), e);
	assert_int_equal(
	    shell("tc filter add dev d0 egress pref 3 protocol ip u32 match u32 0 0 "
		  "action mirred egress redirect dev d1"),
	    0);
	assert_ok(shared_sweep(&store, ctx, &e), e);
	assert_true(tc_clsact_exists(n, d0.index)); /* in use: left, and still noted */
	assert_true(has_notes());
	assert_int_equal(shell("tc filter del dev d0 egress"), 0);
	assert_ok(shared_sweep(&store, ctx, &e), e);
	assert_false(tc_clsact_exists(n, d0.index));
	assert_false(has_notes());
}

static void
what_was_there_before_us_is_not_claimed(void **state)
{
	struct link d0 = { 0 };
	struct undo u = { UNDO_CLSACT, "", "d0", { 0 } };
	struct nl *n = undo_ctx_nl(ctx, NETLINK_ROUTE);

	(void)state;
	assert_ok(link_find(n, "d0", &d0, &e), e);
	u.num[0] = d0.index;
	assert_ok(tc_clsact_add(n, d0.index, &e), e);
	assert_ok(shared_claim(&store, ctx, &u, &e), e);
	assert_ok(shared_sweep(&store, ctx, &e), e);
	assert_true(tc_clsact_exists(n, d0.index));
}

static void
a_note_whose_writer_lives_is_left_to_it(void **state)
{
	struct undo u = { UNDO_NFT_TABLE, "filter", "", { 4 } };
	int go[2], status;
	pid_t pid;
	char c = 0;

	(void)state;
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		struct err why = { 0 };

		if (shared_claim(&store, ctx, &u, &why) < 0)
			_exit(1);
		(void)!write(go[1], "r", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(go[0], &c, 1), 1);
	assert_int_equal(shell("nft add table ip filter"), 0);
	assert_ok(shared_sweep(&store, ctx, &e), e);
	assert_true(nft_table_exists(netfilter(), 4, "filter"));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	assert_ok(shared_sweep(&store, ctx, &e), e);
	assert_false(nft_table_exists(netfilter(), 4, "filter"));
	assert_false(has_notes());
	(void)close(go[0]);
	(void)close(go[1]);
}

static void
a_damaged_note_is_named_and_does_nothing(void **state)
{
	static const char text[] =
	    "stormdrill-shared 1\nshared delete-nft-table name=filter\n";

	(void)state;
	assert_int_equal(shell("nft add table ip filter"), 0);
	assert_ok(replace_file_at(store.shared, "delete-nft-table.1.4.filter", text,
		      sizeof(text) - 1, &e),
	    e);
	assert_true(shared_sweep(&store, ctx, &e) < 0);
	assert_non_null(strstr(e.msg, "delete-nft-table.1.4.filter"));
	assert_true(nft_table_exists(netfilter(), 4, "filter"));
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_record_is_put_got_and_dropped, setup),
		cmocka_unit_test_setup(records_come_newest_first, setup),
		cmocka_unit_test_setup(
		    a_damaged_record_is_named_and_a_cut_off_write_is_none, setup),
		cmocka_unit_test_setup(a_record_under_anothers_name_is_refused, setup),
		cmocka_unit_test_setup(a_record_with_more_behind_a_nul_is_refused, setup),
		cmocka_unit_test_setup(on_a_full_file_system_nothing_is_promised, setup),
		cmocka_unit_test_setup(undoing_takes_object_holder_and_record, setup),
		cmocka_unit_test_setup(
		    another_process_with_the_holders_pid_is_spared, setup),
		cmocka_unit_test_setup(what_cannot_be_undone_keeps_its_record, setup),
		cmocka_unit_test_setup(
		    an_object_that_the_record_forgot_is_residue, setup),
		cmocka_unit_test_setup(two_who_undo_at_once_both_succeed, setup),
		cmocka_unit_test_setup(a_record_is_undone_in_its_own_namespace, setup),
		cmocka_unit_test_setup(
		    when_its_namespace_is_gone_only_the_rest_is_undone, setup),
		cmocka_unit_test_setup(
		    the_last_to_sweep_takes_the_shared_object_and_its_note, setup),
		cmocka_unit_test_setup(what_was_there_before_us_is_not_claimed, setup),
		cmocka_unit_test_setup(a_note_whose_writer_lives_is_left_to_it, setup),
		cmocka_unit_test_setup(a_damaged_note_is_named_and_does_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(void)
{
	return run_with_store(run);
}
