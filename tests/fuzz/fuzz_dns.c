/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS message.  It is no query; or every answer to it fits, repeats its id and question,
 * and is no query; and its name, written as text, is a pattern that matches it.
 */
#include "dns_wire.h"
#include "fuzz.h"

static const struct net addrs[DNS_ADDRS_MAX] = {
	{ .family = 4, .prefix = 32 },
	{ .family = 6, .prefix = 128 },
	{ .family = 6, .prefix = 128 },
	{ .family = 6, .prefix = 128 },
	{ .family = 6, .prefix = 128 },
	{ .family = 6, .prefix = 128 },
	{ .family = 6, .prefix = 128 },
	{ .family = 6, .prefix = 128 },
};

static void
is_answered(const struct dns_query *q, const uint8_t *data, enum dns_code code)
{
	const struct dns_answer a = { code, addrs,
		code == DNS_NOERROR ? DNS_ADDRS_MAX : 0 };
	const size_t question = (size_t)q->name_len + 4;
	uint8_t answer[DNS_ANSWER_MAX];
	size_t len = dns_answer_make(q, &a, answer);
	struct dns_query again;

	MUST(len >= 12 + question && len <= sizeof(answer));
	MUST(memcmp(answer, data, 2) == 0 && (answer[3] & 0xf) == (uint8_t)code);
	MUST(memcmp(answer + 12, data + 12, question) == 0);
	MUST(code == DNS_NOERROR || (answer[6] == 0 && answer[7] == 0));
	MUST(!dns_query_parse(answer, len, &again));
}

static void
is_matched(const struct dns_query *q)
{
	struct dns_pattern p;
	char name[4 * DNS_NAME_MAX], text[sizeof(name) + 2], cut[8];

	(void)dns_name_format(q, name, sizeof(name));
	MUST(name[0] != '\0' && fuzz_is_printable(name));
	(void)dns_name_format(q, cut, sizeof(cut));
	MUST(strlen(cut) < sizeof(cut) && strncmp(name, cut, strlen(cut)) == 0);
	if (strchr(name, '\\') != NULL || strcmp(name, ".") == 0)
		return;
	MUST(parse_domain(name, NULL) == 0);
	MUST(dns_pattern_read(name, &p) && dns_pattern_matches(&p, q));
	(void)snprintf(text, sizeof(text), "*.%s", name);
	MUST(dns_pattern_read(text, &p) && !dns_pattern_matches(&p, q));
	if (strchr(name, '.') == NULL)
		return;
	(void)snprintf(text, sizeof(text), "*%s", strchr(name, '.'));
	MUST(dns_pattern_read(text, &p) && dns_pattern_matches(&p, q));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_query q;

	if (!dns_query_parse(data, size, &q))
		return 0;
	MUST(q.name_len >= 1 && q.name[q.name_len - 1] == 0);
	is_answered(&q, data, DNS_NOERROR);
	is_answered(&q, data, DNS_SERVFAIL);
	is_answered(&q, data, DNS_NXDOMAIN);
	is_matched(&q);
	return 0;
}
