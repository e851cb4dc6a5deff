/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every parser against tables: what is taken, with its value, and what is not.  A row that
 * must fail also checks that the result was left alone and that a sentence was written.
 */
#include "cleanup.h"
#include "parse.h"
#include "test.h"
#include <errno.h>
#include <string.h>

#define UNTOUCHED 0x5a5a5a5aU

struct row {
	const char *text;
	long long value; /* -1: an error */
};

typedef int (*parser_fn)(const char *s, long long *ret, struct err *e);

#define ADAPT(name, type)                                           \
 static int name##_ll(const char *s, long long *ret, struct err *e) \
 {                                                                  \
  type v = (type)UNTOUCHED;                                         \
  int rc = parse_##name(s, &v, e);                                  \
  if (rc < 0)                                                       \
   assert_true(v == (type)UNTOUCHED);                               \
  *ret = (long long)v;                                              \
  return rc;                                                        \
 }

ADAPT(u64, uint64_t)
ADAPT(usec, usec_t)
ADAPT(percent, int64_t)
ADAPT(size, uint64_t)
ADAPT(rate, uint64_t)
ADAPT(port, uint16_t)
ADAPT(bits, uint64_t)
ADAPT(signal, int)

static void
check_rows(parser_fn parse, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct err e = { 0 };
		long long v;
		int rc = parse(rows[i].text, &v, &e);

		if (rows[i].value < 0 ? rc == 0 : rc < 0 || v != rows[i].value)
			fail_msg("'%s': rc %d, value %lld, expected %lld, '%s'",
			    rows[i].text, rc, v, rows[i].value, e.msg);
		if (rc < 0) {
			assert_int_equal(rc, -EINVAL);
			assert_int_equal(e.outcome, OUTCOME_INVALID);
			assert_true(strlen(e.msg) > 10);
			assert_true(e.msg[strlen(e.msg) - 1] != '.');
		} else {
			assert_int_equal(e.code, 0);
		}
	}
}
#define CHECK(name, ...)                             \
 do {                                                \
  static const struct row rows_[] = { __VA_ARGS__ }; \
  check_rows(name##_ll, rows_, ARRAY_LEN(rows_));    \
 } while (0)

static void
whole_numbers(void **state)
{
	struct err e = { 0 };
	uint64_t v;
	int64_t i;

	(void)state;
	CHECK(u64, { "0", 0 }, { "7", 7 }, { "4294967296", 4294967296 },
	    { "9223372036854775807", INT64_MAX }, { "", -1 }, { " 1", -1 }, { "1 ", -1 },
	    { "+1", -1 }, { "-1", -1 }, { "0x10", -1 }, { "010", -1 }, { "00", -1 },
	    { "1.0", -1 }, { "1e3", -1 }, { "18446744073709551616", -1 },
	    { "99999999999999999999999", -1 }, { "1\n", -1 }, { "\xd9\xa1", -1 });
	assert_int_equal(parse_u64("18446744073709551615", &v, &e), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(parse_i64("-9223372036854775808", &i, &e), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(parse_i64("9223372036854775807", &i, &e), 0);
	assert_true(i == INT64_MAX);
	assert_int_equal(parse_i64("9223372036854775808", &i, &e), -EINVAL);
	assert_int_equal(parse_i64("-9223372036854775809", &i, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "too large a number"));
	assert_int_equal(parse_i64("--1", &i, &e), -EINVAL);
	assert_int_equal(parse_i64("-", &i, NULL), -EINVAL);
	assert_int_equal(parse_i64("-0", &i, &e), 0);
	assert_true(i == 0);
}

static void
durations(void **state)
{
	(void)state;
	CHECK(usec, { "0", 0 }, { "0s", 0 }, { "250us", 250 }, { "150ms", 150000 },
	    { "1.5s", 1500000 }, { "0.3s", 300000 }, { "2m", 120000000 },
	    { "1h", 3600000000 }, { "30d", 2592000000000 }, { "1d12h", 129600000000 },
	    { "12h1d", -1 }, { "1m30s", 90000000 }, { "1h2m3s4ms5us", 3723004005 },
	    { "1m1.5s", 61500000 }, { "0.000001s", 1 }, { "1.5h", 5400000000 },
	    { "1.50s", 1500000 }, { "", -1 }, { "5", -1 }, { "5 s", -1 }, { " 5s", -1 },
	    { "5s ", -1 }, { "-5s", -1 }, { "s", -1 }, { ".5s", -1 }, { "5.s", -1 },
	    { "5S", -1 }, { "5sec", -1 }, { "5min", -1 }, { "1D", -1 }, { "00", -1 },
	    { "05s", -1 }, { "30s1m", -1 }, { "1s1s", -1 }, { "1.5m30s", -1 },
	    { "0.0000001s", -1 }, { "0.5us", -1 }, { "1m30", -1 }, { "1,5s", -1 },
	    { "1..5s", -1 }, { "1.5.5s", -1 }, { "9223372036854775807us", -1 },
	    { "9999999999999999999h", -1 }, { "2562047788h", 2562047788 * 3600000000LL },
	    { "2562047789h", -1 }, { "0.1234567890123456789s", -1 });
}

static void
percentages(void **state)
{
	(void)state;
	CHECK(percent, { "0", 0 }, { "100", 100000 }, { "100%", 100000 },
	    { "99.9%", 99900 }, { "99.9", 99900 }, { "0.001%", 1 }, { "5%", 5000 },
	    { "", -1 }, { "%", -1 }, { "101", -1 }, { "100.001%", -1 }, { "-1", -1 },
	    { "5 %", -1 }, { "5%%", -1 }, { "0.0001%", -1 }, { "1e1", -1 },
	    { "18446744073709551615", -1 });
}

static void
numbers_are_decimal_and_finite(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = { { "0", 0 }, { "5", 5 }, { "-3", -3 }, { "0.05", 0.05 },
		{ "1.5e9", 1.5e9 }, { "2E-3", 0.002 }, { "1e+3", 1000 }, { "007", 7 } };
	static const char *const bad[] = { "", "-", "--1", "+1", " 1", "1 ", ".5", "5.",
		"1e", "1e+", "0x10", "inf", "nan", "1,5", "1e999", "5%" };
	struct err e = { 0 };
	double v = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(parse_number(good[i].text, &v, &e), e);
		assert_true(v == good[i].value);
	}
	v = 42;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (parse_number(bad[i], &v, &e) == 0 || v != 42)
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void
sizes(void **state)
{
	(void)state;
	CHECK(size, { "0", 0 }, { "4096", 4096 }, { "4096B", 4096 }, { "1KiB", 1024 },
	    { "512MiB", 536870912 }, { "1.5GiB", 1610612736 }, { "10GB", 10000000000 },
	    { "1kB", 1000 }, { "2MB", 2000000 }, { "1TiB", 1099511627776 },
	    { "1TB", 1000000000000 }, { "0.1KiB", 102 }, { "", -1 }, { "10G", -1 },
	    { "10K", -1 }, { "10KB", -1 }, { "10 MiB", -1 }, { "-1", -1 }, { "1.5", -1 },
	    { "MiB", -1 }, { "1MiB2", -1 }, { "1MiBB", -1 }, { "0x10", -1 },
	    { "9223372036854775807", INT64_MAX }, { "9223372036854775808", -1 },
	    { "8388608TiB", -1 }, { "16777216TiB", -1 });
}

static void
rates(void **state)
{
	(void)state;
	CHECK(rate, { "50/s", 50000 }, { "600/m", 10000 }, { "0.5/s", 500 },
	    { "3600/h", 1000 }, { "1/m", 17 }, { "0.001/s", 1 }, { "", -1 }, { "50", -1 },
	    { "50/", -1 }, { "50 /s", -1 }, { "50/s/s", -1 }, { "/s", -1 },
	    { "-1/s", -1 }, { "0/s", -1 }, { "0.1/h", -1 }, { "50/d", -1 },
	    { "50/s ", -1 });
}

static void
ports(void **state)
{
	(void)state;
	CHECK(port, { "1", 1 }, { "80", 80 }, { "65535", 65535 }, { "0", -1 },
	    { "65536", -1 }, { "080", -1 }, { "http", -1 }, { "", -1 }, { "80-90", -1 },
	    { "4294967376", -1 });
}

static void
port_ranges(void **state)
{
	static const struct {
		const char *text;
		unsigned from, to;
	} good[] = { { "80", 80, 80 }, { "8000-8100", 8000, 8100 },
		{ "1-65535", 1, 65535 }, { "7-7", 7, 7 } };
	static const char *const bad[] = { "", "-", "80-", "-80", "0-80", "80-65536",
		"65536", "80 -90", "80--90", "80-90-100", "http", "080-90", "80-090",
		"+1-2", "80,90", "000000080-90", "0x10-20" };
	struct port_range r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct err e = { 0 };
		assert_ok(parse_port_range(good[i].text, &r, &e), e);
		assert_int_equal(r.from, good[i].from);
		assert_int_equal(r.to, good[i].to);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };
		if (parse_port_range(bad[i], &r, &e) == 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(e.msg, "write 80 or 8000-8100"));
		assert_int_equal(r.from, 7);
	}
	assert_int_equal(parse_port_range("90-80", &r, NULL), -EINVAL);
}

static void
bits_per_second(void **state)
{
	struct err e = { 0 };
	uint64_t v;
	char b[32];

	(void)state;
	CHECK(bits, { "9600bit", 9600 }, { "300kbit", 300000 }, { "10mbit", 10000000 },
	    { "10Mbit", 10000000 }, { "1.5gbit", 1500000000 }, { "0.001kbit", 1 },
	    { "1tbit", 1000000000000 }, { "0bit", 0 }, { "", -1 }, { "10", -1 },
	    { "10m", -1 }, { "10 mbit", -1 }, { "10mbit ", -1 }, { "mbit", -1 },
	    { "10mbit/s", -1 }, { "-1mbit", -1 }, { "0.5bit", -1 }, { "10mibit", -1 },
	    { "1.mbit", -1 }, { ".5mbit", -1 }, { "1e3bit", -1 }, { "10mbit5", -1 },
	    { "1.2.3mbit", -1 }, { "9223372036854775807bit", INT64_MAX },
	    { "9223372036854775808bit", -1 }, { "10000000tbit", -1 });
	assert_int_equal(parse_bits("10Mbps", &v, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "could mean bits or bytes"));
	assert_int_equal(parse_bits("1MB/s", &v, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "could mean bits or bytes"));
	assert_string_equal(format_bits(1500000000, b, sizeof(b)), "1500mbit");
	assert_string_equal(format_bits(9600, b, sizeof(b)), "9600bit");
	assert_string_equal(format_bits(0, b, sizeof(b)), "0bit");
}

static void
cycles(void **state)
{
	static const char *const bad[] = { "", "/", "5s", "5s/", "/2s", "5s/2s/1s", "5/2",
		"5s /2s", "5s/ 2s", "0/2s", "5s/0", "99ms/1s", "1s/99999us", "-5s/2s" };
	struct err e = { 0 };
	usec_t on = 7, off = 7;

	(void)state;
	assert_ok(parse_cycle("5s/2s", &on, &off, &e), e);
	assert_true(on == 5 * USEC_PER_SEC && off == 2 * USEC_PER_SEC);
	assert_ok(parse_cycle("100ms/1m30s", &on, &off, &e), e);
	assert_true(on == 100 * USEC_PER_MSEC && off == 90 * USEC_PER_SEC);
	on = off = 7;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&e, 0, sizeof(e));
		if (parse_cycle(bad[i], &on, &off, &e) == 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(on == 7 && off == 7);
		assert_int_equal(e.outcome, OUTCOME_INVALID);
	}
	assert_int_equal(parse_cycle("99ms/1s", &on, &off, &e), -EINVAL);
	assert_string_equal(e.msg, "'99ms/1s' is too quick a cycle: at least 100ms each");
}

static void
truth(void **state)
{
	static const char *const yes[] = { "true", "yes", "on" },
				 *const no[] = { "false", "no", "off" },
				 *const bad[] = { "", "1", "0", "True", "y", "true " };
	struct err e = { 0 };
	bool v = false;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		assert_int_equal(parse_bool(yes[i], &v, &e), 0);
		assert_true(v);
		assert_int_equal(parse_bool(no[i], &v, &e), 0);
		assert_false(v);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse_bool(bad[i], &v, &e), -EINVAL);
	assert_string_equal(e.msg, "'true ' is neither true nor false");
}

static void
signals(void **state)
{
	char buf[16];
	int back;

	(void)state;
	CHECK(signal, { "KILL", 9 }, { "SIGKILL", 9 }, { "9", 9 }, { "TERM", 15 },
	    { "HUP", 1 }, { "SIGIO", 29 }, { "POLL", 29 }, { "ABRT", 6 }, { "IOT", 6 },
	    { "34", 34 }, { "64", 64 }, { "0", -1 }, { "65", -1 }, { "32", -1 },
	    { "33", -1 }, { "-9", -1 }, { "", -1 }, { "SIG", -1 }, { "kill", -1 },
	    { "KILLER", -1 }, { "SIGSIGKILL", -1 }, { "4294967305", -1 });
	for (int i = 1; i <= 64; i++) {
		if (i == 32 || i == 33)
			continue;
		assert_int_equal(
		    parse_signal(format_signal(i, buf, sizeof(buf)), &back, NULL), 0);
		assert_int_equal(back, i);
	}
}

static void
nets(void **state)
{
	static const char *const good[] = { "10.0.0.0/8", "10.1.2.3", "0.0.0.0/0",
		"255.255.255.255", "fe80::1", "fd00::/8", "::/0", "2001:db8::/33",
		"::", "10.0.0.128/25" };
	static const char *const bad[] = { "", "10", "10.0.0", "10.0.0.0.0", "10.0.0.256",
		"010.0.0.1", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08",
		"10.0.0.0/8/8", "10.0.0.1/8", "fe80::1/64", "::/129", "fe80::1%eth0",
		"::ffff:10.0.0.1", "::ffff:0:0/96", " 10.0.0.1", "10.0.0.1 ", "localhost",
		"any", "1:2:3:4:5:6:7:8:9", "g::", "/8",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };
	char text[64];
	struct net n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct err e = { 0 };
		assert_ok(parse_net(good[i], &n, &e), e);
		assert_string_equal(format_net(&n, text, sizeof(text)), good[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };
		if (parse_net(bad[i], &n, &e) == 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(e.outcome, OUTCOME_INVALID);
	}
}

static void
net_mistakes_name_what_was_meant(void **state)
{
	struct err e = { 0 };
	struct net n;

	(void)state;
	assert_int_equal(parse_net("10.1.2.3/8", &n, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "write 10.0.0.0/8 or 10.1.2.3"));
	assert_int_equal(parse_net("::ffff:10.0.0.0/104", &n, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "write 10.0.0.0/8"));
	assert_int_equal(parse_net("2001:db8::1/32", &n, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "2001:db8::/32"));
}

static bool
covers(const char *outer, const char *inner)
{
	struct err e = { 0 };
	struct net o, i;

	assert_ok(parse_net(outer, &o, &e), e);
	assert_ok(parse_net(inner, &i, &e), e);
	return net_covers(&o, &i);
}

static void
a_network_covers_what_is_in_it(void **state)
{
	(void)state;
	assert_true(covers("10.0.0.0/8", "10.1.2.3"));
	assert_true(covers("10.0.0.0/8", "10.0.0.0/8"));
	assert_true(covers("0.0.0.0/0", "192.0.2.1"));
	assert_true(covers("10.0.0.128/25", "10.0.0.255"));
	assert_true(covers("fd00::/8", "fd99::1"));
	assert_false(covers("10.0.0.128/25", "10.0.0.127"));
	assert_false(covers("10.1.0.0/16", "10.0.0.0/8"));
	assert_false(covers("::/0", "10.0.0.1"));
	assert_false(covers("0.0.0.0/0", "::"));
}

static void
interface_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "a\tb", "eth0:1",
		"sixteen-bytes-xx", "a\x01", "a\n" };
	char name[16];

	(void)state;
	assert_int_equal(parse_ifname("eth0", name, NULL), 0);
	assert_string_equal(name, "eth0");
	assert_int_equal(parse_ifname("fifteen-bytes-x", name, NULL), 0);
	assert_int_equal(parse_ifname("wan.100", name, NULL), 0);
	assert_int_equal(parse_ifname("...", name, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };
		assert_int_equal(parse_ifname(bad[i], name, &e), -EINVAL);
		assert_string_equal(name, "...");
	}
}

static void
cpu_lists(void **state)
{
	static const char *const good[] = { "0", "0-3", "0,2-3", "5-5", "4095", "0,0" };
	static const char *const bad[] = { "", "a", "0-", "-1", "0,", ",0", "3-1", "0--1",
		"4096", "0-4096", "0 ,1", "0;1", "00", "99999999999999999999",
		"0-3:1/2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(parse_cpus(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };
		if (parse_cpus(bad[i], &e) == 0)
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void
domains_are_names_in_dns_or_all_below_one(void **state)
{
	static const char *const good[] = { "www.example.com", "*.example.com", "db",
		"_sip._tcp.x", "xn--bcher-kva.example", "*.com" };
	static const char *const bad[] = { "", "*", "*.", ".", "www.", ".www", "a..b",
		"*.*.com", "a.*.com", "a b", "b\xc3\xbc", "1/2" };
	char text[260] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(parse_domain(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse_domain(bad[i], NULL), -EINVAL);
	memset(text, 'x', 64);
	assert_int_equal(parse_domain(text, NULL), -EINVAL);
	text[63] = '\0';
	assert_int_equal(parse_domain(text, NULL), 0);
	for (size_t i = 0; i < 254; i++)
		text[i] = i % 2 == 0 ? 'x' : '.';
	text[253] = '\0';
	assert_int_equal(parse_domain(text, NULL), 0);
	memcpy(text + 253, "xx", 3);
	assert_int_equal(parse_domain(text, NULL), -EINVAL);
}

static void
uuids_and_names(void **state)
{
	static const char *const bad_uuid[] = { "", "9f0b1c2d-0000-4000-8000-00000000000",
		"9F0B1C2D-0000-4000-8000-000000000000",
		"9f0b1c2d-0000-4000-8000-0000000000000",
		"9f0b1c2d_0000-4000-8000-000000000000",
		"../../../../../../../../../etc/passwd" };
	static const char *const bad_name[] = { "", ".", "..", ".hidden", "-x", "a/b",
		"a b", "a\n", "\xc3\xa4",
		"a23456789012345678901234567890123456789012345678901234567890abcd" };

	(void)state;
	assert_int_equal(parse_uuid("9f0b1c2d-0000-4000-8000-0123456789ab", NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad_uuid); i++)
		assert_int_equal(parse_uuid(bad_uuid[i], NULL), -EINVAL);
	assert_int_equal(parse_name("slow-db_1.x", NULL), 0);
	assert_int_equal(parse_name("a", NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad_name); i++)
		assert_int_equal(parse_name(bad_name[i], NULL), -EINVAL);
}

static void
messages_are_printable_and_short(void **state)
{
	char junk[4096];
	struct err e = { 0 };
	usec_t v;

	(void)state;
	assert_int_equal(parse_usec("5\x1b[2Js\n", &v, &e), -EINVAL);
	assert_string_equal(e.msg, "'5?[2Js?' is not a duration: write 5s, 200ms, 1m30s");
	memset(junk, '9', sizeof(junk));
	junk[sizeof(junk) - 1] = '\0';
	assert_int_equal(parse_usec(junk, &v, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "9...' is not a duration: write 5s"));
}

static void
sizes_for_people(void **state)
{
	char b[32];

	(void)state;
	assert_string_equal(format_size(0, b, sizeof(b)), "0 B");
	assert_string_equal(format_size(1023, b, sizeof(b)), "1023 B");
	assert_string_equal(format_size(1024, b, sizeof(b)), "1 KiB");
	assert_string_equal(format_size(1536, b, sizeof(b)), "1.5 KiB");
	assert_string_equal(format_size(512ULL << 20, b, sizeof(b)), "512 MiB");
	assert_string_equal(format_size((1ULL << 20) - 1, b, sizeof(b)), "1 MiB");
	assert_string_equal(format_size(3ULL << 29, b, sizeof(b)), "1.5 GiB");
	assert_string_equal(format_size(UINT64_MAX, b, sizeof(b)), "16 EiB");
}

static const char *
nth_word(const void *ctx, size_t i)
{
	return ((const char *const *)ctx)[i];
}

static void
nearest_is_what_was_meant(void **state)
{
	static const char *const kinds[] = { "cpu.load", "disk.fill", "net.delay",
		"net.partition", "process.kill", NULL };
	static const char *const params[] = { "delay", "jitter", "to", "port", "protocol",
		"interface", "direction", NULL };

	(void)state;
	assert_string_equal(nearest("net.dealy", nth_word, kinds), "net.delay");
	assert_string_equal(nearest("delay", nth_word, kinds), "net.delay");
	assert_string_equal(nearest("proces.kil", nth_word, kinds), "process.kill");
	assert_string_equal(nearest("NET.DELAY", nth_word, kinds), "net.delay");
	assert_null(nearest("kubernetes", nth_word, kinds));
	assert_null(nearest("", nth_word, kinds));
	assert_string_equal(nearest("ports", nth_word, params), "port");
	assert_string_equal(nearest("tp", nth_word, params), "to");
	assert_string_equal(nearest("interfac", nth_word, params), "interface");
	assert_null(nearest("xyzzy", nth_word, params));
	assert_null(
	    nearest("a very long word that nobody could have meant to be a parameter",
		nth_word, params));
}

static void
directions_are_signs(void **state)
{
	static const struct {
		const char *text, *written;
		int64_t usec;
	} good[] = {
		{ "+1h", "+1h", 3600000000 },
		{ "-90s", "-90s", -90000000 },
		{ "1.5s", "+1.5s", 1500000 },
		{ "-0", "+0s", 0 },
	};
	static const char *const bad[] = { "", "+", "-", "--1s", "+-1s", " 1s", "1",
		"+1h-1m", "9999999999999h" };
	struct err e = { 0 };
	char buf[64];
	int64_t v = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(parse_offset(good[i].text, &v, &e), e);
		assert_int_equal(v, good[i].usec);
		assert_string_equal(format_offset(v, buf, sizeof(buf)), good[i].written);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (parse_offset(bad[i], &v, &e) == 0)
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void
drifts_are_exact(void **state)
{
	static const char *const bad[] = { "", "500", "500 ppm", "ppm", "+-1ppm",
		"0.0001ppm", "1000001ppm", "1ppmx" };
	struct err e = { 0 };
	char buf[64];
	int64_t v = 7;

	(void)state;
	assert_ok(parse_ppm("-0.125ppm", &v, &e), e);
	assert_int_equal(v, -125);
	assert_string_equal(format_ppm(v, buf, sizeof(buf)), "-0.125ppm");
	assert_ok(parse_ppm("+100000ppm", &v, &e), e);
	assert_int_equal(v, 100000000);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (parse_ppm(bad[i], &v, &e) == 0)
			fail_msg("'%s' was taken", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(durations),
		cmocka_unit_test(percentages),
		cmocka_unit_test(numbers_are_decimal_and_finite),
		cmocka_unit_test(sizes),
		cmocka_unit_test(rates),
		cmocka_unit_test(ports),
		cmocka_unit_test(port_ranges),
		cmocka_unit_test(bits_per_second),
		cmocka_unit_test(cycles),
		cmocka_unit_test(truth),
		cmocka_unit_test(signals),
		cmocka_unit_test(nets),
		cmocka_unit_test(net_mistakes_name_what_was_meant),
		cmocka_unit_test(a_network_covers_what_is_in_it),
		cmocka_unit_test(interface_names),
		cmocka_unit_test(cpu_lists),
		cmocka_unit_test(uuids_and_names),
		cmocka_unit_test(domains_are_names_in_dns_or_all_below_one),
		cmocka_unit_test(messages_are_printable_and_short),
		cmocka_unit_test(sizes_for_people),
		cmocka_unit_test(nearest_is_what_was_meant),
		cmocka_unit_test(directions_are_signs),
		cmocka_unit_test(drifts_are_exact),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
