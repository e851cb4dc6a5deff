/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.throttle on a loop disk and a cgroup of the test's own: it holds direct
 * I/O back, puts back what was there to the letter, leaves alone what somebody
 * else has set meanwhile, and refuses what it could not keep.
 */
#include "block.h"
#include "cgroup_place.h"
#include "cleanup.h"
#include "clock.h"
#include "disk.h"
#include "fault.h"
#include "loop_disk.h"
#include "pidns.h"
#include "test.h"
#include <errno.h>

TEST_WITHOUT_LEAK_CHECK

#define BLOCK    65536
#define FILE_LEN (1 << 20)

static struct loop_disk disk;
static struct cgroup_place group;
static struct protect protect;
static struct undo_ctx *ctx;
static struct err e;
static char device[24]; /* "7:3 " */

static struct spec
spec_of(const char *const *args)
{
	struct spec s;

	spec_init(&s, &kind_disk_throttle);
	memcpy(s.id, "7e57dd01", sizeof(s.id));
	for (; args[0] != NULL; args += 2)
		assert_ok(spec_set(&s, args[0], args[1], &e), e);
	assert_ok(spec_finish(&s, &e), e);
	return s;
}
#define SPEC(...) \
 spec_of(         \
     (const char *const[]){ "path", disk.at, "cgroup", group.path, __VA_ARGS__, NULL })

static int
prepare(struct fault_run *r, const struct spec *s)
{
	e = (struct err){ 0 };
	*r = (struct fault_run){ .spec = s,
		.protect = &protect,
		.run_dir = "/proc",
		.state_dir = "/proc",
		.ctx = ctx,
		.barrier_fd = -1 };
	return fault_disk_throttle.prepare(r, &e);
}

static void
arm(struct fault_run *r, const struct spec *s)
{
	assert_ok(prepare(r, s), e);
	assert_ok(fault_disk_throttle.stage(r, &e), e);
	assert_ok(fault_disk_throttle.apply(r, &e), e);
	assert_ok(fault_disk_throttle.verify(r, &e), e);
}

static void
undo(struct fault_run *r)
{
	for (int i = 0; i < 2; i++) {
		assert_ok(undo_run(ctx, &r->undo, BEAT_DISARM, &e), e);
		assert_ok(undo_check(ctx, &r->undo, BEAT_DISARM, &e), e);
	}
	assert_ok(fault_disk_throttle.release(r, &e), e);
}

static const char *const v1_files[] = { "blkio.throttle.read_bps_device",
	"blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device",
	"blkio.throttle.write_iops_device" };
static const char *const v2_keys[] = { "rbps", "wbps", "riops", "wiops" };
enum { READ_BPS, WRITE_BPS, READ_IOPS, WRITE_IOPS };

/* All limits of the group, as its files show them. */
static const char *
limits(void)
{
	static char text[4096];
	size_t used = 0;

	if (group.version == 2) {
		assert_true(cgroup_place_read(&group, "io.max", text, sizeof(text)) >= 0);
		return text;
	}
	for (size_t i = 0; i < ARRAY_LEN(v1_files); i++) {
		int n = cgroup_place_read(
		    &group, v1_files[i], text + used, sizeof(text) - used);

		assert_true(n >= 0);
		used += (size_t)n;
		used += (size_t)snprintf(text + used, sizeof(text) - used, ";");
	}
	return text;
}

/* As an administrator would: "0" and "max" take a limit away. */
static void
set_limit(int which, const char *value)
{
	char text[64];

	if (group.version == 2)
		(void)snprintf(
		    text, sizeof(text), "%s%s=%s", device, v2_keys[which], value);
	else
		(void)snprintf(text, sizeof(text), "%s%s", device,
		    strcmp(value, "max") == 0 ? "0" : value);
	assert_ok(cgroup_place_write(
		      &group, group.version == 2 ? "io.max" : v1_files[which], text, &e),
	    e);
}

/* A member of the group that reads all of a file past the cache: how long that
 * took. */
static usec_t
time_to_read(void)
{
	usec_t begin = clock_boottime();
	char path[64];
	int status;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/file", disk.at);
	pid = fork();
	if (pid == 0) {
		void *buf = aligned_alloc(4096, BLOCK);
		int fd;

		if (cgroup_place_write(&group, "cgroup.procs", "0", &e) < 0)
			_exit(2);
		fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
		while (fd >= 0 && read(fd, buf, BLOCK) == BLOCK)
			continue;
		_exit(fd < 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return clock_boottime() - begin;
}

/* Sooner or later it reads much quicker than it did. */
static void
is_let_go(usec_t held)
{
	for (int i = 0; i < 20; i++) {
		if (time_to_read() < held / 4)
			return;
	}
	fail_msg("still as slow as with the limit");
}

static void
reading_is_held_back_and_let_go_again(void **state)
{
	struct spec s = SPEC("read_rate", "1MiB");
	struct fault_run r;
	usec_t held;

	(void)state;
	arm(&r, &s);
	/* a MiB at a MiB per second: the kernel lets the first slice of 100 ms pass
   */
	held = time_to_read();
	assert_true(held > 500 * USEC_PER_MSEC);
	sleep_usec(1100 * USEC_PER_MSEC);
	assert_ok(fault_disk_throttle.hold(&r, &e), e);
	assert_true(r.effect > 0);
	assert_non_null(strstr(r.note, "reads "));
	undo(&r);
	is_let_go(held);
}

static void
a_target_without_io_is_no_error(void **state)
{
	struct spec s = SPEC("write_iops", "7", "write_rate", "1MiB");
	struct fault_run r;

	(void)state;
	arm(&r, &s);
	sleep_usec(1100 * USEC_PER_MSEC);
	assert_ok(fault_disk_throttle.hold(&r, &e), e);
	assert_int_equal(r.effect, 0);
	assert_non_null(strstr(r.note, "not used yet"));
	undo(&r);
}

static void
all_that_was_there_is_there_again(void **state)
{
	struct spec s = SPEC("read_rate", "2MiB", "write_iops", "7");
	char was[4096];
	struct fault_run r;

	(void)state;
	set_limit(READ_BPS, "5000000");
	set_limit(READ_IOPS, "99");
	(void)snprintf(was, sizeof(was), "%s", limits());
	arm(&r, &s);
	assert_string_not_equal(limits(), was);
	undo(&r);
	assert_string_equal(limits(), was);
	set_limit(READ_BPS, "max");
	set_limit(READ_IOPS, "max");
}

static void
what_somebody_else_has_set_meanwhile_stays(void **state)
{
	struct spec s = SPEC("read_rate", "2MiB", "write_rate", "2MiB");
	char theirs[4096];
	struct fault_run r;

	(void)state;
	set_limit(READ_BPS, "7777777");
	(void)snprintf(theirs, sizeof(theirs), "%s", limits());
	set_limit(READ_BPS, "max");
	arm(&r, &s);
	set_limit(READ_BPS, "7777777");
	sleep_usec(1100 * USEC_PER_MSEC);
	assert_true(fault_disk_throttle.hold(&r, &e) < 0);
	assert_true(r.lost);
	assert_non_null(strstr(e.msg, "somebody has changed the limit"));
	undo(&r);
	assert_string_equal(
	    limits(), theirs); /* and of our other limit nothing is left */
	set_limit(READ_BPS, "max");
}

static void
a_group_that_goes_takes_its_limits_along(void **state)
{
	struct spec s = SPEC("read_rate", "2MiB");
	_cleanup_close_ int tree = cgroup_tree(group.tree, &e);
	struct fault_run r;

	(void)state;
	arm(&r, &s);
	assert_int_equal(unlinkat(tree, group.path, AT_REMOVEDIR), 0);
	sleep_usec(1100 * USEC_PER_MSEC);
	assert_true(fault_disk_throttle.hold(&r, &e) < 0);
	assert_true(r.lost);
	assert_non_null(strstr(e.msg, "is gone"));
	undo(&r);
}

static int
refusal(const struct spec *s, const char *word)
{
	struct fault_run r;
	int rc = prepare(&r, s);

	if (rc >= 0 || strstr(e.msg, word) == NULL)
		fail_msg("%d, '%s' where '%s' should be refused", rc, e.msg, word);
	assert_ok(fault_disk_throttle.release(&r, &(struct err){ 0 }), e);
	return rc;
}

static void
what_cannot_be_kept_is_refused(void **state)
{
	const char *mine = group.path;
	struct spec s;

	(void)state;
	s = SPEC("read_rate", "1MiB");
	set_limit(READ_BPS, "1000000");
	assert_int_equal(refusal(&s, "no effect: read_rate=1MiB is no less"), -EALREADY);
	set_limit(READ_BPS, "max");

	s = spec_of((const char *const[]){
	    "path", "/proc", "cgroup", mine, "read_rate", "1MiB", NULL });
	assert_int_equal(refusal(&s, "no disk of its own"), -EOPNOTSUPP);
	s = spec_of((const char *const[]){
	    "path", disk.at, "cgroup", "/no/such", "read_rate", "1MiB", NULL });
	assert_int_equal(refusal(&s, "no cgroup '/no/such'"), -ENOENT);
	s = SPEC("read_rate", "1MiB");
	(void)snprintf(protect.paths, sizeof(protect.paths), "%s", disk.at);
	assert_int_equal(refusal(&s, "policy protects"), -EPERM);
	protect.paths[0] = '\0';
	assert_ok(cgroup_place_write(&group, "cgroup.procs", "0", &e), e);
	assert_int_equal(refusal(&s, "the agent itself is in"), -EPERM);
	/* out again */
	{
		struct cgroup_place root;

		assert_ok(cgroup_place_find("io", "/", &root, &e), e);
		assert_ok(cgroup_place_write(&root, "cgroup.procs", "0", &e), e);
		cgroup_place_close(&root);
	}
}

static void
what_is_asked_for_must_make_sense(void **state)
{
	static const struct {
		const char *args[5];
		const char *says;
	} wrong[] = {
		{ { "cgroup", "/x" }, "at least one of" },
		{ { "cgroup", "/", "read_rate", "1MiB" }, "every process" },
		{ { "read_rate", "1MiB" }, "needs a cgroup or a container" },
		{ { "cgroup", "/x", "container", "c" }, "not both" },
	};
	struct spec s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		spec_init(&s, &kind_disk_throttle);
		assert_ok(spec_set(&s, "path", "/srv", &e), e);
		for (size_t k = 0; wrong[i].args[k] != NULL; k += 2)
			assert_ok(
			    spec_set(&s, wrong[i].args[k], wrong[i].args[k + 1], &e), e);
		assert_true(spec_finish(&s, &e) < 0);
		assert_non_null(strstr(e.msg, wrong[i].says));
	}
	spec_init(&s, &kind_disk_throttle);
	assert_true(spec_set(&s, "read_rate", "0", &e) < 0);
	assert_true(spec_set(&s, "read_iops", "0", &e) < 0);
}

static void
a_partition_is_of_its_disk(void **state)
{
	_cleanup_close_ int dir = disk_open_dir(disk.at, &e);
	struct block_disk d;

	(void)state;
	assert_ok(block_disk_of(dir, &d, &e), e);
	assert_int_equal(d.major, disk.major);
	assert_int_equal(d.minor, disk.minor);
	assert_true(strncmp(d.name, "loop", 4) == 0);
}

static int
setup(void **state)
{
	_cleanup_close_ int tree = -1;
	static int number;
	char name[64];

	(void)state;
	e = (struct err){ 0 };
	if (undo_ctx_open(&ctx, -1, true, &e) < 0 ||
	    cgroup_place_find("io", "/", &group, &e) < 0)
		return -1;
	cgroup_place_close(&group);
	tree = cgroup_tree(group.tree, &e);
	(void)snprintf(name, sizeof(name), "storm-test-io-%u-%d", disk.minor, number++);
	if (mkdirat(tree, name, 0755) < 0)
		return -1;
	return cgroup_place_find("io", name, &group, &e);
}

static int
teardown(void **state)
{
	_cleanup_close_ int tree = cgroup_tree(group.tree, &e);

	(void)state;
	cgroup_place_close(&group);
	(void)unlinkat(tree, group.path, AT_REMOVEDIR); /* a test has done so already */
	undo_ctx_free(ctx);
	return 0;
}

static int
make_file(void)
{
	char path[64], block[BLOCK];
	int fd;

	memset(block, 'x', sizeof(block));
	(void)snprintf(path, sizeof(path), "%s/file", disk.at);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	for (int i = 0; i < FILE_LEN / BLOCK; i++) {
		if (write(fd, block, sizeof(block)) != sizeof(block))
			return -1;
	}
	return fsync(fd) < 0 ? -1 : close(fd);
}

/* Of v2 only where the root hands it on. */
static bool
has_controller(void)
{
	bool has = false;

	if (setup(NULL) == 0)
		has = group.version == 1 || faccessat(group.dir, "io.max", F_OK, 0) == 0;
	(void)teardown(NULL);
	return has;
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(reading_is_held_back_and_let_go_again),
		TEST(a_target_without_io_is_no_error),
		TEST(all_that_was_there_is_there_again),
		TEST(what_somebody_else_has_set_meanwhile_stays),
		TEST(a_group_that_goes_takes_its_limits_along),
		TEST(what_cannot_be_kept_is_refused),
		cmocka_unit_test(what_is_asked_for_must_make_sense),
		cmocka_unit_test(a_partition_is_of_its_disk),
	};
	int failed;

	pidns_enter();
	if (fault_disk_throttle.supported(&e) < 0)
		skip_all("%s", e.msg);
	if (!has_controller())
		skip_all("the io controller is not enabled in the v2 root");
	if (loop_disk_make(&disk, 64 << 20) < 0 || make_file() < 0) {
		(void)loop_disk_end(&disk);
		skip_all("no loop device, or no mkfs.ext4");
	}
	(void)snprintf(device, sizeof(device), "%u:%u ", disk.major, disk.minor);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return loop_disk_end(&disk) < 0 ? 1 : failed;
}
