/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_WIRE_H
#define DNS_WIRE_H
/*
 * As much of DNS as it takes to know what a query asks, and to answer it in a resolver's
 * place (RFC 1035, 6891).  Pure, and strict: whatever is not a plain query of one question
 * is no query here, and whoever asks lets it pass.
 */
#include "bounds.h"
#include "parse.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DNS_NAME_MAX = 255, /* on the wire, with the root's own zero */
	/* What every asker takes over UDP; the longest of our answers is shorter. */
	DNS_ANSWER_MAX = 512,
};
enum dns_type {
	DNS_A = 1,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_ANY = 255,
};
enum dns_code { DNS_NOERROR = 0, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3 };

struct dns_query {
	uint16_t id;
	uint16_t flags; /* as it was asked */
	uint16_t type;
	uint8_t name_len;
	uint8_t name[DNS_NAME_MAX]; /* on the wire, in the letters of the asker */
	bool has_edns, wants_dnssec;
};
/* A standard query of class IN with one question, no compression in it, and nothing else
 * but perhaps EDNS version 0; nothing may follow. */
bool dns_query_parse(const uint8_t *message, size_t len, struct dns_query *ret);
/* "www.example.com", in small letters; what is no letter, digit, '-' or '_' in a label is
 * written \065.  Cut to what fits; returns buf. */
const char *dns_name_format(const struct dns_query *q, char *buf, size_t size);

/* A name, or every name below one, at whatever depth. */
struct dns_pattern {
	bool below;
	uint8_t len;
	uint8_t name[DNS_NAME_MAX]; /* on the wire, in small letters */
};
/* From "www.example.com" or "*.example.com", as parse_domain takes it. */
bool dns_pattern_read(const char *text, struct dns_pattern *ret);
bool dns_pattern_matches(const struct dns_pattern *p, const struct dns_query *q);

/* What a resolver would say: the code, and of the addresses those of the asked family,
 * which live no longer than the answer (TTL 0).  No SOA, so nobody keeps a denial either.
 * Returns its length. */
struct dns_answer {
	enum dns_code code;
	const struct net *addrs; /* at most DNS_ADDRS_MAX */
	size_t count;
};
size_t dns_answer_make(const struct dns_query *q, const struct dns_answer *a,
    uint8_t ret[static DNS_ANSWER_MAX]);
/* Does the question ask for an address?  Other records of a redirected name (MX, TXT) are
 * as good as they were. */
bool dns_asks_address(const struct dns_query *q);

#endif
