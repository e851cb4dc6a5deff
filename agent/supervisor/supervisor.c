/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: wait, let the handlers change things, then work out what follows.  Between a
 * message that says "undo" and the sends that tell the holders there is nothing else: no
 * memory, no fork, no disk, no log line.
 *
 * stormd changes nothing in the kernel itself.  When it is told to end it undoes, waits a
 * bounded while, and leaves the rest to the guardian by not saying that it is done.
 */
#include "supervisor.h"
#include "api.h"
#include "child.h"
#include "err.h"
#include "log.h"
#include "process.h"
#include "start.h"
#include "super.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_EVERY    (250 * USEC_PER_MSEC) /* PULSE_HANG is four of them */
#define STOP_PATIENCE (8 * USEC_PER_SEC)
#define CLOCKS_APART  (usec_t)100

void
super_undo_all(struct super *s, enum undo_cause cause, usec_t now)
{
	FOR_EACH_DRILL(s, d) {
		drill_undo(d, cause, now);
	}
}

struct drill *
super_find_drill(struct super *s, const char *uuid)
{
	FOR_EACH_DRILL(s, d) {
		if (strcmp(d->status.drill, uuid) == 0)
			return d;
	}
	return NULL;
}

unsigned
super_live_faults(struct super *s)
{
	unsigned live = 0;

	FOR_EACH_DRILL(s, d) {
		for (size_t i = 0; i < d->count; i++)
			live += !d->fault[i].is_over;
	}
	return live;
}

bool
super_is_clean(struct super *s)
{
	return super_live_faults(s) == 0;
}

/* Whoever compares clocks takes both for one moment; we may be held up between the two. */
static void
tell_time(struct agent_status *ret)
{
	usec_t after;

	for (int tries = 0; tries < 3; tries++) {
		ret->now = clock_boottime();
		ret->wall = clock_wall();
		after = clock_boottime();
		if (after - ret->now < CLOCKS_APART)
			return;
	}
}

void
super_status(struct super *s, struct agent_status *ret)
{
	struct err e;

	*ret = (struct agent_status){
		.version = STORMDRILL_VERSION,
		.pid = getpid(),
		.halted = rundir_is_halted(&s->rundir),
		.ephemeral = s->opt.is_ephemeral,
		.started = s->started,
		.slow_turns = s->loop.slow_turns,
		.records = rundir_records(&s->rundir),
		.netns = netns_inode(),
	};
	snprintf(ret->instance, sizeof(ret->instance), "%s", s->opt.instance);
	(void)clock_boot_id(ret->boot_id, &e); /* without /proc it stays empty */
	(void)gethostname(ret->node, sizeof(ret->node) - 1);
	FOR_EACH_DRILL(s, d) {
		if (!d->status.ended)
			ret->drill_count++;
	}
	tell_time(ret);
}

static void
stop(struct super *s, const char *why)
{
	if (s->is_stopping)
		return;
	s->is_stopping = true;
	s->stop_by = clock_boottime() + STOP_PATIENCE;
	super_undo_all(s, UNDO_SHUTDOWN, clock_boottime());
	notify_say(&s->notify, "STOPPING=1");
	log_info("stopping: %s", why);
}

static void
reload(struct super *s)
{
	struct policy p;
	struct err e = { 0 };

	front_reload(&s->front);
	if (policy_load(s->opt.policy, s->opt.is_ephemeral, &p, &e) != 0) {
		log_error("%s, keeping the policy as it was", e.msg);
		return;
	}
	s->policy = p;
	log_notice("policy %s read again", p.path);
}

static void
on_signal(void *ctx)
{
	struct super *s = ctx;
	struct signalfd_siginfo info;

	if (read(s->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP && !s->opt.is_ephemeral)
		reload(s);
	else
		stop(s, "told by a signal");
}

static void
on_lifeline(void *ctx)
{
	struct super *s = ctx;
	char byte;
	ssize_t n = read(s->lifeline.fd, &byte, 1);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	loop_drop(&s->loop, &s->lifeline);
	stop(s, "its controller let go");
}

static int
watch(struct super *s, struct err *e)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_errno(e, "watch for signals");
	s->signals = (struct source){ .fd = -1, .ready = on_signal, .ctx = s };
	s->lifeline = (struct source){ .fd = -1, .ready = on_lifeline, .ctx = s };
	if (loop_add(&s->loop, &s->signals, fd, e) != 0)
		return e->code;
	if (s->opt.lifeline_fd >= 0 &&
	    loop_add(&s->loop, &s->lifeline, s->opt.lifeline_fd, e) != 0)
		return err_wrap(e, "--lifeline-fd");
	return 0;
}

static usec_t
earlier(usec_t a, usec_t b)
{
	return a < b ? a : b;
}

/* By when something must be undone, and how much there is: what the guardian watches. */
static void
tick(struct super *s, usec_t now)
{
	usec_t deadline = USEC_INFINITY;

	FOR_EACH_DRILL(s, d) {
		deadline = earlier(deadline, drill_deadline(d));
	}
	guard_tick(&s->guard, now, super_live_faults(s), deadline);
}

static void
settle(struct super *s)
{
	usec_t now = clock_boottime();

	FOR_EACH_DRILL(s, d) {
		drill_turn(d, now);
	}
	waiters_turn(s, now);
	front_turn(&s->front, now);
	inquiry_turn(&s->inquiry, now);
	guard_turn(&s->guard, now);
	notify_turn(&s->notify, now);
	rundir_turn(&s->rundir);
	tick(s, now);
	loop_account(&s->loop, now);
}

static usec_t
next_turn(struct super *s)
{
	usec_t now = clock_boottime();
	usec_t next = earlier(front_next(&s->front), guard_next(&s->guard));

	next = earlier(next, earlier(inquiry_next(&s->inquiry), notify_next(&s->notify)));
	next = earlier(next, waiters_next(s));
	FOR_EACH_DRILL(s, d) {
		next = earlier(next, drill_next(d));
	}
	if (!super_is_clean(s))
		next = earlier(next, now + TICK_EVERY);
	return s->is_stopping ? earlier(next, s->stop_by) : next;
}

/* The exit status. */
static int
leave(struct super *s)
{
	if (!super_is_clean(s)) {
		log_error("%u faults are not undone: leaving them to the guardian",
		    super_live_faults(s));
		return EXIT_IS_STUCK;
	}
	front_close(&s->front);
	FOR_EACH_DRILL(s, d) {
		drill_free(d);
	}
	rundir_close(&s->rundir, &s->opt);
	guard_done(&s->guard);
	return 0;
}

/* Ready when the front serves, which with TLS is its to say.  Nothing was armed yet. */
static int
get_ready(struct super *s, struct err *e)
{
	int rc = front_serves(&s->front, e);

	if (rc <= 0)
		return rc;
	s->is_ready = true;
	super_say_ready(s);
	return 0;
}

int
supervisor_main(const struct options *o)
{
	static struct super s;
	struct err e = { 0 };
	int rc;

	s.opt = *o;
	s.started = clock_boottime();
	/* embedded, it is stormctl that tells the drill on this terminal */
	log_open("stormd", o->is_verbose   ? LOG_L_DEBUG :
			   o->is_ephemeral ? LOG_L_WARN :
					     LOG_L_INFO);
	log_no_wait();
	rc = EXIT_IS_INTERNAL;
	/* before the host's key is read */
	if (process_no_core(&e) != 0 || super_start(&s, &rc, &e) != 0 ||
	    watch(&s, &e) != 0) {
		log_error("%s", e.msg);
		return rc;
	}
	settle(&s);
	while (!s.is_stopping || (!super_is_clean(&s) && clock_boottime() < s.stop_by)) {
		if (!s.is_ready && get_ready(&s, &e) != 0) {
			log_error("%s", e.msg);
			(void)leave(&s);
			return EXIT_IS_USAGE;
		}
		if (loop_serve(&s.loop, next_turn(&s), &e) != 0) {
			log_error("%s", e.msg);
			return EXIT_IS_INTERNAL; /* the guardian undoes what is live */
		}
		settle(&s);
		if (s.gives_way)
			return EXIT_IS_STUCK;
	}
	return leave(&s);
}
