/* SPDX-License-Identifier: Apache-2.0 */
/* Events to bytes: what a line, a summary and a journal say, and what they never say. */
#include "cleanup.h"
#include "event.h"
#include "redact.h"
#include "report.h"
#include "sha256.h"
#include "test.h"
#include "xalloc.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct event
event_of(enum event_type t, const char *subject, const char *text)
{
	struct event v;

	event_init(&v, t, 12345000, 1700000000000000, subject, "%s", text);
	return v;
}

static char *
line_of(const struct event *v, int colour)
{
	char *line = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&line, &len);

	assert_non_null(f);
	event_to_text(v, f, colour);
	assert_int_equal(fclose(f), 0);
	return line;
}

static void
a_line_of_ndjson_is_an_object_with_its_numbers(void **state)
{
	struct event v = event_of(EVENT_UNDO, "breach", "quote \" and\nnewline");
	char buf[4096];
	json_error_t why;

	(void)state;
	event_num(&v, "clean_us", 1234);
	int len = event_to_ndjson(&v, buf, sizeof(buf));
	assert_int_equal(len, strlen(buf));
	assert_ptr_equal(strchr(buf, '\n'), buf + len - 1);
	json_t *j = json_loads(buf, 0, &why);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "type")), "undo");
	assert_int_equal(json_integer_value(json_object_get(j, "at_us")), 12345000);
	assert_int_equal(json_integer_value(json_object_get(j, "clean_us")), 1234);
	assert_string_equal(
	    json_string_value(json_object_get(j, "text")), "quote \" and\nnewline");
	json_decref(j);
}

static void
bytes_that_are_not_text_still_make_json(void **state)
{
	struct event v = event_of(EVENT_BAD, "shop", "caf\xe9 \xff");
	char buf[4096];

	(void)state;
	assert_true(event_to_ndjson(&v, buf, sizeof(buf)) > 0);
	assert_non_null(strstr(buf, "caf? ?"));
	assert_int_equal(event_to_ndjson(&v, buf, 20), -ENOSPC);
}

static void
a_line_for_people_is_aligned_and_colourless(void **state)
{
	struct event v = event_of(EVENT_BAD, "shop", "status 503");
	_cleanup_free_ char *plain = line_of(&v, 0);
	_cleanup_free_ char *bright = line_of(&v, 1);

	(void)state;
	assert_string_equal(plain, "   +12.345s  bad       shop: status 503\n");
	assert_non_null(strstr(bright, "\033[33m"));
	assert_null(strchr(plain, '\033'));
}

static void
what_is_not_worth_a_line_has_none(void **state)
{
	struct event quiet = event_of(EVENT_SAMPLES, "shop", "");
	struct event kernel = event_of(EVENT_NOTE, "kernel", "Linux 6.1");
	_cleanup_free_ char *one = line_of(&quiet, 0), *two = line_of(&kernel, 0);

	(void)state;
	assert_string_equal(one, "");
	assert_string_equal(two, "");
}

static void
secrets_are_blotted_out_in_place(void **state)
{
	char one[] = "hunter2", two[] = "", text[] = "a hunter2 b hunter2hunter2";
	char *secrets[] = { two, one, NULL };

	(void)state;
	redact(text, secrets);
	assert_string_equal(text, "a ******* b **************");
	redact(text, NULL);
	assert_string_equal(text, "a ******* b **************");
}

static void
secrets_that_overlap_are_blotted_out_both(void **state)
{
	char one[] = "abcd", two[] = "abcdef", three[] = "defgh", text[] = "xabcdefghx";
	char *secrets[] = { one, two, three, NULL };

	(void)state;
	redact(text, secrets);
	assert_string_equal(text, "x********x");
}

/* Whoever made the message knew nothing of secrets. */
static void
a_secret_that_was_cut_or_made_printable_is_known_again(void **state)
{
	char secret[] = "first\nsecond\xc3\xa9";
	char *secrets[] = { secret, NULL };
	char printable[] = "'first?second?\?'", cut[] = "'first?sec...'",
	     end[] = "first\nse";
	char other[] = "what first? second";

	(void)state;
	redact(printable, secrets);
	redact(cut, secrets);
	redact(end, secrets);
	redact(other, secrets);
	assert_string_equal(printable, "'**************'");
	assert_string_equal(cut, "'*********...'");
	assert_string_equal(end, "********");
	assert_string_equal(other, "what first? second");
}

static void
json_is_redacted_before_it_is_escaped(void **state)
{
	char one[] = "say \"\\\n\"", two[] = "\xa9"; /* half a character */
	char *secrets[] = { one, two, NULL };
	json_t *j = json_pack("{s:[s, {s:s}], s:s, s:i}", "list", "I say \"\\\n\"!",
	    "key", "plain", "half", "\xc3\xa9", "number", 5);

	(void)state;
	redact_json(j, secrets);
	_cleanup_free_ char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, "{\"half\":\"***\",\"list\":[\"I ********!\","
				  "{\"key\":\"plain\"}],\"number\":5}");
	json_decref(j);
}

static void
sha256_is_that_of_sha256sum(void **state)
{
	char hex[SHA256_HEX_LEN], block[119];

	(void)state;
	sha256_hex("abc", 3, hex);
	assert_string_equal(
	    hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_hex("", 0, hex);
	assert_string_equal(
	    hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	memset(block, 'a', sizeof(block)); /* two blocks, the padding in the second */
	sha256_hex(block, sizeof(block), hex);
	assert_string_equal(
	    hex, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
}

/* --- summaries ------------------------------------------------------------------------ */

static char *
summary_of(const struct event *events, size_t count, enum verdict v)
{
	struct probe_def shop = { .name = "shop", .objective = 0.99 };
	struct experiment x = { .name = "cut|off",
		.probes = &shop,
		.probe_count = 1,
		.text = (char *)"abc" };
	const struct report_input in = { .experiment = &x,
		.drill = "9f0b1c2d-0000-4000-8000-000000000000",
		.events = events,
		.count = count,
		.verdict = v };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_int_equal(report_markdown.write(f, &in), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
a_summary_opens_with_the_verdict_and_the_numbers(void **state)
{
	struct event v[4] = { event_of(EVENT_DRILL, "cut|off", "It holds."),
		event_of(EVENT_DECISION, "shop", "7 of the last 7 answers bad"),
		event_of(EVENT_UNDO, "breach", "clean"),
		event_of(EVENT_PROBE, "shop", "during") };

	(void)state;
	event_num(&v[2], "first_bad_us", -43100);
	event_num(&v[2], "disarmed_us", 412);
	event_num(&v[3], "n", 100);
	event_num(&v[3], "bad", 7);
	event_num(&v[3], "good_share", 0.93);
	event_num(&v[3], "timeout", 7);
	_cleanup_free_ char *text = summary_of(v, 4, VERDICT_BREACHED);
	const char *verdict = strstr(text, "aborted and undone");
	const char *numbers = strstr(text, "## The abort in numbers");

	assert_non_null(strstr(text, "# cut\\|off: breached\n"));
	assert_non_null(verdict);
	assert_true(numbers > verdict);
	assert_non_null(strstr(text, "| first bad answer known | -43.10 ms |"));
	assert_non_null(strstr(text, "disarmed: no fault has any effect | 0.41 ms |"));
	assert_non_null(strstr(text,
	    "| shop | during | 100 | 7 | 93.00 % | 99 % | – | – | – | 7 timeout |"));
}

static void
a_decision_shows_what_it_rests_on(void **state)
{
	static const struct {
		const char *key;
		double value;
	} nums[] = { { "from", 501 }, { "to", 507 }, { "bad", 7 },
		{ "first_us", 12300000 }, { "s", 14.3 }, { "h", 13.82 }, { "p1", 0.5 },
		{ "p0", 0.012 }, { "q", 0.012 }, { "r", 0.38 }, { "base_n", 2000 },
		{ "base_bad", 20 }, { "alpha", 0.001 }, { "planned", 6000 },
		{ "tests", 3 }, { "probes", 2 } };
	struct event v[2] = { event_of(EVENT_DECISION, "shop", "7 of 7 bad"),
		event_of(EVENT_UNDO, "breach", "clean") };
	char line[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(nums) / sizeof(nums[0]); i++)
		event_num(&v[0], nums[i].key, nums[i].value);
	(void)snprintf(v[0].reason, sizeof(v[0].reason), "breach");
	_cleanup_free_ char *text = summary_of(v, 2, VERDICT_BREACHED);
	assert_non_null(strstr(text, "7 bad ones among answers 501 to 507 of shop, known "
				     "from 12.300 s to 12.345 s |"));
	assert_non_null(strstr(text, "14.30 of 13.82"));
	assert_non_null(strstr(text, "1.2 % bad (q), after a bad one 38 % (r)"));
	assert_non_null(strstr(text, "20 bad of 2000 answers before"));
	assert_non_null(strstr(text, "at most 0.1 % of healthy drills"));
	assert_non_null(strstr(text, "ln(6000 answers · 3 tests · 2 probes / 0.001)"));
	assert_true(event_to_ndjson(&v[0], line, sizeof(line)) > 0);
	assert_non_null(strstr(line, "\"reason\":\"breach\""));
}

/* Those of the latency, by a millisecond; bad answers by a point or not clearly. */
static struct event
shift_event(double low)
{
	struct event v = event_of(EVENT_SHIFT, "shop", "during");

	event_num(&v, "bad", 0.01);
	event_num(&v, "bad_low", low);
	event_num(&v, "bad_high", 0.02);
	event_num(&v, "p99_us", 1000);
	event_num(&v, "p99_us_low", 500);
	event_num(&v, "p99_us_high", 2000);
	event_num(&v, "worse", 0.75);
	return v;
}

static void
shifts_say_how_sure_they_are(void **state)
{
	struct event clear = shift_event(0.005), vague = shift_event(-0.005), none;
	_cleanup_free_ char *one = line_of(&clear, 0), *two = line_of(&vague, 0);

	(void)state;
	assert_non_null(
	    strstr(one, "shop during against before: bad answers +1.00 points "
			"(+0.50 to +2.00), p99 +1.00 ms (+0.50 to +2.00)\n"));
	assert_null(strstr(two, "bad answers"));
	_cleanup_free_ char *text = summary_of(&vague, 1, VERDICT_HELD);
	assert_non_null(
	    strstr(text, "| shop | during | +1.00 points (-0.50 to +2.00) | – | – | "
			 "**+1.00 ms** (+0.50 to +2.00) | 75 % |"));
	none = event_of(EVENT_SHIFT, "shop", "after");
	_cleanup_free_ char *three = line_of(&none, 0);
	assert_non_null(strstr(three, "no clear difference"));
}

static void
a_long_story_is_cut_in_the_middle(void **state)
{
	static struct event v[1000];

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		v[i] = event_of(EVENT_BAD, "shop", "");
		(void)snprintf(v[i].text, sizeof(v[i].text), "number %zu.", i);
	}
	_cleanup_free_ char *text = summary_of(v, 1000, VERDICT_HELD);
	assert_non_null(strstr(text, "number 0."));
	assert_non_null(strstr(text, "number 999."));
	assert_null(strstr(text, "number 500."));
	assert_non_null(strstr(text, "881 more in events.ndjson"));
}

static struct event
event_on(const char *host, enum event_type t, const char *subject, const char *text)
{
	struct event v = event_of(t, subject, text);

	(void)snprintf(v.host, sizeof(v.host), "%s", host);
	return v;
}

/* Each host has its row; the story has one line for both. */
static void
a_summary_of_two_hosts_tells_them_apart(void **state)
{
	struct fault_def cut = { .spec.name = "cut", .spec.kind = "net.partition" };
	struct experiment x = { .name = "two", .faults = &cut, .fault_count = 1 };
	struct event v[] = { event_of(EVENT_DRILL, "two", ""),
		event_on("db1", EVENT_NOTE, "agent", "stormd 1.2.3 at 10.0.0.1:7433"),
		event_on("db2", EVENT_NOTE, "agent", "stormd 1.2.3 at 10.0.0.2:7433"),
		event_on("db1", EVENT_ARMED, "cut", "drops 10.0.0.2"),
		event_on("db2", EVENT_ARMED, "cut", "drops 10.0.0.1"),
		event_of(EVENT_ARMED, "cut", "net.partition on 2 hosts"),
		event_on("db1", EVENT_UNDO, "breach", "clean"),
		event_on("db2", EVENT_ERROR, "", "db2 was not heard of for 2s"),
		event_of(EVENT_UNDO, "breach", "clean on 1 of 2 hosts") };
	const struct report_input in = { .experiment = &x,
		.drill = "9f0b1c2d-0000-4000-8000-000000000000",
		.events = v,
		.count = ARRAY_LEN(v),
		.verdict = VERDICT_AGENT_LOST };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	event_num(&v[0], "hosts", 2);
	event_num(&v[6], "undone_us", 700);
	event_num(&v[8], "undone_us", 900);
	assert_non_null(f);
	assert_int_equal(report_markdown.write(f, &in), 0);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "| cut | db1 | drops 10.0.0.2 |"));
	assert_non_null(strstr(text, "| cut | db2 | drops 10.0.0.1 |"));
	assert_non_null(strstr(text, "| – | – | 0.70 ms | – |  |"));
	assert_non_null(strstr(text, "- db2 was not heard of for 2s\n"));
	assert_non_null(strstr(text, "| armed | cut: net.partition on 2 hosts |"));
	assert_null(strstr(text, "| armed | db1"));
	free(text);
}

static void
a_host_is_named_once(void **state)
{
	struct event v = event_on("db2", EVENT_ERROR, "", "db2 was not heard of");
	struct event other = event_on("db", EVENT_ERROR, "", "db2 was not heard of");
	_cleanup_free_ char *once = line_of(&v, 0), *both = line_of(&other, 0);

	(void)state;
	assert_string_equal(once, "   +12.345s  error     db2 was not heard of\n");
	assert_string_equal(both, "   +12.345s  error     db: db2 was not heard of\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_ndjson_is_an_object_with_its_numbers),
		cmocka_unit_test(bytes_that_are_not_text_still_make_json),
		cmocka_unit_test(a_line_for_people_is_aligned_and_colourless),
		cmocka_unit_test(what_is_not_worth_a_line_has_none),
		cmocka_unit_test(secrets_are_blotted_out_in_place),
		cmocka_unit_test(secrets_that_overlap_are_blotted_out_both),
		cmocka_unit_test(a_secret_that_was_cut_or_made_printable_is_known_again),
		cmocka_unit_test(json_is_redacted_before_it_is_escaped),
		cmocka_unit_test(sha256_is_that_of_sha256sum),
		cmocka_unit_test(a_summary_opens_with_the_verdict_and_the_numbers),
		cmocka_unit_test(a_decision_shows_what_it_rests_on),
		cmocka_unit_test(shifts_say_how_sure_they_are),
		cmocka_unit_test(a_summary_of_two_hosts_tells_them_apart),
		cmocka_unit_test(a_host_is_named_once),
		cmocka_unit_test(a_long_story_is_cut_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
