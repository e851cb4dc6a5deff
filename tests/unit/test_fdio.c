/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, replacement that readers never see half of, directories one can trust. */
#include "fdio.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct room {
	char path[64];
	int dir;
};

static int
room_make(void **state)
{
	static struct room r;

	(void)snprintf(r.path, sizeof(r.path), "/tmp/stormdrill-fdio-XXXXXX");
	if (mkdtemp(r.path) == NULL)
		return -1;
	r.dir = open(r.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &r;
	return r.dir < 0;
}

static int
room_clear(void **state)
{
	static const char *const names[] = { "a/b/c", "a/b", "a", "file", "link", "other",
		".file.tmp", "sticky/x", "sticky" };
	struct room *r = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (unlinkat(r->dir, names[i], 0) < 0)
			(void)unlinkat(r->dir, names[i], AT_REMOVEDIR);
	}
	close(r->dir);
	return rmdir(r->path);
}

static void
whole_file_or_too_big(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };
	char buf[8];

	assert_ok(replace_file_at(r->dir, "file", "1234567", 7, &e), e);
	assert_int_equal(read_file_at(r->dir, "file", buf, sizeof(buf)), 7);
	assert_string_equal(buf, "1234567");
	assert_ok(replace_file_at(r->dir, "file", "12345678", 8, &e), e);
	assert_int_equal(read_file_at(r->dir, "file", buf, sizeof(buf)), -EFBIG);
	assert_ok(replace_file_at(r->dir, "file", "", 0, &e), e);
	assert_int_equal(read_file_at(r->dir, "file", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	assert_int_equal(read_file_at(r->dir, "none", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(
	    read_file_at(AT_FDCWD, "/proc/self/mem", buf, sizeof(buf)), -EIO);
}

static void
replacing_makes_a_new_file_and_leaves_no_other(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };
	struct stat before, after;
	char buf[16];
	int old;

	assert_ok(replace_file_at(r->dir, "file", "old", 3, &e), e);
	old = openat(r->dir, "file", O_RDONLY);
	assert_int_equal(fstat(old, &before), 0);
	assert_ok(replace_file_at(r->dir, "file", "new!", 4, &e), e);
	assert_int_equal(read(old, buf, sizeof(buf)), 3); /* a reader keeps the old one */
	close(old);
	assert_int_equal(fstatat(r->dir, "file", &after, 0), 0);
	assert_true(before.st_ino != after.st_ino);
	assert_int_equal(faccessat(r->dir, ".file.tmp", F_OK, 0), -1);
}

static void
leftover_of_a_killed_writer_is_no_obstacle(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };
	char buf[16];

	/* Even a link planted there is not followed. */
	assert_int_equal(symlinkat("other", r->dir, ".file.tmp"), 0);
	assert_ok(replace_file_at(r->dir, "file", "text", 4, &e), e);
	assert_int_equal(read_file_at(r->dir, "file", buf, sizeof(buf)), 4);
	assert_int_equal(faccessat(r->dir, "other", F_OK, 0), -1);
}

static void
name_with_a_slash_is_refused(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };

	assert_int_equal(replace_file_at(r->dir, "../file", "x", 1, &e), -EINVAL);
}

static void
directories_are_made_once(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };
	struct stat st;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s//a/b/c/", r->path);
	assert_ok(make_dirs(path, 0700, &e), e);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(chmod(path, 0750), 0);
	assert_ok(make_dirs(path, 0700, &e), e);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750); /* what is there stays as it is */
}

static void
file_in_the_way_is_an_error(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };
	char path[128];

	assert_ok(replace_file_at(r->dir, "file", "x", 1, &e), e);
	(void)snprintf(path, sizeof(path), "%s/file/sub", r->path);
	assert_int_equal(make_dirs(path, 0700, &e), -ENOTDIR);
	assert_non_null(strstr(e.msg, "/file'"));
}

static void
directory_or_link_of_a_stranger_is_refused(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };
	char path[128];

	if (geteuid() != 0)
		skip_test("needs root");
	(void)snprintf(path, sizeof(path), "%s/a/b", r->path);
	assert_ok(make_dirs(path, 0755, &e), e);
	assert_int_equal(fchownat(r->dir, "a", 65534, 65534, 0), 0);
	assert_int_equal(make_dirs(path, 0755, &e), -EPERM);
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	assert_int_equal(fchmodat(r->dir, "a", 01777, 0), 0); /* sticky, as /tmp is */
	assert_ok(make_dirs(path, 0755, &e), e);

	assert_int_equal(symlinkat("a", r->dir, "link"), 0);
	(void)snprintf(path, sizeof(path), "%s/link/b", r->path);
	assert_ok(make_dirs(path, 0755, &e), e);
	assert_int_equal(fchownat(r->dir, "link", 65534, 65534, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(make_dirs(path, 0755, &e), -EPERM);
}

int
main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_make, room_clear)
	const struct CMUnitTest tests[] = {
		IN_ROOM(whole_file_or_too_big),
		IN_ROOM(replacing_makes_a_new_file_and_leaves_no_other),
		IN_ROOM(leftover_of_a_killed_writer_is_no_obstacle),
		IN_ROOM(name_with_a_slash_is_refused),
		IN_ROOM(directories_are_made_once),
		IN_ROOM(file_in_the_way_is_an_error),
		IN_ROOM(directory_or_link_of_a_stranger_is_refused),
	};

	return cmocka_run_group_tests_name("fdio", tests, NULL, NULL);
}
