/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.throttle: a limit on what a cgroup does to one disk, set in the cgroup that is there.
 * Nothing of ours holds it: it is a knob, and its record turns it back (knob.h).  What is
 * not already limited by the kernel's rules of that host (a controller that is not enabled,
 * the root of the tree) is refused rather than arranged.
 */
#include "block.h"
#include "cgroup_place.h"
#include "container.h"
#include "fault.h"
#include "knob.h"
#include "parse.h"
#include "place.h"
#include "xalloc.h"
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS     1000
#define V1_BUFFERED "; v1: buffered writes pass"

struct limit {
	const char *param;
	const char *key;  /* in io.max */
	const char *file; /* in v1 */
	bool is_write;
};

static const struct limit limits[] = {
	{ "read_rate", "rbps", "blkio.throttle.read_bps_device", false },
	{ "write_rate", "wbps", "blkio.throttle.write_bps_device", true },
	{ "read_iops", "riops", "blkio.throttle.read_iops_device", false },
	{ "write_iops", "wiops", "blkio.throttle.write_iops_device", true },
};
#define LIMITS (sizeof(limits) / sizeof(limits[0]))

struct throttling {
	struct block_disk disk;
	struct cgroup_place target;
	struct undo knobs[LIMITS];
	size_t count;
	char asked[64]; /* "read 1 MiB/s, 10 writes/s" */
	struct block_usage before, last;
	usec_t since, last_at;
};

static int
disk_throttle_supported(struct err *e)
{
	struct cgroup_place root = { .dir = -1 };
	int rc = cgroup_place_find("io", "/", &root, e);

	cgroup_place_close(&root);
	return rc;
}

static void
disk_throttle_how(char *buf, size_t size)
{
	struct cgroup_place root = { .dir = -1 };
	struct err why = { 0 };

	(void)cgroup_place_find("io", "/", &root, &why);
	(void)snprintf(buf, size, "%s",
	    root.version == 2 ? "cgroup v2 io.max" :
				"cgroup v1 blkio, which lets buffered writes pass");
	cgroup_place_close(&root);
}

/* --- whom ------------------------------------------------------------------------------ */

static int
find_target(struct throttling *t, const struct spec *s, struct err *e)
{
	struct container c;
	int rc;

	if (spec_has(s, "cgroup"))
		rc = cgroup_place_find("io", spec_text(s, "cgroup"), &t->target, e);
	else if ((rc = container_find(spec_text(s, "container"), &c, e)) == 0)
		rc = cgroup_place_of("io", c.init.pid, &t->target, e);
	if (rc == 0 && t->target.path[0] == '\0')
		return err_refused(
		    e, "the root cgroup is the whole host: name a group below it");
	return rc;
}

static bool
is_within(const char *path, const char *group)
{
	const size_t len = strlen(group);

	return strncmp(path, group, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Whoever stops the drill must not wait for the disk that the drill made slow. */
static int
check_not_ours(const struct throttling *t, const struct fault_run *r, struct err *e)
{
	const struct {
		pid_t pid;
		const char *what;
	} ours[] = {
		{ getpid(), "the agent" },
		{ r->protect->agent_pid, "the agent" },
		{ r->protect->controller_pid, "the controller" },
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		struct cgroup_place p = { .dir = -1 };
		struct err why = { 0 };
		bool is_ours = ours[i].pid > 0 &&
			       cgroup_place_of("io", ours[i].pid, &p, &why) == 0 &&
			       is_within(p.path, t->target.path);

		cgroup_place_close(&p);
		if (is_ours)
			return err_refused(e, "%s itself is in cgroup '/%s'",
			    ours[i].what, t->target.path);
	}
	return 0;
}

/* Why a group of v2 has no io.max. */
static int
explain_missing(const struct cgroup_place *p, struct err *e)
{
	char list[256] = "";

	(void)cgroup_place_read(p, "cgroup.controllers", list, sizeof(list));
	for (const char *c = list; c != NULL; c = strchr(c, ' ')) {
		c += *c == ' ';
		if (strncmp(c, "io", 2) == 0 && (c[2] == ' ' || c[2] == '\0'))
			return err_unsupported(e,
			    "this kernel has no throttling of disks "
			    "(CONFIG_BLK_DEV_THROTTLING)");
	}
	return err_unsupported(e,
	    "the io controller is not enabled for cgroup '/%s': its parent's "
	    "cgroup.subtree_control does not have it (systemd: IOAccounting=yes)",
	    p->path);
}

/* --- how much -------------------------------------------------------------------------- */

/* A fault that loosens is none. */
static int
check_tighter(const struct throttling *t, const struct spec *s, struct err *e)
{
	size_t knob = 0;
	char value[64];

	for (size_t i = 0; i < LIMITS; i++) {
		const bool is_v2 = t->target.version == 2;
		uint64_t is;

		if (!spec_has(s, limits[i].param))
			continue;
		is =
		    knob_limit(&t->knobs[is_v2 ? 0 : knob++], is_v2 ? limits[i].key : "");
		if (is <= (uint64_t)spec_num(s, limits[i].param))
			return err_set(e, -EALREADY,
			    "no effect: %s=%s is no less than what cgroup '/%s' may do "
			    "already",
			    limits[i].param,
			    spec_format(s, limits[i].param, value, sizeof(value)),
			    t->target.path);
	}
	return 0;
}

static int
plan_v1(struct throttling *t, struct fault_run *r, struct err *e)
{
	for (size_t i = 0; i < LIMITS; i++) {
		struct undo *u = &t->knobs[t->count];

		if (!spec_has(r->spec, limits[i].param))
			continue;
		(void)snprintf(u->now, sizeof(u->now), "%u:%u %" PRId64, t->disk.major,
		    t->disk.minor, spec_num(r->spec, limits[i].param));
		if (knob_plan(r->ctx, &t->target, limits[i].file, u, e) < 0)
			return e->code;
		t->count++;
	}
	return 0;
}

static int
plan_v2(struct throttling *t, struct fault_run *r, struct err *e)
{
	struct undo *u = &t->knobs[t->count];
	size_t n = (size_t)snprintf(
	    u->now, sizeof(u->now), "%u:%u", t->disk.major, t->disk.minor);

	if (faccessat(t->target.dir, "io.max", F_OK, 0) < 0)
		return explain_missing(&t->target, e);
	for (size_t i = 0; i < LIMITS; i++) {
		if (spec_has(r->spec, limits[i].param))
			n += (size_t)snprintf(u->now + n, sizeof(u->now) - n,
			    " %s=%" PRId64, limits[i].key,
			    spec_num(r->spec, limits[i].param));
	}
	if (knob_plan(r->ctx, &t->target, "io.max", u, e) < 0)
		return e->code;
	t->count++;
	return 0;
}

/* "read 1 MiB/s, 10 writes/s" */
static void
describe_limits(struct throttling *t, const struct spec *s)
{
	char *to = t->asked, size[32];
	size_t n = 0;

	for (size_t i = 0; i < LIMITS && n < sizeof(t->asked); i++) {
		const int64_t num = spec_num(s, limits[i].param);
		const char *word = limits[i].is_write ? "write" : "read";

		if (!spec_has(s, limits[i].param))
			continue;
		if (strstr(limits[i].param, "rate") != NULL)
			n += (size_t)snprintf(to + n, sizeof(t->asked) - n, "%s%s %s/s",
			    n > 0 ? ", " : "", word,
			    format_size((uint64_t)num, size, sizeof(size)));
		else
			n += (size_t)snprintf(to + n, sizeof(t->asked) - n,
			    "%s%" PRId64 " %ss/s", n > 0 ? ", " : "", num, word);
	}
}

/* "sda held to read 1 MiB/s by '/x': not used yet" */
static void
note(struct fault_run *r, const char *how, const char *rates)
{
	const struct throttling *t = r->state;

	(void)snprintf(r->note, sizeof(r->note), "%.10s %s %.44s for '/%.20s'%s%.45s%s",
	    t->disk.name, how, t->asked, t->target.path, rates[0] != '\0' ? ": " : "",
	    rates, t->target.version == 1 ? V1_BUFFERED : "");
}

static int
find_disk(struct throttling *t, const struct fault_run *r, struct err *e)
{
	const char *path = spec_text(r->spec, "path");
	struct place place;
	int rc, dir = place_pin(&place, path, e);

	if (dir < 0)
		return dir;
	rc = place_check(dir, r, e);
	if (rc == 0)
		rc = block_disk_of(dir, &t->disk, e);
	(void)close(dir); /* an O_PATH descriptor */
	return rc < 0 ? err_wrap(e, "'%s'", path) : 0;
}

static int
disk_throttle_prepare(struct fault_run *r, struct err *e)
{
	struct throttling *t = xcalloc(1, sizeof(*t));

	t->target.dir = -1;
	r->state = t;
	if (find_disk(t, r, e) < 0 || find_target(t, r->spec, e) < 0)
		return e->code;
	if (check_not_ours(t, r, e) < 0)
		return e->code;
	if ((t->target.version == 2 ? plan_v2 : plan_v1)(t, r, e) < 0)
		return e->code;
	if (check_tighter(t, r->spec, e) < 0)
		return e->code;
	for (size_t i = 0; i < t->count; i++) {
		undo_add(&r->undo, t->knobs[i]);
		fault_op(r, "write '%s' to '%s'", t->knobs[i].now, t->knobs[i].name);
	}
	describe_limits(t, r->spec);
	note(r, "to be held to", "");
	r->wake_ms = -1;
	return 0;
}

/* --- in force -------------------------------------------------------------------------- */

static int
disk_throttle_stage(struct fault_run *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0; /* there is nothing that would have no effect */
}

static int
disk_throttle_apply(struct fault_run *r, struct err *e)
{
	struct throttling *t = r->state;

	for (size_t i = 0; i < t->count; i++) {
		if (knob_turn(r->ctx, &t->knobs[i], e) < 0)
			return e->code;
	}
	t->since = t->last_at = clock_boottime();
	/* what it did before does not count; nothing is lost when it cannot be read */
	(void)block_usage(&t->target, &t->disk, &t->before, &(struct err){ 0 });
	t->last = t->before;
	r->wake_ms = LOOK_MS;
	return 0;
}

/* Bytes per second between two looks. */
static uint64_t
rate_of(uint64_t was, uint64_t is, usec_t time)
{
	return time == 0 || is < was ? 0 : (is - was) * USEC_PER_SEC / time;
}

static void
tell(struct fault_run *r, const struct block_usage *is, const struct block_usage *was,
    usec_t time)
{
	const struct throttling *t = r->state;
	const uint64_t read = rate_of(was->read, is->read, time);
	const uint64_t written = rate_of(was->written, is->written, time);
	const bool is_idle =
	    is->read == t->before.read && is->written == t->before.written;
	char a[16], b[16], rates[56];

	r->effect = read + written;
	(void)snprintf(rates, sizeof(rates), "reads %s/s, writes %s/s",
	    format_size(read, a, sizeof(a)), format_size(written, b, sizeof(b)));
	note(r, "held to", is_idle ? "not used yet" : rates);
}

static int
disk_throttle_verify(struct fault_run *r, struct err *e)
{
	struct throttling *t = r->state;

	for (size_t i = 0; i < t->count; i++) {
		if (knob_verify(r->ctx, &t->knobs[i], e) < 0)
			return e->code;
	}
	tell(r, &t->before, &t->before, 0);
	return 0;
}

static int
disk_throttle_hold(struct fault_run *r, struct err *e)
{
	const usec_t now = clock_boottime();
	struct throttling *t = r->state;
	struct block_usage is;

	if (now < t->last_at + LOOK_MS * USEC_PER_MSEC)
		return 0;
	for (size_t i = 0; i < t->count; i++) {
		int rc = knob_verify(r->ctx, &t->knobs[i], e);

		if (rc == 0)
			continue;
		r->lost = true;
		return rc == -ENOENT ?
			   err_set(e, rc, "cgroup '/%s' is gone", t->target.path) :
			   err_wrap(e, "somebody has changed the limit");
	}
	if (block_usage(&t->target, &t->disk, &is, e) < 0)
		return e->code;
	tell(r, &is, &t->last, now - t->last_at);
	t->last = is;
	t->last_at = now;
	return 0;
}

/* The average, for the report. */
static int
disk_throttle_release(struct fault_run *r, struct err *e)
{
	struct throttling *t = r->state;
	struct err why = { 0 };
	struct block_usage is;

	(void)e;
	if (t == NULL || t->target.dir < 0)
		return 0;
	if (t->since != 0 && block_usage(&t->target, &t->disk, &is, &why) == 0)
		tell(r, &is, &t->before, clock_boottime() - t->since);
	cgroup_place_close(&t->target);
	return 0;
}

/* Where the tree is not mounted it is mounted for ourselves. */
static const int syscalls[] = {
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	-1,
};

const struct fault fault_disk_throttle = {
	.kind = &kind_disk_throttle,
	.effect_unit = "bytes per second",
	.supported = disk_throttle_supported,
	.how = disk_throttle_how,
	.prepare = disk_throttle_prepare,
	.stage = disk_throttle_stage,
	.apply = disk_throttle_apply,
	.verify = disk_throttle_verify,
	.hold = disk_throttle_hold,
	.release = disk_throttle_release,
	.syscalls = syscalls,
};
