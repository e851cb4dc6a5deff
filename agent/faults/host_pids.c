/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.pids: a limit of the kernel's is lowered to what there is and `leave` more: pids.max
 * of a cgroup, or kernel.threads-max of the host.  Nothing is held, so that the agent needs
 * no process to give anything back: it writes to a file that it has open.
 *
 * Whether it bites is tried: a child of ours, in the target's cgroup, starts threads until
 * the kernel refuses one, and is then ended with all of them.
 */
#include "child_group.h"
#include "cleanup.h"
#include "crew.h"
#include "fault.h"
#include "fdio.h"
#include "knob.h"
#include "leash.h"
#include "parse.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define START_PATIENCE (10 * USEC_PER_SEC)
#define TRY_PATIENCE   (10 * USEC_PER_SEC)
#define WATCH_MS       1000
#define LOOKS          20
#define LOOK_EVERY     (5 * USEC_PER_MSEC)
#define TRY_MAX        1000 /* with more than that left it is not tried */
#define TRY_SLACK      200  /* others may end theirs meanwhile */
#define STACK          (64 << 10)
#define THREADS_MIN    20 /* the least that the kernel takes for threads-max */

enum { TRY_RUNS = 1, TRY_REFUSED, TRY_NOT_REFUSED };

struct pids_page {
	_Atomic uint32_t is_going;
	_Atomic uint32_t result;
	uint32_t most; /* threads to try */
	_Atomic uint32_t started;
};

struct leaving {
	struct child_group group;
	struct crew crew;
	struct pids_page *page;
	struct undo knob;
	uint64_t now; /* what the limit becomes */
};

/* --- the one who tries ----------------------------------------------------------------- */

static void *
idle(void *unused)
{
	(void)unused;
	for (;;)
		(void)pause();
	return NULL;
}

static int
try_threads_main(struct member *m, struct err *e)
{
	struct pids_page *page = m->page;
	pthread_attr_t small;
	pthread_t thread;
	uint32_t result = TRY_NOT_REFUSED;

	if (pthread_attr_init(&small) != 0 ||
	    pthread_attr_setstacksize(&small, STACK) != 0)
		return err_set(e, -ENOMEM, "prepare threads");
	crew_ready(m);
	while (atomic_load(&page->is_going) == 0)
		word_wait(&page->is_going, 0, 0);
	for (uint32_t i = 0; i < page->most && result != TRY_REFUSED; i++) {
		if (pthread_create(&thread, &small, idle, NULL) != 0)
			result = TRY_REFUSED;
		else
			atomic_fetch_add(&page->started, 1);
	}
	atomic_store(&page->result, result);
	word_wake(&page->result);
	for (;;)
		(void)pause();
}

const struct crew_work work_try_threads = {
	.name = "try_threads",
	.comm = "stormd-threads",
	.page_size = sizeof(struct pids_page),
	.run = try_threads_main,
};

/* --- the holder ------------------------------------------------------------------------ */

static int
host_pids_supported(struct err *e)
{
	(void)e;
	return 0; /* threads-max is always there; prepare tells about cgroups */
}

static int
read_number(int dir, const char *file, uint64_t *ret, struct err *e)
{
	char text[32];
	ssize_t len = read_file_at(dir, file, text, sizeof(text));

	if (len < 0)
		return err_set(e, (int)len, "read '%s': %s", file, strerror((int)-len));
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, ret, e) < 0 ? err_wrap(e, "'%s'", file) : 0;
}

/* All tasks of the host, whatever namespace they are in: "0.42 0.40 0.38 2/1234 56789". */
static int
count_tasks(uint64_t *ret, struct err *e)
{
	char text[128], *slash;

	if (read_file_at(AT_FDCWD, "/proc/loadavg", text, sizeof(text)) < 0 ||
	    (slash = strchr(text, '/')) == NULL)
		return err_set(e, -EIO, "count the tasks of the host in /proc/loadavg");
	slash[1 + strcspn(slash + 1, " ")] = '\0';
	return parse_u64(slash + 1, ret, e);
}

static int
count(const struct leaving *l, uint64_t *ret, struct err *e)
{
	return l->group.has_target ?
		   read_number(l->group.target.dir, "pids.current", ret, e) :
		   count_tasks(ret, e);
}

/* The least of some looks: whoever starts a process for a moment must not count. */
static int
count_lasting(const struct leaving *l, uint64_t *ret, struct err *e)
{
	uint64_t least = UINT64_MAX, n;

	for (int i = 0; i < LOOKS; i++) {
		if (count(l, &n, e) < 0)
			return e->code;
		least = n < least ? n : least;
		sleep_usec(LOOK_EVERY);
	}
	*ret = least;
	return 0;
}

/* Below a limit that stands already the fault would be without effect. */
static int
check_limit_now(const struct leaving *l, struct err *e)
{
	struct err why = { 0 };
	uint64_t was;

	if (strcmp(l->knob.was, "max") == 0)
		return 0;
	if (parse_u64(l->knob.was, &was, &why) == 0 && was > l->now)
		return 0;
	return err_set(e, -EALREADY,
	    "no effect: the limit is %s already, which leaves fewer", l->knob.was);
}

/* The agent must be able to start what it needs: in the target's cgroup it could not. */
static int
check_own_group(const struct leaving *l, const struct fault_run *r, struct err *e)
{
	const pid_t own[] = { getpid(), (pid_t)r->protect->agent_pid,
		(pid_t)r->protect->controller_pid };
	const size_t len = strlen(l->group.target.path);

	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		struct cgroup_place place = { .dir = -1 };
		struct err why = { 0 };
		bool is_in;

		if (own[i] <= 0 || cgroup_place_of("pids", own[i], &place, &why) < 0)
			continue;
		is_in = strncmp(place.path, l->group.target.path, len) == 0 &&
			(place.path[len] == '/' || place.path[len] == '\0');
		cgroup_place_close(&place);
		if (is_in)
			return err_refused(e, "%s is in cgroup '/%s' itself",
			    i + 1 < ARRAY_LEN(own) ? "the agent" : "the controller",
			    l->group.target.path);
	}
	return 0;
}

static int
plan_limit(struct leaving *l, struct fault_run *r, struct err *e)
{
	const struct cgroup_place *place = l->group.has_target ? &l->group.target : NULL;
	uint64_t used = 0;

	if (place != NULL && check_own_group(l, r, e) < 0)
		return e->code;
	if (count_lasting(l, &used, e) < 0)
		return e->code;
	l->now = used + (uint64_t)spec_num(r->spec, "leave");
	if (place == NULL && l->now < THREADS_MIN)
		l->now = THREADS_MIN;
	(void)snprintf(l->knob.now, sizeof(l->knob.now), "%" PRIu64, l->now);
	if (knob_plan(r->ctx, place, place != NULL ? "pids.max" : "kernel/threads-max",
		&l->knob, e) < 0)
		return e->code;
	if (check_limit_now(l, e) < 0)
		return e->code;
	fault_op(r, "set '%s' from %s to %s: there are %" PRIu64 " now", l->knob.name,
	    l->knob.was, l->knob.now, used);
	return 0;
}

static int
host_pids_prepare(struct fault_run *r, struct err *e)
{
	struct leaving *l = xcalloc(1, sizeof(*l));
	const uint64_t leave = (uint64_t)spec_num(r->spec, "leave");
	char where[300];

	r->state = l;
	if (child_group_plan(&l->group, r, "pids", e) < 0 || plan_limit(l, r, e) < 0 ||
	    crew_init(&l->crew, &work_try_threads, 1, 0, e) < 0)
		return e->code;
	l->page = l->crew.page;
	l->page->most = leave > TRY_MAX ? 0 : (uint32_t)leave + TRY_SLACK;
	undo_add(
	    &r->undo, (struct undo){ .op = UNDO_DESCRIPTOR, .num = { l->crew.leash } });
	undo_add(&r->undo, l->knob);
	(void)snprintf(r->note, sizeof(r->note), "%" PRIu64 " to be left%.120s", leave,
	    l->group.has_target ? child_group_where(&l->group, where, sizeof(where)) :
				  " on the whole host");
	r->wake_ms = -1;
	return 0;
}

static int
host_pids_stage(struct fault_run *r, struct err *e)
{
	struct leaving *l = r->state;

	if (child_group_make(&l->group, r, e) < 0)
		return e->code;
	return crew_start(&l->crew, r->spec->id, &l->group, START_PATIENCE, e);
}

static int
host_pids_apply(struct fault_run *r, struct err *e)
{
	struct leaving *l = r->state;

	return knob_turn(r->ctx, &l->knob, e);
}

static void
tell(struct fault_run *r, const struct leaving *l)
{
	struct err e = { 0 };
	char where[300];
	uint64_t used = 0;

	if (count(l, &used, &e) < 0)
		return;
	r->effect = used < l->now ? l->now - used : 0;
	(void)snprintf(r->note, sizeof(r->note), "%" PRIu64 " left of %" PRIu64 "%.100s",
	    r->effect, l->now,
	    l->group.has_target ? child_group_where(&l->group, where, sizeof(where)) :
				  " on the whole host");
}

static int
try_to_exceed(struct leaving *l, struct err *e)
{
	const usec_t until = clock_boottime() + TRY_PATIENCE;
	uint32_t result;

	if (l->page->most == 0)
		return 0;
	atomic_store(&l->page->is_going, 1);
	word_wake(&l->page->is_going);
	while ((result = atomic_load(&l->page->result)) == 0) {
		if (clock_boottime() >= until)
			return err_set(
			    e, -ETIMEDOUT, "the process that tries gets no turn");
		word_wait(&l->page->result, 0, 20);
	}
	if (result == TRY_NOT_REFUSED)
		return err_set(e, -EIO, "no effect: %u threads could be started",
		    atomic_load(&l->page->started));
	return 0;
}

static int
host_pids_verify(struct fault_run *r, struct err *e)
{
	struct leaving *l = r->state;

	if (knob_verify(r->ctx, &l->knob, e) < 0 || try_to_exceed(l, e) < 0)
		return e->code;
	/* its threads are somebody's who needs them */
	crew_reap(&l->crew);
	tell(r, l);
	r->wake_ms = WATCH_MS;
	return 0;
}

static int
host_pids_hold(struct fault_run *r, struct err *e)
{
	struct leaving *l = r->state;

	if (knob_verify(r->ctx, &l->knob, e) < 0) {
		r->lost = true;
		return e->code;
	}
	tell(r, l);
	return 0;
}

static int
host_pids_release(struct fault_run *r, struct err *e)
{
	struct leaving *l = r->state;

	(void)e;
	crew_reap(&l->crew);
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(clone3),
	SCMP_SYS(futex),
	SCMP_SYS(kill),
	SCMP_SYS(memfd_create),
	SCMP_SYS(pause),
	SCMP_SYS(prctl),
	SCMP_SYS(wait4),
	-1,
};

const struct fault fault_host_pids = {
	.kind = &kind_host_pids,
	.effect_unit = "left to start",
	.supported = host_pids_supported,
	.how = fault_how_plain,
	.prepare = host_pids_prepare,
	.stage = host_pids_stage,
	.apply = host_pids_apply,
	.verify = host_pids_verify,
	.hold = host_pids_hold,
	.release = host_pids_release,
	.syscalls = syscalls,
	.runs_tools = true, /* the one who tries is started by exec */
};
