/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.ports: running out of ports in three ways.  Occupied and used-up ports are held by
 * keepers, children that have a socket bound to each and do nothing else; a limit is a
 * firewall rule that counts.  The ways have little in common but whom they hurt, so each
 * has its own row of functions here.
 */
#include "child_group.h"
#include "cleanup.h"
#include "exhaust.h"
#include "fault.h"
#include "flows.h"
#include "keep.h"
#include "occupied.h"
#include "proc.h"
#include "steer.h"
#include "xalloc.h"
#include <errno.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

enum { PROTOCOL_TCP, PROTOCOL_UDP }; /* as in the kind's choices */
enum { LOOK_MS = 1000, FILES_LEAVE = 4096 };

#define SOCKET_BYTES UINT64_C(4096) /* of kernel memory: 3.9 KiB were measured */
#define MEMORY_LEAVE (UINT64_C(256) << 20)

struct porting {
	const struct way *way;
	uint8_t protocol;
	struct keep keep;
	struct child_group group; /* of the keepers */
	struct occupied occupied;
	struct exhaust exhaust;
	struct flows flows;
	struct steer steer;
};

struct way {
	const char *unit; /* of what is counted */
	int (*prepare)(struct fault_run *r, struct porting *p, struct err *e);
	int (*stage)(struct fault_run *r, struct porting *p, struct err *e);
	int (*apply)(struct fault_run *r, struct porting *p, struct err *e);
	int (*verify)(struct fault_run *r, struct porting *p, struct err *e);
	int (*hold)(struct fault_run *r, struct porting *p, struct err *e);
};

static const char *
protocol_name(const struct porting *p)
{
	return p->protocol == IPPROTO_TCP ? "TCP" : "UDP";
}

/* --- held by keepers -------------------------------------------------------------------- */

/* Sockets are kernel memory that cannot be reclaimed, and open files of the whole host. */
static int
check_room(size_t room, struct err *e)
{
	const uint64_t has = proc_memory_available(), wants = room * SOCKET_BYTES;
	const uint64_t files = proc_files_available();
	char has_text[32], wants_text[32];

	if (has < MEMORY_LEAVE || wants > has - MEMORY_LEAVE)
		return err_refused(e,
		    "%zu sockets take %s of memory, and of the %s that the machine has "
		    "available 256 MiB must stay",
		    room, format_size(wants, wants_text, sizeof(wants_text)),
		    format_size(has, has_text, sizeof(has_text)));
	if (files < room + FILES_LEAVE)
		return err_refused(e,
		    "%zu sockets are too many: the host may open only %llu more files "
		    "(fs.file-max), of which %d must stay",
		    room, (unsigned long long)files, FILES_LEAVE);
	return 0;
}

static int
prepare_keep(
    struct fault_run *r, struct porting *p, const struct keep_plan *plan, struct err *e)
{
	if (check_room(plan->room, e) < 0 || keep_init(&p->keep, plan, e) < 0)
		return e->code;
	if (child_group_plan(&p->group, r, NULL, e) < 0)
		return e->code;
	undo_add(&r->undo,
	    (struct undo){ .op = UNDO_DESCRIPTOR, .num = { p->keep.crew.leash } });
	fault_op(r, "stage: start %zu process%s with %zu %s socket%s, bound to nothing",
	    p->keep.keepers, p->keep.keepers == 1 ? "" : "es", plan->room,
	    protocol_name(p), plan->room == 1 ? "" : "s");
	return 0;
}

static int
keep_stage(struct fault_run *r, struct porting *p, struct err *e)
{
	if (child_group_make(&p->group, r, e) < 0)
		return e->code;
	return keep_start(&p->keep, r->spec->id, &p->group, e);
}

static int
check_keepers(struct fault_run *r, struct porting *p, struct err *e)
{
	if (!keep_lost(&p->keep))
		return 0;
	r->lost = true;
	return err_set(e, -ECHILD, "somebody ended a process that holds the ports");
}

/* --- occupy ----------------------------------------------------------------------------- */

static int
occupy_prepare(struct fault_run *r, struct porting *p, struct err *e)
{
	struct occupied *o = &p->occupied;
	struct keep_plan plan;
	char what[160];

	occupied_read(o, r->spec, p->protocol);
	if (occupied_check(o, e) < 0)
		return e->code;
	plan = (struct keep_plan){ .protocol = p->protocol,
		.listens = p->protocol == IPPROTO_TCP,
		.addresses = o->addresses,
		.addresses_count = o->addresses_count,
		.room = occupied_room(o) };
	if (prepare_keep(r, p, &plan, e) < 0)
		return e->code;
	occupied_put(o, &p->keep);
	(void)occupied_describe(o, r->spec, what, sizeof(what));
	fault_op(r, "apply: %s %s", plan.listens ? "bind to, and listen on," : "bind to",
	    what);
	(void)snprintf(r->note, sizeof(r->note), "%s", what);
	r->wake_ms = LOOK_MS;
	return 0;
}

static int
occupy_apply(struct fault_run *r, struct porting *p, struct err *e)
{
	(void)r;
	return keep_turn(&p->keep, e) < 0 ? e->code :
					    occupied_result(&p->occupied, &p->keep, e);
}

static int
occupy_verify(struct fault_run *r, struct porting *p, struct err *e)
{
	r->effect = keep_held(&p->keep);
	return check_keepers(r, p, e);
}

/* --- exhaust ---------------------------------------------------------------------------- */

static void
note_exhausted(struct fault_run *r, const struct porting *p)
{
	const struct exhaust *x = &p->exhaust;

	r->effect = keep_held(&p->keep);
	(void)snprintf(r->note, sizeof(r->note),
	    "%llu of the ephemeral %s ports %u-%u held, %zu left, %zu in use by others",
	    (unsigned long long)r->effect, protocol_name(p), x->range.from, x->range.to,
	    x->free, x->others);
}

static int
exhaust_prepare(struct fault_run *r, struct porting *p, struct err *e)
{
	struct exhaust *x = &p->exhaust;
	struct keep_plan plan = { .protocol = p->protocol };
	const size_t leave = (size_t)spec_num(r->spec, "leave");

	if (exhaust_init(x, p->protocol, leave, e) < 0)
		return e->code;
	plan.room = exhaust_room(x);
	if (prepare_keep(r, p, &plan, e) < 0)
		return e->code;
	fault_op(r,
	    "apply: bind them to the ephemeral ports %u-%u until %zu are left: now that "
	    "would be %zu",
	    x->range.from, x->range.to, leave, x->free - leave);
	(void)snprintf(r->note, sizeof(r->note),
	    "%zu of the ephemeral %s ports %u-%u to be held, %zu left", x->free - leave,
	    protocol_name(p), x->range.from, x->range.to, leave);
	r->wake_ms = LOOK_MS;
	return 0;
}

static int
exhaust_apply(struct fault_run *r, struct porting *p, struct err *e)
{
	(void)r;
	return exhaust_fill(&p->exhaust, &p->keep, e);
}

static int
exhaust_verify(struct fault_run *r, struct porting *p, struct err *e)
{
	note_exhausted(r, p);
	if (r->effect == 0)
		return err_set(e, -EADDRINUSE,
		    "not one ephemeral port could be held: others were quicker");
	if (p->exhaust.free > p->exhaust.leave)
		return err_set(e, -EBUSY, "%zu ephemeral ports are free, not %zu",
		    p->exhaust.free, p->exhaust.leave);
	return 0;
}

/* What others give back is taken, too. */
static int
exhaust_hold(struct fault_run *r, struct porting *p, struct err *e)
{
	if (check_keepers(r, p, e) < 0 || exhaust_fill(&p->exhaust, &p->keep, e) < 0)
		return e->code;
	note_exhausted(r, p);
	return 0;
}

/* --- limit ------------------------------------------------------------------------------ */

/* `port` is of this side here.  Connections from the host itself are meant, too: a balancer
 * before the service may be there. */
static int
limit_prepare(struct fault_run *r, struct porting *p, struct err *e)
{
	struct flows *f = &p->flows;
	struct steer *s = &p->steer;
	size_t used;

	if (flows_read(r, f, e) < 0)
		return e->code;
	memcpy(f->local_ports, f->ports, sizeof(f->local_ports));
	f->local_ports_count = f->ports_count;
	f->ports_count = 0;
	f->protocol = IPPROTO_TCP;
	f->egress = false;
	f->ingress = true;
	f->passes_loopback = false;
	s->flows = f;
	s->verdict = STEER_REJECT;
	s->connections = (uint32_t)spec_num(r->spec, "connections");
	s->keeps_established = s->connections == 0; /* every new one is too many */
	if (steer_prepare(r, s, e) < 0)
		return e->code;
	used = strlen(r->note);
	(void)snprintf(r->note + used, sizeof(r->note) - used,
	    ": at most %u new connections at a time", s->connections);
	return 0;
}

static int
limit_stage(struct fault_run *r, struct porting *p, struct err *e)
{
	return steer_stage(r, &p->steer, e);
}

static int
limit_apply(struct fault_run *r, struct porting *p, struct err *e)
{
	return steer_apply(r, &p->steer, e);
}

static int
limit_verify(struct fault_run *r, struct porting *p, struct err *e)
{
	return steer_verify(r, &p->steer, e);
}

static int
limit_hold(struct fault_run *r, struct porting *p, struct err *e)
{
	return steer_hold(r, &p->steer, e);
}

/* --- the fault -------------------------------------------------------------------------- */

static const struct way ways[] = {
	/* as in the kind's choices */
	{ "ports", occupy_prepare, keep_stage, occupy_apply, occupy_verify,
	    occupy_verify },
	{ "connections", limit_prepare, limit_stage, limit_apply, limit_verify,
	    limit_hold },
	{ "ports", exhaust_prepare, keep_stage, exhaust_apply, exhaust_verify,
	    exhaust_hold },
};

static int
net_ports_supported(struct err *e)
{
	(void)e;
	return 0; /* it depends on the mode: prepare will tell */
}

static int
net_ports_prepare(struct fault_run *r, struct err *e)
{
	struct porting *p = xcalloc(1, sizeof(*p));

	r->state = p;
	p->way = &ways[spec_num(r->spec, "mode")];
	p->protocol = IPPROTO_TCP;
	if (spec_has(r->spec, "protocol") &&
	    spec_num(r->spec, "protocol") == PROTOCOL_UDP)
		p->protocol = IPPROTO_UDP;
	r->effect_unit = p->way->unit;
	return p->way->prepare(r, p, e);
}

static int
net_ports_stage(struct fault_run *r, struct err *e)
{
	struct porting *p = r->state;

	return p->way->stage(r, p, e);
}

static int
net_ports_apply(struct fault_run *r, struct err *e)
{
	struct porting *p = r->state;

	return p->way->apply(r, p, e);
}

static int
net_ports_verify(struct fault_run *r, struct err *e)
{
	struct porting *p = r->state;

	return p->way->verify(r, p, e);
}

static int
net_ports_hold(struct fault_run *r, struct err *e)
{
	struct porting *p = r->state;

	return p->way->hold(r, p, e);
}

/* The leash has killed them: when they are reaped their sockets are closed. */
static int
net_ports_release(struct fault_run *r, struct err *e)
{
	struct porting *p = r->state;

	(void)e;
	if (p != NULL)
		keep_reap(&p->keep);
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(futex),
	SCMP_SYS(getrlimit),
	SCMP_SYS(kill),
	SCMP_SYS(listen),
	SCMP_SYS(memfd_create),
	SCMP_SYS(prctl),
	SCMP_SYS(prlimit64),
	SCMP_SYS(wait4),
	-1,
};

const struct fault fault_net_ports = {
	.kind = &kind_net_ports,
	.effect_unit = "ports",
	.supported = net_ports_supported,
	.how = fault_how_plain,
	.prepare = net_ports_prepare,
	.stage = net_ports_stage,
	.apply = net_ports_apply,
	.verify = net_ports_verify,
	.hold = net_ports_hold,
	.release = net_ports_release,
	.syscalls = syscalls,
	.runs_tools = true, /* keepers are started by exec, and so is iptables */
};
