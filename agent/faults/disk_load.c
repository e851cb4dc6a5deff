/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.load: reads and writes by a process of its own (disk/io_work.c), since whoever waits
 * for a disk can do nothing else, and a holder must answer.  The holder only looks at what
 * was counted, four times a second.
 */
#include "child_group.h"
#include "crew.h"
#include "disk.h"
#include "fault.h"
#include "io_page.h"
#include "leash.h"
#include "parse.h"
#include "xalloc.h"
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OWN_LEAVE    (UINT64_C(64) << 20)  /* on the file system of the agent's records */
#define MEMORY_LEAVE (UINT64_C(256) << 20) /* where the "disk" is memory */
#define READY_WAIT   (5 * USEC_PER_SEC)
#define FIRST_WAIT   (5 * USEC_PER_SEC) /* for the first I/O */
#define LOOK_MS      250
#define HANGS_AFTER  (2 * USEC_PER_SEC)
#define READ_SHARE   50000

struct loading {
	struct crew crew;
	struct child_group group;
	struct io_page *page;
	uint64_t seen;  /* I/Os at the last look */
	usec_t seen_at; /* when that was last another number */
};

static int
disk_load_supported(struct err *e)
{
	(void)e;
	return 0; /* it depends on the directory's file system: stage will tell */
}

/* --- what is asked for ----------------------------------------------------------------- */

static uint64_t
interval_of(const struct spec *s)
{
	const uint64_t iops = (uint64_t)spec_num(s, "iops");
	const uint64_t rate = (uint64_t)spec_num(s, "rate");
	const uint64_t block = (uint64_t)spec_num(s, "block");
	uint64_t by_iops = iops > 0 ? IO_SECOND / iops : 0;
	uint64_t by_rate = 0;

	if (rate > 0)
		by_rate = (uint64_t)((unsigned __int128)block * IO_SECOND / rate);
	return by_iops > by_rate ? by_iops : by_rate;
}

static void
set_plan(struct io_plan *p, const struct spec *s)
{
	*p = (struct io_plan){
		.operation = (enum io_operation)spec_num(s, "operation"),
		.read_share = spec_has(s, "read_share") ?
				  (uint32_t)spec_num(s, "read_share") :
				  READ_SHARE,
		.block = (uint32_t)spec_num(s, "block"),
		.depth = (uint32_t)spec_num(s, "depth"),
		.workers = (uint32_t)spec_num(s, "workers"),
		.is_sequential = spec_num(s, "pattern") == 1,
		.is_direct = spec_num(s, "direct") != 0,
		.interval_ns = interval_of(s),
		.size = (uint64_t)spec_num(s, "size"),
		.engine = (enum io_engine)spec_num(s, "engine"),
		.seed = clock_boottime(),
	};
}

/* Room for the file, above what must stay for others and for our own promise to undo. */
static int
check_room(int dir, const struct fault_run *r, uint64_t size, struct err *e)
{
	const uint64_t backing = disk_backing(dir);
	uint64_t least = r->protect->disk_leave, has;
	struct disk_space s;
	char a[32], b[32], c[32];

	if (disk_space(dir, &s, e) < 0)
		return e->code;
	if (place_is_ours(dir, r) && least < OWN_LEAVE)
		least = OWN_LEAVE;
	has = s.available * s.block;
	(void)format_size(size, a, sizeof(a));
	if (has < size || has - size < least)
		return err_set(e, -ENOSPC,
		    "a working file of %s is asked for, of the %s that are available %s "
		    "must stay",
		    a, format_size(has, b, sizeof(b)), format_size(least, c, sizeof(c)));
	if (backing < MEMORY_LEAVE || size > backing - MEMORY_LEAVE)
		return err_refused(
		    e, "this file system lives in memory: %s is too much", a);
	return 0;
}

static int
look_at(struct loading *l, const struct fault_run *r, struct err *e)
{
	const char *path = spec_text(r->spec, "path");
	int rc, dir = place_pin(&l->page->place, path, e);

	if (dir < 0)
		return dir;
	rc = place_check(dir, r, e);
	if (rc == 0)
		rc = check_room(dir, r, l->page->plan.size, e);
	(void)close(dir); /* an O_PATH descriptor */
	return rc < 0 ? err_wrap(e, "'%s'", path) : 0;
}

static void
describe(struct fault_run *r, const struct loading *l)
{
	const struct io_plan *p = &l->page->plan;
	static const char *const does[] = { "read", "write", "read and write" };
	char size[32], block[32], where[PATH_LEN_MAX + 16];

	(void)format_size(p->size, size, sizeof(size));
	(void)format_size(p->block, block, sizeof(block));
	fault_op(r, "start a process%s that makes an unnamed file in '%s', and waits",
	    child_group_where(&l->group, where, sizeof(where)), l->page->place.path);
	fault_op(r, "let it give the file %s%s", size,
	    p->operation == IO_WRITE ? "" : " and write that once");
	fault_op(r, "%s blocks of %s there, %s, %u at once", does[p->operation], block,
	    p->is_sequential ? "one after the other" : "at random",
	    p->workers * p->depth);
	(void)snprintf(r->note, sizeof(r->note), "%s of %s, %u at once",
	    does[p->operation], block, p->workers * p->depth);
}

static int
disk_load_prepare(struct fault_run *r, struct err *e)
{
	struct loading *l = xcalloc(1, sizeof(*l));

	r->state = l;
	if (crew_init(&l->crew, &work_load_disk, 1, 0, e) < 0)
		return e->code;
	l->page = l->crew.page;
	set_plan(&l->page->plan, r->spec);
	if (look_at(l, r, e) < 0 || child_group_plan(&l->group, r, "io", e) < 0)
		return e->code;
	undo_add(
	    &r->undo, (struct undo){ .op = UNDO_DESCRIPTOR, .num = { l->crew.leash } });
	describe(r, l);
	r->wake_ms = -1;
	return 0;
}

static int
disk_load_stage(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;

	if (child_group_make(&l->group, r, e) < 0)
		return e->code;
	return crew_start(&l->crew, r->spec->id, &l->group, READY_WAIT, e);
}

/* --- in force -------------------------------------------------------------------------- */

static const char *
engine_of(const struct io_page *p)
{
	if (p->engine == IO_URING)
		return "io_uring";
	return p->no_uring < 0 ? "threads, io_uring is forbidden here" : "threads";
}

static void
format_ms(uint64_t ns, char *buf, size_t size)
{
	(void)snprintf(
	    buf, size, "%" PRIu64 ".%02" PRIu64, ns / 1000000, ns % 1000000 / 10000);
}

static void
tell_load(struct fault_run *r, const struct io_page *p, const struct io_sum *s)
{
	const usec_t time = clock_boottime() - atomic_load(&p->began);
	const uint64_t all = s->reads + s->writes;
	char size[24], p50[24], p99[24];

	if (time == 0)
		return;
	(void)format_size(
	    (uint64_t)((unsigned __int128)all * p->plan.block * USEC_PER_SEC / time),
	    size, sizeof(size));
	format_ms(s->p50_ns, p50, sizeof(p50));
	format_ms(s->p99_ns, p99, sizeof(p99));
	(void)snprintf(r->note, sizeof(r->note),
	    "%" PRIu64 " I/Os/s, %s/s; %" PRIu64 " reads, %" PRIu64
	    " writes; p50 %s ms, p99 %s ms; %s",
	    all * USEC_PER_SEC / time, size, s->reads, s->writes, p50, p99, engine_of(p));
}

/* What was counted by now; an error when the process has failed or is gone. */
static int
look(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;
	const struct io_page *p = l->page;
	const struct io_sum s = io_sum(p);
	const usec_t now = clock_boottime();
	char done[32], size[32];
	int status;

	if (atomic_load(&p->state) == IO_FAILED) {
		*e = p->why;
		return err_wrap(e, "'%s'", p->place.path);
	}
	if (crew_lost(&l->crew, &status) >= 0) {
		r->lost = true;
		return err_set(
		    e, -ECHILD, "somebody ended the process that loads the disk");
	}
	r->effect = s.reads + s.writes;
	if (atomic_load(&p->state) == IO_LOADING) {
		tell_load(r, p, &s);
	} else {
		(void)format_size(atomic_load(&p->prepared), done, sizeof(done));
		(void)format_size(p->plan.size, size, sizeof(size));
		(void)snprintf(r->note, sizeof(r->note),
		    "writing the working file: %s of %s", done, size);
	}
	if (l->seen != r->effect + atomic_load(&p->prepared)) {
		l->seen = r->effect + atomic_load(&p->prepared);
		l->seen_at = now;
	} else if (now > l->seen_at + HANGS_AFTER && p->plan.interval_ns < IO_SECOND) {
		(void)snprintf(r->note, sizeof(r->note),
		    "no I/O has ended for %" PRIu64 " s: the disk hangs",
		    (now - l->seen_at) / USEC_PER_SEC);
	}
	return 0;
}

static int
disk_load_apply(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;

	(void)e;
	l->seen_at = clock_boottime();
	atomic_store(&l->page->is_going, 1);
	word_wake(&l->page->is_going);
	r->wake_ms = LOOK_MS;
	return 0;
}

/* Something must have been done: an I/O, or the first of the working file. */
static int
disk_load_verify(struct fault_run *r, struct err *e)
{
	const usec_t until = clock_boottime() + FIRST_WAIT;
	struct loading *l = r->state;
	const struct io_page *p = l->page;

	for (;;) {
		uint32_t state = atomic_load(&l->page->state);

		if (look(r, e) < 0)
			return e->code;
		if (r->effect > 0 || atomic_load(&p->prepared) > 0)
			return 0;
		if (clock_boottime() >= until)
			return err_set(e, -ETIMEDOUT,
			    "'%s': not one I/O in %u s: the disk hangs", p->place.path,
			    (unsigned)(FIRST_WAIT / USEC_PER_SEC));
		word_wait(&l->page->state, state, 10);
	}
}

static int
disk_load_hold(struct fault_run *r, struct err *e)
{
	return look(r, e);
}

static int
disk_load_release(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;
	struct io_sum s;

	(void)e;
	if (l == NULL || l->page == NULL)
		return 0;
	s = io_sum(l->page);
	r->effect = s.reads + s.writes;
	crew_reap(&l->crew);
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(fallocate),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(capset),
	-1,
};

const struct fault fault_disk_load = {
	.kind = &kind_disk_load,
	.effect_unit = "I/Os",
	.supported = disk_load_supported,
	.how = fault_how_plain,
	.prepare = disk_load_prepare,
	.stage = disk_load_stage,
	.apply = disk_load_apply,
	.verify = disk_load_verify,
	.hold = disk_load_hold,
	.release = disk_load_release,
	.syscalls = syscalls,
	.runs_tools = true, /* its process is started by exec */
};
