/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.reset against real connections between two network namespaces and within one: what is
 * cut and what both ends hear of it, what is left alone, and that it stops when it is told.
 */
#include "cgroup.h"
#include "exempt.h"
#include "one_fault.h"
#include "pidns.h"

#define KIND "net.reset"

enum { SERVICE = 5432, SERVICE_2 = 6379, SSHD = 2222, CONTROL = 7433, CALLER = 4711 };
enum cut { WHOLE, CUT };

static struct farside *far_side;

/* A connection, the end that made it first.  Sockets stay in the network they are made in. */
struct pair {
	int client, server;
};

static int
far_listener(int family, uint16_t port)
{
	int here = far_enter(far_side), fd = bound(family, SOCK_STREAM, port);

	far_leave(here);
	return fd;
}

static struct pair
join(int family, const char *to, uint16_t port, int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct sockaddr_storage a;
	socklen_t len = address(&a, to, port);
	struct pair made = { .client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0) };

	if (connect(made.client, (struct sockaddr *)&a, len) < 0)
		fail_msg("connect to %s port %u: %s", to, port, strerror(errno));
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	made.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(made.server >= 0);
	(void)close(listener);
	return made;
}

/* From here to a service over there. */
static struct pair
outgoing(int family, uint16_t port)
{
	bool four = family == AF_INET;

	return join(family, four ? FAR4 : FAR6, port, far_listener(family, port));
}

/* An IPv6 socket of ours that speaks IPv4. */
static struct pair
mapped(uint16_t port)
{
	return join(AF_INET6, "::ffff:" FAR4, port, far_listener(AF_INET, port));
}

/* From over there to a service here. */
static struct pair
incoming(int family, uint16_t port)
{
	bool four = family == AF_INET;
	int listener = bound(family, SOCK_STREAM, port), here = far_enter(far_side);
	struct pair p = join(family, four ? NEAR4 : NEAR6, port, listener);

	far_leave(here);
	return p;
}

static struct pair
inside(int family, uint16_t port)
{
	return join(family, family == AF_INET ? "127.0.0.1" : "::1", port,
	    bound(family, SOCK_STREAM, port));
}

static void
part(struct pair *p)
{
	const struct linger none = { .l_onoff = 1 }; /* leave no TIME_WAIT behind */

	(void)setsockopt(p->client, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	(void)close(p->client);
	(void)close(p->server);
}

/* What an end hears: 0 nothing, or an error. */
static int
hears(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	if (poll(&p, 1, wait_ms) != 1)
		return 0;
	return recv(fd, &c, 1, MSG_DONTWAIT) < 0 ? errno : 0;
}

static void
assert_pair(const struct pair *p, enum cut expected, const char *what)
{
	int client = hears(p->client, expected == CUT ? PATIENCE_MS : 0);
	int server = hears(p->server, expected == CUT ? PATIENCE_MS : 0);

	if (expected == WHOLE && client == 0 && server == 0)
		return;
	if (expected == CUT && (client == ECONNABORTED || client == ECONNRESET) &&
	    (server == ECONNABORTED || server == ECONNRESET) &&
	    (client == ECONNABORTED || server == ECONNABORTED))
		return;
	fail_msg("%s: expected %s; who connected hears %s, who accepted %s", what,
	    expected == CUT ? "a cut" : "nothing", strerror(client), strerror(server));
}

/* --- which connections ------------------------------------------------------------------ */

enum { OUT4, OUT6, MAPPED, IN4, IN6, OUT_2, SORTS };

static const struct {
	const char *words;
	enum cut expected[SORTS]; /* OUT4, OUT6, MAPPED, IN4, IN6, OUT_2 */
} cases[] = {
	{ "to=any", { CUT, CUT, CUT, CUT, CUT, CUT } },
	{ "to=" FAR4, { CUT, WHOLE, CUT, CUT, WHOLE, CUT } },
	{ "to=fd99::/64", { WHOLE, CUT, WHOLE, WHOLE, CUT, WHOLE } },
	{ "to=any port=5432", { CUT, CUT, WHOLE, WHOLE, WHOLE, WHOLE } },
	{ "to=any port=5433-6379", { WHOLE, WHOLE, CUT, WHOLE, WHOLE, CUT } },
	{ "to=any local_port=5000-6000", { WHOLE, WHOLE, WHOLE, CUT, CUT, WHOLE } },
	{ "to=any exclude=" FAR4, { WHOLE, CUT, WHOLE, WHOLE, CUT, WHOLE } },
	{ "to=any exclude_port=5432", { WHOLE, WHOLE, CUT, WHOLE, WHOLE, CUT } },
	{ "to=any user=4711", { WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, CUT } },
	{ "to=10.99.0.0/24 local_port=5432 port=1024-65535",
	    { WHOLE, WHOLE, WHOLE, CUT, WHOLE, WHOLE } },
};

static void
make_pairs(struct pair p[static SORTS])
{
	p[OUT4] = outgoing(AF_INET, SERVICE);
	p[OUT6] = outgoing(AF_INET6, SERVICE);
	p[MAPPED] = mapped(SERVICE_2);
	p[IN4] = incoming(AF_INET, SERVICE);
	p[IN6] = incoming(AF_INET6, SERVICE);
	p[OUT_2] = outgoing(AF_INET, SERVICE_2 - 1);
	assert_int_equal(fchown(p[OUT_2].client, CALLER, (gid_t)-1), 0);
}

static void
it_cuts_what_it_says_and_nothing_else(void **state)
{
	struct pair p[SORTS];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct drill *d = drill_new(KIND, cases[i].words, false);
		uint64_t expected = 0;

		make_pairs(p);
		drill_stage(d);
		for (int s = 0; s < SORTS; s++)
			assert_pair(&p[s], WHOLE, "staged");
		drill_apply(d);
		for (int s = 0; s < SORTS; s++) {
			assert_pair(&p[s], cases[i].expected[s], cases[i].words);
			expected += cases[i].expected[s] == CUT;
			part(&p[s]);
		}
		assert_int_equal(d->run.effect, expected);
		drill_off(d);
	}
}

/* What we join a cgroup of ours for, all sockets made meanwhile are in it. */
static void
by_cgroup(int root, const char *name, const char *below)
{
	char path[64], words[96];
	struct err e = { 0 };
	struct pair in_it, out_of_it = outgoing(AF_INET, SERVICE);
	struct drill *d;
	int dir, inner;

	(void)snprintf(path, sizeof(path), "%s/%s", name, below);
	assert_int_equal(cgroup_create(root, name, &dir, &e), 0);
	assert_int_equal(cgroup_create(root, path, &inner, &e), 0);
	assert_int_equal(cgroup_join(inner, getpid(), &e), 0);
	in_it = outgoing(AF_INET, SERVICE_2);
	assert_int_equal(cgroup_join(root, getpid(), &e), 0);
	(void)snprintf(words, sizeof(words), "to=any cgroup=/%s", name);
	d = drill_on(KIND, words, false);
	assert_pair(&in_it, CUT, words);
	assert_pair(&out_of_it, WHOLE, words);
	drill_off(d);
	part(&in_it);
	part(&out_of_it);
	(void)close(dir);
	(void)close(inner);
	assert_int_equal(cgroup_remove(root, path, &e), 0);
	assert_int_equal(cgroup_remove(root, name, &e), 0);
}

static void
a_cgroup_means_all_below_it(void **state)
{
	char name[32];
	struct err e = { 0 };
	int root = cgroup_root(&e);

	(void)state;
	if (root < 0) {
		printf("skip: %s\n", e.msg);
		skip();
	}
	(void)snprintf(
	    name, sizeof(name), "storm-reset-%s", own_dir + sizeof(own_dir) - 7);
	by_cgroup(root, name, "below");
	(void)close(root);
}

static void
udp_when_it_is_asked_for(void **state)
{
	struct drill *d = drill_new(KIND, "to=any protocol=udp", false);
	struct sockaddr_storage to;
	socklen_t len = address(&to, FAR6, SERVICE);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pair tcp = outgoing(AF_INET, SERVICE);

	(void)state;
	assert_int_equal(connect(fd, (struct sockaddr *)&to, len), 0);
	drill_stage(d);
	drill_apply(d);
	assert_int_equal(hears(fd, PATIENCE_MS), ECONNABORTED);
	assert_pair(&tcp, WHOLE, "udp");
	assert_int_equal(d->run.effect, 1);
	drill_off(d);
	part(&tcp);
	(void)close(fd);
}

static void
loopback_is_cut_only_by_name(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct pair p = inside(families[i], SERVICE);
		struct pair out = outgoing(AF_INET, SERVICE);
		struct drill *d = drill_on(KIND, "to=any", false);

		assert_pair(&p, WHOLE, "any");
		assert_pair(&out, CUT, "any");
		drill_off(d);
		d = drill_on(KIND, "to=127.0.0.1,::1", false);
		assert_pair(&p, CUT, "both ends are here");
		assert_int_equal(
		    d->run.effect, 1); /* one connection, though two sockets */
		drill_off(d);
		part(&p);
		part(&out);
	}
}

/* --- what no fault may cut --------------------------------------------------------------- */

static void
logins_live_through_it(void **state)
{
	struct pair login = incoming(AF_INET6, SSHD), later;
	pid_t sshd = sleeper("sshd"), again;
	struct pair victim = outgoing(AF_INET, SERVICE);
	int listener = bound(AF_INET6, SOCK_STREAM, SSHD);
	struct drill *d = drill_new(KIND, "to=any", true);

	(void)state;
	(void)listener; /* a port counts as sshd's only when it listens */
	drill_stage(d);
	drill_apply(d);
	assert_pair(&victim, CUT, "to=any");
	assert_pair(&login, WHOLE, "a login");
	assert_int_equal(try_in(far_side->ssh, PATIENCE_MS), OPEN);
	(void)close(listener);
	later = incoming(AF_INET6, SSHD);
	again = sleeper("sshd-session");
	listener = bound(AF_INET6, SOCK_STREAM, SSHD);
	drill_hold(d);
	assert_pair(&later, WHOLE, "a login made while it is held down");
	assert_int_equal(d->run.effect, 1);
	drill_off(d);
	(void)close(listener);
	end_sleeper(sshd);
	end_sleeper(again);
	part(&login);
	part(&later);
	part(&victim);
}

static void
the_agents_own_port_lives_through_it(void **state)
{
	struct pair control = incoming(AF_INET, CONTROL),
		    other = incoming(AF_INET, SERVICE);
	struct drill *d;

	(void)state;
	protect.control_port = CONTROL;
	d = drill_on(KIND, "to=any", false);
	assert_pair(&control, WHOLE, "the agent's port");
	assert_pair(&other, CUT, "another port");
	drill_off(d);
	protect.control_port = 0;
	part(&control);
	part(&other);
}

static void
a_protected_interface_is_left_alone(void **state)
{
	struct pair p = outgoing(AF_INET6, SERVICE);
	struct drill *d = drill_new(KIND, "to=any", true);

	(void)state;
	memcpy(protect.interfaces, "absent0\0near0\0", 15);
	drill_stage(d);
	drill_apply(d);
	assert_pair(&p, WHOLE, "over a protected interface");
	assert_int_equal(d->run.effect, 0);
	drill_off(d);
	memset(protect.interfaces, 0, sizeof(protect.interfaces));
	part(&p);
}

/* --- once and held down ----------------------------------------------------------------- */

static void
nothing_to_cut_is_an_error_when_it_happens_once(void **state)
{
	struct drill *d = drill_new(KIND, "to=any port=9", false);

	(void)state;
	drill_stage(d);
	assert_int_equal(d->fault->apply(&d->run, &d->e), -ESRCH);
	assert_non_null(strstr(d->e.msg, "no connection matches"));
	drill_off(d);
}

static void
held_down_it_cuts_what_comes_back(void **state)
{
	struct drill *d = drill_new(KIND, "to=" FAR4 " port=5432", true);
	struct pair p;

	(void)state;
	drill_stage(d);
	drill_apply(d); /* nothing there is no error */
	assert_int_equal(d->run.effect, 0);
	assert_true(d->run.wake_ms > 0);
	for (uint64_t i = 1; i <= 3; i++) {
		p = outgoing(AF_INET, SERVICE);
		drill_hold(d);
		assert_pair(&p, CUT, "held down");
		assert_int_equal(d->run.effect, i);
		part(&p);
	}
	drill_disarm(d);
	p = outgoing(AF_INET, SERVICE);
	assert_true(d->fault->hold(&d->run, &d->e) < 0); /* it could not if it would */
	assert_pair(&p, WHOLE, "disarmed");
	drill_sweep(d);
	drill_disarm(d);
	drill_sweep(d);
	drill_free(d);
	part(&p);
}

static void
many_are_cut_at_once(void **state)
{
	enum { MANY = 300 };
	struct pair p[MANY];
	struct drill *d;

	(void)state;
	for (int i = 0; i < MANY; i++)
		p[i] = outgoing(i % 2 ? AF_INET : AF_INET6, SERVICE);
	d = drill_on(KIND, "to=any", false);
	assert_int_equal(d->run.effect, MANY);
	for (int i = 0; i < MANY; i++) {
		assert_pair(&p[i], CUT, "many");
		part(&p[i]);
	}
	drill_off(d);
}

/* --- */

static int
make_world(void **state)
{
	(void)state;
	return directories_make() < 0 || farside_start(&far_side) < 0 ? -1 : 0;
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
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_cuts_what_it_says_and_nothing_else),
		cmocka_unit_test(a_cgroup_means_all_below_it),
		cmocka_unit_test(udp_when_it_is_asked_for),
		cmocka_unit_test(loopback_is_cut_only_by_name),
		cmocka_unit_test(logins_live_through_it),
		cmocka_unit_test(the_agents_own_port_lives_through_it),
		cmocka_unit_test(a_protected_interface_is_left_alone),
		cmocka_unit_test(nothing_to_cut_is_an_error_when_it_happens_once),
		cmocka_unit_test(held_down_it_cuts_what_comes_back),
		cmocka_unit_test(many_are_cut_at_once),
	};
	struct err e = { 0 };

	pidns_enter();
	if (fault_find(KIND)->supported(&e) < 0) {
		printf("skip: %s\n", e.msg);
		return 77;
	}
	return cmocka_run_group_tests(tests, make_world, end_world);
}
