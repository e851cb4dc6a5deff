/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans.  Every plan/NAME.yaml with the hosts of plan/hosts.inventory and seed 42 must give
 * exactly plan/NAME.expected.  UPDATE=1 writes them, to be read before they are committed.
 */
#include "cleanup.h"
#include "hosts.h"
#include "load_file.h"
#include "plan.h"
#include "test.h"
#include "xalloc.h"
#include <string.h>
#include <unistd.h>

#define SEED 42

static struct err e;

static int
enter_directory(void **state)
{
	(void)state;
	return chdir("tests/unit/plan");
}

static void
say(void *ctx, const char *text)
{
	(void)ctx;
	(void)fprintf(stderr, "%s\n", text);
}

static struct experiment *
make(struct plan *p, const char *path, const char *inventory)
{
	const struct load_options lo = { .say = say };
	const struct host_options ho = {
		.inventory = inventory, .seed = SEED, .include_self = true
	};
	struct experiment *x;

	assert_ok(load_experiment(path, &lo, &x, &e), e);
	plan_make(p, x);
	if (inventory != NULL || !experiment_has_targets(x))
		assert_ok(plan_choose(p, &ho), p->why_not);
	else
		assert_true(plan_choose(p, &ho) < 0);
	for (size_t i = 0; i < p->roster.count; i++)
		(void)err_set(&p->hosts[i].why, -1, "--offline");
	return x;
}

static char *
print(const struct plan *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	plan_print(p, f);
	(void)fclose(f);
	return text;
}

static void
compare(const char *path, const char *text)
{
	static char expected[64 * 1024];
	FILE *f;

	if (getenv("UPDATE") != NULL) {
		f = fopen(path, "w");
		assert_non_null(f);
		assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
	}
	f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s is missing", path);
	memset(expected, 0, sizeof(expected));
	(void)!fread(expected, 1, sizeof(expected) - 1, f);
	(void)fclose(f);
	if (strcmp(text, expected) != 0)
		fail_msg("%s: the plan is\n%sinstead of\n%s", path, text, expected);
}

static void
check(const char *name, const char *inventory, const char *expected)
{
	_cleanup_free_ char *path = xasprintf("%s.yaml", name), *text = NULL;
	struct plan p;
	struct experiment *x = make(&p, path, inventory);

	text = print(&p);
	compare(expected, text);
	plan_release(&p);
	experiment_free(x);
}

static void
targets_are_shown_as_they_were_chosen(void **state)
{
	(void)state;
	check("targets", "hosts.inventory", "targets.expected");
}

static void
topologies_are_shown_as_who_hears_whom(void **state)
{
	(void)state;
	check("topologies", "hosts.inventory", "topologies.expected");
}

static void
without_an_inventory_targets_are_shown_as_written(void **state)
{
	(void)state;
	check("targets", NULL, "unknown.expected");
}

static void
one_host_has_its_operations_with_the_faults(void **state)
{
	struct plan p;
	struct experiment *x = make(&p, "here.yaml", NULL);
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_true(plan_is_here(&p));
	p.hosts[0].asked = ASKED_ANSWERED;
	p.hosts[0].view.count = 1;
	p.hosts[0].view.ops[0] = xstrdup("create set 'sd-1'\nundo: destroy it\n");
	(void)snprintf(p.hosts[0].view.fault[0].note, 160, "both families");
	text = print(&p);
	compare("here.expected", text);
	plan_release(&p);
	experiment_free(x);
}

/* db1 and db3 answer the same, db2 would refuse, the others do not answer. */
static void
hosts_of_which_the_same_is_to_be_said_are_said_together(void **state)
{
	struct plan p;
	struct experiment *x = make(&p, "answers.yaml", "hosts.inventory");
	_cleanup_free_ char *text = NULL;
	json_t *j, *hosts;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		p.hosts[i].asked = i == 1 ? ASKED_REFUSED : ASKED_ANSWERED;
		p.hosts[i].why = (struct err){ 0 };
		p.hosts[i].view.count = i == 1 ? 0 : 1;
		if (i != 1)
			p.hosts[i].view.ops[0] = xstrdup("start 2 burners\n");
	}
	(void)err_set(&p.hosts[1].why, -1, "policy does not allow cpu.load");
	for (size_t i = 3; i < p.roster.count; i++)
		(void)err_set(&p.hosts[i].why, -1, "no route to host");
	text = print(&p);
	compare("answers.expected", text);
	j = plan_to_json(&p);
	hosts = json_object_get(j, "hosts");
	assert_int_equal(json_array_size(hosts), 6);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(hosts, 1), "agent")),
	    "refuses");
	assert_string_equal(
	    json_string_value(json_array_get(
		json_object_get(
		    json_array_get(
			json_object_get(json_array_get(hosts, 2), "faults"), 0),
		    "ops"),
		0)),
	    "start 2 burners");
	assert_int_equal(json_integer_value(json_object_get(j, "seed")), SEED);
	json_decref(j);
	plan_release(&p);
	experiment_free(x);
}

/* What JSON has to escape is not known again in its text. */
static void
probes_of_every_type_are_shown_as_they_ask(void **state)
{
	struct plan p;
	struct experiment *x = make(&p, "probes.yaml", NULL);
	json_t *j = plan_to_json(&p), *probe;

	(void)state;
	assert_int_equal(json_array_size(json_object_get(j, "guards")), 3);
	assert_int_equal(json_array_size(json_object_get(j, "load")), 2);
	probe = json_array_get(json_object_get(j, "probes"), 0);
	assert_true(json_real_value(json_object_get(
			json_object_get(probe, "slo"), "slice")) == 10368);
	probe = json_array_get(json_object_get(j, "probes"), 3);
	assert_string_equal(json_string_value(json_object_get(probe, "type")), "exec");
	assert_string_equal(json_string_value(json_object_get(probe, "asks")),
	    "exec /bin/cat -c 'select 1' ''");
	assert_true(json_is_null(json_object_get(probe, "url")));
	json_decref(j);
	plan_release(&p);
	experiment_free(x);
	check("probes", NULL, "probes.expected");
}

static void
secrets_are_in_no_plan_for_programs(void **state)
{
	struct plan p;
	struct experiment *x;
	_cleanup_free_ char *text = NULL;
	json_t *j;

	(void)state;
	(void)setenv("STORMDRILL_TEST_TOKEN", "qu\"o\\te\nxyzzy", 1);
	x = make(&p, "secret.yaml", NULL);
	(void)err_set(&p.hosts[0].why, -1, "'qu\"o\\te?xyzzy' is unknown");
	j = plan_to_json(&p);
	text = json_dumps(j, JSON_INDENT(2));
	assert_null(strstr(text, "xyzzy"));
	assert_null(strstr(text, "te\\n"));
	assert_string_equal(json_string_value(json_object_get(j, "hypothesis")),
	    "It holds for *************.");
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(j, "vars"), 0)),
	    "token=***");
	assert_string_equal(
	    json_string_value(json_object_get(j, "agent")), "'*************' is unknown");
	json_decref(j);
	plan_release(&p);
	experiment_free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_shown_as_they_were_chosen),
		cmocka_unit_test(topologies_are_shown_as_who_hears_whom),
		cmocka_unit_test(without_an_inventory_targets_are_shown_as_written),
		cmocka_unit_test(one_host_has_its_operations_with_the_faults),
		cmocka_unit_test(hosts_of_which_the_same_is_to_be_said_are_said_together),
		cmocka_unit_test(probes_of_every_type_are_shown_as_they_ask),
		cmocka_unit_test(secrets_are_in_no_plan_for_programs),
	};

	return cmocka_run_group_tests(tests, enter_directory, NULL);
}
