/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.fill: space taken by a file that only a child of the holder has open (filler.c), so
 * that the kernel itself gives it back the moment that child is gone.  The holder waits for
 * no disk once the fault is staged.  What was asked for becomes one of two goals: a file of
 * so many bytes, or so many blocks left; either is met to the block or it is an error and
 * nothing is taken.
 */
#include "child_group.h"
#include "cleanup.h"
#include "crew.h"
#include "disk.h"
#include "fill_page.h"
#include "leash.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_LEAVE    (UINT64_C(64) << 20)  /* on the file system of the agent's records */
#define MEMORY_LEAVE (UINT64_C(256) << 20) /* where the "disk" is memory */
#define START_WAIT   (10 * USEC_PER_SEC)
#define FIRST_WAIT   (10 * USEC_PER_SEC)   /* for the first block */
#define WHOLE_WAIT   (300 * USEC_PER_MSEC) /* for all of it, before it is called active */
#define LOOK_MS      100

struct filling {
	struct crew crew;
	struct child_group group;
	struct fill_page *page;
	struct disk_space before;
	char fs[32];
};

static int
disk_fill_supported(struct err *e)
{
	(void)e;
	return 0; /* it depends on the directory's file system: prepare will tell */
}

static uint64_t
left_after(const struct filling *f)
{
	return fill_left(&f->page->goal, &f->before);
}

static void
set_goal(struct fill_page *p, const struct spec *s)
{
	if (spec_has(s, "size"))
		p->goal = (struct fill_goal){ FILL_SIZE, (uint64_t)spec_num(s, "size") };
	else if (spec_has(s, "leave"))
		p->goal =
		    (struct fill_goal){ FILL_LEAVE, (uint64_t)spec_num(s, "leave") };
	else
		p->goal =
		    (struct fill_goal){ FILL_PERCENT, (uint64_t)spec_num(s, "percent") };
	p->method = (enum taking_method)spec_num(s, "method");
	p->rate = (uint64_t)spec_num(s, "rate");
	p->follows = spec_num(s, "follow") != 0;
	/* no two fills have the same: what they write cannot be shared between them */
	memcpy(&p->seed, s->id, sizeof(p->seed));
}

static int
check_room(const struct filling *f, struct err *e)
{
	const struct disk_space *s = &f->before;
	const bool by_size = f->page->goal.way == FILL_SIZE;
	const uint64_t bytes = fill_bytes(&f->page->goal, s), left = left_after(f);
	char has[32], wants[32];

	(void)format_size(s->available * s->block, has, sizeof(has));
	if (by_size && bytes / s->block > s->available) {
		(void)format_size(bytes, wants, sizeof(wants));
		return err_set(
		    e, -ENOSPC, "%s are asked for, only %s are available", wants, has);
	}
	if (!by_size && left >= s->available) {
		(void)format_size(left * s->block, wants, sizeof(wants));
		return err_set(e, -ENOSPC,
		    "nothing to take: %s are available, and %s are to be left", has,
		    wants);
	}
	return 0;
}

/* A tmpfs is memory that cannot be reclaimed: filling it must not wake the OOM killer. */
static int
check_backing(const struct filling *f, int dir, struct err *e)
{
	const uint64_t taken = (f->before.available - left_after(f)) * f->before.block;
	const uint64_t backing = disk_backing(dir);
	char wants[32], has[32];

	if (backing >= MEMORY_LEAVE && taken <= backing - MEMORY_LEAVE)
		return 0;
	return err_refused(e,
	    "this file system lives in memory: %s are asked for, and of the %s that the "
	    "machine has available 256 MiB must stay",
	    format_size(taken, wants, sizeof(wants)),
	    format_size(backing, has, sizeof(has)));
}

/* What policy protects, and our own promise to undo, which needs room to be written. */
static int
check_protected(
    const struct filling *f, int dir, const struct fault_run *r, struct err *e)
{
	const uint64_t left = left_after(f) * f->before.block;
	uint64_t least = r->protect->disk_leave;
	const char *why = "policy";
	char text[32];

	if (place_check(dir, r, e) < 0)
		return e->code;
	if (place_is_ours(dir, r) && least < OWN_LEAVE) {
		least = OWN_LEAVE;
		why = "the agent, whose own records lie there,";
	}
	if (left < least)
		return err_refused(e, "%s needs %s left on this file system", why,
		    format_size(least, text, sizeof(text)));
	return 0;
}

/* The name that the file will have, for the record. */
static int
plan_name(struct filling *f, int dir, struct fault_run *r, struct err *e)
{
	struct fill_page *p = f->page;
	struct undo u = { .op = UNDO_UNLINK_FILE };
	struct disk_place place;
	struct stat st;
	int n;

	(void)snprintf(p->name, sizeof(p->name), DISK_NAME_PREFIX "%s", r->spec->id);
	p->keeps_name = disk_keeps_names(dir);
	n = snprintf(u.name, sizeof(u.name), "%s%s%s", p->place.path,
	    strcmp(p->place.path, "/") == 0 ? "" : "/", p->name);
	if (n < 0 || (size_t)n >= sizeof(u.name))
		return err_unsupported(e,
		    "%s has no unnamed files (O_TMPFILE), and for one with a name the "
		    "path is too long",
		    f->fs);
	if (fstatat(dir, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, -EEXIST, "'%s' is there already", u.name);
	if (disk_place(dir, &place, e) < 0)
		return e->code;
	u.num[0] = place.inode;
	u.num[1] = place.fsid;
	undo_add(&r->undo, u);
	return 0;
}

/* Once tried it is known: an unnamed file that is closed again was never there. */
static int
plan_file(struct filling *f, int dir, struct fault_run *r, struct err *e)
{
	_cleanup_close_ int trial = disk_tmpfile(dir, e);

	if (trial >= 0)
		return 0;
	return e->code == -EOPNOTSUPP ? plan_name(f, dir, r, e) : e->code;
}

static void
describe(const struct filling *f, struct fault_run *r)
{
	const struct disk_space *s = &f->before;
	const struct fill_page *p = f->page;
	const uint64_t taken = (s->available - left_after(f)) * s->block;
	char size[32], left[32], rate[32], pace[64] = "";

	(void)format_size(taken, size, sizeof(size));
	(void)format_size(left_after(f) * s->block, left, sizeof(left));
	(void)format_size(p->rate, rate, sizeof(rate));
	if (p->rate > 0)
		(void)snprintf(pace, sizeof(pace), ", %s a second", rate);
	if (p->name[0] == '\0')
		fault_op(r, "make an unnamed file in '%s' (%s)", p->place.path, f->fs);
	else
		fault_op(r, "make '%s' in '%s' (%s)%s", p->name, p->place.path, f->fs,
		    p->keeps_name ? "" : " and unlink it at once");
	if (p->goal.way == FILL_SIZE)
		fault_op(r, "fill it with %s, which leaves about %s%s", size, left, pace);
	else
		fault_op(r, "fill it with about %s, until %s are available%s%s", size,
		    left, pace,
		    p->follows ? "; give and take as others write and delete" : "");
	(void)snprintf(
	    r->note, sizeof(r->note), "%s: %s to take, %s left", f->fs, size, left);
}

static int
plan(struct filling *f, int dir, struct fault_run *r, struct err *e)
{
	set_goal(f->page, r->spec);
	if (disk_space(dir, &f->before, e) < 0)
		return e->code;
	(void)disk_fs_name(dir, f->fs, sizeof(f->fs));
	if (check_room(f, e) < 0 || check_protected(f, dir, r, e) < 0 ||
	    check_backing(f, dir, e) < 0)
		return e->code;
	return plan_file(f, dir, r, e);
}

static int
disk_fill_prepare(struct fault_run *r, struct err *e)
{
	struct filling *f = xcalloc(1, sizeof(*f));
	_cleanup_close_ int dir = -1;
	const char *path = spec_text(r->spec, "path");

	r->state = f;
	r->wake_ms = -1;
	if (crew_init(&f->crew, &work_fill_disk, 1, 0, e) < 0)
		return e->code;
	f->page = f->crew.page;
	dir = place_pin(&f->page->place, path, e);
	if (dir < 0)
		return dir;
	if (plan(f, dir, r, e) < 0)
		return err_wrap(e, "'%s'", path);
	if (child_group_plan(&f->group, r, NULL, e) < 0)
		return e->code;
	undo_add(
	    &r->undo, (struct undo){ .op = UNDO_DESCRIPTOR, .num = { f->crew.leash } });
	describe(f, r);
	return 0;
}

/* The name is gone, and so is what there was to undo: only a record that was written before
 * still speaks of it. */
static void
forget_name(struct undo_list *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (l->op[i].op != UNDO_UNLINK_FILE)
			l->op[kept++] = l->op[i];
	}
	l->count = kept;
}

static int
disk_fill_stage(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;

	if (child_group_make(&f->group, r, e) < 0)
		return e->code;
	if (crew_start(&f->crew, r->spec->id, &f->group, START_WAIT, e) < 0)
		return err_wrap(e, "'%s'", f->page->place.path);
	if (f->page->name[0] != '\0' && !f->page->keeps_name)
		forget_name(&r->undo);
	return 0;
}

static void
tell(struct fault_run *r)
{
	const struct filling *f = r->state;
	const struct fill_page *p = f->page;
	const bool is_met = atomic_load(&p->state) == FILL_MET;
	char held[32], left[32];

	r->effect = atomic_load(&p->held);
	(void)format_size(r->effect, held, sizeof(held));
	(void)format_size(atomic_load(&p->left), left, sizeof(left));
	(void)snprintf(r->note, sizeof(r->note), "%s: %s %s, %s left%s", f->fs, held,
	    taking_methods[p->method], left, is_met ? "" : "; more to come");
}

/* The filler's own words, or its silence. */
static int
look(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;
	struct fill_page *p = f->page;
	int status;

	if (atomic_load(&p->state) == FILL_FAILED)
		return err_set(e, p->why.code < 0 ? p->why.code : -EIO, "fill '%s': %.*s",
		    p->place.path, (int)sizeof(p->why.msg) - 1, p->why.msg);
	if (crew_lost(&f->crew, &status) >= 0) {
		r->lost = true;
		return err_set(
		    e, -ECHILD, "somebody ended the filler of '%s'", p->place.path);
	}
	if (atomic_load(&p->has_vanished)) {
		r->lost = true;
		return err_set(e, -ENODEV,
		    "'%s' is no longer the file system that was filled", p->place.path);
	}
	return 0;
}

/* All of it, if that is soon; else the first of it. */
static bool
is_awaited(const struct filling *f, usec_t since)
{
	const struct fill_page *p = f->page;

	if (atomic_load(&p->state) != FILL_WORKING)
		return false;
	return atomic_load(&p->held) == 0 || clock_boottime() < since + WHOLE_WAIT;
}

static int
disk_fill_apply(struct fault_run *r, struct err *e)
{
	const usec_t now = clock_boottime();
	struct filling *f = r->state;
	struct fill_page *p = f->page;

	atomic_store(&p->is_going, 1);
	word_wake(&p->is_going);
	while (is_awaited(f, now)) {
		if (look(r, e) < 0)
			return e->code;
		if (clock_boottime() >= now + FIRST_WAIT)
			return err_set(e, -ETIMEDOUT,
			    "fill '%s': not one block in %u s: the disk hangs",
			    p->place.path, (unsigned)(FIRST_WAIT / USEC_PER_SEC));
		word_wait(&p->state, FILL_WORKING, 20);
	}
	if (look(r, e) < 0)
		return e->code;
	r->wake_ms = LOOK_MS;
	tell(r);
	return 0;
}

/* The file must hold what was asked for, and the file system must say that it is gone. */
static int
disk_fill_verify(struct fault_run *r, struct err *e)
{
	const struct filling *f = r->state;
	const struct fill_page *p = f->page;
	const uint64_t was = atomic_load(&p->was), left = atomic_load(&p->left);
	const bool is_met = atomic_load(&p->state) == FILL_MET;
	char held[32], now[32];

	(void)format_size(r->effect, held, sizeof(held));
	(void)format_size(left, now, sizeof(now));
	if (r->effect == 0 || (is_met && p->goal.way == FILL_SIZE &&
				  r->effect < fill_bytes(&p->goal, &f->before)))
		return err_set(
		    e, -EIO, "the file holds %s instead of what was asked for", held);
	if (is_met && left >= was)
		return err_set(e, -EIO,
		    "%s were taken, but %s are available, no less than before: others "
		    "gave back more, or the file system stores it in no space",
		    held, now);
	return 0;
}

static int
disk_fill_hold(struct fault_run *r, struct err *e)
{
	if (look(r, e) < 0)
		return e->code;
	tell(r);
	return 0;
}

static int
disk_fill_release(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;

	(void)e;
	crew_reap(&f->crew);
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(fallocate),
	SCMP_SYS(futex),
	SCMP_SYS(kill),
	SCMP_SYS(memfd_create),
	SCMP_SYS(pause),
	SCMP_SYS(prctl),
	SCMP_SYS(syncfs),
	SCMP_SYS(wait4),
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
	.hold = disk_fill_hold,
	.release = disk_fill_release,
	.syscalls = syscalls,
	.runs_tools = true, /* the filler is started by exec */
};
