/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values and lists by their parameter's type: rows made for the test, since what the kinds
 * ask for changes and the types do not.
 */
#include "cleanup.h"
#include "param.h"
#include "test.h"
#include <errno.h>
#include <string.h>

static const struct param rate = {
	.name = "rate", .type = PARAM_RATE, .min = 8000, .max = 100000000000
};
static const struct param truth = { .name = "ecn", .type = PARAM_BOOL };
static const struct param overhead = {
	.name = "overhead", .type = PARAM_INT, .min = -64, .max = 1500
};
static const struct param step = {
	.name = "step", .type = PARAM_OFFSET, .min = -3600000000, .max = 3600000000
};
static const struct param drift = { .name = "drift", .type = PARAM_PPM };
static const struct param cycle = { .name = "flap", .type = PARAM_CYCLE };
static const struct param ifnames = { .name = "interface", .type = PARAM_IFNAMES };
static const struct param addrs = { .name = "exclude", .type = PARAM_ADDRS };
static const struct param ports = { .name = "port", .type = PARAM_PORTS };
static const struct param percents = {
	.name = "loss_state", .type = PARAM_PERCENTS, .min = 2, .max = 5
};
static const struct param strings = { .name = "names", .type = PARAM_STRINGS };

static struct err e;

/* A list as it lies in a spec, each item with its NUL. */
struct list {
	char text[1024];
	size_t len;
};

static void
add(struct list *l, const struct param *p, const char *item)
{
	memset(&e, 0, sizeof(e));
	assert_ok(param_check_next(p, l->text, l->len, item, &e), e);
	memcpy(l->text + l->len, item, strlen(item) + 1);
	l->len += strlen(item) + 1;
}

static void
refuse_next(
    const struct list *l, const struct param *p, const char *item, const char *why)
{
	memset(&e, 0, sizeof(e));
	assert_int_equal(param_check_next(p, l->text, l->len, item, &e), -EINVAL);
	assert_string_equal(e.msg, why);
}

static void
refuse(const struct param *p, const char *text, const char *why)
{
	int64_t num = 42;

	memset(&e, 0, sizeof(e));
	assert_int_equal(param_parse(p, text, &num, &e), -EINVAL);
	assert_string_equal(e.msg, why);
	assert_int_equal(num, 42);
}

static void
numbers_are_read_in_range_and_written_back(void **state)
{
	static const struct {
		const struct param *p;
		const char *text, *written;
		int64_t num;
	} good[] = {
		{ &rate, "10mbit", "10mbit", 10000000 },
		{ &rate, "1.5gbit", "1500mbit", 1500000000 },
		{ &truth, "yes", "true", 1 },
		{ &truth, "off", "false", 0 },
		{ &overhead, "-14", "-14", -14 },
		{ &step, "+1h", "+1h", 3600000000 },
		{ &step, "1m30s", "+90s", 90000000 },
		{ &step, "-0.25s", "-250ms", -250000 },
		{ &drift, "500ppm", "+500ppm", 500000 },
		{ &drift, "-0.050ppm", "-0.05ppm", -50 },
	};
	char buf[32];
	int64_t num;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(param_is_number(good[i].p));
		assert_ok(param_parse(good[i].p, good[i].text, &num, &e), e);
		assert_int_equal(num, good[i].num);
		assert_string_equal(
		    param_format(good[i].p, num, buf, sizeof(buf)), good[i].written);
	}
	refuse(&rate, "1bit", "1bit is out of range: it takes 8kbit to 100gbit");
	refuse(&rate, "10",
	    "'10' is not a rate: write 10mbit, 1.5gbit or 300kbit (per second)");
	refuse(&step, "+90",
	    "a time with its direction, such as +1h or -90s: '90' is not a "
	    "duration: write 5s, 200ms, 1m30s");
	refuse(&step, "-61m", "-61m is out of range: it takes -1h to +1h");
	refuse(&drift, "500",
	    "'500' is not a rate of drift: write 500ppm, -20ppm or 0.5ppm");
	refuse(&truth, "maybe", "'maybe' is neither true nor false");
	refuse(&overhead, "-65", "-65 is out of range: it takes -64 to 1500");
}

static void
numbers_from_elsewhere_are_checked_as_strictly(void **state)
{
	(void)state;
	assert_int_equal(param_check_num(&truth, 1, &e), 0);
	assert_int_equal(param_check_num(&truth, 2, &e), -EINVAL);
	assert_int_equal(param_check_num(&truth, -1, &e), -EINVAL);
	assert_int_equal(param_check_num(&rate, 7999, &e), -EINVAL);
	assert_int_equal(param_check_num(&rate, INT64_MAX, &e), -EINVAL);
	assert_int_equal(param_check_num(&rate, INT64_MIN, &e), -EINVAL);
}

static void
every_item_is_a_value_of_the_type(void **state)
{
	static const struct {
		const struct param *p;
		const char *good, *bad;
	} rows[] = {
		{ &cycle, "5s/2s", "5s" },
		{ &ifnames, "eth0", "a/b" },
		{ &addrs, "10.0.0.0/8", "10.0.0.1/8" },
		{ &addrs, "2001:db8::1", "db.internal" },
		{ &ports, "8000-8100", "8100-8000" },
		{ &percents, "99.9%", "101" },
		{ &strings, "*.example.com", "two\nlines" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_false(param_is_number(rows[i].p));
		assert_ok(param_check_text(rows[i].p, rows[i].good, &e), e);
		assert_int_equal(param_check_text(rows[i].p, rows[i].bad, &e), -EINVAL);
		assert_int_equal(param_check_text(rows[i].p, "", &e), -EINVAL);
		assert_int_equal(param_is_list(rows[i].p), rows[i].p != &cycle);
	}
}

static void
ports_and_interfaces_are_named_once(void **state)
{
	struct list l = { 0 }, names = { 0 };

	(void)state;
	add(&l, &ports, "80");
	add(&l, &ports, "8000-8100");
	refuse_next(&l, &ports, "80", "'80' is there twice");
	refuse_next(
	    &l, &ports, "8100-8200", "'8000-8100' and '8100-8200' have ports in common");
	refuse_next(&l, &ports, "8050", "'8000-8100' and '8050' have ports in common");
	add(&l, &ports, "81-7999");
	add(&names, &ifnames, "eth0");
	add(&names, &ifnames, "eth1");
	refuse_next(&names, &ifnames, "eth0", "'eth0' is there twice");
}

static void
lists_have_an_end(void **state)
{
	struct list p = { 0 }, i = { 0 }, a = { 0 }, s = { 0 }, all = { 0 };
	char text[32];

	(void)state;
	for (int n = 1; n <= 7; n++) {
		(void)snprintf(text, sizeof(text), "%d", n);
		add(&p, &ports, text);
	}
	refuse_next(&p, &ports, "8", "more than 7 in one list");
	for (int n = 0; n < 8; n++) {
		(void)snprintf(text, sizeof(text), "eth%d", n);
		add(&i, &ifnames, text);
	}
	refuse_next(&i, &ifnames, "eth8", "more than 8 in one list");
	for (int n = 0; n < 64; n++) {
		(void)snprintf(text, sizeof(text), "10.0.0.%d", n);
		add(&a, &addrs, text);
	}
	refuse_next(&a, &addrs, "10.1.0.0", "more than 64 in one list");
	for (int n = 0; n < 100; n++)
		add(&s, &strings, "same");
	add(&all, &percents, "1%");
	assert_int_equal(param_check_whole(&percents, all.text, all.len, &e), -EINVAL);
	assert_string_equal(e.msg, "it takes at least 2, not 1");
	for (int n = 0; n < 4; n++)
		add(&all, &percents, "1%");
	assert_int_equal(param_check_whole(&percents, all.text, all.len, &e), 0);
	refuse_next(&all, &percents, "1%", "more than 5 in one list");
}

static void
every_type_has_a_name(void **state)
{
	(void)state;
	for (int t = PARAM_USEC; t <= PARAM_NETS; t++) {
		const char *name = param_type_name((enum param_type)t);

		if (name == NULL || strcmp(name, "?") == 0)
			fail_msg("type %d has no name", t);
	}
	assert_string_equal(param_type_name((enum param_type)(PARAM_NETS + 1)), "?");
}

static void
ranges_are_words(void **state)
{
	char b[80];

	(void)state;
	assert_string_equal(param_range(&rate, b, sizeof(b)), "8kbit to 100gbit");
	assert_string_equal(param_range(&truth, b, sizeof(b)), "");
	assert_string_equal(param_range(&percents, b, sizeof(b)), "2 to 5 of them");
	assert_string_equal(param_range(&ports, b, sizeof(b)), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_in_range_and_written_back),
		cmocka_unit_test(numbers_from_elsewhere_are_checked_as_strictly),
		cmocka_unit_test(every_item_is_a_value_of_the_type),
		cmocka_unit_test(ports_and_interfaces_are_named_once),
		cmocka_unit_test(lists_have_an_end),
		cmocka_unit_test(every_type_has_a_name),
		cmocka_unit_test(ranges_are_words),
	};

	return cmocka_run_group_tests_name("param", tests, NULL, NULL);
}
