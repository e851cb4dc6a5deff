/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.fill: space taken by an unnamed file, so that the kernel itself gives it back the
 * moment the holder is gone.  What was asked for becomes one of two goals, known since
 * prepare: a file of so many bytes, or so many blocks left; either is met to the block or
 * it is an error and nothing is taken.
 */
#include "cleanup.h"
#include "disk.h"
#include "fault.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_LEAVE    (UINT64_C(64) << 20)  /* on the file system of the agent's records */
#define MEMORY_LEAVE (UINT64_C(256) << 20) /* where the "disk" is memory */
#define PERCENT_MAX  100000                /* thousandths of a percent */

struct filling {
	int dir;
	int fd; /* its number is in the record; the file's from stage on */
	bool by_size;
	uint64_t bytes; /* goal by size: what the file is to hold */
	uint64_t left;  /* goal otherwise: blocks that stay available */
	struct disk_space before;
};

static int
disk_fill_supported(struct err *e)
{
	(void)e;
	return 0; /* it depends on the directory's file system: stage will tell */
}

static uint64_t
blocks_of(uint64_t bytes, const struct disk_space *s)
{
	return bytes / s->block + (bytes % s->block != 0);
}

static void
set_goal(struct filling *f, const struct spec *spec)
{
	const struct disk_space *s = &f->before;
	uint64_t used;

	f->by_size = spec_has(spec, "size");
	if (f->by_size) {
		f->bytes = blocks_of((uint64_t)spec_num(spec, "size"), s) * s->block;
	} else if (spec_has(spec, "leave")) {
		f->left = blocks_of((uint64_t)spec_num(spec, "leave"), s);
	} else { /* in 128 bits: a petabyte of blocks by 100000 is near the edge of 64 */
		used = (uint64_t)(((unsigned __int128)s->total *
					  (uint64_t)spec_num(spec, "percent") +
				      PERCENT_MAX - 1) /
				  PERCENT_MAX);
		f->left = s->total - used;
	}
}

static uint64_t
left_after(const struct filling *f)
{
	const uint64_t taken = f->bytes / f->before.block;

	if (!f->by_size)
		return f->left;
	return taken < f->before.available ? f->before.available - taken : 0;
}

static int
check_room(const struct filling *f, struct err *e)
{
	const struct disk_space *s = &f->before;
	char has[32], wants[32];

	(void)format_size(s->available * s->block, has, sizeof(has));
	if (f->by_size && f->bytes / s->block > s->available) {
		(void)format_size(f->bytes, wants, sizeof(wants));
		return err_set(
		    e, -ENOSPC, "%s are asked for, only %s are available", wants, has);
	}
	if (!f->by_size && f->left >= s->available) {
		(void)format_size(f->left * s->block, wants, sizeof(wants));
		return err_set(e, -ENOSPC,
		    "nothing to take: %s are available, and %s are to be left", has,
		    wants);
	}
	return 0;
}

/* A tmpfs is memory that cannot be reclaimed: filling it must not wake the OOM killer. */
static int
check_backing(const struct filling *f, struct err *e)
{
	const uint64_t taken = (f->before.available - left_after(f)) * f->before.block;
	const uint64_t backing = disk_backing(f->dir);
	char wants[32], has[32];

	if (backing >= MEMORY_LEAVE && taken <= backing - MEMORY_LEAVE)
		return 0;
	return err_refused(e,
	    "this file system lives in memory: %s are asked for, and of the %s that the "
	    "machine has available 256 MiB must stay",
	    format_size(taken, wants, sizeof(wants)),
	    format_size(backing, has, sizeof(has)));
}

static bool
is_on(const char *path, dev_t dev)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == dev;
}

/* What policy protects, and our own promise to undo, which needs room to be written. */
static int
check_protected(const struct filling *f, const struct fault_run *r, struct err *e)
{
	const uint64_t left = left_after(f) * f->before.block;
	uint64_t least = r->protect->disk_leave;
	const char *why = "policy";
	char text[32];
	struct stat st;

	if (fstat(f->dir, &st) < 0)
		return err_errno(e, "look at the directory");
	for (const char *p = r->protect->paths; *p != '\0'; p += strlen(p) + 1) {
		if (is_on(p, st.st_dev))
			return err_refused(e,
			    "it is on the file system of '%s', which policy protects", p);
	}
	if ((is_on(r->run_dir, st.st_dev) || is_on(r->state_dir, st.st_dev)) &&
	    least < OWN_LEAVE) {
		least = OWN_LEAVE;
		why = "the agent, whose own records lie there,";
	}
	if (left < least)
		return err_refused(e, "%s needs %s left on this file system", why,
		    format_size(least, text, sizeof(text)));
	return 0;
}

static void
describe(const struct filling *f, struct fault_run *r)
{
	const struct disk_space *s = &f->before;
	const uint64_t taken = (s->available - left_after(f)) * s->block;
	char fs[32], size[32], left[32];

	(void)disk_fs_name(f->dir, fs, sizeof(fs));
	(void)format_size(taken, size, sizeof(size));
	(void)format_size(left_after(f) * s->block, left, sizeof(left));
	fault_op(r, "make an unnamed file in '%s' (%s)", spec_text(r->spec, "path"), fs);
	if (f->by_size)
		fault_op(r, "allocate %s to it, which leaves about %s", size, left);
	else
		fault_op(
		    r, "allocate about %s to it, until %s are available", size, left);
	(void)snprintf(
	    r->note, sizeof(r->note), "%s: %s to take, %s left", fs, size, left);
}

static int
look_at(struct filling *f, const struct fault_run *r, struct err *e)
{
	const char *path = spec_text(r->spec, "path");
	char fs[32];

	f->dir = disk_open_dir(path, e);
	if (f->dir < 0)
		return f->dir;
	if (!disk_counts_plainly(f->dir))
		return err_unsupported(e,
		    "'%s' is on %s, which copies on write: what a file takes there cannot "
		    "be measured",
		    path, disk_fs_name(f->dir, fs, sizeof(fs)));
	return disk_space(f->dir, &f->before, e);
}

static int
disk_fill_prepare(struct fault_run *r, struct err *e)
{
	struct filling *f = xcalloc(1, sizeof(*f));
	int rc;

	r->state = f;
	rc = look_at(f, r, e);
	if (rc < 0)
		return rc;
	set_goal(f, r->spec);
	rc = check_room(f, e);
	if (rc == 0)
		rc = check_protected(f, r, e);
	if (rc == 0)
		rc = check_backing(f, e);
	if (rc < 0)
		return err_wrap(e, "'%s'", spec_text(r->spec, "path"));
	/* The record names a descriptor before there is a file: keep its number free. */
	f->fd = fcntl(f->dir, F_DUPFD_CLOEXEC, 3);
	if (f->fd < 0)
		return err_errno(e, "reserve a descriptor");
	undo_add(&r->undo, (struct undo){ .op = UNDO_DESCRIPTOR, .num = { f->fd } });
	describe(f, r);
	r->wake_ms = -1;
	return 0;
}

static int
disk_fill_stage(struct fault_run *r, struct err *e)
{
	const struct filling *f = r->state;
	_cleanup_close_ int file = disk_tmpfile(f->dir, e);

	if (file < 0)
		return err_wrap(e, "'%s'", spec_text(r->spec, "path"));
	return dup3(file, f->fd, O_CLOEXEC) < 0 ? err_errno(e, "keep the unnamed file") :
						  0;
}

static int
disk_fill_apply(struct fault_run *r, struct err *e)
{
	const struct filling *f = r->state;
	int rc;

	if (f->by_size)
		rc = disk_take(f->fd, f->bytes, e);
	else
		rc = disk_take_until(f->fd, f->left, e);
	if (rc < 0)
		return err_wrap(e, "fill '%s'", spec_text(r->spec, "path"));
	r->effect = disk_taken(f->fd);
	return 0;
}

/* The file must hold what was asked for, and the file system must say that it is gone. */
static int
disk_fill_verify(struct fault_run *r, struct err *e)
{
	const struct filling *f = r->state;
	struct disk_space now;
	char taken[32], left[32];
	int rc = disk_space(f->fd, &now, e);

	if (rc < 0)
		return rc;
	r->effect = disk_taken(f->fd);
	(void)format_size(r->effect, taken, sizeof(taken));
	(void)format_size(now.available * now.block, left, sizeof(left));
	if (r->effect == 0 || (f->by_size && r->effect < f->bytes))
		return err_set(
		    e, -EIO, "the file holds %s instead of what was asked for", taken);
	if (now.available >= f->before.available)
		return err_set(e, -EIO,
		    "%s were taken, but %s are available, no less than before", taken,
		    left);
	(void)snprintf(r->note, sizeof(r->note), "%s taken, %s left", taken, left);
	return 0;
}

/* The directory too: while it is open its file system cannot be unmounted. */
static int
disk_fill_release(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;

	(void)e;
	if (f->dir >= 0)
		(void)close(f->dir); /* an O_PATH descriptor */
	f->dir = -1;
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(dup3),
	SCMP_SYS(fallocate),
	SCMP_SYS(fstatfs),
	SCMP_SYS(ftruncate),
	SCMP_SYS(openat2),
	-1,
};

const struct fault fault_disk_fill = {
	.kind = &kind_disk_fill,
	.effect_unit = "bytes",
	.supported = disk_fill_supported,
	.how = fault_how_plain,
	.prepare = disk_fill_prepare,
	.stage = disk_fill_stage,
	.apply = disk_fill_apply,
	.verify = disk_fill_verify,
	.hold = fault_hold_nothing,
	.release = disk_fill_release,
	.syscalls = syscalls,
};
