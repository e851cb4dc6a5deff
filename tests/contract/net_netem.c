/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is the netem engine's own: beside the filters and queues of others, on the same
 * interface as a second fault, with hundreds of networks, when somebody takes a part of it
 * away, and while a ramp changes it.  Traffic is between two network namespaces; what
 * passes is told by a loss of everything.
 */
#include "net_drill.h"

#include <netinet/udp.h>
#include <time.h>

#include "impair.h"
#include "snapshot.h"
#include "tc.h"

#define ID  "7b1c09aa"
#define ID2 "7b1c09ab"

enum { STREAM_PORT = 9999, STREAM_RATE = 10000 };

static int
shell(const char *line)
{
	_cleanup_free_ char *script = xasprintf("PATH=$PATH:/usr/sbin:/sbin\n%s", line);
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	return tool(argv, NULL, NULL, 0);
}

static void
assert_shell(const char *line)
{
	if (shell(line) < 0)
		fail_msg("failed: %s", line);
}

static bool
says(const char *command, const char *text)
{
	_cleanup_free_ char *script =
	    xasprintf("PATH=$PATH:/usr/sbin:/sbin\n%s", command);
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	_cleanup_free_ char *out = xcalloc(1, SNAPSHOT_MAX);

	assert_int_equal(tool(argv, NULL, out, SNAPSHOT_MAX), 0);
	return strstr(out, text) != NULL;
}

static struct drill *
loss(const char *id, const char *more)
{
	_cleanup_free_ char *args = xasprintf("loss=100%% engine=netem %s", more);

	return drill_of("net.loss", id, args);
}

static struct drill *
loss_on(const char *id, const char *more)
{
	struct drill *d = loss(id, more);

	drill_stage(d);
	drill_apply(d);
	return d;
}

static void
hold(struct drill *d)
{
	/* as often as the holder would until it has looked once more */
	for (int i = 0; i < 4 && !d->run.lost; i++) {
		(void)poll(NULL, 0, 150);
		must(d, d->fault->hold(&d->run, &d->e));
	}
}

static void
assert_clean(const char *before)
{
	char residue[1024] = "";
	struct err e = { 0 };

	assert_unchanged(before);
	if (residue_list(ctx, ID, residue, sizeof(residue), &e) != 0 ||
	    residue_list(ctx, ID2, residue, sizeof(residue), &e) != 0)
		fail_msg("residue: %s%s", residue, e.msg);
}

static void
assert_far(enum reach want, const char *when)
{
	if (try_tcp(FAR4, FAR_TCP, patience(want)) != want)
		fail_msg("%s: not as it should be", when);
}

/* --- beside what others have -------------------------------------------------------------- */

/* Packets that this filter has matched so far. */
static long
matched(const char *pref)
{
	_cleanup_free_ char *script = xasprintf(
	    "/sbin/tc -s filter show dev near0 egress pref %s | sed -n 's/.*Sent .* "
	    "bytes \\([0-9]*\\) pkt.*/\\1/p' | tail -n 1",
	    pref);
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	char out[64] = "";

	assert_int_equal(tool(argv, NULL, out, sizeof(out)), 0);
	return strtol(out, NULL, 10);
}

static void
filters_of_others_are_asked_before_and_after_ours(void **state)
{
	_cleanup_free_ char *before = NULL;
	long first, last;
	struct drill *d;

	(void)state;
	assert_shell("tc qdisc add dev near0 clsact\n"
		     "tc filter add dev near0 egress pref 10 protocol ip flower "
		     "ip_proto tcp action continue\n"
		     "tc filter add dev near0 egress pref 65535 protocol ip flower "
		     "ip_proto tcp action pass");
	before = snapshot();
	d = loss(ID, "to=" FAR4);
	drill_stage(d);
	first = matched("10");
	last = matched("65535");
	assert_far(OPEN, "staged");
	assert_true(matched("10") > first);
	assert_true(matched("65535") > last); /* the closed gate lets it be asked */
	drill_apply(d);
	last = matched("65535");
	first = matched("10");
	assert_far(SILENT, "active");
	assert_true(matched("10") > first);
	assert_int_equal(matched("65535"), last);
	drill_disarm(d);
	assert_far(OPEN, "disarmed");
	assert_true(matched("65535") > last);
	drill_sweep(d);
	drill_free(d);
	assert_clean(before);
	assert_true(says("tc filter show dev near0 egress", "pref 65535"));
	assert_shell("tc qdisc del dev near0 clsact");
}

static void
a_root_qdisc_and_a_clsact_that_are_there_stay(void **state)
{
	_cleanup_free_ char *before = NULL;
	struct drill *d;

	(void)state;
	assert_shell("tc qdisc replace dev near0 root handle 7: fq_codel\n"
		     "tc qdisc add dev near0 clsact");
	before = snapshot();
	d = loss_on(ID, "to=any direction=both");
	assert_true(says("tc qdisc show dev near0 root", "fq_codel 7:"));
	assert_far(SILENT, "active");
	drill_off(d);
	assert_clean(before);
	assert_true(says("tc qdisc show dev near0", "clsact"));
	assert_shell("tc qdisc del dev near0 clsact; tc qdisc del dev near0 root");
}

static void
an_ingress_qdisc_is_left_to_its_owner(void **state)
{
	_cleanup_free_ char *before = NULL;
	struct drill *d;

	(void)state;
	assert_shell("tc qdisc add dev near0 ingress");
	before = snapshot();
	d = loss(ID, "to=" FAR4);
	assert_true(d->fault->prepare(&d->run, &d->e) < 0);
	assert_int_equal(d->e.outcome, OUTCOME_UNSUPPORTED);
	assert_non_null(strstr(d->e.msg, "ingress"));
	drill_free(d);
	d = drill_of("net.loss", ID, "loss=100% to=" FAR4); /* engine=auto */
	if (d->fault->prepare(&d->run, &d->e) == 0) {
		assert_non_null(strstr(d->run.note, "nfqueue"));
		assert_non_null(strstr(d->run.note, "ingress"));
	}
	drill_free(d);
	assert_clean(before);
	assert_shell("tc qdisc del dev near0 ingress");
}

static void
two_faults_on_one_interface_are_undone_one_by_one(void **state)
{
	_cleanup_free_ char *before = snapshot();
	struct drill *a = loss_on(ID, "to=" FAR4), *b = loss_on(ID2, "to=" FAR6);

	(void)state;
	assert_far(SILENT, "both");
	assert_int_equal(try_tcp(FAR6, FAR_TCP, SILENCE_MS), SILENT);
	drill_off(a);
	assert_far(OPEN, "the second");
	assert_int_equal(try_tcp(FAR6, FAR_TCP, SILENCE_MS), SILENT);
	hold(b);
	assert_false(b->run.lost);
	assert_true(b->run.effect > 0);
	drill_off(b);
	assert_int_equal(try_tcp(FAR6, FAR_TCP, PATIENCE_MS), OPEN);
	assert_clean(before);
}

static void
two_faults_for_the_same_packets_are_told_apart(void **state)
{
	static const char *const same[] = { "to=any", "to=10.0.0.0/8",
		("to=" FAR4 " port=1"), ("to=fd00::/8," FAR4) };
	struct drill *a = loss_on(ID, "to=10.99.0.0/24"), *b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		b = loss(ID2, same[i]);
		assert_true(b->fault->prepare(&b->run, &b->e) < 0);
		assert_non_null(strstr(b->e.msg, "another netem fault on 'near0'"));
		drill_free(b);
	}
	b = loss(ID2, "to=" FAR4 " direction=ingress"); /* the other way is free */
	must(b, b->fault->prepare(&b->run, &b->e));
	drill_free(b);
	drill_off(a);
}

/* --- how many ------------------------------------------------------------------------------ */

static void
hundreds_of_networks_are_armed_at_once(void **state)
{
	_cleanup_free_ char *before = snapshot();
	char to[16384] = "to=" FAR4, *more;
	size_t used = strlen(to);
	struct drill *d;

	(void)state;
	for (unsigned i = 1; i < SPEC_NETS_MAX; i++)
		used += (size_t)snprintf(
		    to + used, sizeof(to) - used, ",10.%u.%u.0/24", 1 + i / 256, i % 256);
	more = xasprintf(
	    "%s direction=both port=%u protocol=tcp interface=near0", to, FAR_TCP);
	d = loss(ID, more);
	drill_stage(d);
	assert_far(OPEN, "staged");
	drill_apply(d);
	assert_far(SILENT, "active");
	assert_int_equal(try_tcp(FAR4, FAR_TCP_2, PATIENCE_MS), OPEN);
	drill_off(d);
	assert_far(OPEN, "undone");
	assert_clean(before);
	free(more);

	d = loss(ID, to);
	drill_free(d);
	more = xasprintf("%s port=1-2,4-5,7-8,10-11 local_port=1-2,4-5", to);
	d = loss(ID, more); /* 512 x 8 x tcp and udp */
	assert_true(d->fault->prepare(&d->run, &d->e) < 0);
	assert_non_null(strstr(d->e.msg, "8192 filters"));
	drill_free(d);
	free(more);
}

/* One datagram as the application sees it, sixty on the wire: each has its own chance. */
static void
large_packets_are_cut_before_they_are_lost(void **state)
{
	enum { PIECES = 60, PIECE = 1000 };
	struct drill *d = loss_on(ID, "to=" FAR4 " protocol=udp port=9");
	struct sockaddr_storage to;
	socklen_t len = address(&to, FAR4, 9);
	static char data[PIECES * PIECE];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = PIECE;

	(void)state;
	assert_int_equal(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	assert_int_equal(
	    sendto(fd, data, sizeof(data), 0, (void *)&to, len), (int)sizeof(data));
	hold(d);
	assert_false(d->run.lost);
	assert_int_equal(d->run.effect, PIECES);
	(void)close(fd);
	drill_off(d);
}

/* --- what others take away ----------------------------------------------------------------- */

static void
what_is_taken_away_is_told(void **state)
{
	static const struct {
		const char *command, *told;
	} acts[] = {
		{ "tc qdisc del dev near0 clsact", "its filters are gone" },
		{ "tc filter del dev near0 egress", "its filters are gone" },
		{ "tc qdisc del dev sd" ID "e root", "its netem is gone" },
		{ "ip link del sd" ID "e", "its netem is gone" },
		{ "tc qdisc change dev sd" ID "e parent 1:1 netem loss 50% limit 1000",
		    "its netem has another loss now" },
		{ "tc actions change action continue index 2065435050 cookie "
		  "3762316330396161",
		    "its gate is closed" },
		{ "tc chain del dev near0 egress chain 186386858",
		    "its filter chain is gone" },
	};
	_cleanup_free_ char *before = snapshot();

	(void)state;
	assert_int_equal(tc_gate_of(ID), 2065435050);
	assert_int_equal(tc_chain_of(ID), 186386858);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		struct drill *d = loss_on(ID, "to=" FAR4);

		hold(d);
		assert_false(d->run.lost);
		assert_shell(acts[i].command);
		hold(d);
		if (!d->run.lost || strstr(d->run.note, acts[i].told) == NULL)
			fail_msg("%s: %s", acts[i].command, d->run.note);
		drill_off(d);
		assert_far(OPEN, "undone");
		assert_clean(before);
	}
}

static void
an_interface_may_be_renamed_or_vanish(void **state)
{
	_cleanup_free_ char *before = NULL;
	struct drill *d;

	(void)state;
	assert_shell("ip link add spare0 type veth peer name spare1\n"
		     "ip addr add 10.98.0.1/24 dev spare0\n"
		     "ip link set spare0 up; ip link set spare1 up");
	before = snapshot();
	d = loss_on(ID, "to=10.98.0.0/24," FAR4 " direction=both");
	assert_non_null(strstr(d->run.note, "spare0"));
	assert_shell("ip link set spare0 down; ip link set spare0 name other0");
	hold(d);
	assert_false(d->run.lost);
	drill_off(d);
	/* an empty clsact proves nothing, and its number alone does not either: it stays */
	assert_shell("tc qdisc del dev other0 clsact\n"
		     "ip link set other0 name spare0; ip link set spare0 up");
	assert_clean(before);

	d = loss_on(ID, "to=10.98.0.0/24," FAR4 " direction=both");
	assert_shell("ip link del spare0");
	hold(d);
	assert_true(d->run.lost);
	assert_non_null(strstr(d->run.note, "interface 'spare0' is gone"));
	drill_off(d);
	assert_far(OPEN, "undone");
}

/* --- what is held while it changes --------------------------------------------------------- */

struct stream {
	_Atomic unsigned sent, received;
	_Atomic bool stops;
};

static _Noreturn void
send_stream(struct stream *s)
{
	struct sockaddr_storage to;
	socklen_t len = address(&to, FAR4, STREAM_PORT);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timespec start, now;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)connect(fd, (void *)&to, len);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	while (!atomic_load(&s->stops)) {
		double due;

		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		due = ((double)(now.tv_sec - start.tv_sec) +
			  (double)(now.tv_nsec - start.tv_nsec) / 1e9) *
		      STREAM_RATE;
		for (unsigned n = 0; n < 64 && atomic_load(&s->sent) < due; n++)
			if (send(fd, "x", 1, 0) == 1)
				atomic_fetch_add(&s->sent, 1);
		(void)poll(NULL, 0, 1);
	}
	_exit(0);
}

static void
receive_all(struct stream *s, int fd)
{
	char c;

	while (recv(fd, &c, 1, 0) == 1)
		atomic_fetch_add(&s->received, 1);
}

static int
open_receiver(void)
{
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there, fd;
	const int room = 64 * 1024 * 1024;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", far_side->pid);
	there = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(there, CLONE_NEWNET), 0);
	fd = bound(AF_INET, SOCK_DGRAM, STREAM_PORT);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	(void)close(here);
	(void)close(there);
	assert_int_equal(
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	return fd;
}

/* Changes of a ramp happen in place: what is held is neither lost nor let go. */
static void
a_change_loses_nothing(void **state)
{
	struct drill *d = drill_of("net.delay", ID,
	    "delay=300ms from=100ms ramp=1s engine=netem to=" FAR4
	    " protocol=udp port=9999 limit=100000");
	struct stream *s = mmap(
	    NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = open_receiver();
	pid_t sender;

	(void)state;
	drill_stage(d);
	sender = fork();
	if (sender == 0)
		send_stream(s);
	drill_apply(d);
	for (int i = 0; i < 60; i++) {
		(void)poll(NULL, 0, 25);
		must(d, d->fault->hold(&d->run, &d->e));
		assert_false(d->run.lost);
		receive_all(s, fd);
	}
	assert_true(says("tc qdisc show dev sd" ID "e", "delay 300ms"));
	atomic_store(&s->stops, true);
	(void)waitpid(sender, NULL, 0);
	drill_disarm(d);
	for (int i = 0; i < PATIENCE_MS && atomic_load(&s->received) < s->sent; i++) {
		(void)poll(NULL, 0, 1);
		receive_all(s, fd);
	}
	assert_int_equal(s->received, s->sent);
	drill_sweep(d);
	drill_free(d);
	(void)close(fd);
	(void)munmap(s, sizeof(*s));
}

/* After a test that failed in the middle. */
static int
clear(void **state)
{
	(void)state;
	return shell("exec 2>/dev/null; tc qdisc del dev near0 clsact\n"
		     "tc qdisc del dev near0 ingress; tc qdisc del dev near0 root\n"
		     "for l in sd" ID "e sd" ID "i sd" ID2 "e sd" ID2
		     "i spare0; do ip link del $l; done\n"
		     "sleep 0.1; tc actions flush action gact; true");
}

#define T(name) cmocka_unit_test_teardown(name, clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(filters_of_others_are_asked_before_and_after_ours),
		T(a_root_qdisc_and_a_clsact_that_are_there_stay),
		T(an_ingress_qdisc_is_left_to_its_owner),
		T(two_faults_on_one_interface_are_undone_one_by_one),
		T(two_faults_for_the_same_packets_are_told_apart),
		T(hundreds_of_networks_are_armed_at_once),
		T(large_packets_are_cut_before_they_are_lost),
		T(what_is_taken_away_is_told),
		T(an_interface_may_be_renamed_or_vanish),
		T(a_change_loses_nothing),
	};
	struct err e = { 0 };

	net_drill_enter("net.loss");
	if (impair_engine_netem.supported(&e) < 0)
		skip_all("%s", e.msg);
	return cmocka_run_group_tests(tests, make_world, end_world);
}
