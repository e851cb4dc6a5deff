/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.fill content=cache on a small ext4 of the test's own: what it makes is page cache of
 * the target's, comes back when it was pushed out, and takes no block of the disk.
 */
#include "crew.h"
#include "memory_fault.h"
#include "spawn.h"
#include <sys/statvfs.h>

TEST_WITHOUT_LEAK_CHECK

#define IMAGE_SIZE (32 << 20) /* less than what is "read" from it */

static char base[] = "/tmp/storm-cache-XXXXXX";
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
make_world(void **state)
{
	struct stat root, ours;
	int fd;

	if (memory_world_make(state) < 0 || mkdtemp(base) == NULL)
		return -1;
	(void)snprintf(disk, sizeof(disk), "%s/disk", base);
	(void)snprintf(image, sizeof(image), "%s/image", base);
	fd = open(image, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, IMAGE_SIZE) < 0 || close(fd) < 0 ||
	    mkdir(disk, 0755) < 0 || TOOL("/sbin/mkfs.ext4", "-q", "-F", image) < 0 ||
	    TOOL("/bin/mount", "-o", "loop", image, disk) < 0)
		return -1;
	return stat("/", &root) < 0 || stat(disk, &ours) < 0 ||
	       root.st_dev == ours.st_dev;
}

static int
end_world(void **state)
{
	int rc = umount(disk);

	(void)rmdir(disk);
	(void)unlink(image);
	(void)rmdir(base);
	return memory_fault_end(state) < 0 ? -1 : rc;
}

static uint64_t
cache_of(const char *group)
{
	return is_v1() ? group_read(group, "memory.stat", "total_cache") :
			 group_read(group, "memory.stat", "file");
}

/* What the kernel does for want of memory. */
static size_t
push_out(void)
{
	const struct fillers f = fillers();
	size_t count = 0;

	for (size_t i = 0; i < f.count; i++) {
		char path[48], link[256];
		ssize_t n;

		for (int fd = 3; fd < 16; fd++) {
			(void)snprintf(
			    path, sizeof(path), "/proc/%d/fd/%d", f.pids[i], fd);
			n = readlink(path, link, sizeof(link) - 1);
			link[n > 0 ? n : 0] = '\0';
			if (strstr(link, disk) == NULL)
				continue;
			fd = open(path, O_RDONLY | O_CLOEXEC);
			assert_true(fd >= 0);
			assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
			(void)close(fd);
			count++;
			break;
		}
	}
	return count;
}

static void
cache_is_page_cache_that_comes_back_and_takes_no_space(void **state)
{
	struct statvfs was, is;
	char words[128];
	uint64_t before;
	usec_t until;

	(void)state;
	(void)snprintf(
	    words, sizeof(words), "size=48MiB content=cache path=%s cgroup=TARGET", disk);
	group_make(memory_world.target, MIB(128));
	before = cache_of(memory_world.target);
	stage(words);
	assert_int_equal(statvfs(disk, &was), 0);
	apply();
	assert_true(is_held(MIB(48)));
	assert_true(cache_of(memory_world.target) >= before + MIB(47));
	assert_true(sum_status("RssAnon") < 8 << 10);
	assert_int_equal(push_out(), fillers().count);
	until = clock_boottime() + PATIENCE;
	while (cache_of(memory_world.target) < before + MIB(47)) {
		assert_true(clock_boottime() < until);
		sleep_usec(20 * USEC_PER_MSEC);
	}
	assert_int_equal(statvfs(disk, &is), 0);
	assert_int_equal(is.f_bavail, was.f_bavail);
	undo();
	assert_true(cache_of(memory_world.target) < MIB(8));
	target_end();
}

static void
a_file_system_in_memory_has_no_cache(void **state)
{
	char dir[] = "/tmp/storm-tmpfs-XXXXXX", words[96];
	struct err e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mount("tmpfs", dir, "tmpfs", 0, "size=1m"), 0);
	(void)snprintf(words, sizeof(words), "size=8MiB content=cache path=%s", dir);
	assert_ok(try_prepare(words, &e), e);
	assert_int_equal(fault_memory_fill.stage(&r, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "tmpfs"));
	undo();
	assert_int_equal(umount(dir), 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cache_is_page_cache_that_comes_back_and_takes_no_space),
		cmocka_unit_test(a_file_system_in_memory_has_no_cache),
	};

	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv); /* we are the holder's program */
	memory_fault_begin();
	pidns_enter();
	return cmocka_run_group_tests(tests, make_world, end_world);
}
