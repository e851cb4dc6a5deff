/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.inodes to the inode, on a small ext4 of the test's own (a loop mount in a private
 * mount namespace), and what it refuses.
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

#define IMAGE_SIZE (64 << 20)

static struct protect protect;
static struct undo_ctx *ctx;
static unsigned faults; /* so far */
static const char *run_dir = "/proc";
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
	if (TOOL("/sbin/mkfs.ext4", "-q", "-F", "-N", "20000", image) < 0 ||
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

static struct disk_inodes
inodes(void)
{
	struct disk_inodes i = { 0 };
	struct err e = { 0 };
	_cleanup_close_ int dir = disk_open_dir(disk, &e);

	assert_true(dir >= 0);
	assert_ok(disk_inodes(dir, &i, &e), e);
	return i;
}

static struct spec
spec_of(const char *path, const char *how, const char *much)
{
	struct spec s;
	struct err e = { 0 };

	spec_init(&s, &kind_disk_inodes);
	assert_ok(spec_set(&s, "path", path, &e), e);
	assert_ok(spec_set(&s, how, much, &e), e);
	assert_ok(spec_finish(&s, &e), e);
	fault_id_make("disk inodes", base, faults++, s.id); /* nobody else has it */
	return s;
}

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
	return fault_disk_inodes.prepare(r, e);
}

/* Until all are taken: a busy machine may need more than the fault waits for them. */
static void
take(struct fault_run *r, const struct spec *spec)
{
	const usec_t until = clock_boottime() + 60 * USEC_PER_SEC;
	struct err e;

	if (prepare(r, spec, &e) < 0 || fault_disk_inodes.stage(r, &e) < 0 ||
	    fault_disk_inodes.apply(r, &e) < 0 || fault_disk_inodes.verify(r, &e) < 0)
		fail_msg("%s", e.msg);
	while (strstr(r->note, "more to come") != NULL && clock_boottime() < until) {
		sleep_usec(USEC_PER_MSEC);
		assert_ok(fault_disk_inodes.hold(r, &e), e);
	}
}

static void
give_back(struct fault_run *r)
{
	const usec_t until = clock_boottime() + 60 * USEC_PER_SEC;
	struct err e = { 0 };

	assert_ok(undo_run(ctx, &r->undo, BEAT_DISARM, &e), e);
	while (undo_check(ctx, &r->undo, BEAT_DISARM, &e) < 0 && clock_boottime() < until)
		;
	assert_int_equal(fault_disk_inodes.release(r, &e), 0);
	assert_ok(undo_run(ctx, &r->undo, BEAT_SWEEP, &e), e);
	assert_ok(undo_check(ctx, &r->undo, BEAT_SWEEP, &e), e);
}

static void
what_is_left_is_exact_and_all_comes_back(void **state)
{
	static const char *const amounts[] = { "0", "1", "100", "19000" };
	static const uint64_t left[] = { 0, 1, 100, 19000 };
	const uint64_t before = inodes().available;
	char text[80];
	struct fault_run r;
	int fd;

	(void)state;
	(void)snprintf(text, sizeof(text), "%s/a-file", disk);
	for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
		struct spec spec = spec_of(disk, "leave", amounts[i]);

		take(&r, &spec);
		assert_int_equal(inodes().available, left[i]);
		assert_int_equal(r.effect, before - left[i]);
		fd = open(text, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		assert_int_equal(fd < 0 ? errno : 0, left[i] == 0 ? ENOSPC : 0);
		if (fd >= 0)
			assert_int_equal(close(fd) | unlink(text), 0);
		give_back(&r);
		assert_int_equal(inodes().available, before);
	}
}

static void
a_count_is_taken_by_more_processes_than_one(void **state)
{
	const uint64_t before = inodes().available;
	struct spec spec = spec_of(disk, "count", "17001");
	struct fault_run r;

	(void)state;
	take(&r, &spec);
	assert_int_equal(r.effect, 17001);
	assert_int_equal(inodes().available, before - 17001);
	assert_non_null(strstr(r.ops, "processes"));
	give_back(&r);
	assert_int_equal(inodes().available, before);
}

static void
a_percentage_is_what_df_says(void **state)
{
	struct spec spec = spec_of(disk, "percent", "50%");
	struct disk_inodes i;
	struct fault_run r;

	(void)state;
	take(&r, &spec);
	i = inodes();
	assert_int_equal(i.total - i.available, (i.total + 1) / 2);
	give_back(&r);
}

static void
prepare_and_stage_take_none(void **state)
{
	const uint64_t before = inodes().available;
	struct spec spec = spec_of(disk, "leave", "0");
	struct fault_run r;
	struct err e;

	(void)state;
	assert_ok(prepare(&r, &spec, &e), e);
	assert_ok(fault_disk_inodes.stage(&r, &e), e);
	assert_int_equal(inodes().available, before);
	give_back(&r);
}

/* Others took some between arming and firing. */
static void
a_count_that_cannot_be_had_is_an_error(void **state)
{
	const uint64_t before = inodes().available;
	struct spec spec = spec_of(disk, "count", "15000"),
		    other = spec_of(disk, "leave", "7000");
	struct fault_run r, thief;
	struct err e;

	(void)state;
	assert_ok(prepare(&r, &spec, &e), e);
	assert_ok(fault_disk_inodes.stage(&r, &e), e);
	take(&thief, &other);
	if (fault_disk_inodes.apply(&r, &e) == 0)
		while (fault_disk_inodes.hold(&r, &e) == 0)
			sleep_usec(USEC_PER_MSEC);
	assert_int_equal(e.code, -ENOSPC);
	assert_non_null(strstr(e.msg, disk));
	give_back(&r);
	assert_int_equal(inodes().available, 7000);
	give_back(&thief);
	assert_int_equal(inodes().available, before);
}

static void
a_member_that_somebody_ended_is_noticed(void **state)
{
	struct spec spec = spec_of(disk, "leave", "100");
	struct fault_run r;
	struct err e = { 0 };

	(void)state;
	take(&r, &spec);
	assert_int_equal(TOOL("/bin/sh", "-c",
			     "for p in /proc/[0-9]*; do read -r c <$p/comm; "
			     "[ $c = stormd-inodes ] && kill -9 ${p#/proc/}; done; :"),
	    0);
	while (fault_disk_inodes.hold(&r, &e) == 0)
		sleep_usec(USEC_PER_MSEC);
	assert_int_equal(e.code, -ECHILD);
	assert_true(r.lost);
	give_back(&r);
}

static void
expect_refused(const struct spec *spec, int code, const char *why)
{
	struct fault_run r;
	struct err e;

	assert_int_equal(prepare(&r, spec, &e), code);
	if (strstr(e.msg, why) == NULL)
		fail_msg("'%s' does not say '%s'", e.msg, why);
}

static void
what_cannot_be_or_may_not_be_is_refused(void **state)
{
	struct spec many = spec_of(disk, "count", "50000"),
		    none = spec_of(disk, "leave", "50000"),
		    all = spec_of(disk, "leave", "0"),
		    proc = spec_of("/proc", "count", "1"),
		    absent = spec_of("/nonexistent", "count", "1");

	(void)state;
	expect_refused(&many, -ENOSPC, "50000 inodes are asked for");
	expect_refused(&none, -ENOSPC, "nothing to take");
	expect_refused(&proc, -EOPNOTSUPP, "makes inodes as it needs them");
	expect_refused(&absent, -ENOENT, "/nonexistent");
	memcpy(protect.paths, disk, strlen(disk) + 1);
	expect_refused(&all, -EPERM, "policy protects");
	memset(&protect, 0, sizeof(protect));
	run_dir = disk;
	expect_refused(&all, -EPERM, "64 inodes left");
	run_dir = "/proc";
	assert_int_equal(
	    mount("none", disk, "tmpfs", 0, "size=1000g,nr_inodes=2000000000"), 0);
	expect_refused(&all, -EPERM, "256 MiB must stay");
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_is_exact_and_all_comes_back),
		cmocka_unit_test(a_count_is_taken_by_more_processes_than_one),
		cmocka_unit_test(a_percentage_is_what_df_says),
		cmocka_unit_test(prepare_and_stage_take_none),
		cmocka_unit_test(a_count_that_cannot_be_had_is_an_error),
		cmocka_unit_test(a_member_that_somebody_ended_is_noticed),
		cmocka_unit_test(what_cannot_be_or_may_not_be_is_refused),
	};

	/* a member is the holder's own program again, and here that is this one */
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	return cmocka_run_group_tests(tests, mount_disk, unmount_disk);
}
