/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.inodes: each inode that is taken is that of an unnamed file that a child of the
 * holder has open (inode_crew.c), so that no name is ever made and the children's end gives
 * all of them back.  What cannot be held in this machine's memory is refused: a large file
 * system has more inodes than any machine could have open files.
 */
#include "child_group.h"
#include "cleanup.h"
#include "crew.h"
#include "disk.h"
#include "inode_page.h"
#include "leash.h"
#include "parse.h"
#include "proc.h"
#include "xalloc.h"
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define INODE_BYTES  UINT64_C(2048) /* of kernel memory, for the inode and the open file */
#define MEMORY_LEAVE (UINT64_C(256) << 20)
#define FILES_LEAVE  UINT64_C(16384) /* of fs.file-max */
#define OWN_LEAVE    UINT64_C(64)    /* inodes where the agent's records lie */
#define START_WAIT   (20 * USEC_PER_SEC)
#define FIRST_WAIT   (10 * USEC_PER_SEC)   /* for the first */
#define WHOLE_WAIT   (300 * USEC_PER_MSEC) /* for all, before it is called active */
#define LOOK_MS      100

struct taking_inodes {
	struct crew crew;
	struct child_group group;
	struct inode_page *page;
	struct place place;
	struct inode_goal goal;
	struct disk_inodes before;
	uint64_t count; /* to take, as things are */
	char fs[32];
};

static int
disk_inodes_supported(struct err *e)
{
	(void)e;
	return 0; /* it depends on the directory's file system: prepare will tell */
}

static void
set_goal(struct taking_inodes *t, const struct spec *s)
{
	if (spec_has(s, "count"))
		t->goal =
		    (struct inode_goal){ INODES_COUNT, (uint64_t)spec_num(s, "count") };
	else if (spec_has(s, "leave"))
		t->goal =
		    (struct inode_goal){ INODES_LEAVE, (uint64_t)spec_num(s, "leave") };
	else
		t->goal = (struct inode_goal){ INODES_PERCENT,
			(uint64_t)spec_num(s, "percent") };
}

static int
check_room(struct taking_inodes *t, struct err *e)
{
	const uint64_t has = t->before.available;
	uint64_t left;

	if (t->before.total == 0)
		return err_unsupported(e,
		    "%s makes inodes as it needs them: there is no number of them to use "
		    "up (disk.fill stops it as well)",
		    t->fs);
	if (t->goal.way == INODES_COUNT && t->goal.amount > has)
		return err_set(e, -ENOSPC,
		    "%" PRIu64 " inodes are asked for, only %" PRIu64 " are free",
		    t->goal.amount, has);
	left = inodes_left(&t->goal, &t->before);
	if (left >= has)
		return err_set(e, -ENOSPC,
		    "nothing to take: %" PRIu64 " inodes are free, and %" PRIu64
		    " are to be left",
		    has, left);
	t->count = has - left;
	return 0;
}

/* Open files are kernel memory that cannot be reclaimed, and the whole host's. */
static int
check_cost(const struct taking_inodes *t, struct err *e)
{
	const uint64_t memory = proc_memory_available(), files = proc_files_available();
	char wants[32], has[32];

	if (t->count > memory / INODE_BYTES ||
	    t->count * INODE_BYTES + MEMORY_LEAVE > memory)
		return err_refused(e,
		    "%" PRIu64
		    " inodes take some %s of memory to hold: of the %s that are "
		    "available 256 MiB must stay",
		    t->count, format_size(t->count * INODE_BYTES, wants, sizeof(wants)),
		    format_size(memory, has, sizeof(has)));
	if (files < t->count + FILES_LEAVE)
		return err_refused(e,
		    "%" PRIu64 " inodes take as many open files: the host may open only "
		    "%" PRIu64 " more (fs.file-max), of which %" PRIu64 " must stay",
		    t->count, files, FILES_LEAVE);
	return 0;
}

static int
check_protected(
    const struct taking_inodes *t, int dir, const struct fault_run *r, struct err *e)
{
	if (place_check(dir, r, e) < 0)
		return e->code;
	if (place_is_ours(dir, r) && inodes_left(&t->goal, &t->before) < OWN_LEAVE)
		return err_refused(e,
		    "the agent, whose own records lie there, needs %" PRIu64
		    " inodes left on this file system",
		    OWN_LEAVE);
	return 0;
}

static int
plan(struct taking_inodes *t, int dir, const struct fault_run *r, struct err *e)
{
	_cleanup_close_ int trial = -1;

	set_goal(t, r->spec);
	(void)disk_fs_name(dir, t->fs, sizeof(t->fs));
	if (disk_inodes(dir, &t->before, e) < 0 || check_room(t, e) < 0 ||
	    check_protected(t, dir, r, e) < 0 || check_cost(t, e) < 0)
		return e->code;
	trial = disk_tmpfile(dir, e); /* closed again it was never there */
	return trial < 0 ? trial : 0;
}

/* All alike, but that the first has room for more. */
static void
share(struct taking_inodes *t, uint64_t most)
{
	const uint64_t members = t->page->count;
	const uint64_t part = (t->count + INODES_ROOM + members - 1) / members;
	uint64_t left = t->count;

	for (uint64_t i = members; i-- > 0;) {
		struct inode_slot *s = &t->page->slot[i];

		s->room = (uint32_t)most;
		s->asked = (uint32_t)(i == 0 || left < part ? left : part);
		left -= s->asked;
	}
}

static int
make_crew(struct taking_inodes *t, struct err *e)
{
	struct rlimit limit = { 0 };
	uint64_t most = INODES_EACH, members;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_errno(e, "ask how many descriptors there may be");
	if (limit.rlim_max < INODES_EACH + INODES_OWN)
		most = limit.rlim_max > INODES_OWN ? limit.rlim_max - INODES_OWN : 0;
	members = most > 0 ? (t->count + INODES_ROOM + most - 1) / most : CREW_MAX + 1;
	if (members > CREW_MAX)
		return err_refused(e,
		    "a process may have %llu descriptors here (LimitNOFILE, ulimit -n): "
		    "too few to hold %" PRIu64 " inodes",
		    (unsigned long long)limit.rlim_max, t->count);
	if (crew_init(&t->crew, &work_hold_inodes, members,
		sizeof(*t->page) + members * sizeof(t->page->slot[0]), e) < 0)
		return e->code;
	t->page = t->crew.page;
	t->page->place = t->place;
	t->page->goal = t->goal;
	t->page->count = (uint32_t)members;
	share(t, most);
	return 0;
}

static int
disk_inodes_prepare(struct fault_run *r, struct err *e)
{
	struct taking_inodes *t = xcalloc(1, sizeof(*t));
	const char *path = spec_text(r->spec, "path");
	_cleanup_close_ int dir = -1;
	uint64_t left;

	r->state = t;
	r->wake_ms = -1;
	dir = place_pin(&t->place, path, e);
	if (dir < 0)
		return dir;
	if (plan(t, dir, r, e) < 0 || make_crew(t, e) < 0)
		return err_wrap(e, "'%s'", path);
	if (child_group_plan(&t->group, r, NULL, e) < 0)
		return e->code;
	undo_add(
	    &r->undo, (struct undo){ .op = UNDO_DESCRIPTOR, .num = { t->crew.leash } });
	left = inodes_left(&t->goal, &t->before);
	fault_op(r, "start %zu process%s to hold files of '%s' (%s) open", t->crew.count,
	    t->crew.count == 1 ? "" : "es", path, t->fs);
	fault_op(r,
	    "make %s%" PRIu64 " unnamed empty files there, which leaves %" PRIu64
	    " inodes",
	    t->goal.way == INODES_COUNT ? "" : "about ", t->count, left);
	(void)snprintf(r->note, sizeof(r->note),
	    "%s: %" PRIu64 " inodes to take, %" PRIu64 " left", t->fs, t->count, left);
	return 0;
}

static int
disk_inodes_stage(struct fault_run *r, struct err *e)
{
	struct taking_inodes *t = r->state;

	if (child_group_make(&t->group, r, e) < 0)
		return e->code;
	if (crew_start(&t->crew, r->spec->id, &t->group, START_WAIT, e) < 0)
		return err_wrap(e, "'%s'", t->place.path);
	return 0;
}

static void
tell(struct fault_run *r)
{
	const struct taking_inodes *t = r->state;

	const bool is_met = atomic_load(&t->page->state) == INODES_MET;

	r->effect = inodes_held(t->page);
	if (is_met)
		(void)snprintf(r->note, sizeof(r->note),
		    "%s: %" PRIu64 " inodes taken, %" PRIu64 " left", t->fs, r->effect,
		    atomic_load(&t->page->left));
	else
		(void)snprintf(r->note, sizeof(r->note),
		    "%s: %" PRIu64 " inodes taken; more to come", t->fs, r->effect);
}

static int
look(struct fault_run *r, struct err *e)
{
	struct taking_inodes *t = r->state;
	struct inode_page *p = t->page;
	int status;

	if (atomic_load(&p->state) == INODES_FAILED)
		return err_set(e, p->why.code < 0 ? p->why.code : -EIO,
		    "inodes of '%s': %.*s", t->place.path, (int)sizeof(p->why.msg) - 1,
		    p->why.msg);
	if (crew_lost(&t->crew, &status) >= 0) {
		r->lost = true;
		return err_set(e, -ECHILD, "somebody ended a process that held inodes");
	}
	if (atomic_load(&p->has_vanished)) {
		r->lost = true;
		return err_set(e, -ENODEV,
		    "'%s' is no longer the file system whose inodes were taken",
		    t->place.path);
	}
	return 0;
}

/* All of them, if that is soon; else the first. */
static bool
is_awaited(const struct taking_inodes *t, usec_t since)
{
	if (atomic_load(&t->page->state) != INODES_WORKING)
		return false;
	return inodes_held(t->page) == 0 || clock_boottime() < since + WHOLE_WAIT;
}

static int
disk_inodes_apply(struct fault_run *r, struct err *e)
{
	const usec_t now = clock_boottime();
	struct taking_inodes *t = r->state;
	struct inode_page *p = t->page;

	atomic_store(&p->is_going, 1);
	word_wake(&p->is_going);
	while (is_awaited(t, now)) {
		if (look(r, e) < 0)
			return e->code;
		if (clock_boottime() >= now + FIRST_WAIT)
			return err_set(e, -ETIMEDOUT,
			    "inodes of '%s': not one in %u s: the disk hangs",
			    t->place.path, (unsigned)(FIRST_WAIT / USEC_PER_SEC));
		word_wait(&p->state, INODES_WORKING, 20);
	}
	if (look(r, e) < 0)
		return e->code;
	r->wake_ms = LOOK_MS;
	tell(r);
	return 0;
}

/* The file system itself must say that they are gone. */
static int
disk_inodes_verify(struct fault_run *r, struct err *e)
{
	const struct taking_inodes *t = r->state;
	const uint64_t was = atomic_load(&t->page->was);
	const uint64_t left = atomic_load(&t->page->left);
	const bool is_met = atomic_load(&t->page->state) == INODES_MET;

	if (r->effect == 0 || (is_met && left >= was))
		return err_set(e, -EIO,
		    "%" PRIu64 " inodes were taken, but %" PRIu64
		    " are free, no fewer than before",
		    r->effect, left);
	return 0;
}

static int
disk_inodes_hold(struct fault_run *r, struct err *e)
{
	if (look(r, e) < 0)
		return e->code;
	tell(r);
	return 0;
}

static int
disk_inodes_release(struct fault_run *r, struct err *e)
{
	struct taking_inodes *t = r->state;

	(void)e;
	crew_reap(&t->crew);
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(futex),
	SCMP_SYS(kill),
	SCMP_SYS(memfd_create),
	SCMP_SYS(pause),
	SCMP_SYS(prctl),
	SCMP_SYS(prlimit64),
	SCMP_SYS(wait4),
	-1,
};

const struct fault fault_disk_inodes = {
	.kind = &kind_disk_inodes,
	.effect_unit = "inodes",
	.supported = disk_inodes_supported,
	.how = fault_how_plain,
	.prepare = disk_inodes_prepare,
	.stage = disk_inodes_stage,
	.apply = disk_inodes_apply,
	.verify = disk_inodes_verify,
	.hold = disk_inodes_hold,
	.release = disk_inodes_release,
	.syscalls = syscalls,
	.runs_tools = true, /* the crew is started by exec */
};
