/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.dns: queries for chosen names get no answer, a late one, or one of ours.  Rules of
 * net/steer.c send what goes to a resolver's port into a queue of ours; hold() looks into
 * each packet and decides.  What is no plain query passes, as does everything when this
 * process dies (the queue is made with bypass).
 *
 * Loopback is not left alone, as it is by other network faults: stub resolvers live there.
 * One that asks on has its own queries matched, too; `to` tells the two apart.
 */
#include "fault.h"
#include "steer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "dns_stand_in.h"
#include "nfqueue.h"
#include "xalloc.h"

enum { MODE_DROP, MODE_NXDOMAIN, MODE_SERVFAIL, MODE_DELAY, MODE_REDIRECT };

enum {
	HELD_MAX = 16384,    /* queries at a time; further ones pass */
	ROOM_SPARE = 4096,   /* parked by the kernel until we get to see them */
	READS_PER_TURN = 16, /* then it is the channel's turn: stop comes first */
	CHECK_EVERY_MS = 100,
	STRAGGLERS_MS = 2,
	NAME_SHOWN = 48, /* of the last query, in the note */
};

struct held {
	usec_t due;
	uint32_t id;
};

struct dns {
	struct flows flows;
	struct steer steer;
	int64_t mode;
	usec_t delay;
	struct dns_pattern *patterns; /* none: every name */
	size_t patterns_count;
	struct net addrs[DNS_ADDRS_MAX];
	struct dns_answer answer;
	struct nfqueue *queue;
	struct raw_ip *raw;
	struct held *held; /* a ring, first in first out */
	size_t head, count;
	uint32_t last_seen;
	bool has_seen;
	uint64_t affected, passed; /* passed: meant, but it could not be done */
	char about[96], last[NAME_SHOWN];
	usec_t next_check;
};

static int
net_dns_supported(struct err *e)
{
	int rc = nfqueue_supported(e);

	return rc < 0 ? rc : steer_queue_supported(e);
}

/* --- prepare --- */

static int
read_names(struct dns *d, const struct spec *spec, struct err *e)
{
	const char *name;
	size_t count = 0;

	while (spec_string(spec, "names", count) != NULL)
		count++;
	d->patterns = xcalloc(count + 1, sizeof(d->patterns[0]));
	for (; (name = spec_string(spec, "names", d->patterns_count)) != NULL;
	     d->patterns_count++)
		if (!dns_pattern_read(name, &d->patterns[d->patterns_count]))
			return err_invalid(e, "'%s' is not a name in DNS", name);
	return 0;
}

static void
read_answer(struct dns *d, const struct spec *spec)
{
	d->answer.code = d->mode == MODE_NXDOMAIN ? DNS_NXDOMAIN :
			 d->mode == MODE_SERVFAIL ? DNS_SERVFAIL :
						    DNS_NOERROR;
	d->answer.count = spec_addrs(spec, "answer", d->addrs, DNS_ADDRS_MAX);
	d->answer.addrs = d->addrs;
}

static const char *
names_text(const struct dns *d, const struct spec *spec, char *buf, size_t size)
{
	const char *first = spec_string(spec, "names", 0);

	if (first == NULL)
		(void)snprintf(buf, size, "every name");
	else if (d->patterns_count == 1)
		(void)snprintf(buf, size, "%s", first);
	else
		(void)snprintf(
		    buf, size, "%s and %zu more", first, d->patterns_count - 1);
	return buf;
}

static void
describe(struct fault_run *r, struct dns *d)
{
	static const char *const becomes[] = {
		[MODE_DROP] = "are dropped",
		[MODE_NXDOMAIN] = "are answered with NXDOMAIN in the resolver's place",
		[MODE_SERVFAIL] = "are answered with SERVFAIL in the resolver's place",
		[MODE_DELAY] = "are held for",
		[MODE_REDIRECT] = "are answered in the resolver's place with",
	};
	const char *what = d->mode == MODE_DELAY    ? "delay" :
			   d->mode == MODE_REDIRECT ? "answer" :
						      NULL;
	char names[300], value[300] = "";

	(void)names_text(d, r->spec, names, sizeof(names));
	if (what != NULL)
		(void)spec_format(r->spec, what, value, sizeof(value));
	fault_op(r, "active: queries for %s %s%s%s", names, becomes[d->mode],
	    what != NULL ? " " : "", value);
	(void)snprintf(d->about, sizeof(d->about), "%.24s, queue %u: %.48s", r->note,
	    d->steer.queue, names);
	(void)snprintf(r->note, sizeof(r->note), "%s", d->about);
}

static int
net_dns_prepare(struct fault_run *r, struct err *e)
{
	struct dns *d = xcalloc(1, sizeof(*d));
	uint64_t wish;

	r->state = d;
	d->mode = spec_num(r->spec, "mode");
	d->delay = (usec_t)spec_num(r->spec, "delay");
	memcpy(&wish, r->spec->id, sizeof(wish));
	read_answer(d, r->spec);
	if (read_names(d, r->spec, e) < 0 || flows_read(r, &d->flows, e) < 0 ||
	    nfqueue_find_free(wish, &d->steer.queue, e) < 0)
		return e->code;
	d->flows.egress = true;
	d->flows.ingress = false;
	d->flows.passes_loopback = false;
	d->steer.flows = &d->flows;
	d->steer.verdict = STEER_QUEUE;
	fault_op(r, "stage: bind queue %u, held by this process", d->steer.queue);
	if (steer_prepare(r, &d->steer, e) < 0)
		return e->code;
	describe(r, d);
	return 0;
}

/* --- stage, apply, verify --- */

static int
net_dns_stage(struct fault_run *r, struct err *e)
{
	struct dns *d = r->state;
	const struct nfqueue_options options = {
		.number = d->steer.queue,
		.room = HELD_MAX + ROOM_SPARE,
		.copy = NFQUEUE_WHOLE,
	};

	d->held = xcalloc(HELD_MAX, sizeof(d->held[0]));
	/* Without a mark: the rules look for what goes to a resolver, and answers do not. */
	if (raw_ip_open(&d->raw, 0, e) < 0 || nfqueue_open(&d->queue, &options, e) < 0)
		return e->code;
	r->fds[0] = (struct pollfd){ .fd = nfqueue_fd(d->queue), .events = POLLIN };
	r->fds_count = 1;
	return steer_stage(r, &d->steer, e);
}

static int
net_dns_apply(struct fault_run *r, struct err *e)
{
	return steer_apply(r, &((struct dns *)r->state)->steer, e);
}

static int
net_dns_verify(struct fault_run *r, struct err *e)
{
	struct dns *d = r->state;
	int rc = steer_verify(r, &d->steer, e);

	r->wake_ms = CHECK_EVERY_MS;
	r->effect = 0;
	if (rc == 0 && !nfqueue_taken(d->steer.queue))
		return err_set(e, -ENODATA, "queue %u is not bound", d->steer.queue);
	return rc;
}

/* --- hold --- */

static bool
is_meant(const struct dns *d, const struct dns_query *q)
{
	if (d->mode == MODE_REDIRECT && !dns_asks_address(q))
		return false;
	for (size_t i = 0; i < d->patterns_count; i++)
		if (dns_pattern_matches(&d->patterns[i], q))
			return true;
	return d->patterns_count == 0;
}

/* Keep it for later, unless there is no room. */
static int
hold_back(struct dns *d, uint32_t id, usec_t now)
{
	if (d->count == HELD_MAX) {
		d->passed++;
		return nfqueue_accept(d->queue, id);
	}
	d->held[(d->head + d->count++) % HELD_MAX] = (struct held){ now + d->delay, id };
	d->affected++;
	return 0;
}

static int
decide(struct dns *d, const struct nfqueue_packet *packet, usec_t now)
{
	struct ip_packet p;
	struct dns_query q;

	d->last_seen = packet->id;
	d->has_seen = true;
	if (!ip_packet_read(packet->payload, packet->payload_len, &p) ||
	    !dns_stand_in_read(&p, &q) || !is_meant(d, &q))
		return nfqueue_accept(d->queue, packet->id);
	(void)dns_name_format(&q, d->last, sizeof(d->last));
	if (d->mode == MODE_DELAY)
		return hold_back(d, packet->id, now);
	if (d->mode != MODE_DROP &&
	    dns_stand_in_answer(d->raw, &p, packet->out, &q, &d->answer) < 0) {
		d->passed++;
		return nfqueue_accept(d->queue, packet->id);
	}
	d->affected++;
	return nfqueue_drop(d->queue, packet->id);
}

static int
take_queries(struct dns *d, usec_t now)
{
	struct nfqueue_packet packets[NFQUEUE_READ_MAX];
	int got, rc = 0;

	for (int i = 0; i < READS_PER_TURN && rc == 0; i++) {
		got = nfqueue_read(d->queue, packets);
		for (int k = 0; k < got && rc == 0; k++)
			rc = decide(d, &packets[k], now);
		if (got < nfqueue_batch(d->queue))
			return got < 0 ? got : rc;
	}
	return rc;
}

static int
let_go_what_is_due(struct dns *d, usec_t now)
{
	int rc = 0;

	while (rc == 0 && d->count > 0 && d->held[d->head].due <= now) {
		rc = nfqueue_accept(d->queue, d->held[d->head].id);
		d->head = (d->head + 1) % HELD_MAX;
		d->count--;
	}
	return rc == 0 ? nfqueue_flush(d->queue) : rc;
}

static int
wait_for(const struct dns *d, usec_t now)
{
	usec_t left = CHECK_EVERY_MS * USEC_PER_MSEC;

	if (d->count > 0 && d->held[d->head].due - now < left)
		left = d->held[d->head].due - now;
	return (int)((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

static void
take_note(struct fault_run *r, const struct dns *d)
{
	size_t used;

	(void)snprintf(r->note, sizeof(r->note), "%s%s%s", d->about,
	    d->last[0] != '\0' ? "; last " : "", d->last);
	used = strlen(r->note);
	if (d->passed > 0)
		(void)snprintf(r->note + used, sizeof(r->note) - used,
		    "; %llu passed untouched", (unsigned long long)d->passed);
}

/* steer's counters are packets that matched, ours the queries among them. */
static int
check(struct fault_run *r, struct dns *d, usec_t now, struct err *e)
{
	int rc = 0;

	if (now >= d->next_check) {
		d->next_check = now + CHECK_EVERY_MS * USEC_PER_MSEC;
		rc = steer_hold(r, &d->steer, e);
		if (!r->lost)
			take_note(r, d);
	}
	r->effect = d->affected;
	r->wake_ms = wait_for(d, now);
	return rc;
}

static int
net_dns_hold(struct fault_run *r, struct err *e)
{
	struct dns *d = r->state;
	usec_t now = clock_boottime();
	int rc = take_queries(d, now);

	if (rc == 0)
		rc = let_go_what_is_due(d, now);
	if (rc < 0)
		return err_set(e, rc, "read queries: %s", strerror(-rc));
	return check(r, d, now, e);
}

/* Everything that is parked goes on its way, whenever it was due. */
static int
let_all_go(struct dns *d)
{
	struct nfqueue_packet packets[NFQUEUE_READ_MAX];
	int got;

	while ((got = nfqueue_read(d->queue, packets)) > 0) {
		d->last_seen = packets[got - 1].id;
		d->has_seen = true;
	}
	return d->has_seen ? nfqueue_accept_upto(d->queue, d->last_seen) : 0;
}

static int
net_dns_release(struct fault_run *r, struct err *e)
{
	struct dns *d = r->state;
	struct pollfd late;
	int rc;

	r->fds_count = 0;
	if (d == NULL || d->queue == NULL)
		return 0;
	late = (struct pollfd){ .fd = nfqueue_fd(d->queue), .events = POLLIN };
	rc = let_all_go(d);
	/* A packet that met the rule before the set was emptied may still be on its way. */
	if (rc == 0 && poll(&late, 1, STRAGGLERS_MS) > 0)
		rc = let_all_go(d);
	if (rc < 0)
		return err_set(e, rc, "let queries go: %s", strerror(-rc));
	r->effect = d->affected;
	nfqueue_close(d->queue);
	d->queue = NULL;
	raw_ip_close(d->raw);
	d->raw = NULL;
	return 0;
}

const struct fault fault_net_dns = {
	.kind = &kind_net_dns,
	.effect_unit = "queries",
	.supported = net_dns_supported,
	.how = fault_how_plain,
	.prepare = net_dns_prepare,
	.stage = net_dns_stage,
	.apply = net_dns_apply,
	.verify = net_dns_verify,
	.hold = net_dns_hold,
	.release = net_dns_release,
	.runs_tools = true,
};
