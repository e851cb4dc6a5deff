/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.fill to the block, and what it refuses.
 */
#include "disk_world.h"

TEST_WITHOUT_LEAK_CHECK

static void
what_is_left_is_exact_to_the_block(void **state)
{
	static const char *const amounts[] = { "0", "4096", "1MiB", "10MiB" };
	static const uint64_t bytes[] = { 0, 4096, 1 << 20, 10 << 20 };
	const uint64_t before = available();
	struct fault_run r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
		struct spec spec = spec_of(disk, "leave", amounts[i]);

		fill(&r, &spec);
		assert_int_equal(available(), bytes[i]);
		assert_true(r.effect > 0);
		give_back(&r);
		assert_int_equal(available(), before);
	}
}

static void
a_size_is_taken_and_given_back(void **state)
{
	const uint64_t before = available();
	struct spec spec = spec_of(disk, "size", "16MiB");
	struct fault_run r;

	(void)state;
	fill(&r, &spec);
	assert_int_equal(r.effect, 16 << 20);
	assert_in_range(before - available(), 16 << 20, (16 << 20) + 4096);
	assert_non_null(strstr(r.note, "16 MiB allocated"));
	give_back(&r);
	assert_int_equal(available(), before);
}

static void
a_percentage_is_what_df_says(void **state)
{
	struct spec spec = spec_of(disk, "percent", "95%");
	struct disk_space s;
	struct fault_run r;
	struct err e = { 0 };
	_cleanup_close_ int dir = disk_open_dir(disk, &e);

	(void)state;
	fill(&r, &spec);
	assert_int_equal(disk_space(dir, &s, &e), 0);
	assert_true((s.total - s.available) * 100 >= s.total * 95);
	assert_true((s.total - s.available - 1) * 100 < s.total * 95);
	give_back(&r);
}

static void
prepare_and_stage_take_nothing(void **state)
{
	const uint64_t before = available();
	struct spec spec = spec_of(disk, "leave", "1MiB");
	struct fault_run r;
	struct err e;

	(void)state;
	assert_int_equal(prepare(&r, &spec, &e), 0);
	assert_int_equal(available(), before);
	assert_int_equal(fault_disk_fill.stage(&r, &e), 0);
	assert_int_equal(available(), before);
	assert_non_null(strstr(r.ops, "(ext4)"));
	give_back(&r);
}

static void
more_than_there_is_is_an_error_and_takes_nothing(void **state)
{
	const uint64_t before = available();
	struct spec spec = spec_of(disk, "size", "1GiB");
	struct fault_run r;
	struct err e;

	(void)state;
	assert_int_equal(refused(&r, &spec, &e), -ENOSPC);
	assert_non_null(strstr(e.msg, "1 GiB are asked for"));
	assert_int_equal(available(), before);
}

static void
what_is_fuller_already_is_an_error(void **state)
{
	struct spec spec = spec_of(disk, "leave", "1GiB");
	struct fault_run r;
	struct err e;

	(void)state;
	assert_int_equal(refused(&r, &spec, &e), -ENOSPC);
	assert_non_null(strstr(e.msg, "nothing to take"));
}

/* Somebody took the room between arming and firing. */
static void
what_was_got_is_given_back_when_it_is_not_enough(void **state)
{
	struct spec spec = spec_of(disk, "size", "64MiB"),
		    other = spec_of(disk, "leave", "32MiB");
	struct fault_run r, thief;
	struct err e;

	(void)state;
	assert_int_equal(prepare(&r, &spec, &e), 0);
	assert_int_equal(fault_disk_fill.stage(&r, &e), 0);
	fill(&thief, &other);
	assert_int_equal(fault_disk_fill.apply(&r, &e), -ENOSPC);
	assert_non_null(strstr(e.msg, disk));
	assert_int_equal(available(), 32 << 20);
	give_back(&thief);
	give_back(&r);
}

static void
the_protected_and_the_agents_own_are_refused(void **state)
{
	struct spec spec = spec_of(disk, "leave", "1MiB"),
		    some = spec_of(disk, "size", "1MiB");
	struct fault_run r;
	struct err e;

	(void)state;
	memcpy(protect.paths, disk, strlen(disk) + 1);
	assert_int_equal(refused(&r, &spec, &e), -EPERM);
	assert_non_null(strstr(e.msg, "policy protects"));
	memset(&protect, 0, sizeof(protect));
	protect.disk_leave = 2 << 20;
	assert_int_equal(refused(&r, &spec, &e), -EPERM);
	assert_non_null(strstr(e.msg, "2 MiB"));
	memset(&protect, 0, sizeof(protect));
	run_dir = disk;
	assert_int_equal(refused(&r, &spec, &e), -EPERM);
	assert_non_null(strstr(e.msg, "64 MiB"));
	assert_int_equal(prepare(&r, &some, &e), 0);
	run_dir = "/proc";
	give_back(&r);
}

static void
a_path_through_a_link_is_refused(void **state)
{
	char link[64];
	struct spec spec;
	struct fault_run r;
	struct err e;

	(void)state;
	(void)snprintf(link, sizeof(link), "%s/link", base);
	assert_int_equal(symlink(disk, link), 0);
	spec = spec_of(link, "size", "1MiB");
	assert_int_equal(refused(&r, &spec, &e), -ELOOP);
	assert_non_null(strstr(e.msg, "symbolic link"));
	assert_int_equal(unlink(link), 0);
	spec = spec_of("/nonexistent", "size", "1MiB");
	assert_int_equal(refused(&r, &spec, &e), -ENOENT);
}

static void
a_file_system_without_unnamed_files_is_named(void **state)
{
	struct spec spec = spec_of("/proc", "size", "1MiB");
	struct fault_run r;
	struct err e;

	(void)state;
	/* procfs has no space either, so that is what is said first */
	assert_true(refused(&r, &spec, &e) < 0);
	_cleanup_close_ int dir = disk_open_dir("/proc", &e);
	assert_int_equal(disk_tmpfile(dir, &e), -EOPNOTSUPP);
	assert_int_equal(e.outcome, OUTCOME_UNSUPPORTED);
	assert_non_null(strstr(e.msg, "proc has no unnamed files"));
}

static void
a_tmpfs_is_memory_and_some_must_stay(void **state)
{
	struct spec spec = spec_of(disk, "leave", "0");
	struct fault_run r;
	struct err e;

	(void)state;
	assert_int_equal(mount("none", disk, "tmpfs", 0, "size=1000g"), 0);
	assert_int_equal(refused(&r, &spec, &e), -EPERM);
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
	assert_non_null(strstr(e.msg, "lives in memory"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_is_exact_to_the_block),
		cmocka_unit_test(a_size_is_taken_and_given_back),
		cmocka_unit_test(a_percentage_is_what_df_says),
		cmocka_unit_test(prepare_and_stage_take_nothing),
		cmocka_unit_test(more_than_there_is_is_an_error_and_takes_nothing),
		cmocka_unit_test(what_is_fuller_already_is_an_error),
		cmocka_unit_test(what_was_got_is_given_back_when_it_is_not_enough),
		cmocka_unit_test(the_protected_and_the_agents_own_are_refused),
		cmocka_unit_test(a_path_through_a_link_is_refused),
		cmocka_unit_test(a_file_system_without_unnamed_files_is_named),
		cmocka_unit_test(a_tmpfs_is_memory_and_some_must_stay),
	};

	/* a filler is the holder's own program again, and here that is this one */
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	return cmocka_run_group_tests(tests, mount_disk, unmount_disk);
}
