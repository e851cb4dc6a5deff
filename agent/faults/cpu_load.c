/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu.load: each listed CPU, or a target's quota, busy at a percentage.  The burners do the
 * burning; the holder, forty times a second, gives each what the asked percentage leaves
 * beside the others' use.  Others who are busier than was asked are no failure, as they may
 * stop: the fault is then without effect so far, and says so.
 */
#include "child_group.h"
#include "cpu_control.h"
#include "fault.h"
#include "load_class.h"
#include "proc.h"
#include "xalloc.h"
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define VERIFY_WAIT   (2 * USEC_PER_SEC)
#define VERIFY_PERIOD (2 * USEC_PER_MSEC)
#define EFFECT_LEAST  1000 /* µs burnt: below that it is only our own looking around */
#define EFFECT_SHARE  200  /* and less than this part of the time is, too */
#define WHAT_MAX      (PATH_LEN_MAX + 64)
#define SHORT_OF      2000 /* thousandths of a percent: worth a word */
/* What a burner may catch up by itself.  With mode=total that is the control's to decide. */
#define CLAIM_ADD     UINT64_C(100000000) /* ns */
#define CLAIM_TOTAL   UINT64_C(3000000)

enum { MODE_TOTAL, MODE_ADD };

struct loading {
	struct load load;
	struct child_group group;
	struct cgroup_cpu target;
	struct cpu_control control;
	struct load_how how;
	usec_t applied;
};

static int
cpu_load_supported(struct err *e)
{
	uint64_t idle;

	return proc_cpu_idle(&idle, 1, e);
}

static void
cpu_load_how(char *buf, size_t size)
{
	struct cpu_ran c;

	cpu_ran_open(&c);
	(void)snprintf(buf, size, "measured by /proc/stat%s%s",
	    c.source != CPU_RAN_NONE ? " and " : " alone, coarsely",
	    cpu_ran_name(c.source));
	if (c.tree >= 0)
		(void)close(c.tree); /* an O_PATH descriptor */
}

static bool
only_adds(const struct fault_run *r)
{
	return spec_num(r->spec, "mode") == MODE_ADD;
}

/* "2 CPUs", "the quota of 0.50 CPUs in cgroup '/x'" */
static const char *
of_what(const struct loading *l, char *buf, size_t size)
{
	const size_t count = l->load.count;
	char where[PATH_LEN_MAX + 16];

	(void)child_group_where(&l->group, where, sizeof(where));
	if (l->target.quota > 0)
		(void)snprintf(buf, size, "the quota of %.2f CPUs%s",
		    (double)l->target.quota / LOAD_WHOLE, where);
	else
		(void)snprintf(
		    buf, size, "%zu CPU%s%s", count, count == 1 ? "" : "s", where);
	return buf;
}

static const char *
without_cgroup(const struct loading *l)
{
	return l->group.name[0] != '\0' ? "" :
					  "; no cgroup v2: burners end with their holder";
}

/* Cut off where it is full: what matters comes first. */
static void __attribute__((format(printf, 2, 3)))
set_note(struct fault_run *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(r->note, sizeof(r->note), fmt, args);
	va_end(args);
}

static void
describe(struct fault_run *r, const struct loading *l)
{
	const size_t count = l->load.count;
	char percent[32], whole[WHAT_MAX], by[64];

	(void)spec_format(r->spec, "percent", percent, sizeof(percent));
	(void)of_what(l, whole, sizeof(whole));
	fault_op(r, "start %zu burner%s, asleep, each pinned to its CPU", count,
	    count == 1 ? "" : "s");
	if (only_adds(r))
		fault_op(r, "wake %s: %s of %s is used, beside what others use",
		    count == 1 ? "it" : "them", percent, whole);
	else
		fault_op(r, "wake %s: %s of %s is kept busy, counting what others use",
		    count == 1 ? "it" : "them", percent, whole);
	set_note(r, "%s of %s; measured by %s%s", percent, whole,
	    cpu_control_sources(&l->control, by, sizeof(by)), without_cgroup(l));
}

static struct load_how
how_of(const struct fault_run *r)
{
	static const int policies[] = { SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_FIFO,
		SCHED_RR };

	return (struct load_how){
		.policy = policies[spec_num(r->spec, "scheduler")],
		.nice = (int)spec_num(r->spec, "nice"),
		.claim_ns = only_adds(r) ? CLAIM_ADD : CLAIM_TOTAL,
	};
}

/* As many burners as the quota is worth CPUs: more would only wake up for less each. */
static int
choose(struct fault_run *r, struct loading *l, struct err *e)
{
	char within[4096];
	const struct load_cpus cpus = {
		.list = spec_text(r->spec, "cpus"),
		.within = cgroup_cpu_cpus(&l->target, within, sizeof(within)),
		.most = l->target.quota > 0 ?
			    (l->target.quota + LOAD_WHOLE - 1) / LOAD_WHOLE :
			    LOAD_CPUS_MAX,
	};
	uint64_t usage;

	if (l->target.quota > 0 && !only_adds(r) &&
	    cgroup_cpu_usage(&l->target, &usage, e) < 0)
		return e->code;
	return load_init(&l->load, &cpus, &l->how, e);
}

static int
cpu_load_prepare(struct fault_run *r, struct err *e)
{
	struct loading *l = xcalloc(1, sizeof(*l));

	r->state = l;
	l->how = how_of(r);
	if (child_group_plan(&l->group, r, "cpu", e) < 0)
		return e->code;
	cgroup_cpu_open(&l->target, l->group.has_target ? &l->group.target : NULL);
	if (choose(r, l, e) < 0)
		return e->code;
	cpu_control_init(&l->control, &l->load, &l->target, only_adds(r));
	undo_add(&r->undo,
	    (struct undo){ .op = UNDO_DESCRIPTOR, .num = { l->load.crew.leash } });
	describe(r, l);
	r->wake_ms = -1;
	return 0;
}

/* In millionths: from's way to percent, as far as it has come. */
static uint32_t
asked_now(const struct fault_run *r)
{
	const struct loading *l = r->state;
	const int64_t to = spec_num(r->spec, "percent") * 10;
	const usec_t ramp = (usec_t)spec_num(r->spec, "ramp");
	const usec_t since = l->applied == 0 ? 0 : clock_boottime() - l->applied;
	int64_t from;

	if (ramp == 0 || since >= ramp)
		return (uint32_t)to;
	from = spec_num(r->spec, "from") * 10;
	return (uint32_t)(from +
			  (int64_t)((double)(to - from) * (double)since / (double)ramp));
}

static int
cpu_load_stage(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;

	if (child_group_make(&l->group, r, e) < 0)
		return e->code;
	load_class_of_group(&l->how, l->group.dir, l->group.v1_dir);
	if (load_start(&l->load, r->spec->id, &l->group, e) < 0)
		return e->code;
	/* the first sample: what others use until apply is known by then */
	return cpu_control_turn(&l->control, asked_now(r), e);
}

static int
cpu_load_apply(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;

	if (cpu_control_turn(&l->control, asked_now(r), e) < 0)
		return e->code;
	load_go(&l->load);
	l->applied = clock_boottime();
	cpu_control_begin(&l->control);
	r->wake_ms = CPU_CONTROL_MS;
	return 0;
}

/* Each burner that was given a share gets to use some of it.  Only SCHED_IDLE may wait for
 * ever: that is what it is for. */
static int
cpu_load_verify(struct fault_run *r, struct err *e)
{
	const usec_t until = clock_boottime() + VERIFY_WAIT;
	struct loading *l = r->state;

	if (l->how.policy == SCHED_IDLE)
		return 0;
	for (size_t i = 0; i < l->load.count; i++) {
		while (load_given(&l->load, i) > 0 && load_used_ns(&l->load, i) == 0) {
			if (clock_boottime() >= until)
				return err_set(e, -EBUSY,
				    "the burner of CPU %u gets no time to run",
				    l->load.cpu[i]);
			sleep_usec(VERIFY_PERIOD);
		}
	}
	return 0;
}

/* What is burnt before others are known is none. */
static bool
has_effect(const struct fault_run *r, const struct cpu_figures *f)
{
	const struct loading *l = r->state;
	const uint64_t since = clock_boottime() - l->applied;

	return f->ours_us >= EFFECT_LEAST &&
	       f->ours_us * EFFECT_SHARE >= since * l->load.count;
}

/* Why it is not what was asked, if it is not. */
static const char *
why_not(const struct fault_run *r, const struct cpu_figures *f, char *buf, size_t size)
{
	const uint32_t asked = asked_now(r) / 10;

	buf[0] = '\0';
	if (spec_has(r->spec, "ramp")) /* the mean says little then */
		return buf;
	if (only_adds(r) && f->seen + SHORT_OF < asked)
		(void)snprintf(buf, size, ": others leave it no more");
	else if (only_adds(r))
		return buf;
	else if (!has_effect(r, f) || f->seen > asked + SHORT_OF)
		(void)snprintf(
		    buf, size, ": others alone use %" PRIu32 "%%", f->others / 1000);
	else if (f->seen + SHORT_OF < asked)
		(void)snprintf(buf, size, ": no more is left for it");
	return buf;
}

static void
tell(struct fault_run *r)
{
	const struct loading *l = r->state;
	const struct cpu_figures f = cpu_control_figures(&l->control);
	char percent[16], whole[WHAT_MAX], why[64];

	r->effect = has_effect(r, &f) ? f.seen : 0;
	(void)spec_format(r->spec, "percent", percent, sizeof(percent));
	set_note(r, "asked %s, %s %" PRIu32 ".%02" PRIu32 "%% of %s%s%s", percent,
	    only_adds(r) ? "used" : "seen busy", f.seen / 1000, f.seen % 1000 / 10,
	    of_what(l, whole, sizeof(whole)), why_not(r, &f, why, sizeof(why)),
	    without_cgroup(l));
}

static int
cpu_load_hold(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;
	int cpu = load_lost(&l->load);

	if (cpu >= 0) {
		r->lost = true;
		return err_set(e, -ECHILD, "somebody ended the burner of CPU %d", cpu);
	}
	if (cpu_control_turn(&l->control, asked_now(r), e) < 0) {
		r->lost = true;
		return e->code;
	}
	tell(r);
	return 0;
}

static int
cpu_load_release(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;

	(void)e;
	load_reap(&l->load);
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(futex),
	SCMP_SYS(kill),
	SCMP_SYS(memfd_create),
	SCMP_SYS(prctl),
	SCMP_SYS(sched_get_priority_min),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_setscheduler),
	SCMP_SYS(setpriority),
	SCMP_SYS(wait4),
	-1,
};

const struct fault fault_cpu_load = {
	.kind = &kind_cpu_load,
	.effect_unit = "% of CPU × 1000",
	.supported = cpu_load_supported,
	.how = cpu_load_how,
	.prepare = cpu_load_prepare,
	.stage = cpu_load_stage,
	.apply = cpu_load_apply,
	.verify = cpu_load_verify,
	.hold = cpu_load_hold,
	.release = cpu_load_release,
	.syscalls = syscalls,
	.runs_tools = true, /* burners are started by exec */
};
