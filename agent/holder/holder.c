/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stormd-fault: one process, one fault.  This file is the loop between the channel and the
 * fault's own descriptors; what each step does is in life.c.  The process gives up every
 * privilege but its kind's before it reads the first message, and ends only when the fault
 * is gone: SIGTERM means undo, EOF on the channel means undo, and whoever kills it outright
 * leaves the record to stormd or the guardian.
 */
#include "holder.h"
#include "cleanup.h"
#include "log.h"
#include "parse.h"
#include "process.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct asked {
	const char *run_dir, *state_dir, *host_dir;
	pid_t pid; /* whose network; 0: the agent's own */
	const char *container;
};

#define NO_FILE_WAIT (100 * USEC_PER_MSEC)

/* What the loop waits for. */
enum { OF_STORMD, OF_NETWORK, OF_FAULT };

static volatile sig_atomic_t is_asked_to_end;

static void
on_term(int signal)
{
	(void)signal;
	is_asked_to_end = 1;
}

/* TERM is let in only while we wait; a terminal's signals are its controller's business. */
static void
take_signals(sigset_t *ret_while_waiting)
{
	static const int ignored[] = { SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP,
		SIGTTOU };
	struct sigaction term = { .sa_handler = on_term };
	sigset_t set;

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		(void)signal(ignored[i], SIG_IGN); /* fails for no valid signal */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	(void)sigaction(SIGTERM, &term, NULL);
	(void)sigprocmask(SIG_BLOCK, &set, ret_while_waiting);
	sigdelset(ret_while_waiting, SIGTERM);
}

/* A list of strings, each with its NUL, ended by an empty one, all inside the array. */
static bool
is_string_list(const char *list, size_t size)
{
	size_t at = 0;

	while (at < size && list[at] != '\0') {
		size_t len = strnlen(list + at, size - at);

		if (len == size - at)
			return false;
		at += len + 1;
	}
	return at < size;
}

int
hold_check(const struct msg_hold *m, const char *kind, const char *id, struct err *e)
{
	const struct protect *p = &m->protect;

	if (m->head.type != MSG_HOLD)
		return err_set(
		    e, -EBADMSG, "expected MSG_HOLD, got message %u", m->head.type);
	if (!IS_TERMINATED(m->drill) ||
	    !is_string_list(p->processes, sizeof(p->processes)) ||
	    !is_string_list(p->paths, sizeof(p->paths)) ||
	    !is_string_list(p->interfaces, sizeof(p->interfaces)) ||
	    !is_string_list(p->units, sizeof(p->units)))
		return err_set(e, -EBADMSG, "a string of MSG_HOLD has no end");
	if (spec_verify(&m->spec, e) != 0)
		return e->code;
	if (strcmp(m->spec.kind, kind) != 0 || strcmp(m->spec.id, id) != 0)
		return err_set(e, -EBADMSG, "told to hold %s %s as %s %s", m->spec.kind,
		    m->spec.id, kind, id);
	return 0;
}

static int
wait_for_hold(struct holder *h, const char *id, struct err *e)
{
	static union msg m;
	struct pollfd pfd = { .fd = h->chan, .events = POLLIN };
	int rc;

	do {
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return err_errno(e, "wait for MSG_HOLD");
		rc = chan_recv(h->chan, &m, e);
	} while (rc == 0);
	if (rc < 0)
		return rc;
	h->hold = m.hold;
	return hold_check(&h->hold, h->fault->kind->name, id, e);
}

static int
holder_open(struct holder *h, const char *kind, const struct asked *asked, struct err *e)
{
	h->fault = fault_find(kind);
	if (h->fault == NULL)
		return err_invalid(e, "this program has no fault '%s'", kind);
	process_fortify();
	/* first of all: what is opened below belongs to the network we are in */
	if (network_enter(&h->network, asked->pid, asked->container, e) != 0)
		return e->code;
	if (store_open(&h->store, asked->run_dir, asked->state_dir, asked->host_dir, e) !=
	    0)
		return e->code;
	if (undo_ctx_open(&h->ctx, BARRIER_FD, true, e) != 0)
		return e->code;
	return holder_confine(h->fault, e);
}

/* The directory itself, or what it would be made in: a path on its file system. */
static const char *
what_is_there(const char *path)
{
	static char there[PATH_LEN_MAX];
	char *slash;

	(void)snprintf(there, sizeof(there), "%s", path);
	while (access(there, F_OK) < 0 && (slash = strrchr(there, '/')) != NULL) {
		slash[slash == there] = '\0';
		if (slash == there)
			break;
	}
	return there;
}

/* The status stormd gets from now on, and the fault's view of itself. */
static void
holder_begin(struct holder *h, const struct asked *asked)
{
	const struct spec *s = &h->hold.spec;
	char network[160];

	memcpy(h->status.id, s->id, sizeof(h->status.id));
	memcpy(h->status.kind, s->kind, sizeof(h->status.kind));
	memcpy(h->status.name, s->name, sizeof(h->status.name));
	h->status.holder_pid = getpid();
	h->run = (struct fault_run){
		.spec = s,
		.protect = &h->hold.protect,
		.effect_unit = h->fault->effect_unit,
		.run_dir = asked->run_dir,
		.state_dir = what_is_there(asked->state_dir),
		.host_dir = asked->host_dir,
		.ctx = h->ctx,
		.store = &h->store,
		.barrier_fd = BARRIER_FD,
		.wake_ms = -1,
	};
	if (network_describe(&h->network, network, sizeof(network))[0] != '\0')
		fault_op(&h->run, "%s (namespace %" PRIu64 "):", network, netns_inode());
}

static void
on_message(struct holder *h, const union msg *m)
{
	struct msg_verb pong = { .head = { .type = MSG_PONG, .seq = m->head.seq } };
	struct err e = { 0 };

	switch (m->head.type) {
	case MSG_APPLY:
		/* told to disarm meanwhile: an apply that comes late must do nothing */
		if (h->status.state == FAULT_STAGED && !h->is_told)
			holder_apply(h);
		break;
	case MSG_DISARM:
		if (!h->is_told)
			holder_undo(h);
		break;
	case MSG_PING:
		/* a full buffer: stormd hangs, and the guardian sees to that */
		if (chan_send(h->chan, &pong, &e) != 0)
			log_debug("fault %s: pong: %s", h->status.id, e.msg);
		break;
	default:
		log_warn("fault %s: unexpected message %u, ignoring", h->status.id,
		    m->head.type);
	}
}

static void
read_channel(struct holder *h)
{
	static union msg m;
	struct err e = { 0 };
	int rc;

	while ((rc = chan_recv(h->chan, &m, &e)) > 0 && h->status.state != FAULT_GONE)
		on_message(h, &m);
	if (rc >= 0)
		return;
	h->is_orphan = true;
	if (!h->is_told)
		holder_undo(h);
}

/* When a fault that met nothing so far has to say so; USEC_INFINITY: never. */
static usec_t
no_effect_at(const struct holder *h)
{
	if (h->status.state != FAULT_ACTIVE || h->status.no_effect || h->run.lost ||
	    h->run.effect != 0 || !kind_counts(h->fault->kind))
		return USEC_INFINITY;
	return h->status.active + NO_EFFECT_MS * USEC_PER_MSEC;
}

/* While active: give the fault its turn, and tell what has changed. */
static void
hold_turn(struct holder *h)
{
	uint64_t effect = h->status.effect;
	bool was_lost = h->run.lost;
	struct err e = { 0 };
	usec_t now;

	if (h->fault->hold(&h->run, &e) != 0) {
		/* no file to be opened on this host, which may be another fault's doing:
		 * what could not be looked at is looked at again */
		if (e.code == -ENFILE) {
			h->run.lost = was_lost;
			h->next_hold = clock_boottime() + NO_FILE_WAIT;
			return;
		}
		if (!h->run.lost)
			err_wrap(&e, "hold");
		holder_failed(h, &e);
		holder_undo(h);
		return;
	}
	now = clock_boottime();
	if (now >= no_effect_at(h)) {
		h->status.no_effect = 1;
		holder_report(h, FAULT_ACTIVE);
	}
	h->next_hold = h->run.wake_ms < 0 ? USEC_INFINITY :
					    now + (usec_t)h->run.wake_ms * USEC_PER_MSEC;
	if (h->run.lost != was_lost || (h->run.effect != effect && now >= h->next_report))
		holder_report(h, FAULT_ACTIVE);
}

/* When the loop must turn even if nothing is ready. */
static usec_t
next_turn(const struct holder *h)
{
	bool has_news = h->run.effect != h->status.effect;
	usec_t next = h->next_hold;

	if (h->status.state == FAULT_STUCK)
		return h->retry_at;
	if (h->status.state != FAULT_ACTIVE)
		return USEC_INFINITY;
	if (has_news && h->next_report < next)
		next = h->next_report;
	return no_effect_at(h) < next ? no_effect_at(h) : next;
}

static int
wait_turn(struct holder *h, struct pollfd *fds, const sigset_t *signals)
{
	usec_t until = next_turn(h), now = clock_boottime();
	usec_t left = until > now ? until - now : 0;
	struct timespec t = { .tv_sec = (time_t)(left / USEC_PER_SEC),
		.tv_nsec = (long)(left % USEC_PER_SEC * NSEC_PER_USEC) };
	nfds_t count = OF_FAULT;

	/* a negative descriptor is passed over: an orphan's channel is always "ready" */
	fds[OF_STORMD] =
	    (struct pollfd){ .fd = h->is_orphan ? -1 : h->chan, .events = POLLIN };
	fds[OF_NETWORK] =
	    (struct pollfd){ .fd = h->is_told ? -1 : h->network.pidfd, .events = POLLIN };
	if (h->status.state == FAULT_ACTIVE)
		for (nfds_t i = 0; i < h->run.fds_count && i < FAULT_FDS_MAX; i++)
			fds[count++] = h->run.fds[i];
	return ppoll(fds, count, until == USEC_INFINITY ? NULL : &t, signals);
}

/* 0 when the fault is gone. */
static int
holder_loop(struct holder *h, const sigset_t *signals)
{
	struct pollfd fds[OF_FAULT + FAULT_FDS_MAX];

	while (h->status.state != FAULT_GONE) {
		int ready = wait_turn(h, fds, signals);

		if (ready < 0 && errno != EINTR)
			return 1;
		if (ready > 0 && fds[OF_STORMD].revents != 0)
			read_channel(h); /* before the fault's own: stop comes first */
		if (ready > 0 && fds[OF_NETWORK].revents != 0 && !h->is_told)
			holder_network_gone(h);
		if (is_asked_to_end && !h->is_told) {
			h->run.lost = true;
			holder_undo(h);
		}
		if (h->status.state == FAULT_STUCK && clock_boottime() >= h->retry_at)
			holder_undo(h);
		if (h->status.state != FAULT_ACTIVE)
			continue;
		for (nfds_t i = 0; i < h->run.fds_count && i < FAULT_FDS_MAX; i++)
			h->run.fds[i].revents = ready > 0 ? fds[OF_FAULT + i].revents : 0;
		hold_turn(h);
	}
	return 0;
}

static int
parse_options(int argc, char **argv, struct asked *ret)
{
	static const struct option options[] = {
		{ "run-dir", required_argument, NULL, 'r' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "host-dir", required_argument, NULL, 'h' },
		{ "pid", required_argument, NULL, 'p' },
		{ "container", required_argument, NULL, 'c' },
		{ 0 },
	};
	struct err e;
	uint64_t pid;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			ret->run_dir = optarg;
		else if (c == 's')
			ret->state_dir = optarg;
		else if (c == 'h')
			ret->host_dir = optarg;
		else if (c == 'c')
			ret->container = optarg;
		else if (c != 'p' || parse_u64(optarg, &pid, &e) != 0 || pid == 0 ||
			 pid > INT32_MAX)
			return -EINVAL;
		else
			ret->pid = (pid_t)pid;
	}
	if (ret->run_dir == NULL || ret->state_dir == NULL || ret->host_dir == NULL ||
	    argc - optind != 2)
		return -EINVAL;
	return ret->pid != 0 && ret->container != NULL ? -EINVAL : 0;
}

int
holder_main(int argc, char **argv)
{
	static struct holder h;
	struct asked asked = { 0 };
	struct err e = { 0 };
	sigset_t signals;

	log_open(
	    "stormd-fault", LOG_L_NOTICE); /* stormd has said what is only of interest */
	log_no_wait();
	if (parse_options(argc, argv, &asked) != 0) {
		log_error(
		    "started by stormd as: stormd-fault KIND ID [--pid N | --container ID] "
		    "--run-dir D --state-dir S --host-dir H");
		return 2;
	}
	take_signals(&signals);
	h.chan = CHAN_FD;
	if (holder_open(&h, argv[optind], &asked, &e) != 0 ||
	    wait_for_hold(&h, argv[optind + 1], &e) != 0) {
		struct msg_fault m = { .head.type = MSG_STATE };

		/* stormd tells whoever asked; if it is gone there is nobody to tell */
		m.fault.state = FAULT_GONE;
		m.fault.outcome = e.outcome == OUTCOME_DONE ? OUTCOME_FAILED : e.outcome;
		m.fault.err = e;
		if (e.code != -EPIPE && chan_send(CHAN_FD, &m, &e) != 0)
			log_error("%s", e.msg);
		return 1;
	}
	holder_begin(&h, &asked);
	holder_arm(&h);
	return holder_loop(&h, &signals);
}
