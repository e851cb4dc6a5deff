/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order matters: the lock before anything is looked at, the sweep before any power is
 * dropped (a record may be of another network namespace), the guardian before the socket,
 * confinement before the first request is read.
 */
#include "start.h"
#include "api.h"
#include "child.h"
#include "cleanup.h"
#include "confine.h"
#include "err.h"
#include "log.h"
#include "process.h"
#include "spawn.h"
#include "super.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SWEEP_PATIENCE_MS 60000

static int
find_programs(struct programs *p, struct err *e)
{
	if (program_path("stormd-fault", p->fault, sizeof(p->fault), e) != 0 ||
	    program_path("stormd-undo", p->undo, sizeof(p->undo), e) != 0)
		return e->code;
	return program_path("stormd-front", p->front, sizeof(p->front), e);
}

/* stormd-undo in the foreground, with our lock: 0 when it left nothing. */
static int
run_undo(
    struct super *s, const char *const *argv, char *ret_how, size_t size, struct err *e)
{
	int fds[] = { s->rundir.lock_fd };
	struct spawn sp = { .path = s->programs.undo,
		.argv = argv,
		.fds = fds,
		.fds_count = ARRAY_LEN(fds),
		.role = SPAWN_AGENT };
	_cleanup_close_ int pidfd = -1;
	struct pollfd wait;
	pid_t pid;

	(void)snprintf(ret_how, size, "did not end");
	if (spawn(&sp, &pid, &pidfd, e) != 0)
		return e->code;
	wait = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	while (poll(&wait, 1, SWEEP_PATIENCE_MS) < 0 && errno == EINTR)
		continue;
	if (child_reap(pidfd, ret_how, size) && strcmp(ret_how, "exited with 0") == 0)
		return 0;
	child_kill(pidfd);
	return err_set(e, -EIO, "stormd-undo %s", ret_how);
}

/* What another life of this instance left behind is undone before anything new begins. */
static int
sweep_left(struct super *s, struct err *e)
{
	const char *const argv[] = { "stormd-undo", "--all", "--lock-fd", "3",
		"--run-dir", s->opt.run_dir, "--state-dir", s->opt.state_dir,
		"--host-dir", s->opt.host_dir, NULL };
	char how[64];

	if (rundir_records(&s->rundir) == 0)
		return 0;
	log_notice("undoing what an earlier agent left in '%s' or '%s'", s->opt.run_dir,
	    s->opt.state_dir);
	if (run_undo(s, argv, how, sizeof(how), e) == 0)
		return 0;
	(void)err_set(e, -EIO,
	    "stormd-undo %s: something is left, see '%s/" UNDO_DIR "' and '%s/" UNDO_DIR
	    "'",
	    how, s->opt.run_dir, s->opt.state_dir);
	e->outcome = OUTCOME_STUCK;
	return e->code;
}

/* An embedded drill whose host lost its power has nobody who comes again for it but us. */
static void
sweep_earlier_boots(struct super *s)
{
	const char *const argv[] = { "stormd-undo", "--earlier", NULL };
	struct err e = { 0 };
	char how[64];

	if (strcmp(s->opt.host_dir, HOST_DIR_DEFAULT) != 0 ||
	    access(STATE_DIR_DEFAULT, F_OK) != 0)
		return;
	if (run_undo(s, argv, how, sizeof(how), &e) != 0)
		log_warn("what an earlier boot left below '" STATE_DIR_DEFAULT
			 "' is not undone: %s",
		    e.msg);
}

/* A descriptor for each holder, its pidfd, its channel; for locks, one for each CPU. */
static void
raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l); /* the soft limit will do on most hosts */
}

/* Worth a line in a daemon's journal, not on the terminal of every drill. */
static void
fortify(bool is_ephemeral)
{
	const char *refused = process_fortify();

	if (refused != NULL)
		log_line(is_ephemeral ? LOG_L_DEBUG : LOG_L_INFO,
		    "the kernel refused %s, going on without", refused);
}

int
super_start(struct super *s, int *ret_exit, struct err *e)
{
	*ret_exit = EXIT_IS_INTERNAL;
	if (geteuid() != 0) {
		*ret_exit = EXIT_IS_REFUSED;
		return err_refused(e, "the agent must be root");
	}
	/* a service manager's 077 would lock the socket's group out of its directory */
	(void)umask(022);
	if (find_programs(&s->programs, e) != 0)
		return e->code;
	*ret_exit = EXIT_IS_USAGE;
	if (policy_load(s->opt.policy, s->opt.is_ephemeral, &s->policy, e) != 0 ||
	    front_read_pki(&s->front, &s->opt, e) != 0)
		return e->code;
	*ret_exit = EXIT_IS_REFUSED;
	if (rundir_open(&s->rundir, &s->opt, e) != 0)
		return e->code;
	*ret_exit = EXIT_IS_STUCK;
	if (sweep_left(s, e) != 0)
		return e->code;
	sweep_earlier_boots(s);
	*ret_exit = EXIT_IS_INTERNAL;
	raise_limits();
	fortify(s->opt.is_ephemeral);
	notify_open(&s->notify);
	inquiry_init(&s->inquiry, s);
	if (loop_begin(&s->loop, e) != 0 || guard_open(&s->guard, s, e) != 0 ||
	    front_open(&s->front, s, e) != 0)
		return e->code;
	*ret_exit = EXIT_IS_REFUSED;
	if (front_open_tcp(&s->front, &s->opt.listen, e) != 0)
		return e->code;
	*ret_exit = EXIT_IS_INTERNAL;
	return super_confine(&s->policy, e);
}

void
super_say_ready(struct super *s)
{
	/* whoever asked and is gone will be noticed by the lifeline */
	if (s->opt.ready_fd >= 0) {
		(void)!write(s->opt.ready_fd, "1\n", 2);
		(void)close(s->opt.ready_fd);
		s->opt.ready_fd = -1;
	}
	notify_say(&s->notify, "READY=1");
}
