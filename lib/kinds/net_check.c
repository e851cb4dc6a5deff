/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes with what in a network fault.  Everything refused here would have done nothing,
 * or not what it says: a fault without effect is an error, and the best moment for it is
 * before any host is asked.
 */
#include "net_check.h"
#include "cleanup.h"
#include "err.h"
#include "kind.h"
#include "owner_check.h"
#include "quote.h"
#include "spec.h"
#include <string.h>

#define ALL 100000 /* 100 % */

struct rule {
	const char *name, *needs, *why;
};

/* The first that is there without what it needs. */
static int
check_rules(const struct spec *s, const struct rule *rules, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		const struct rule *r = &rules[i];

		if (spec_has(s, r->name) && !spec_has(s, r->needs))
			return err_invalid(
			    e, "%s needs %s: %s", r->name, r->needs, r->why);
	}
	return 0;
}

/* --- which packets -------------------------------------------------------------------- */

/* The kind's word for what leaves: egress, out. */
static const char *
outward(const struct kind *k)
{
	const struct param *p = kind_param(k, "direction");

	for (size_t i = 0; p != NULL && p->choices[i] != NULL; i++) {
		if (p->choices[i][0] == 'e' || p->choices[i][0] == 'o')
			return p->choices[i];
	}
	return "";
}

static int
check_user(const struct spec *s, struct err *e)
{
	char way[16];

	if (!spec_has(s, "user"))
		return 0;
	if (owner_check_user(spec_text(s, "user"), e) < 0)
		return e->code;
	if (!spec_has(s, "direction") ||
	    strcmp(spec_format(s, "direction", way, sizeof(way)),
		outward(kind_find(s->kind))) == 0)
		return 0;
	return err_invalid(e,
	    "user needs direction=%s: only packets that leave have an owner",
	    outward(kind_find(s->kind)));
}

int
net_check_network(const struct spec *s, struct err *e)
{
	if (!spec_has(s, "container"))
		return 0;
	if (spec_has(s, "pid"))
		return err_invalid(
		    e, "pid and container both say whose network is meant: one of them");
	return owner_check_container(spec_text(s, "container"), e);
}

static int
check_ports(const struct spec *s, struct err *e)
{
	static const char *const names[] = { "port", "local_port" };
	char protocol[16];

	if (strcmp(spec_format(s, "protocol", protocol, sizeof(protocol)), "icmp") != 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (spec_has(s, names[i]))
			return err_invalid(e,
			    "%s has no meaning with protocol=icmp, which has no ports",
			    names[i]);
	}
	return 0;
}

/* Nothing to draw: a seed that changes nothing was meant for something that is missing. */
static int
check_seed(const struct spec *s, struct err *e)
{
	static const char *const chances[] = { "share", "jitter", "loss", "loss_state",
		"loss_gemodel", "duplicate", "corrupt", "reorder", "slot_max" };

	if (!spec_has(s, "seed"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(chances); i++) {
		if (spec_has(s, chances[i]))
			return 0;
	}
	return err_invalid(
	    e, "seed has no meaning here: nothing of this fault is left to chance");
}

int
net_check_packets(const struct spec *s, struct err *e)
{
	int r = check_ports(s, e);

	if (r == 0)
		r = check_user(s, e);
	if (r == 0)
		r = owner_check_cgroup(spec_text(s, "cgroup"), e);
	if (r == 0)
		r = check_seed(s, e);
	return r == 0 ? net_check_network(s, e) : r;
}

/* --- over time ------------------------------------------------------------------------ */

static int
check_ramp(const struct spec *s, const char *own, struct err *e)
{
	char from[32], ramp[32], lasts[32];

	if (!spec_has(s, "from") && !spec_has(s, "ramp"))
		return 0;
	if (!spec_has(s, "from"))
		return err_invalid(
		    e, "ramp needs from: what %s is when the fault begins", own);
	if (!spec_has(s, "ramp"))
		return err_invalid(
		    e, "from needs ramp: how long %s takes to its own value", own);
	if (!spec_has(s, own))
		return err_invalid(e, "from needs %s: the value that it leads to", own);
	if (spec_num(s, "from") == spec_num(s, own))
		return err_invalid(e, "from=%s is what %s is anyway: there is no ramp",
		    spec_format(s, "from", from, sizeof(from)), own);
	if (s->duration == 0 || (usec_t)spec_num(s, "ramp") <= s->duration)
		return 0;
	return err_invalid(e, "ramp=%s is longer than the fault, which lasts %s",
	    spec_format(s, "ramp", ramp, sizeof(ramp)),
	    format_usec(s->duration, lasts, sizeof(lasts)));
}

static int
check_flap(const struct spec *s, struct err *e)
{
	char lasts[32];
	usec_t on, off;

	if (!spec_cycle(s, "flap", &on, &off))
		return 0;
	if (s->duration == 0 || on < s->duration)
		return 0;
	return err_invalid(e, "flap=%s never turns it off: the fault lasts %s",
	    spec_text(s, "flap"), format_usec(s->duration, lasts, sizeof(lasts)));
}

int
net_check_course(const struct spec *s, const char *own, struct err *e)
{
	int r = check_ramp(s, own, e);

	return r == 0 ? check_flap(s, e) : r;
}

/* --- impairments ---------------------------------------------------------------------- */

static int
check_delay(const struct spec *s, struct err *e)
{
	const char *shape = spec_text(s, "distribution");
	char jitter[32], delay[32];

	if (spec_num(s, "jitter") > spec_num(s, "delay"))
		return err_invalid(e,
		    "jitter %s is more than the delay %s: a packet cannot be early",
		    spec_format(s, "jitter", jitter, sizeof(jitter)),
		    spec_format(s, "delay", delay, sizeof(delay)));
	if (!spec_has(s, "distribution") || shape[0] == '/' ||
	    strcmp(shape, "normal") == 0 || strcmp(shape, "pareto") == 0 ||
	    strcmp(shape, "paretonormal") == 0)
		return 0;
	return err_invalid(e,
	    "distribution: '%s' is none of normal, pareto, paretonormal, nor the absolute "
	    "path of a table",
	    quote(shape).text);
}

/* From the good state into one that loses; a chain that never goes there does nothing. */
static int
check_loss_state(const struct spec *s, struct err *e)
{
	int64_t p[5] = { 0 }; /* p13 p31 p32 p23 p14 */
	size_t n = spec_percents(s, "loss_state", p, ARRAY_LEN(p));

	if (n == 0)
		return 0;
	if (p[0] + p[4] > ALL)
		return err_invalid(
		    e, "loss_state: p13 and p14 are more than 100%% together");
	if (p[1] + p[2] > ALL)
		return err_invalid(
		    e, "loss_state: p31 and p32 are more than 100%% together");
	if (p[0] == 0 && p[4] == 0)
		return err_invalid(
		    e, "loss_state never loses a packet: p13 and p14 are 0");
	return 0;
}

static int
check_loss_gemodel(const struct spec *s, struct err *e)
{
	int64_t p[4] = { 0, ALL, ALL, 0 }; /* to bad, to good, loss in bad, in good */

	if (spec_percents(s, "loss_gemodel", p, ARRAY_LEN(p)) == 0)
		return 0;
	if (p[3] == 0 && (p[0] == 0 || p[2] == 0))
		return err_invalid(e, "loss_gemodel never loses a packet");
	return 0;
}

static int
check_loss(const struct spec *s, struct err *e)
{
	static const char *const models[] = { "loss", "loss_state", "loss_gemodel" };
	const char *first = NULL;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(models); i++) {
		if (!spec_has(s, models[i]))
			continue;
		if (first != NULL)
			return err_invalid(e,
			    "%s and %s are two ways to lose packets: leave one out",
			    first, models[i]);
		first = models[i];
	}
	if (spec_num(s, "ecn") != 0 && first == NULL)
		return err_invalid(e,
		    "ecn needs one of loss, loss_state and loss_gemodel: it marks what "
		    "they would lose");
	r = check_loss_state(s, e);
	return r == 0 ? check_loss_gemodel(s, e) : r;
}

static int
check_slot(const struct spec *s, struct err *e)
{
	char least[32], most[32];

	if (!spec_has(s, "slot_max") || spec_num(s, "slot_max") >= spec_num(s, "slot"))
		return 0;
	return err_invalid(e, "slot_max %s is less than slot %s",
	    spec_format(s, "slot_max", most, sizeof(most)),
	    spec_format(s, "slot", least, sizeof(least)));
}

int
net_check_impairment(const struct spec *s, const char *own, struct err *e)
{
	static const struct rule rules[] = {
		{ "jitter", "delay", "it is what varies" },
		{ "delay_correlation", "jitter", "without it all delays are alike" },
		{ "distribution", "jitter", "it is what is spread" },
		{ "loss_correlation", "loss", "the other models have their own memory" },
		{ "duplicate_correlation", "duplicate", "it is what correlates" },
		{ "corrupt_correlation", "corrupt", "it is what correlates" },
		{ "reorder_correlation", "reorder", "it is what correlates" },
		{ "gap", "reorder", "it says which packets may overtake" },
		{ "reorder", "delay", "a packet overtakes those that are held" },
		{ "packet_overhead", "rate", "it only makes packets count more" },
		{ "cell_size", "rate", "it only makes packets count more" },
		{ "cell_overhead", "cell_size", "it is what each cell counts more" },
		{ "slot_max", "slot", "it is the least time between two bunches" },
		{ "slot_packets", "slot", "without it there are no bunches" },
		{ "slot_bytes", "slot", "without it there are no bunches" },
	};
	int (*const checks[])(const struct spec *s, struct err *e) = { check_delay,
		check_loss, check_slot, net_check_packets };
	int r = check_rules(s, rules, ARRAY_LEN(rules), e);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(checks); i++)
		r = checks[i](s, e);
	return r == 0 ? net_check_course(s, own, e) : r;
}
