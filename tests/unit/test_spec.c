/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building, reading and describing a spec, and what the kinds' own checks refuse.
 */
#include "err.h"
#include "kind.h"
#include "spec.h"
#include "test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct spec s;
static struct err e;

static void
begin(const char *kind)
{
	memset(&e, 0, sizeof(e));
	assert_non_null(kind_find(kind));
	spec_init(&s, kind_find(kind));
}

static void
set(const char *name, const char *text)
{
	int r = spec_set(&s, name, text, &e);

	if (r < 0)
		fail_msg("%s=%s: %s", name, text, e.msg);
}

/* The value must be refused, saying `why`, and leave the spec as it was. */
static void
refuse(const char *name, const char *text, const char *why)
{
	struct spec before = s;

	memset(&e, 0, sizeof(e));
	if (spec_set(&s, name, text, &e) == 0)
		fail_msg("%s=%s was taken", name, text);
	if (strstr(e.msg, why) == NULL)
		fail_msg("%s=%s: '%s' does not say '%s'", name, text, e.msg, why);
	assert_int_equal(e.outcome, OUTCOME_INVALID);
	assert_memory_equal(&before, &s, sizeof(s));
}

static void
finish(void)
{
	if (spec_finish(&s, &e) < 0)
		fail_msg("finish: %s", e.msg);
}

static void
not_finish(const char *why)
{
	memset(&e, 0, sizeof(e));
	assert_true(spec_finish(&s, &e) < 0);
	if (strstr(e.msg, why) == NULL)
		fail_msg("'%s' does not say '%s'", e.msg, why);
}

static const char *
describe(void)
{
	static char buf[400];

	return spec_describe(&s, buf, sizeof(buf));
}

static void
kinds_are_sorted_and_found(void **state)
{
	const char *last = "";

	(void)state;
	FOR_EACH_KIND(k) {
		assert_true(strcmp(last, (*k)->name) < 0);
		assert_ptr_equal(kind_find((*k)->name), *k);
		last = (*k)->name;
	}
	assert_null(kind_find("net.dealy"));
	assert_string_equal(kind_nearest("net.dealy"), "net.delay");
	assert_null(kind_nearest("something.else.entirely"));
}

static void
every_row_is_complete(void **state)
{
	(void)state;
	FOR_EACH_KIND(k) {
		assert_non_null((*k)->summary);
		assert_non_null((*k)->undone_by);
		assert_non_null((*k)->by_hand);
		assert_non_null((*k)->teaches);
		assert_non_null((*k)->check);
		for (const struct param *p = (*k)->params; p->name != NULL; p++) {
			assert_non_null(p->help);
			assert_true(strlen(p->name) < ARG_NAME_MAX);
			assert_false(p->required && p->def != NULL);
			assert_int_equal(p->type == PARAM_ENUM, p->choices != NULL);
		}
	}
}

static void
delay_is_built_and_described(void **state)
{
	(void)state;
	begin("net.delay");
	set("delay", "100ms");
	set("jitter", "10ms");
	set("to", "10.0.0.0/8,fd00::/8");
	set("to", "192.0.2.7");
	set("port", "5432");
	finish();
	assert_int_equal(spec_num(&s, "delay"), 100000);
	assert_string_equal(spec_text(&s, "port"), "5432");
	assert_int_equal(spec_num(&s, "direction"), 0);
	assert_true(spec_has(&s, "engine"));
	assert_false(spec_has(&s, "protocol"));
	assert_int_equal(s.nets_count, 3);
	assert_string_equal(describe(),
	    "net.delay delay=100ms jitter=10ms to=10.0.0.0/8,fd00::/8,192.0.2.7 port=5432");
}

static void
same_network_is_kept_once(void **state)
{
	(void)state;
	begin("net.partition");
	set("to", "10.0.0.1,10.0.0.1");
	set("to", "10.0.0.1/32");
	assert_int_equal(s.nets_count, 1);
}

static void
any_must_be_written(void **state)
{
	char buf[64];

	(void)state;
	begin("net.partition");
	not_finish("net.partition needs to");
	set("to", "any");
	finish();
	assert_int_equal(s.nets_count, 2);
	assert_string_equal(spec_format(&s, "to", buf, sizeof(buf)), "any");
}

static void
lists_grow_by_commas_and_by_calls(void **state)
{
	(void)state;
	begin("process.kill");
	set("exclude", "a,b");
	set("name", "nginx");
	set("exclude", "c");
	finish();
	assert_string_equal(spec_string(&s, "exclude", 0), "a");
	assert_string_equal(spec_string(&s, "exclude", 2), "c");
	assert_null(spec_string(&s, "exclude", 3));
	assert_string_equal(spec_text(&s, "name"), "nginx");
	assert_string_equal(describe(), "process.kill name=nginx exclude=a,b,c");
	refuse("exclude", "d,,e", "empty");
}

static void
lists_are_read_as_what_they_are(void **state)
{
	struct port_range ports[PORT_RANGES_MAX];
	struct net addrs[SPEC_ADDRS_MAX];
	usec_t on = 0, off = 0;
	int64_t shares[5];

	(void)state;
	begin("net.delay");
	set("delay", "1s");
	set("to", "any");
	set("port", "80,8000-8100");
	set("port", "443");
	set("interface", "eth0,eth1");
	set("exclude", "10.0.0.1,fd00::/8,10.0.0.1");
	set("loss_state", "1%,99.9%");
	set("flap", "5s/200ms");
	finish();
	assert_int_equal(spec_ports(&s, "port", ports, PORT_RANGES_MAX), 3);
	assert_true(ports[1].from == 8000 && ports[1].to == 8100 && ports[2].to == 443);
	assert_int_equal(spec_ports(&s, "port", ports, 2), 2);
	assert_int_equal(spec_ports(&s, "local_port", ports, PORT_RANGES_MAX), 0);
	assert_int_equal(spec_addrs(&s, "exclude", addrs, SPEC_ADDRS_MAX), 2);
	assert_true(addrs[0].family == 4 && addrs[1].family == 6);
	assert_int_equal(spec_percents(&s, "loss_state", shares, 5), 2);
	assert_true(shares[0] == 1000 && shares[1] == 99900);
	assert_true(spec_cycle(&s, "flap", &on, &off));
	assert_true(on == 5 * USEC_PER_SEC && off == 200 * USEC_PER_MSEC);
	assert_string_equal(spec_string(&s, "interface", 1), "eth1");
	assert_string_equal(describe(),
	    "net.delay delay=1s to=any port=80,8000-8100,443 interface=eth0,eth1 "
	    "exclude=10.0.0.1,fd00::/8 flap=5s/200ms loss_state=1%,99.9%");
	refuse("port", "22,8050", "'8000-8100' and '8050' have ports in common");
	refuse("interface", "eth2,eth0", "twice");
	begin("net.partition");
	assert_false(spec_cycle(&s, "flap", &on, &off));
}

static void
wrong_values_name_the_parameter_and_the_reason(void **state)
{
	(void)state;
	begin("net.delay");
	refuse("dellay", "1s", "did you mean 'delay'?");
	refuse("whatever", "1s", "unknown parameter 'whatever' of net.delay");
	refuse("delay", "5 s", "delay: ");
	refuse("delay", "2m", "out of range: it takes 100us to 1m");
	refuse("delay", "10us", "out of range");
	refuse("port", "0", "port: ");
	refuse("to", "10.0.0.1/8", "10.0.0.0/8");
	refuse("to", "10.0.0.0/8,", "empty");
	refuse("to", "db.internal", "to: ");
	refuse("direction", "ingres", "did you mean 'ingress'?");
	refuse("direction", "up", "egress, ingress, both");
	refuse("interface", "a/b", "interface: ");
	set("delay", "1s");
	refuse("delay", "1s", "given twice");
	begin("cpu.load");
	refuse("percent", "0.5%", "1% to 100%");
	refuse("cpus", "0-", "cpus: ");
	begin("disk.fill");
	refuse("path", "var", "not an absolute path");
	refuse("path", "/var/../etc", "'..'");
	refuse("path", "/var/.", "'.'");
	refuse("path", "/var\n", "control");
	begin("process.kill");
	refuse("signal", "KILLL", "signal: ");
	refuse("count", "0", "write a number from 1, or all");
	refuse("pid", "0", "out of range");
}

static void
kinds_check_rules_between_parameters(void **state)
{
	(void)state;
	begin("net.delay");
	set("delay", "10ms");
	set("jitter", "11ms");
	set("to", "any");
	not_finish("jitter 11ms is more than the delay 10ms");
	begin("disk.fill");
	set("path", "/var");
	not_finish("exactly one of size, percent and leave");
	set("size", "1GiB");
	finish();
	set("leave", "1MiB");
	not_finish("more than one");
	begin("process.kill");
	not_finish("at least one of name");
	set("name", "x");
	set("seed", "1");
	not_finish("pick=random");
	begin("cpu.load");
	not_finish("cpu.load needs percent");
}

static void
numbers_are_changed_in_place(void **state)
{
	(void)state;
	begin("net.delay");
	set("delay", "100ms");
	set("to", "10.0.0.0/8");
	finish();
	assert_ok(spec_change(&s, "delay", 250000, &e), e);
	assert_ok(spec_change(&s, "jitter", 1000, &e), e);
	finish();
	assert_string_equal(describe(), "net.delay delay=250ms jitter=1ms to=10.0.0.0/8");
	assert_int_equal(spec_change(&s, "delay", -1, &e), -EINVAL);
	assert_int_equal(spec_num(&s, "delay"), 250000);
	assert_int_equal(spec_change(&s, "to", 1, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "not a number"));
	assert_int_equal(spec_change(&s, "dealy", 1, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "did you mean 'delay'?"));
}

static void
too_many_networks_are_refused(void **state)
{
	char net[32];

	(void)state;
	begin("net.partition");
	for (int i = 0; i < SPEC_NETS_MAX; i++) {
		(void)snprintf(net, sizeof(net), "10.0.%d.%d", i / 256, i % 256);
		set("to", net);
	}
	refuse("to", "192.0.2.1", "more than 512");
}

static void
too_much_text_is_refused(void **state)
{
	static char text[SPEC_TEXT_MAX];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	begin("process.kill");
	set("name", "y");
	refuse("cmdline", text, "bytes of text");
	text[sizeof(text) - 10] = '\0';
	set("cmdline", text);
	refuse("exclude", "aaaaaaaaaaaa", "bytes of text");
}

static void
written_values_are_read_back_the_same(void **state)
{
	static const char *const values[][3] = {
		{ "net.delay", "delay", "1.5s" },
		{ "net.delay", "delay", "250us" },
		{ "cpu.load", "percent", "99.5%" },
		{ "cpu.load", "percent", "80%" },
		{ "disk.fill", "size", "512MiB" },
		{ "disk.fill", "size", "1000" },
		{ "disk.fill", "leave", "0" },
		{ "process.kill", "signal", "TERM" },
		{ "process.kill", "count", "all" },
		{ "process.kill", "count", "3" },
		{ "process.kill", "pick", "newest" },
		{ "net.partition", "to", "10.0.0.0/8,2001:db8::1" },
	};
	char buf[128];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		begin(values[i][0]);
		set(values[i][1], values[i][2]);
		assert_string_equal(
		    spec_format(&s, values[i][1], buf, sizeof(buf)), values[i][2]);
	}
}

static void
many_networks_do_not_hide_what_follows(void **state)
{
	char buf[400], net[32];

	(void)state;
	begin("net.partition");
	for (int i = 1; i <= SPEC_NETS_MAX; i++) {
		(void)snprintf(net, sizeof(net), "10.0.%d.%d", i / 256, i % 256);
		set("to", net);
	}
	set("mode", "reject");
	finish();
	assert_string_equal(describe(),
	    "net.partition "
	    "to=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,+506 mode=reject");
	assert_null(strchr(spec_format(&s, "to", buf, sizeof(buf)), '+'));
}

static void
long_description_ends_in_dots(void **state)
{
	char buf[40];

	(void)state;
	begin("net.partition");
	for (int i = 0; i < 9; i++)
		set("to",
		    (char[]){ '1', '0', '.', '0', '.', '0', '.', (char)('1' + i), 0 });
	finish();
	(void)spec_describe(&s, buf, sizeof(buf));
	assert_int_equal(strlen(buf), sizeof(buf) - 1);
	assert_string_equal(buf + sizeof(buf) - 4, "...");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_sorted_and_found),
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(delay_is_built_and_described),
		cmocka_unit_test(same_network_is_kept_once),
		cmocka_unit_test(any_must_be_written),
		cmocka_unit_test(lists_grow_by_commas_and_by_calls),
		cmocka_unit_test(lists_are_read_as_what_they_are),
		cmocka_unit_test(wrong_values_name_the_parameter_and_the_reason),
		cmocka_unit_test(kinds_check_rules_between_parameters),
		cmocka_unit_test(numbers_are_changed_in_place),
		cmocka_unit_test(too_many_networks_are_refused),
		cmocka_unit_test(too_much_text_is_refused),
		cmocka_unit_test(written_values_are_read_back_the_same),
		cmocka_unit_test(many_networks_do_not_hide_what_follows),
		cmocka_unit_test(long_description_ends_in_dots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
