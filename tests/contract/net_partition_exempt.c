/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no partition cuts: logins, the agent's own port, what keeps a host on its network,
 * the host's talk with itself, and whatever is excluded.
 */
#include "control.h"
#include "exempt.h"
#include "net_drill.h"

#define NEAR_LOCAL 8000 /* a service of this host's, for this host */

static void
an_ssh_login_lives_through_it(void **state)
{
	struct drill *d = drill_on("7b1c09aa", "to=any");

	(void)state;
	assert_int_equal(try_in(far_side->ssh, PATIENCE_MS), OPEN);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS), SILENT);
	drill_off(d);
}

/* A cut in the network parts no host from itself. */
static void
loopback_is_cut_only_by_name(void **state)
{
	static const struct {
		const char *args;
		enum reach four, six, own; /* own: an address of this host on the wire */
	} cases_here[] = {
		{ "to=any", OPEN, OPEN, OPEN },
		{ "to=any mode=reject", OPEN, OPEN, OPEN },
		{ "to=10.99.0.0/24", OPEN, OPEN, OPEN },
		{ "to=any direction=in", OPEN, OPEN, OPEN },
		{ "to=127.0.0.1", SILENT, OPEN, OPEN },
		{ "to=127.0.0.0/8 mode=reject", REFUSED, OPEN, OPEN },
		{ "to=::1", OPEN, SILENT, OPEN },
		{ "to=any,127.0.0.1", SILENT, SILENT, SILENT },
		{ "to=any interface=lo", SILENT, SILENT, SILENT },
	};
	int four = bound(AF_INET, SOCK_STREAM, NEAR_LOCAL);
	int six = bound(AF_INET6, SOCK_STREAM, NEAR_LOCAL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases_here); i++) {
		const char *args = cases_here[i].args;
		enum reach want[] = { cases_here[i].four, cases_here[i].six,
			cases_here[i].own };
		static const char *const to[] = { "127.0.0.1", "::1", NEAR4 };
		struct drill *d = drill_on("7b1c09aa", args);

		for (size_t k = 0; k < ARRAY_LEN(to); k++) {
			enum reach got = try_tcp(to[k], NEAR_LOCAL, patience(want[k]));

			if (got != want[k])
				fail_msg("%s: %s is %d, expected %d", args, to[k], got,
				    want[k]);
		}
		drill_off(d);
	}
	(void)close(four);
	(void)close(six);
}

/* Whoever armed it by TCP must be able to end it. */
static void
the_agents_own_port_lives_through_it(void **state)
{
	static const char *const args[] = { "to=any", "to=any mode=reject",
		"to=any protocol=tcp interface=near0" };

	(void)state;
	protect.control_port = NEAR_CONTROL;
	for (size_t i = 0; i < ARRAY_LEN(args); i++) {
		struct drill *d = drill_new("7b1c09aa", args[i]);
		struct control c;

		assert_int_equal(control_start(&c, far_side->pid), 0);
		drill_stage(d);
		for (int way = 0; way < CONTROL_WAYS; way++)
			assert_true(control_trip(&c, way, PATIENCE_MS) >= 0);
		drill_apply(d);
		assert_true(control_trip(&c, BY_CONTROL4, PATIENCE_MS) >= 0);
		assert_true(control_trip(&c, BY_CONTROL6, PATIENCE_MS) >= 0);
		assert_true(control_trip(&c, BY_OTHER, SILENCE_MS) < 0);
		assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS) == OPEN, false);
		assert_non_null(strstr(d->run.ops, "own TCP port 7433 is exempt"));
		drill_off(d);
		control_end(&c);
	}
	protect.control_port = 0;
}

/* Whoever cannot renew an address loses it, and the stop button with it. */
static void
dhcp_lives_through_it(void **state)
{
	static const struct {
		int family;
		uint16_t ports[2]; /* near, far */
		enum reach expected;
	} ways[] = {
		{ AF_INET, { 68, 67 }, OPEN },
		{ AF_INET, { 67, 68 }, OPEN },
		{ AF_INET, { 67, 67 }, OPEN }, /* a relay */
		{ AF_INET, { 68, 4067 }, SILENT },
		{ AF_INET, { 4068, 67 }, SILENT },
		{ AF_INET, { 69, 67 }, SILENT },
		{ AF_INET, { 546, 547 }, SILENT },
		{ AF_INET6, { 546, 547 }, OPEN },
		{ AF_INET6, { 547, 546 }, OPEN },
		{ AF_INET6, { 546, 4547 }, SILENT },
		{ AF_INET6, { 4546, 547 }, SILENT },
		{ AF_INET6, { 68, 67 }, SILENT },
	};
	struct drill *d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		assert_int_equal(
		    try_ports(far_side, ways[i].family, ways[i].ports, PATIENCE_MS),
		    OPEN);
	d = drill_on("7b1c09aa", "to=any");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		enum reach got = try_ports(
		    far_side, ways[i].family, ways[i].ports, patience(ways[i].expected));

		if (got != ways[i].expected)
			fail_msg("%u to %u by IPv%d: %d", ways[i].ports[0],
			    ways[i].ports[1], ways[i].family == AF_INET ? 4 : 6, got);
	}
	drill_off(d);
}

/* One side forgets the other and must find it anew for what is exempt.  Now and then the
 * other side happens to ask first. */
static bool
finds_neighbour(const struct control *c, bool is_far)
{
	enum { SOLICITATION = 135, ADVERTISEMENT = 136, ATTEMPTS = 20 };
	const char *asks = is_far ? "SD-7b1c09aa-I" : "SD-7b1c09aa-O";
	const char *answers = is_far ? "SD-7b1c09aa-O" : "SD-7b1c09aa-I";

	for (int i = 0; i < ATTEMPTS; i++) {
		assert_int_equal(
		    is_far ? far_forgets(far_side) : ip("-6 neigh flush dev near0"), 0);
		assert_true(control_trip(c, BY_CONTROL6, PATIENCE_MS) >= 0);
		if (strcmp(engine, "nftables") == 0)
			continue; /* it counts nothing that passes */
		if (icmp6_passed(asks, SOLICITATION) > 0 &&
		    icmp6_passed(answers, ADVERTISEMENT) > 0)
			return true;
	}
	return strcmp(engine, "nftables") == 0;
}

static void
neighbours_are_found_through_it(void **state)
{
	struct control c;
	struct drill *d;

	(void)state;
	protect.control_port = NEAR_CONTROL;
	assert_int_equal(control_start(&c, far_side->pid), 0);
	d = drill_on("7b1c09aa", "to=any");
	assert_true(control_trip(&c, BY_OTHER, SILENCE_MS) < 0);
	assert_true(finds_neighbour(&c, false));
	assert_true(finds_neighbour(&c, true));
	drill_off(d);
	control_end(&c);
	protect.control_port = 0;
}

static int
run(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ssh_login_lives_through_it),
		cmocka_unit_test(loopback_is_cut_only_by_name),
		cmocka_unit_test(the_agents_own_port_lives_through_it),
		cmocka_unit_test(dhcp_lives_through_it),
		cmocka_unit_test(neighbours_are_found_through_it),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	net_drill_enter("net.partition");
	return run_by_engine(argc > 1 ? argv[1] : NULL, run);
}
