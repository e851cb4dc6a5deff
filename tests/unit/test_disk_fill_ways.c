/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.fill in its other ways: written, at a rate, following; on file systems that lack what
 * it would rather use; and what becomes of it when others interfere.
 */
#include "disk_world.h"
#include "taking.h"
#include <seccomp.h>

TEST_WITHOUT_LEAK_CHECK

static void
what_is_written_is_as_exact(void **state)
{
	const uint64_t before = available();
	struct spec spec = spec_with("leave=70MiB method=write");
	struct fault_run r;
	struct err e = { 0 };

	(void)state;
	fill(&r, &spec);
	assert_ok(await_whole(&r, &e), e);
	assert_int_equal(available(), 70 << 20);
	assert_non_null(strstr(r.note, "written"));
	give_back(&r);
	assert_int_equal(available(), before);
}

static void
what_is_written_does_not_repeat(void **state)
{
	static uint64_t pages[2 << 17]; /* 2 MiB */
	struct taking t;
	struct err e = { 0 };
	_cleanup_close_ int dir = disk_open_dir(disk, &e), fd = disk_tmpfile(dir, &e);
	const size_t page = 512; /* words of one */
	size_t same = 0;

	(void)state;
	assert_ok(taking_begin(&t, fd, TAKE_WRITE, 7, &e), e);
	assert_int_equal(taking_grow(&t, sizeof(pages)), 0);
	(void)fcntl(fd, F_SETFL, O_RDWR);
	assert_int_equal(pread(fd, pages, sizeof(pages), 0), sizeof(pages));
	for (size_t i = 0; i + page < ARRAY_LEN(pages); i++)
		same += pages[i] == pages[i + page] || pages[i] == 0;
	assert_int_equal(same, 0);
	assert_memory_not_equal(pages, pages + ARRAY_LEN(pages) / 2, 1 << 20);
	free(t.data);
}

static void
at_a_rate_it_grows_until_it_is_full(void **state)
{
	struct spec spec = spec_with("size=16MiB rate=16MiB");
	struct fault_run r;
	struct err e = { 0 };

	(void)state;
	fill(&r, &spec);
	assert_true(r.effect > 0);
	assert_true(r.effect < 16 << 20);
	assert_non_null(strstr(r.note, "more to come"));
	assert_ok(await_whole(&r, &e), e);
	assert_in_range(r.effect, 16 << 20, (16 << 20) + 65536); /* with its lists */
	give_back(&r);
}

static void
followed_it_gives_and_takes_as_others_do(void **state)
{
	struct spec spec = spec_with("leave=8MiB follow=true"),
		    other = spec_with("size=4MiB");
	struct fault_run r, thief;

	(void)state;
	fill(&r, &spec);
	assert_int_equal(available(), 8 << 20);
	fill(&thief, &other);
	await_available(8 << 20);
	give_back(&thief);
	await_available(8 << 20);
	give_back(&r);
}

static void
follow_needs_something_to_be_left(void **state)
{
	struct spec s;
	struct err e = { 0 };

	(void)state;
	spec_init(&s, &kind_disk_fill);
	assert_ok(spec_set(&s, "path", disk, &e), e);
	assert_ok(spec_set(&s, "size", "1MiB", &e), e);
	assert_ok(spec_set(&s, "follow", "true", &e), e);
	assert_int_equal(spec_finish(&s, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "follow keeps leave or percent true"));
}

static void
a_filler_that_somebody_ended_is_noticed(void **state)
{
	struct spec spec = spec_with("leave=1MiB");
	struct fault_run r;

	(void)state;
	fill(&r, &spec);
	/* in this test's own pid namespace */
	assert_int_equal(TOOL("/bin/sh", "-c",
			     "for p in /proc/[0-9]*; do read -r c <$p/comm; "
			     "[ $c = stormd-diskfill ] && kill -9 ${p#/proc/}; done; :"),
	    0);
	await_lost(&r, "somebody ended the filler");
	give_back(&r);
}

static void
a_mount_that_vanishes_loses_the_fault(void **state)
{
	const uint64_t before = available();
	char other[64];
	struct spec spec;
	struct fault_run r;

	(void)state;
	(void)snprintf(other, sizeof(other), "%s/other", base);
	assert_int_equal(mkdir(other, 0755), 0);
	assert_int_equal(mount(disk, other, NULL, MS_BIND, NULL), 0);
	spec = spec_of(other, "leave", "1MiB");
	fill(&r, &spec);
	assert_int_equal(umount2(other, MNT_DETACH), 0);
	await_lost(&r, "is no longer the file system that was filled");
	give_back(&r);
	assert_int_equal(available(), before);
	assert_int_equal(rmdir(other), 0);
}

static void
a_file_system_that_takes_no_changes_is_an_error(void **state)
{
	struct spec spec = spec_with("leave=1MiB");
	struct fault_run r;
	struct err e;

	(void)state;
	assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(refused(&r, &spec, &e), -EROFS);
	assert_non_null(strstr(e.msg, disk));
	assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT, NULL), 0);
}

/* As if the file system had none of it, for us and for whom we start. */
static void
refuse_call(int call, unsigned arg, uint64_t bits)
{
	const struct scmp_arg_cmp has = SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, bits, bits);
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	assert_non_null(filter);
	assert_int_equal(seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EOPNOTSUPP), call,
			     bits != 0 ? 1 : 0, &has),
	    0);
	assert_int_equal(seccomp_load(filter), 0);
	seccomp_release(filter);
}

static bool
is_empty(void)
{
	return TOOL("/bin/sh", "-c", "test -z \"$(ls -A \"$0\" | grep -v lost+found)\"",
		   disk) == 0;
}

/* In a child: a filter is for good. */
static int
live_without_tmpfile(void)
{
	struct spec spec = spec_with("leave=64MiB");
	struct fault_run r;
	struct err e;

	refuse_call(SCMP_SYS(openat), 2, O_TMPFILE & ~O_DIRECTORY);
	assert_ok(prepare(&r, &spec, &e), e);
	assert_int_equal(r.undo.op[0].op, UNDO_UNLINK_FILE);
	assert_non_null(strstr(r.undo.op[0].name, ".stormdrill-"));
	assert_non_null(strstr(r.ops, "unlink it at once"));
	assert_ok(fault_disk_fill.stage(&r, &e), e);
	assert_true(is_empty());
	for (size_t i = 0; i < r.undo.count; i++)
		assert_int_not_equal(r.undo.op[i].op, UNDO_UNLINK_FILE);
	assert_ok(fault_disk_fill.apply(&r, &e), e);
	assert_ok(fault_disk_fill.verify(&r, &e), e);
	assert_int_equal(available(), 64 << 20);
	give_back(&r);
	return 0;
}

static int
live_without_fallocate(void)
{
	struct spec spec = spec_with("size=2MiB"),
		    asked = spec_with("size=2MiB method=allocate");
	struct fault_run r;
	struct err e;

	refuse_call(SCMP_SYS(fallocate), 0, 0);
	fill(&r, &spec);
	assert_non_null(strstr(r.note, "written"));
	give_back(&r);
	assert_ok(prepare(&r, &asked, &e), e);
	assert_int_equal(fault_disk_fill.stage(&r, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "ext4 has no fallocate"));
	give_back(&r);
	return 0;
}

/* What fails there says so on stderr and ends the child. */
static void
in_a_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
without_unnamed_files_the_name_is_gone_before_it_matters(void **state)
{
	const uint64_t before = available();

	(void)state;
	in_a_child(live_without_tmpfile);
	assert_int_equal(available(), before);
	assert_true(is_empty());
}

static void
without_fallocate_it_is_written(void **state)
{
	(void)state;
	in_a_child(live_without_fallocate);
}

/* Another file system, of 256 MiB; says why and skips the test where there is none. */
static void
mount_other(const char *type, char *where, char *from, size_t size)
{
	char program[32];
	int fd;

	(void)snprintf(where, size, "%s/%s", base, type);
	(void)snprintf(from, size, "%s/image-%s", base, type);
	(void)snprintf(program, sizeof(program), "mkfs.%s", type);
	fd = open(from, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 256 << 20) | close(fd) | mkdir(where, 0755), 0);
	if (TOOL("/usr/bin/env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", program, from) ==
		0 &&
	    TOOL("/bin/mount", "-t", type, "-o", "loop", from, where) == 0)
		return;
	assert_int_equal(unlink(from) | rmdir(where), 0);
	skip_test("no %s here: no mkfs.%s, or a kernel without it", type, type);
}

static void
fill_other(const char *type)
{
	char where[64], from[64], hidden[96];
	struct spec spec;
	struct fault_run r;
	struct disk_space s;
	struct err e = { 0 };
	int fd;

	mount_other(type, where, from, sizeof(where));
	spec = spec_of(where, "leave", "60MiB");
	fill(&r, &spec);
	assert_ok(await_whole(&r, &e), e);
	assert_ok(fault_disk_fill.verify(&r, &e), e);
	assert_non_null(strstr(r.note, type));
	assert_non_null(strstr(r.note, "written"));
	fd = disk_open_dir(where, &e);
	assert_ok(disk_space(fd, &s, &e), e);
	assert_int_equal(s.available * s.block, 60 << 20);
	assert_int_equal(close(fd), 0);
	(void)snprintf(hidden, sizeof(hidden), "%s/.stormdrill-%s", where, spec.id);
	assert_int_equal(access(hidden, F_OK), -1);
	give_back(&r);
	assert_int_equal(umount(where) | unlink(from) | rmdir(where), 0);
}

/* Copy on write: what is left is known after a sync only, and still exact. */
static void
on_btrfs_it_is_written_and_exact(void **state)
{
	(void)state;
	fill_other("btrfs");
}

/* No unnamed files, and an fallocate that writes zeros. */
static void
on_fat_it_is_written_and_exact(void **state)
{
	(void)state;
	fill_other("vfat");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_as_exact),
		cmocka_unit_test(what_is_written_does_not_repeat),
		cmocka_unit_test(at_a_rate_it_grows_until_it_is_full),
		cmocka_unit_test(followed_it_gives_and_takes_as_others_do),
		cmocka_unit_test(follow_needs_something_to_be_left),
		cmocka_unit_test(a_filler_that_somebody_ended_is_noticed),
		cmocka_unit_test(a_mount_that_vanishes_loses_the_fault),
		cmocka_unit_test(a_file_system_that_takes_no_changes_is_an_error),
		cmocka_unit_test(
		    without_unnamed_files_the_name_is_gone_before_it_matters),
		cmocka_unit_test(without_fallocate_it_is_written),
		cmocka_unit_test(on_btrfs_it_is_written_and_exact),
		cmocka_unit_test(on_fat_it_is_written_and_exact),
	};

	/* a filler is the holder's own program again, and here that is this one */
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	return cmocka_run_group_tests(tests, mount_disk, unmount_disk);
}
