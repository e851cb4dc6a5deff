/* SPDX-License-Identifier: Apache-2.0 */
/* A record comes back as it was written, and nothing damaged or forged is ever obeyed. */
#include "test.h"

#include "cleanup.h"
#include "record.h"
#include "tc.h"
#include <errno.h>
#include <string.h>

#define FAULT "7b1c09aa"

#define ESCAPED_UNIT "system.slice/dev-disk\\x2da.service"

static struct record
sample(void)
{
	struct record r = {
		.fault = FAULT,
		.drill = "9f0b6c1e-6f0e-4c57-9d4a-1c2d3e4f5a6b",
		.kind = "net.partition",
		.summary = "net.partition to=10.0.0.0/8",
		.boot_id = "0b6c1e9f-6f0e-4c57-9d4a-1c2d3e4f5a6b",
		.netns = 4026531840,
		.holder = { .pid = 812, .start = 123456 },
		.hard_deadline = 99000000,
	};
	int64_t chain = tc_chain_of(FAULT);

	undo_add(&r.undo, (struct undo){ UNDO_SET_DESTROY, "sd-" FAULT "-4" });
	undo_add(&r.undo, (struct undo){ UNDO_CHAIN, "SD-" FAULT "-I", "filter", { 4 } });
	undo_add(&r.undo, (struct undo){ UNDO_LINK, "sd" FAULT "e", "", { 100000 } });
	undo_add(
	    &r.undo, (struct undo){ UNDO_FILTER_CHAIN, "", "eth0", { 3, 1, chain } });
	undo_add(&r.undo, (struct undo){ UNDO_CGROUP_REMOVE, "a/stormdrill-" FAULT });
	undo_add(&r.undo, (struct undo){ UNDO_CGROUP_KILL, "a/stormdrill-" FAULT });
	undo_add(&r.undo, (struct undo){ UNDO_DESCRIPTOR, "", "", { 7 } });
	undo_add(
	    &r.undo, (struct undo){ UNDO_FILTER, "", "eth0", { 3, 1, 49153, chain } });
	undo_add(&r.undo, (struct undo){ UNDO_SET_FLUSH, "sd-" FAULT "-4" });
	undo_add(&r.undo, (struct undo){ UNDO_GATE_DELETE, FAULT });
	undo_add(
	    &r.undo, (struct undo){ UNDO_FILTERS, "", "eth0", { 3, 1, 49153, chain } });
	undo_add(&r.undo, (struct undo){ UNDO_GATE, FAULT });
	undo_add(&r.undo, (struct undo){ UNDO_NFT_OWN, "sd-" FAULT });
	undo_add(&r.undo, (struct undo){ UNDO_NFT_FLUSH, "sd-" FAULT });
	/* systemd writes a '-' in the name of a unit so */
	undo_add(&r.undo,
	    (struct undo){ UNDO_CGROUP_V1, ESCAPED_UNIT "/stormdrill-" FAULT, "cpu" });
	undo_add(&r.undo,
	    (struct undo){ UNDO_UNLINK_FILE, "/a b/.stormdrill-" FAULT, "", { 2, -5 } });
	return r;
}

static const char *
sample_text(void)
{
	static char text[RECORD_TEXT_MAX];
	struct record r = sample();
	struct err e = { 0 };

	assert_ok(record_format(&r, text, sizeof(text), &e), e);
	return text;
}

/* The sample with the first `from` replaced by `to`; what parsing it says. */
static const char *
refusal(const char *from, const char *to)
{
	static struct err e;
	char text[RECORD_TEXT_MAX * 2];
	const char *good = sample_text();
	const char *at = strstr(good, from);
	struct record r;

	assert_non_null(at);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to,
	    at + strlen(from));
	memset(&e, 0, sizeof(e));
	if (record_parse(text, &r, &e) == 0)
		fail_msg("obeyed with '%s' instead of '%s'", to, from);
	return e.msg;
}

static void
what_is_written_is_read_back(void **state)
{
	struct record r = sample(), again;
	struct err e = { 0 };

	(void)state;
	assert_ok(record_parse(sample_text(), &again, &e), e);
	assert_string_equal(again.fault, r.fault);
	assert_string_equal(again.drill, r.drill);
	assert_string_equal(again.kind, r.kind);
	assert_string_equal(again.summary, r.summary);
	assert_string_equal(again.boot_id, r.boot_id);
	assert_int_equal(again.netns, r.netns);
	assert_int_equal(again.holder.pid, r.holder.pid);
	assert_int_equal(again.holder.start, r.holder.start);
	assert_int_equal(again.hard_deadline, r.hard_deadline);
	assert_int_equal(again.undo.count, r.undo.count);
	for (size_t i = 0; i < r.undo.count; i++) {
		assert_int_equal(again.undo.op[i].op, r.undo.op[i].op);
		assert_string_equal(again.undo.op[i].name, r.undo.op[i].name);
		assert_string_equal(again.undo.op[i].dev, r.undo.op[i].dev);
		assert_memory_equal(
		    again.undo.op[i].num, r.undo.op[i].num, sizeof(r.undo.op[i].num));
	}
}

static void
people_find_commands_in_the_order_to_type_them(void **state)
{
	const char *text = sample_text();
	const char *flush = strstr(text, "# by hand: ipset flush sd-" FAULT "-4\n");
	const char *link = strstr(text, "# by hand: ip link del sd" FAULT "e");
	const char *destroy = strstr(text, "# by hand: ipset destroy sd-" FAULT "-4\n");

	(void)state;
	assert_non_null(flush);
	assert_non_null(link);
	assert_non_null(destroy);
	assert_true(flush < link && link < destroy);
}

static void
an_interface_name_cannot_run_a_command_of_whoever_pastes_it(void **state)
{
	struct undo u = { UNDO_FILTER, "", "e0;reboot'", { 3, 1, 7, 9 } };
	char hand[1024];

	(void)state;
	undo_by_hand(&u, hand, sizeof(hand));
	assert_string_equal(hand, "tc filter del dev 'e0;reboot'\\''' egress pref 7");
}

static void
a_name_is_written_so_that_it_is_one_word(void **state)
{
	struct undo u = { UNDO_CGROUP_V1, ESCAPED_UNIT "/stormdrill-" FAULT, "cpu" };
	char line[UNDO_LINE_MAX];
	struct undo back;
	struct err e = { 0 };

	(void)state;
	assert_true(undo_format(&u, line, sizeof(line)) > 0);
	assert_non_null(strstr(line, "dev-disk\\x5cx2da"));
	assert_int_equal(undo_parse(line, FAULT, &back, &e), 0);
	assert_string_equal(back.name, u.name);
	/* one way to write it: what need not be escaped is not */
	assert_true(
	    undo_parse("sweep remove-cgroup-v1 name=\\x61/stormdrill-" FAULT " tree=cpu",
		FAULT, &back, &e) < 0);
	assert_true(
	    undo_parse("sweep remove-cgroup-v1 name=a\\x5/stormdrill-" FAULT " tree=cpu",
		FAULT, &back, &e) < 0);
	assert_true(
	    undo_parse("sweep remove-cgroup-v1 name=a/stormdrill-" FAULT " tree=../proc",
		FAULT, &back, &e) < 0);
}

static void
a_summary_cannot_add_lines(void **state)
{
	struct record r = sample(), again;
	char text[RECORD_TEXT_MAX];
	struct err e = { 0 };

	(void)state;
	(void)snprintf(r.summary, sizeof(r.summary), "process.kill name=a\nend\n");
	assert_ok(record_format(&r, text, sizeof(text), &e), e);
	assert_ok(record_parse(text, &again, &e), e);
	assert_string_equal(again.summary, "process.kill name=a?end?");
	assert_int_equal(again.undo.count, r.undo.count);
}

static void
a_record_cut_short_anywhere_is_refused(void **state)
{
	const char *good = sample_text();
	struct record r;

	(void)state;
	for (size_t len = 0; len < strlen(good); len++) {
		_cleanup_free_ char *part = strndup(good, len);
		struct err e = { 0 };

		if (record_parse(part, &r, &e) == 0)
			fail_msg("obeyed after %zu bytes", len);
		assert_non_null(strstr(e.msg, "line "));
	}
}

/* Refused, or about its own objects alone. */
static void
assert_harmless(const char *text)
{
	struct record r;
	struct err e = { 0 };

	if (record_parse(text, &r, &e) != 0)
		return;
	for (size_t i = 0; i < r.undo.count; i++) {
		const char *name = r.undo.op[i].name;

		assert_true(name[0] == '\0' || strstr(name, r.fault) != NULL);
	}
}

static void
a_changed_byte_never_makes_it_touch_what_is_not_its_own(void **state)
{
	char text[RECORD_TEXT_MAX];

	(void)state;
	(void)snprintf(text, sizeof(text), "%s", sample_text());
	for (size_t i = 0; text[i] != '\0'; i++) {
		for (int bit = 0; bit < 8; bit++) {
			char was = text[i];

			text[i] = (char)(was ^ (1 << bit));
			assert_harmless(text);
			text[i] = was;
		}
	}
}

static void
the_line_at_fault_is_named(void **state)
{
	(void)state;
	assert_non_null(
	    strstr(refusal("stormdrill-record 1", "stormdrill-record 2"), "line 1:"));
	assert_non_null(strstr(refusal("fault " FAULT, "fault ../../etc"), "line 2:"));
	assert_non_null(
	    strstr(refusal("fault " FAULT, "fault 7b1c09ab"), "not of fault"));
	assert_non_null(strstr(refusal("drill ", "drull "), "line 3:"));
	assert_non_null(strstr(refusal("holder 812", "holder 1"), "line 8:"));
	assert_non_null(strstr(refusal("holder 812", "holder -812"), "line 8:"));
	assert_non_null(strstr(refusal("netns 4026531840", "netns 0x10"), "line 7:"));
	assert_non_null(strstr(refusal("kind net.partition", "kind net;x"), "line 4:"));
	assert_non_null(
	    strstr(refusal("deadline", "extra 1\ndeadline"), "'deadline' is missing"));
	assert_non_null(strstr(refusal("end\n", "end\nend\n"), "follows"));
	assert_non_null(strstr(refusal("end\n", "end"), "cut short"));
}

static void
operations_on_what_is_not_ours_are_refused(void **state)
{
	static const char *const forged[] = {
		"disarm flush-set name=blocklist",
		"disarm close-gate name=7b1c09ab",
		"disarm close-gate name=" FAULT "0",
		"disarm delete-filters dev=eth0 ifindex=3 direction=1 prio=49153 chain=186386858",
		"disarm flush-set name=sd-7b1c09ab-4",
		"disarm flush-set name=sd-" FAULT "-4xx",
		"disarm flush-nft-sets name=sd-" FAULT "-4",
		"disarm flush-nft-sets name=sd-7b1c09ab",
		"sweep delete-own-table name=filter",
		"sweep flush-set name=sd-" FAULT "-4",
		"disarm flush-set name=sd-" FAULT "-4 ",
		"disarm  flush-set name=sd-" FAULT "-4",
		"disarm flush-set name=sd-" FAULT "-4 prio=1",
		"disarm flush-set",
		"disarm reboot",
		"disarm kill-cgroup name=system.slice",
		"disarm kill-cgroup name=../stormdrill-" FAULT,
		"disarm kill-cgroup name=/stormdrill-" FAULT,
		"disarm kill-cgroup name=a//stormdrill-" FAULT,
		"disarm kill-cgroup name=stormdrill-" FAULT "/..",
		"disarm kill-cgroup name=stormdrill-" FAULT "/x",
		"disarm delete-filter dev=eth0 ifindex=3 direction=1 prio=49153 chain=5",
		"disarm delete-filter dev=eth0 ifindex=3 direction=3 prio=49153 chain=186386858",
		"disarm delete-filter dev=eth0 ifindex=0 direction=1 prio=49153 chain=186386858",
		"disarm delete-filter dev=eth0 direction=1 ifindex=3 prio=49153 chain=186386858",
		"disarm close-descriptor fd=0",
		"sweep delete-link name=eth0 held_us=0",
		"sweep delete-link name=sd" FAULT "e held_us=-1",
		"sweep delete-link name=sd" FAULT "e held_us=99999999999999999999",
		"sweep delete-chain name=INPUT table=filter family=4",
		"sweep delete-chain name=SD-" FAULT "-I table=filter family=5",
		"sweep delete-chain name=SD-" FAULT "-I;id table=filter family=4",
		"sweep delete-chain name=SD-" FAULT "-I table=shadow family=4",
		"shared delete-clsact dev=eth0 ifindex=3",
		"shared delete-nft-table name=filter family=4",
	};

	char where[24];
	unsigned lines = 0;

	(void)state;
	for (const char *c = sample_text(); *c != '\0'; c++)
		lines += *c == '\n';
	(void)snprintf(where, sizeof(where), "line %u:", lines); /* where "end" was */
	for (size_t i = 0; i < ARRAY_LEN(forged); i++) {
		char line[256];
		const char *why;

		(void)snprintf(line, sizeof(line), "%s\nend\n", forged[i]);
		why = refusal("end\n", line);
		if (strstr(why, where) == NULL)
			fail_msg("'%s' refused without its line: %s", forged[i], why);
	}
}

static void
a_record_that_could_not_be_read_back_is_not_written(void **state)
{
	struct record r = sample();
	char text[RECORD_TEXT_MAX];
	struct err e = { 0 };

	(void)state;
	(void)snprintf(r.fault, sizeof(r.fault), "7b1c09ab");
	assert_true(record_format(&r, text, sizeof(text), &e) < 0);
	r = sample();
	(void)snprintf(r.drill, sizeof(r.drill), "mine");
	assert_true(record_format(&r, text, sizeof(text), &e) < 0);
	r = sample();
	assert_int_equal(record_format(&r, text, 200, &e), -E2BIG);
}

static void
shared_objects_have_only_known_names(void **state)
{
	struct undo u;
	struct err e = { 0 };

	(void)state;
	assert_ok(undo_parse("shared delete-clsact dev=eth0 ifindex=3", NULL, &u, &e), e);
	assert_ok(
	    undo_parse("shared delete-nft-table name=filter family=6", NULL, &u, &e), e);
	assert_ok(undo_parse("shared delete-nft-chain name=INPUT table=filter family=4",
		      NULL, &u, &e),
	    e);
	assert_true(
	    undo_parse("shared delete-nft-table name=kube family=4", NULL, &u, &e) < 0);
	assert_true(undo_parse("disarm flush-set name=sd-" FAULT "-4", NULL, &u, &e) < 0);
}

/* Refused, or written as it was read. */
static bool
takes(const char *line)
{
	char again[UNDO_LINE_MAX];
	struct undo u;
	struct err e = { 0 };

	if (undo_parse(line, FAULT, &u, &e) < 0)
		return false;
	assert_true(undo_format(&u, again, sizeof(again)) > 0);
	assert_string_equal(again, line);
	return true;
}

static void
what_is_not_of_our_making_has_bounds(void **state)
{
	(void)state;
	assert_true(
	    takes("disarm thaw-filesystem name=/srv/a\\x20b major=7 minor=1048575 fd=9"));
	assert_false(takes("disarm thaw-filesystem name=/ major=8 minor=1 fd=9"));
	assert_false(takes("disarm thaw-filesystem name=/srv/.. major=8 minor=1 fd=9"));
	assert_false(takes("disarm thaw-filesystem name=srv major=8 minor=1 fd=9"));
	assert_false(takes("disarm thaw-filesystem name=/srv major=8 minor=1 fd=2"));
	assert_true(takes("disarm remount-writable name=/srv major=259 minor=3 scope=1"));
	assert_false(
	    takes("disarm remount-writable name=/srv major=259 minor=3 scope=0"));
	assert_false(takes("disarm remount-writable name=/ major=259 minor=3 scope=1"));
	assert_true(takes(
	    "disarm restore-limit pid=900 start=5 hard=4096 since=6 was=1024 now=17"));
	/* only ever back up, and never beyond what the process may have by itself */
	assert_false(takes(
	    "disarm restore-limit pid=900 start=5 hard=4096 since=6 was=17 now=1024"));
	assert_false(takes(
	    "disarm restore-limit pid=900 start=5 hard=1000 since=6 was=1024 now=17"));
	assert_false(takes(
	    "disarm restore-limit pid=1 start=5 hard=4096 since=6 was=1024 now=17"));
}

static void
an_operation_describes_itself(void **state)
{
	struct undo u = { UNDO_SET_FLUSH, "sd-" FAULT "-4" };
	char text[256];

	(void)state;
	assert_string_equal(undo_describe(&u, text, sizeof(text)),
	    "flush set sd-" FAULT "-4   # ipset flush sd-" FAULT "-4");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(people_find_commands_in_the_order_to_type_them),
		cmocka_unit_test(
		    an_interface_name_cannot_run_a_command_of_whoever_pastes_it),
		cmocka_unit_test(a_name_is_written_so_that_it_is_one_word),
		cmocka_unit_test(a_summary_cannot_add_lines),
		cmocka_unit_test(a_record_cut_short_anywhere_is_refused),
		cmocka_unit_test(a_changed_byte_never_makes_it_touch_what_is_not_its_own),
		cmocka_unit_test(the_line_at_fault_is_named),
		cmocka_unit_test(operations_on_what_is_not_ours_are_refused),
		cmocka_unit_test(a_record_that_could_not_be_read_back_is_not_written),
		cmocka_unit_test(shared_objects_have_only_known_names),
		cmocka_unit_test(what_is_not_of_our_making_has_bounds),
		cmocka_unit_test(an_operation_describes_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
