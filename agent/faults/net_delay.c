/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.delay: packets to and from chosen networks are held for a while.  This file reads the
 * parameters and chooses the engine; everything else is the engine's.  With engine=auto the
 * kernel's netem is taken wherever it is to be had, and the note says why when it was not.
 */
#include "net_delay.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "xalloc.h"

enum {
	DIRECTION_EGRESS,
	DIRECTION_INGRESS,
	DIRECTION_BOTH
}; /* as in the kind's choices */
enum { PROTOCOL_TCP, PROTOCOL_UDP };
enum { ENGINE_AUTO, ENGINE_NETEM, ENGINE_NFQUEUE };

/* netem ends there without saying so: it keeps jitter as a signed 32-bit number of ns. */
#define NETEM_JITTER_MAX (INT32_MAX / NSEC_PER_USEC)

static int
net_delay_supported(struct err *e)
{
	struct err netem = { 0 }, nfqueue = { 0 };

	if (delay_engine_netem.supported(&netem) == 0 ||
	    delay_engine_nfqueue.supported(&nfqueue) == 0)
		return 0;
	return err_unsupported(e, "%.110s; nor nfqueue: %.100s", netem.msg, nfqueue.msg);
}

static void
net_delay_how(char *buf, size_t size)
{
	struct err why = { 0 };

	if (delay_engine_netem.supported(&why) == 0)
		(void)snprintf(buf, size, "engine netem");
	else
		(void)snprintf(buf, size, "engine nfqueue: %s", why.msg);
}

static int
netem_will_do(const struct delay *d, struct err *e)
{
	if (d->jitter > NETEM_JITTER_MAX)
		return err_unsupported(e, "netem's jitter ends at 2.1s");
	return delay_engine_netem.supported(e);
}

/* Up to the bracket in which a reason tells what to install. */
static int
reason_length(const char *reason)
{
	size_t len = strcspn(reason, "(");

	return (int)(len > 0 && reason[len - 1] == ' ' ? len - 1 : len);
}

static int
choose_engine(struct fault_run *r, struct delay *d, struct err *e)
{
	struct err why = { 0 };

	switch (spec_num(r->spec, "engine")) {
	case ENGINE_NETEM:
		d->engine = &delay_engine_netem;
		return netem_will_do(d, e);
	case ENGINE_NFQUEUE:
		d->engine = &delay_engine_nfqueue;
		return d->engine->supported(e);
	default:
		break;
	}
	d->engine = &delay_engine_netem;
	if (netem_will_do(d, &why) == 0)
		return 0;
	d->engine = &delay_engine_nfqueue;
	(void)snprintf(
	    r->note, sizeof(r->note), "; %.*s", reason_length(why.msg), why.msg);
	return d->engine->supported(e);
}

static uint8_t
chosen_protocol(const struct spec *spec)
{
	if (!spec_has(spec, "protocol"))
		return 0;
	return spec_num(spec, "protocol") == PROTOCOL_TCP ? IPPROTO_TCP : IPPROTO_UDP;
}

static int
net_delay_prepare(struct fault_run *r, struct err *e)
{
	struct delay *d = xcalloc(1, sizeof(*d));
	int64_t direction = spec_num(r->spec, "direction");
	char why[sizeof(r->note)];
	size_t used;

	r->state = d;
	d->delay = (usec_t)spec_num(r->spec, "delay");
	d->jitter = (usec_t)spec_num(r->spec, "jitter");
	d->egress = direction != DIRECTION_INGRESS;
	d->ingress = direction != DIRECTION_EGRESS;
	d->protocol = chosen_protocol(r->spec);
	d->port = (uint16_t)spec_num(r->spec, "port");
	d->interface = spec_text(r->spec, "interface");
	if (choose_engine(r, d, e) < 0)
		return e->code;
	memcpy(why, r->note, sizeof(why));
	if (d->engine->prepare(r, e) < 0)
		return err_wrap(e, "engine %s", d->engine->name);
	used = strlen(r->note);
	(void)snprintf(r->note + used, sizeof(r->note) - used, "%s", why);
	return 0;
}

static const struct delay_engine *
engine_of(const struct fault_run *r)
{
	return ((const struct delay *)r->state)->engine;
}

static int
net_delay_stage(struct fault_run *r, struct err *e)
{
	return engine_of(r)->stage(r, e);
}

static int
net_delay_apply(struct fault_run *r, struct err *e)
{
	return engine_of(r)->apply(r, e);
}

static int
net_delay_verify(struct fault_run *r, struct err *e)
{
	return engine_of(r)->verify(r, e);
}

static int
net_delay_hold(struct fault_run *r, struct err *e)
{
	return engine_of(r)->hold(r, e);
}

/* Also after a prepare that chose no engine, or one that failed. */
static int
net_delay_release(struct fault_run *r, struct err *e)
{
	const struct delay *d = r->state;

	return d == NULL || d->own == NULL ? 0 : d->engine->release(r, e);
}

const struct fault fault_net_delay = {
	.kind = &kind_net_delay,
	.effect_unit = "packets",
	.supported = net_delay_supported,
	.how = net_delay_how,
	.prepare = net_delay_prepare,
	.stage = net_delay_stage,
	.apply = net_delay_apply,
	.verify = net_delay_verify,
	.hold = net_delay_hold,
	.release = net_delay_release,
	.runs_tools = true,
};
