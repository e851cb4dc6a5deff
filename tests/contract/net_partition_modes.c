/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a partition cuts: what the sender hears, whether connections that exist live on, and
 * a cut that comes and goes.
 */
#include "control.h"
#include "exempt.h"
#include "net_drill.h"

/* --- an unreachable host --------------------------------------------------------------- */

/* What connect(2) says in the end; 0 when it did not say anything. */
static int
error_of_connect(int type, const char *to, uint16_t port, int wait_ms)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, to, port), size = sizeof(int);
	int fd = socket(a.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = type == SOCK_STREAM ? POLLOUT : POLLIN };
	int error = 0, on = 1;

	/* else a datagram socket is not told */
	(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	(void)connect(fd, (struct sockaddr *)&a, len);
	if (type == SOCK_DGRAM)
		(void)send(fd, "x", 1, 0);
	if (poll(&p, 1, wait_ms) == 1)
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	(void)close(fd);
	return error;
}

static void
the_far_side_is_unreachable_for_every_protocol(void **state)
{
	static const char *const to[] = { FAR4, FAR6 };
	struct drill *d = drill_on("7b1c09aa", "to=any mode=unreachable direction=out");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		int tcp = error_of_connect(SOCK_STREAM, to[i], FAR_TCP, PATIENCE_MS);
		int udp = error_of_connect(SOCK_DGRAM, to[i], FAR_UDP, PATIENCE_MS);

		assert_int_equal(tcp, EHOSTUNREACH);
		assert_int_equal(udp, EHOSTUNREACH);
	}
	assert_int_equal(try_in(far_side->beacon4, PATIENCE_MS), OPEN);
	assert_int_equal(try_in(far_side->beacon6, PATIENCE_MS), OPEN);
	drill_off(d);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
}

/* The answer to what comes in leaves by the rules of the other direction.  Only TCP: the
 * kernel sends few ICMP answers a second, and the beacons would use them all up. */
static void
who_calls_from_afar_hears_it_too(void **state)
{
	static const struct {
		const char *args;
		int error;
	} modes[] = {
		{ "to=any mode=unreachable protocol=tcp", EHOSTUNREACH },
		{ "to=any mode=reject", ECONNREFUSED },
		{ "to=any mode=reject direction=in protocol=tcp", ECONNREFUSED },
		{ "to=any mode=drop", 0 },
	};
	int four = bound(AF_INET, SOCK_STREAM, NEAR_OTHER);
	int six = bound(AF_INET6, SOCK_STREAM, NEAR_OTHER);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct drill *d = drill_on("7b1c09aa", modes[i].args);
		int wait = modes[i].error == 0 ? SILENCE_MS : PATIENCE_MS;
		int here = far_enter(far_side);
		int by4 = error_of_connect(SOCK_STREAM, NEAR4, NEAR_OTHER, wait);
		int by6 = error_of_connect(SOCK_STREAM, NEAR6, NEAR_OTHER, wait);

		far_leave(here);
		if (by4 != modes[i].error || by6 != modes[i].error)
			fail_msg("%s: %d and %d, expected %d", modes[i].args, by4, by6,
			    modes[i].error);
		drill_off(d);
	}
	(void)close(four);
	(void)close(six);
}

/* --- connections that exist ------------------------------------------------------------ */

static struct drill *
drill_with_connections(struct control *c, const char *args)
{
	assert_int_equal(control_start(c, far_side->pid), 0);
	for (int way = 0; way < CONTROL_WAYS; way++)
		assert_true(control_trip(c, way, PATIENCE_MS) >= 0);
	return drill_on("7b1c09aa", args);
}

/* Nothing is sent on them between stage and apply: they may have been silent for hours. */
static void
connections_are_kept_where_that_was_asked(void **state)
{
	static const char *const args[] = { "to=any established=keep",
		"to=any established=keep protocol=tcp",
		"to=any established=keep mode=reject",
		"to=any established=keep direction=in",
		"to=any established=keep direction=out" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(args); i++) {
		bool new_ones_out = strstr(args[i], "direction=in") != NULL;
		enum reach want = new_ones_out                      ? OPEN :
				  strstr(args[i], "reject") != NULL ? REFUSED :
								      SILENT;
		struct control c;
		struct drill *d = drill_with_connections(&c, args[i]);

		for (int way = 0; way < CONTROL_WAYS; way++)
			if (control_trip(&c, way, PATIENCE_MS) < 0)
				fail_msg("%s: connection %d was cut", args[i], way);
		assert_int_equal(try_tcp(FAR4, FAR_TCP, patience(want)), want);
		assert_int_equal(try_tcp(FAR6, FAR_TCP, patience(want)), want);
		for (int way = 0; way < CONTROL_WAYS; way++)
			assert_true(control_trip(&c, way, PATIENCE_MS) >= 0);
		drill_off(d);
		control_end(&c);
	}
}

static void
connections_are_cut_otherwise(void **state)
{
	static const char *const args[] = { "to=any", "to=any established=cut",
		"to=any direction=in protocol=tcp", "to=any direction=out protocol=tcp" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(args); i++) {
		struct control c;
		struct drill *d = drill_with_connections(&c, args[i]);

		for (int way = 0; way < CONTROL_WAYS; way++)
			if (control_trip(&c, way, SILENCE_MS) >= 0)
				fail_msg("%s: connection %d lives", args[i], way);
		drill_off(d);
		control_end(&c);
	}
}

/* Datagrams both ways since the rules stand: that is a connection to the kernel. */
static void
flows_of_datagrams_are_kept_too(void **state)
{
	const uint16_t known[2] = { 5001, 5002 }, unknown[2] = { 5003, 5004 };
	struct drill *d = drill_new("7b1c09aa", "to=any established=keep");

	(void)state;
	drill_stage(d);
	assert_int_equal(try_ports(far_side, AF_INET, known, PATIENCE_MS), OPEN);
	assert_int_equal(try_ports(far_side, AF_INET6, known, PATIENCE_MS), OPEN);
	drill_apply(d);
	assert_int_equal(try_ports(far_side, AF_INET, known, PATIENCE_MS), OPEN);
	assert_int_equal(try_ports(far_side, AF_INET6, known, PATIENCE_MS), OPEN);
	assert_int_equal(try_ports(far_side, AF_INET, unknown, SILENCE_MS), SILENT);
	assert_int_equal(try_ports(far_side, AF_INET6, unknown, SILENCE_MS), SILENT);
	drill_off(d);
}

/* --- a cut that comes and goes --------------------------------------------------------- */

static bool
is_cut_now(void)
{
	return try_in(far_side->beacon4, SILENCE_MS) == SILENT;
}

/* As the holder would: called when it asked for it. */
static void
hold_until(struct drill *d, bool is_cut)
{
	for (int waited = 0; waited < PATIENCE_MS && is_cut_now() != is_cut;) {
		uint64_t before = d->run.effect;

		assert_in_range(d->run.wake_ms, 1, 1000);
		(void)poll(NULL, 0, d->run.wake_ms);
		waited += d->run.wake_ms;
		must(d, d->fault->hold(&d->run, &d->e));
		assert_false(d->run.lost);
		assert_true(d->run.effect >= before);
	}
	assert_int_equal(is_cut_now(), is_cut);
}

static void
a_flap_cuts_and_lets_go_by_turns(void **state)
{
	struct drill *d = drill_on("7b1c09aa", "to=any flap=200ms/150ms");
	uint64_t effect = 0;

	(void)state;
	assert_true(is_cut_now());
	for (int i = 0; i < 3; i++) {
		hold_until(d, false);
		assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
		assert_int_equal(try_tcp(FAR6, FAR_TCP, PATIENCE_MS), OPEN);
		hold_until(d, true);
		assert_int_equal(try_in(far_side->beacon4, SILENCE_MS), SILENT);
	}
	must(d, d->fault->hold(&d->run, &d->e));
	assert_true(d->run.effect > effect);
	drill_off(d);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
}

static void
it_is_undone_while_it_rests(void **state)
{
	_cleanup_free_ char *before = snapshot();
	struct drill *d = drill_on("7b1c09aa", "to=any flap=100ms/10s");

	(void)state;
	hold_until(d, false);
	drill_off(d);
	assert_unchanged(before);
}

static void
a_flap_that_somebody_ended_is_lost(void **state)
{
	static const char *const acts[][5] = {
		{ "/usr/sbin/iptables", "-F", "SD-7b1c09aa-I", NULL },
		{ "/usr/sbin/ipset", "flush", "sd-7b1c09aa-4", NULL },
	};

	(void)state;
	if (strcmp(engine, "nftables") == 0)
		skip_test("nobody else can change a table that has an owner");
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		struct drill *d = drill_on("7b1c09aa", "to=any flap=20s/20s");

		assert_int_equal(tool(acts[i], NULL, NULL, 0), 0);
		must(d, d->fault->hold(&d->run, &d->e));
		assert_true(d->run.lost);
		drill_off(d);
	}
}

static int
run(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_far_side_is_unreachable_for_every_protocol),
		cmocka_unit_test(who_calls_from_afar_hears_it_too),
		cmocka_unit_test(connections_are_kept_where_that_was_asked),
		cmocka_unit_test(connections_are_cut_otherwise),
		cmocka_unit_test(flows_of_datagrams_are_kept_too),
		cmocka_unit_test(a_flap_cuts_and_lets_go_by_turns),
		cmocka_unit_test(it_is_undone_while_it_rests),
		cmocka_unit_test(a_flap_that_somebody_ended_is_lost),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	net_drill_enter("net.partition");
	return run_by_engine(argc > 1 ? argv[1] : NULL, run);
}
