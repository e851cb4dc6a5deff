/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems set going again: thawed, or writable, on a small ext4 of the test's own (a
 * loop mount in a private mount namespace).  Whatever a test does, the end of it thaws.
 */
#include "cleanup.h"
#include "mount.h"
#include "pidns.h"
#include "spawn.h"
#include "test.h"
#include "undo.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static char base[] = "/tmp/stormdrill-mount-XXXXXX";
static char disk[64], image[64], elsewhere[64];
static dev_t dev;
static struct undo_ctx *ctx;
static struct err e;

static int
tool(const char *const *argv)
{
	struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 30000 };
	int rc = run_tool(&t, &e);

	if (rc < 0)
		(void)fprintf(stderr, "%s: %s\n", argv[0], e.msg);
	return rc;
}
#define TOOL(...) tool((const char *const[]){ __VA_ARGS__, NULL })

static int
mount_disk(void **state)
{
	struct stat st;

	(void)state;
	e = (struct err){ 0 };
	if (TOOL("/bin/mount", "-o", "loop,nosuid", image, disk) < 0 ||
	    stat(disk, &st) < 0)
		return -1;
	dev = st.st_dev;
	return 0;
}

static int
unmount_disk(void **state)
{
	int fd = open(disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	(void)mount_thaw(fd);
	(void)close(fd);
	(void)umount2(elsewhere, MNT_DETACH);
	return umount2(disk, MNT_DETACH);
}

static struct undo
undo_of(enum undo_op op, int64_t last)
{
	struct undo u = { .op = op, .num = { major(dev), minor(dev), last } };

	(void)snprintf(u.name, sizeof(u.name), "%s", disk);
	return u;
}

static void
expect_undone(struct undo u)
{
	struct undo_list l = { .count = 1, .op = { u } };

	e = (struct err){ 0 };
	for (int i = 0; i < 2; i++) { /* twice is once */
		assert_ok(undo_run(ctx, &l, BEAT_DISARM, &e), e);
		assert_ok(undo_check(ctx, &l, BEAT_DISARM, &e), e);
	}
}

static int
root_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
freeze(void)
{
	int fd = root_of(disk);

	assert_int_equal(mount_freeze(fd), 0);
	(void)close(fd);
}

/* One who writes without end, and where it has got to. */
static struct writer {
	pid_t pid;
	volatile unsigned *count;
} writer;

static void
start_writer(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/file", disk);
	writer.count = mmap(NULL, sizeof(*writer.count), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(writer.count, MAP_FAILED);
	writer.pid = fork();
	if (writer.pid == 0) {
		int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (pwrite(fd, "x", 1, 0) == 1) {
			(*writer.count)++;
			(void)usleep(1000);
		}
		_exit(1);
	}
}

static void
end_writer(void)
{
	(void)kill(writer.pid, SIGKILL);
	assert_int_equal(waitpid(writer.pid, NULL, 0), writer.pid);
}

/* Waits for what must come. */
static void
expect_progress(void)
{
	const unsigned was = *writer.count;

	for (int i = 0; i < 10000 && *writer.count < was + 5; i++)
		(void)usleep(1000);
	assert_true(*writer.count >= was + 5);
}

static void
a_writer_stands_still_and_then_goes_on(void **state)
{
	unsigned was;

	(void)state;
	start_writer();
	expect_progress();
	freeze();
	was = *writer.count;
	(void)usleep(100000);
	assert_true(*writer.count <= was + 1); /* the one on its way */
	expect_undone(undo_of(UNDO_THAW, 9));
	expect_progress();
	end_writer();
}

static void
a_frozen_one_cannot_be_frozen_again(void **state)
{
	_cleanup_close_ int fd = root_of(disk);

	(void)state;
	assert_int_equal(mount_thaw(fd), -EINVAL);
	assert_int_equal(mount_freeze(fd), 0);
	assert_int_equal(mount_freeze(fd), -EBUSY);
	assert_int_equal(mount_thaw(fd), 0);
}

static void
thawing_finds_another_mount_of_it(void **state)
{
	(void)state;
	assert_int_equal(mkdir(elsewhere, 0755) < 0 && errno != EEXIST, 0);
	assert_int_equal(mount(disk, elsewhere, NULL, MS_BIND, NULL), 0);
	freeze();
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
	expect_undone(undo_of(UNDO_THAW, 9));
	assert_int_equal(mount(elsewhere, disk, NULL, MS_BIND, NULL), 0);
	start_writer();
	expect_progress();
	end_writer();
}

static void
one_that_is_mounted_nowhere_is_stuck_until_it_is(void **state)
{
	const struct undo u = undo_of(UNDO_THAW, 9);
	struct undo_list l = { .count = 1, .op = { u } };
	_cleanup_close_ int held = root_of(disk);
	char name[64];

	(void)state;
	freeze();
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
	e = (struct err){ 0 };
	assert_int_equal(undo_run(ctx, &l, BEAT_DISARM, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "mount it there again"));
	(void)snprintf(name, sizeof(name), "/dev/loop%u", minor(dev));
	assert_int_equal(mount(name, disk, "ext4", 0, NULL), 0);
	expect_undone(u);
	start_writer();
	expect_progress();
	end_writer();
}

static void
one_that_is_gone_needs_nothing(void **state)
{
	(void)state;
	assert_int_equal(umount(disk), 0);
	expect_undone(undo_of(UNDO_THAW, 9));
	expect_undone(undo_of(UNDO_WRITABLE, 1));
	assert_int_equal(mount_disk(state), 0);
}

static void
another_file_system_in_its_place_is_left_alone(void **state)
{
	struct undo u = undo_of(UNDO_THAW, 9);
	_cleanup_close_ int fd = root_of(disk);

	(void)state;
	freeze();
	u.num[1] = (1 << 20) - 1;
	expect_undone(u);
	assert_int_equal(mount_freeze(fd), -EBUSY);
	assert_int_equal(mount_thaw(fd), 0);
}

static void
the_holder_thaws_by_its_descriptor(void **state)
{
	_cleanup_close_ int fd = root_of(disk);
	struct undo_list l = { .count = 1, .op = { undo_of(UNDO_THAW, fd) } };
	struct undo_ctx *holder;

	(void)state;
	assert_ok(undo_ctx_open(&holder, -1, true, &e), e);
	freeze();
	(void)snprintf(l.op[0].name, sizeof(l.op[0].name), "/nowhere");
	assert_ok(undo_run(holder, &l, BEAT_DISARM, &e), e);
	assert_int_equal(mount_thaw(fd), -EINVAL);
	undo_ctx_free(holder);
}

static unsigned long
flags_of(const char *path)
{
	struct statvfs v;

	assert_int_equal(statvfs(path, &v), 0);
	return v.f_flag;
}

static void
make_readonly(bool whole)
{
	_cleanup_close_ int fd = root_of(disk);

	e = (struct err){ 0 };
	assert_ok(mount_set_readonly(fd, whole, true, &e), e);
	assert_true((flags_of(disk) & ST_RDONLY) != 0);
}

static void
a_file_system_is_writable_again_and_else_as_it_was(void **state)
{
	struct undo u = undo_of(UNDO_WRITABLE, 1);
	struct undo_list l = { .count = 1, .op = { u } };

	(void)state;
	make_readonly(true);
	assert_int_equal(undo_check(ctx, &l, BEAT_DISARM, &e), -EBUSY);
	expect_undone(u);
	assert_true((flags_of(disk) & ST_RDONLY) == 0);
	assert_true((flags_of(disk) & ST_NOSUID) != 0);
}

static void
a_mount_is_writable_again_and_others_never_were_otherwise(void **state)
{
	(void)state;
	assert_int_equal(mkdir(elsewhere, 0755) < 0 && errno != EEXIST, 0);
	assert_int_equal(mount(disk, elsewhere, NULL, MS_BIND, NULL), 0);
	make_readonly(false);
	assert_true((flags_of(elsewhere) & ST_RDONLY) == 0);
	expect_undone(undo_of(UNDO_WRITABLE, 2));
	assert_true((flags_of(disk) & ST_RDONLY) == 0);
	assert_true((flags_of(disk) & ST_NOSUID) != 0);
}

static void
a_file_open_for_writing_keeps_it_writable(void **state)
{
	_cleanup_close_ int fd = root_of(disk), file = -1;
	char path[80];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/open", disk);
	file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(mount_set_readonly(fd, true, true, &e), -EBUSY);
	assert_int_equal(mount_set_readonly(fd, false, true, &e), -EBUSY);
	assert_true((flags_of(disk) & ST_RDONLY) == 0);
}

static void
the_commands_for_people_do_the_same(void **state)
{
	char command[UNDO_HAND_MAX];
	struct undo u = undo_of(UNDO_THAW, 9);
	_cleanup_close_ int fd = root_of(disk);

	(void)state;
	freeze();
	undo_by_hand(&u, command, sizeof(command));
	assert_int_equal(TOOL("/bin/sh", "-c", command), 0);
	assert_int_equal(mount_thaw(fd), -EINVAL);
	for (int scope = 1; scope <= 2; scope++) {
		make_readonly(scope == 1);
		u = undo_of(UNDO_WRITABLE, scope);
		undo_by_hand(&u, command, sizeof(command));
		assert_int_equal(TOOL("/bin/sh", "-c", command), 0);
		assert_true((flags_of(disk) & ST_RDONLY) == 0);
	}
}

static int
make_image(void **state)
{
	int fd;

	(void)state;
	if (mkdtemp(base) == NULL)
		return -1;
	(void)snprintf(disk, sizeof(disk), "%s/disk", base);
	(void)snprintf(image, sizeof(image), "%s/image", base);
	(void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", base);
	fd = open(image, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 16 << 20) < 0 || close(fd) < 0 ||
	    mkdir(disk, 0755) < 0 || TOOL("/sbin/mkfs.ext4", "-q", "-F", image) < 0)
		return -1;
	return undo_ctx_open(&ctx, -1, false, &e);
}

static int
remove_image(void **state)
{
	(void)state;
	undo_ctx_free(ctx);
	(void)rmdir(elsewhere);
	(void)rmdir(disk);
	(void)unlink(image);
	return rmdir(base);
}

#define DISK_TEST(f) cmocka_unit_test_setup_teardown(f, mount_disk, unmount_disk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST(a_writer_stands_still_and_then_goes_on),
		DISK_TEST(a_frozen_one_cannot_be_frozen_again),
		DISK_TEST(thawing_finds_another_mount_of_it),
		DISK_TEST(one_that_is_mounted_nowhere_is_stuck_until_it_is),
		DISK_TEST(one_that_is_gone_needs_nothing),
		DISK_TEST(another_file_system_in_its_place_is_left_alone),
		DISK_TEST(the_holder_thaws_by_its_descriptor),
		DISK_TEST(a_file_system_is_writable_again_and_else_as_it_was),
		DISK_TEST(a_mount_is_writable_again_and_others_never_were_otherwise),
		DISK_TEST(a_file_open_for_writing_keeps_it_writable),
		DISK_TEST(the_commands_for_people_do_the_same),
	};

	pidns_enter();
	return cmocka_run_group_tests_name("undo_mount", tests, make_image, remove_image);
}
