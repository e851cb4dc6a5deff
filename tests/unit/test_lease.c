/* SPDX-License-Identifier: Apache-2.0 */
/* Leases, commit-confirm and the timeline: pure, so every moment can be tried. */
#include "lease.h"
#include "test.h"
#include "timeline.h"

#define S USEC_PER_SEC

static void
a_lease_lapses_when_nothing_is_heard(void **state)
{
	struct lease l;

	(void)state;
	lease_start(&l, 2 * S, 100 * S);
	assert_int_equal(lease_due(&l, 102 * S - 1), UNDO_NOT_YET);
	assert_int_equal(lease_due(&l, 102 * S), UNDO_LEASE);
	assert_true(lease_next(&l) == 102 * S);
	lease_renew(&l, 101 * S);
	assert_int_equal(lease_due(&l, 102 * S), UNDO_NOT_YET);
	assert_int_equal(lease_due(&l, 103 * S), UNDO_LEASE);
}

static void
a_stopped_or_unstarted_lease_is_never_due(void **state)
{
	struct lease l = { 0 };

	(void)state;
	assert_int_equal(lease_due(&l, 1000 * S), UNDO_NOT_YET);
	assert_true(lease_next(&l) == USEC_INFINITY);
	lease_renew(&l, S); /* not running: renewing does not start it */
	lease_confirm(&l, S);
	assert_true(lease_next(&l) == USEC_INFINITY);
	lease_start(&l, S, S);
	lease_stop(&l);
	assert_int_equal(lease_due(&l, 1000 * S), UNDO_NOT_YET);
}

static void
a_network_fault_is_confirmed_within_the_lease_or_a_second(void **state)
{
	struct lease l;

	(void)state;
	lease_start(&l, 10 * S, 100 * S);
	lease_confirm(&l, 100 * S);
	assert_true(lease_next(&l) == 101 * S);
	assert_int_equal(lease_due(&l, 101 * S - 1), UNDO_NOT_YET);
	assert_int_equal(lease_due(&l, 101 * S), UNDO_UNCONFIRMED);
	lease_start(&l, S / 2, 100 * S);
	lease_confirm(&l, 100 * S + 1);
	assert_int_equal(lease_due(&l, 100 * S + S / 2), UNDO_LEASE);
	assert_int_equal(lease_due(&l, 100 * S + S / 2 + 1), UNDO_UNCONFIRMED);
}

static void
a_renewal_confirms_and_a_second_fault_does_not_extend(void **state)
{
	struct lease l;

	(void)state;
	lease_start(&l, 10 * S, 100 * S);
	lease_confirm(&l, 100 * S);
	lease_confirm(&l, 100 * S + S / 2);
	assert_true(lease_next(&l) == 101 * S);
	lease_renew(&l, 100 * S + S / 4);
	assert_int_equal(lease_due(&l, 105 * S), UNDO_NOT_YET);
	lease_confirm(&l, 105 * S);
	assert_int_equal(lease_due(&l, 106 * S), UNDO_UNCONFIRMED);
}

static struct spec
spec_at(usec_t at, usec_t duration)
{
	struct spec s = { .at = at, .duration = duration };

	return s;
}

static void
a_fault_begins_and_ends_by_the_clock(void **state)
{
	struct spec s = spec_at(5 * S, 10 * S);
	struct span span = { 0 };

	(void)state;
	assert_int_equal(timeline_due(&span, 1000 * S), TURN_WAIT); /* not fired */
	assert_true(timeline_next(&span) == USEC_INFINITY);
	span = timeline_span(&s, 100 * S);
	assert_int_equal(timeline_due(&span, 105 * S - 1), TURN_WAIT);
	assert_true(timeline_next(&span) == 105 * S);
	assert_int_equal(timeline_due(&span, 105 * S), TURN_APPLY);
	span.is_applied = true;
	assert_int_equal(timeline_due(&span, 105 * S), TURN_WAIT);
	assert_true(timeline_next(&span) == 115 * S);
	assert_int_equal(timeline_due(&span, 115 * S), TURN_DISARM);
	span.is_over = true;
	assert_int_equal(timeline_due(&span, 116 * S), TURN_WAIT);
	assert_true(timeline_next(&span) == USEC_INFINITY);
}

static void
a_fault_whose_time_has_passed_is_never_applied(void **state)
{
	struct spec s = spec_at(0, S);
	struct span span = timeline_span(&s, 100 * S);

	(void)state;
	/* a suspend, or a loop that stood still */
	assert_int_equal(timeline_due(&span, 101 * S), TURN_DISARM);
}

static void
a_oneshot_is_applied_and_ends_by_itself(void **state)
{
	struct spec s = spec_at(2 * S, 0);
	struct span span = timeline_span(&s, 100 * S);

	(void)state;
	assert_true(span.is_oneshot);
	assert_int_equal(timeline_due(&span, 103 * S), TURN_APPLY);
	span.is_applied = true;
	assert_int_equal(timeline_due(&span, 200 * S), TURN_WAIT);
	assert_true(timeline_next(&span) == USEC_INFINITY);
}

static void
faults_overlap_when_their_times_do(void **state)
{
	struct spec a = spec_at(0, 10 * S), b = spec_at(9 * S, S), c = spec_at(10 * S, S);

	(void)state;
	assert_true(timeline_overlap(&a, &b));
	assert_true(timeline_overlap(&b, &a));
	assert_false(timeline_overlap(&a, &c));
	assert_false(timeline_overlap(&c, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_lapses_when_nothing_is_heard),
		cmocka_unit_test(a_stopped_or_unstarted_lease_is_never_due),
		cmocka_unit_test(
		    a_network_fault_is_confirmed_within_the_lease_or_a_second),
		cmocka_unit_test(a_renewal_confirms_and_a_second_fault_does_not_extend),
		cmocka_unit_test(a_fault_begins_and_ends_by_the_clock),
		cmocka_unit_test(a_fault_whose_time_has_passed_is_never_applied),
		cmocka_unit_test(a_oneshot_is_applied_and_ends_by_itself),
		cmocka_unit_test(faults_overlap_when_their_times_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
