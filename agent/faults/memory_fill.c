/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.fill: memory that fillers hold, so that it is free again the moment they are gone.
 * The holder only says how much each is to hold, ten times a second and more often while it
 * grows: never more than leaves the floor free, less when pressure is too high.  In a target
 * the fillers are below its limit, and with oom=ours the first whom the kernel ends there.
 */
#include "cgroup_memory.h"
#include "child_group.h"
#include "crew.h"
#include "fault.h"
#include "leash.h"
#include "memory_goal.h"
#include "memory_page.h"
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
#define PER_FILLER    (UINT64_C(64) << 20) /* less is not worth another process */
#define HUGE_RATE     (UINT64_C(64) << 20) /* slower than this grows by small pages */
#define OVERHEAD      (UINT64_C(4) << 20)  /* of a filler: itself, and page tables */
#define OVERHEAD_PART 256
#define PATH_DEFAULT  "/var/tmp"

/* As last seen: what grew since was ended by the OOM killer. */
struct oom_kills {
	uint64_t host, place;
};

struct filling {
	struct memory_ask ask;
	struct memory_governor governor;
	struct memory_state state;
	uint32_t pressure;
	struct crew crew;
	struct memory_page *page;
	struct child_group group;
	struct cgroup_place place; /* whose limit the fillers are below; dir -1: none */
	uint64_t before[FILLERS_MAX]; /* own memory of each filler that had not begun */
	uint64_t held;
	struct oom_kills kills;
	uint64_t others_ended; /* in the target, by the OOM killer, since it began */
};

static int
memory_fill_supported(struct err *e)
{
	return proc_memory_available() == UINT64_MAX || proc_memory_total() == 0 ?
		   err_unsupported(e, "/proc/meminfo does not tell what is available") :
		   0;
}

/* --- what was asked for, and what there is --- */

static bool
is_ours_first(const struct fault_run *r)
{
	return spec_num(r->spec, "oom") == 0;
}

static bool
is_cache(const struct fault_run *r)
{
	return spec_num(r->spec, "content") != 0;
}

static struct memory_ask
ask_of(const struct spec *s)
{
	static const enum memory_way shares[] = { MEMORY_PERCENT_TOTAL,
		MEMORY_PERCENT_AVAILABLE, MEMORY_PERCENT_LIMIT };

	if (spec_has(s, "size"))
		return (struct memory_ask){ MEMORY_SIZE, (uint64_t)spec_num(s, "size") };
	if (spec_has(s, "leave"))
		return (
		    struct memory_ask){ MEMORY_LEAVE, (uint64_t)spec_num(s, "leave") };
	return (struct memory_ask){ shares[spec_num(s, "of")],
		(uint64_t)spec_num(s, "percent") };
}

/* The target's, or where v1 has memory and our own group of v2 does not, the agent's. */
static void
find_place(struct filling *f)
{
	struct err why = { 0 };

	f->place.dir = -1;
	if (f->group.has_target) {
		f->place = f->group.target;
		return;
	}
	if (cgroup_place_of("memory", getpid(), &f->place, &why) < 0) {
		f->place.dir = -1; /* no controller, or a path that cannot be seen */
		return;
	}
	if (f->place.version == 2 && f->group.name[0] != '\0')
		cgroup_place_close(&f->place); /* fillers are below the root instead */
}

static int
look(struct filling *f, const struct spec *s, struct err *e)
{
	struct cgroup_memory m = { .limit = UINT64_MAX, .available = UINT64_MAX };
	const uint64_t available = proc_memory_available();

	if (available != UINT64_MAX) /* else as it was: no descriptor to be had */
		f->state.available = available;
	if (f->place.dir >= 0 && cgroup_memory_read(&f->place, &m, e) < 0)
		return e->code;
	f->state.limit = m.limit;
	f->state.below = m.available;
	if (!spec_has(s, "pressure"))
		return 0;
	return f->group.has_target ? cgroup_memory_pressure(&f->place, &f->pressure, e) :
				     proc_memory_pressure(&f->pressure, e);
}

/* What the fillers need below a limit for themselves and their page tables. */
static uint64_t
overhead(uint64_t goal, size_t count)
{
	return goal / OVERHEAD_PART + count * OVERHEAD;
}

static size_t
fillers_for(uint64_t goal)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t most = cpus > FILLERS_MAX ? FILLERS_MAX : cpus < 1 ? 1 : (size_t)cpus;

	return goal / PER_FILLER + 1 < most ? (size_t)(goal / PER_FILLER) + 1 : most;
}

/* --- prepare --- */

static int
check_limit(
    const struct filling *f, const struct fault_run *r, uint64_t goal, struct err *e)
{
	const uint64_t needed = goal + overhead(goal, fillers_for(goal));
	char asked[32], below[32];

	if (!is_ours_first(r) || needed <= f->state.below)
		return 0;
	return err_set(e, -ENOMEM,
	    "%s are asked for (and %s for the fillers themselves), only %s are available "
	    "below the limit of cgroup '/%s': the kernel would end the fault; with oom: "
	    "anyone it may end others",
	    format_size(goal, asked, sizeof(asked)),
	    format_size(needed - goal, (char[32]){ 0 }, 32),
	    format_size(f->state.below, below, sizeof(below)), f->place.path);
}

static int
check_room(
    const struct filling *f, const struct fault_run *r, uint64_t goal, struct err *e)
{
	const uint64_t room = memory_room(&f->state, f->governor.keep_free);
	char asked[32], has[32], keep[32];

	(void)format_size(goal, asked, sizeof(asked));
	(void)format_size(f->state.available, has, sizeof(has));
	(void)format_size(f->governor.keep_free, keep, sizeof(keep));
	if (f->ask.way == MEMORY_PERCENT_LIMIT && f->state.limit == UINT64_MAX)
		return err_invalid(e, "cgroup '/%s' has no memory limit", f->place.path);
	if (goal < MEMORY_LEAST)
		return err_set(e, -EALREADY,
		    "nothing to take: %s are available, which is what was asked for, or "
		    "less",
		    format_size(memory_available(&f->state), has, sizeof(has)));
	if (goal > room)
		return err_refused(e,
		    "%s are asked for: of the %s available on the host %s must stay "
		    "(keep_free)",
		    asked, has, keep);
	return check_limit(f, r, goal, e);
}

static void
describe(const struct filling *f, struct fault_run *r, uint64_t goal)
{
	const size_t count = f->crew.count;
	char size[32], has[32], where[PATH_LEN_MAX + 32];

	(void)format_size(goal, size, sizeof(size));
	(void)format_size(memory_available(&f->state), has, sizeof(has));
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
	    format_size(memory_available(&f->state), has, sizeof(has)));
}

static int
prepare_crew(struct filling *f, struct fault_run *r, uint64_t goal, struct err *e)
{
	const uint64_t rate = f->governor.rate;
	const char *path = spec_text(r->spec, "path");

	if (crew_init(&f->crew, &work_fill_memory, fillers_for(goal), 0, e) < 0)
		return e->code;
	f->page = f->crew.page;
	f->page->is_cache = is_cache(r);
	f->page->is_locked = spec_num(r->spec, "lock") != 0;
	f->page->is_huge = !is_cache(r) && (rate == 0 || rate >= HUGE_RATE);
	f->page->oom_score = is_ours_first(r) ? 1000 : 0;
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
				 memory_keep_free(f->state.total),
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
	f->ask = ask_of(r->spec);
	f->state.total = proc_memory_total();
	if (child_group_plan(&f->group, r, "memory", e) < 0)
		return e->code;
	find_place(f);
	if (f->group.has_target && is_ours_first(r) &&
	    cgroup_memory_oom_plain(&f->place, e) < 0)
		return e->code;
	if (look(f, r->spec, e) < 0)
		return e->code;
	goal = memory_goal(&f->ask, &f->state);
	set_governor(f, r->spec, goal);
	if (check_room(f, r, goal, e) < 0 || prepare_crew(f, r, goal, e) < 0)
		return e->code;
	describe(f, r, goal);
	r->wake_ms = -1;
	return 0;
}

/* --- stage and apply --- */

static struct oom_kills
count_kills(const struct filling *f)
{
	return (struct oom_kills){
		.host = proc_oom_kills(),
		.place = f->place.dir >= 0 ? cgroup_memory_oom_kills(&f->place) : 0,
	};
}

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

/* As the kernel counts it, by process or by page. */
static uint64_t
sum_resident(const struct filling *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->crew.count; i++) {
		const struct memory_slot *s = &f->page->slot[i];
		const uint64_t held = atomic_load(&s->held);
		uint64_t there = atomic_load(&s->resident);

		if (!f->page->is_cache) {
			there = proc_memory_own(f->crew.pid[i]);
			there = there > f->before[i] ? there - f->before[i] : 0;
		}
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
	if (look(f, s, e) < 0)
		return e->code;
	set_target(f, memory_govern(&f->governor, &(struct memory_now){
						      .held = f->held,
						      .available = f->state.available,
						      .pressure = f->pressure,
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

	if (look(f, r->spec, e) < 0)
		return e->code;
	goal = memory_goal(&f->ask, &f->state);
	set_governor(f, r->spec, goal);
	if (check_room(f, r, goal, e) < 0)
		return e->code;
	for (size_t i = 0; i < f->crew.count; i++)
		f->page->slot[i].most = memory_share(goal, i, f->crew.count);
	f->kills = count_kills(f);
	r->wake_ms = GROWING_MS;
	return control(f, r->spec, e);
}

/* --- while it is in force --- */

/* One that ended; everything else of the crew goes with the fault. */
static int
tell_lost(struct filling *f, int number, int status, struct err *e)
{
	const struct oom_kills now = count_kills(f);
	const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	char size[32];

	(void)format_size(atomic_load(&f->page->slot[number].held), size, sizeof(size));
	if (was_killed && (now.host > f->kills.host || now.place > f->kills.place))
		return err_set(e, -ENOMEM,
		    "the kernel's OOM killer ended it (a filler that held %s)", size);
	return err_set(e, -ECHILD, "somebody ended a filler that held %s", size);
}

static int
check_crew(struct fault_run *r, struct err *e)
{
	struct filling *f = r->state;
	int status = 0, number = crew_lost(&f->crew, &status);

	if (number >= 0) {
		r->lost = true;
		return tell_lost(f, number, status, e);
	}
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

/* All of the crew is alive: whoever else was ended for want of memory is the target's. */
static void
count_others(struct filling *f)
{
	const struct oom_kills now = count_kills(f);

	if (f->group.has_target && now.place > f->kills.place)
		f->others_ended += now.place - f->kills.place;
	f->kills = now;
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
	(void)format_size(f->state.available, left, sizeof(left));
	if (f->others_ended > 0)
		(void)snprintf(ended, sizeof(ended),
		    "; the OOM killer ended %" PRIu64 " of the target's",
		    f->others_ended);
	(void)snprintf(r->note, sizeof(r->note), "%s of %s held, %s available%s%s", has,
	    goal, left, brakes[f->governor.brake], ended);
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
	count_others(f);
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
