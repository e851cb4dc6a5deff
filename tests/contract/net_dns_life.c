/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.dns beside other faults, and its end: by undo, by the holder's death, by somebody who
 * takes its rules away.  Whatever happens, resolvers are asked again and nothing is left.
 */
#include "dns_world.h"

/* --- beside others ---------------------------------------------------------------------- */

static void
two_faults_live_side_by_side_and_end_one_by_one(void **state)
{
	_cleanup_free_ char *before = held_look_around();
	struct held_fault first = held_on("net.dns", "mode=nxdomain names=*.example.com");
	struct held_fault second = held_new_as(
	    HELD_ID2, "net.dns", "mode=redirect names=other.test answer=10.9.9.9");

	(void)state;
	held_step(&second, 's');
	held_step(&second, 'a');
	assert_answered(ask(FAR4, "www.example.com", TYPE_A), NXDOMAIN, "", "first");
	assert_answered(ask(FAR4, "other.test", TYPE_A), NOERROR, "10.9.9.9", "second");
	held_off(&first);
	assert_untouched(FAR4, "www.example.com", "the first undone");
	assert_answered(ask(FAR4, "other.test", TYPE_A), NOERROR, "10.9.9.9", "second");
	held_off(&second);
	assert_untouched(FAR4, "other.test", "both undone");
	assert_as_before(before);
}

/* A slow network, and in it a name that does not exist: that is said at once. */
static void
a_delay_of_the_same_packets_holds_what_passes(void **state)
{
	_cleanup_free_ char *before = held_look_around();
	struct held_fault dns = held_on("net.dns", "mode=nxdomain names=*.example.com");
	struct held_fault delay = held_new_as(
	    HELD_ID2, "net.delay", "delay=100ms to=" FAR4 " port=53 engine=nfqueue");
	struct reply r;

	(void)state;
	held_step(&delay, 's');
	held_step(&delay, 'a');
	r = ask(FAR4, "www.example.com", TYPE_A);
	assert_answered(r, NXDOMAIN, "", "not there");
	r = ask(FAR4, "other.test", TYPE_A);
	assert_answered(r, NOERROR, "10.6.6.1", "delayed");
	assert_true(r.ms >= 100);
	held_off(&dns);
	r = ask(FAR4, "www.example.com", TYPE_A);
	assert_answered(r, NOERROR, "10.5.5.1", "delayed alone");
	assert_true(r.ms >= 100);
	held_off(&delay);
	assert_as_before(before);
}

/* --- ends ------------------------------------------------------------------------------- */

static void
a_killed_holder_lets_the_next_query_pass(void **state)
{
	_cleanup_free_ char *before = held_look_around();
	struct held_fault h = held_on("net.dns", "mode=drop");
	const struct question q = {
		.to = FAR4, .name = "other.test", .wait_ms = NO_ANSWER_MS
	};
	struct err e = { 0 };

	(void)state;
	assert_int_equal(dns_ask(&q).came, NOTHING_CAME);
	(void)kill(h.pid, SIGKILL);
	assert_int_equal(waitpid(h.pid, NULL, 0), h.pid);
	for (size_t i = 0; i < ARRAY_LEN(ways_to); i++)
		assert_untouched(ways_to[i], "www.example.com", "the holder killed");
	assert_ok(held_undo(&held_world.store, held_world.ctx, h.state, NULL, &e), e);
	assert_as_before(before);
	(void)close(h.channel);
	(void)munmap(h.state, sizeof(*h.state));
}

/* What is held when it ends goes on its way, and is answered. */
static void
undo_lets_go_what_is_held(void **state)
{
	struct held_fault h = held_on("net.dns", "mode=delay delay=60s");
	const struct question q = { .to = FAR4, .name = "other.test" };
	struct reply r = { .came = CAME };
	int fd = dns_socket(&q);
	uint8_t m[2048];

	(void)state;
	assert_true(send(fd, m, dns_query_write(&q, m), 0) > 0);
	assert_int_equal(dns_receive(fd, false, NO_ANSWER_MS, m), 0);
	held_off(&h);
	assert_true(dns_receive(fd, false, ANSWER_MS, m) > 12);
	dns_reply_read(&q, m, sizeof(m), &r);
	assert_answered(r, NOERROR, "10.6.6.1", "let go");
	(void)close(fd);
}

static void
undo_after_half_of_it_leaves_nothing(void **state)
{
	_cleanup_free_ char *before = held_look_around();
	struct held_fault h = held_new("net.dns", "mode=drop");

	(void)state;
	held_step(&h, 's');
	held_off(&h);
	assert_as_before(before);
}

static void
the_note_says_what_it_matched(void **state)
{
	struct held_fault h =
	    held_on("net.dns", "mode=nxdomain names=*.example.com,other.test");
	const char *note = h.state->run.note;

	(void)state;
	assert_non_null(strstr(note, "*.example.com and 1 more"));
	assert_int_equal(h.state->run.effect, 0);
	assert_answered(ask(FAR4, "a.EXAMPLE.com", TYPE_A), NXDOMAIN, "", "a");
	for (int i = 0; i < ANSWER_MS && strstr(note, "; last a.example.com") == NULL;
	     i++)
		(void)poll(NULL, 0, 1);
	assert_non_null(strstr(note, "; last a.example.com"));
	assert_int_equal(h.state->run.effect, 1);
	held_off(&h);
}

static void
rules_that_somebody_takes_away_are_told_as_lost(void **state)
{
	const char *const flush[] = { "/usr/sbin/iptables", "-t", "mangle", "-F", NULL };
	struct held_fault h = held_on("net.dns", "mode=nxdomain");

	(void)state;
	if (tool(flush, NULL, NULL, 0) < 0)
		fail_msg("flush mangle");
	for (int i = 0; i < ANSWER_MS && !h.state->run.lost; i++)
		(void)poll(NULL, 0, 1);
	assert_true(h.state->run.lost);
	assert_non_null(strstr(h.state->run.note, "somebody else"));
	held_off(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_faults_live_side_by_side_and_end_one_by_one),
		cmocka_unit_test(a_delay_of_the_same_packets_holds_what_passes),
		cmocka_unit_test(a_killed_holder_lets_the_next_query_pass),
		cmocka_unit_test(undo_lets_go_what_is_held),
		cmocka_unit_test(undo_after_half_of_it_leaves_nothing),
		cmocka_unit_test(the_note_says_what_it_matched),
		cmocka_unit_test(rules_that_somebody_takes_away_are_told_as_lost),
	};

	return dns_world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
