/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.fill to the block, on a small ext4 of the test's own (a loop mount in a private mount
 * namespace), and what it refuses.
 */
#include "cleanup.h"
#include "crew.h"
#include "disk.h"
#include "err.h"
#include "fault.h"
#include "pidns.h"
#include "spawn.h"
#include "test.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

TEST_WITHOUT_LEAK_CHECK

#define IMAGE_SIZE (128 << 20)

static struct protect protect;
static struct undo_ctx *ctx;
static unsigned faults; /* so far */
static char base[] = "/tmp/stormdrill-test-XXXXXX";
static char disk[64], image[64];

static int
tool(const char *const *argv)
{
	struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 30000 };
	struct err e = { 0 };
	int rc = run_tool(&t, &e);

	if (rc < 0)
		(void)fprintf(stderr, "%s: %s\n", argv[0], e.msg);
	return rc;
}
#define TOOL(...) tool((const char *const[]){ __VA_ARGS__, NULL })

static int
mount_disk(void **state)
{
	struct stat root, ours;
	struct err e = { 0 };
	int fd;

	(void)state;
	if (mkdtemp(base) == NULL)
		return -1;
	(void)snprintf(disk, sizeof(disk), "%s/disk", base);
	(void)snprintf(image, sizeof(image), "%s/image", base);
	fd = open(image, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, IMAGE_SIZE) < 0 || close(fd) < 0 ||
	    mkdir(disk, 0755) < 0)
		return -1;
	if (TOOL("/sbin/mkfs.ext4", "-q", "-F", image) < 0 ||
	    TOOL("/bin/mount", "-o", "loop", image, disk) < 0)
		return -1;
	if (stat("/", &root) < 0 || stat(disk, &ours) < 0 || root.st_dev == ours.st_dev)
		return -1;
	return undo_ctx_open(&ctx, -1, true, &e);
}

static int
unmount_disk(void **state)
{
	int rc;

	(void)state;
	undo_ctx_free(ctx);
	rc = umount(disk);
	(void)rmdir(disk);
	(void)unlink(image);
	(void)rmdir(base);
	return rc;
}

static uint64_t
available(void)
{
	struct disk_space s;
	struct err e = { 0 };
	_cleanup_close_ int dir = disk_open_dir(disk, &e);

	assert_true(dir >= 0);
	assert_int_equal(disk_space(dir, &s, &e), 0);
	return s.available * s.block;
}

static struct spec
spec_of(const char *path, const char *how, const char *much)
{
	struct spec s;
	struct err e = { 0 };

	spec_init(&s, &kind_disk_fill);
	assert_int_equal(spec_set(&s, "path", path, &e), 0);
	assert_int_equal(spec_set(&s, how, much, &e), 0);
	assert_int_equal(spec_finish(&s, &e), 0);
	fault_id_make("disk fill", base, faults++, s.id); /* nobody else has it */
	return s;
}

static const char *run_dir = "/proc";

static int
prepare(struct fault_run *r, const struct spec *spec, struct err *e)
{
	*e = (struct err){ 0 };
	*r = (struct fault_run){
		.spec = spec,
		.protect = &protect,
		.run_dir = run_dir,
		.state_dir = run_dir,
		.ctx = ctx,
		.barrier_fd = -1,
	};
	return fault_disk_fill.prepare(r, e);
}

/* A prepare that fails; the directory is closed as by the end of the holder. */
static int
refused(struct fault_run *r, const struct spec *spec, struct err *e)
{
	struct err ignored = { 0 };
	int rc = prepare(r, spec, e);

	assert_int_equal(fault_disk_fill.release(r, &ignored), 0);
	return rc;
}

static void
fill(struct fault_run *r, const struct spec *spec)
{
	struct err e;

	if (prepare(r, spec, &e) < 0 || fault_disk_fill.stage(r, &e) < 0 ||
	    fault_disk_fill.apply(r, &e) < 0 || fault_disk_fill.verify(r, &e) < 0)
		fail_msg("%s", e.msg);
}

static void
give_back(struct fault_run *r)
{
	struct err e = { 0 };

	for (int i = 0; i < 2; i++) { /* twice is once */
		assert_ok(undo_run(ctx, &r->undo, BEAT_DISARM, &e), e);
		assert_ok(undo_check(ctx, &r->undo, BEAT_DISARM, &e), e);
	}
	assert_int_equal(fault_disk_fill.release(r, &e), 0);
	assert_ok(undo_run(ctx, &r->undo, BEAT_SWEEP, &e), e);
	assert_ok(undo_check(ctx, &r->undo, BEAT_SWEEP, &e), e);
}

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
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
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

	pidns_enter();
	return cmocka_run_group_tests(tests, mount_disk, unmount_disk);
}
