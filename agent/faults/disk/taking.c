/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking space.  The file system's own lists take blocks as well, and how many cannot be
 * known beforehand: so an amount that is to be left is approached by asking statvfs after
 * each step.  What is written goes past the page cache where it can, since a cache full of
 * dirty pages would be a fault nobody asked for.
 */
#include "taking.h"
#include "cleanup.h"
#include "err.h"
#include "splitmix.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK         (UINT64_C(1) << 20)  /* of one write */
#define STEP_WRITE    (UINT64_C(32) << 20) /* some 30 ms of a fast disk */
#define STEP_ALLOCATE (UINT64_C(4) << 30)  /* a millisecond */

const char *const taking_methods[] = { "taken", "allocated", "written" };

static int
allocate(int file, uint64_t from, uint64_t len)
{
	int rc;

	do {
		rc = fallocate(file, 0, (off_t)from, (off_t)len);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

static void
draw(uint64_t *word, uint64_t seed)
{
	for (uint64_t i = 0; i < CHUNK / sizeof(*word); i++)
		word[i] = splitmix_next(&seed);
}

/* Never the same page twice, in this file or another: nothing to compress or to share.
 * Every word moved on by the same odd step is chance as good, and as quick as memory. */
static void
move_on(uint64_t *word)
{
	for (uint64_t i = 0; i < CHUNK / sizeof(*word); i++)
		word[i] += SPLITMIX_STEP;
}

static bool
goes_direct(int file)
{
	int flags = fcntl(file, F_GETFL);

	return flags >= 0 && (flags & O_DIRECT) != 0;
}

static void
go_direct(int file, bool wanted)
{
	int flags = fcntl(file, F_GETFL);

	/* a file system that will not is written to through the cache */
	if (flags >= 0)
		(void)fcntl(file, F_SETFL, wanted ? flags | O_DIRECT : flags & ~O_DIRECT);
}

static int
write_all(struct taking *t, uint64_t at, uint64_t len)
{
	const char *from = t->data;

	while (len > 0) {
		ssize_t n = pwrite(t->file, from, len, (off_t)at);

		if (n < 0 && errno == EINVAL && goes_direct(t->file)) {
			go_direct(t->file, false);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EIO;
		if (n > 0) {
			from += n;
			at += (uint64_t)n;
			len -= (uint64_t)n;
		}
	}
	return 0;
}

static int
write_on(struct taking *t, uint64_t from, uint64_t len)
{
	int rc = 0;

	while (len > 0 && rc == 0) {
		const uint64_t part = len < CHUNK ? len : CHUNK;

		move_on(t->data);
		rc = write_all(t, from, part);
		from += part;
		len -= part;
	}
	return rc;
}

static int
choose(struct taking *t, struct err *e)
{
	char fs[32];
	int rc;

	if (t->method == TAKE_AUTO && disk_wants_data(t->file))
		t->method = TAKE_WRITE;
	if (t->method == TAKE_WRITE)
		return 0;
	rc = allocate(t->file, 0, t->block);
	(void)!ftruncate(t->file, 0); /* the file is ours, and closing it does the same */
	if (rc == 0 || rc == -ENOSPC || rc == -EDQUOT) { /* full: apply will tell */
		t->method = TAKE_ALLOCATE;
		return 0;
	}
	if (rc != -EOPNOTSUPP && rc != -ENOSYS)
		return err_set(e, rc, "allocate a block: %s", strerror(-rc));
	if (t->method == TAKE_ALLOCATE)
		return err_unsupported(e,
		    "%s has no fallocate: leave 'method' out, or say method: write",
		    disk_fs_name(t->file, fs, sizeof(fs)));
	t->method = TAKE_WRITE;
	return 0;
}

int
taking_begin(
    struct taking *t, int file, enum taking_method method, uint64_t seed, struct err *e)
{
	struct disk_space s;

	*t = (struct taking){ .file = file, .method = method };
	if (disk_space(file, &s, e) < 0)
		return e->code;
	t->block = s.block;
	t->lags = disk_copies_on_write(file);
	if (choose(t, e) < 0)
		return e->code;
	if (t->method != TAKE_WRITE)
		return 0;
	if (posix_memalign(&t->data, 4096, CHUNK) != 0)
		return err_set(e, -ENOMEM, "memory for what is written");
	draw(t->data, seed);
	go_direct(file, true);
	return 0;
}

int
taking_look(struct taking *t, struct disk_space *ret, struct err *e)
{
	if (t->lags && syncfs(t->file) < 0)
		return err_errno(e, "sync the file system");
	t->unseen = 0;
	return disk_space(t->file, ret, e);
}

uint64_t
taking_step(const struct taking *t)
{
	return t->method == TAKE_WRITE ? STEP_WRITE : STEP_ALLOCATE;
}

void
taking_shrink(struct taking *t, uint64_t size)
{
	(void)!ftruncate(t->file, (off_t)size); /* closing the file gives back the rest */
	t->unseen += t->size - size;
	t->size = size;
}

int
taking_grow(struct taking *t, uint64_t bytes)
{
	int rc = t->method == TAKE_WRITE ? write_on(t, t->size, bytes) :
					   allocate(t->file, t->size, bytes);

	if (rc == 0) {
		t->size += bytes;
		t->unseen += bytes;
	} else {
		taking_shrink(t, t->size); /* a failed one keeps what it got so far */
	}
	return rc;
}

static bool
is_full(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT;
}

/* As much of it as can be had: the file system may want some for itself, so what fails is
 * tried again at half its size. */
static int
grow_some(struct taking *t, uint64_t blocks)
{
	int rc = -ENOSPC;

	for (; blocks > 0 && is_full(rc); blocks /= 2)
		rc = taking_grow(t, blocks * t->block);
	return rc;
}

/* A sync costs more than a step: far from the goal the figures may be old. */
static int
look_if_near(
    struct taking *t, uint64_t left, uint64_t most, struct disk_space *ret, struct err *e)
{
	if (disk_space(t->file, ret, e) < 0)
		return e->code;
	if (!t->lags || ret->available > left + (t->unseen + most) / t->block)
		return 0;
	return taking_look(t, ret, e);
}

int
taking_towards(struct taking *t, uint64_t left, uint64_t most, struct err *e)
{
	struct disk_space s = { 0 };
	uint64_t blocks;
	int rc = look_if_near(t, left, most, &s, e);

	if (rc < 0)
		return rc;
	if (s.available == left)
		return 1;
	if (s.available < left) {
		const uint64_t surplus = (left - s.available) * t->block;

		taking_shrink(t, t->size - (surplus < t->size ? surplus : t->size));
		return 0;
	}
	blocks = s.available - left;
	rc = grow_some(t, blocks < most / t->block ? blocks : most / t->block);
	if (is_full(rc) && blocks <= 1)
		return 1; /* the file system keeps its last block to itself */
	if (rc < 0)
		return err_set(e, rc, "take the last %llu of the blocks asked for: %s",
		    (unsigned long long)blocks, strerror(-rc));
	return 0;
}

uint64_t
taking_held(const struct taking *t)
{
	struct stat st;

	return fstat(t->file, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}
