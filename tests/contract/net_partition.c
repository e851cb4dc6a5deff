/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.partition against real traffic: what is cut, what is not, that staging changes
 * nothing, that disarming ends it, and that nothing is left.
 */
#include "net_drill.h"

static const struct {
	const char *args;
	struct passes expected;
} cases[] = {
	{ "to=" FAR4, { CUT, UNCUT } },
	{ "to=" FAR6, { UNCUT, CUT } },
	{ "to=10.99.0.0/24,fd99::/64", { CUT, CUT } },
	{ "to=any", { CUT, CUT } },
	{ "to=10.98.0.0/16,fd98::/64", { UNCUT, UNCUT } },
	{ "to=any interface=near0", { CUT, CUT } },
	{ "to=any interface=lo", { UNCUT, UNCUT } },
	{ "to=any direction=in",
	    { { SILENT, SILENT, OPEN, SILENT }, { SILENT, SILENT, OPEN, SILENT } } },
	{ "to=any direction=out",
	    { { SILENT, SILENT, SILENT, OPEN }, { SILENT, SILENT, SILENT, OPEN } } },
	{ "to=any port=8080 protocol=tcp",
	    { { SILENT, OPEN, OPEN, OPEN }, { SILENT, OPEN, OPEN, OPEN } } },
	{ "to=any port=5353",
	    { { OPEN, OPEN, SILENT, SILENT }, { OPEN, OPEN, SILENT, SILENT } } },
	{ "to=any protocol=udp",
	    { { OPEN, OPEN, SILENT, SILENT }, { OPEN, OPEN, SILENT, SILENT } } },
	{ "to=any mode=reject", { REFUSES, REFUSES } },
	{ "to=" FAR4 " mode=reject direction=out",
	    { { REFUSED, REFUSED, REFUSED, OPEN }, UNCUT } },
	{ "to=" FAR6 " mode=reject port=8081 direction=out",
	    { UNCUT, { OPEN, REFUSED, OPEN, OPEN } } },
};

static void
life(const char *args, const struct passes *expected)
{
	_cleanup_free_ char *before = snapshot();
	struct drill *d = drill_new("7b1c09aa", args);

	must(d, d->fault->supported(&d->e));
	must(d, d->fault->prepare(&d->run, &d->e));
	assert_unchanged(before);
	must(d, d->fault->stage(&d->run, &d->e));
	assert_passes(&everything, "staged");
	drill_apply(d);
	assert_passes(expected, args);
	must(d, d->fault->hold(&d->run, &d->e));
	assert_false(d->run.lost);
	drill_disarm(d);
	assert_passes(&everything, "disarmed");
	drill_sweep(d);
	assert_unchanged(before);
	drill_disarm(d); /* undone twice is undone once */
	drill_sweep(d);
	assert_unchanged(before);
	drill_free(d);
}

static void
it_cuts_what_it_says_and_nothing_else(void **state)
{
	(void)state;
	assert_passes(&everything, "before");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		life(cases[i].args, &cases[i].expected);
}

static void
partitions_that_overlap_do_not_undo_each_other(void **state)
{
	static const struct passes six_only = { UNCUT, CUT }, none = { CUT, CUT };
	_cleanup_free_ char *before = snapshot();
	struct drill *both = drill_on("7b1c09aa", "to=any");
	struct drill *six = drill_on("7b1c09ab", "to=fd99::/64");

	(void)state;
	assert_passes(&none, "both in force");
	drill_off(both);
	assert_passes(&six_only, "the first one undone");
	drill_off(six);
	assert_passes(&everything, "both undone");
	assert_unchanged(before);
}

/* One that was only prepared, one only staged, one that got half-way through its stage. */
static void
undoing_without_or_after_half_a_stage_is_whole(void **state)
{
	static const char *const make_set[] = { "/usr/sbin/ipset", "create",
		"sd-7b1c09aa-4", "hash:net", NULL };
	_cleanup_free_ char *before = snapshot();
	struct drill *d = drill_new("7b1c09aa", "to=any");

	(void)state;
	must(d, d->fault->prepare(&d->run, &d->e));
	drill_off(d);
	assert_unchanged(before);

	d = drill_new("7b1c09aa", "to=any");
	drill_stage(d);
	drill_off(d);
	assert_unchanged(before);

	d = drill_new("7b1c09aa", "to=any");
	must(d, d->fault->prepare(&d->run, &d->e));
	assert_int_equal(tool(make_set, NULL, NULL, 0), 0);
	drill_off(d);
	assert_unchanged(before);
}

static void
a_name_that_is_taken_is_refused(void **state)
{
	struct drill *d = drill_new("7b1c09aa", "to=any");

	(void)state;
	restore(
	    "/usr/sbin/iptables-restore", "*filter\n:SD-7b1c09aa-O - [0:0]\nCOMMIT\n");
	assert_int_equal(d->fault->prepare(&d->run, &d->e), -EEXIST);
	assert_string_equal(d->e.msg, "chain 'SD-7b1c09aa-O' exists already");
	assert_int_equal(d->run.undo.count, 0);
	drill_free(d);
	restore("/usr/sbin/iptables-restore", "*filter\n-X SD-7b1c09aa-O\nCOMMIT\n");
}

static void
the_effect_is_counted(void **state)
{
	struct drill *d = drill_on("7b1c09aa", "to=any");
	struct drill *idle = drill_on("7b1c09ab", "to=10.98.0.0/16");

	(void)state;
	for (int i = 0; i < PATIENCE_MS / TICK_MS && d->run.effect == 0; i++) {
		(void)poll(NULL, 0, TICK_MS);
		must(d, d->fault->hold(&d->run, &d->e));
	}
	assert_true(d->run.effect > 0);
	must(idle, idle->fault->hold(&idle->run, &idle->e));
	assert_true(idle->run.effect == 0);
	drill_off(idle);
	drill_off(d);
}

static void
what_somebody_else_takes_away_is_told_as_lost(void **state)
{
	static const char *const acts[][5] = {
		{ "/usr/sbin/iptables", "-F", NULL },
		{ "/usr/sbin/ipset", "flush", "sd-7b1c09aa-4", NULL },
		{ "/usr/sbin/iptables", "-F", "OUTPUT", NULL },
	};
	size_t count = ARRAY_LEN(acts);

	(void)state;
	if (iptables_is_legacy(4))
		count--; /* a missing jump goes unseen there */
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *before = snapshot();
		struct drill *d = drill_on("7b1c09aa", "to=" FAR4);

		must(d, d->fault->hold(&d->run, &d->e));
		assert_false(d->run.lost);
		assert_int_equal(tool(acts[i], NULL, NULL, 0), 0);
		must(d, d->fault->hold(&d->run, &d->e));
		assert_true(d->run.lost);
		assert_non_null(strstr(d->run.note, "somebody else"));
		drill_off(d);
		assert_unchanged(before);
	}
}

static void
without_effect_it_is_an_error(void **state)
{
	static const char *const flush[] = { "/usr/sbin/iptables", "-F", NULL };
	struct drill *d = drill_new("7b1c09aa", "to=" FAR4);

	(void)state;
	drill_stage(d);
	assert_int_equal(tool(flush, NULL, NULL, 0), 0);
	must(d, d->fault->apply(&d->run, &d->e));
	assert_true(d->fault->verify(&d->run, &d->e) < 0);
	assert_string_equal(
	    d->e.msg, "the fault has no effect on IPv4: its rules are gone");
	drill_off(d);
}

static void
an_interface_that_is_not_there_is_refused(void **state)
{
	struct drill *d = drill_new("7b1c09aa", "to=any interface=nosuch0");

	(void)state;
	assert_int_equal(d->fault->prepare(&d->run, &d->e), -ENODEV);
	assert_non_null(strstr(d->e.msg, "no interface 'nosuch0': there are "));
	assert_int_equal(d->run.undo.count, 0);
	drill_free(d);
}

static void
the_hosts_own_rules_stay_as_they_were(void **state)
{
	static const char *const programs[] = { "/usr/sbin/iptables-restore",
		"/usr/sbin/ip6tables-restore" };
	static const char *const rules[] = {
		"*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n",
		("*filter\n:mine - [0:0]\n-A INPUT -i near0 -j ACCEPT\n"
		 "-A OUTPUT -j mine\n-A mine -p tcp -j ACCEPT\n-A mine -j RETURN\nCOMMIT\n"),
		"*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		for (size_t f = 0; f < ARRAY_LEN(programs); f++)
			restore(programs[f], rules[i]);
		life(cases[2].args, &cases[2].expected);
		life("to=" FAR4 " direction=out",
		    &(struct passes){ { SILENT, SILENT, SILENT, OPEN }, UNCUT });
	}
}

static int
run(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_cuts_what_it_says_and_nothing_else),
		cmocka_unit_test(partitions_that_overlap_do_not_undo_each_other),
		cmocka_unit_test(the_effect_is_counted),
		cmocka_unit_test(an_interface_that_is_not_there_is_refused),
		cmocka_unit_test(the_hosts_own_rules_stay_as_they_were),
	};
	const struct CMUnitTest by_iptables[] = {
		cmocka_unit_test(undoing_without_or_after_half_a_stage_is_whole),
		cmocka_unit_test(a_name_that_is_taken_is_refused),
		cmocka_unit_test(what_somebody_else_takes_away_is_told_as_lost),
		cmocka_unit_test(without_effect_it_is_an_error),
	};
	int failed = 0;

	if (strcmp(name, "iptables") == 0)
		failed += cmocka_run_group_tests_name(name, by_iptables, NULL, NULL);
	return failed + cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	net_drill_enter("net.partition");
	return run_by_engine(argc > 1 ? argv[1] : NULL, run);
}
