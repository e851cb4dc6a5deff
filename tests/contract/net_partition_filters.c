/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets a fault means: every filter that network faults share, by packets of IPv4
 * and IPv6, by a partition and, where the kernel has netem, by its filters.  What one filter
 * lets pass and what it cuts stand in one table; whose packets, and which share of all
 * flows, are tried by sockets of their own.
 */
#include "exempt.h"
#include "net_drill.h"

#include <grp.h>
#include <linux/icmpv6.h>
#include <netinet/ip_icmp.h>

#include "cgroup.h"
#include "flows.h"

enum { STRANGER = 12345, SHARE_FLOWS = 800, SHARE_PORT = 6000, SHARE_FROM = 20000 };

/* --- one table ------------------------------------------------------------------------- */

/* An echo request and its answer, by a raw socket. */
static enum reach
try_ping(const char *to, int wait_ms)
{
	struct sockaddr_storage a;
	socklen_t len = address(&a, to, 0);
	bool four = a.ss_family == AF_INET;
	int fd = socket(a.ss_family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    four ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	const uint8_t reply = four ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY;
	/* the checksum of one word of type and zeroes: for IPv6 the kernel fills it in */
	uint8_t echo[8] = { four ? ICMP_ECHO : ICMPV6_ECHO_REQUEST, 0, 0xf7, 0xff },
		in[128];
	enum reach r = SILENT;

	assert_true(fd >= 0);
	for (int waited = 0; waited < wait_ms && r == SILENT; waited += TICK_MS) {
		ssize_t n;

		if (waited % (20 * TICK_MS) == 0)
			(void)sendto(fd, echo, sizeof(echo), 0, (void *)&a, len);
		(void)poll(NULL, 0, TICK_MS);
		while ((n = recv(fd, in, sizeof(in), 0)) > 0)
			r = in[four ? (in[0] & 15) * 4 : 0] == reply ? OPEN : r;
	}
	(void)close(fd);
	return r;
}

enum { PING = 4, WAYS };
static const char *const ways[WAYS] = { "tcp 8080", "tcp 8081", "udp 5353 out",
	"udp 5353 in", "ping" };

static enum reach
try_way(int way, bool four, int wait_ms)
{
	const char *far_address = four ? FAR4 : FAR6;

	switch (way) {
	case 0:
		return try_tcp(far_address, FAR_TCP, wait_ms);
	case 1:
		return try_tcp(far_address, FAR_TCP_2, wait_ms);
	case 2:
		return try_out(far_side, far_address, wait_ms);
	case 3:
		return try_in(four ? far_side->beacon4 : far_side->beacon6, wait_ms);
	default:
		return try_ping(far_address, wait_ms);
	}
}

/* By IPv4 and by IPv6, in the order of the ways: o passes, x is silent, r is refused. */
static const struct {
	const char *args, *four, *six;
} cases[] = {
	{ "to=any port=8000-8080,9000", "xoooo", "xoooo" },
	{ "to=any port=5353,8081", "oxxxo", "oxxxo" },
	{ "to=any port=1-8079,8082-65535", "ooxxo", "ooxxo" },
	{ "to=" FAR4 " port=8080-8081 protocol=tcp", "xxooo", "ooooo" },
	{ "to=any port=5353 protocol=tcp", "ooooo", "ooooo" },
	{ "to=any local_port=7000", "oooxo", "oooxo" },
	{ "to=any local_port=7000 protocol=udp direction=in", "oooxo", "oooxo" },
	{ "to=any local_port=7000 protocol=tcp", "ooooo", "ooooo" },
	{ "to=any port=5353 local_port=6999-7001", "oooxo", "oooxo" },
	{ "to=any port=5354 local_port=7000", "ooooo", "ooooo" },
	{ "to=any protocol=icmp", "oooox", "oooox" },
	{ "to=" FAR6 " protocol=icmp", "ooooo", "oooox" },
	{ "to=any protocol=tcp", "xxooo", "xxooo" },
	{ "to=any interface=lo,near0", "xxxxx", "xxxxx" },
	{ "to=any interface=near0 protocol=udp direction=out", "ooxoo", "ooxoo" },
	{ "to=any exclude=" FAR4, "ooooo", "xxxxx" },
	{ "to=10.99.0.0/16,fd99::/32 exclude=10.99.0.0/25,fd99::2", "ooooo", "ooooo" },
	{ "to=any exclude=10.98.0.0/16,fd98::/16", "xxxxx", "xxxxx" },
	{ "to=any exclude=::/0", "xxxxx", "ooooo" },
	{ "to=any exclude_port=8080", "oxxxx", "oxxxx" },
	{ "to=any exclude_port=8081-9000,5353", "xooox", "xooox" },
	{ "to=any exclude_port=7000 protocol=udp", "ooxoo", "ooxoo" },
	{ "to=any exclude_port=5353 port=5353,8080", "xoooo", "xoooo" },
	{ "to=any share=100%", "xxxxx", "xxxxx" },
	{ "to=any user=0 direction=out", "xxxox", "xxxox" },
	{ "to=any user=root direction=out protocol=udp", "ooxoo", "ooxoo" },
	{ "to=any user=12345 direction=out", "ooooo", "ooooo" },
	{ "to=any mode=reject port=8080", "roooo", "roooo" },
	{ "to=any mode=reject exclude_port=8080 protocol=tcp", "orooo", "orooo" },
	{ "to=any mode=reject protocol=icmp", "oooox", "oooox" },
};

static void
assert_way(size_t i, int way, bool four)
{
	char letter = (four ? cases[i].four : cases[i].six)[way];
	enum reach want = letter == 'o' ? OPEN : letter == 'r' ? REFUSED : SILENT;
	enum reach got = try_way(way, four, patience(want));

	if (got != want)
		fail_msg("%s: %s by IPv%d is %d, expected %d", cases[i].args, ways[way],
		    four ? 4 : 6, got, want);
}

static void
filters_mean_what_they_say(void **state)
{
	_cleanup_free_ char *before = snapshot();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct drill *d;

		if (is_by_netem() && strstr(cases[i].args, "mode=") != NULL)
			continue; /* it only loses */
		d = drill_on("7b1c09aa", cases[i].args);
		for (int way = 0; way < WAYS; way++) {
			assert_way(i, way, true);
			assert_way(i, way, false);
		}
		must(d, d->fault->hold(&d->run, &d->e));
		assert_false(d->run.lost);
		drill_off(d);
		assert_unchanged(before);
	}
}

static void
what_leaves_nothing_to_cut_is_refused(void **state)
{
	static const struct {
		const char *args, *why;
	} refused[] = {
		{ "to=10.99.0.0/24,10.0.0.1 exclude=10.0.0.0/8",
		    "everything that 'to' names is excluded" },
		{ "to=any user=nobody-of-that-name direction=out",
		    "no user 'nobody-of-that-name' in /etc/passwd; one of a directory "
		    "service is named by number" },
		{ "to=any interface=near0,nosuch0",
		    "no interface 'nosuch0': there are lo, near0" },
		{ "to=any cgroup=/no/such/group",
		    "no cgroup '/no/such/group' in the v2 tree" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct drill *d = drill_new("7b1c09aa", refused[i].args);

		if (d->fault->prepare(&d->run, &d->e) == 0)
			fail_msg("%s: not refused", refused[i].args);
		if (strstr(d->e.msg, "no writable cgroup") == NULL)
			assert_string_equal(d->e.msg, refused[i].why);
		assert_int_equal(d->run.undo.count, 0);
		drill_free(d);
	}
}

static void
protected_interfaces_pass_and_must_not_be_all(void **state)
{
	struct drill *d;

	(void)state;
	memcpy(protect.interfaces, "near0\0", 7);
	d = drill_on("7b1c09aa", "to=any interface=near0,lo");
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
	assert_int_equal(try_tcp(FAR6, FAR_TCP, PATIENCE_MS), OPEN);
	assert_non_null(strstr(d->run.ops, "interface near0 is exempt by policy"));
	drill_off(d);
	d = drill_new("7b1c09aa", "to=any interface=near0");
	assert_true(d->fault->prepare(&d->run, &d->e) < 0);
	assert_int_equal(d->e.outcome, OUTCOME_REFUSED);
	assert_string_equal(d->e.msg, "policy protects near0");
	drill_free(d);
	memset(protect.interfaces, 0, sizeof(protect.interfaces));
}

/* --- whose packets --------------------------------------------------------------------- */

/* Who asks: another user, or a member of a cgroup. */
struct asker {
	uid_t uid;
	int cgroup;
	bool hears; /* by a connected datagram socket, in place of asking by TCP */
};

/* Does a datagram of the far side's come to a socket that is connected to it? */
static enum reach
hear(const char *from, int wait_ms)
{
	bool four = strchr(from, ':') == NULL;
	int family = four ? AF_INET : AF_INET6;
	int far_fd = far_bound(far_side, family, SHARE_PORT);
	int near_fd = bound(family, SOCK_DGRAM, SHARE_FROM);
	struct sockaddr_storage a;
	socklen_t len = address(&a, from, SHARE_PORT);

	if (connect(near_fd, (struct sockaddr *)&a, len) < 0)
		_exit(99);
	return datagram(far_fd, four ? NEAR4 : NEAR6, SHARE_FROM, near_fd, wait_ms);
}

static _Noreturn void
ask(const struct asker *who, const char *to, int wait_ms)
{
	struct err e = { 0 };

	if (who->cgroup >= 0 && cgroup_join(who->cgroup, getpid(), &e) < 0)
		_exit(99);
	if (who->uid != 0 &&
	    (setgroups(0, NULL) < 0 || setresuid(who->uid, who->uid, who->uid) < 0))
		_exit(99);
	_exit((int)(who->hears ? hear(to, wait_ms) : try_tcp(to, FAR_TCP, wait_ms)));
}

static void
assert_asked(const struct asker *who, const char *to, enum reach want, const char *what)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		ask(who, to, patience(want));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != (int)want)
		fail_msg(
		    "%s, to %s: %d, expected %d", what, to, WEXITSTATUS(status), want);
}

static void
only_the_users_own_packets_are_cut(void **state)
{
	static const char *const args[] = { "to=any user=12345 direction=out",
		"to=any user=12345 direction=out port=8080 share=100% interface=near0" };
	const struct asker stranger = { .uid = STRANGER, .cgroup = -1 },
			   other = { .uid = STRANGER + 1, .cgroup = -1 };
	const struct asker root = { .cgroup = -1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(args); i++) {
		struct drill *d = drill_on("7b1c09aa", args[i]);

		assert_asked(&stranger, FAR4, SILENT, args[i]);
		assert_asked(&stranger, FAR6, SILENT, args[i]);
		assert_asked(&other, FAR4, OPEN, args[i]);
		assert_asked(&other, FAR6, OPEN, args[i]);
		assert_asked(&root, FAR4, OPEN, args[i]);
		drill_off(d);
	}
}

/* Of our own, with a name as systemd escapes them. */
static char group[96], group_inner[128];

static int
make_groups(int root, int *ret_outer, int *ret_inner)
{
	struct err e = { 0 };

	(void)snprintf(group, sizeof(group), "storm-test\\x2dgroup-%d", (int)getpid());
	(void)snprintf(group_inner, sizeof(group_inner), "%s/inner", group);
	if (cgroup_create(root, group, ret_outer, &e) < 0 ||
	    cgroup_create(root, group_inner, ret_inner, &e) < 0)
		return -1;
	return 0;
}

/* In: the answer to a SYN already belongs to a socket, and so to a cgroup, as does a
 * datagram to a connected one. */
static void
only_packets_of_the_cgroup_are_cut(void **state)
{
	static const char *const ways_of[] = { "out", "in", "both" };
	struct err e = { 0 };
	_cleanup_close_ int root = cgroup_root(&e);
	struct asker outer = { .cgroup = -1 }, inner = { .cgroup = -1 };
	const struct asker nobody = { .cgroup = -1 };

	(void)state;
	if (root < 0)
		skip_test("%s", e.msg);
	assert_int_equal(make_groups(root, &outer.cgroup, &inner.cgroup), 0);
	for (size_t i = 0; i < (is_by_netem() ? 1 : ARRAY_LEN(ways_of)); i++) {
		char args[192];
		struct drill *d;

		(void)snprintf(args, sizeof(args), "to=any cgroup=/%s direction=%s",
		    i == 0 ? group_inner : group, ways_of[i]);
		d = drill_on("7b1c09aa", args);
		assert_asked(&inner, FAR4, SILENT, args);
		assert_asked(&inner, FAR6, SILENT, args);
		assert_asked(&outer, FAR4, i == 0 ? OPEN : SILENT, args);
		assert_asked(&outer, FAR6, i == 0 ? OPEN : SILENT, args);
		assert_asked(&nobody, FAR4, OPEN, args);
		assert_asked(&nobody, FAR6, OPEN, args);
		inner.hears = true;
		assert_asked(&inner, FAR4, i == 0 ? OPEN : SILENT, args);
		assert_asked(&inner, FAR6, i == 0 ? OPEN : SILENT, args);
		inner.hears = false;
		drill_off(d);
	}
	(void)close(outer.cgroup);
	(void)close(inner.cgroup);
	assert_ok(cgroup_remove(root, group_inner, &e), e);
	assert_ok(cgroup_remove(root, group, &e), e);
}

/* --- a share of the flows -------------------------------------------------------------- */

struct herd {
	int family;
	int far_fd, near_fd[SHARE_FLOWS];
	bool out[SHARE_FLOWS], in[SHARE_FLOWS]; /* what came through */
};

static uint16_t
source_port(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET ?
			 ((const struct sockaddr_in *)a)->sin_port :
			 ((const struct sockaddr_in6 *)a)->sin6_port);
}

static void
take_out(struct herd *f)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char c;

	while (recvfrom(f->far_fd, &c, 1, 0, (void *)&from, &len) == 1)
		f->out[source_port(&from) - SHARE_FROM] = true;
}

static void
exchange(struct herd *f)
{
	bool four = f->family == AF_INET;
	struct sockaddr_storage far_at, near_at;
	char c = 'x';

	for (int i = 0; i < SHARE_FLOWS; i++) {
		socklen_t len = address(&far_at, four ? FAR4 : FAR6, SHARE_PORT);

		(void)sendto(f->near_fd[i], &c, 1, 0, (void *)&far_at, len);
		len = address(&near_at, four ? NEAR4 : NEAR6, (uint16_t)(SHARE_FROM + i));
		(void)sendto(f->far_fd, &c, 1, 0, (void *)&near_at, len);
		take_out(f);
		f->in[i] |= recv(f->near_fd[i], &c, 1, 0) == 1;
	}
}

static void
open_herd(struct herd *f, int family)
{
	*f = (struct herd){ .family = family };
	f->far_fd = far_bound(far_side, family, SHARE_PORT);
	for (int i = 0; i < SHARE_FLOWS; i++)
		f->near_fd[i] = bound(family, SOCK_DGRAM, (uint16_t)(SHARE_FROM + i));
}

static void
close_herd(struct herd *f)
{
	(void)close(f->far_fd);
	for (int i = 0; i < SHARE_FLOWS; i++)
		(void)close(f->near_fd[i]);
}

static bool
is_chosen(const struct herd *f, uint32_t share, uint32_t seed, int i)
{
	struct flow flow = { .local_port = (uint16_t)(SHARE_FROM + i),
		.remote_port = SHARE_PORT,
		.protocol = IPPROTO_UDP };
	struct err e = { 0 };

	assert_ok(parse_net(f->family == AF_INET ? NEAR4 : NEAR6, &flow.local, &e), e);
	assert_ok(parse_net(f->family == AF_INET ? FAR4 : FAR6, &flow.remote, &e), e);
	return flow_hash_is_in(seed, share, &flow);
}

/* What is not chosen comes sooner or later, what is chosen never. */
static void
assert_chosen(struct herd *f, const char *direction, uint32_t share, uint32_t seed)
{
	bool out = direction[0] == 'o', done = false;
	int chosen = 0;

	memset(f->in, 0, sizeof(f->in));
	memset(f->out, 0, sizeof(f->out));
	for (int waited = 0; waited < PATIENCE_MS && !done; waited += TICK_MS) {
		exchange(f);
		done = true;
		for (int i = 0; i < SHARE_FLOWS; i++) {
			bool is_cut = is_chosen(f, share, seed, i);

			done &= (f->in[i] || (is_cut && !out)) &&
				(f->out[i] || (is_cut && out));
		}
		(void)poll(NULL, 0, TICK_MS);
	}
	assert_true(done);
	for (int i = 0; i < SHARE_FLOWS; i++) {
		if (!is_chosen(f, share, seed, i))
			continue;
		chosen++;
		assert_false(out ? f->out[i] : f->in[i]);
	}
	assert_in_range(chosen, SHARE_FLOWS * share / 100000 * 3 / 4,
	    SHARE_FLOWS * share / 100000 * 5 / 4);
}

/* The same flows whichever way is cut, whenever it is asked, and by either family's hash. */
static void
a_share_of_the_flows_is_cut_and_always_the_same(void **state)
{
	static const char *const directions[] = { "out", "in", "out" };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(directions); i++) {
		static struct herd f;
		const char *direction = directions[i / 2];
		char args[96];
		struct drill *d;

		(void)snprintf(args, sizeof(args),
		    "to=any share=40%% seed=99 protocol=udp direction=%s", direction);
		open_herd(&f, i % 2 == 0 ? AF_INET : AF_INET6);
		d = drill_on("7b1c09aa", args);
		assert_chosen(&f, direction, 40000, 99);
		drill_off(d);
		close_herd(&f);
	}
}

static int
run(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_mean_what_they_say),
		cmocka_unit_test(what_leaves_nothing_to_cut_is_refused),
		cmocka_unit_test(protected_interfaces_pass_and_must_not_be_all),
		cmocka_unit_test(only_the_users_own_packets_are_cut),
		cmocka_unit_test(only_packets_of_the_cgroup_are_cut),
		cmocka_unit_test(a_share_of_the_flows_is_cut_and_always_the_same),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	static const char *const engines[] = { "iptables", "nftables", "netem", NULL };

	net_drill_enter("net.partition");
	return run_by_engines(engines, argc > 1 ? argv[1] : NULL, run);
}
