/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.ports as other programs meet it: what bind() and connect() say, and how many
 * connections a service still takes.  The range of ephemeral ports is made small, but once.
 */
#include "crew.h"
#include "exempt.h"
#include "keep.h"
#include "one_fault.h"
#include "pidns.h"
#include "proc.h"

#define KIND "net.ports"

enum { PORT = 8000, PORT_2 = 8001, RANGE = 40000, RANGE_SIZE = 50 };

static struct farside *far_side;

/* --- other programs ---------------------------------------------------------------------- */

/* What becomes of a server that wants this port: 0 or an errno. */
static int
try_server(const char *at, int type, uint16_t port)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, at, port);
	int fd = socket(a.ss_family, type | SOCK_CLOEXEC, 0), on = 1, rc = 0;

	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, len) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 8) < 0))
		rc = errno;
	(void)close(fd);
	return rc;
}

/* And of a client; its socket, or a negative errno. */
static int
client(const char *to, int type, uint16_t port)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, to, port);
	int fd = socket(a.ss_family, type | SOCK_CLOEXEC, 0);
	int rc = connect(fd, (struct sockaddr *)&a, len) < 0 ? -errno : fd;

	if (rc < 0)
		(void)close(fd);
	return rc;
}

static int
try_client(const char *to, int type)
{
	int fd = client(to, type, FAR_TCP);

	if (fd >= 0) {
		const struct linger none = { .l_onoff = 1 }; /* no TIME_WAIT */

		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
		(void)close(fd);
	}
	return fd < 0 ? -fd : 0;
}

/* What is undone is so when the kernel has closed the last socket. */
static void
await_server(const char *at, int type, uint16_t port)
{
	for (int i = 0; i < PATIENCE_MS && try_server(at, type, port) != 0; i++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(try_server(at, type, port), 0);
}

static void
await_client(const char *to, int type)
{
	for (int i = 0; i < PATIENCE_MS && try_client(to, type) != 0; i++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(try_client(to, type), 0);
}

static void
set_sysctl(const char *name, const char *value)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, value, strlen(value)), strlen(value));
	(void)close(fd);
}

struct keepers {
	pid_t pid;
	size_t count;
};

static int
count_keeper(void *found, const struct proc *p, int dir)
{
	struct keepers *k = found;

	(void)dir;
	if (strcmp(p->comm, "stormd-keeper") == 0 && p->state != 'Z') {
		k->pid = p->id.pid;
		k->count++;
	}
	return 0;
}

static struct keepers
keepers(void)
{
	struct keepers k = { 0 };
	struct err e = { 0 };

	assert_int_equal(proc_each(count_keeper, &k, &e), 0);
	return k;
}

/* --- occupy ----------------------------------------------------------------------------- */

static const char *const everywhere[] = { "0.0.0.0", "::", "127.0.0.1", "::1", NEAR4,
	NEAR6 };

static void
an_occupied_port_is_nobodys(void **state)
{
	struct drill *d = drill_new(KIND, "mode=occupy port=8000,8001-8003", true);

	(void)state;
	drill_stage(d);
	for (size_t i = 0; i < ARRAY_LEN(everywhere); i++)
		assert_int_equal(try_server(everywhere[i], SOCK_STREAM, PORT), 0);
	drill_apply(d);
	assert_int_equal(d->run.effect, 4);
	assert_string_equal(d->run.effect_unit, "ports");
	for (size_t i = 0; i < ARRAY_LEN(everywhere); i++) {
		const char *at = everywhere[i];

		assert_int_equal(try_server(at, SOCK_STREAM, PORT), EADDRINUSE);
		assert_int_equal(try_server(at, SOCK_STREAM, PORT + 3), EADDRINUSE);
		assert_int_equal(try_server(at, SOCK_STREAM, PORT + 4), 0);
		assert_int_equal(try_server(at, SOCK_DGRAM, PORT), 0);
	}
	drill_hold(d);
	drill_disarm(d);
	await_server("0.0.0.0", SOCK_STREAM, PORT);
	drill_sweep(d);
	assert_int_equal(keepers().count, 0);
	for (size_t i = 0; i < ARRAY_LEN(everywhere); i++)
		assert_int_equal(try_server(everywhere[i], SOCK_STREAM, PORT), 0);
	drill_disarm(d);
	drill_sweep(d);
	drill_free(d);
}

static void
at_one_address_the_others_stay_free(void **state)
{
	struct drill *d =
	    drill_on(KIND, "mode=occupy port=8000 address=" NEAR4 "," NEAR6, true);

	(void)state;
	assert_int_equal(d->run.effect, 2);
	assert_int_equal(try_server(NEAR4, SOCK_STREAM, PORT), EADDRINUSE);
	assert_int_equal(try_server(NEAR6, SOCK_STREAM, PORT), EADDRINUSE);
	assert_int_equal(try_server("0.0.0.0", SOCK_STREAM, PORT), EADDRINUSE);
	assert_int_equal(try_server("127.0.0.1", SOCK_STREAM, PORT), 0);
	assert_int_equal(try_server("::1", SOCK_STREAM, PORT), 0);
	drill_off(d);
}

static void
ports_of_udp_are_occupied_when_asked_for(void **state)
{
	struct drill *d = drill_on(KIND, "mode=occupy port=53 protocol=udp", true);

	(void)state;
	assert_int_equal(try_server("127.0.0.1", SOCK_DGRAM, 53), EADDRINUSE);
	assert_int_equal(try_server("::", SOCK_DGRAM, 53), EADDRINUSE);
	assert_int_equal(try_server("::", SOCK_STREAM, 53), 0);
	drill_off(d);
}

/* A process of this name that listens there. */
static pid_t
start_service(const char *name)
{
	int fd = bound(AF_INET, SOCK_STREAM, PORT);
	pid_t pid = sleeper(name);

	(void)close(fd);
	return pid;
}

static void
who_has_the_port_is_told(void **state)
{
	struct drill *d = drill_new(KIND, "mode=occupy port=7999-8001", true);
	pid_t service = start_service("storefront");
	char who[64];

	(void)state;
	(void)snprintf(who, sizeof(who),
	    "TCP port 8000 is in use by storefront, process %d", service);
	assert_int_equal(d->fault->prepare(&d->run, &d->e), -EPERM);
	assert_int_equal(d->e.outcome, OUTCOME_REFUSED);
	assert_string_equal(d->e.msg, who);
	end_sleeper(service);
	drill_free(d);
}

static void
who_was_quicker_is_told(void **state)
{
	struct drill *d = drill_new(KIND, "mode=occupy port=7999-8001", true);
	pid_t service;

	(void)state;
	drill_stage(d);
	service = start_service("storefront");
	assert_true(d->fault->apply(&d->run, &d->e) < 0);
	assert_non_null(strstr(d->e.msg, "port 8000 is in use by storefront"));
	drill_off(d);
	assert_int_equal(try_server("::", SOCK_STREAM, PORT - 1), 0);
	end_sleeper(service);
}

static void
an_address_that_is_not_ours_is_refused(void **state)
{
	struct drill *d = drill_new(KIND, "mode=occupy port=8000 address=" FAR4, true);

	(void)state;
	assert_int_equal(d->fault->prepare(&d->run, &d->e), -EADDRNOTAVAIL);
	assert_non_null(strstr(d->e.msg, FAR4 " is not one of this host's"));
	drill_free(d);
}

/* --- exhaust ---------------------------------------------------------------------------- */

static void
without_ports_nobody_connects(void **state)
{
	struct drill *d = drill_new(KIND, "mode=exhaust", true);

	(void)state;
	drill_stage(d);
	assert_int_equal(try_client(FAR4, SOCK_STREAM), 0);
	drill_apply(d);
	assert_int_equal(d->run.effect, RANGE_SIZE);
	assert_int_equal(try_client(FAR4, SOCK_STREAM), EADDRNOTAVAIL);
	assert_int_equal(try_client(FAR6, SOCK_STREAM), EADDRNOTAVAIL);
	assert_int_equal(try_server("::", SOCK_STREAM, 0), EADDRINUSE);
	assert_int_equal(try_server(NEAR4, SOCK_STREAM, 0), EADDRINUSE);
	assert_int_equal(try_client(FAR4, SOCK_DGRAM), 0);
	assert_int_equal(try_server("::", SOCK_STREAM, PORT), 0); /* not ephemeral */
	drill_disarm(d);
	await_client(FAR4, SOCK_STREAM);
	drill_sweep(d);
	assert_int_equal(keepers().count, 0);
	assert_int_equal(try_client(FAR6, SOCK_STREAM), 0);
	drill_free(d);
}

static void
nor_does_udp_send(void **state)
{
	struct drill *d = drill_on(KIND, "mode=exhaust protocol=udp", true);

	(void)state;
	assert_int_equal(try_client(FAR4, SOCK_DGRAM), EAGAIN);
	assert_int_equal(try_client(FAR6, SOCK_DGRAM), EAGAIN);
	assert_int_equal(try_client(FAR4, SOCK_STREAM), 0);
	drill_off(d);
	await_client(FAR4, SOCK_DGRAM);
}

static void
what_is_left_can_be_used(void **state)
{
	enum { LEFT = 5 };
	struct drill *d = drill_on(KIND, "mode=exhaust leave=5 protocol=udp", true);
	int fd[LEFT];

	(void)state;
	assert_int_equal(d->run.effect, RANGE_SIZE - LEFT);
	for (int i = 0; i < LEFT; i++) {
		fd[i] = client(FAR4, SOCK_DGRAM, FAR_UDP);
		assert_true(fd[i] >= 0);
	}
	assert_int_equal(try_client(FAR4, SOCK_DGRAM), EAGAIN);
	drill_hold(d);
	for (int i = 0; i < LEFT; i++)
		(void)close(fd[i]);
	drill_hold(d);
	assert_int_equal(d->run.effect, RANGE_SIZE - LEFT); /* they stay theirs */
	assert_int_equal(try_client(FAR4, SOCK_DGRAM), 0);
	drill_off(d);
}

static void
what_others_have_is_taken_when_they_give_it_back(void **state)
{
	int theirs = client(FAR4, SOCK_DGRAM, FAR_UDP);
	struct drill *d = drill_on(KIND, "mode=exhaust protocol=udp", true);

	(void)state;
	assert_true(theirs >= 0);
	assert_int_equal(d->run.effect, RANGE_SIZE - 1);
	(void)close(theirs);
	assert_int_equal(try_client(FAR4, SOCK_DGRAM), 0);
	drill_hold(d);
	assert_int_equal(d->run.effect, RANGE_SIZE);
	assert_int_equal(try_client(FAR4, SOCK_DGRAM), EAGAIN);
	drill_off(d);
}

static void
reserved_ports_are_not_counted(void **state)
{
	struct drill *d;

	(void)state;
	set_sysctl("ip_local_reserved_ports", "40000-40009,40049");
	d = drill_on(KIND, "mode=exhaust", true);
	assert_int_equal(d->run.effect, RANGE_SIZE - 11);
	assert_int_equal(try_client(FAR4, SOCK_STREAM), EADDRNOTAVAIL);
	assert_int_equal(try_server("::", SOCK_STREAM, RANGE), 0);
	drill_off(d);
	set_sysctl("ip_local_reserved_ports", "\n");
}

static void
with_nothing_to_take_it_is_an_error(void **state)
{
	struct drill *d = drill_new(KIND, "mode=exhaust leave=50", true);

	(void)state;
	assert_int_equal(d->fault->prepare(&d->run, &d->e), -EADDRNOTAVAIL);
	assert_non_null(strstr(d->e.msg, "50 are free, and 50 are to be left"));
	drill_free(d);
}

/* As many as a host has, and more than a process may have descriptors here. */
static void
a_whole_range_is_exhausted(void **state)
{
	struct drill *d;

	(void)state;
	set_sysctl("ip_local_port_range", "32768 60999");
	d = drill_on(KIND, "mode=exhaust", true);
	assert_int_equal(d->run.effect, 60999 - 32768 + 1);
	assert_int_equal(try_client(FAR4, SOCK_STREAM), EADDRNOTAVAIL);
	drill_disarm(d);
	await_client(FAR4, SOCK_STREAM);
	drill_sweep(d);
	assert_int_equal(keepers().count, 0);
	drill_free(d);
	set_sysctl("ip_local_port_range", "40000 40049");
}

/* --- when things end by themselves ------------------------------------------------------- */

static void
a_keeper_that_is_ended_is_told_as_lost(void **state)
{
	struct drill *d = drill_on(KIND, "mode=occupy port=8000", true);
	pid_t keeper = keepers().pid;

	(void)state;
	assert_int_equal(kill(keeper, SIGKILL), 0);
	for (int i = 0; i < PATIENCE_MS && keepers().count > 0; i++)
		(void)poll(NULL, 0, 1);
	assert_true(d->fault->hold(&d->run, &d->e) < 0);
	assert_true(d->run.lost);
	drill_off(d);
}

static void
nothing_outlives_the_holder(void **state)
{
	struct drill *d = drill_new(KIND, "mode=occupy port=8000", true);
	int said[2];
	pid_t holder;
	char c;

	(void)state;
	must(d, d->fault->prepare(&d->run, &d->e));
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	(void)fflush(NULL);
	holder = fork();
	if (holder == 0) {
		must(d, d->fault->stage(&d->run, &d->e));
		drill_apply(d);
		(void)!write(said[1], "y", 1);
		for (;;)
			(void)pause();
	}
	(void)close(said[1]);
	assert_int_equal(read(said[0], &c, 1), 1);
	(void)close(said[0]);
	assert_int_equal(try_server("::", SOCK_STREAM, PORT), EADDRINUSE);
	end_sleeper(holder);
	await_server("::", SOCK_STREAM, PORT);
	for (int i = 0; i < PATIENCE_MS && keepers().count > 0; i++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(keepers().count, 0);
	drill_off_by_record(d);
}

/* --- limit ------------------------------------------------------------------------------ */

/* From the far side to a service here: its socket, or a negative errno. */
static int
visit(const char *at)
{
	int here = far_enter(far_side), fd = client(at, SOCK_STREAM, PORT);

	far_leave(here);
	return fd;
}

static bool
is_whole(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* One byte that arrives. */
static ssize_t
hears(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, PATIENCE_MS) == 1 ? recv(fd, &c, 1, 0) : 0;
}

static void
beyond_the_limit(const char *at, int family)
{
	int service = bound(family, SOCK_STREAM, PORT), before = visit(at), in[3];
	struct drill *d = drill_new(KIND, "mode=limit port=8000 connections=2", true);

	drill_stage(d);
	in[0] = visit(at);
	in[1] = visit(at);
	in[2] = visit(at);
	assert_true(before >= 0 && in[0] >= 0 && in[1] >= 0 && in[2] >= 0);
	(void)close(in[2]);
	drill_apply(d);
	assert_string_equal(d->run.effect_unit, "connections");
	assert_int_equal(visit(at), -ECONNREFUSED);
	assert_true(is_whole(before) && is_whole(in[0]) && is_whole(in[1]));
	drill_hold(d);
	assert_true(d->run.effect >= 1);
	drill_disarm(d);
	in[2] = visit(at);
	assert_true(in[2] >= 0);
	drill_sweep(d);
	drill_free(d);
	for (int i = 0; i < 3; i++)
		(void)close(in[i]);
	(void)close(before);
	(void)close(service);
}

static void
connections_beyond_the_limit_are_reset(void **state)
{
	(void)state;
	beyond_the_limit(NEAR4, AF_INET);
	beyond_the_limit(NEAR6, AF_INET6);
}

static void
a_limit_of_none_lets_those_stay_that_are(void **state)
{
	int service = bound(AF_INET, SOCK_STREAM, PORT), before = visit(NEAR4);
	int other = bound(AF_INET, SOCK_STREAM, PORT_2);
	int fd = accept(service, NULL, NULL);
	struct drill *d = drill_on(KIND, "mode=limit port=8000 connections=0", true);

	(void)state;
	assert_true(before >= 0);
	assert_int_equal(visit(NEAR4), -ECONNREFUSED);
	assert_int_equal(try_tcp("127.0.0.1", PORT, PATIENCE_MS), REFUSED);
	assert_int_equal(try_tcp("127.0.0.1", PORT_2, PATIENCE_MS), OPEN);
	assert_int_equal(write(before, "x", 1), 1);
	assert_int_equal(hears(fd), 1);
	assert_true(is_whole(before));
	drill_off(d);
	(void)close(fd);
	(void)close(before);
	(void)close(service);
	(void)close(other);
}

/* --- */

static int
make_world(void **state)
{
	(void)state;
	if (directories_make() < 0 || farside_start(&far_side) < 0)
		return -1;
	set_sysctl("ip_local_port_range", "40000 40049");
	return 0;
}

static int
end_world(void **state)
{
	(void)state;
	if (far_side != NULL)
		farside_end(far_side);
	return directories_end();
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_occupied_port_is_nobodys),
		cmocka_unit_test(at_one_address_the_others_stay_free),
		cmocka_unit_test(ports_of_udp_are_occupied_when_asked_for),
		cmocka_unit_test(who_has_the_port_is_told),
		cmocka_unit_test(who_was_quicker_is_told),
		cmocka_unit_test(an_address_that_is_not_ours_is_refused),
		cmocka_unit_test(without_ports_nobody_connects),
		cmocka_unit_test(nor_does_udp_send),
		cmocka_unit_test(what_is_left_can_be_used),
		cmocka_unit_test(what_others_have_is_taken_when_they_give_it_back),
		cmocka_unit_test(reserved_ports_are_not_counted),
		cmocka_unit_test(with_nothing_to_take_it_is_an_error),
		cmocka_unit_test(a_whole_range_is_exhausted),
		cmocka_unit_test(a_keeper_that_is_ended_is_told_as_lost),
		cmocka_unit_test(nothing_outlives_the_holder),
		cmocka_unit_test(connections_beyond_the_limit_are_reset),
		cmocka_unit_test(a_limit_of_none_lets_those_stay_that_are),
	};

	/* a keeper is the holder's own program again, and here that is this one */
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	return cmocka_run_group_tests(tests, make_world, end_world);
}
