/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Others who change a host's rules while a fault is there: who hold the xtables lock of
 * iptables-legacy, whose rules stand in the way, and who take ours away.  The tests of the
 * lock run with iptables-legacy whatever this host has chosen, in a mount namespace of
 * their own.
 */
#include "held.h"
#include "pidns.h"

#include <sys/file.h>

static struct farside *far_side;
static char lock_path[64];

/* --- the xtables lock ------------------------------------------------------------------- */

struct lock_holder {
	pid_t pid;
	int channel;
};

/* A process of this name that holds the lock until it is told to let go. */
static struct lock_holder
hold_lock(void)
{
	struct lock_holder h;
	int ends[2];
	char c;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	h.pid = fork();
	if (h.pid == 0) {
		int fd = open(lock_path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, "rule-manager");
		if (flock(fd, LOCK_EX) < 0 || write(ends[1], "l", 1) != 1)
			_exit(1);
		(void)!read(ends[1], &c, 1);
		_exit(0);
	}
	h.channel = ends[0];
	(void)close(ends[1]);
	assert_int_equal(read(h.channel, &c, 1), 1);
	return h;
}

static void
let_lock_go(struct lock_holder *h)
{
	(void)!write(h->channel, "g", 1);
	(void)close(h->channel);
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
}

static void
assert_names_holder(const struct err *e, pid_t pid)
{
	char expected[256];

	(void)snprintf(expected, sizeof(expected),
	    "the xtables lock (%s) was not to be had in 8 s: 'rule-manager' (process %d) "
	    "holds it",
	    lock_path, pid);
	if (strstr(e->msg, expected) == NULL)
		fail_msg("%s\n(expected: %s)", e->msg, expected);
}

static void
arming_is_refused_while_somebody_holds_the_lock(void **state)
{
	_cleanup_free_ char *before = held_look_around();
	struct held_fault h = held_new("net.partition", "to=any engine=iptables");
	struct lock_holder l = hold_lock();

	(void)state;
	assert_false(held_try(&h, 's'));
	assert_names_holder(&h.state->e, l.pid);
	assert_int_equal(h.state->e.outcome, OUTCOME_REFUSED);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
	held_off(&h); /* nothing to remove: so no lock is needed either */
	assert_as_before(before);
	let_lock_go(&l);
}

static void
a_lock_that_is_given_back_in_time_is_waited_for(void **state)
{
	struct held_fault h = held_new("net.partition", "to=any engine=iptables");
	struct lock_holder l = hold_lock();
	char step = 's', answer = 0;

	(void)state;
	assert_int_equal(write(h.channel, &step, 1), 1);
	(void)poll(
	    NULL, 0, 1500); /* it has asked meanwhile, or it will not have to wait */
	let_lock_go(&l);
	assert_int_equal(read(h.channel, &answer, 1), 1);
	assert_int_equal(answer, 'k');
	held_step(&h, 'a');
	assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS), SILENT);
	held_off(&h);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
}

/* The cut ends at once; what does nothing any more is removed when it can be. */
static void
undo_under_the_lock_disarms_and_says_what_is_left(void **state)
{
	_cleanup_free_ char *before = held_look_around();
	struct held_fault h =
	    held_on("net.partition", "to=10.99.0.2 direction=out engine=iptables");
	struct lock_holder l;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS), SILENT);
	l = hold_lock();
	assert_int_equal(kill(h.pid, SIGKILL), 0);
	assert_int_equal(waitpid(h.pid, NULL, 0), h.pid);
	assert_ok(undo_run(held_world.ctx, &h.state->run.undo, BEAT_DISARM, &e), e);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
	assert_true(undo_run(held_world.ctx, &h.state->run.undo, BEAT_SWEEP, &e) < 0);
	assert_names_holder(&e, l.pid);
	let_lock_go(&l);
	assert_ok(held_undo(&held_world.store, held_world.ctx, h.state, NULL, &e), e);
	assert_as_before(before);
	(void)close(h.channel);
	(void)munmap(h.state, sizeof(*h.state));
}

/* --- rules in the way ------------------------------------------------------------------ */

static int
restore(const char *program, const char *rules)
{
	const char *const argv[] = { program, "--noflush", NULL };

	return tool(argv, rules, NULL, 0);
}

/* A firewall that accepts everything first thing, in chains of its own. */
static const char firewall[] = "*filter\n:THEIRS - [0:0]\n-A THEIRS -j ACCEPT\n"
			       "-I INPUT 1 -j THEIRS\n-I OUTPUT 1 -j THEIRS\nCOMMIT\n";
static const char no_firewall[] = "*filter\n-D INPUT -j THEIRS\n-D OUTPUT -j THEIRS\n"
				  "-F THEIRS\n-X THEIRS\nCOMMIT\n";

static void
rules_that_accept_everything_do_not_hide_it(void **state)
{
	static const char *const programs[] = { "/usr/sbin/iptables-restore",
		"/usr/sbin/ip6tables-restore" };
	static const char *const args[] = { "to=any engine=iptables",
		"to=any engine=nftables" };

	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(programs); f++)
		assert_int_equal(restore(programs[f], firewall), 0);
	for (size_t i = 0; i < ARRAY_LEN(args); i++) {
		_cleanup_free_ char *before = held_look_around();
		struct held_fault h = held_new("net.partition", args[i]);

		if (!held_try(&h, 's')) {
			(void)printf("skip: %s\n", h.state->e.msg);
			held_off(&h);
			continue;
		}
		held_step(&h, 'a');
		assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS), SILENT);
		assert_int_equal(try_tcp(FAR6, FAR_TCP, SILENCE_MS), SILENT);
		held_off(&h);
		assert_int_equal(try_tcp(FAR6, FAR_TCP, PATIENCE_MS), OPEN);
		assert_as_before(before);
	}
	for (size_t f = 0; f < ARRAY_LEN(programs); f++)
		assert_int_equal(restore(programs[f], no_firewall), 0);
}

/* --- who takes ours away ---------------------------------------------------------------- */

static const struct {
	const char *argv[6];
	bool legacy_sees; /* a lost jump it does not */
	const char *note;
} thefts[] = {
	{ { "/usr/sbin/iptables", "-F", "SD-" HELD_ID "-O" }, true,
	    "its rules are gone" },
	{ { "/usr/sbin/ip6tables", "-F", "SD-" HELD_ID "-I" }, true,
	    "its rules are gone" },
	{ { "/usr/sbin/ip6tables", "-F" }, true, "its rules are gone" },
	{ { "/usr/sbin/iptables", "-F", "INPUT" }, false,
	    "the jump to its rules is gone" },
	{ { "/usr/sbin/ipset", "flush", "sd-" HELD_ID "-6" }, true,
	    "networks are missing from its set" },
	{ { "/usr/sbin/ipset", "del", "sd-" HELD_ID "-4", "0.0.0.0/1" }, true,
	    "networks are missing from its set" },
	{ { "/usr/sbin/ipset", "flush", "sd-" HELD_ID "-4x" }, true,
	    "what is excluded is missing from its set" },
};

/* Its holder looks by itself: it is only waited for. */
static void
assert_lost(struct held_fault *h, const char *note)
{
	for (int i = 0; i < PATIENCE_MS / TICK_MS && !h->state->run.lost; i++)
		(void)poll(NULL, 0, TICK_MS);
	assert_true(h->state->run.lost);
	assert_in_range(h->state->run.wake_ms, 1, 100);
	if (strstr(h->state->run.note, note) == NULL)
		fail_msg("%s (expected: %s)", h->state->run.note, note);
}

static void
whatever_is_taken_away_is_seen(bool by_legacy)
{
	_cleanup_free_ char *before = held_look_around();

	for (size_t i = 0; i < ARRAY_LEN(thefts); i++) {
		struct held_fault h;

		if (by_legacy && !thefts[i].legacy_sees)
			continue;
		h = held_on("net.partition",
		    "to=any engine=iptables exclude=10.98.0.0/16,fd98::/16");
		held_step(&h, 'h');
		assert_false(h.state->run.lost);
		assert_int_equal(tool(thefts[i].argv, NULL, NULL, 0), 0);
		assert_lost(&h, thefts[i].note);
		held_off(&h);
		assert_as_before(before);
	}
}

static void
what_is_taken_away_is_seen_in_time(void **state)
{
	(void)state;
	whatever_is_taken_away_is_seen(false);
}

static void
what_is_taken_away_from_legacy_tables_too(void **state)
{
	(void)state;
	whatever_is_taken_away_is_seen(true);
}

/* A manager that begins anew: every table, of everybody. */
static void
a_flushed_ruleset_is_a_loss(void **state)
{
	static const char *const flush[] = { "/usr/sbin/nft", "flush", "ruleset", NULL };
	struct held_fault h;

	(void)state;
	if (access(flush[0], X_OK) != 0)
		skip_test("nft is not installed");
	h = held_on("net.partition", "to=any engine=iptables");
	assert_int_equal(tool(flush, NULL, NULL, 0), 0);
	assert_lost(&h, "its rules are gone");
	held_off(&h);
	/* what has an owner stays */
	h = held_new("net.partition", "to=any engine=nftables");
	if (held_try(&h, 's')) {
		held_step(&h, 'a');
		(void)tool(flush, NULL, NULL, 0); /* may be refused, for what it cannot */
		assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS), SILENT);
	}
	held_off(&h);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
}

/* --- */

static int
interference_make(void **state)
{
	(void)state;
	if (farside_start(&far_side) < 0 || held_world_make() < 0)
		return -1;
	(void)snprintf(lock_path, sizeof(lock_path), "%s/xtables.lock", held_world.dir);
	return 0;
}

static int
interference_end(void **state)
{
	(void)state;
	farside_end(far_side);
	return held_world_end();
}

/* From here on this mount namespace's iptables is the old one.  Its tables, once used, stay:
 * they are made before anything is compared. */
static bool
choose_legacy(void)
{
	static const char script[] =
	    "set -e\n"
	    "test -x /usr/sbin/iptables-legacy-restore\n"
	    "mount -t tmpfs tmpfs /etc/alternatives\n"
	    "for t in iptables iptables-save iptables-restore ip6tables ip6tables-save\\\n"
	    "    ip6tables-restore; do\n"
	    "	ln -s /usr/sbin/${t%%tables*}tables-legacy${t#*tables} /etc/alternatives/$t\n"
	    "done\n"
	    "for t in iptables ip6tables; do\n"
	    "	$t -t filter -L >/dev/null; $t -t mangle -L >/dev/null\n"
	    "done\n";
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	return tool(argv, NULL, NULL, 0) == 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_that_accept_everything_do_not_hide_it),
		cmocka_unit_test(what_is_taken_away_is_seen_in_time),
		cmocka_unit_test(a_flushed_ruleset_is_a_loss),
	};
	const struct CMUnitTest with_legacy[] = {
		cmocka_unit_test(rules_that_accept_everything_do_not_hide_it),
		cmocka_unit_test(what_is_taken_away_from_legacy_tables_too),
		cmocka_unit_test(a_lock_that_is_given_back_in_time_is_waited_for),
		cmocka_unit_test(arming_is_refused_while_somebody_holds_the_lock),
		cmocka_unit_test(undo_under_the_lock_disarms_and_says_what_is_left),
	};
	int failed;

	pidns_enter();
	failed = cmocka_run_group_tests(tests, interference_make, NULL);
	if (choose_legacy())
		failed += cmocka_run_group_tests(with_legacy, NULL, interference_end);
	else
		(void)printf("skip: no iptables-legacy by /etc/alternatives here\n");
	return failed;
}
