/* SPDX-License-Identifier: Apache-2.0 */
/* stormctl's client against the front as it ships: shapes, errors, the hot connection. */
#include "cleanup.h"
#include "client.h"
#include "fake_stormd.h"
#include "kind.h"
#include "test.h"

static struct client *
client_of(const struct stage *s)
{
	struct client *c = NULL;
	struct err e = { 0 };

	assert_ok(client_open(&c, s->socket, &e), e);
	return c;
}

static void
nobody_there_is_said_with_the_socket(void **state)
{
	struct client *c = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(client_open(&c, "/nonexistent/api.sock", &e), -ENOENT);
	assert_string_equal(
	    e.msg, "no agent at '/nonexistent/api.sock': No such file or directory");
	assert_null(c);
}

static void
armed_drill_comes_back_with_its_operations(void **state)
{
	struct client *c = client_of(*state);
	static struct spec faults[2];
	struct arm_request r = { .lease_ms = 2000, .count = 2, .faults = faults };
	struct drill_view v;
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
	assert_ok(client_arm(c, &r, &v, &e), e);
	assert_string_equal(v.drill.drill, KNOWN);
	assert_string_equal(v.drill.name, "checkout");
	assert_int_equal(v.drill.uid, geteuid());
	assert_int_equal(v.count, 1);
	assert_string_equal(v.fault[0].kind, "net.delay");
	assert_int_equal(v.fault[0].state, FAULT_STAGED);
	assert_string_equal(v.ops[0], "create x\nadd y\n");
	drill_view_release(&v);
	client_free(c);
}

static void
agents_error_is_our_error(void **state)
{
	struct client *c = client_of(*state);
	struct drill_view v;
	struct err e = { 0 };
	json_t *j = NULL;

	assert_int_equal(client_fire(c, KNOWN, &v, &e), -EBUSY);
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	assert_string_equal(e.msg, "it was fired already");
	drill_view_release(&v);
	assert_int_equal(client_show(c, UNKNOWN, false, &v, &e), -ENOENT);
	assert_string_equal(e.msg, "no such drill");
	assert_int_equal(client_post(c, "/v1/halt", &j, &e), -EBUSY);
	assert_int_equal(e.outcome, OUTCOME_STUCK);
	assert_null(j);
	assert_int_equal(client_get(c, "/v1/nothing", &j, &e), -ENOENT);
	/* and after all that the next call works */
	assert_ok(client_get(c, "/v1/status", &j, &e), e);
	assert_int_equal(json_array_size(json_object_get(j, "drills")), 2);
	json_decref(j);
	client_free(c);
}

static void
plain_undo_shows_what_was_undone(void **state)
{
	struct client *c = client_of(*state);
	struct drill_view v;
	struct err e = { 0 };

	assert_ok(client_undo(c, KNOWN, &v, &e), e);
	assert_int_equal(v.drill.cause, UNDO_ASKED);
	assert_int_equal(v.fault[0].state, FAULT_DISARMED);
	drill_view_release(&v);
	client_free(c);
}

/* Wait for one answer on the hot connection. */
static int
hot_answer(struct client *c, bool *was_undo, struct drill_view *v, struct err *e)
{
	struct pollfd p = { .fd = client_hot_fd(c), .events = POLLIN };
	int rc;

	while ((rc = client_hot_read(c, was_undo, v, e)) == 0)
		assert_int_equal(poll(&p, 1, 20000), 1);
	return rc;
}

static void
hot_connection_renews_then_aborts(void **state)
{
	struct client *c = client_of(*state);
	struct drill_view v;
	struct err e = { 0 };
	usec_t took = 0;
	bool was_undo;

	assert_ok(client_hot_open(c, KNOWN, &e), e);
	assert_true(client_hot_fd(c) >= 0);
	assert_ok(client_selftest(c, KNOWN, &took, &e), e);
	assert_true(took > 0);
	/* All three are under way at once; answers come in order. */
	assert_ok(client_hot_renew(c, &e), e);
	assert_ok(client_hot_renew(c, &e), e);
	assert_ok(client_hot_undo(c, true, &e), e);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(hot_answer(c, &was_undo, &v, &e), 1);
		assert_false(was_undo);
		drill_view_release(&v);
	}
	assert_int_equal(hot_answer(c, &was_undo, &v, &e), 1);
	assert_true(was_undo);
	assert_int_equal(v.drill.cause, UNDO_BREACH);
	assert_int_equal(v.count, 1);
	drill_view_release(&v);
	assert_int_equal(client_hot_read(c, &was_undo, &v, &e), 0);
	client_free(c);
}

static void
hot_connection_to_no_drill_is_an_error(void **state)
{
	struct client *c = client_of(*state);
	struct err e = { 0 };

	assert_int_equal(client_hot_open(c, UNKNOWN, &e), -ENOENT);
	assert_int_equal(client_hot_fd(c), -1);
	assert_int_equal(client_hot_renew(c, &e), -ECONNRESET);
	assert_int_equal(client_hot_undo(c, false, &e), -ECONNRESET);
	client_free(c);
}

static void
lost_agent_is_noticed(void **state)
{
	const struct stage *s = *state;
	struct client *c = client_of(s);
	struct drill_view v;
	struct err e = { 0 };
	bool was_undo;
	json_t *j = NULL;

	assert_ok(client_hot_open(c, KNOWN, &e), e);
	assert_ok(client_get(c, "/v1/status", &j, &e), e);
	json_decref(j);
	j = NULL;
	assert_int_equal(kill(s->stormd, SIGKILL), 0); /* its front follows */
	assert_int_equal(hot_answer(c, &was_undo, &v, &e), -ECONNRESET);
	assert_int_equal(client_get(c, "/v1/status", &j, &e), -EPIPE);
	assert_non_null(strstr(e.msg, "is lost"));
	assert_null(j);
	client_free(c);
}

int
main(void)
{
#define ON_STAGE(t) cmocka_unit_test_setup_teardown(t, stage_open, stage_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_there_is_said_with_the_socket),
		ON_STAGE(armed_drill_comes_back_with_its_operations),
		ON_STAGE(agents_error_is_our_error),
		ON_STAGE(plain_undo_shows_what_was_undone),
		ON_STAGE(hot_connection_renews_then_aborts),
		ON_STAGE(hot_connection_to_no_drill_is_an_error),
		ON_STAGE(lost_agent_is_noticed),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
