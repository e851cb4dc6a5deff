/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian gets exactly four descriptors, and none that a fault depends on.  One of
 * them is the lock on run-dir: while it still undoes after our death, no other stormd can
 * start on these directories.  When no guardian can be had for a second while faults are
 * live, they are undone: a fault without its second net is not held.
 */
#include "guard.h"
#include "child.h"
#include "cleanup.h"
#include "err.h"
#include "log.h"
#include "spawn.h"
#include "super.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RESTART_AFTER (100 * USEC_PER_MSEC)
#define ALONE_MAX     (1 * USEC_PER_SEC)

static void
on_death(void *ctx)
{
	struct guard *g = ctx;
	int pidfd = g->death.fd;
	usec_t now = clock_boottime();
	char how[64];

	if (!child_reap(pidfd, how, sizeof(how)))
		return;
	loop_drop(&g->super->loop, &g->death);
	(void)close(pidfd);
	log_error("the guardian %s, starting another", how);
	g->alone_since = now;
	/* at once, unless it is one that dies at once */
	g->restart_at = now - g->started < RESTART_AFTER ? now + RESTART_AFTER : now;
}

static int
open_pulse(struct guard *g, struct err *e)
{
	g->pulse_fd = memfd_create("stormd-pulse", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (g->pulse_fd < 0 || ftruncate(g->pulse_fd, sizeof(struct pulse)) != 0 ||
	    fcntl(g->pulse_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) !=
		0)
		return err_errno(e, "make the guardian's page");
	g->pulse = mmap(
	    NULL, sizeof(*g->pulse), PROT_READ | PROT_WRITE, MAP_SHARED, g->pulse_fd, 0);
	if (g->pulse == MAP_FAILED)
		return err_errno(e, "map the guardian's page");
	return 0;
}

static int
start(struct guard *g, usec_t now, struct err *e)
{
	struct super *s = g->super;
	const char *const argv[] = { "stormd-guardian", "--guard", "--run-dir",
		s->opt.run_dir, "--state-dir", s->opt.state_dir, "--host-dir",
		s->opt.host_dir, NULL };
	int fds[] = { g->pulse_fd, g->self_fd, g->barrier_read, s->rundir.lock_fd };
	struct spawn sp = { .path = s->programs.undo,
		.argv = argv,
		.fds = fds,
		.fds_count = ARRAY_LEN(fds),
		.role = SPAWN_GUARDIAN };
	int pidfd = -1;
	pid_t pid;

	g->started = now;
	if (spawn(&sp, &pid, &pidfd, e) != 0)
		return e->code;
	if (loop_add(&s->loop, &g->death, pidfd, e) != 0) {
		child_kill(pidfd);
		(void)close(pidfd);
		return e->code;
	}
	g->restart_at = 0;
	g->alone_since = 0;
	return 0;
}

int
guard_open(struct guard *g, struct super *s, struct err *e)
{
	int ends[2];

	*g = (struct guard){
		.super = s,
		.death = { .fd = -1, .ready = on_death, .ctx = g },
	};
	if (open_pulse(g, e) != 0)
		return e->code;
	g->self_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (g->self_fd < 0 || pipe2(ends, O_CLOEXEC) != 0)
		return err_errno(e, "make the guardian's descriptors");
	g->barrier_read = ends[0];
	g->barrier_write = ends[1];
	guard_tick(g, clock_boottime(), 0, USEC_INFINITY);
	return start(g, clock_boottime(), e);
}

void
guard_turn(struct guard *g, usec_t now)
{
	struct err e = { 0 };

	if (g->alone_since != 0 && now >= g->alone_since + ALONE_MAX)
		super_undo_all(
		    g->super, UNDO_ERROR, now); /* those told already: nothing */
	if (g->restart_at == 0 || now < g->restart_at)
		return;
	if (start(g, now, &e) != 0) {
		log_error("%s, will retry", e.msg);
		g->restart_at = now + RESTART_AFTER;
	}
}

usec_t
guard_next(const struct guard *g)
{
	return g->restart_at != 0 ? g->restart_at : USEC_INFINITY;
}

void
guard_tick(struct guard *g, usec_t now, uint32_t live, usec_t deadline)
{
	atomic_store(&g->pulse->tick, now);
	atomic_store(&g->pulse->deadline, deadline);
	atomic_store(&g->pulse->live, live);
}

bool
guard_is_there(const struct guard *g)
{
	return g->death.fd >= 0;
}

void
guard_allow(struct guard *g, usec_t more)
{
	atomic_store(&g->pulse->tick, clock_boottime() + more);
}

void
guard_done(struct guard *g)
{
	atomic_store(&g->pulse->done, 1);
}
