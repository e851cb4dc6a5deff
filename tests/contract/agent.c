/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stormd owes to whoever arms a drill, and to a front that lies: armed, fired, ended
 * by time, by lease, by halt; refused, stuck, malformed; and what the answers say of it.
 */
#include "agent_world.h"
#include "spawn.h"

/* Up to where it is in force, or the machine is too busy for that. */
static struct reply
arm_and_fire(struct world *w)
{
	struct reply r = arm_one(w, A, load_text, MIN);

	must(&r);
	assert_int_equal(r.faults, 1);
	assert_int_equal(r.fault[0].state, FAULT_STAGED);
	assert_int_equal(r.texts, 1);
	assert_non_null(strstr(r.text, "undo: "));
	assert_int_equal(count_files(w, "test/undo"), 1);
	assert_int_equal(count_files(w, "locks"), 2); /* the id and the CPU */
	r = verb(w, MSG_SELFTEST, A);
	must(&r);
	r = verb(w, MSG_FIRE, A);
	must(&r);
	r = wait_active(w, A, MSG_SHOW);
	if (r.fault[0].state != FAULT_ACTIVE)
		r = verb(w, MSG_WAIT, A);
	return r;
}

static void
a_drill_is_armed_fired_and_undone(void **state)
{
	struct world *w = *state;
	struct reply r = arm_and_fire(w);

	for (int i = 1; i < ATTEMPTS && was_too_busy(&r); i++) {
		uuid_make(A);
		r = arm_and_fire(w);
	}
	assert_int_equal(r.fault[0].state, FAULT_ACTIVE);
	assert_true(
	    r.fault[0].until > r.fault[0].at && r.drill.ends_at == r.fault[0].until);
	r = verb(w, MSG_UNDO, A);
	must(&r);
	assert_true(r.fault[0].told != 0 && r.fault[0].disarmed >= r.fault[0].told);
	assert_true(r.fault[0].undone >= r.fault[0].disarmed);
	assert_int_equal(r.drill.cause, UNDO_ASKED);
	print_message("disarmed after %llu us, undone after %llu us\n",
	    (unsigned long long)(r.fault[0].disarmed - r.fault[0].told),
	    (unsigned long long)(r.fault[0].undone - r.fault[0].told));
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_equal(r.fault[0].state, FAULT_GONE);
	assert_int_equal(r.fault[0].outcome, OUTCOME_DONE);
	assert_true(r.fault[0].clean >= r.fault[0].undone && r.drill.ended);
	assert_int_equal(count_files(w, "test/undo"), 0);
	assert_int_equal(count_files(w, "locks"), 0);
}

static void
a_fault_ends_when_its_time_is_up(void **state)
{
	struct world *w = *state;
	struct reply r;

	(void)activate(w, A, load_text, 3 * USEC_PER_SEC);
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_equal(r.drill.cause, UNDO_END);
	assert_true(r.fault[0].told >= r.fault[0].until);
}

static void
a_repeated_request_gets_the_same_answer(void **state)
{
	struct world *w = *state;
	struct reply first = arm_one(w, A, load_text, MIN), again;

	must(&first);
	again = arm_one(w, A, load_text, MIN);
	must(&again);
	assert_string_equal(again.fault[0].id, first.fault[0].id);
	assert_string_equal(again.text, first.text);
	assert_int_equal(count_files(w, "test/undo"), 1);
	again = verb(w, MSG_FIRE, A);
	must(&again);
	first = verb(w, MSG_FIRE, A);
	must(&first);
	assert_true(first.drill.fired_at == again.drill.fired_at);
}

static void
a_rehearsal_touches_nothing(void **state)
{
	struct world *w = *state;
	struct spec s = spec_make("one", MIN, cut_text);
	struct msg_arm a = arm_message(w, A, 1);
	struct reply r;

	a.rehearse = 1;
	send_arm(w, &a, &s);
	assert_true(agent_read(w, a.head.seq, &r));
	must(&r);
	assert_true(r.texts == 1 && r.text[0] != '\0' && r.drill.ended);
	assert_int_equal(count_files(w, "test/undo"), 0);
	r = verb(w, MSG_FIRE, A);
	assert_int_equal(r.err.code, -EALREADY);
}

static void
a_lapsed_lease_undoes(void **state)
{
	struct world *w = *state;
	struct spec s = spec_make("one", MIN, load_text);
	struct msg_arm a = arm_message(w, A, 1);
	struct reply r;

	a.lease_ms = LEASE_MIN_MS;
	send_arm(w, &a, &s);
	assert_true(agent_read(w, a.head.seq, &r));
	must(&r);
	r = verb(w, MSG_WAIT, A);
	assert_int_equal(r.drill.cause, UNDO_LEASE);
	assert_int_equal(r.fault[0].state, FAULT_GONE);
}

static void
an_unconfirmed_network_fault_is_undone(void **state)
{
	struct world *w = *state;
	struct reply r;

	(void)fire_one(w, A, cut_text, MIN);
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_not_equal(r.fault[0].active, 0);
	assert_int_equal(r.drill.cause, UNDO_UNCONFIRMED);
}

static void
a_confirmed_network_fault_stays(void **state)
{
	struct world *w = *state;
	struct reply r;

	(void)activate(w, A, cut_text, 3 * USEC_PER_SEC);
	r = verb(w, MSG_WAIT, A);
	assert_int_equal(r.drill.cause, UNDO_END);
	assert_true(r.fault[0].told >= r.fault[0].until);
}

static void
a_refusing_holder_refuses_the_drill_and_nothing_is_left(void **state)
{
	struct world *w = *state;
	struct spec s[] = { spec_make("fine", MIN, load_text),
		spec_make("wrong", 0, "process.kill name=no-such-process-here") };
	struct reply r = arm(w, A, s, 2);

	assert_int_not_equal(r.err.code, 0);
	assert_non_null(strstr(r.err.msg, "fault 'wrong' (process.kill)"));
	assert_int_equal(r.fault[0].state, FAULT_GONE);
	assert_int_equal(count_files(w, "test/undo"), 0);
	assert_int_equal(count_files(w, "locks"), 0);
	r = arm(w, A, s, 2); /* the stored answer */
	assert_non_null(strstr(r.err.msg, "fault 'wrong' (process.kill)"));
}

static void
two_drills_on_one_cpu_are_refused_by_name(void **state)
{
	struct world *w = *state;
	struct reply r = arm_one(w, A, load_text, MIN);

	must(&r);
	r = arm_one(w, B, "cpu.load percent=3 cpus=0", MIN);
	assert_int_equal(r.err.code, -EBUSY);
	assert_int_equal(r.err.outcome, OUTCOME_REFUSED);
	assert_non_null(strstr(r.err.msg, "cpu-0 is in use by drill 'test' of tester"));
	r = verb(w, MSG_UNDO, A);
	r = verb(w, MSG_WAIT, A);
	r = arm_one(w, B, "cpu.load percent=3 cpus=0", MIN);
	must(&r);
}

static void
a_fault_that_cannot_be_applied_ends_the_drill(void **state)
{
	struct world *w = *state;
	pid_t victim = sleeper("storm-victim");
	struct spec s[] = { spec_make("cut", MIN, cut_text),
		spec_make("kill", 0, "process.kill name=storm-victim") };
	struct reply r = arm(w, A, s, 2);

	must(&r);
	end_sleeper(victim);
	r = verb(w, MSG_FIRE, A);
	must(&r);
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_equal(r.drill.cause, UNDO_ERROR);
	assert_int_equal(r.fault[0].state, FAULT_GONE);
	assert_int_equal(r.fault[0].outcome, OUTCOME_DONE);
	assert_int_equal(r.fault[1].state, FAULT_GONE);
	assert_int_not_equal(r.fault[1].outcome, OUTCOME_DONE);
	assert_true(r.fault[1].err.msg[0] != '\0');
}

static void
a_oneshot_happens_and_is_over(void **state)
{
	struct world *w = *state;
	pid_t victim = sleeper("storm-victim");
	struct spec s = spec_make("kill", 0, "process.kill name=storm-victim");
	struct reply r = arm(w, A, &s, 1);
	int status;

	must(&r);
	assert_int_equal(waitpid(victim, &status, WNOHANG), 0);
	r = verb(w, MSG_FIRE, A);
	must(&r);
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_equal(r.drill.cause, UNDO_END);
	assert_int_equal(r.fault[0].outcome, OUTCOME_DONE);
	assert_int_equal(r.fault[0].effect, 1);
	assert_int_equal(waitpid(victim, &status, 0), victim);
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static int
iptables(const char *verb_, const char *set)
{
	const char *const argv[] = { "/usr/sbin/iptables", verb_, "FORWARD", "-m", "set",
		"--match-set", set, "dst", "-j", "ACCEPT", NULL };
	struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = PATIENCE_MS };
	struct err e = { 0 };
	int rc = run_tool(&t, &e);

	return rc;
}

/* Somebody else uses our set: it cannot be destroyed, and that is said until it can. */
static void
what_cannot_be_undone_is_stuck_until_it_can(void **state)
{
	struct world *w = *state;
	struct reply r = activate(w, A, cut_text, MIN);
	char set[32];

	(void)snprintf(set, sizeof(set), "sd-%s-4", r.fault[0].id);
	assert_int_equal(iptables("-A", set), 0);
	r = verb(w, MSG_UNDO, A); /* disarmed it is, whatever else */
	assert_true(r.fault[0].undone != 0);
	r = verb(w, MSG_WAIT, A);
	assert_int_equal(r.err.outcome, OUTCOME_STUCK);
	assert_int_equal(r.fault[0].state, FAULT_STUCK);
	assert_int_equal(count_files(w, "test/undo"), 1);
	r = verb(w, MSG_HALT, NULL);
	assert_int_equal(r.err.outcome, OUTCOME_STUCK);
	assert_int_equal(iptables("-D", set), 0);
	r = wait_state(w, A, FAULT_GONE);
	assert_int_equal(r.fault[0].outcome, OUTCOME_DONE);
	assert_int_equal(r.fault[0].dirty, 0);
	assert_int_equal(count_files(w, "test/undo"), 0);
}

static void
halt_undoes_refuses_and_outlives_a_restart(void **state)
{
	struct world *w = *state;
	struct reply r;

	(void)activate(w, A, load_text, MIN);
	r = verb(w, MSG_HALT, NULL);
	must(&r);
	assert_int_equal(r.agent.halted, 1);
	assert_int_equal(r.fault[0].state, FAULT_GONE);
	assert_int_equal(r.drill.cause, UNDO_HALT);
	r = arm_one(w, B, load_text, MIN);
	assert_int_equal(r.err.code, -ESHUTDOWN);
	assert_non_null(strstr(r.err.msg, "resume"));
	assert_int_equal(kill(w->stormd, SIGTERM), 0);
	assert_int_equal(agent_end(w), 0);
	agent_start(w, false);
	r = arm_one(w, B, load_text, MIN);
	assert_int_equal(r.err.code, -ESHUTDOWN);
	r = verb(w, MSG_RESUME, NULL);
	must(&r);
	assert_int_equal(r.agent.halted, 0);
	r = arm_one(w, B, load_text, MIN);
	must(&r);
}

static void
strangers_may_look_and_stop_but_not_start(void **state)
{
	struct world *w = *state;
	struct spec s = spec_make("one", MIN, load_text);
	struct msg_arm a = arm_message(w, B, 1);
	struct msg_drill_verb v = {
		.head = { .type = MSG_RENEW, .seq = 900, .uid = 1000 },
	};
	struct reply r;

	memcpy(v.drill, A, sizeof(v.drill));
	a.head.uid = 1000;
	send_arm(w, &a, &s);
	assert_true(agent_read(w, a.head.seq, &r));
	assert_int_equal(r.err.outcome, OUTCOME_REFUSED);
	(void)activate(w, A, load_text, MIN);
	agent_send(w, &v, sizeof(v));
	assert_true(agent_read(w, 900, &r));
	assert_int_equal(r.err.outcome, OUTCOME_REFUSED);
	v.head = (struct msg_head){ .type = MSG_SHOW, .seq = 901, .uid = 1000 };
	agent_send(w, &v, sizeof(v));
	assert_true(agent_read(w, 901, &r));
	must(&r);
	v.head = (struct msg_head){ .type = MSG_UNDO, .seq = 902, .uid = 1000 };
	v.cause = UNDO_ASKED;
	agent_send(w, &v, sizeof(v));
	assert_true(agent_read(w, 902, &r));
	must(&r);
}

static void
an_unknown_drill_is_said_to_be_unknown(void **state)
{
	struct world *w = *state;
	struct reply r = verb(w, MSG_UNDO, B);

	assert_int_equal(r.err.code, -ENOENT);
}

/* Each of these is something no front of ours would send. */
static void
a_lying_front_is_ended_with_its_drills(void **state)
{
	struct world *w = *state;
	struct msg_drill_verb unknown = { .head.type = 77 };
	struct msg_drill_verb endless = { .head.type = MSG_SHOW };
	struct msg_drill_verb cause = { .head.type = MSG_UNDO, .cause = UNDO_HALT };
	struct msg_fault state_of = { .head.type = MSG_STATE };
	struct msg_arm none = arm_message(w, B, 0), many = arm_message(w, B, 17);
	struct msg_arm early = arm_message(w, B, 2);
	static struct msg_spec bent = { .head.type = MSG_ARM_FAULT };
	const struct {
		const void *bytes;
		size_t len;
	} lies[] = {
		{ &unknown, sizeof(unknown) },
		{ &endless, sizeof(endless) },
		{ &endless, sizeof(endless) - 1 },
		{ "", 1 },
		{ &cause, sizeof(cause) },
		{ &state_of, sizeof(state_of) },
		{ &none, sizeof(none) },
		{ &many, sizeof(many) },
		{ &bent, sizeof(bent) },
	};
	struct reply r;

	memset(endless.drill, 'x', sizeof(endless.drill));
	memcpy(cause.drill, A, sizeof(cause.drill));
	memcpy(unknown.drill, A, sizeof(unknown.drill));
	(void)activate(w, A, load_text, MIN);
	agent_send(w, &early, sizeof(early));
	(void)send_verb(w, MSG_STATUS, NULL); /* instead of the two faults it owes */
	assert_false(agent_read(w, w->seq, &r));
	agent_connect(w);
	r = verb(w, MSG_WAIT, A);
	assert_int_equal(r.drill.cause, UNDO_FRONT);
	assert_int_equal(r.fault[0].state, FAULT_GONE);
	r = arm_one(w, B, load_text, MIN);
	assert_int_equal(r.err.code, -ESHUTDOWN);
	assert_non_null(strstr(r.err.msg, "front"));
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		agent_send(w, lies[i].bytes, lies[i].len);
		assert_false(agent_read(w, 1, &r)); /* the front ends */
		agent_connect(w);
		r = verb(w, MSG_STATUS, NULL); /* and a new one serves */
		must(&r);
	}
	assert_int_equal(kill(w->stormd, 0), 0);
}

static void
the_doctor_asks_every_kind(void **state)
{
	struct world *w = *state;
	struct reply r = verb(w, MSG_DOCTOR, NULL);
	size_t kinds = 0;

	FOR_EACH_KIND(k) {
		(void)k;
		kinds++;
	}
	must(&r);
	assert_true(r.texts > 0 && r.texts <= kinds);
	assert_non_null(strchr(r.text, '\t'));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_AGENT(a_drill_is_armed_fired_and_undone),
		WITH_AGENT(a_fault_ends_when_its_time_is_up),
		WITH_AGENT(a_repeated_request_gets_the_same_answer),
		WITH_AGENT(a_rehearsal_touches_nothing),
		WITH_AGENT(a_lapsed_lease_undoes),
		WITH_AGENT(an_unconfirmed_network_fault_is_undone),
		WITH_AGENT(a_confirmed_network_fault_stays),
		WITH_AGENT(a_refusing_holder_refuses_the_drill_and_nothing_is_left),
		WITH_AGENT(two_drills_on_one_cpu_are_refused_by_name),
		WITH_AGENT(a_fault_that_cannot_be_applied_ends_the_drill),
		WITH_AGENT(a_oneshot_happens_and_is_over),
		WITH_AGENT(what_cannot_be_undone_is_stuck_until_it_can),
		WITH_AGENT(halt_undoes_refuses_and_outlives_a_restart),
		WITH_AGENT(strangers_may_look_and_stop_but_not_start),
		WITH_AGENT(an_unknown_drill_is_said_to_be_unknown),
		WITH_AGENT(a_lying_front_is_ended_with_its_drills),
		WITH_AGENT(the_doctor_asks_every_kind),
	};

	if (argc > 0 && strcmp(argv[0], "stormd-front") == 0)
		return front_main();
	pidns_enter();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
