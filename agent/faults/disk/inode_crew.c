/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One member of the crew of a disk.inodes.  Every unnamed file that it has open is an inode
 * that nobody else can have; there are several members because a process may have only so
 * many files, and because they are quicker together, at the end above all.
 */
#include "cleanup.h"
#include "crew.h"
#include "disk.h"
#include "inode_page.h"
#include "leash.h"
#include "process.h"
#include "xalloc.h"
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROUNDS_MAX 200
#define LOOK_EVERY USEC_PER_SEC
#define WHOLE      100000 /* thousandths of a percent */

struct inodes {
	struct inode_page *page;
	struct inode_slot *slot;
	int dir;
	int *fds; /* of the slot's room */
};

uint64_t
inodes_left(const struct inode_goal *g, const struct disk_inodes *i)
{
	uint64_t used;

	if (g->way == INODES_LEAVE)
		return g->amount;
	if (g->way == INODES_COUNT)
		return g->amount < i->available ? i->available - g->amount : 0;
	used = (uint64_t)(((unsigned __int128)i->total * g->amount + WHOLE - 1) / WHOLE);
	return used < i->total ? i->total - used : 0;
}

uint64_t
inodes_held(const struct inode_page *p)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->count; i++)
		sum += atomic_load(&p->slot[i].held);
	return sum;
}

/* Up to `count` more; how many, or the negative errno of the first that could not be had. */
static int
take(struct inodes *n, uint64_t count)
{
	uint32_t held = atomic_load(&n->slot->held), before = held;
	struct err e = { 0 };

	for (; held - before < count && held < n->slot->room; held++) {
		n->fds[held] = disk_tmpfile(n->dir, &e);
		if (n->fds[held] < 0)
			break;
		atomic_store(&n->slot->held, held + 1);
	}
	return held > before || e.code == 0 ? (int)(held - before) : e.code;
}

static void
give(struct inodes *n, uint64_t count)
{
	uint32_t held = atomic_load(&n->slot->held);

	for (; count > 0 && held > 0; count--) {
		(void)close(n->fds[--held]); /* nothing was written to it */
		atomic_store(&n->slot->held, held);
	}
}

static int
look(struct inodes *n, struct disk_inodes *ret, struct err *e)
{
	if (disk_inodes(n->dir, ret, e) < 0)
		return e->code;
	atomic_store(&n->page->left, ret->available);
	return 0;
}

/* One step nearer, up or down; 1 when there. */
static int
towards(struct inodes *n, struct err *e)
{
	struct inode_page *p = n->page;
	struct disk_inodes i = { 0 };
	uint64_t here, there;
	int rc;

	if (look(n, &i, e) < 0)
		return e->code;
	/* either way: more of it is nearer, and `here` counts up to `there` */
	here = p->goal.way == INODES_COUNT ? inodes_held(p) : i.total - i.available;
	there = p->goal.way == INODES_COUNT ? p->goal.amount :
					      i.total - inodes_left(&p->goal, &i);
	if (here == there)
		return 1;
	if (here > there) {
		give(n, here - there);
		return 0;
	}
	if (atomic_load(&n->slot->held) == n->slot->room)
		return err_set(e, -EMFILE,
		    "others freed %llu more than there is room to take",
		    (unsigned long long)(there - here));
	rc = take(n, there - here);
	return rc >= 0 ? 0 :
			 err_set(e, rc, "take the last %llu of the inodes asked for: %s",
			     (unsigned long long)(there - here), strerror(-rc));
}

static int
make_exact(struct inodes *n, struct err *e)
{
	int rc = 0;

	for (int i = 0; i < ROUNDS_MAX && rc == 0; i++)
		rc = towards(n, e);
	if (rc == 0)
		return err_set(e, -EAGAIN,
		    "others make and delete files faster than inodes can be taken");
	return rc < 0 ? rc : 0;
}

/* The other members' parts; an error of theirs shows in what is missing, too. */
static void
await_others(const struct inodes *n)
{
	struct inode_page *p = n->page;

	for (uint32_t i = 1; i < p->count; i++) {
		while (atomic_load(&p->slot[i].is_done) == 0)
			word_wait(&p->slot[i].is_done, 0, 0);
	}
}

static int
error_of(const struct inode_page *p, struct err *e)
{
	for (uint32_t i = 0; i < p->count; i++) {
		int rc = atomic_load(&p->slot[i].error);

		/* full: others were quicker, and being exact will tell */
		if (rc < 0 && rc != -ENOSPC && rc != -EDQUOT)
			return err_set(e, rc, "hold %u files open: %s", p->slot[i].asked,
			    strerror(-rc));
	}
	return 0;
}

static void
take_part(struct inodes *n)
{
	int rc = n->slot->asked > 0 ? take(n, n->slot->asked) : 0;

	if (rc < 0)
		atomic_store(&n->slot->error, rc);
	atomic_store(&n->slot->is_done, 1);
	word_wake(&n->slot->is_done);
}

static void
tell(struct inode_page *p, uint32_t state)
{
	atomic_store(&p->state, state);
	word_wake(&p->state);
}

static _Noreturn void
hold_on(struct inodes *n)
{
	for (;;) {
		struct err why = { 0 };
		struct disk_inodes i;
		int dir;

		sleep_usec(LOOK_EVERY);
		dir = place_open(&n->page->place, &why);
		if (dir < 0)
			atomic_store(&n->page->has_vanished, true);
		else
			(void)close(dir); /* O_PATH */
		(void)look(n, &i, &why);
	}
}

/* Only the first of them. */
static _Noreturn void
finish(struct inodes *n)
{
	struct inode_page *p = n->page;
	struct err e = { 0 };

	await_others(n);
	if (error_of(p, &e) < 0 || make_exact(n, &e) < 0) {
		p->why = e;
		tell(p, INODES_FAILED);
	} else {
		tell(p, INODES_MET);
	}
	hold_on(n);
}

static int
get_ready(struct inodes *n, struct err *e)
{
	struct rlimit limit;
	struct disk_inodes i;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); /* taking them will tell */
	}
	n->fds = xcalloc(n->slot->room, sizeof(*n->fds));
	n->dir = place_open(&n->page->place, e);
	if (n->dir < 0 || disk_inodes(n->dir, &i, e) < 0)
		return e->code;
	atomic_store(&n->page->was, i.available);
	return 0;
}

static int
inodes_run(struct member *m, struct err *e)
{
	struct inode_page *p = m->page;
	struct inodes n = { .page = p, .slot = &p->slot[m->number], .dir = -1 };

	if (get_ready(&n, e) < 0)
		return e->code;
	crew_ready(m);
	while (atomic_load(&p->is_going) == 0)
		word_wait(&p->is_going, 0, 0);
	take_part(&n);
	if (m->number == 0)
		finish(&n);
	for (;;)
		(void)pause(); /* killing us is what gives them back */
}

const struct crew_work work_hold_inodes = {
	.name = "hold_inodes",
	.comm = "stormd-inodes",
	.page_size = sizeof(struct inode_page),
	.caps = CAP_BIT(CAP_DAC_OVERRIDE),
	.run = inodes_run,
};
