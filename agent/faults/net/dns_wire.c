/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries and answers byte by byte.  Names stay in the form of the wire: a label may hold
 * any byte, a dot too, so that texts would have to be escaped before they are compared.
 * The bytes of a name can be made small without looking which of them are lengths, since
 * a length is at most 63 and the first capital letter is 65.
 */
#include "dns_wire.h"

#include <assert.h>
#include <string.h>

enum {
	HEADER_LEN = 12,
	LABEL_MAX = 63,
	CLASS_IN = 1,
	OPT_LEN = 11, /* without options */
	OPT_DNSSEC = 0x8000,
	/* Not more than passes everywhere unfragmented (RFC 9715). */
	OPT_PAYLOAD = 1232,

	FLAG_ANSWER = 0x8000,
	MASK_OPCODE = 0x7800,
	FLAG_TRUNCATED = 0x0200,
	FLAG_RECURSE = 0x0100,
	FLAG_RECURSES = 0x0080,
	FLAG_NO_CHECK = 0x0010, /* CD: copied into the answer, RFC 4035 */

	/* A pointer to the question's name, which follows the header. */
	POINTER_TO_NAME = 0xc000 | HEADER_LEN,
	RECORD_LEN = 12, /* with the pointer, without data */
};

_Static_assert(
    HEADER_LEN + DNS_NAME_MAX + 4 + DNS_ADDRS_MAX * (RECORD_LEN + 16) + OPT_LEN <=
	DNS_ANSWER_MAX,
    "the longest answer fits");

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t
small(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

/* Length on the wire, 0 when it is none: unended, too long, or compressed. */
static size_t
name_length(const uint8_t *p, size_t left)
{
	size_t at = 0;

	if (left > DNS_NAME_MAX)
		left = DNS_NAME_MAX;
	while (at < left && p[at] != 0 && p[at] <= LABEL_MAX)
		at += 1 + (size_t)p[at];
	return at < left && p[at] == 0 ? at + 1 : 0;
}

/* An OPT record of version 0, and nothing behind it. */
static bool
parse_edns(const uint8_t *p, size_t len, struct dns_query *ret)
{
	if (len < OPT_LEN || p[0] != 0 || get16(p + 1) != DNS_OPT || p[6] != 0 ||
	    len - OPT_LEN != get16(p + 9))
		return false;
	ret->has_edns = true;
	ret->wants_dnssec = (get16(p + 7) & OPT_DNSSEC) != 0;
	return true;
}

bool
dns_query_parse(const uint8_t *message, size_t len, struct dns_query *ret)
{
	struct dns_query q = { 0 };
	size_t at = HEADER_LEN;
	uint16_t extra;

	if (len < HEADER_LEN)
		return false;
	q.id = get16(message);
	q.flags = get16(message + 2);
	extra = get16(message + 10);
	if ((q.flags & (FLAG_ANSWER | MASK_OPCODE | FLAG_TRUNCATED)) != 0 ||
	    get16(message + 4) != 1 || get16(message + 6) != 0 ||
	    get16(message + 8) != 0 || extra > 1)
		return false;
	q.name_len = (uint8_t)name_length(message + at, len - at);
	if (q.name_len == 0)
		return false;
	memcpy(q.name, message + at, q.name_len);
	at += q.name_len;
	if (len - at < 4 || get16(message + at + 2) != CLASS_IN)
		return false;
	q.type = get16(message + at);
	at += 4;
	if (extra == 0 ? at != len : !parse_edns(message + at, len - at, &q))
		return false;
	*ret = q;
	return true;
}

/* One byte of a label as text: itself, or an escape of four. */
static size_t
format_byte(uint8_t c, char ret[static 4])
{
	c = small(c);
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') {
		ret[0] = (char)c;
		return 1;
	}
	ret[0] = '\\';
	ret[1] = (char)('0' + c / 100);
	ret[2] = (char)('0' + c / 10 % 10);
	ret[3] = (char)('0' + c % 10);
	return 4;
}

/* A label behind what is there already; false when not all of it fits. */
static bool
format_label(const uint8_t *label, size_t len, char *buf, size_t size)
{
	size_t used = strlen(buf);

	for (size_t i = 0; i < len; i++) {
		char text[4];
		size_t more = format_byte(label[i], text);

		if (used + more >= size)
			return false;
		memcpy(buf + used, text, more);
		used += more;
		buf[used] = '\0';
	}
	return true;
}

const char *
dns_name_format(const struct dns_query *q, char *buf, size_t size)
{
	bool fits = true;

	assert(size > 1);
	buf[0] = '\0';
	for (size_t at = 0; q->name[at] != 0 && fits; at += 1 + (size_t)q->name[at]) {
		size_t used = strlen(buf);

		if (used > 0 && used + 1 < size)
			memcpy(buf + used, ".", 2);
		fits = format_label(q->name + at + 1, q->name[at], buf, size);
	}
	if (q->name[0] == 0)
		memcpy(buf, ".", 2); /* the root */
	return buf;
}

bool
dns_pattern_read(const char *text, struct dns_pattern *ret)
{
	struct dns_pattern p = { 0 };
	size_t at = 0;

	if (strncmp(text, "*.", 2) == 0) {
		p.below = true;
		text += 2;
	}
	while (*text != '\0') {
		size_t len = strcspn(text, ".");

		if (len == 0 || len > LABEL_MAX || at + 1 + len + 1 > DNS_NAME_MAX)
			return false;
		p.name[at++] = (uint8_t)len;
		for (size_t i = 0; i < len; i++)
			p.name[at++] = small((uint8_t)text[i]);
		text += len + (text[len] == '.');
	}
	p.len = (uint8_t)(at + 1); /* the root's zero is there */
	*ret = p;
	return at > 0;
}

static bool
is_same(const uint8_t *small_one, const uint8_t *other, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (small_one[i] != small(other[i]))
			return false;
	return true;
}

bool
dns_pattern_matches(const struct dns_pattern *p, const struct dns_query *q)
{
	size_t at = 0;

	if (!p->below)
		return p->len == q->name_len && is_same(p->name, q->name, p->len);
	while (q->name_len - at > p->len)
		at += 1 + (size_t)q->name[at]; /* whole labels */
	return at > 0 && q->name_len - at == p->len &&
	       is_same(p->name, q->name + at, p->len);
}

bool
dns_asks_address(const struct dns_query *q)
{
	/* The last two lead to addresses as well, and browsers prefer them. */
	return q->type == DNS_A || q->type == DNS_AAAA || q->type == DNS_ANY ||
	       q->type == DNS_HTTPS || q->type == DNS_SVCB;
}

/* --- answers --- */

struct writer {
	uint8_t *at;
};

static void
put16(struct writer *w, unsigned v)
{
	*w->at++ = (uint8_t)(v >> 8);
	*w->at++ = (uint8_t)v;
}

static void
put(struct writer *w, const void *data, size_t len)
{
	memcpy(w->at, data, len);
	w->at += len;
}

static bool
is_asked_for(const struct dns_query *q, const struct net *addr)
{
	return q->type == DNS_ANY || q->type == (addr->family == 4 ? DNS_A : DNS_AAAA);
}

static uint16_t
put_addresses(struct writer *w, const struct dns_query *q, const struct dns_answer *a)
{
	uint16_t count = 0;

	assert(a->count <= DNS_ADDRS_MAX);
	for (size_t i = 0; i < a->count; i++) {
		const struct net *addr = &a->addrs[i];
		unsigned len = addr->family == 4 ? 4 : 16;

		if (!is_asked_for(q, addr))
			continue;
		put16(w, POINTER_TO_NAME);
		put16(w, addr->family == 4 ? DNS_A : DNS_AAAA);
		put16(w, CLASS_IN);
		put16(w, 0); /* TTL */
		put16(w, 0);
		put16(w, len);
		put(w, addr->addr, len);
		count++;
	}
	return count;
}

static void
put_edns(struct writer *w, bool wants_dnssec)
{
	*w->at++ = 0; /* the root's name */
	put16(w, DNS_OPT);
	put16(w, OPT_PAYLOAD);
	put16(w, 0); /* extended code, version */
	put16(w, wants_dnssec ? OPT_DNSSEC : 0);
	put16(w, 0);
}

size_t
dns_answer_make(const struct dns_query *q, const struct dns_answer *a,
    uint8_t ret[static DNS_ANSWER_MAX])
{
	struct writer w = { ret }, counts;

	put16(&w, q->id);
	put16(&w, FLAG_ANSWER | (q->flags & (FLAG_RECURSE | FLAG_NO_CHECK)) |
		      FLAG_RECURSES | (unsigned)a->code);
	put16(&w, 1);
	counts = w;
	put16(&w, 0); /* answers, known below */
	put16(&w, 0);
	put16(&w, q->has_edns);
	put(&w, q->name, q->name_len);
	put16(&w, q->type);
	put16(&w, CLASS_IN);
	put16(&counts, put_addresses(&w, q, a));
	if (q->has_edns)
		put_edns(&w, q->wants_dnssec);
	return (size_t)(w.at - ret);
}
