/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process's limit of descriptors, as it was.  Limits are inherited: what the process has
 * started meanwhile carries ours on, and would for the rest of its life.  Such a child is
 * known by both its limits, as we left them, and by its age; prepare takes care that nobody
 * else has these two (host_fds.c).
 */
#include "undo_table.h"

#include "log.h"
#include "parse.h"
#include "proc.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

struct limits {
	uint64_t was, now, hard;
	struct process_id id;
	uint64_t since;
	int found;      /* that still have ours */
	bool is_to_fix; /* or only counted */
	struct err *why;
	int failed;
};

static bool
read_limits(const struct undo *u, struct limits *ret)
{
	struct err e = { 0 };

	*ret = (struct limits){
		.hard = (uint64_t)u->num[2],
		.id = { .pid = (pid_t)u->num[0], .start = (uint64_t)u->num[1] },
		.since = (uint64_t)u->num[3],
	};
	return parse_u64(u->was, &ret->was, &e) == 0 &&
	       parse_u64(u->now, &ret->now, &e) == 0;
}

/* Lowered, and within what the process may have again: no record raises a hard limit. */
bool
ours_limit(const struct undo *u, const char *fault)
{
	struct limits l;

	(void)fault;
	return read_limits(u, &l) && l.now < l.was && l.was <= l.hard;
}

/* The process itself may have lowered its hard limit meanwhile. */
static bool
has_ours(const struct limits *l, const struct process_id *id, struct rlimit *ret)
{
	const bool is_it = id->pid == l->id.pid && id->start == l->id.start;

	if (!is_it && id->start < l->since)
		return false;
	return prlimit(id->pid, RLIMIT_NOFILE, NULL, ret) == 0 &&
	       ret->rlim_cur == l->now && (is_it || ret->rlim_max == l->hard);
}

static int
look_at_limit(void *ctx, const struct proc *p, int dir)
{
	struct limits *l = ctx;
	struct rlimit limit;

	(void)dir;
	if (p->is_kernel || p->state == 'Z' || !has_ours(l, &p->id, &limit))
		return 0;
	l->found++;
	limit.rlim_cur = l->was < limit.rlim_max ? l->was : limit.rlim_max;
	if (!l->is_to_fix || prlimit(p->id.pid, RLIMIT_NOFILE, &limit, NULL) == 0 ||
	    errno == ESRCH)
		return 0;
	l->failed = err_errno(
	    l->why, "restore the limit of descriptors of process %d", p->id.pid);
	return 0;
}

static void
note_others(const struct undo *u, const struct limits *l)
{
	struct rlimit limit;

	if (process_id_alive(l->id) &&
	    prlimit(l->id.pid, RLIMIT_NOFILE, NULL, &limit) == 0 &&
	    limit.rlim_cur != l->now && limit.rlim_cur != l->was)
		log_notice("process %d has set its limit of descriptors to %" PRIu64
			   " instead of our %s: left alone",
		    l->id.pid, (uint64_t)limit.rlim_cur, u->now);
}

int
run_limit(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct limits l;
	int rc;

	(void)c;
	if (!read_limits(u, &l))
		return err_invalid(e, "'%s' and '%s' are no limits", u->was, u->now);
	note_others(u, &l);
	l.is_to_fix = true;
	l.why = e;
	rc = proc_each(look_at_limit, &l, e);
	return rc < 0 ? rc : l.failed;
}

int
check_limit(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct limits l;
	int rc;

	(void)c;
	if (!read_limits(u, &l))
		return err_invalid(e, "'%s' and '%s' are no limits", u->was, u->now);
	rc = proc_each(look_at_limit, &l, e);
	if (rc < 0 || l.found == 0)
		return rc;
	return err_set(e, -EBUSY, "%d process%s still limited to %s descriptors", l.found,
	    l.found == 1 ? " is" : "es are", u->now);
}

void
hand_limit(const struct undo *u, char *buf, size_t size)
{
	(void)snprintf(
	    buf, size, "prlimit --pid %" PRId64 " --nofile=%s:", u->num[0], u->was);
}
