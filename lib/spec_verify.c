/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-checking a spec that crossed a boundary.  Nothing in it is believed: counts before
 * arrays, offsets before texts, terminators before strings, then every value by the same
 * rules that spec_set applied, then the kind's own check.  What passes can be read by
 * every function of spec.h.
 */
#include "err.h"
#include "kind.h"
#include "param.h"
#include "quote.h"
#include "spec.h"
#include <inttypes.h>
#include <string.h>

static bool
is_terminated(const char *field, size_t size)
{
	return memchr(field, '\0', size) != NULL;
}

static int
verify_head(const struct spec *s, struct err *e)
{
	if (!is_terminated(s->id, sizeof(s->id)) ||
	    !is_terminated(s->kind, sizeof(s->kind)) ||
	    !is_terminated(s->name, sizeof(s->name)))
		return err_invalid(e, "a name of the spec has no end");
	if (s->id[0] != '\0' && !is_fault_id(s->id))
		return err_invalid(e, "the id of the spec is not one");
	if (s->name[0] != '\0' && parse_name(s->name, e) < 0)
		return err_wrap(e, "name of the fault");
	if (s->args_count > SPEC_ARGS_MAX || s->nets_count > SPEC_NETS_MAX ||
	    s->text_used > SPEC_TEXT_MAX)
		return err_invalid(e, "a count of the spec is out of bounds");
	return 0;
}

static int
verify_times(const struct spec *s, const struct kind *k, struct err *e)
{
	const usec_t most = SPEC_TIME_MAX_SEC * USEC_PER_SEC;

	if (s->at > most || s->duration > most)
		return err_invalid(
		    e, "at and for are at most %d days", SPEC_TIME_MAX_SEC / 86400);
	if (!kind_takes_for(k) && s->duration != 0)
		return err_invalid(e, "%s happens once and takes no 'for'", k->name);
	if (kind_needs_for(k) && s->duration == 0)
		return err_invalid(e, "%s needs a 'for': how long it lasts", k->name);
	return 0;
}

/* The strings of one argument: one, or as many as a list may have. */
static int
verify_strings(const char *text, size_t len, const struct param *p, struct err *e)
{
	const char *end = text + len;

	if (!param_is_list(p))
		return param_check_text(p, text, e);
	for (const char *at = text; at < end; at += strlen(at) + 1) {
		int r = param_check_next(p, text, (size_t)(at - text), at, e);

		if (r < 0)
			return r;
	}
	return param_check_whole(p, text, len, e);
}

static int
verify_text(
    const struct spec *s, const struct arg *a, const struct param *p, struct err *e)
{
	const char *at, *end;

	if (a->len == 0 || a->text > s->text_used || a->len > s->text_used - a->text)
		return err_invalid(e, "its text lies outside the spec");
	at = s->text + a->text;
	end = at + a->len;
	if (end[-1] != '\0')
		return err_invalid(e, "its text has no end");
	if (!param_is_list(p) && at + strlen(at) + 1 != end)
		return err_invalid(e, "its text has an end in the middle");
	return verify_strings(at, a->len, p, e);
}

static int
verify_value(
    const struct spec *s, const struct arg *a, const struct param *p, struct err *e)
{
	bool is_text = p->type != PARAM_NETS && !param_is_number(p);

	if (!is_text && (a->len != 0 || a->text != 0))
		return err_invalid(e, "it has a text and should not");
	if (param_is_number(p))
		return param_check_num(p, a->num, e);
	if (a->num != 0)
		return err_invalid(e, "it has a number and should not");
	if (is_text)
		return verify_text(s, a, p, e);
	return s->nets_count > 0 ? 0 : err_invalid(e, "its list is empty");
}

static int
verify_arg(const struct spec *s, const struct kind *k, size_t i, struct err *e)
{
	const struct arg *a = &s->args[i];
	const struct param *p;

	if (!is_terminated(a->name, sizeof(a->name)))
		return err_invalid(e, "the name of a parameter has no end");
	p = kind_param(k, a->name);
	if (p == NULL)
		return err_invalid(
		    e, "unknown parameter '%s' of %s", quote(a->name).text, k->name);
	for (size_t other = 0; other < i; other++) {
		if (strcmp(s->args[other].name, a->name) == 0)
			return err_invalid(e, "parameter '%s' is there twice", a->name);
	}
	if (verify_value(s, a, p, e) < 0)
		return err_wrap(e, "%s", a->name);
	return 0;
}

static int
verify_net(const struct net *n, struct err *e)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned bits = n->family == 4 ? 32 : 128;

	if ((n->family != 4 && n->family != 6) || n->prefix > bits)
		return err_invalid(e, "a network is neither IPv4 nor IPv6");
	for (unsigned bit = n->prefix; bit < 128; bit++) {
		if ((n->addr[bit / 8] & (0x80u >> (bit % 8))) != 0)
			return err_invalid(e, "a network has bits set below its prefix");
	}
	if (n->family == 6 && n->prefix >= 96 && memcmp(n->addr, mapped, 12) == 0)
		return err_invalid(e, "a network is IPv4 written as IPv6");
	return n->pad[0] == 0 && n->pad[1] == 0 ? 0 :
						  err_invalid(e, "padding is not zero");
}

static int
verify_nets(const struct spec *s, const struct kind *k, struct err *e)
{
	bool wanted = false;
	int r;

	for (const struct param *p = k->params; p->name != NULL; p++)
		wanted |= p->type == PARAM_NETS && spec_has(s, p->name);
	if (!wanted && s->nets_count > 0)
		return err_invalid(e, "networks without a parameter for them");
	for (size_t i = 0; i < s->nets_count; i++) {
		r = verify_net(&s->nets[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
verify_complete(const struct spec *s, const struct kind *k, struct err *e)
{
	for (const struct param *p = k->params; p->name != NULL; p++) {
		if ((p->required || p->def != NULL) && !spec_has(s, p->name))
			return err_invalid(e, "%s needs %s", k->name, p->name);
	}
	return 0;
}

int
spec_verify(const struct spec *s, struct err *e)
{
	const struct kind *k;
	int r = verify_head(s, e);

	if (r < 0)
		return r;
	k = kind_find(s->kind);
	if (k == NULL)
		return err_invalid(e, "unknown fault kind '%s'", quote(s->kind).text);
	r = verify_times(s, k, e);
	for (size_t i = 0; r == 0 && i < s->args_count; i++)
		r = verify_arg(s, k, i, e);
	if (r == 0)
		r = verify_nets(s, k, e);
	if (r == 0)
		r = verify_complete(s, k, e);
	return r == 0 ? k->check(s, e) : r;
}
