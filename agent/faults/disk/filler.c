/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filler of a disk.fill: the only process that has the file open, so that its end is
 * what gives the space back.  All that may wait for a disk waits here.
 */
#include "cleanup.h"
#include "crew.h"
#include "fill_page.h"
#include "leash.h"
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_MAX 200 /* without getting there while nothing holds us back */
#define RATE_TICK  (50 * USEC_PER_MSEC)
#define LOOK_EVERY USEC_PER_SEC
#define WHOLE      UINT64_C(100000) /* thousandths of a percent */

struct filler {
	struct fill_page *page;
	struct taking taking;
	usec_t began;
};

static uint64_t
blocks_of(uint64_t bytes, const struct disk_space *s)
{
	return bytes / s->block + (bytes % s->block != 0);
}

uint64_t
fill_bytes(const struct fill_goal *g, const struct disk_space *s)
{
	return blocks_of(g->amount, s) * s->block;
}

/* In 128 bits: a petabyte of blocks by 100000 is near the edge of 64. */
uint64_t
fill_left(const struct fill_goal *g, const struct disk_space *s)
{
	const uint64_t taken = blocks_of(g->amount, s);

	if (g->way == FILL_LEAVE)
		return taken;
	if (g->way == FILL_PERCENT)
		return s->total -
		       (uint64_t)(((unsigned __int128)s->total * g->amount + WHOLE - 1) /
				  WHOLE);
	return taken < s->available ? s->available - taken : 0;
}

/* By a name where there is no other way, and with it for as short as can be: the record
 * names it since before it was made. */
static int
make_file(const struct fill_page *p, struct err *e)
{
	_cleanup_close_ int dir = place_open(&p->place, e);
	_cleanup_close_ int fd = -1;

	if (dir < 0)
		return dir;
	if (p->name[0] == '\0')
		return disk_tmpfile(dir, e);
	fd = openat(
	    dir, p->name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "make '%s'", p->name);
	if (!p->keeps_name && unlinkat(dir, p->name, 0) < 0)
		return err_errno(e, "unlink '%s'", p->name);
	return steal_fd(&fd);
}

/* How many bytes the rate allows by now; the first block comes at once. */
static uint64_t
allowed(const struct filler *f)
{
	const struct fill_page *p = f->page;

	if (p->rate == 0)
		return UINT64_MAX;
	return f->taking.block + (uint64_t)((unsigned __int128)p->rate *
					    (clock_boottime() - f->began) / USEC_PER_SEC);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* 1 when the goal is met. */
static int
step(struct filler *f, uint64_t most, struct err *e)
{
	const struct fill_goal *g = &f->page->goal;
	struct taking *t = &f->taking;
	struct disk_space s = { 0 };
	uint64_t want;
	int rc;

	if (g->way != FILL_SIZE) {
		if (disk_space(t->file, &s, e) < 0)
			return e->code;
		return taking_towards(t, fill_left(g, &s), most, e);
	}
	s.block = t->block;
	want = fill_bytes(g, &s) - t->size;
	if (want == 0)
		return 1;
	rc = taking_grow(t, least(want, most));
	return rc < 0 ? err_set(e, rc, "take %llu bytes: %s", (unsigned long long)want,
			    strerror(-rc)) :
			0;
}

static int
report(struct filler *f, struct err *e)
{
	struct disk_space s = { 0 };

	if (disk_space(f->taking.file, &s, e) < 0)
		return e->code;
	atomic_store(&f->page->left, s.available * s.block);
	atomic_store(&f->page->held, taking_held(&f->taking));
	return 0;
}

/* What was taken as the file system sees it, where it takes its time to say so. */
static int
settle(struct filler *f, struct err *e)
{
	struct disk_space s;

	if (f->taking.lags && taking_look(&f->taking, &s, e) < 0)
		return e->code;
	return report(f, e);
}

static bool
is_near(const struct filler *f, uint64_t before)
{
	const uint64_t now = f->taking.size;

	return now <= before || now - before < taking_step(&f->taking);
}

/* Until the goal is met.  Rounds count only where neither the rate nor the length of a step
 * is what holds us back: there somebody else is faster than we are. */
static int
fill(struct filler *f, struct err *e)
{
	struct taking *t = &f->taking;
	int rc = 0;

	for (int rounds = 0; rounds < ROUNDS_MAX; rounds++) {
		const uint64_t may = allowed(f), before = t->size;
		const uint64_t most = least(may - before, taking_step(t));

		if (may < before + t->block) {
			sleep_usec(RATE_TICK);
			rounds--;
			continue;
		}
		rc = step(f, most / t->block * t->block, e);
		if (rc < 0 || report(f, e) < 0)
			return e->code;
		if (rc > 0)
			return settle(f, e);
		if (f->page->rate > 0 || !is_near(f, before))
			rounds = 0;
	}
	return err_set(
	    e, -EAGAIN, "others change the free space faster than it can be taken");
}

static int
begin(struct filler *f, struct err *e)
{
	struct disk_space s;

	if (taking_look(&f->taking, &s, e) < 0)
		return e->code;
	atomic_store(&f->page->was, s.available * s.block);
	f->began = clock_boottime();
	return 0;
}

static void
tell(struct filler *f, uint32_t state)
{
	atomic_store(&f->page->state, state);
	word_wake(&f->page->state);
}

/* A few steps towards the goal, as far as others let us; what cannot be had now may be had
 * at the next look. */
static void
follow(struct filler *f)
{
	struct err ignored = { 0 };
	int rc = 0;

	for (int i = 0; i < 10 && rc == 0; i++)
		rc = step(f, taking_step(&f->taking), &ignored);
	(void)report(f, &ignored);
}

static void
look(struct filler *f)
{
	struct err why = { 0 };
	_cleanup_close_ int dir = place_open(&f->page->place, &why);

	if (dir < 0)
		atomic_store(&f->page->has_vanished, true);
	else
		(void)report(f, &why);
}

static _Noreturn void
hold_on(struct filler *f)
{
	for (usec_t next = 0;;) {
		sleep_usec(f->page->follows ? FOLLOW_PERIOD : LOOK_EVERY);
		if (f->page->follows)
			follow(f);
		if (clock_boottime() < next)
			continue;
		look(f);
		next = clock_boottime() + LOOK_EVERY;
	}
}

static int
filler_run(struct member *m, struct err *e)
{
	struct fill_page *p = m->page;
	struct filler f = { .page = p };
	int rc, file = make_file(p, e);

	if (file < 0)
		return file;
	if (taking_begin(&f.taking, file, p->method, p->seed, e) < 0)
		return e->code;
	p->method = f.taking.method;
	crew_ready(m);
	while (atomic_load(&p->is_going) == 0)
		word_wait(&p->is_going, 0, 0);
	rc = begin(&f, e);
	if (rc == 0)
		rc = fill(&f, e);
	if (rc == 0) {
		tell(&f, FILL_MET);
		hold_on(&f);
	}
	taking_shrink(&f.taking, 0);
	p->why = *e;
	tell(&f, FILL_FAILED);
	for (;;)
		(void)
		    pause(); /* to be ended like any other: it is the holder who tells */
}

const struct crew_work work_fill_disk = {
	.name = "fill_disk",
	.comm = "stormd-diskfill",
	.page_size = sizeof(struct fill_page),
	.caps = CAP_BIT(CAP_DAC_OVERRIDE),
	.run = filler_run,
};
