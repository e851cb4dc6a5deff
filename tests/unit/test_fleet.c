/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet against the front as it ships: shapes, errors, the warm connection. */
#include "fake_stormd.h"
#include "fleet_ear.h"
#include "kind.h"
#include "test.h"

static struct fleet *
fleet_of(struct ear *ear, const struct stage *s)
{
	struct fleet_options o = { 0 };
	struct endpoint p = { .name = "here", .socket = s->socket };
	struct err e = { 0 };

	ear_open(ear, &o);
	assert_int_equal(fleet_add(ear->fleet, &p, &e), 0);
	return ear->fleet;
}

static void
nobody_there_is_said_with_the_socket(void **state)
{
	static const struct stage nowhere = { .socket = "/nonexistent/api.sock" };
	struct ear ear;
	struct fleet *f = fleet_of(&ear, &nowhere);

	(void)state;
	fleet_get(f, 0, FLEET_STATUS);
	assert_int_equal(ear.count, 0); /* never from the call itself */
	const struct heard *h = ear_await(&ear, 1);
	assert_int_equal(h->err.code, -ENOENT);
	assert_string_equal(
	    h->err.msg, "no agent at '/nonexistent/api.sock': No such file or directory");
	fleet_warm(f, 0, KNOWN);
	h = ear_await(&ear, 2);
	assert_int_equal(h->what, FLEET_SHOW);
	assert_int_equal(h->err.code, -ENOENT);
	assert_int_equal(fleet_ask(f, 0, FLEET_UNDO, NULL), -ENOTCONN);
	assert_int_equal(ear.lost, 0);
	ear_close(&ear);
}

static void
armed_drill_comes_back_with_its_operations(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_of(&ear, *state);
	static struct spec faults[2];
	struct arm_request r = { .lease_ms = 2000, .count = 2, .faults = faults };
	struct err e = { 0 };

	PUT(r.drill, KNOWN);
	PUT(r.name, "checkout");
	PUT(r.who, "alice@ops1");
	for (size_t i = 0; i < 2; i++) {
		spec_init(&faults[i], kind_find("process.kill"));
		(void)snprintf(faults[i].name, sizeof(faults[i].name), "f%zu", i);
		assert_ok(spec_set(&faults[i], "name", "nginx", &e), e);
		assert_ok(spec_finish(&faults[i], &e), e);
	}
	fleet_arm(f, 0, &r);
	const struct heard *h = ear_await(&ear, 1);
	assert_int_equal(h->err.code, 0);
	assert_true(h->has_view);
	assert_string_equal(h->view.drill.drill, KNOWN);
	assert_string_equal(h->view.drill.name, "checkout");
	assert_int_equal(h->view.drill.uid, geteuid());
	assert_int_equal(h->view.count, 1);
	assert_string_equal(h->view.fault[0].kind, "net.delay");
	assert_int_equal(h->view.fault[0].state, FAULT_STAGED);
	assert_string_equal(h->ops, "create x\nadd y\n");
	assert_true(fleet_heard(f, 0) > 0);
	ear_close(&ear);
}

static void
agents_error_is_our_error(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_of(&ear, *state);

	fleet_look(f, 0, UNKNOWN, false);
	const struct heard *h = ear_await(&ear, 1);
	assert_int_equal(h->err.code, -ENOENT);
	assert_string_equal(h->err.msg, "no such drill");
	fleet_get(f, 0, FLEET_HALT);
	h = ear_await(&ear, 2);
	assert_int_equal(h->err.code, -EBUSY);
	assert_int_equal(h->err.outcome, OUTCOME_STUCK);
	assert_true(h->has_view); /* of what it could not undo */
	/* and after all that the next call works */
	fleet_get(f, 0, FLEET_STATUS);
	h = ear_await(&ear, 3);
	assert_int_equal(h->err.code, 0);
	assert_false(h->has_view);
	assert_int_equal(json_array_size(json_object_get(h->json, "drills")), 2);
	ear_close(&ear);
}

static void
wait_for_the_end_holds_up_nothing(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_of(&ear, *state);

	fleet_look(f, 0, KNOWN, true);
	for (size_t i = 1; i <= 3; i++) {
		fleet_get(f, 0, FLEET_DOCTOR);
		assert_int_equal(ear_await(&ear, i)->what, FLEET_DOCTOR);
	}
	fleet_get(f, 0, FLEET_RESUME);
	(void)ear_await(&ear, 5);
	assert_int_equal(ear_told(&ear, FLEET_WAIT), 1);
	ear_close(&ear);
}

static void
warm_connection_renews_then_aborts(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_of(&ear, *state);
	const enum fleet_ask order[] = { FLEET_SHOW, FLEET_SELFTEST, FLEET_RENEW,
		FLEET_RENEW, FLEET_BREACH };
	struct err e = { 0 };

	fleet_warm(f, 0, KNOWN);
	assert_int_equal(ear_await(&ear, 1)->err.code, 0);
	/* All are under way at once; answers come in order. */
	for (size_t i = 1; i < 5; i++)
		assert_ok(fleet_ask(f, 0, order[i], &e), e);
	const struct heard *h = ear_await(&ear, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(ear.heard[i].what, order[i]);
		assert_int_equal(ear.heard[i].err.code, 0);
		assert_true(ear.heard[i].asked <= ear.heard[i].answered);
	}
	assert_int_equal(h->view.drill.cause, UNDO_BREACH);
	assert_int_equal(h->view.count, 1);
	fleet_cool(f, 0);
	assert_int_equal(fleet_ask(f, 0, FLEET_UNDO, &e), -ENOTCONN);
	ear_close(&ear);
}

static void
undo_asked_twice_is_sent_once(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_of(&ear, *state);
	struct err e = { 0 };

	fleet_warm(f, 0, KNOWN);
	(void)ear_await(&ear, 1);
	assert_ok(fleet_ask(f, 0, FLEET_UNDO, &e), e);
	assert_ok(fleet_ask(f, 0, FLEET_UNDO, &e), e);
	(void)ear_await(&ear, 2);
	assert_ok(fleet_ask(f, 0, FLEET_SELFTEST, &e), e);
	assert_int_equal(ear_await(&ear, 3)->what, FLEET_SELFTEST);
	assert_int_equal(ear_told(&ear, FLEET_UNDO), 1);
	ear_close(&ear);
}

static void
warm_connection_to_no_drill_is_an_error(void **state)
{
	struct ear ear;
	struct fleet *f = fleet_of(&ear, *state);

	fleet_warm(f, 0, UNKNOWN);
	assert_int_equal(ear_await(&ear, 1)->err.code, -ENOENT);
	ear_close(&ear);
}

static void
lost_agent_is_noticed(void **state)
{
	const struct stage *s = *state;
	struct ear ear;
	struct fleet *f = fleet_of(&ear, s);

	fleet_warm(f, 0, KNOWN);
	(void)ear_await(&ear, 1);
	assert_int_equal(kill(s->stormd, SIGKILL), 0); /* its front follows */
	ear_await_loss(&ear, 1);
	assert_non_null(strstr(ear.why.msg, "the agent is lost"));
	assert_int_equal(fleet_ask(f, 0, FLEET_UNDO, NULL), -ENOTCONN);
	fleet_get(f, 0, FLEET_STATUS);
	assert_true(ear_await(&ear, 2)->err.code < 0);
	assert_int_equal(ear.lost, 1);
	ear_close(&ear);
}

int
main(void)
{
#define ON_STAGE(t) cmocka_unit_test_setup_teardown(t, stage_open, stage_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_there_is_said_with_the_socket),
		ON_STAGE(armed_drill_comes_back_with_its_operations),
		ON_STAGE(agents_error_is_our_error),
		ON_STAGE(wait_for_the_end_holds_up_nothing),
		ON_STAGE(warm_connection_renews_then_aborts),
		ON_STAGE(undo_asked_twice_is_sent_once),
		ON_STAGE(warm_connection_to_no_drill_is_an_error),
		ON_STAGE(lost_agent_is_noticed),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
