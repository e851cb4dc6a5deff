/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo of a file that outlives the boot: it is unlinked wherever its file system comes
 * back, never through a link, and never believed gone because of what stands in its place.
 */
#include "cleanup.h"
#include "disk.h"
#include "err.h"
#include "pidns.h"
#include "spawn.h"
#include "test.h"
#include "undo.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAULT "7e57f11e"
#define NAME  ".stormdrill-" FAULT

static char base[] = "/tmp/stormdrill-file-XXXXXX";
static char dir[64], sub[80], other[64], file[128];
static struct undo undo;
static struct undo_ctx *ctx;
static struct err e;

/* dir/sub is where the file goes; dir is a mount of its own. */
static int
setup(void **state)
{
	struct disk_place place;
	int fd;

	(void)state;
	e = (struct err){ 0 };
	if (mount("none", dir, "tmpfs", 0, "size=1m") < 0 || mkdir(sub, 0755) < 0)
		return -1;
	fd = disk_open_dir(sub, &e);
	if (fd < 0 || disk_place(fd, &place, &e) < 0)
		return -1;
	(void)close(fd);
	undo = (struct undo){ UNDO_UNLINK_FILE, .num = { place.inode, place.fsid } };
	(void)snprintf(undo.name, sizeof(undo.name), "%s", file);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return umount2(dir, MNT_DETACH);
}

static void
make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

static int
run(void)
{
	struct undo_list l = { .count = 1, .op = { undo } };

	e = (struct err){ 0 };
	return undo_run(ctx, &l, BEAT_DISARM, &e);
}

static int
check(void)
{
	struct undo_list l = { .count = 1, .op = { undo } };

	e = (struct err){ 0 };
	return undo_check(ctx, &l, BEAT_DISARM, &e);
}

static void
expect_undone(void)
{
	assert_ok(run(), e);
	assert_ok(check(), e);
}

static void
a_file_is_gone_after_once_and_after_twice(void **state)
{
	(void)state;
	expect_undone(); /* never made */
	make_file(file);
	assert_int_equal(check(), -EBUSY);
	expect_undone();
	assert_int_equal(access(file, F_OK), -1);
	expect_undone();
}

static void
the_command_for_people_does_the_same(void **state)
{
	char command[UNDO_HAND_MAX];
	const char *argv[] = { "/bin/sh", "-c", command, NULL };
	struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 20000 };

	(void)state;
	make_file(file);
	undo_by_hand(&undo, command, sizeof(command));
	assert_int_equal(run_tool(&t, &e), 0);
	assert_ok(check(), e);
}

static void
a_record_keeps_the_blank_in_its_path(void **state)
{
	char line[UNDO_LINE_MAX];
	struct undo back;

	(void)state;
	assert_true(undo_format(&undo, line, sizeof(line)) > 0);
	assert_non_null(strstr(line, "/sub\\x20dir/" NAME " directory="));
	assert_ok(undo_parse(line, FAULT, &back, &e), e);
	assert_memory_equal(&back, &undo, sizeof(back));
	assert_int_equal(undo_parse(line, "00000000", &back, &e), -EINVAL);
}

static void
no_other_name_and_no_winding_path_is_ours(void **state)
{
	static const char *const names[] = { "/a/.stormdrill-7e57f11",
		"/a/.stormdrill-7e57f11e0", "/a/stormdrill-" FAULT, "a/" NAME,
		"/a/../" NAME, "/a//" NAME, "/./" NAME, "/a/" NAME "/", "/a\\x0a/" NAME,
		"/etc/passwd", "/" };
	char line[256];
	struct undo back;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(line, sizeof(line),
		    "disarm unlink-file name=%s directory=2 fsid=0", names[i]);
		if (undo_parse(line, FAULT, &back, &e) != -EINVAL)
			fail_msg("'%s' is taken for ours", names[i]);
	}
	assert_ok(undo_parse("disarm unlink-file name=/" NAME " directory=2 fsid=-1",
		      FAULT, &back, &e),
	    e);
}

/* As at boot: the file is on a disk that is mounted later. */
static void
what_is_not_mounted_is_not_believed_gone(void **state)
{
	(void)state;
	make_file(file);
	assert_int_equal(mount("none", dir, "tmpfs", 0, "size=1m"), 0);
	assert_int_equal(run(), -ENOENT); /* the directory is not there either */
	assert_non_null(strstr(e.msg, "may still be there"));
	assert_int_equal(mkdir(sub, 0755), 0);
	assert_int_equal(run(), -EBUSY);
	assert_non_null(strstr(e.msg, "is its file system mounted?"));
	assert_int_equal(check(), -EBUSY);
	assert_int_equal(umount(dir), 0);
	expect_undone();
}

static void
a_file_in_a_directory_that_was_removed_is_gone(void **state)
{
	(void)state;
	assert_int_equal(rmdir(sub), 0);
	expect_undone();
}

/* Whoever may write above the file could otherwise have us unlink elsewhere. */
static void
a_path_that_leads_through_a_link_now_is_not_followed(void **state)
{
	char there[128];

	(void)state;
	(void)snprintf(there, sizeof(there), "%s/" NAME, other);
	assert_int_equal(rmdir(sub), 0);
	assert_int_equal(symlink(other, sub), 0);
	make_file(there);
	assert_int_equal(run(), -ELOOP);
	assert_non_null(strstr(e.msg, "symbolic link"));
	assert_int_equal(access(there, F_OK), 0);
	assert_int_equal(unlink(there), 0);
}

static void
what_is_no_file_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(symlink("/etc/passwd", file), 0);
	expect_undone();
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkdir(file, 0755), 0);
	expect_undone();
	assert_int_equal(rmdir(file), 0);
}

static int
setup_all(void **state)
{
	(void)state;
	if (mkdtemp(base) == NULL)
		return -1;
	(void)snprintf(dir, sizeof(dir), "%s/dir", base);
	(void)snprintf(sub, sizeof(sub), "%s/sub dir", dir);
	(void)snprintf(file, sizeof(file), "%s/" NAME, sub);
	(void)snprintf(other, sizeof(other), "%s/other", base);
	if (mkdir(dir, 0755) < 0 || mkdir(other, 0755) < 0)
		return -1;
	return undo_ctx_open(&ctx, -1, false, &e);
}

static int
teardown_all(void **state)
{
	(void)state;
	undo_ctx_free(ctx);
	return rmdir(dir) < 0 || rmdir(other) < 0 || rmdir(base) < 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_gone_after_once_and_after_twice),
		TEST(the_command_for_people_does_the_same),
		TEST(a_record_keeps_the_blank_in_its_path),
		TEST(no_other_name_and_no_winding_path_is_ours),
		TEST(what_is_not_mounted_is_not_believed_gone),
		TEST(a_file_in_a_directory_that_was_removed_is_gone),
		TEST(a_path_that_leads_through_a_link_now_is_not_followed),
		TEST(what_is_no_file_is_left_alone),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
