/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu.load with real burners: asleep until applied, busy after, and gone by each of the ways
 * that are to end them.  How exact the load is, the benchmark tells: other people's use of
 * this machine is no reason for a test to fail.  Burners that were killed need a turn to die,
 * so their undo is repeated as a holder repeats it.
 */
#include "cgroup.h"
#include "cgroup_place.h"
#include "cleanup.h"
#include "err.h"
#include "fault.h"
#include "fdio.h"
#include "load.h"
#include "pidns.h"
#include "proc.h"
#include "test.h"
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

TEST_WITHOUT_LEAK_CHECK

#define ATTEMPTS 100

static struct protect protect;
static char fault_id[FAULT_ID_LEN]; /* the cgroup tree is the machine's */

/* "percent=50% cpus=0" */
static int
read_spec(const char *args, struct spec *ret, struct err *e)
{
	char text[256], *save = NULL;
	int rc = 0;

	spec_init(ret, &kind_cpu_load);
	memcpy(ret->id, fault_id, sizeof(ret->id));
	(void)snprintf(text, sizeof(text), "%s", args);
	for (char *a = strtok_r(text, " ", &save); a != NULL && rc == 0;
	     a = strtok_r(NULL, " ", &save)) {
		char *value = strchr(a, '=');

		*value++ = '\0';
		rc = spec_set(ret, a, value, e);
	}
	return rc < 0 ? rc : spec_finish(ret, e);
}

static struct fault_run r;
static struct spec spec;
static bool is_begun;       /* and not undone yet */
static char made[48];       /* a target, by its name below two trees */
static const char *made_in; /* the first of them; the other is cpuacct */

static void
begin(const char *args)
{
	struct err e = { 0 };

	if (read_spec(args, &spec, &e) < 0)
		fail_msg("%s: %s", args, e.msg);
	r = (struct fault_run){ .spec = &spec, .protect = &protect, .barrier_fd = -1 };
	assert_int_equal(undo_ctx_open(&r.ctx, -1, true, &e), 0);
	is_begun = true;
}

static void
arm(const char *args)
{
	struct err e = { 0 };

	begin(args);
	if (fault_cpu_load.prepare(&r, &e) < 0 || fault_cpu_load.stage(&r, &e) < 0)
		fail_msg("%s: %s", args, e.msg);
}

static int
undo_once(struct err *e)
{
	if (undo_run(r.ctx, &r.undo, BEAT_DISARM, e) < 0 ||
	    undo_check(r.ctx, &r.undo, BEAT_DISARM, e) < 0 ||
	    fault_cpu_load.release(&r, e) < 0 ||
	    undo_run(r.ctx, &r.undo, BEAT_SWEEP, e) < 0 ||
	    undo_check(r.ctx, &r.undo, BEAT_SWEEP, e) < 0)
		return e->code;
	return 0;
}

static void
undo(void)
{
	struct err e = { 0 };
	int rc = undo_once(&e);

	for (int i = 0; i < ATTEMPTS && rc == -EBUSY; i++) {
		sleep_usec(100 * USEC_PER_MSEC);
		rc = undo_once(&e);
	}
	is_begun = false;
	undo_ctx_free(r.ctx);
	if (rc < 0)
		fail_msg("%s", e.msg);
}

static void
remove_made(const char *in)
{
	struct err e = { 0 };
	_cleanup_close_ int tree = cgroup_tree(in, &e);

	if (tree >= 0)
		(void)cgroup_remove(tree, made, &e); /* or it is not there */
}

/* After a test that failed in the middle: the tree is the machine's. */
static int
leave_nothing(void **state)
{
	(void)state;
	if (is_begun)
		undo();
	if (made[0] != '\0') {
		remove_made(made_in);
		remove_made("cpuacct");
		made[0] = '\0';
	}
	return 0;
}

static void
fire(void)
{
	struct err e = { 0 };

	if (fault_cpu_load.apply(&r, &e) < 0 || fault_cpu_load.verify(&r, &e) < 0)
		fail_msg("%s", e.msg);
}

static void
arm_and_fire(const char *args)
{
	arm(args);
	fire();
}

struct burners {
	size_t count;
	pid_t pids[64];
};

static int
count_burner(void *ctx, const struct proc *p, int dir)
{
	struct burners *b = ctx;

	(void)dir;
	if (strcmp(p->comm, "stormd-burner") == 0 && p->state != 'Z')
		b->pids[b->count++] = p->id.pid;
	return 0;
}

static struct burners
burners(void)
{
	struct burners b = { 0 };
	struct err e = { 0 };

	assert_int_equal(proc_each(count_burner, &b, &e), 0);
	return b;
}

/* One turn after the other, until so much is seen or there is no hope. */
static void
hold_until(uint64_t effect)
{
	struct err e = { 0 };

	for (int i = 0; i < 1200 && (i < 40 || r.effect <= effect); i++) {
		sleep_usec((usec_t)r.wake_ms * USEC_PER_MSEC);
		if (fault_cpu_load.hold(&r, &e) < 0)
			fail_msg("%s", e.msg);
	}
}

static void
hold_for(usec_t time)
{
	const usec_t until = clock_boottime() + time;
	struct err e = { 0 };

	while (clock_boottime() < until) {
		sleep_usec((usec_t)r.wake_ms * USEC_PER_MSEC);
		if (fault_cpu_load.hold(&r, &e) < 0)
			fail_msg("%s", e.msg);
	}
}

static void
burners_sleep_until_they_are_woken(void **state)
{
	(void)state;
	arm("percent=50% cpus=0 mode=add");
	assert_int_equal(burners().count, 1);
	sleep_usec(50 * USEC_PER_MSEC);
	assert_int_equal(load_used_ns(r.state, 0), 0); /* its first member */
	fire();
	hold_until(10000);
	assert_true(r.effect > 10000); /* of the 50 % asked: others may be busy, too */
	assert_non_null(strstr(r.note, "asked 50%, used "));
	undo();
	assert_int_equal(burners().count, 0);
}

static void
every_cpu_gets_its_own(void **state)
{
	const long online = sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	arm_and_fire("percent=20%");
	assert_int_equal(burners().count, online);
	undo();
	assert_int_equal(burners().count, 0);
}

static void
a_burner_has_no_power(void **state)
{
	char path[64], text[4096];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	(void)state;
	arm("percent=20% cpus=0");
	(void)snprintf(path, sizeof(path), "/proc/%d/status", burners().pids[0]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "CapPrm:\t0000000000000000"));
	assert_non_null(strstr(text, "CapEff:\t0000000000000000"));
	assert_non_null(strstr(text, "Cpus_allowed_list:\t0\n"));
	undo();
}

static void
undo_without_apply_ends_them_too(void **state)
{
	(void)state;
	arm("percent=20% cpus=0");
	assert_int_equal(burners().count, 1);
	undo();
	assert_int_equal(burners().count, 0);
}

/* What is left to whoever undoes by record is the cgroup; and when the holder dies, its end
 * of the leash goes with it. */
static void
letting_go_of_the_leash_is_enough(void **state)
{
	struct load *l;
	struct burners b;

	(void)state;
	arm_and_fire("percent=20% mode=add");
	b = burners();
	l = r.state; /* its first member */
	assert_int_equal(close(l->crew.leash), 0);
	for (size_t i = 0; i < b.count; i++)
		assert_true(waitpid(b.pids[i], NULL, 0) == b.pids[i]);
	assert_int_equal(burners().count, 0);
	for (size_t i = 0; i < l->count; i++)
		l->crew.pid[i] = 0;
	l->crew.leash = open("/dev/null", O_RDONLY | O_CLOEXEC);
	undo();
}

static void
the_death_of_the_holder_is_enough(void **state)
{
	pid_t holder = fork();
	unsigned tries = 30000;

	(void)state;
	if (holder == 0) {
		arm_and_fire("percent=20% mode=add");
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	while (burners().count > 0 && tries-- > 0)
		sleep_usec(USEC_PER_MSEC);
	assert_int_equal(burners().count, 0);
	/* what the record would have said */
	struct err e = { 0 };
	char name[32];
	_cleanup_close_ int root = cgroup_root(&e);
	(void)snprintf(name, sizeof(name), "stormdrill-%s", fault_id);
	if (root >= 0)
		assert_int_equal(cgroup_remove(root, name, &e), 0);
}

static void
a_burner_that_somebody_ended_is_noticed(void **state)
{
	struct err e = { 0 };
	int rc = 0;

	(void)state;
	arm_and_fire("percent=20% cpus=0 mode=add");
	(void)kill(burners().pids[0], SIGKILL); /* reaping is the holder's */
	for (int i = 0; i < 1000 && rc == 0 && !r.lost; i++) {
		sleep_usec(20 * USEC_PER_MSEC);
		rc = fault_cpu_load.hold(&r, &e);
	}
	assert_true(rc < 0 || r.lost);
	undo();
}

/* --- how -------------------------------------------------------------------------------- */

/* Real-time burners get what they ask for, whoever else is there. */
static void
a_real_time_share_is_exact(void **state)
{
	struct err e = { 0 };

	(void)state;
	begin("percent=30% cpus=0 mode=add scheduler=fifo");
	assert_int_equal(fault_cpu_load.prepare(&r, &e), 0);
	if (fault_cpu_load.stage(&r, &e) == -EPERM) {
		(void)printf("no real-time scheduling here: %s\n", e.msg);
		undo();
		skip();
	}
	assert_int_equal(sched_getscheduler(burners().pids[0]), SCHED_FIFO);
	fire();
	hold_until(20000);
	assert_in_range(r.effect, 20000, 31000);
	undo();
}

/* The session's weight, too, or it would say nothing beside processes of another one. */
static void
nice_is_of_the_burners_and_their_session(void **state)
{
	char path[64], text[64];
	pid_t pid;

	(void)state;
	arm("percent=30% cpus=0 nice=7 scheduler=batch");
	pid = burners().pids[0];
	assert_int_equal(getpriority(PRIO_PROCESS, (id_t)pid), 7);
	assert_int_equal(sched_getscheduler(pid), SCHED_BATCH);
	(void)snprintf(path, sizeof(path), "/proc/%d/autogroup", pid);
	if (read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0 && text[0] == '/')
		assert_non_null(strstr(text, " nice 7\n"));
	undo();
}

static void
a_ramp_starts_where_it_says(void **state)
{
	(void)state;
	arm_and_fire("percent=90% from=10% ramp=10h cpus=0 mode=add");
	hold_until(1000);
	assert_in_range(load_given(r.state, 0), 100000, 101000);
	undo();
}

static void
a_ramp_ends_at_the_percentage(void **state)
{
	(void)state;
	arm_and_fire("percent=40% from=10% ramp=100ms cpus=0 mode=add");
	hold_until(0);
	assert_int_equal(load_given(r.state, 0), 400000);
	undo();
}

/* --- inside a cgroup -------------------------------------------------------------------- */

/* A group of ours with a quota of half a CPU, wherever this host has the controller. */
struct target {
	struct cgroup_place place;
	char name[48];
	bool has_account; /* v1: in cpuacct, too */
};

static int
tree_of(const char *name)
{
	struct err e = { 0 };
	int fd = cgroup_tree(name, &e);

	if (fd < 0)
		fail_msg("%s", e.msg);
	return fd;
}

static bool
set_quota(const struct target *t)
{
	struct err e = { 0 };

	if (t->place.version == 2)
		return cgroup_place_write(&t->place, "cpu.max", "50000 100000", &e) == 0;
	return cgroup_place_write(&t->place, "cpu.cfs_period_us", "100000", &e) == 0 &&
	       cgroup_place_write(&t->place, "cpu.cfs_quota_us", "50000", &e) == 0;
}

static void
drop_target(struct target *t)
{
	_cleanup_close_ int tree = tree_of(t->place.tree);
	struct err e = { 0 };

	made[0] = '\0';
	cgroup_place_close(&t->place);
	assert_int_equal(cgroup_remove(tree, t->name, &e), 0);
	if (t->has_account) {
		_cleanup_close_ int account = tree_of("cpuacct");

		assert_int_equal(cgroup_remove(account, t->name, &e), 0);
	}
}

/* Skips where there is no such controller. */
static struct target
make_target(void)
{
	_cleanup_close_ int tree = -1;
	struct target t = { 0 };
	struct err e = { 0 };
	int dir;

	(void)snprintf(t.name, sizeof(t.name), "storm-cpu-%s", fault_id);
	if (cgroup_place_find("cpu", "/", &t.place, &e) < 0) {
		(void)printf("%s\n", e.msg);
		skip();
	}
	/* as systemd has it wherever a unit asks for it; and it stays */
	if (t.place.version == 2)
		(void)cgroup_place_write(&t.place, "cgroup.subtree_control", "+cpu", &e);
	cgroup_place_close(&t.place);
	tree = tree_of(t.place.tree);
	assert_int_equal(cgroup_create(tree, t.name, &dir, &e), 0);
	(void)snprintf(made, sizeof(made), "%s", t.name);
	made_in = t.place.version == 2 ? "" : "cpu";
	(void)close(dir);
	if (t.place.version == 1) {
		_cleanup_close_ int account = tree_of("cpuacct");

		t.has_account =
		    mkdirat(account, t.name, 0755) == 0; /* or it is the same */
	}
	assert_int_equal(cgroup_place_find("cpu", t.name, &t.place, &e), 0);
	if (!set_quota(&t)) {
		drop_target(&t);
		(void)printf("no quota of CPU time here\n");
		skip();
	}
	return t;
}

static const char *
inside(const struct target *t, const char *args)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), "%s cgroup=/%s", args, t->name);
	return text;
}

static void
inside_a_cgroup_percent_is_of_its_quota(void **state)
{
	struct target t = make_target();
	char path[64], text[4096], below[128];

	(void)state;
	arm(inside(&t, "percent=50% mode=add"));
	assert_int_equal(burners().count, 1); /* half a CPU needs no more */
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", burners().pids[0]);
	assert_true(read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	(void)snprintf(below, sizeof(below), "/%s/stormdrill-%s\n", t.name, fault_id);
	assert_non_null(strstr(text, below));
	fire();
	assert_int_equal(load_given(r.state, 0), 250000);
	hold_until(5000);
	assert_in_range(r.effect, 5000, 60000); /* others may want the CPU, too */
	assert_non_null(
	    strstr(r.note, "% of the quota of 0.50 CPUs in cgroup '/storm-cpu-"));
	undo();
	drop_target(&t);
}

static pid_t
spinner_in(const struct target *t)
{
	const pid_t pid = fork();
	struct err e = { 0 };
	struct cgroup_place account;

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			__asm__ volatile("");
	}
	assert_int_equal(cgroup_join(t->place.dir, pid, &e), 0);
	if (t->place.version == 1) {
		assert_int_equal(cgroup_place_find("cpuacct", t->name, &account, &e), 0);
		(void)cgroup_join(account.dir, pid, &e); /* the same where they are one */
		cgroup_place_close(&account);
	}
	return pid;
}

/* With mode=total; and that is no failure, as it may end: it is no effect. */
static void
what_the_target_uses_by_itself_counts(void **state)
{
	struct target t = make_target();
	pid_t spinner = spinner_in(&t);

	(void)state;
	sleep_usec(300 * USEC_PER_MSEC);
	arm_and_fire(inside(&t, "percent=10%"));
	hold_for(2 * USEC_PER_SEC);
	assert_int_equal(load_given(r.state, 0), 0);
	assert_int_equal(r.effect, 0);
	assert_non_null(strstr(r.note, ": others alone use "));
	(void)kill(spinner, SIGKILL);
	assert_int_equal(waitpid(spinner, NULL, 0), spinner);
	hold_until(0);
	assert_true(load_given(r.state, 0) > 0);
	undo();
	drop_target(&t);
}

/* --- what cannot be ----------------------------------------------------------------------- */

static void
expect_refused(const char *args, int code, const char *why)
{
	struct err e = { 0 };

	begin(args);
	assert_int_equal(fault_cpu_load.prepare(&r, &e), code);
	if (strstr(e.msg, why) == NULL)
		fail_msg("%s: %s", args, e.msg);
	is_begun = false;
	undo_ctx_free(r.ctx);
}

static void
cpus_and_targets_that_are_not_there_are_refused(void **state)
{
	(void)state;
	expect_refused("percent=20% cpus=4000", -EINVAL, "CPU 4000 is not online");
	expect_refused("percent=20% cpus=0,9-4000", -EINVAL, "CPU 9 is not online");
	expect_refused(
	    "percent=20% cgroup=/storm/nowhere", -ENOENT, "no cgroup '/storm/nowhere'");
	expect_refused("percent=20% container=0123456789ab", -ESRCH, "0123456789ab");
}

static void
a_cpu_outside_of_ours_is_refused(void **state)
{
	cpu_set_t all, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	if (CPU_COUNT(&all) < 2 || !CPU_ISSET(0, &all) || !CPU_ISSET(1, &all))
		skip();
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	expect_refused("percent=20% cpus=0-1", -EINVAL, "not one this host lets us use");
	arm("percent=20%");
	assert_int_equal(burners().count, 1); /* without a list: those there are */
	undo();
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void
expect_invalid(const char *args, const char *why)
{
	struct spec s;
	struct err e = { 0 };

	if (read_spec(args, &s, &e) == 0 || strstr(e.msg, why) == NULL)
		fail_msg("%s: %s", args, e.msg);
}

static void
what_does_not_go_together_is_said(void **state)
{
	(void)state;
	expect_invalid("percent=0", "percent");
	expect_invalid("percent=101%", "percent");
	expect_invalid("percent=50% from=10%", "from needs ramp");
	expect_invalid("percent=50% ramp=10s", "ramp needs from");
	expect_invalid("percent=50% from=50% ramp=10s", "there is no ramp");
	expect_invalid("percent=50% nice=20", "nice");
	expect_invalid("percent=50% nice=5 scheduler=idle", "nice has no meaning");
	expect_invalid("percent=96% scheduler=fifo", "95% at most");
	expect_invalid("percent=10% from=100% ramp=1s scheduler=rr", "95% at most");
	expect_invalid("percent=50% scheduler=deadline", "scheduler");
	expect_invalid("percent=50% mode=some", "mode");
	expect_invalid("percent=50% cgroup=/a container=0123456789ab", "one of them");
	expect_invalid("percent=50% cgroup=/", "cgroup");
	expect_invalid("percent=50% cpus=3-1", "cpus");
}

static void
all_of_a_cpu_can_be_asked_for(void **state)
{
	(void)state;
	arm_and_fire("percent=100% cpus=0 mode=add");
	assert_int_equal(load_given(r.state, 0), 1000000);
	undo();
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    burners_sleep_until_they_are_woken, leave_nothing),
		cmocka_unit_test_teardown(every_cpu_gets_its_own, leave_nothing),
		cmocka_unit_test_teardown(a_burner_has_no_power, leave_nothing),
		cmocka_unit_test_teardown(
		    undo_without_apply_ends_them_too, leave_nothing),
		cmocka_unit_test_teardown(
		    letting_go_of_the_leash_is_enough, leave_nothing),
		cmocka_unit_test_teardown(
		    the_death_of_the_holder_is_enough, leave_nothing),
		cmocka_unit_test_teardown(
		    a_burner_that_somebody_ended_is_noticed, leave_nothing),
		cmocka_unit_test_teardown(a_real_time_share_is_exact, leave_nothing),
		cmocka_unit_test_teardown(
		    nice_is_of_the_burners_and_their_session, leave_nothing),
		cmocka_unit_test_teardown(a_ramp_starts_where_it_says, leave_nothing),
		cmocka_unit_test_teardown(a_ramp_ends_at_the_percentage, leave_nothing),
		cmocka_unit_test_teardown(
		    inside_a_cgroup_percent_is_of_its_quota, leave_nothing),
		cmocka_unit_test_teardown(
		    what_the_target_uses_by_itself_counts, leave_nothing),
		cmocka_unit_test_teardown(
		    cpus_and_targets_that_are_not_there_are_refused, leave_nothing),
		cmocka_unit_test_teardown(
		    a_cpu_outside_of_ours_is_refused, leave_nothing),
		cmocka_unit_test_teardown(
		    what_does_not_go_together_is_said, leave_nothing),
		cmocka_unit_test_teardown(all_of_a_cpu_can_be_asked_for, leave_nothing),
	};

	/* a burner is the holder's own program again, and here that is this one */
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	fault_id_make("test_cpu_load", "", (unsigned)getpid(), fault_id);
	pidns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
