/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written as JSON is read back the same, and what is not ours is refused with the
 * field's name.
 */
#include "err.h"
#include "kind.h"
#include "spec_json.h"
#include "test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct err e;

static json_t *
parsed(const char *text)
{
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (j == NULL)
		fail_msg("test bug: not JSON: %s", text);
	return j;
}

static void
make_spec(struct spec *s, const char *kind, const char *const (*values)[2])
{
	spec_init(s, kind_find(kind));
	for (; (*values)[0] != NULL; values++)
		assert_int_equal(spec_set(s, (*values)[0], (*values)[1], &e), 0);
	assert_int_equal(spec_finish(s, &e), 0);
}

static void
make_delay(struct spec *s)
{
	static const char *const values[][2] = { { "delay", "100ms" },
		{ "jitter", "1.5ms" }, { "to", "10.0.0.0/8,2001:db8::/32" },
		{ "port", "5432" }, { "interface", "eth0" }, { NULL } };

	make_spec(s, "net.delay", values);
	(void)snprintf(s->name, sizeof(s->name), "slow-db");
	s->at = 20 * USEC_PER_SEC;
	s->duration = 60 * USEC_PER_SEC;
}

static void
make_kill(struct spec *s)
{
	static const char *const values[][2] = { { "cmdline", "nginx: worker*, really" },
		{ "signal", "TERM" }, { "count", "2" }, { "exclude", "a,b" }, { NULL } };

	make_spec(s, "process.kill", values);
	(void)snprintf(s->name, sizeof(s->name), "kill");
}

static void
same_description(const struct spec *a, const struct spec *b)
{
	char left[600], right[600];

	assert_string_equal(
	    spec_describe(a, left, sizeof(left)), spec_describe(b, right, sizeof(right)));
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->at, b->at);
	assert_int_equal(a->duration, b->duration);
	assert_int_equal(a->nets_count, b->nets_count);
	assert_memory_equal(a->nets, b->nets, sizeof(a->nets));
}

static void
spec_comes_back_the_same(void **state)
{
	static struct spec made, back;
	void (*const makers[])(struct spec *) = { make_delay, make_kill };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		json_t *j;

		makers[i](&made);
		j = spec_to_json(&made);
		if (spec_from_json(j, &back, &e) < 0)
			fail_msg("%s", e.msg);
		same_description(&made, &back);
		json_decref(j);
	}
}

static void
any_and_numbers_are_read(void **state)
{
	static struct spec s;
	json_t *j =
	    parsed("{\"kind\": \"net.partition\", \"name\": \"p\", \"for_us\": 1000,"
		   " \"params\": {\"to\": \"any\", \"port\": 53}}");

	(void)state;
	assert_int_equal(spec_from_json(j, &s, &e), 0);
	assert_int_equal(s.nets_count, 2);
	assert_string_equal(spec_text(&s, "port"), "53");
	json_decref(j);
	j = spec_to_json(&s);
	assert_string_equal(json_string_value(json_array_get(
				json_object_get(json_object_get(j, "params"), "to"), 0)),
	    "any");
	json_decref(j);
}

static void
wrong_specs_are_refused_by_name(void **state)
{
	static const char *const wrong[][2] = {
		{ "[]", "not a JSON object" },
		{ "{}", "unknown fault kind ''" },
		{ "{\"kind\": 7}", "'kind' is not a string" },
		{ "{\"kind\": \"net.dealy\"}", "unknown fault kind" },
		{ "{\"kind\": \"cpu.load\", \"at_us\": -1}", "'at_us'" },
		{ "{\"kind\": \"cpu.load\", \"at_us\": 1.5}", "'at_us'" },
		{ "{\"kind\": \"cpu.load\", \"params\": []}", "'params'" },
		{ "{\"kind\": \"cpu.load\", \"params\": {\"percent\": {}}}", "neither" },
		{ "{\"kind\": \"cpu.load\", \"params\": {\"percnt\": \"1%\"}}",
		    "did you mean" },
		{ "{\"kind\": \"cpu.load\", \"params\": {\"percent\": [50, 60]}}",
		    "twice" },
		{ "{\"kind\": \"cpu.load\", \"params\": {\"percent\": 50}}",
		    "needs a 'for'" },
		{ "{\"kind\": \"cpu.load\", \"for_us\": 9, \"name\": \"a/b\","
		  " \"params\": {\"percent\": 50}}",
		    "name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		static struct spec s;
		json_t *j = parsed(wrong[i][0]);

		memset(&e, 0, sizeof(e));
		if (spec_from_json(j, &s, &e) == 0 || strstr(e.msg, wrong[i][1]) == NULL)
			fail_msg("%s: '%s' does not say '%s'", wrong[i][0], e.msg,
			    wrong[i][1]);
		assert_int_equal(e.outcome, OUTCOME_INVALID);
		json_decref(j);
	}
}

static void
arm_request_comes_back_the_same(void **state)
{
	static struct spec faults[2];
	struct arm_request back, made = {
		.drill = "6f1c2c1e-7a0e-4c43-9c39-0d3b3f2f8c11",
		.name = "checkout",
		.who = "alice@ops1",
		.reason = "game day",
		.lease_ms = 2000,
		.rehearse = 1,
		.count = 2,
		.faults = faults,
	};
	json_t *j;

	(void)state;
	make_delay(&faults[0]);
	make_kill(&faults[1]);
	j = arm_request_to_json(&made);
	if (arm_request_from_json(j, &back, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(back.drill, made.drill);
	assert_string_equal(back.name, made.name);
	assert_string_equal(back.who, made.who);
	assert_string_equal(back.reason, made.reason);
	assert_int_equal(back.lease_ms, 2000);
	assert_int_equal(back.rehearse, 1);
	assert_int_equal(back.count, 2);
	same_description(&back.faults[0], &faults[0]);
	same_description(&back.faults[1], &faults[1]);
	arm_request_release(&back);
	json_decref(j);
}

#define HEAD "{\"drill\": \"6f1c2c1e-7a0e-4c43-9c39-0d3b3f2f8c11\", \"name\": \"x\""
#define LOAD "{\"kind\": \"cpu.load\", \"for_us\": 9, \"params\": {\"percent\": 50}}"

static void
wrong_arm_requests_are_refused(void **state)
{
	static const char *const wrong[][2] = {
		{ "{}", "drill" },
		{ "{\"drill\": \"../..\", \"name\": \"x\"}", "drill" },
		{ HEAD "}", "'faults'" },
		{ HEAD ", \"faults\": []}", "'faults'" },
		{ HEAD ", \"faults\": [7]}", "fault 1" },
		{ HEAD ", \"faults\": [" LOAD ", {}]}", "fault 2" },
		{ HEAD ", \"lease_ms\": 1, \"faults\": [" LOAD "]}", "lease_ms" },
		{ HEAD ", \"rehearse\": 1, \"faults\": [" LOAD "]}", "'rehearse'" },
		{ HEAD ", \"who\": \"a\\u0000b\", \"faults\": [" LOAD "]}", "'who'" },
		{ HEAD ", \"faults\": [7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7]}",
		    "more than 16" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct arm_request a;
		json_t *j = json_loads(wrong[i][0], JSON_ALLOW_NUL, NULL);

		memset(&e, 0, sizeof(e));
		if (arm_request_from_json(j, &a, &e) == 0 ||
		    strstr(e.msg, wrong[i][1]) == NULL)
			fail_msg("%s: '%s' does not say '%s'", wrong[i][0], e.msg,
			    wrong[i][1]);
		json_decref(j);
	}
}

static void
fault_status_comes_back_the_same(void **state)
{
	struct fault_status back, made = {
		.id = "7b1c09aa",
		.kind = "net.delay",
		.name = "slow-db",
		.summary = "net.delay delay=1s to=any",
		.note = "engine nfqueue",
		.state = FAULT_STUCK,
		.outcome = OUTCOME_STUCK,
		.err = { .code = -EBUSY,
		    .outcome = OUTCOME_STUCK,
		    .msg = "chain is in use" },
		.lost = 1,
		.no_effect = 1,
		.holder_pid = 812,
		.at = 1,
		.until = 2,
		.staged = 3,
		.active = 4,
		.effect = 123456,
		.effect_unit = "packets",
	};
	json_t *j = fault_status_to_json(&made, "create set a\nadd rule b\n"), *ops;

	(void)state;
	ops = json_object_get(j, "ops");
	assert_int_equal(json_array_size(ops), 2);
	assert_string_equal(json_string_value(json_array_get(ops, 1)), "add rule b");
	assert_null(json_object_get(j, "clean_us"));
	assert_int_equal(fault_status_from_json(j, &back, &e), 0);
	assert_memory_equal(&made, &back, sizeof(made));
	json_decref(j);
}

static void
drill_and_agent_come_back_the_same(void **state)
{
	struct drill_status drill_back, drill = {
		.drill = "6f1c2c1e-7a0e-4c43-9c39-0d3b3f2f8c11",
		.name = "checkout",
		.who = "root (uid 0)",
		.uid = 4294967295u,
		.fault_count = 2,
		.fired = 1,
		.cause = UNDO_BREACH,
		.lease_ms = 500,
		.fired_at = 77,
		.ends_at = 99,
	};
	struct agent_status agent_back, agent = {
		.version = "0.1.0",
		.instance = "default",
		.pid = 99,
		.halted = 1,
		.drill_count = 3,
		.now = 5,
		.slow_turns = 1,
		.records = 4,
	};
	json_t *j = drill_status_to_json(&drill);

	(void)state;
	assert_int_equal(drill_status_from_json(j, &drill_back, &e), 0);
	assert_memory_equal(&drill, &drill_back, sizeof(drill));
	json_decref(j);
	drill.uid = UID_REMOTE; /* no number that anybody should take for a user's */
	j = drill_status_to_json(&drill);
	assert_null(json_object_get(j, "uid"));
	assert_true(json_is_true(json_object_get(j, "remote")));
	assert_int_equal(drill_status_from_json(j, &drill_back, &e), 0);
	assert_memory_equal(&drill, &drill_back, sizeof(drill));
	json_decref(j);
	j = agent_status_to_json(&agent);
	assert_int_equal(agent_status_from_json(j, &agent_back, &e), 0);
	assert_memory_equal(&agent, &agent_back, sizeof(agent));
	json_decref(j);
}

static void
names_that_are_not_utf8_become_question_marks(void **state)
{
	struct fault_status f = { .state = FAULT_ACTIVE,
		.note = "1 process: \xff\xfe 812" };
	json_t *j = fault_status_to_json(&f, NULL);

	(void)state;
	assert_string_equal(
	    json_string_value(json_object_get(j, "note")), "1 process: ?? 812");
	json_decref(j);
}

static void
errors_come_back_without_control_characters(void **state)
{
	struct err back,
	    made = { .code = -EPERM, .outcome = OUTCOME_REFUSED, .msg = "no" };
	json_t *j = err_to_json(&made);

	(void)state;
	assert_int_equal(err_from_json(j, &back), 0);
	assert_memory_equal(&made, &back, sizeof(made));
	json_decref(j);
	j = parsed("{\"error\": {\"message\": \"a\\u001b[31mb\", \"code\": 5}}");
	assert_int_equal(err_from_json(j, &back), 0);
	assert_string_equal(back.msg, "a [31mb");
	assert_int_equal(back.code, -EPROTO);
	json_decref(j);
	j = parsed("{\"drills\": []}");
	assert_int_equal(err_from_json(j, &back), -ENOMSG);
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spec_comes_back_the_same),
		cmocka_unit_test(any_and_numbers_are_read),
		cmocka_unit_test(wrong_specs_are_refused_by_name),
		cmocka_unit_test(arm_request_comes_back_the_same),
		cmocka_unit_test(wrong_arm_requests_are_refused),
		cmocka_unit_test(fault_status_comes_back_the_same),
		cmocka_unit_test(drill_and_agent_come_back_the_same),
		cmocka_unit_test(names_that_are_not_utf8_become_question_marks),
		cmocka_unit_test(errors_come_back_without_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
