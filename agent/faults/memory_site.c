/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The refusals of memory.fill.  All figures are taken twice, when it is prepared and when it
 * begins: what others use in between may be another amount.
 */
#include "memory_site.h"
#include "cgroup_memory.h"
#include "child_group.h"
#include "err.h"
#include "parse.h"
#include "proc.h"
#include <errno.h>
#include <unistd.h>

#define PER_FILLER    (UINT64_C(64) << 20) /* less is not worth another process */
#define FILLERS_MOST  16
#define OVERHEAD      (UINT64_C(4) << 20) /* of a filler: itself, and page tables */
#define OVERHEAD_PART 256

struct memory_ask
memory_ask_of(const struct spec *s)
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
find_place(struct memory_site *s, const struct child_group *g)
{
	struct err why = { 0 };

	s->place.dir = -1;
	if (s->is_target) {
		s->place = g->target;
		return;
	}
	if (cgroup_place_of("memory", getpid(), &s->place, &why) < 0) {
		s->place.dir = -1; /* no controller, or a path that cannot be seen */
		return;
	}
	if (s->place.version == 2 && g->name[0] != '\0')
		cgroup_place_close(&s->place); /* fillers are below the root instead */
}

int
memory_site_find(struct memory_site *s, const struct child_group *g,
    const struct spec *spec, struct err *e)
{
	*s = (struct memory_site){
		.is_target = g->has_target,
		.is_ours_first = spec_num(spec, "oom") == 0,
		.state.total = proc_memory_total(),
	};
	find_place(s, g);
	return s->is_target && s->is_ours_first ? cgroup_memory_oom_plain(&s->place, e) :
						  0;
}

int
memory_site_look(struct memory_site *s, const struct spec *spec, struct err *e)
{
	struct cgroup_memory m = { .limit = UINT64_MAX, .available = UINT64_MAX };
	const uint64_t available = proc_memory_available();

	if (available != UINT64_MAX) /* else as it was: no descriptor to be had */
		s->state.available = available;
	if (s->place.dir >= 0 && cgroup_memory_read(&s->place, &m, e) < 0)
		return e->code;
	s->state.limit = m.limit;
	s->state.below = m.available;
	if (!spec_has(spec, "pressure"))
		return 0;
	return s->is_target ? cgroup_memory_pressure(&s->place, &s->pressure, e) :
			      proc_memory_pressure(&s->pressure, e);
}

size_t
memory_fillers(uint64_t goal)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const size_t most = cpus > FILLERS_MOST ? FILLERS_MOST :
			    cpus < 1            ? 1 :
						  (size_t)cpus;

	return goal / PER_FILLER + 1 < most ? (size_t)(goal / PER_FILLER) + 1 : most;
}

/* What the fillers need below a limit for themselves and their page tables. */
static uint64_t
overhead(uint64_t goal)
{
	return goal / OVERHEAD_PART + memory_fillers(goal) * OVERHEAD;
}

static int
check_limit(const struct memory_site *s, uint64_t goal, struct err *e)
{
	const uint64_t own = overhead(goal), below = s->state.below;
	char asked[32], more[32], has[32];

	if (!s->is_ours_first || (goal <= below && own <= below - goal))
		return 0;
	return err_set(e, -ENOMEM,
	    "%s are asked for (and %s for the fillers themselves), only %s are available "
	    "below the limit of cgroup '/%s': the kernel would end the fault; with oom: "
	    "anyone it may end others",
	    format_size(goal, asked, sizeof(asked)), format_size(own, more, sizeof(more)),
	    format_size(below, has, sizeof(has)), s->place.path);
}

int
memory_site_check(const struct memory_site *s, const struct memory_ask *a, uint64_t goal,
    uint64_t keep_free, struct err *e)
{
	char asked[32], has[32], keep[32];

	if (a->way == MEMORY_PERCENT_LIMIT && s->state.limit == UINT64_MAX)
		return err_invalid(e, "cgroup '/%s' has no memory limit", s->place.path);
	if (goal < MEMORY_LEAST)
		return err_set(e, -EALREADY,
		    "nothing to take: %s are available, which is what was asked for, or "
		    "less",
		    format_size(memory_available(&s->state), has, sizeof(has)));
	if (goal > memory_room(&s->state, keep_free))
		return err_refused(e,
		    "%s are asked for: of the %s available on the host %s must stay "
		    "(keep_free)",
		    format_size(goal, asked, sizeof(asked)),
		    format_size(s->state.available, has, sizeof(has)),
		    format_size(keep_free, keep, sizeof(keep)));
	return check_limit(s, goal, e);
}

struct memory_kills
memory_site_kills(struct memory_site *s)
{
	const uint64_t host = proc_oom_kills();
	const uint64_t place = s->place.dir >= 0 ? cgroup_memory_oom_kills(&s->place) : 0;
	const struct memory_kills since = {
		.host = host > s->kills_host ? host - s->kills_host : 0,
		.place = place > s->kills_place ? place - s->kills_place : 0,
	};

	s->kills_host = host;
	s->kills_place = place;
	return since;
}
