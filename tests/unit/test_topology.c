/* SPDX-License-Identifier: Apache-2.0 */
/* Topologies: who hears whom, worked out from the arguments that the hosts were given. */
#include "roster.h"
#include "roster_world.h"
#include "topology.h"

#define SEEDS 25
#define MOST  14

static struct err e;
static struct roster r;

static int
make(const struct experiment *x, const struct inventory *v, uint64_t seed)
{
	const struct roster_options o = { .seed = seed };

	memset(&e, 0, sizeof(e));
	return roster_make(&r, x, v, &o, &e);
}

static struct experiment *
with_topology(enum topology t, const char *kind)
{
	struct experiment *x = xcalloc(1, sizeof(*x));

	(void)world_target(x, "all", "name=h*");
	world_fault(x, kind, "all")->topology = t;
	return x;
}

/* Does the host of rank `to` hear that of rank `from`? */
static bool
hears(const struct host *const *rank, size_t to, size_t from)
{
	return roster_hears(&r, 0, rank[to], rank[from]);
}

/* Calls `check` for inventories of every size and many seeds. */
static void
for_every_size(enum topology t, void (*check)(const struct host *const *rank, size_t n))
{
	struct experiment *x = with_topology(t, "net.partition");

	for (size_t n = topology_least(t); n <= MOST; n++) {
		struct inventory *v = world_inventory(n, 2);

		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			const struct host **rank;

			assert_ok(make(x, v, seed), e);
			rank = roster_ranks(&r, &x->faults[0]);
			check(rank, n);
			for (size_t i = 0; i < n; i++)
				assert_true(hears(rank, i, i));
			free(rank);
			roster_release(&r);
		}
		inventory_free(v);
	}
	experiment_free(x);
}

/* Both sides of every cut drop both ways, and nobody else drops anything. */
static void
cuts_are_symmetric(const struct host *const *rank, size_t n)
{
	for (size_t a = 0; a < n; a++) {
		for (size_t b = 0; b < n; b++)
			assert_int_equal(hears(rank, a, b), hears(rank, b, a));
	}
	for (size_t i = 0; i < r.count; i++) {
		const struct spec *s = roster_spec(&r.hosts[i], 0);
		char direction[16];
		struct err why;

		assert_string_equal(
		    spec_format(s, "direction", direction, sizeof(direction)), "both");
		assert_ok(spec_verify(s, &why), why);
	}
}

static void
check_halves(const struct host *const *rank, size_t n)
{
	cuts_are_symmetric(rank, n);
	assert_int_equal(r.count, n);
	for (size_t a = 0; a < n; a++) {
		for (size_t b = 0; b < n; b++)
			assert_int_equal(hears(rank, a, b), (a < n / 2) == (b < n / 2));
	}
}

static void
halves_do_not_hear_each_other(void **state)
{
	(void)state;
	for_every_size(TOPOLOGY_HALVES, check_halves);
}

static void
check_isolate(const struct host *const *rank, size_t n)
{
	cuts_are_symmetric(rank, n);
	for (size_t a = 0; a < n; a++) {
		for (size_t b = 0; b < n; b++)
			assert_int_equal(hears(rank, a, b), a == b || (a != 0 && b != 0));
	}
}

static void
an_isolated_host_hears_nobody(void **state)
{
	(void)state;
	for_every_size(TOPOLOGY_ISOLATE, check_isolate);
}

static void
check_ring(const struct host *const *rank, size_t n)
{
	cuts_are_symmetric(rank, n);
	for (size_t a = 0; a < n; a++) {
		size_t heard = 0;

		for (size_t b = 0; b < n; b++)
			heard += a != b && hears(rank, a, b);
		assert_int_equal(heard, 2);
		assert_true(hears(rank, a, (a + 1) % n));
	}
}

static void
in_a_ring_each_hears_two_neighbours(void **state)
{
	(void)state;
	for_every_size(TOPOLOGY_RING, check_ring);
}

static void
check_bridge(const struct host *const *rank, size_t n)
{
	size_t half = (n - 1) / 2;

	cuts_are_symmetric(rank, n);
	assert_int_equal(r.count, n - 1); /* the bridge has no fault */
	for (size_t a = 1; a < n; a++) {
		assert_true(hears(rank, 0, a) && hears(rank, a, 0));
		for (size_t b = 1; b < n; b++)
			assert_int_equal(hears(rank, a, b), (a <= half) == (b <= half));
	}
}

static void
a_bridge_hears_both_halves(void **state)
{
	(void)state;
	for_every_size(TOPOLOGY_BRIDGE, check_bridge);
}

static void
check_one_way(const struct host *const *rank, size_t n)
{
	assert_int_equal(r.count, n - n / 2); /* the second half alone holds it */
	for (size_t to = 0; to < n; to++) {
		for (size_t from = 0; from < n; from++)
			assert_int_equal(
			    hears(rank, to, from), !(to >= n / 2 && from < n / 2));
	}
}

static void
nothing_gets_from_the_first_half_to_the_second(void **state)
{
	(void)state;
	for_every_size(TOPOLOGY_ONE_WAY, check_one_way);
}

static void
the_direction_is_the_kinds_own_word(void **state)
{
	struct inventory *v = world_inventory(4, 2);
	struct experiment *x = with_topology(TOPOLOGY_ONE_WAY, "net.delay");
	char text[200];

	(void)state;
	assert_ok(make(x, v, 1), e);
	assert_int_equal(r.count, 2);
	(void)spec_describe(roster_spec(&r.hosts[0], 0), text, sizeof(text));
	assert_non_null(strstr(text, "direction=ingress"));
	assert_null(topology_inward(kind_find("cpu.load")));
	roster_release(&r);
	experiment_free(x);
	inventory_free(v);
}

static void
seeds_choose_sides(void **state)
{
	struct inventory *v = world_inventory(6, 2);
	struct experiment *x = with_topology(TOPOLOGY_ISOLATE, "net.partition");
	bool was_alone[6] = { false };

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		const struct host **rank, **again;

		assert_ok(make(x, v, seed), e);
		rank = roster_ranks(&r, &x->faults[0]);
		was_alone[rank[0] - v->hosts] = true;
		roster_release(&r);
		assert_ok(make(x, v, seed), e);
		again = roster_ranks(&r, &x->faults[0]);
		assert_memory_equal(rank, again, 6 * sizeof(struct host *));
		roster_release(&r);
		free(rank);
		free(again);
	}
	for (size_t i = 0; i < 6; i++)
		assert_true(was_alone[i]);
	experiment_free(x);
	inventory_free(v);
}

/* web (h0 h3 h6) against db (h1 h2 h4 h5): on web alone, whatever it is asked to do. */
static void
against_is_on_the_side_of_the_target(void **state)
{
	struct inventory *v = world_inventory(7, 2);
	struct experiment *x = xcalloc(1, sizeof(*x));
	const struct spec *s;

	(void)state;
	(void)world_target(x, "web", "role=web");
	(void)world_target(x, "db", "role=db");
	(void)snprintf(
	    world_fault(x, "net.partition", "web")->against, NAME_MAX_LEN, "db");
	assert_ok(make(x, v, 1), e);
	assert_int_equal(r.count, 3);
	s = roster_spec(&r.hosts[1], 0);
	assert_int_equal(s->nets_count, 4);
	assert_memory_equal(s->nets[0].addr, "\x0a\x00\x00\x02", 4);
	for (size_t a = 0; a < v->count; a++) {
		for (size_t b = 0; b < v->count; b++)
			assert_int_equal(roster_hears(&r, 0, &v->hosts[a], &v->hosts[b]),
			    (a % 3 == 0) == (b % 3 == 0));
	}
	roster_release(&r);
	/* from this host, too */
	x->faults[0].target[0] = '\0';
	assert_ok(make(x, v, 1), e);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.hosts[0].spec[0]->nets_count, 4);
	roster_release(&r);
	experiment_free(x);
	inventory_free(v);
}

static void
a_host_on_both_sides_is_kept_from_the_others(void **state)
{
	struct inventory *v = world_inventory(4, 2);
	struct experiment *x = xcalloc(1, sizeof(*x));

	(void)state;
	(void)world_target(x, "one", "name=h1");
	(void)world_target(x, "db", "role=db"); /* h1 h2 */
	(void)snprintf(
	    world_fault(x, "net.partition", "one")->against, NAME_MAX_LEN, "db");
	assert_ok(make(x, v, 1), e);
	assert_int_equal(r.hosts[0].spec[0]->nets_count, 1);
	assert_memory_equal(r.hosts[0].spec[0]->nets[0].addr, "\x0a\x00\x00\x03", 4);
	roster_release(&r);
	(void)world_target(x, "same", "name=h1");
	(void)snprintf(x->faults[0].against, NAME_MAX_LEN, "same");
	assert_true(make(x, v, 1) < 0);
	assert_non_null(strstr(e.msg, "'f1': 'same' is host 'h1' itself, and no other"));
	experiment_free(x);
	inventory_free(v);
}

static void
what_cannot_be_cut_is_refused(void **state)
{
	struct inventory *v = world_inventory(3, 2);
	struct experiment *x = with_topology(TOPOLOGY_RING, "net.partition");

	(void)state;
	assert_true(make(x, v, 1) < 0);
	assert_non_null(
	    strstr(e.msg, "'f1': ring needs 4 hosts, and target 'all' has 3"));
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	x->faults[0].topology = TOPOLOGY_HALVES;
	(void)snprintf(v->hosts[2].address, sizeof(v->hosts[2].address), "10.0.0.1");
	(void)snprintf(v->hosts[1].address, sizeof(v->hosts[1].address), "10.0.0.1");
	assert_true(make(x, v, 1) < 0);
	assert_non_null(strstr(e.msg, "have one address, 10.0.0.1"));
	(void)snprintf(v->hosts[1].address, sizeof(v->hosts[1].address), "db.internal");
	assert_true(make(x, v, 1) < 0);
	assert_non_null(strstr(e.msg, "address of host 'h1'"));
	assert_int_equal(r.count, 0);
	experiment_free(x);
	inventory_free(v);
}

static void
names_are_what_they_were(void **state)
{
	enum topology t;

	(void)state;
	for (enum topology i = TOPOLOGY_HALVES; i < TOPOLOGIES; i++) {
		assert_int_equal(topology_parse(topology_name(i), &t), 0);
		assert_int_equal(t, i);
	}
	assert_true(topology_parse("none", &t) < 0);
	assert_string_equal(topology_name(TOPOLOGIES), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves_do_not_hear_each_other),
		cmocka_unit_test(an_isolated_host_hears_nobody),
		cmocka_unit_test(in_a_ring_each_hears_two_neighbours),
		cmocka_unit_test(a_bridge_hears_both_halves),
		cmocka_unit_test(nothing_gets_from_the_first_half_to_the_second),
		cmocka_unit_test(the_direction_is_the_kinds_own_word),
		cmocka_unit_test(seeds_choose_sides),
		cmocka_unit_test(against_is_on_the_side_of_the_target),
		cmocka_unit_test(a_host_on_both_sides_is_kept_from_the_others),
		cmocka_unit_test(what_cannot_be_cut_is_refused),
		cmocka_unit_test(names_are_what_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
