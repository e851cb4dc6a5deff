/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu.load: each listed CPU busy at a percentage, whatever else runs on it.  The burners do
 * the burning; the holder, ten times a second, gives each what the asked percentage leaves
 * beside the others' use.
 */
#include "child_group.h"
#include "cleanup.h"
#include "cpu_share.h"
#include "fault.h"
#include "load.h"
#include "proc.h"
#include "xalloc.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONTROL_MS    100
#define VERIFY_WAIT   (2 * USEC_PER_SEC)
#define VERIFY_PERIOD (2 * USEC_PER_MSEC)

struct loading {
	struct load load;
	struct cpu_share *shares; /* one per burner */
	uint64_t *idle;           /* of every CPU, as last read */
	size_t cpus;              /* of the machine, as far as we look */
	struct child_group group;
	usec_t applied;
};

static int
cpu_load_supported(struct err *e)
{
	uint64_t idle;

	return proc_cpu_idle(&idle, 1, e);
}

static void
describe(struct fault_run *r, const struct loading *l)
{
	const size_t count = l->load.count;
	char percent[32];

	(void)spec_format(r->spec, "percent", percent, sizeof(percent));
	fault_op(r, "start %zu burner%s, asleep, each pinned to its CPU", count,
	    count == 1 ? "" : "s");
	fault_op(r, "wake %s: every CPU listed is kept %s busy",
	    count == 1 ? "it" : "them", percent);
	(void)snprintf(r->note, sizeof(r->note), "%zu CPU%s to be kept %s busy%s", count,
	    count == 1 ? "" : "s", percent,
	    l->group.name[0] != '\0' ? "" :
				       "; no cgroup v2: burners end with their holder");
}

static int
cpu_load_prepare(struct fault_run *r, struct err *e)
{
	struct loading *l = xcalloc(1, sizeof(*l));

	r->state = l;
	if (load_init(&l->load, spec_text(r->spec, "cpus"), e) < 0)
		return e->code;
	l->shares = xcalloc(l->load.count, sizeof(*l->shares));
	l->cpus = (size_t)l->load.cpu[l->load.count - 1] + 1;
	l->idle = xcalloc(l->cpus, sizeof(*l->idle));
	if (child_group_plan(&l->group, r, "cpu", e) < 0)
		return e->code;
	undo_add(&r->undo,
	    (struct undo){ .op = UNDO_DESCRIPTOR, .num = { l->load.crew.leash } });
	describe(r, l);
	r->wake_ms = -1;
	return 0;
}

/* Read the clocks of all CPUs and set every burner's share by them. */
static int
control(struct fault_run *r, struct err *e)
{
	const uint32_t asked = (uint32_t)spec_num(r->spec, "percent") * 10;
	struct loading *l = r->state;

	if (proc_cpu_idle(l->idle, l->cpus, e) < 0)
		return e->code;
	for (size_t i = 0; i < l->load.count; i++) {
		const unsigned cpu = l->load.cpu[i];
		const struct cpu_sample now = {
			.wall = clock_boottime(),
			.idle = l->idle[cpu],
			.used = load_used_ns(&l->load, i) / NSEC_PER_USEC,
		};

		if (now.idle == PROC_CPU_OFFLINE)
			return err_set(e, -ENODEV, "CPU %u went offline", cpu);
		cpu_share_add(&l->shares[i], &now);
		load_share(&l->load, i, cpu_share_of(&l->shares[i], asked));
	}
	return 0;
}

static int
cpu_load_stage(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;

	if (child_group_make(&l->group, r, e) < 0)
		return e->code;
	if (load_start(&l->load, r->spec->id, &l->group, e) < 0)
		return e->code;
	/* the first sample: what others use until apply is known by then */
	return control(r, e);
}

static int
cpu_load_apply(struct fault_run *r, struct err *e)
{
	struct loading *l = r->state;

	if (control(r, e) < 0)
		return e->code;
	load_go(&l->load);
	l->applied = clock_boottime();
	for (size_t i = 0; i < l->load.count; i++)
		cpu_share_begin(&l->shares[i]);
	r->wake_ms = CONTROL_MS;
	return 0;
}

/* Each burner that was given a share has used some of it.  One whose CPU is as busy as was
 * asked already has none; if that is so everywhere the fault would be without effect. */
static int
cpu_load_verify(struct fault_run *r, struct err *e)
{
	const usec_t until = clock_boottime() + VERIFY_WAIT;
	struct loading *l = r->state;
	size_t given = 0;

	for (size_t i = 0; i < l->load.count; i++) {
		if (cpu_share_given(&l->shares[i]) == 0)
			continue;
		given++;
		while (load_used_ns(&l->load, i) == 0) {
			if (clock_boottime() >= until)
				return err_set(e, -EBUSY,
				    "the burner of CPU %u gets no time to run",
				    l->load.cpu[i]);
			sleep_usec(VERIFY_PERIOD);
		}
	}
	if (given == 0)
		return err_set(e, -EALREADY,
		    "no effect: without us the CPUs are busier than was asked");
	return 0;
}

static void
tell(struct fault_run *r)
{
	const struct loading *l = r->state;
	uint64_t sum = 0;
	char percent[32];

	assert(l->load.count > 0); /* load_init sees to it */
	for (size_t i = 0; i < l->load.count; i++)
		sum += cpu_share_seen(&l->shares[i]);
	r->effect = sum / l->load.count;
	(void)spec_format(r->spec, "percent", percent, sizeof(percent));
	(void)snprintf(r->note, sizeof(r->note),
	    "asked %s, seen %" PRIu64 ".%02" PRIu64 "%% busy on %zu CPU%s%s", percent,
	    r->effect / 1000, r->effect % 1000 / 10, l->load.count,
	    l->load.count == 1 ? "" : "s",
	    l->group.name[0] != '\0' ? "" :
				       "; no cgroup v2: burners end with their holder");
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
	if (control(r, e) < 0) {
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
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(wait4),
	-1,
};

const struct fault fault_cpu_load = {
	.kind = &kind_cpu_load,
	.effect_unit = "% of CPU × 1000",
	.supported = cpu_load_supported,
	.how = fault_how_plain,
	.prepare = cpu_load_prepare,
	.stage = cpu_load_stage,
	.apply = cpu_load_apply,
	.verify = cpu_load_verify,
	.hold = cpu_load_hold,
	.release = cpu_load_release,
	.syscalls = syscalls,
	.runs_tools = true, /* burners are started by exec */
};
