/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.fill with real fillers, in a cgroup with a limit: what was asked for is there, as
 * the kernel counts it, and gone when it is undone; what may not be had is refused; and who
 * dies when a limit is met.
 */
#include "cgroup_memory.h"
#include "crew.h"
#include "memory_fault.h"
#include "sanitized.h"
#include <time.h>

TEST_WITHOUT_LEAK_CHECK

#define ATTEMPTS 20

static void
refused(const char *words, int code, const char *why)
{
	struct err e = { 0 };
	int rc = try_prepare(words, &e);

	if (rc != code || strstr(e.msg, why) == NULL)
		fail_msg("%s: %d, %s; not %d, %s", words, rc, e.msg, code, why);
}

static uint64_t
sum_cpu_ns(void)
{
	const struct fillers f = fillers();
	uint64_t sum = 0;

	for (size_t i = 0; i < f.count; i++) {
		struct timespec t;
		clockid_t clock;

		assert_int_equal(clock_getcpuclockid(f.pids[i], &clock), 0);
		assert_int_equal(clock_gettime(clock, &t), 0);
		sum += (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	}
	return sum;
}

/* --- what it does --- */

static void
a_size_is_there_and_gone_again(void **state)
{
	(void)state;
	stage("size=200MiB");
	assert_true(fillers().count > 0);
	assert_true(sum_status("VmRSS") < 20 << 10);
	apply();
	assert_true(is_held(MIB(200)));
	assert_true(sum_status("RssAnon") >= 200 << 10);
	assert_true(sum_status("RssAnon") < 210 << 10);
	undo();
	assert_int_equal(fillers().count, 0);
}

static void
holding_costs_no_cpu_time(void **state)
{
	uint64_t before;

	(void)state;
	begin("size=64MiB", MIB(64));
	before = sum_cpu_ns();
	assert_true(is_held(MIB(64)));
	sleep_usec(300 * USEC_PER_MSEC);
	assert_true(sum_cpu_ns() - before < 3000000);
	undo();
}

static void
odd_sizes_are_exact(void **state)
{
	(void)state;
	begin("size=5000001 lock=true", 5001216); /* whole pages */
	undo();
	begin("size=70000001", 70000640);
	undo();
}

static void
a_rate_takes_its_time(void **state)
{
	struct err e = { 0 };
	uint64_t last;

	(void)state;
	stage("size=24MiB rate=16MiB");
	apply();
	assert_true(r.effect < MIB(24));
	for (last = r.effect; r.effect < MIB(24); last = r.effect) {
		assert_ok(fault_memory_fill.hold(&r, &e), e);
		assert_true(r.effect >= last);
	}
	undo();
}

static void
locked_memory_is_locked_and_other_is_not(void **state)
{
	(void)state;
	/* as in a holder, whose own memory is: a filler must not have that from it */
	assert_int_equal(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
	begin("size=32MiB lock=true", MIB(32));
	if (!IS_SANITIZED) /* whose mlock does nothing */
		assert_true(sum_status("VmLck") >= 32 << 10);
	undo();
	begin("size=32MiB", MIB(32));
	assert_int_equal(sum_status("VmLck"), 0);
	undo();
	assert_int_equal(munlockall(), 0);
}

static void
the_oom_score_says_who_goes_first(void **state)
{
	char path[40], text[16] = "";

	(void)state;
	stage("size=1MiB");
	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", fillers().pids[0]);
	assert_true(read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	assert_string_equal(text, "1000\n");
	undo();
	stage("size=1MiB oom=anyone");
	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", fillers().pids[0]);
	assert_true(read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	assert_string_equal(text, "0\n");
	undo();
}

/* --- refusals --- */

static void
what_is_not_there_is_refused_with_figures(void **state)
{
	(void)state;
	group_make(memory_world.target, MIB(64));
	refused("percent=100", -EPERM, "must stay (keep_free)");
	refused("leave=16MiB keep_free=512TiB", -EPERM, "must stay (keep_free)");
	refused("size=512TiB", -EPERM, "512 TiB are asked for");
	refused("percent=1", -EALREADY, "nothing to take");
	refused("leave=512TiB", -EALREADY, "nothing to take");
	refused("size=100MiB cgroup=TARGET", -ENOMEM, "below the limit of cgroup");
	refused("percent=100 of=limit cgroup=TARGET", -ENOMEM, "oom: anyone");
	refused("size=8MiB cgroup=/", -EINVAL, "/ is every process");
	refused("size=8MiB cgroup=/not/there", -ENOENT, "not/there");
	refused("size=8MiB container=0123456789abcdef", -ESRCH, "0123456789abcdef");
	target_end();
}

static void
a_limit_that_is_none_has_no_share(void **state)
{
	const int root = memory_world.root.dir;
	char group[80], words[128];

	(void)state;
	(void)snprintf(group, sizeof(group), "%.63s-free", memory_world.cap);
	(void)snprintf(words, sizeof(words), "percent=50 of=limit cgroup=/%s", group);
	assert_int_equal(mkdirat(root, group, 0755), 0);
	refused(words, -EINVAL, "no memory limit");
	assert_int_equal(unlinkat(root, group, AT_REMOVEDIR), 0);
}

static void
what_contradicts_itself_is_refused(void **state)
{
	(void)state;
	refused("lock=true", -EINVAL, "exactly one of size, percent and leave");
	refused("size=8MiB leave=8MiB", -EINVAL, "more than one is given");
	refused("size=8MiB of=total", -EINVAL, "give percent");
	refused("percent=50 of=limit", -EINVAL, "give cgroup or container");
	refused("size=8MiB cgroup=/a container=b", -EINVAL, "one of them");
	refused("leave=1GiB content=cache", -EINVAL, "stays available");
	refused("percent=50 content=cache", -EINVAL, "stays available");
	refused("size=8MiB content=cache lock=true", -EINVAL, "anonymous only");
	refused("size=8MiB path=/tmp", -EINVAL, "cache only");
	refused("size=0", -EINVAL, "out of range");
	refused("percent=0", -EINVAL, "out of range");
	refused("size=8MiB keep_free=1MiB", -EINVAL, "out of range");
}

static void
pressure_must_be_known(void **state)
{
	struct err e = { 0 }, why = { 0 };
	uint32_t share;

	(void)state;
	group_make(memory_world.target, MIB(64));
	if (is_v1())
		refused("size=8MiB pressure=10 cgroup=TARGET", -EOPNOTSUPP, "cgroup v1");
	else if (try_prepare("size=8MiB pressure=10 cgroup=TARGET", &e) < 0)
		assert_int_equal(e.code, -EOPNOTSUPP);
	target_end();
	if (proc_memory_pressure(&share, &why) < 0) {
		refused("size=8MiB pressure=10", -EOPNOTSUPP, "psi=1");
		return;
	}
	begin("size=8MiB pressure=100", MIB(8));
	undo();
}

static void
a_target_that_dies_as_a_whole_is_refused(void **state)
{
	(void)state;
	group_make(memory_world.target, MIB(64));
	if (is_v1()) {
		group_write(memory_world.target, "memory.oom_control", "1");
		refused("size=8MiB cgroup=TARGET", -EPERM, "oom_kill_disable");
	} else {
		group_write(memory_world.target, "memory.oom.group", "1");
		refused("size=8MiB cgroup=TARGET", -EPERM, "memory.oom.group");
	}
	target_end();
}

/* --- in a target, at its limit --- */

static void
a_target_is_charged_and_read(void **state)
{
	const usec_t until = clock_boottime() + PATIENCE;
	struct cgroup_memory m;
	struct cgroup_place p;
	struct err e = { 0 };

	(void)state;
	group_make(memory_world.target, MIB(128));
	assert_ok(cgroup_place_find("memory", memory_world.target, &p, &e), e);
	assert_ok(cgroup_memory_read(&p, &m, &e), e);
	assert_int_equal(m.limit, MIB(128));
	assert_true(m.available > MIB(120));
	stage("percent=75 of=limit cgroup=TARGET");
	apply();
	while (m.available > MIB(36)) { /* the fillers themselves are in use, too */
		assert_true(clock_boottime() < until);
		assert_ok(fault_memory_fill.hold(&r, &e), e);
		assert_ok(cgroup_memory_read(&p, &m, &e), e);
	}
	assert_true(r.effect > MIB(40) && r.effect <= MIB(96));
	/* disarmed is: the memory is back */
	assert_ok(undo_run(r.ctx, &r.undo, BEAT_DISARM, &e), e);
	assert_ok(undo_check(r.ctx, &r.undo, BEAT_DISARM, &e), e);
	assert_ok(cgroup_memory_read(&p, &m, &e), e);
	assert_true(m.available > MIB(120));
	undo();
	cgroup_place_close(&p);
	target_end();
}

static void
a_limit_above_counts_too(void **state)
{
	struct cgroup_memory m;
	struct cgroup_place p;
	struct err e = { 0 };

	(void)state;
	group_make(memory_world.target, MIB(4096));
	assert_ok(cgroup_place_find("memory", memory_world.target, &p, &e), e);
	assert_ok(cgroup_memory_read(&p, &m, &e), e);
	assert_int_equal(m.limit, WORLD_CAP);
	assert_true(m.available < WORLD_CAP);
	cgroup_place_close(&p);
	target_end();
}

/* Until hold has something to say. */
static struct err
hold_until_lost(void)
{
	const usec_t until = clock_boottime() + PATIENCE;
	struct err e = { 0 };

	while (fault_memory_fill.hold(&r, &e) == 0 && clock_boottime() < until)
		sleep_usec(5 * USEC_PER_MSEC);
	return e;
}

static void
ours_dies_first_and_the_target_lives(void **state)
{
	struct victim v;
	struct err e;

	(void)state;
	if (IS_SANITIZED)
		skip_test("with a sanitizer the victim alone is larger than the limit");
	group_make(memory_world.target, MIB(160));
	v = victim_start(32);
	begin("size=64MiB cgroup=TARGET", MIB(64));
	assert_true(victim_take(&v, 80)); /* 176 of 160 */
	e = hold_until_lost();
	assert_true(r.lost);
	if (strstr(e.msg, "the kernel's OOM killer ended it") == NULL)
		fail_msg("lost: %s", e.msg);
	undo();
	assert_true(victim_take(&v, 0));
	victim_end(&v);
	target_end();
}

static void
anyone_may_be_the_target_and_that_is_told(void **state)
{
	const usec_t until = clock_boottime() + PATIENCE;
	struct err e = { 0 };
	struct victim v;

	(void)state;
	group_make(memory_world.target, MIB(160));
	v = victim_start(32);
	begin("size=48MiB oom=anyone cgroup=TARGET", MIB(48));
	assert_false(victim_take(&v, 120)); /* the largest by far */
	while (strstr(r.note, "ended 1 of the target's") == NULL) {
		assert_ok(fault_memory_fill.hold(&r, &e), e);
		assert_true(clock_boottime() < until);
	}
	assert_int_equal(r.effect, MIB(48));
	undo();
	victim_end(&v);
	target_end();
}

static void
a_filler_that_somebody_ends_is_a_fault_lost(void **state)
{
	struct err e;

	(void)state;
	begin("size=16MiB", MIB(16));
	assert_int_equal(kill(fillers().pids[0], SIGKILL), 0);
	e = hold_until_lost();
	assert_true(r.lost);
	assert_int_equal(e.code, -ECHILD);
	if (strstr(e.msg, "somebody ended a filler that held 16 MiB") == NULL)
		fail_msg("lost: %s", e.msg);
	undo();
}

/* --- the floor --- */

/* A floor just below what is available now, less what is to be taken; false: others have
 * taken or given so much meanwhile that it is another question. */
static bool
gives_back(void)
{
	const uint64_t floor = proc_memory_available() - MIB(200);
	struct err e = { 0 };
	struct victim v;
	char words[96];
	bool gave;

	(void)snprintf(words, sizeof(words), "size=128MiB keep_free=%" PRIu64, floor);
	if (try_prepare(words, &e) < 0 || fault_memory_fill.stage(&r, &e) < 0 ||
	    fault_memory_fill.apply(&r, &e) < 0 || fault_memory_fill.verify(&r, &e) < 0) {
		undo();
		return false;
	}
	for (int i = 0; i < 100 && r.effect != MIB(128); i++) {
		assert_ok(fault_memory_fill.hold(&r, &e), e);
		sleep_usec(5 * USEC_PER_MSEC);
	}
	v = victim_start(140);
	for (int i = 0; i < 100 && r.effect > MIB(110); i++) {
		assert_ok(fault_memory_fill.hold(&r, &e), e);
		sleep_usec(5 * USEC_PER_MSEC);
	}
	gave = r.effect <= MIB(110) && strstr(r.note, "held back by keep_free") != NULL;
	victim_end(&v);
	/* and takes it again */
	for (int i = 0; gave && i < 200 && r.effect != MIB(128); i++) {
		assert_ok(fault_memory_fill.hold(&r, &e), e);
		sleep_usec(5 * USEC_PER_MSEC);
	}
	undo();
	return gave;
}

static void
others_get_back_what_the_floor_lacks(void **state)
{
	bool gave = false;

	(void)state;
	if (IS_SANITIZED)
		skip_test("with a sanitizer the victim alone is larger than the limit");
	group_make(memory_world.target, MIB(256));
	for (int i = 0; i < ATTEMPTS && !gave; i++)
		gave = gives_back();
	target_end();
	assert_true(gave);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_is_there_and_gone_again),
		cmocka_unit_test(holding_costs_no_cpu_time),
		cmocka_unit_test(odd_sizes_are_exact),
		cmocka_unit_test(a_rate_takes_its_time),
		cmocka_unit_test(locked_memory_is_locked_and_other_is_not),
		cmocka_unit_test(the_oom_score_says_who_goes_first),
		cmocka_unit_test(what_is_not_there_is_refused_with_figures),
		cmocka_unit_test(a_limit_that_is_none_has_no_share),
		cmocka_unit_test(what_contradicts_itself_is_refused),
		cmocka_unit_test(pressure_must_be_known),
		cmocka_unit_test(a_target_that_dies_as_a_whole_is_refused),
		cmocka_unit_test(a_target_is_charged_and_read),
		cmocka_unit_test(a_limit_above_counts_too),
		cmocka_unit_test(ours_dies_first_and_the_target_lives),
		cmocka_unit_test(anyone_may_be_the_target_and_that_is_told),
		cmocka_unit_test(a_filler_that_somebody_ends_is_a_fault_lost),
		cmocka_unit_test(others_get_back_what_the_floor_lacks),
	};

	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv); /* we are the holder's program */
	memory_fault_begin();
	pidns_enter();
	return cmocka_run_group_tests(tests, memory_world_make, memory_fault_end);
}
