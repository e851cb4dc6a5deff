/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child kills the holder itself if it still lives, so it is started at once and not
 * only when the holder's death is seen: a task that hangs in the kernel may never die, and
 * the rest of the fault must go all the same.
 *
 * Where no child can be started stormd steps aside: it ends without saying that it is done,
 * and the guardian, which is there already, undoes everything by itself.
 */
#include "by_record.h"
#include "active.h"
#include "child.h"
#include "cleanup.h"
#include "err.h"
#include "log.h"
#include "spawn.h"
#include "super.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RETRY_FIRST     (100 * USEC_PER_MSEC)
#define RETRY_MAX       (5 * USEC_PER_SEC)
#define UNDOER_PATIENCE (30 * USEC_PER_SEC)
#define HELPLESS_MAX    (500 * USEC_PER_MSEC)

static void
stuck(struct active *a, const char *why, usec_t now)
{
	usec_t wait = RETRY_FIRST << (a->retries < 6 ? a->retries : 6);

	wait = wait < RETRY_MAX ? wait : RETRY_MAX;
	a->retries++;
	a->retry_at = now + wait;
	a->patience = 0;
	a->status.state = FAULT_STUCK;
	a->status.outcome = OUTCOME_STUCK;
	a->status.err.outcome = OUTCOME_STUCK;
	(void)err_set(&a->status.err, -EIO, "undo by record: %s", why);
	log_error("fault %s %s: undo by record: %s, will retry", a->status.id,
	    a->spec.kind, why);
}

/* A host that has no process, descriptor or memory left for a child, which may be this very
 * fault's doing: the guardian needs none of them. */
static void
give_way(struct active *a, const char *why, usec_t now)
{
	struct super *s = a->super;

	if (a->helpless_since == 0)
		a->helpless_since = now;
	if (now < a->helpless_since + HELPLESS_MAX || !guard_is_there(&s->guard))
		return;
	log_error("nobody can be started to undo fault %s: %s; leaving all faults to the "
		  "guardian",
	    a->status.id, why);
	s->gives_way = true;
}

void
by_record_start(struct active *a, usec_t now)
{
	struct super *s = a->super;
	const char *const argv[] = { "stormd-undo", "--fault", a->spec.id, "--lock-fd",
		"3", "--run-dir", s->opt.run_dir, "--state-dir", s->opt.state_dir,
		"--host-dir", s->opt.host_dir, NULL };
	int fds[] = { s->rundir.lock_fd, s->guard.barrier_write };
	struct spawn sp = { .path = s->programs.undo,
		.argv = argv,
		.fds = fds,
		.fds_count = ARRAY_LEN(fds),
		.role = SPAWN_AGENT };
	struct err e = { 0 };
	int pidfd = -1;
	pid_t pid;

	a->is_by_record = true;
	a->retry_at = 0;
	if (spawn(&sp, &pid, &pidfd, &e) != 0) {
		stuck(a, e.msg, now);
		give_way(a, e.msg, now);
		return;
	}
	a->helpless_since = 0;
	if (loop_add(&s->loop, &a->undoer, pidfd, &e) != 0) {
		(void)close(pidfd);
		stuck(a, e.msg, now);
		return;
	}
	a->patience = now + UNDOER_PATIENCE;
}

void
by_record_ended(void *active)
{
	struct active *a = active;
	usec_t now = clock_boottime();
	int pidfd = a->undoer.fd;
	char how[64];

	if (!child_reap(pidfd, how, sizeof(how)))
		return;
	loop_drop(&a->super->loop, &a->undoer);
	(void)close(pidfd);
	if (strcmp(how, "exited with 0") != 0) {
		stuck(a, how, now);
		return;
	}
	a->status.outcome = a->outcome;
	a->status.err = a->why;
	a->status.disarmed = a->status.disarmed != 0 ? a->status.disarmed : now;
	a->status.undone = a->status.undone != 0 ? a->status.undone : now;
	a->status.clean = now;
	a->status.dirty = 0;
	a->status.state = FAULT_GONE;
	a->is_over = true;
	a->patience = 0;
}

void
by_record_turn(struct active *a, usec_t now)
{
	if (a->is_over)
		return;
	if (a->undoer.fd >= 0 && now >= a->patience) {
		child_kill(a->undoer.fd); /* its death is seen as a failure */
		a->patience = now + UNDOER_PATIENCE;
	}
	if (a->undoer.fd < 0 && now >= a->retry_at)
		by_record_start(a, now);
}

usec_t
by_record_next(const struct active *a)
{
	if (a->is_over)
		return USEC_INFINITY;
	return a->undoer.fd >= 0 ? a->patience : a->retry_at;
}
