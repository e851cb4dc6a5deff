/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_WORLD_H
#define DISK_WORLD_H
/*
 * A small ext4 of the test's own (a loop mount in a private mount namespace), and disk.fill
 * led on it step by step.
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

#define IMAGE_SIZE (128 << 20)

static struct protect protect;
static struct undo_ctx *ctx;
static unsigned faults; /* so far */
static char base[] = "/tmp/stormdrill-test-XXXXXX";
static char disk[64], image[64];

static inline int
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

static inline int
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

static inline int
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

static inline uint64_t
available(void)
{
	struct disk_space s;
	struct err e = { 0 };
	_cleanup_close_ int dir = disk_open_dir(disk, &e);

	assert_true(dir >= 0);
	assert_int_equal(disk_space(dir, &s, &e), 0);
	return s.available * s.block;
}

static inline struct spec
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

static inline int
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
static inline int
refused(struct fault_run *r, const struct spec *spec, struct err *e)
{
	struct err ignored = { 0 };
	int rc = prepare(r, spec, e);

	assert_int_equal(fault_disk_fill.release(r, &ignored), 0);
	return rc;
}

static inline void
fill(struct fault_run *r, const struct spec *spec)
{
	struct err e;

	if (prepare(r, spec, &e) < 0 || fault_disk_fill.stage(r, &e) < 0 ||
	    fault_disk_fill.apply(r, &e) < 0 || fault_disk_fill.verify(r, &e) < 0)
		fail_msg("%s", e.msg);
}

/* "leave=1MiB method=write", on the test's disk */
static inline struct spec
spec_with(const char *words)
{
	char copy[128], *save = NULL;
	struct err e = { 0 };
	struct spec s;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	spec_init(&s, &kind_disk_fill);
	assert_ok(spec_set(&s, "path", disk, &e), e);
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		assert_ok(spec_set(&s, w, value, &e), e);
	}
	assert_ok(spec_finish(&s, &e), e);
	fault_id_make("disk fill", base, faults++, s.id);
	return s;
}

/* Until it is all taken, or there is an error: a fault may be active before that. */
static inline int
await_whole(struct fault_run *r, struct err *e)
{
	while (strstr(r->note, "more to come") != NULL) {
		sleep_usec(USEC_PER_MSEC);
		if (fault_disk_fill.hold(r, e) < 0)
			return e->code;
	}
	return 0;
}

static inline void
await_available(uint64_t bytes)
{
	const usec_t until = clock_boottime() + 30 * USEC_PER_SEC;

	while (available() != bytes && clock_boottime() < until)
		sleep_usec(USEC_PER_MSEC);
	assert_int_equal(available(), bytes);
}

/* Until hold says that somebody took it away. */
static inline void
await_lost(struct fault_run *r, const char *why)
{
	const usec_t until = clock_boottime() + 30 * USEC_PER_SEC;
	struct err e = { 0 };

	while (fault_disk_fill.hold(r, &e) == 0 && clock_boottime() < until)
		sleep_usec(USEC_PER_MSEC);
	if (!r->lost || strstr(e.msg, why) == NULL)
		fail_msg("not lost, or not for '%s': %s", why, e.msg);
}

static inline void
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

#endif
