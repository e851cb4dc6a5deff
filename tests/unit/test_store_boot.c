/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Obligations and reboots: what dies with the boot is forgotten with it, what outlives it is
 * kept where a reboot leaves it, and only that is undone afterwards.
 */
#include "store_world.h"

static void
another_boots_record_is_dropped_and_touches_nothing(void **state)
{
	struct record r = record_of(ONE);
	pid_t other = sleeper("innocent");

	(void)state;
	uuid_make(r.boot_id);
	assert_int_equal(process_id_get(other, &r.holder), 0);
	make_set(ONE);
	assert_ok(store_put(&store, &r, &e), e);
	assert_ok(store_undo(&store, &r, -1, &e), e);
	assert_false(has_record(ONE));
	assert_true(has_set(ONE));
	assert_true(process_id_alive(r.holder));
	end_sleeper(other);
}

/* --- what outlives the boot ------------------------------------------------------------ */

static bool
is_in(const char *parent, const char *fault)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/undo/%s", parent, fault);
	return access(path, F_OK) == 0;
}

static void
what_dies_with_the_boot_makes_no_state(void **state)
{
	struct record r = record_of(ONE), got;

	(void)state;
	assert_ok(store_put(&store, &r, &e), e);
	assert_ok(store_get(&store, ONE, &got, &e), e);
	assert_ok(store_drop(&store, ONE, &e), e);
	assert_int_equal(store_get(&store, ONE, &got, &e), -ENOENT);
	assert_int_equal(access(state_dir, F_OK), -1);
}

static void
what_outlives_the_boot_is_kept_in_the_state_dir(void **state)
{
	struct record r = lasting_record_of(ONE), other = record_of(TWO), got;
	struct seen s;

	(void)state;
	assert_ok(store_put(&store, &other, &e), e);
	assert_ok(store_put(&store, &r, &e), e);
	assert_true(is_in(state_dir, ONE));
	assert_false(is_in(run_dir, ONE));
	assert_true(is_in(run_dir, TWO));
	assert_false(is_in(state_dir, TWO));
	assert_ok(store_get(&store, ONE, &got, &e), e);
	assert_int_equal(got.undo.count, 2);
	s = look_at_all();
	assert_int_equal(s.good, 2);
	assert_string_equal(s.order, ONE " " TWO " ");
	make_set(ONE);
	assert_ok(store_undo(&store, &r, -1, &e), e);
	assert_false(has_set(ONE));
	assert_false(has_file(ONE));
	assert_false(is_in(state_dir, ONE));
	assert_true(is_in(run_dir, TWO));
	assert_ok(store_undo(&store, &r, -1, &e), e); /* whoever comes second */
}

/* The first such record may come after we looked. */
static void
state_that_comes_later_is_seen(void **state)
{
	struct store early;
	struct record r, got;
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s/lib", dir);
	assert_int_equal(shell(command), 0);
	assert_ok(store_open(&early, run_dir, state_dir, host_dir, &e), e);
	assert_int_equal(early.state, -1);
	store_close(&store);
	assert_ok(store_open(&store, run_dir, state_dir, host_dir, &e), e);
	r = lasting_record_of(ONE);
	assert_ok(store_put(&store, &r, &e), e);
	assert_ok(store_get(&early, ONE, &got, &e), e);
	assert_ok(store_undo(&early, &r, -1, &e), e);
	assert_false(has_file(ONE));
	assert_false(is_in(state_dir, ONE));
	store_close(&early);
}

static void
without_a_state_dir_nothing_that_lasts_is_promised(void **state)
{
	struct store without;
	struct record r = lasting_record_of(ONE);

	(void)state;
	assert_ok(store_open(&without, run_dir, "", host_dir, &e), e);
	assert_int_equal(store_put(&without, &r, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "outlives a reboot"));
	assert_false(is_in(run_dir, ONE));
	store_close(&without);
}

/* Only what outlives it: numbers of processes and names in the kernel are others' now. */
static void
after_a_reboot_only_what_outlives_it_is_undone(void **state)
{
	struct record r = lasting_record_of(ONE);
	pid_t other = sleeper("innocent");
	struct store left;

	(void)state;
	uuid_make(r.boot_id);
	r.netns = 1; /* no such namespace, and none is looked for */
	assert_int_equal(process_id_get(other, &r.holder), 0);
	make_set(ONE);
	assert_ok(store_put(&store, &r, &e), e);
	assert_true(record_is_of_earlier_boot(&r));
	assert_ok(store_open(&left, "", state_dir, host_dir, &e), e);
	store_disarm_all(&left, -1);
	assert_true(has_file(ONE));
	assert_ok(store_undo(&left, &r, -1, &e), e);
	assert_false(has_file(ONE));
	assert_false(is_in(state_dir, ONE));
	assert_true(has_set(ONE));
	assert_true(process_id_alive(r.holder));
	store_close(&left);
	end_sleeper(other);
}

/* A disk that is not mounted yet: what is on it is not gone. */
static void
after_a_reboot_a_promise_waits_for_its_disk(void **state)
{
	struct record r = lasting_record_of(ONE);

	(void)state;
	uuid_make(r.boot_id);
	r.undo.op[1].num[0]++; /* the directory is another one */
	assert_ok(store_put(&store, &r, &e), e);
	assert_int_equal(unlink(r.undo.op[1].name), 0);
	assert_true(store_undo(&store, &r, -1, &e) < 0);
	assert_int_equal(e.outcome, OUTCOME_STUCK);
	assert_true(is_in(state_dir, ONE));
}

/* A state-dir that somebody else can write to is not obeyed. */
static void
anothers_state_dir_is_refused(void **state)
{
	char command[200];
	struct store foreign;

	(void)state;
	(void)snprintf(command, sizeof(command),
	    "mkdir -p %s/foreign/undo && chown 12345 %s/foreign", dir, dir);
	assert_int_equal(shell(command), 0);
	(void)snprintf(command, sizeof(command), "%s/foreign", dir);
	assert_int_equal(store_open(&foreign, run_dir, command, host_dir, &e), -EPERM);
}

static void
with_no_room_for_its_record_nothing_that_lasts_is_promised(void **state)
{
	char command[300], full_dir[100];
	struct store full;
	struct record r = lasting_record_of(ONE);

	(void)state;
	(void)snprintf(full_dir, sizeof(full_dir), "%s/full/state", dir);
	(void)snprintf(command, sizeof(command),
	    "mkdir -p %s/full && mount -t tmpfs -o size=16k tmpfs %s/full && "
	    "dd if=/dev/zero of=%s/full/filler bs=1k 2>/dev/null; true",
	    dir, dir, dir);
	if (shell(command) < 0)
		skip();
	assert_ok(store_open(&full, run_dir, full_dir, host_dir, &e), e);
	assert_int_equal(store_put(&full, &r, &e), -ENOSPC);
	assert_non_null(strstr(e.msg, full_dir));
	store_close(&full);
	(void)snprintf(command, sizeof(command),
	    "rm %s/full/filler && mount -o remount,ro %s/full", dir, dir);
	assert_int_equal(shell(command), 0);
	assert_ok(store_open(&full, run_dir, full_dir, host_dir, &e), e);
	assert_int_equal(store_put(&full, &r, &e), -EROFS);
	store_close(&full);
	(void)snprintf(command, sizeof(command), "umount %s/full", dir);
	assert_int_equal(shell(command), 0);
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    another_boots_record_is_dropped_and_touches_nothing, setup),
		cmocka_unit_test_setup(what_dies_with_the_boot_makes_no_state, setup),
		cmocka_unit_test_setup(
		    what_outlives_the_boot_is_kept_in_the_state_dir, setup),
		cmocka_unit_test_setup(state_that_comes_later_is_seen, setup),
		cmocka_unit_test_setup(
		    without_a_state_dir_nothing_that_lasts_is_promised, setup),
		cmocka_unit_test_setup(
		    after_a_reboot_only_what_outlives_it_is_undone, setup),
		cmocka_unit_test_setup(
		    after_a_reboot_a_promise_waits_for_its_disk, setup),
		cmocka_unit_test_setup(anothers_state_dir_is_refused, setup),
		cmocka_unit_test_setup(
		    with_no_room_for_its_record_nothing_that_lasts_is_promised, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(void)
{
	return run_with_store(run);
}
