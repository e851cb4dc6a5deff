/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one loop: the prober, the fleet of agents, the process of our own agent, a timer
 * and the signals, in one epoll descriptor.  Nothing in it waits for anything else, except that
 * a line may be written to a file.
 */
#include "cleanup.h"
#include "drill.h"
#include "err.h"
#include "probe.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

enum source { ON_PROBER, ON_TIMER, ON_SIGNAL, ON_FLEET, ON_AGENT };

static int
watch(struct drill *d, int fd, enum source s, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = s };

	if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return err_errno(e, "watch descriptor %d", fd);
	return 0;
}

/* They stay blocked to the end: a second Ctrl-C must not end the undo. */
static int
open_signals(struct err *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN); /* a write says EPIPE, and the drill goes on */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(e, "block signals");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : err_errno(e, "signalfd");
}

int
loop_open(struct drill *d, struct err *e)
{
	int r = open_signals(e);

	if (r < 0)
		return r;
	d->signals = r;
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	d->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->epoll < 0 || d->timer < 0)
		return err_errno(e, "epoll and timer");
	r = watch(d, d->signals, ON_SIGNAL, e);
	if (r == 0)
		r = watch(d, d->timer, ON_TIMER, e);
	if (r == 0 && d->check_count > 0) {
		const struct prober_options o = {
			.probes = d->checks,
			.count = d->check_count,
			.on_sample = phase_sample,
			.ctx = d,
		};

		r = prober_open(&d->prober, &o, e);
		if (r == 0)
			r = watch(d, prober_fd(d->prober), ON_PROBER, e);
	}
	return r;
}

int
loop_watch_fleet(struct drill *d, struct err *e)
{
	return watch(d, fleet_fd(d->fleet), ON_FLEET, e);
}

int
loop_watch_agent(struct drill *d, struct err *e)
{
	return watch(d, d->agent.pidfd, ON_AGENT, e);
}

void
loop_close(struct drill *d)
{
	prober_free(d->prober);
	d->prober = NULL;
	cleanup_close(&d->epoll);
	cleanup_close(&d->timer);
	cleanup_close(&d->signals);
}

static void
take_signal(struct drill *d)
{
	struct signalfd_siginfo si;

	while (read(d->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		bool first = d->stop == STOP_NOT;

		if (first)
			abort_now(d, STOP_PERSON);
		d->found.stopped = true;
		if (first)
			drill_say(d, EVENT_NOTE, NULL, "%s from %s: %s",
			    strsignal((int)si.ssi_signo),
			    si.ssi_pid == 0 ? "the terminal" : "another process",
			    parties_armed(d) > 0 ? "undoing" :
						   "stopping, nothing was injected");
		else
			output_say(&d->out, "stormctl: already on it, please wait");
	}
}

void
loop_check_signals(struct drill *d)
{
	take_signal(d);
}

static void
run_prober(struct drill *d)
{
	struct err e;

	if (prober_run(d->prober, &e) == 0)
		return;
	if (d->stop == STOP_NOT)
		abort_now(d, STOP_BROKEN);
	d->found.internal = true;
	drill_say(d, EVENT_ERROR, NULL, "the prober failed: %s", e.msg);
	prober_stop(d->prober);
}

static void
run_timer(struct drill *d)
{
	uint64_t times;
	usec_t now = clock_boottime();

	(void)!read(d->timer, &times, sizeof(times)); /* only to quiet it */
	if (parties_live(d) > 0 && now >= d->next_renew)
		parties_renew(d);
	if (now >= d->next_look && lost_are_sought(d))
		lost_look(d);
	if (d->prober != NULL && now >= d->next_second) {
		d->next_second = now + USEC_PER_SEC;
		phase_second(d);
	}
}

static void
arm_timer(struct drill *d, usec_t until)
{
	struct itimerspec ts = { 0 };

	if (parties_live(d) > 0 && d->next_renew < until)
		until = d->next_renew;
	if (d->next_look < until && lost_are_sought(d))
		until = d->next_look;
	if (d->prober != NULL && d->next_second < until)
		until = d->next_second;
	ts.it_value.tv_sec = (time_t)(until / USEC_PER_SEC);
	ts.it_value.tv_nsec = (long)(until % USEC_PER_SEC * NSEC_PER_USEC);
	if (until == 0)
		ts.it_value.tv_nsec = 1; /* 0 would disarm */
	(void)timerfd_settime(d->timer, TFD_TIMER_ABSTIME, &ts, NULL);
}

static void
lose_own_agent(struct drill *d)
{
	(void)epoll_ctl(d->epoll, EPOLL_CTL_DEL, d->agent.pidfd, NULL);
	FOR_EACH_PARTY(d, p)
		if (p->row->host == NULL)
			party_lost(p, "the agent is lost: stormd has ended");
}

static void
serve(struct drill *d, enum source s)
{
	switch (s) {
	case ON_PROBER:
		run_prober(d);
		break;
	case ON_TIMER:
		run_timer(d);
		break;
	case ON_SIGNAL:
		take_signal(d);
		break;
	case ON_FLEET:
		if (d->fleet != NULL)
			fleet_run(d->fleet);
		break;
	case ON_AGENT:
		lose_own_agent(d);
		break;
	}
}

void
loop_turn(struct drill *d, usec_t until)
{
	struct epoll_event ev[8];

	arm_timer(d, until);
	int n = epoll_wait(d->epoll, ev, (int)ARRAY_LEN(ev), -1);

	for (int i = 0; i < n; i++)
		serve(d, (enum source)ev[i].data.u32);
}
