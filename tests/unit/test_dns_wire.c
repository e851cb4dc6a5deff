/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries as resolvers' clients send them, and bytes that are none.  Every message is
 * parsed from memory of exactly its size, so that the sanitizer sees a read behind it.
 */
#include "test.h"

#include <arpa/inet.h>
#include <string.h>

#include "cleanup.h"
#include "dns_wire.h"

#define WWW         "\3www\7example\3com"
#define QUESTION    WWW "\0\0\1\0\1"
#define HEADER      "\xab\xcd\1\0\0\1\0\0\0\0\0\0"
#define PLAIN       HEADER QUESTION
/* What glibc, dig and browsers add: EDNS, and in it a cookie. */
#define HEADER_EDNS "\xab\xcd\1\x30\0\1\0\0\0\0\0\1"
#define OPT         "\0\0\x29\4\xd0\0\0\x80\0\0\0"
#define OPT_COOKIE                       \
 "\0\0\x29\4\xd0\0\0\0\0\0\xc\0\xa\0\x8" \
 "12345678"

static bool
parse(const void *bytes, size_t len, struct dns_query *ret)
{
	_cleanup_free_ uint8_t *exact = malloc(len > 0 ? len : 1);

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	return dns_query_parse(exact, len, ret);
}
#define PARSE(literal, q) parse(literal, sizeof(literal) - 1, q)
#define QUERY(literal)           \
 __extension__(                  \
     {                           \
struct dns_query q_;              \
assert_true(PARSE(literal, &q_)); \
q_;                               \
     })

static void
a_plain_query_is_read(void **state)
{
	struct dns_query q = QUERY(PLAIN);
	char name[64];

	(void)state;
	assert_int_equal(q.id, 0xabcd);
	assert_int_equal(q.type, DNS_A);
	assert_false(q.has_edns);
	assert_string_equal(dns_name_format(&q, name, sizeof(name)), "www.example.com");
}

static void
edns_is_read_with_and_without_options(void **state)
{
	struct dns_query q = QUERY(HEADER_EDNS QUESTION OPT);

	(void)state;
	assert_true(q.has_edns && q.wants_dnssec);
	q = QUERY(HEADER_EDNS QUESTION OPT_COOKIE);
	assert_true(q.has_edns);
	assert_false(q.wants_dnssec);
}

static void
every_cut_of_a_query_is_none(void **state)
{
	static const char whole[] = HEADER_EDNS QUESTION OPT_COOKIE;
	struct dns_query q;

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++)
		assert_false(parse(whole, len, &q));
	assert_false(parse(whole, sizeof(whole), &q)); /* one byte too many */
}

static void
what_is_no_plain_query_is_none(void **state)
{
	struct dns_query q;

	(void)state;
	/* an answer, an update, a truncated one */
	assert_false(PARSE("\xab\xcd\x81\0\0\1\0\0\0\0\0\0" QUESTION, &q));
	assert_false(PARSE("\xab\xcd\x28\0\0\1\0\0\0\0\0\0" QUESTION, &q));
	assert_false(PARSE("\xab\xcd\3\0\0\1\0\0\0\0\0\0" QUESTION, &q));
	/* no question, two questions, an answer section, two additional records */
	assert_false(PARSE("\xab\xcd\1\0\0\0\0\0\0\0\0\0", &q));
	assert_false(PARSE("\xab\xcd\1\0\0\2\0\0\0\0\0\0" QUESTION QUESTION, &q));
	assert_false(PARSE("\xab\xcd\1\0\0\1\0\1\0\0\0\0" QUESTION, &q));
	assert_false(PARSE("\xab\xcd\1\0\0\1\0\0\0\0\0\2" QUESTION OPT OPT, &q));
	/* class CHAOS, EDNS version 1, an additional record that is not EDNS */
	assert_false(PARSE(HEADER WWW "\0\0\1\0\3", &q));
	assert_false(PARSE(HEADER_EDNS QUESTION "\0\0\x29\4\xd0\0\1\0\0\0\0", &q));
	assert_false(PARSE(HEADER_EDNS QUESTION "\0\0\1\0\1\0\0\0\0\0\0", &q));
}

static void
compression_in_a_question_is_refused(void **state)
{
	struct dns_query q;

	(void)state;
	assert_false(PARSE(HEADER "\xc0\x0c\0\1\0\1", &q)); /* to itself */
	assert_false(PARSE(HEADER "\3www\xc0\x0c\0\1\0\1", &q));
	assert_false(PARSE(HEADER "\x40"
				  "a\0\0\1\0\1",
	    &q)); /* a label of 64 */
}

/* A query for a name of labels of this length, `count` of them. */
static size_t
long_query(uint8_t *ret, size_t label, size_t count)
{
	size_t at = 12;

	memcpy(ret, HEADER, at);
	for (size_t i = 0; i < count; i++) {
		ret[at++] = (uint8_t)label;
		memset(ret + at, 'x', label);
		at += label;
	}
	memcpy(ret + at, "\0\0\1\0\1", 5);
	return at + 5;
}

static void
the_longest_name_is_taken_and_no_longer_one(void **state)
{
	struct dns_query q;
	uint8_t m[512];
	char text[300], cut[10];

	(void)state;
	assert_true(parse(m, long_query(m, 1, 127), &q)); /* 255 with the root */
	assert_int_equal(q.name_len, DNS_NAME_MAX);
	assert_int_equal(strlen(dns_name_format(&q, text, sizeof(text))), 253);
	assert_string_equal(dns_name_format(&q, cut, sizeof(cut)), "x.x.x.x.x");
	assert_false(parse(m, long_query(m, 1, 128), &q));
	assert_false(parse(m, long_query(m, 63, 4), &q));
}

static void
strange_names_are_written_so_that_they_can_be_printed(void **state)
{
	struct dns_query q = QUERY(HEADER "\4a.\33B\2_t\0\0\1\0\1");
	char name[64];

	(void)state;
	assert_string_equal(dns_name_format(&q, name, sizeof(name)), "a\\046\\027b._t");
	q = QUERY(HEADER "\0\0\2\0\1");
	assert_string_equal(dns_name_format(&q, name, sizeof(name)), ".");
}

static bool
matches(const char *pattern, struct dns_query q)
{
	struct dns_pattern p;

	assert_true(dns_pattern_read(pattern, &p));
	return dns_pattern_matches(&p, &q);
}

static void
a_name_matches_itself_in_any_letters(void **state)
{
	(void)state;
	assert_true(matches("www.example.com", QUERY(PLAIN)));
	assert_true(matches("WWW.Example.COM", QUERY(PLAIN)));
	assert_true(
	    matches("www.example.com", QUERY(HEADER "\3wWw\7eXaMpLe\3cOm\0\0\1\0\1")));
	assert_false(matches("example.com", QUERY(PLAIN)));
	assert_false(matches("www.example.co", QUERY(PLAIN)));
	assert_false(matches("ww.wexample.com", QUERY(PLAIN)));
	/* one label that looks like three */
	assert_false(
	    matches("www.example.com", QUERY(HEADER "\xfwww.example.com\0\0\1\0\1")));
}

static void
a_wildcard_matches_below_at_any_depth(void **state)
{
	(void)state;
	assert_true(matches("*.example.com", QUERY(PLAIN)));
	assert_true(matches("*.com", QUERY(PLAIN)));
	assert_false(matches("*.www.example.com", QUERY(PLAIN))); /* not itself */
	assert_false(matches("*.ample.com", QUERY(PLAIN))); /* not part of a label */
	assert_false(matches("*.example.org", QUERY(PLAIN)));
	assert_false(matches("*.com", QUERY(HEADER "\0\0\2\0\1")));
}

static void
what_is_no_pattern_is_refused(void **state)
{
	static const char *const wrong[] = { "", "*.", ".", "a..b", "a..", ".a" };
	struct dns_pattern p;
	char label[66] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(dns_pattern_read(wrong[i], &p));
	memset(label, 'x', 64);
	assert_false(dns_pattern_read(label, &p));
}

static const struct net addrs[] = {
	{ .family = 4, .prefix = 32, .addr = { 10, 0, 0, 1 } },
	{ .family = 6, .prefix = 128, .addr = { 0xfd, [15] = 1 } },
	{ .family = 4, .prefix = 32, .addr = { 10, 0, 0, 2 } },
};

static void
expect_answer(struct dns_query q, enum dns_code code, const char *bytes, size_t len)
{
	const struct dns_answer a = { code, addrs, code == DNS_NOERROR ? 3 : 0 };
	uint8_t m[DNS_ANSWER_MAX];

	assert_int_equal(dns_answer_make(&q, &a, m), len);
	assert_memory_equal(m, bytes, len);
}
#define EXPECT_ANSWER(q, code, bytes) expect_answer(q, code, bytes, sizeof(bytes) - 1)

static void
refusals_echo_the_question_and_nothing_else(void **state)
{
	(void)state;
	EXPECT_ANSWER(
	    QUERY(PLAIN), DNS_NXDOMAIN, "\xab\xcd\x81\x83\0\1\0\0\0\0\0\0" QUESTION);
	EXPECT_ANSWER(
	    QUERY(PLAIN), DNS_SERVFAIL, "\xab\xcd\x81\x82\0\1\0\0\0\0\0\0" QUESTION);
	/* no recursion desired, checking disabled: both are said back */
	EXPECT_ANSWER(QUERY("\xab\xcd\0\x10\0\1\0\0\0\0\0\0" QUESTION), DNS_NXDOMAIN,
	    "\xab\xcd\x80\x93\0\1\0\0\0\0\0\0" QUESTION);
	/* the letters of the asker, who may use them to know its answers */
	EXPECT_ANSWER(QUERY(HEADER "\2Ab\0\0\1\0\1"), DNS_NXDOMAIN,
	    "\xab\xcd\x81\x83\0\1\0\0\0\0\0\0\2Ab\0\0\1\0\1");
}

static void
edns_is_answered_with_edns(void **state)
{
	(void)state;
	EXPECT_ANSWER(QUERY(HEADER_EDNS QUESTION OPT), DNS_NXDOMAIN,
	    "\xab\xcd\x81\x93\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\4\xd0\0\0\x80\0\0\0");
	EXPECT_ANSWER(QUERY(HEADER_EDNS QUESTION OPT_COOKIE), DNS_NXDOMAIN,
	    "\xab\xcd\x81\x93\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\4\xd0\0\0\0\0\0\0");
}

static void
addresses_of_the_asked_family_are_given(void **state)
{
	(void)state;
	EXPECT_ANSWER(QUERY(PLAIN), DNS_NOERROR,
	    "\xab\xcd\x81\x80\0\1\0\2\0\0\0\0" QUESTION
	    "\xc0\xc\0\1\0\1\0\0\0\0\0\4\xa\0\0\1"
	    "\xc0\xc\0\1\0\1\0\0\0\0\0\4\xa\0\0\2");
	EXPECT_ANSWER(QUERY(HEADER WWW "\0\0\x1c\0\1"), DNS_NOERROR,
	    "\xab\xcd\x81\x80\0\1\0\1\0\0\0\0" WWW "\0\0\x1c\0\1"
	    "\xc0\xc\0\x1c\0\1\0\0\0\0\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	/* HTTPS: no record, so that the browser asks for addresses */
	EXPECT_ANSWER(QUERY(HEADER WWW "\0\0\x41\0\1"), DNS_NOERROR,
	    "\xab\xcd\x81\x80\0\1\0\0\0\0\0\0" WWW "\0\0\x41\0\1");
}

static void
the_longest_answer_fits(void **state)
{
	struct net six[DNS_ADDRS_MAX];
	const struct dns_answer a = { DNS_NOERROR, six, DNS_ADDRS_MAX };
	struct dns_query q;
	uint8_t m[DNS_ANSWER_MAX];

	(void)state;
	for (size_t i = 0; i < DNS_ADDRS_MAX; i++)
		six[i] = addrs[1];
	assert_true(parse(m, long_query(m, 1, 127), &q));
	q.type = DNS_AAAA;
	q.has_edns = true;
	assert_int_equal(dns_answer_make(&q, &a, m), 12 + 255 + 4 + 8 * 28 + 11);
}

static void
only_questions_that_lead_to_addresses_are_redirected(void **state)
{
	(void)state;
	assert_true(dns_asks_address(&(struct dns_query){ .type = DNS_AAAA }));
	assert_true(dns_asks_address(&(struct dns_query){ .type = DNS_HTTPS }));
	assert_false(dns_asks_address(&(struct dns_query){ .type = 15 })); /* MX */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_query_is_read),
		cmocka_unit_test(edns_is_read_with_and_without_options),
		cmocka_unit_test(every_cut_of_a_query_is_none),
		cmocka_unit_test(what_is_no_plain_query_is_none),
		cmocka_unit_test(compression_in_a_question_is_refused),
		cmocka_unit_test(the_longest_name_is_taken_and_no_longer_one),
		cmocka_unit_test(strange_names_are_written_so_that_they_can_be_printed),
		cmocka_unit_test(a_name_matches_itself_in_any_letters),
		cmocka_unit_test(a_wildcard_matches_below_at_any_depth),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(refusals_echo_the_question_and_nothing_else),
		cmocka_unit_test(edns_is_answered_with_edns),
		cmocka_unit_test(addresses_of_the_asked_family_are_given),
		cmocka_unit_test(the_longest_answer_fits),
		cmocka_unit_test(only_questions_that_lead_to_addresses_are_redirected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
