/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian: waits for stormd to die or to hang, and then undoes what is left.  It holds
 * no descriptor that a fault depends on, and shares with stormd one page and the lock, so
 * that a new stormd cannot take the run-dir before it is clean.  Its own session and no
 * death signal: whatever takes stormd away must not take this process along.
 */
#include "recover.h"

#include "clock.h"
#include "err.h"
#include "log.h"
#include "process.h"
#include "pulse.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WATCH_LIVE     100  /* ms between looks while faults are live */
#define WATCH_IDLE     1000 /* ms */
#define OVERSLEPT      (500 * USEC_PER_MSEC)
#define KILL_WAIT_MS   5000
#define BARRIER_WAIT   10000 /* ms */
#define UNDO_TRIES     6
#define UNDO_PAUSE_MIN (100 * USEC_PER_MSEC)

static const struct pulse *
map_pulse(struct err *e)
{
	void *p =
	    mmap(NULL, sizeof(struct pulse), PROT_READ, MAP_SHARED, GUARD_PULSE_FD, 0);

	if (p == MAP_FAILED)
		(void)err_errno(e, "map the pulse");
	return p == MAP_FAILED ? NULL : p;
}

/* Descriptors that are missing are a mistake of whoever started us: said before anything
 * depends on this process. */
static int
check_descriptors(struct err *e)
{
	for (int fd = GUARD_PULSE_FD; fd <= GUARD_LOCK_FD; fd++) {
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return err_errno(e,
			    "--guard is for stormd, which passes descriptors: descriptor %d",
			    fd);
	}
	return 0;
}

/* Only SIGKILL ends the guardian: a stop of the whole service reaches it too, and it leaves
 * by itself when stormd has. */
static void
ignore_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGUSR1,
		SIGUSR2 };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], SIG_IGN);
}

static bool
has_ended(int timeout_ms)
{
	struct pollfd p = { .fd = GUARD_PARENT_FD, .events = POLLIN };

	return poll(&p, 1, timeout_ms) > 0;
}

/* Why stormd must be killed, or NULL. */
static const char *
find_hang(const struct pulse *p, usec_t now)
{
	usec_t tick = atomic_load(&p->tick);
	usec_t deadline = atomic_load(&p->deadline);

	if (atomic_load(&p->live) == 0)
		return NULL;
	if (now > tick + PULSE_HANG)
		return "its loop stands still";
	if (deadline != 0 && deadline < USEC_INFINITY && now > deadline + PULSE_OVERDUE)
		return "a fault is overdue";
	return NULL;
}

/* Returns when stormd is dead or must be: then why, else NULL.  After a sleep that was much
 * too long (suspend, a stopped machine) stormd gets a turn first: it slept as well. */
static const char *
watch(const struct pulse *p)
{
	usec_t now = clock_boottime();

	for (;;) {
		int wait = atomic_load(&p->live) > 0 ? WATCH_LIVE : WATCH_IDLE;
		usec_t before = now;
		const char *hang;

		if (has_ended(wait))
			return NULL;
		now = clock_boottime();
		if (now - before > (usec_t)wait * USEC_PER_MSEC + OVERSLEPT)
			continue;
		hang = find_hang(p, now);
		if (hang != NULL)
			return hang;
	}
}

static void
kill_stormd(const char *why)
{
	log_error("stormd is alive but %s: killing it", why);
	if (syscall(SYS_pidfd_send_signal, GUARD_PARENT_FD, SIGKILL, NULL, 0) < 0)
		log_error("kill stormd: %s", strerror(errno));
	if (!has_ended(KILL_WAIT_MS))
		log_error("stormd does not die; undoing nevertheless");
}

/* Until nothing is left, but not for ever: then it has been said what is, and how a person
 * removes it. */
static int
undo_all(const struct recover *o, const struct instance *in)
{
	usec_t pause = UNDO_PAUSE_MIN;
	int left = 0;

	for (int i = 1; i <= UNDO_TRIES; i++, pause *= 2) {
		left = sweep_records(in, o->host_dir, -1);
		if (left == 0)
			return 0;
		if (i < UNDO_TRIES) {
			log_warn("%d not undone, will retry in %llu ms", left,
			    (unsigned long long)(pause / USEC_PER_MSEC));
			sleep_usec(pause);
		}
	}
	return left;
}

static int
take_over(const struct recover *o, const struct pulse *p)
{
	usec_t began = clock_boottime();
	struct instance in;
	struct err e = { 0 };
	int records, left;

	instance_asked(o, &in);
	if (barrier_clear(GUARD_BARRIER_FD, BARRIER_WAIT, &e) < 0)
		log_error("%s; undoing nevertheless", e.msg);
	records = instance_count_records(&in);
	if (records == 0 && atomic_load(&p->done) != 0)
		return EXIT_CLEAN; /* in order: stormd has tidied up itself */
	if (records > 0)
		log_warn("stormd is gone, undoing its %d fault%s", records,
		    records == 1 ? "" : "s");
	left = undo_all(o, &in);
	if (left == 0)
		instance_tidy(&in, o->host_dir);
	if (left == 0 && records > 0)
		log_notice("clean after %llu ms",
		    (unsigned long long)((clock_boottime() - began) / USEC_PER_MSEC));
	return left == 0 ? EXIT_CLEAN : EXIT_DIRTY;
}

int
cmd_guard(const struct recover *o)
{
	const struct pulse *p;
	struct err e = { 0 };
	const char *hang;

	ignore_signals();
	process_comm("stormd-guardian"); /* from here on nothing but SIGKILL ends it */
	log_no_wait();
	if (check_descriptors(&e) < 0 || (p = map_pulse(&e)) == NULL) {
		log_error("%s", e.msg);
		return EXIT_USAGE;
	}
	(void)setsid(); /* fails only when it is a session of its own already */
	process_fortify();
	hang = watch(p);
	if (hang != NULL)
		kill_stormd(hang);
	return take_over(o, p);
}
