/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault contract: what every fault promises, tried on every fault there is.  A fault
 * that joins the table is tested here as soon as it has a row of arguments below, and the
 * program fails as long as it has none.
 *
 * The fault lives in a child, which takes one step at a time (trial.h); between the steps
 * the world is looked at from outside.
 *
 * What is seen of the world depends on when its processes get to run.  Whatever must be so
 * is waited for: an effect that is missing or stays never comes right.
 */
#include "cleanup.h"
#include "crew.h"
#include "fault.h"
#include "snapshot.h"
#include "store.h"
#include "trial.h"
#include "world.h"

#define ATTEMPTS 30                  /* until the world before is well again */
#define PATIENCE (30 * USEC_PER_SEC) /* for what must come */

static const struct row rows[] = {
	{ "cpu.load", { "percent=50%", "cpus=0", "mode=add" } },
	{ "cpu.load",
	    { "percent=90%", "cpus=0", "mode=add", "from=80%", "ramp=1m", "nice=5" } },
	{ "disk.fill", { "path=DISK", "size=8MiB" } },
	{ "disk.fill", { "path=DISK", "leave=1MiB" } },
	{ "disk.fill", { "path=DISK", "size=8MiB", "method=write", "rate=64MiB" } },
	{ "disk.freeze", { "path=DISK" } },
	{ "disk.inodes", { "path=DISK", "leave=10" } },
	{ "disk.load", { "path=DISK", "size=8MiB" } },
	{ "disk.load",
	    { "path=DISK", "size=8MiB", "engine=threads", "operation=write" } },
	{ "disk.readonly", { "path=DISK" } },
	{ "disk.readonly", { "path=DISK", "scope=mount" } },
	{ "disk.throttle", { "path=DISK", "cgroup=DISK_GROUP", "read_rate=256KiB" } },
	{ "host.clock", { "step=+1h" } },
	{ "host.clock", { "step=-90s" } },
	{ "host.clock", { "drift=50000ppm" } },
	{ "host.fds", { "leave=3", "name=" VICTIM } },
	{ "host.pids", { "leave=0", "cgroup=GROUP" } },
	{ "host.reboot", { "how=hard" } },
	{ "memory.fill", { "size=32MiB" } },
	{ "net.corrupt", { "corrupt=100%", "to=" WORLD_PEER } },
	{ "net.delay", { "delay=50ms", "to=" WORLD_PEER "," WORLD_PEER6 } },
	{ "net.delay", { "delay=50ms", "to=10.77.0.0/24", "direction=both" } },
	/* whatever goes to the port waits for its holder, who has no turn here */
	{ "net.dns", { "mode=nxdomain", "port=7777" } },
	{ "net.dns", { "mode=delay", "delay=50ms", "to=10.77.0.0/24", "port=7777" } },
	{ "net.duplicate", { "duplicate=100%", "delay=50ms", "to=" WORLD_PEER } },
	{ "net.loss", { "loss=100%", "to=" WORLD_PEER } },
	{ "net.partition", { "to=" WORLD_PEER "," WORLD_PEER6 } },
	{ "net.partition", { "to=10.77.0.0/24", "mode=reject", "direction=out" } },
	{ "net.partition",
	    { "to=any", "exclude=10.9.0.0/16,fd09::/32", "exclude_port=22,9000-9100",
		"established=keep", "mode=unreachable", "interface=v0", "flap=20s/1s" } },
	{ "net.partition",
	    { "to=any", "port=7000-7999", "local_port=1024-65535", "protocol=udp",
		"user=root", "share=100%", "direction=out" } },
	{ "net.partition", { "to=" WORLD_PEER "," WORLD_PEER6, "engine=nftables" } },
	{ "net.partition",
	    { "to=10.77.0.0/24", "mode=reject", "direction=out", "engine=nftables" } },
	{ "net.ports", { "mode=occupy", "port=7070" } },
	{ "net.ports", { "mode=limit", "port=7071", "connections=0" } },
	{ "net.ports", { "mode=exhaust", "protocol=udp" } },
	{ "net.rate", { "rate=8kbit", "packet_overhead=64", "to=" WORLD_PEER } },
	{ "net.reorder", { "reorder=0.001%", "delay=50ms", "to=" WORLD_PEER } },
	{ "net.reset", { "to=" WORLD_PEER } },
	{ "process.kill", { "name=" VICTIM } },
	{ "process.pause", { "name=" TICKER } },
	{ "process.pause", { "name=" TICKER, "how=stop" } },
	{ "process.pause", { "cgroup=CGROUP" } },
	{ "service.stop", { "unit=storm-victim" } },
};

/* The first line in which two texts differ, both ways, and then the failure. */
static void
expect_same(const struct trial *t, char *was, char *is, const char *when)
{
	const char *a = was, *b = is;

	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b) {
		free(is);
		return;
	}
	while (a > was && a[-1] != '\n') {
		a--;
		b--;
	}
	fail_msg("%s: not the same %s\n  was: %.*s\n  is:  %.*s", t->name, when,
	    (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

static bool
is_reversible(const struct trial *t)
{
	return (t->fault->kind->flags & KIND_IRREVERSIBLE) == 0;
}

static char *
snapshot(const struct trial *t)
{
	return world_snapshot(is_reversible(t));
}

static void
expect_restored(const struct trial *t, const char *when)
{
	expect_same(t, t->snapshot, snapshot(t), when);
}

/* The effects once they are, or are not, those from before everything. */
static char *
await_effects(const struct trial *t, bool as_before)
{
	const usec_t until = clock_boottime() + PATIENCE;
	char *now = world_effects();

	while ((strcmp(now, t->effects) == 0) != as_before && clock_boottime() < until) {
		free(now);
		now = world_effects();
	}
	return now;
}

static void
expect_no_effect(const struct trial *t, const char *when)
{
	expect_same(t, t->effects, await_effects(t, true), when);
}

static void
expect_effect(const struct trial *t)
{
	char *effects = await_effects(t, false);

	if (strcmp(effects, t->effects) == 0)
		fail_msg("%s: no effect after apply: %s", t->name, effects);
	free(effects);
}

/* Up to `last`, apply at most, looking around on the way if that is wanted. */
static struct holder
lead(const struct trial *t, enum step last, bool looks)
{
	struct holder h = start(t);

	step(t, &h, STEP_PREPARE);
	if (looks)
		expect_restored(t, "after prepare");
	step(t, &h, STEP_RECORD);
	if (last >= STEP_STAGE)
		step(t, &h, STEP_STAGE);
	if (looks)
		expect_no_effect(t, "in effect after stage");
	if (last >= STEP_APPLY)
		step(t, &h, STEP_APPLY);
	return h;
}

static void
whole_life(void **state)
{
	struct trial *t = *state;
	struct holder h = lead(t, STEP_APPLY, true);

	expect_effect(t);
	step(t, &h, STEP_HOLD);
	step(t, &h, STEP_DISARM);
	if (is_reversible(t))
		expect_no_effect(t, "in effect after disarm");
	step(t, &h, STEP_SWEEP);
	expect_restored(t, "after sweep");
	step(t, &h, STEP_DISARM);
	step(t, &h, STEP_SWEEP);
	expect_restored(t, "after undoing twice");
	leave(&h, STEP_LEAVE);
}

static void
undone_when_only(struct trial *t, enum step last)
{
	struct holder h = lead(t, last, false);

	step(t, &h, STEP_DISARM);
	step(t, &h, STEP_SWEEP);
	expect_restored(t, "after undo");
	leave(&h, STEP_LEAVE);
}

static void
undo_of_what_was_only_recorded(void **state)
{
	undone_when_only(*state, STEP_RECORD);
}

static void
undo_of_what_was_never_applied(void **state)
{
	undone_when_only(*state, STEP_STAGE);
}

/* What stormd, or the guardian, does when a holder has died. */
static void
undo_by_record(const struct trial *t, const struct record *r)
{
	struct err e = { 0 };
	struct store s;

	assert_int_equal(
	    store_open(&s, world.run_dir, world.state_dir, world.host_dir, &e), 0);
	if (store_undo(&s, r, -1, &e) < 0)
		fail_msg("%s: undo by record: %s", t->name, e.msg);
	store_close(&s);
}

static void
undone_after_death_in(struct trial *t, enum step last)
{
	static struct record r;
	struct holder h = lead(t, last, false);
	struct err e = { 0 };
	struct store s;

	leave(&h, STEP_DIE);
	assert_int_equal(
	    store_open(&s, world.run_dir, world.state_dir, world.host_dir, &e), 0);
	assert_int_equal(store_get(&s, t->spec.id, &r, &e), 0);
	undo_by_record(t, &r);
	expect_restored(t, "after the holder's death and undo by record");
	assert_true(store_get(&s, t->spec.id, &r, &e) < 0);
	undo_by_record(t, &r);
	expect_restored(t, "after undoing by record twice");
	store_close(&s);
}

static void
death_after_the_record(void **state)
{
	undone_after_death_in(*state, STEP_RECORD);
}

static void
death_between_stage_and_apply(void **state)
{
	undone_after_death_in(*state, STEP_STAGE);
}

static void
death_while_active(void **state)
{
	undone_after_death_in(*state, STEP_APPLY);
}

/* --- trials --- */

struct scenario {
	const char *name;
	void (*run)(void **state);
	bool furnished; /* on a host that somebody else has configured */
};

static const struct scenario scenarios[] = {
	{ "whole_life", whole_life },
	{ "undo_of_what_was_only_recorded", undo_of_what_was_only_recorded },
	{ "undo_of_what_was_never_applied", undo_of_what_was_never_applied },
	{ "death_after_the_record", death_after_the_record },
	{ "death_between_stage_and_apply", death_between_stage_and_apply },
	{ "death_while_active", death_while_active },
	{ "whole_life_on_a_host_in_use", whole_life, true },
	{ "death_while_active_on_a_host_in_use", death_while_active, true },
};

static void
read_arguments(struct trial *t)
{
	struct err e = { 0 };
	char name[32];

	spec_init(&t->spec, t->fault->kind);
	memcpy(t->spec.id, world.fault_id, sizeof(t->spec.id));
	for (size_t i = 0; i < ARRAY_LEN(t->row->args) && t->row->args[i] != NULL; i++) {
		const char *value = strchr(t->row->args[i], '=') + 1;

		(void)snprintf(name, sizeof(name), "%.*s",
		    (int)(value - t->row->args[i] - 1), t->row->args[i]);
		if (strcmp(value, "GROUP") == 0)
			value = limits_group.path;
		if (strcmp(value, "DISK") == 0)
			value = world.disk;
		if (strcmp(value, "CGROUP") == 0)
			value = ticker.cgroup;
		if (strcmp(value, "DISK_GROUP") == 0)
			value = disk_world.group.path;
		if (spec_set(&t->spec, name, value, &e) < 0)
			fail_msg("%s: %s", t->name, e.msg);
	}
	if (spec_finish(&t->spec, &e) < 0)
		fail_msg("%s: %s", t->name, e.msg);
}

/* What the trial before has cut is there again. */
static bool
is_well(const char *effects)
{
	return strstr(effects, "echo ok") != NULL &&
	       strstr(effects, "connection whole") != NULL &&
	       strstr(effects, "ticking yes") != NULL;
}

static int
begin_trial(void **state)
{
	struct trial *t = *state;

	read_arguments(t);
	if (t->scenario->furnished)
		world_furnish();
	for (size_t i = 0; i < ARRAY_LEN(t->victims); i++)
		t->victims[i] = orphan(VICTIM, NULL);
	t->snapshot = snapshot(t);
	t->effects = world_effects();
	for (int i = 0; i < ATTEMPTS && !is_well(t->effects); i++) {
		free(t->effects);
		t->effects = world_effects();
	}
	assert_true(is_well(t->effects));
	return 0;
}

static int
end_trial(void **state)
{
	struct trial *t = *state;

	for (size_t i = 0; i < ARRAY_LEN(t->victims); i++)
		end_orphan(t->victims[i]);
	if (t->scenario->furnished)
		world_clear();
	free(t->snapshot);
	free(t->effects);
	return 0;
}

/* A kind nobody does, or nobody tries, is a promise that nothing holds. */
static int
every_kind_is_tried(void)
{
	int missing = 0;

	FOR_EACH_KIND(k) {
		size_t tried = 0;

		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			tried += strcmp(rows[i].kind, (*k)->name) == 0;
		if (fault_find((*k)->name) == NULL) {
			printf("%s: a kind that no fault does\n", (*k)->name);
			missing++;
		} else if (tried == 0) {
			printf("%s: no arguments to try it with\n", (*k)->name);
			missing++;
		}
	}
	return missing;
}

/* What would be done to this very machine, namespaces or not.  NULL: go on. */
static const char *
why_not_here(const char *kind)
{
	if (strcmp(kind, "host.reboot") == 0)
		return "it would end this test with the machine: tests/vm/reboot.sh";
	if (strcmp(kind, "host.clock") == 0 && getenv("IN_VM") == NULL)
		return "only in a virtual machine: there is one clock for all";
	return NULL;
}

/* Host without it: one line for all its scenarios. */
static bool
is_possible(const struct fault *f)
{
	const char *why = why_not_here(f->kind->name);
	struct err e = { 0 };

	if (why != NULL) {
		printf("skip: %s: %s\n", f->kind->name, why);
		return false;
	}
	if (f->supported(&e) >= 0)
		return true;
	printf("skip: %s: %s\n", f->kind->name, e.msg);
	return false;
}

static void
not_possible_here(void **state)
{
	const struct trial *t = *state;

	(void)is_possible(t->fault); /* says why not */
	skip();
}

/* `contract KIND…`: only those; without any, all. */
static bool
is_wanted(const char *kind, char **wanted)
{
	if (*wanted == NULL)
		return true;
	while (*wanted != NULL && strcmp(*wanted, kind) != 0)
		wanted++;
	return *wanted != NULL;
}

static size_t
make_trials(struct trial *trials, struct CMUnitTest *tests, char **wanted)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct fault *f =
		    is_wanted(rows[i].kind, wanted) ? fault_find(rows[i].kind) : NULL;
		const bool possible = f != NULL && is_possible(f);
		const size_t count = possible ? ARRAY_LEN(scenarios) : 1;

		for (size_t s = 0; f != NULL && s < count; s++, n++) {
			struct trial *t = &trials[n];

			t->fault = f;
			t->row = &rows[i];
			t->scenario = &scenarios[s];
			(void)snprintf(t->name, sizeof(t->name), "%s:%zu:%s",
			    rows[i].kind, i, scenarios[s].name);
			tests[n] = (struct CMUnitTest){
				.name = t->name,
				.test_func =
				    possible ? scenarios[s].run : not_possible_here,
				.setup_func = possible ? begin_trial : NULL,
				.teardown_func = possible ? end_trial : NULL,
				.initial_state = t,
			};
		}
	}
	return n;
}

int
main(int argc, char **argv)
{
	static struct trial trials[ARRAY_LEN(rows) * ARRAY_LEN(scenarios)];
	static struct CMUnitTest tests[ARRAY_LEN(trials)];
	size_t count;
	int missing, failed;

	/* a member of a crew is the holder's own program again, and here that is this one */
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	missing = every_kind_is_tried();
	count = make_trials(trials, tests, argv + 1);
	failed = _cmocka_run_group_tests("contract", tests, count, world_make, world_end);
	return missing + failed == 0 ? 0 : 1;
}
