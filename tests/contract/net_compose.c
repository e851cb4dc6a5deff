/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network faults beside each other: what two of them match meets both, each is undone by
 * itself, and the counters of those that stay go on.  Round trips are compared with what
 * the faults in force add up to: never less, and, once the machine has had a quiet moment,
 * less than what one more of them would have made it.
 */
#include "control.h"
#include "held.h"
#include "pidns.h"

#define FIRST  HELD_ID
#define SECOND HELD_ID2
#define THIRD  "7b1c09ac"

static struct farside *far_side;
static struct control far_caller; /* its connection BY_OTHER is what is measured */

/* A round trip of at least so many ms, and of less than `below` in one of many tries. */
static void
assert_trip(double least, double below, const char *what)
{
	double trip = 0;

	for (int i = 0; i < 50; i++) {
		trip = control_trip(&far_caller, BY_OTHER, PATIENCE_MS);
		if (trip < least)
			fail_msg("%s: %.1f ms, less than %.1f", what, trip, least);
		if (trip < below)
			return;
	}
	fail_msg("%s: %.1f ms, never less than %.1f", what, trip, below);
}

static uint64_t
effect_of(struct held_fault *h)
{
	held_step(h, 'h');
	return h->state->run.effect;
}

/* Does the table hold a chain of the fault? */
static bool
stands_in(const char *id, const char *table)
{
	const char *const save[] = { "/usr/sbin/iptables-save", "-t", table, NULL };
	_cleanup_free_ char *text = xcalloc(1, 65536);
	char chain[32];

	assert_int_equal(tool(save, NULL, text, 65536), 0);
	(void)snprintf(chain, sizeof(chain), ":SD-%s-", id);
	return strstr(text, chain) != NULL;
}

static struct held_fault
delay_on(const char *id, const char *delay, const char *more)
{
	char args[128];

	(void)snprintf(
	    args, sizeof(args), "delay=%s engine=nfqueue to=%s%s", delay, FAR4, more);
	return held_on_as(id, "net.delay", args);
}

/* --- */

static void
two_queues_add_up_whichever_goes_first(void **state)
{
	static const char *const ways[] = { "", " direction=ingress" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		_cleanup_free_ char *before = held_look_around();
		struct held_fault first = delay_on(FIRST, "60ms", ways[i]);
		struct held_fault second = delay_on(SECOND, "100ms", ways[i]);
		uint64_t so_far;

		assert_true(stands_in(FIRST, "mangle") && stands_in(SECOND, "security"));
		assert_trip(160 * 0.95, 220, "both");
		assert_true(effect_of(&first) > 0);
		so_far = effect_of(&second);
		assert_true(so_far > 0);
		if (i == 0)
			held_off(&first);
		else
			held_off(&second);
		assert_trip(i == 0 ? 95 : 57, i == 0 ? 155 : 95, "one of them undone");
		if (i == 0)
			assert_true(effect_of(&second) > so_far);
		held_off(i == 0 ? &second : &first);
		assert_trip(0, 50, "both undone");
		assert_as_before(before);
	}
}

/* Its place is free again when the first has gone. */
static void
a_table_is_given_back(void **state)
{
	struct held_fault first = delay_on(FIRST, "60ms", "");
	struct held_fault second = delay_on(SECOND, "60ms", "");
	struct held_fault third;

	(void)state;
	held_off(&first);
	third = delay_on(THIRD, "60ms", "");
	assert_true(stands_in(SECOND, "security") && stands_in(THIRD, "mangle"));
	assert_trip(120 * 0.95, 170, "the second and the third");
	held_off(&third);
	held_off(&second);
}

/* And when the first has died and not yet been undone, whoever comes next is not in doubt:
 * its rules let everything pass. */
static void
the_table_of_a_dead_holder_is_free(void **state)
{
	struct held_fault first = delay_on(FIRST, "60ms", "");
	struct held_fault second;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(kill(first.pid, SIGKILL), 0);
	assert_int_equal(waitpid(first.pid, NULL, 0), first.pid);
	second = delay_on(SECOND, "100ms", "");
	assert_true(stands_in(SECOND, "mangle"));
	assert_trip(95, 155, "beside a dead one's rules");
	assert_ok(held_undo(&held_world.store, held_world.ctx, first.state, NULL, &e), e);
	assert_trip(95, 155, "after its undo");
	held_off(&second);
	(void)close(first.channel);
	(void)munmap(first.state, sizeof(*first.state));
}

static void
a_third_queue_says_what_it_cannot(void **state)
{
	struct held_fault first = delay_on(FIRST, "60ms", "");
	struct held_fault second = delay_on(SECOND, "60ms", "");
	struct held_fault third = delay_on(THIRD, "100ms", "");

	(void)state;
	assert_null(strstr(second.state->run.note, "newest"));
	assert_non_null(strstr(third.state->run.note, "meets only the newest"));
	assert_non_null(
	    strstr(third.state->run.ops, "tables mangle and security are taken"));
	assert_true(stands_in(THIRD, "mangle"));
	assert_trip(160 * 0.95, 215, "all three");
	held_off(&third);
	assert_trip(120 * 0.95, 170, "the third undone");
	held_off(&first);
	held_off(&second);
}

/* A packet passes several kinds of faults, in both families. */
static void
other_kinds_compose_with_queues(void **state)
{
	_cleanup_free_ char *before = held_look_around();
	struct held_fault delay = held_on_as(
	    FIRST, "net.delay", "delay=80ms engine=nfqueue to=any direction=both");
	struct held_fault cut =
	    held_on_as(SECOND, "net.partition", "to=any port=8080 direction=out");
	struct held_fault loss =
	    held_on_as(THIRD, "net.loss", "loss=100% engine=nfqueue to=any port=5353");
	uint64_t so_far;

	(void)state;
	assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS), SILENT);
	assert_int_equal(try_tcp(FAR6, FAR_TCP, SILENCE_MS), SILENT);
	assert_int_equal(try_tcp(FAR6, FAR_TCP_2, PATIENCE_MS), OPEN);
	assert_int_equal(try_out(far_side, FAR6, SILENCE_MS), SILENT);
	assert_trip(160 * 0.95, 300, "only delayed");
	assert_true(effect_of(&cut) > 0);
	assert_true(effect_of(&loss) > 0);
	so_far = effect_of(&delay);
	held_off(&cut);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
	assert_int_equal(try_out(far_side, FAR6, SILENCE_MS), SILENT);
	assert_true(effect_of(&delay) > so_far);
	held_off(&loss);
	assert_int_equal(try_out(far_side, FAR6, PATIENCE_MS), OPEN);
	assert_trip(160 * 0.95, 300, "still delayed");
	held_off(&delay);
	assert_trip(0, 60, "all undone");
	assert_as_before(before);
}

static void
partitions_of_both_engines_compose(void **state)
{
	_cleanup_free_ char *before = held_look_around();
	struct held_fault one =
	    held_on_as(FIRST, "net.partition", "to=any port=8080 engine=iptables");
	struct held_fault other =
	    held_new_as(SECOND, "net.partition", "to=any port=8080,8081 engine=nftables");
	uint64_t so_far;

	(void)state;
	if (!held_try(&other, 's'))
		skip_test("%s", other.state->e.msg);
	held_step(&other, 'a');
	assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS), SILENT);
	assert_int_equal(try_tcp(FAR4, FAR_TCP_2, SILENCE_MS), SILENT);
	held_off(&other);
	assert_int_equal(try_tcp(FAR4, FAR_TCP_2, PATIENCE_MS), OPEN);
	so_far = effect_of(&one);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS), SILENT);
	assert_true(effect_of(&one) > so_far);
	held_off(&one);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, PATIENCE_MS), OPEN);
	assert_as_before(before);
}

static int
compose_make(void **state)
{
	(void)state;
	return farside_start(&far_side) < 0 || held_world_make() < 0 ||
		       control_start(&far_caller, far_side->pid) < 0 ?
		   -1 :
		   0;
}

static int
compose_end(void **state)
{
	(void)state;
	control_end(&far_caller);
	farside_end(far_side);
	return held_world_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_queues_add_up_whichever_goes_first),
		cmocka_unit_test(a_table_is_given_back),
		cmocka_unit_test(the_table_of_a_dead_holder_is_free),
		cmocka_unit_test(a_third_queue_says_what_it_cannot),
		cmocka_unit_test(other_kinds_compose_with_queues),
		cmocka_unit_test(partitions_of_both_engines_compose),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, compose_make, compose_end);
}
