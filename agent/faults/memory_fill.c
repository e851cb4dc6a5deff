/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.fill: memory that fillers hold, so that it is free again the moment they are gone.
 * The holder only says how much each is to hold, ten times a second and more often while it
 * grows: never more than leaves the floor free, less when pressure is too high.  In a target
 * the fillers are below its limit, and with oom=ours the first whom the kernel ends there.
 */
#include "child_group.h"
#include "crew.h"
#include "fault.h"
#include "leash.h"
#include "memory_goal.h"
#include "memory_page.h"
#include "memory_site.h"
#include "proc.h"
#include "xalloc.h"
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_WAIT    (10 * USEC_PER_SEC)
#define VERIFY_WAIT   (5 * USEC_PER_SEC)
#define VERIFY_PERIOD USEC_PER_MSEC
#define GROWING_MS    20
#define HOLDING_MS    100
#define KILL_WAIT     (1 * USEC_PER_SEC) /* so long may who was killed take to end */
#define COUNT_SLACK   (UINT64_C(1) << 20)
#define HUGE_RATE     (UINT64_C(64) << 20) /* slower than this grows by small pages */
#define PATH_DEFAULT  "/var/tmp"

struct filling {
	struct memory_ask ask;
	struct memory_governor governor;
	struct memory_site site;
	struct crew crew;
	struct memory_page *page;
	struct child_group group;
	uint64_t before[FILLERS_MAX]; /* own memory of each filler that had not begun */
	uint64_t held;
	/* by the OOM killer, in the target: not known yet whose, and not ours */
	uint64_t killed, others_ended;
	usec_t killed_at; /* when it last ended anybody; 0: never */
};

static int
memory_fill_supported(struct err *e)
{
	return proc_memory_available() == UINT64_MAX || proc_memory_total() == 0 ?
		   err_unsupported(e, "/proc/meminfo does not tell what is available") :
		   0;
}

static bool
is_cache(const struct fault_run *r)
{
	return spec_num(r->spec, "content") != 0;
}

/* --- prepare --- */

static void
describe(const struct filling *f, struct fault_run *r, uint64_t goal)
{
	const size_t count = f->crew.count;
	char size[32], has[32], where[PATH_LEN_MAX + 32];

	(void)format_size(goal, size, sizeof(size));
	(void)format_size(memory_available(&f->site.state), has, sizeof(has));
	(void)child_group_where(&f->group, where, sizeof(where));
	fault_op(r, "start %zu filler%s%s, OOM score %d", count, count == 1 ? "" : "s",
	    where, f->page->oom_score);
	if (is_cache(r))
		fault_op(r, "read about %s of an unnamed, empty file in '%s' into memory",
		    size, f->page->path);
	else
		fault_op(r, "touch about %s of memory%s", size,
		    f->page->is_locked ? ", locked" : "");
	fault_op(r, "leave %s available on the host, whatever happens",
	    format_size(f->governor.keep_free, has, sizeof(has)));
	(void)snprintf(r->note, sizeof(r->note), "%s to take of %s available", size,
	    format_size(memory_available(&f->site.state), has, sizeof(has)));
}

static int
prepare_crew(struct filling *f, struct fault_run *r, uint64_t goal, struct err *e)
{
	const uint64_t rate = f->governor.rate;
	const char *path = spec_text(r->spec, "path");

	if (crew_init(&f->crew, &work_fill_memory, memory_fillers(goal), 0, e) < 0)
		return e->code;
	f->page = f->crew.page;
	f->page->is_cache = is_cache(r);
	f->page->is_locked = spec_num(r->spec, "lock") != 0;
	f->page->is_huge = !is_cache(r) && (rate == 0 || rate >= HUGE_RATE);
	f->page->oom_score = f->site.is_ours_first ? 1000 : 0;
	(void)snprintf(f->page->path, sizeof(f->page->path), "%s",
	    path[0] != '\0' ? path : PATH_DEFAULT);
	undo_add(
	    &r->undo, (struct undo){ .op = UNDO_DESCRIPTOR, .num = { f->crew.leash } });
	return 0;
}

static void
set_governor(struct filling *f, const struct spec *s, uint64_t goal)
{
	f->governor = (struct memory_governor){
		.goal = goal,
		.ceiling = goal,
		.keep_free = spec_has(s, "keep_free") ?
				 (uint64_t)spec_num(s, "keep_free") :
				 memory_keep_free(f->site.state.total),
		.rate = memory_rate(
		    goal, (uint64_t)spec_num(s, "rate"), (usec_t)spec_num(s, "ramp")),
		.pressure_max = (uint32_t)spec_num(s, "pressure"),
		.began = clock_boottime(),
	};
}

static int
memory_fill_prepare(struct fault_run *r, struct err *e)
{
	struct filling *f = xcalloc(1, sizeof(*f));
	uint64_t goal;

	r->state = f;
	f->ask = memory_ask_of(r->spec);
	if (child_group_plan(&f->group, r, "memory", e) < 0 ||
	    memory_site_find(&f->site, &f->group, r->spec, e) < 0 ||
	    memory_site_look(&f->site, r->spec, e) < 0)
		return e->code;
	goal = memory_goal(&f->ask, &f->site.state);
	set_governor(f, r->spec, goal);
	if (memory_site_check(&f->site, &f->ask, goal, f->governor.keep_free, e) < 0 ||
	    prepare_crew(f, r, goal, e) < 0)
		return e->code;
	describe(f, r, goal);
	r->wake_ms = -1;
	return 0;
}

/* --- stage and apply --- */

static int
memory_fill_stage(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;

	if (child_group_make(&f->group, r, e) < 0 ||
	    crew_start(&f->crew, r->spec->id, &f->group, START_WAIT, e) < 0)
		return e->code;
	for (size_t i = 0; i < f->crew.count; i++)
		f->before[i] = proc_memory_own(f->crew.pid[i]);
	return 0;
}

static uint64_t
sum_held(const struct filling *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->crew.count; i++)
		sum += atomic_load(&f->page->slot[i].held);
	return sum;
}

/* As the kernel counts it.  Of a process it is late by some pages, on kernels before 6.16:
 * so much less is all. */
static uint64_t
resident_of(const struct filling *f, size_t i, uint64_t held)
{
	uint64_t there;

	if (f->page->is_cache)
		return atomic_load(&f->page->slot[i].resident);
	there = proc_memory_own(f->crew.pid[i]);
	there = there > f->before[i] ? there - f->before[i] : 0;
	return there > 0 && there + COUNT_SLACK > held ? held : there;
}

static uint64_t
sum_resident(const struct filling *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->crew.count; i++) {
		const uint64_t held = atomic_load(&f->page->slot[i].held);
		const uint64_t there = resident_of(f, i, held);

		sum += there < held ? there : held;
	}
	return sum;
}

static void
set_target(struct filling *f, uint64_t target)
{
	bool is_new = false;

	for (size_t i = 0; i < f->crew.count; i++) {
		const uint64_t share = memory_share(target, i, f->crew.count);

		is_new |= atomic_exchange(&f->page->slot[i].target, share) != share;
	}
	if (!is_new)
		return;
	atomic_fetch_add(&f->page->turn, 1);
	word_wake(&f->page->turn);
}

/* What each is to hold from now on.  What is held is counted first: what is touched between
 * the two looks makes the second smaller, never larger. */
static int
control(struct filling *f, const struct spec *s, struct err *e)
{
	f->held = sum_held(f);
	if (memory_site_look(&f->site, s, e) < 0)
		return e->code;
	set_target(
	    f, memory_govern(&f->governor, &(struct memory_now){
					       .held = f->held,
					       .available = f->site.state.available,
					       .pressure = f->site.pressure,
					       .now = clock_boottime(),
					   }));
	return 0;
}

/* What was asked for is reckoned anew: others' use is another than at prepare. */
static int
memory_fill_apply(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;
	uint64_t goal;

	if (memory_site_look(&f->site, r->spec, e) < 0)
		return e->code;
	goal = memory_goal(&f->ask, &f->site.state);
	set_governor(f, r->spec, goal);
	if (memory_site_check(&f->site, &f->ask, goal, f->governor.keep_free, e) < 0)
		return e->code;
	for (size_t i = 0; i < f->crew.count; i++)
		f->page->slot[i].most = memory_share(goal, i, f->crew.count);
	(void)memory_site_kills(&f->site); /* what was before is not ours */
	r->wake_ms = GROWING_MS;
	return control(f, r->spec, e);
}

/* --- while it is in force --- */

/* A kill is counted before who was killed can be waited for: it is nobody's at first. */
static void
count_kills(struct filling *f)
{
	const struct memory_kills kills = memory_site_kills(&f->site);
	const usec_t now = clock_boottime();

	if (kills.host + kills.place > 0)
		f->killed_at = now;
	f->killed += f->site.is_target ? kills.place : 0;
	if (f->killed > 0 && now - f->killed_at >= KILL_WAIT) { /* and ours all live */
		f->others_ended += f->killed;
		f->killed = 0;
	}
}

static void
tell(struct fault_run *r)
{
	static const char *const brakes[] = {
		[MEMORY_FREE_TO_GROW] = "",
		[MEMORY_BY_FLOOR] = "; held back by keep_free",
		[MEMORY_BY_PRESSURE] = "; held back by pressure",
	};
	const struct filling *f = r->state;
	char has[32], goal[32], left[32], ended[64] = "";

	(void)format_size(r->effect, has, sizeof(has));
	(void)format_size(f->governor.goal, goal, sizeof(goal));
	(void)format_size(f->site.state.available, left, sizeof(left));
	if (f->others_ended > 0)
		(void)snprintf(ended, sizeof(ended),
		    "; the OOM killer ended %" PRIu64 " of the target's",
		    f->others_ended);
	(void)snprintf(r->note, sizeof(r->note), "%s of %s held, %s available%s%s", has,
	    goal, left, brakes[f->governor.brake], ended);
}

/* One that ended; everything else of the crew goes with the fault.  In v2 the target's
 * count has ours in it. */
static int
tell_lost(struct fault_run *r, int number, int status, struct err *e)
{
	struct filling *f = r->state;
	const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	uint64_t ours = f->site.place.version == 2;
	char size[32];

	r->lost = true;
	(void)format_size(atomic_load(&f->page->slot[number].held), size, sizeof(size));
	count_kills(f);
	if (!was_killed || f->killed_at == 0 ||
	    clock_boottime() - f->killed_at >= KILL_WAIT)
		return err_set(e, -ECHILD, "somebody ended a filler that held %s", size);
	while (crew_lost(&f->crew, &status) >= 0)
		ours += f->site.place.version == 2;
	f->others_ended += f->killed > ours ? f->killed - ours : 0;
	tell(r);
	return err_set(
	    e, -ENOMEM, "the kernel's OOM killer ended it (a filler that held %s)", size);
}

static int
check_crew(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;
	int status = 0, number = crew_lost(&f->crew, &status);

	if (number >= 0)
		return tell_lost(r, number, status, e);
	for (size_t i = 0; i < f->crew.count; i++) {
		const int error = atomic_load(&f->page->slot[i].error);

		if (error != 0)
			return err_set(e, -error, "%s: %s",
			    f->page->is_cache  ? "read into memory" :
			    f->page->is_locked ? "take and lock memory" :
						 "take memory",
			    strerror(error));
	}
	return 0;
}

/* At least the first of it is there, as the kernel says and not as the filler does. */
static int
memory_fill_verify(struct fault_run *r, struct err *e)
{
	const usec_t until = clock_boottime() + VERIFY_WAIT;
	struct filling *f = r->state;

	for (;;) {
		if (check_crew(r, e) < 0 || control(f, r->spec, e) < 0)
			return e->code;
		r->effect = sum_resident(f);
		if (r->effect > 0)
			break;
		if (clock_boottime() >= until)
			return err_set(e, -EBUSY,
			    f->held == 0 ? "the fillers get no memory" :
					   "the memory that was taken is not there");
		sleep_usec(VERIFY_PERIOD);
	}
	tell(r);
	return 0;
}

static int
memory_fill_hold(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;

	if (check_crew(r, e) < 0)
		return e->code;
	if (control(f, r->spec, e) < 0) {
		r->lost = true; /* the target's cgroup is gone */
		return e->code;
	}
	count_kills(f);
	r->effect = sum_resident(f);
	r->wake_ms =
	    f->held < f->governor.goal && f->governor.brake == MEMORY_FREE_TO_GROW ?
		GROWING_MS :
		HOLDING_MS;
	tell(r);
	return 0;
}

/* Reaped is freed: a process lets its memory go before it can be waited for. */
static int
memory_fill_release(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;

	(void)e;
	crew_reap(&f->crew);
	return 0;
}

/* The fillers' too, who inherit the filter. */
static const int syscalls[] = {
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(fadvise64),
	SCMP_SYS(futex),
	SCMP_SYS(kill),
	SCMP_SYS(memfd_create),
	SCMP_SYS(mincore),
	SCMP_SYS(mlock),
	SCMP_SYS(munlock),
	SCMP_SYS(prctl),
	SCMP_SYS(wait4),
	-1,
};

const struct fault fault_memory_fill = {
	.kind = &kind_memory_fill,
	.effect_unit = "bytes",
	.supported = memory_fill_supported,
	.how = fault_how_plain,
	.prepare = memory_fill_prepare,
	.stage = memory_fill_stage,
	.apply = memory_fill_apply,
	.verify = memory_fill_verify,
	.hold = memory_fill_hold,
	.release = memory_fill_release,
	.syscalls = syscalls,
	.runs_tools = true, /* fillers are started by exec */
};
