/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A limit of descriptors is a limit of their numbers: so it is put where exactly `leave`
 * numbers below it are free, whatever gaps there are.
 *
 * Children inherit it, and undo has to tell those from everybody else by the value (see
 * undo_limit.c): where somebody has just this limit already, it is put lower by as much as
 * it takes, and fewer are left.
 */
#include "fds_limit.h"
#include "cleanup.h"
#include "parse.h"
#include "proc.h"
#include "selection.h"
#include "xalloc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROCESSES_MAX  32
#define DESCRIPTOR_MAX (1 << 20) /* as far as gaps are looked for */

struct fds_limit {
	rlim_t was, now, hard;
};

struct fds_limits {
	struct selection chosen;
	struct fds_limit *limit; /* of each */
};

/* Which numbers are in use, as bits. */
static int
read_used(const struct target *t, unsigned char *used, struct err *e)
{
	char path[48];
	const struct dirent *de;
	uint64_t n;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", t->id.pid);
	d = opendir(path);
	if (d == NULL)
		return err_errno(
		    e, "look at the descriptors of %s %d", t->comm, t->id.pid);
	while ((de = readdir(d)) != NULL) {
		struct err why = { 0 };

		if (parse_u64(de->d_name, &n, &why) == 0 && n < DESCRIPTOR_MAX)
			used[n / 8] |= (unsigned char)(1 << (n % 8));
	}
	(void)closedir(d); /* read only */
	return 0;
}

/* The limit below which so many numbers are free. */
static rlim_t
limit_for(const unsigned char *used, uint64_t leave)
{
	rlim_t n = 0;

	for (; n < DESCRIPTOR_MAX; n++) {
		bool is_free = (used[n / 8] >> (n % 8) & 1) == 0;

		if (is_free && leave == 0)
			return n;
		leave -= is_free;
	}
	return n + leave;
}

struct same {
	const struct fds_limit *limit;
	bool found;
};

static int
look_for_same(void *ctx, const struct proc *p, int dir)
{
	struct same *s = ctx;
	struct rlimit r;

	(void)dir;
	if (!p->is_kernel && prlimit(p->id.pid, RLIMIT_NOFILE, NULL, &r) == 0 &&
	    r.rlim_cur == s->limit->now && r.rlim_max == s->limit->hard)
		s->found = true;
	return s->found ? 1 : 0;
}

/* Nobody else may have just these two. */
static int
make_unique(struct fds_limit *l, struct err *e)
{
	struct same s = { .limit = l, .found = true };

	while (l->now > 0) {
		s.found = false;
		if (proc_each(look_for_same, &s, e) < 0)
			return e->code;
		if (!s.found)
			return 0;
		l->now--;
	}
	return err_set(e, -EEXIST, "every limit that low is somebody's already");
}

static int
reckon(const struct target *t, uint64_t leave, struct fds_limit *ret, struct err *e)
{
	_cleanup_free_ unsigned char *used = xcalloc(1, DESCRIPTOR_MAX / 8);
	struct rlimit r;

	if (prlimit(t->id.pid, RLIMIT_NOFILE, NULL, &r) < 0)
		return err_errno(e, "read the limits of %s %d", t->comm, t->id.pid);
	if (read_used(t, used, e) < 0)
		return e->code;
	*ret = (struct fds_limit){ r.rlim_cur, limit_for(used, leave), r.rlim_max };
	if (ret->now >= ret->was)
		return err_set(e, -EALREADY,
		    "no effect: %s %d may have %" PRIu64
		    " descriptors, which leaves fewer already",
		    t->comm, t->id.pid, (uint64_t)ret->was);
	return make_unique(ret, e);
}

/* Clock ticks since boot, as in /proc/PID/stat. */
static uint64_t
ticks_now(void)
{
	return clock_boottime() / (USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void
add_undo(struct fault_run *r, const struct target *t, const struct fds_limit *l)
{
	struct undo u = { .op = UNDO_LIMIT,
		.num = { t->id.pid, (int64_t)t->id.start, (int64_t)l->hard,
		    (int64_t)ticks_now() } };

	(void)snprintf(u.was, sizeof(u.was), "%" PRIu64, (uint64_t)l->was);
	(void)snprintf(u.now, sizeof(u.now), "%" PRIu64, (uint64_t)l->now);
	undo_add(&r->undo, u);
	fault_op(r, "let %s %d have %s descriptors instead of %s", t->comm, t->id.pid,
	    u.now, u.was);
}

int
fds_limits_plan(struct fds_limits **ret, struct fault_run *r, struct err *e)
{
	struct fds_limits *l = xcalloc(1, sizeof(*l));
	char who[100];

	*ret = l;
	if (selection_make(&l->chosen, r->spec, r->protect, e) < 0)
		return e->code;
	if (l->chosen.count > PROCESSES_MAX)
		return err_refused(e, "%zu processes match: it does at most %d at a time",
		    l->chosen.count, PROCESSES_MAX);
	l->limit = xcalloc(l->chosen.count, sizeof(*l->limit));
	for (size_t i = 0; i < l->chosen.count; i++) {
		if (reckon(&l->chosen.targets[i], (uint64_t)spec_num(r->spec, "leave"),
			&l->limit[i], e) < 0)
			return e->code;
		add_undo(r, &l->chosen.targets[i], &l->limit[i]);
	}
	(void)snprintf(r->note, sizeof(r->note), "%s",
	    selection_describe(&l->chosen, who, sizeof(who)));
	return 0;
}

int
fds_limits_apply(const struct fds_limits *l, struct err *e)
{
	for (size_t i = 0; i < l->chosen.count; i++) {
		const struct target *t = &l->chosen.targets[i];
		const struct rlimit r = { l->limit[i].now, l->limit[i].hard };
		struct rlimit is;

		if (!process_id_alive(t->id) ||
		    prlimit(t->id.pid, RLIMIT_NOFILE, NULL, &is) < 0)
			continue;
		if (is.rlim_cur != l->limit[i].was || is.rlim_max != l->limit[i].hard)
			return err_set(e, -EBUSY,
			    "%s %d has changed its limit of descriptors meanwhile",
			    t->comm, t->id.pid);
		if (prlimit(t->id.pid, RLIMIT_NOFILE, &r, NULL) < 0 && errno != ESRCH)
			return err_errno(
			    e, "limit the descriptors of %s %d", t->comm, t->id.pid);
	}
	return 0;
}

int
fds_limits_check(const struct fds_limits *l, size_t *ret_alive, struct err *e)
{
	*ret_alive = 0;
	for (size_t i = 0; i < l->chosen.count; i++) {
		const struct target *t = &l->chosen.targets[i];
		struct rlimit is;

		if (!process_id_alive(t->id) ||
		    prlimit(t->id.pid, RLIMIT_NOFILE, NULL, &is) < 0)
			continue;
		if (is.rlim_cur != l->limit[i].now)
			return err_set(e, -ESTALE,
			    "%s %d may have %" PRIu64 " descriptors instead of %" PRIu64,
			    t->comm, t->id.pid, (uint64_t)is.rlim_cur,
			    (uint64_t)l->limit[i].now);
		(*ret_alive)++;
	}
	return *ret_alive > 0 ? 0 : err_set(e, -ESRCH, "the processes chosen have ended");
}

void
fds_limits_release(struct fds_limits *l)
{
	if (l != NULL)
		selection_release(&l->chosen);
}
