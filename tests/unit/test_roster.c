/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing hosts: who matches, who is picked, who is left out, and what is refused. */
#include "roster.h"
#include "roster_world.h"
#include <errno.h>

static struct err e;
static struct roster r;

static int
make(const struct experiment *x, const struct inventory *v, uint64_t seed)
{
	const struct roster_options o = { .seed = seed };

	memset(&e, 0, sizeof(e));
	return roster_make(&r, x, v, &o, &e);
}

/* One target with a cpu.load on it. */
static struct experiment *
one_target(const char *where)
{
	struct experiment *x = xcalloc(1, sizeof(*x));

	(void)world_target(x, "t", where);
	(void)world_fault(x, "cpu.load", "t");
	return x;
}

static void
says(const char *text)
{
	if (strstr(e.msg, text) == NULL)
		fail_msg("said '%s', not '%s'", e.msg, text);
}

static void
without_targets_it_is_this_host(void **state)
{
	struct experiment *x = xcalloc(1, sizeof(*x));
	struct target_def *here = world_target(x, "here", NULL);

	(void)state;
	string_list_add(&here->hosts, "localhost");
	(void)world_fault(x, "cpu.load", "");
	(void)world_fault(x, "cpu.load", "here");
	assert_ok(make(x, NULL, 1), e);
	assert_int_equal(r.count, 1);
	assert_null(r.hosts[0].host);
	assert_string_equal(roster_name(&r.hosts[0]), "");
	assert_int_equal(r.hosts[0].count, 2);
	assert_ptr_equal(r.hosts[0].spec[1], &x->faults[1].spec);
	assert_int_equal(r.targets[0].count, 0);
	roster_release(&r);
	experiment_free(x);
}

static void
matching_hosts_come_in_the_order_of_the_inventory(void **state)
{
	struct inventory *v = world_inventory(9, 2);
	struct experiment *x = one_target("role=web");
	struct target_def *named = world_target(x, "named", NULL);

	(void)state;
	string_list_add(&named->hosts, "h5");
	string_list_add(&named->hosts, "h3");
	(void)world_fault(x, "cpu.load", "named");
	(void)world_fault(x, "cpu.load", "");
	assert_ok(make(x, v, 1), e);
	assert_string_equal(world_names(&r.targets[0]), "h0 h3 h6");
	assert_string_equal(world_names(&r.targets[1]), "h3 h5");
	assert_int_equal(r.count, 5);
	assert_null(r.hosts[0].host); /* this host is first */
	assert_string_equal(roster_name(&r.hosts[2]), "h3");
	assert_int_equal(r.hosts[2].count, 2);
	assert_non_null(roster_spec(&r.hosts[2], 1));
	assert_null(roster_spec(&r.hosts[2], 2));
	roster_release(&r);
	experiment_free(x);
	inventory_free(v);
}

static void
reverse(struct inventory *v)
{
	for (size_t i = 0; i < v->count / 2; i++) {
		struct host h = v->hosts[i];

		v->hosts[i] = v->hosts[v->count - 1 - i];
		v->hosts[v->count - 1 - i] = h;
	}
}

static bool
has(const char *names, const char *name)
{
	char padded[4100], word[80];

	(void)snprintf(padded, sizeof(padded), " %s ", names);
	(void)snprintf(word, sizeof(word), " %s ", name);
	return strstr(padded, word) != NULL;
}

static void
one_seed_chooses_the_same_whatever_the_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct inventory *v = world_inventory(11, 3);
		struct experiment *x = one_target("role=db");
		char first[4096];

		x->targets[0].pick = PICK_COUNT;
		x->targets[0].pick_number = 3;
		assert_ok(make(x, v, seed), e);
		assert_int_equal(r.targets[0].matched, 7);
		assert_int_equal(r.targets[0].count, 3);
		(void)snprintf(first, sizeof(first), "%s", world_names(&r.targets[0]));
		roster_release(&r);
		reverse(v);
		(void)world_target(x, "other", "role=web");
		(void)world_fault(x, "cpu.load", "t");
		(void)snprintf(x->faults[0].target, NAME_MAX_LEN, "other");
		assert_ok(make(x, v, seed), e);
		for (size_t i = 0; i < 3; i++)
			assert_true(has(first, roster_target(&r, "t")->hosts[i]->name));
		roster_release(&r);
		experiment_free(x);
		inventory_free(v);
	}
}

/* Each of 7 hosts is picked in 3/7 of the seeds, give or take 5 standard deviations. */
static void
every_host_is_picked_as_often(void **state)
{
	struct inventory *v = world_inventory(7, 0);
	struct experiment *x = one_target("name=h*");
	int picked[7] = { 0 };

	(void)state;
	x->targets[0].pick = PICK_COUNT;
	x->targets[0].pick_number = 3;
	for (uint64_t seed = 1; seed <= 7000; seed++) {
		assert_ok(make(x, v, seed), e);
		for (size_t i = 0; i < 3; i++)
			picked[r.targets[0].hosts[i] - v->hosts]++;
		roster_release(&r);
	}
	for (size_t i = 0; i < 7; i++)
		assert_in_range(picked[i], 3000 - 207, 3000 + 207);
	experiment_free(x);
	inventory_free(v);
}

static void
a_host_more_changes_no_other_choice(void **state)
{
	struct experiment *x = one_target("name=h*");

	(void)state;
	x->targets[0].pick = PICK_COUNT;
	x->targets[0].pick_number = 1;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct inventory *few = world_inventory(9, 0),
				 *more = world_inventory(10, 0);
		char before[64], *now;

		assert_ok(make(x, few, seed), e);
		(void)snprintf(before, sizeof(before), "%s", world_names(&r.targets[0]));
		roster_release(&r);
		assert_ok(make(x, more, seed), e);
		now = xstrdup(world_names(&r.targets[0]));
		assert_true(strcmp(now, before) == 0 || strcmp(now, "h9") == 0);
		free(now);
		roster_release(&r);
		inventory_free(few);
		inventory_free(more);
	}
	experiment_free(x);
}

static void
picks_are_counted_as_promised(void **state)
{
	static const struct {
		enum pick pick;
		uint32_t number;
		size_t matched, expected;
	} cases[] = {
		{ PICK_ALL, 0, 5, 5 },
		{ PICK_COUNT, 5, 5, 5 },
		{ PICK_PERCENT, 50, 5, 2 },
		{ PICK_PERCENT, 1, 5, 1 },
		{ PICK_PERCENT, 100, 5, 5 },
		{ PICK_MINORITY, 0, 3, 1 },
		{ PICK_MINORITY, 0, 4, 1 },
		{ PICK_MINORITY, 0, 5, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct target_def t = { .pick = cases[i].pick,
			.pick_number = cases[i].number };
		size_t n = 0;

		assert_ok(pick_size(&t, cases[i].matched, &n, &e), e);
		assert_int_equal(n, cases[i].expected);
	}
}

static void
picked_are_spread_evenly(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct inventory *v = world_inventory(13, 4); /* 4 3 3 3 */
		struct experiment *x = one_target("name=h*");

		x->targets[0].pick = PICK_COUNT;
		(void)snprintf(x->targets[0].spread, NAME_MAX_LEN, "zone");
		for (uint32_t want = 1; want <= 13; want++) {
			unsigned in_zone[4] = { 0 }, least = 99, most = 0;

			x->targets[0].pick_number = want;
			assert_ok(make(x, v, seed), e);
			assert_int_equal(r.targets[0].count, want);
			for (size_t i = 0; i < want; i++)
				in_zone[host_tag(r.targets[0].hosts[i], "zone")[1] -
					'a']++;
			for (size_t z = 0; z < 4; z++) {
				least = in_zone[z] < least ? in_zone[z] : least;
				most = in_zone[z] > most ? in_zone[z] : most;
			}
			assert_true(most - least <= 1);
			roster_release(&r);
		}
		experiment_free(x);
		inventory_free(v);
	}
}

static void
our_own_host_is_left_out(void **state)
{
	static const char *const self[] = { "h1", "h8", NULL };
	const struct roster_options o = { .seed = 1, .self = self };
	struct inventory *v = world_inventory(6, 2);
	struct experiment *x = one_target("role=db"); /* h1 h2 h4 h5 */
	struct fault_def *f;

	(void)state;
	assert_ok(roster_make(&r, x, v, &o, &e), e);
	assert_string_equal(world_names(&r.targets[0]), "h2 h4 h5");
	assert_int_equal(r.targets[0].matched, 3);
	assert_int_equal(r.targets[0].own, 1);
	roster_release(&r);
	/* as a far side it holds no fault, and is a host as others */
	(void)world_target(x, "web", "role=web");
	(void)snprintf(x->faults[0].target, NAME_MAX_LEN, "web");
	f = world_fault(x, "net.partition", "web");
	(void)snprintf(f->against, NAME_MAX_LEN, "t");
	assert_ok(roster_make(&r, x, v, &o, &e), e);
	assert_string_equal(world_names(roster_target(&r, "t")), "h1 h2 h4 h5");
	roster_release(&r);
	experiment_free(x);
	x = one_target("name=h1");
	assert_true(roster_make(&r, x, v, &o, &e) < 0);
	says("the one host that is meant is this machine");
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	experiment_free(x);
	inventory_free(v);
}

static void
nothing_that_matches_is_an_error(void **state)
{
	struct inventory *v = world_inventory(12, 2);
	struct experiment *x = one_target("role=dbs and zone=za");

	(void)state;
	assert_int_equal(make(x, v, 1), -ENOENT);
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	says(
	    "target 't': none of the 12 hosts in hosts.yaml matches 'role=dbs and zone=za'");
	says("none has 'dbs' (did you mean 'db'?)");
	experiment_free(x);
	x = one_target("not name=h*");
	assert_int_equal(make(x, v, 1), -ENOENT);
	assert_null(strstr(e.msg, "none has"));
	experiment_free(x);
	x = one_target(NULL);
	string_list_add(&x->targets[0].hosts, "h111");
	assert_int_equal(make(x, v, 1), -ENOENT);
	says("no host 'h111' in hosts.yaml (did you mean 'h11'?)");
	assert_true(make(x, NULL, 1) < 0);
	says("target 't' takes its hosts from an inventory: --inventory FILE");
	experiment_free(x);
	inventory_free(v);
}

static void
too_few_and_too_many_are_refused(void **state)
{
	struct inventory *v = world_inventory(6, 0);
	struct experiment *x = one_target("role=web"); /* 2 of 6 */
	const struct roster_options one = { .seed = 1, .max_hosts = 1 };

	(void)state;
	assert_true(roster_make(&r, x, v, &one, &e) < 0);
	says("the drill is on 2 hosts, and --max-hosts allows 1");
	v->max_hosts = 1;
	assert_true(make(x, v, 1) < 0);
	says("limits.max_hosts of the inventory allows 1");
	v->max_hosts = 2;
	v->max_percent = 33; /* 1.98 of 6 */
	assert_true(make(x, v, 1) < 0);
	says("on 2 of 6 hosts, and limits.max_percent of the inventory allows 33 %");
	v->max_percent = 34;
	assert_ok(make(x, v, 1), e);
	roster_release(&r);
	x->targets[0].pick = PICK_COUNT;
	x->targets[0].pick_number = 3;
	assert_true(make(x, v, 1) < 0);
	says("target 't': 3 hosts are to be picked, and there are 2");
	x->targets[0].pick = PICK_MINORITY;
	assert_true(make(x, v, 1) < 0);
	says("no minority");
	x->targets[0].pick = PICK_COUNT;
	x->targets[0].pick_number = 1;
	(void)snprintf(x->targets[0].spread, NAME_MAX_LEN, "zone");
	assert_true(make(x, v, 1) < 0);
	says("has no tag 'zone' to spread over");
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	experiment_free(x);
	inventory_free(v);
}

static void
faults_of_one_host_are_bounded(void **state)
{
	struct inventory *v = world_inventory(3, 0);
	struct experiment *x = one_target("name=h1");

	(void)state;
	for (int i = 1; i < DRILL_FAULTS_MAX; i++)
		(void)world_fault(x, "cpu.load", "t");
	assert_ok(make(x, v, 1), e);
	assert_int_equal(r.hosts[0].count, DRILL_FAULTS_MAX);
	roster_release(&r);
	(void)world_fault(x, "cpu.load", "t");
	assert_true(make(x, v, 1) < 0);
	says("more than 16 faults on host 'h1'");
	experiment_free(x);
	inventory_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_targets_it_is_this_host),
		cmocka_unit_test(matching_hosts_come_in_the_order_of_the_inventory),
		cmocka_unit_test(one_seed_chooses_the_same_whatever_the_order),
		cmocka_unit_test(every_host_is_picked_as_often),
		cmocka_unit_test(a_host_more_changes_no_other_choice),
		cmocka_unit_test(picks_are_counted_as_promised),
		cmocka_unit_test(picked_are_spread_evenly),
		cmocka_unit_test(our_own_host_is_left_out),
		cmocka_unit_test(nothing_that_matches_is_an_error),
		cmocka_unit_test(too_few_and_too_many_are_refused),
		cmocka_unit_test(faults_of_one_host_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
