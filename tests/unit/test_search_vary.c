/* SPDX-License-Identifier: Apache-2.0 */
/* --vary: which fault, which parameter, from where to where. */
#include "kind.h"
#include "search_vary.h"
#include "test.h"
#include "xalloc.h"
#include <errno.h>
#include <string.h>

static struct experiment x;
static struct vary v;
static struct err e;

static void
fault(size_t i, const char *kind, const char *id, const char *const *args)
{
	struct fault_def *f = &x.faults[i];

	spec_init(&f->spec, kind_find(kind));
	(void)snprintf(f->spec.name, sizeof(f->spec.name), "%s", id);
	for (; *args != NULL; args += 2)
		assert_ok(spec_set(&f->spec, args[0], args[1], &e), e);
	assert_ok(spec_finish(&f->spec, &e), e);
}

static int
set_up(void **state)
{
	(void)state;
	x = (struct experiment){ .faults = xcalloc(4, sizeof(*x.faults)),
		.fault_count = 4 };
	fault(0, "net.delay", "slow.db",
	    (const char *const[]){ "delay", "5ms", "to", "10.0.0.1", NULL });
	fault(1, "net.loss", "net.loss",
	    (const char *const[]){ "loss", "1%", "to", "10.0.0.1", NULL });
	fault(2, "net.loss", "net.loss-2",
	    (const char *const[]){ "loss", "2%", "to", "10.0.0.2", NULL });
	fault(
	    3, "process.pause", "frozen", (const char *const[]){ "name", "shop", NULL });
	x.faults[3].spec.duration = USEC_PER_SEC;
	memset(&v, 0, sizeof(v));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	free(x.faults);
	return 0;
}

static void
refused(const char *text, const char *because)
{
	assert_int_equal(vary_parse(&v, &x, text, &e), -EINVAL);
	if (strstr(e.msg, because) == NULL)
		fail_msg("'%s' says '%s', not '%s'", text, e.msg, because);
}

static void
a_fault_is_meant_by_id_or_kind(void **state)
{
	(void)state;
	assert_ok(vary_parse(&v, &x, "slow.db.delay=10ms..2s", &e), e);
	assert_ptr_equal(v.fault, &x.faults[0]);
	assert_string_equal(vary_param(&v), "delay");
	assert_int_equal(v.from, 10000);
	assert_int_equal(v.to, 2000000);
	assert_int_equal(v.type, PARAM_USEC);
	assert_ok(vary_parse(&v, &x, "net.delay.delay=2s..10ms", &e), e);
	assert_ptr_equal(v.fault, &x.faults[0]);
	assert_ok(vary_parse(&v, &x, "net.loss-2.loss=0.5%..20%", &e), e);
	assert_int_equal(v.from, 500);
}

static void
values_are_given_and_written_as_in_the_file(void **state)
{
	char text[VARY_TEXT];

	(void)state;
	assert_ok(vary_parse(&v, &x, "slow.db.delay=10ms..2s", &e), e);
	assert_int_equal(spec_num(&x.faults[0].spec, "delay"), 10000);
	assert_ok(vary_set(&v, 180000, &e), e);
	assert_int_equal(spec_num(&x.faults[0].spec, "delay"), 180000);
	assert_string_equal(vary_format(&v, 180000, text, sizeof(text)), "180ms");
	/* one that the file says nothing of */
	assert_ok(vary_parse(&v, &x, "slow.db.rate=10mbit..100kbit", &e), e);
	assert_string_equal(vary_format(&v, v.to, text, sizeof(text)), "100kbit");
}

static void
how_long_it_lasts_can_be_varied(void **state)
{
	char text[VARY_TEXT];

	(void)state;
	assert_ok(vary_parse(&v, &x, "frozen.for=100ms..10s", &e), e);
	assert_int_equal(x.faults[3].spec.duration, 100000);
	assert_ok(vary_set(&v, 3000000, &e), e);
	assert_int_equal(x.faults[3].spec.duration, 3000000);
	assert_string_equal(vary_param(&v), "for");
	assert_string_equal(vary_format(&v, 3000000, text, sizeof(text)), "3s");
	refused("frozen.for=0..10s", "cannot last 0");
}

static void
what_is_wrong_is_named(void **state)
{
	(void)state;
	refused("net.loss.loss=1%..2%", "2 faults are of the kind net.loss");
	refused("slow.delay=1ms..2ms", "there is no fault 'slow'");
	refused("slow.db.dealy=1ms..2ms", "did you mean 'delay'?");
	refused("slow.db.to=1ms..2ms", "no more or less");
	refused("slow.db.delay=1ms", "is not FROM..TO");
	refused("slow.db.delay", "is not FAULT.PARAM=FROM..TO");
	refused("delay=1ms..2ms", "is not FAULT.PARAM");
	refused("slow.db.delay=1ms..1ms", "where it begins and where it ends");
	refused("slow.db.delay=1ms..2h", "out of range");
	refused("slow.db.delay=1ms..fast", "is not a duration");
	refused("=1..2", "is not FAULT.PARAM");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_fault_is_meant_by_id_or_kind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    values_are_given_and_written_as_in_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    how_long_it_lasts_can_be_varied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_is_wrong_is_named, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
