/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu.load with real burners: asleep until applied, busy after, and gone by each of the ways
 * that are to end them.  How exact the load is, the benchmark tells: other people's use of
 * this machine is no reason for a test to fail.  When they leave a CPU nothing the fault says
 * that it is without effect, and is tried again; and burners that were killed need a turn to
 * die, so their undo is repeated as a holder repeats it.
 */
#include "cgroup.h"
#include "cleanup.h"
#include "err.h"
#include "fault.h"
#include "load.h"
#include "pidns.h"
#include "proc.h"
#include "test.h"
#include <errno.h>
#include <string.h>

TEST_WITHOUT_LEAK_CHECK

#define ATTEMPTS 100

static struct protect protect;
static char fault_id[FAULT_ID_LEN]; /* the cgroup tree is the machine's */

static struct spec
spec_of(const char *percent, const char *cpus)
{
	struct spec s;
	struct err e = { 0 };

	spec_init(&s, &kind_cpu_load);
	memcpy(s.id, fault_id, sizeof(s.id));
	assert_int_equal(spec_set(&s, "percent", percent, &e), 0);
	if (cpus != NULL)
		assert_int_equal(spec_set(&s, "cpus", cpus, &e), 0);
	assert_int_equal(spec_finish(&s, &e), 0);
	return s;
}

static struct fault_run r;
static struct spec spec;

static void
arm(const char *percent, const char *cpus)
{
	struct err e = { 0 };

	spec = spec_of(percent, cpus);
	r = (struct fault_run){ .spec = &spec, .protect = &protect, .barrier_fd = -1 };
	assert_int_equal(undo_ctx_open(&r.ctx, -1, true, &e), 0);
	if (fault_cpu_load.prepare(&r, &e) < 0 || fault_cpu_load.stage(&r, &e) < 0)
		fail_msg("%s", e.msg);
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
	if (rc < 0)
		fail_msg("%s", e.msg);
	undo_ctx_free(r.ctx);
}

/* False: others left no CPU, and all is undone. */
static bool
fire(void)
{
	struct err e = { 0 };

	if (fault_cpu_load.apply(&r, &e) == 0 && fault_cpu_load.verify(&r, &e) == 0)
		return true;
	if (strstr(e.msg, "the CPUs are busier than was asked") == NULL)
		fail_msg("%s", e.msg);
	undo();
	return false;
}

static void
arm_and_fire(const char *percent, const char *cpus)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		arm(percent, cpus);
		if (fire())
			return;
	}
	fail_msg("others left no CPU in %d attempts", ATTEMPTS);
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

/* A tenth of a second after the other, until so much is seen or there is no hope. */
static void
hold_until(uint64_t effect)
{
	struct err e = { 0 };

	for (int i = 0; i < 300 && (i < 10 || r.effect <= effect); i++) {
		sleep_usec(100 * USEC_PER_MSEC);
		assert_int_equal(fault_cpu_load.hold(&r, &e), 0);
	}
}

static void
burners_sleep_until_they_are_woken(void **state)
{
	int attempts = 0;

	(void)state;
	do {
		assert_true(attempts++ < ATTEMPTS);
		arm("50%", "0");
		assert_int_equal(burners().count, 1);
		sleep_usec(50 * USEC_PER_MSEC);
		assert_int_equal(r.effect, 0);
	} while (!fire());
	hold_until(30000);
	assert_true(r.effect > 30000); /* of the 50 % asked; more when others are busy */
	assert_non_null(strstr(r.note, "asked 50%, seen "));
	undo();
	assert_int_equal(burners().count, 0);
}

static void
every_cpu_gets_its_own(void **state)
{
	const long online = sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	arm_and_fire("20%", NULL);
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
	arm("20%", "0");
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
	arm("20%", "0");
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
	arm_and_fire("20%", NULL);
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
		arm_and_fire("20%", NULL);
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
	arm_and_fire("20%", "0");
	(void)kill(burners().pids[0], SIGKILL); /* reaping is the holder's */
	for (int i = 0; i < 1000 && rc == 0 && !r.lost; i++) {
		sleep_usec(20 * USEC_PER_MSEC);
		rc = fault_cpu_load.hold(&r, &e);
	}
	assert_true(rc < 0 || r.lost);
	undo();
}

static void
a_cpu_that_is_not_there_is_invalid(void **state)
{
	struct err e = { 0 };

	(void)state;
	spec = spec_of("20%", "4000");
	r = (struct fault_run){ .spec = &spec, .protect = &protect, .barrier_fd = -1 };
	assert_int_equal(undo_ctx_open(&r.ctx, -1, true, &e), 0);
	assert_int_equal(fault_cpu_load.prepare(&r, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "CPU 4000"));
	undo_ctx_free(r.ctx);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burners_sleep_until_they_are_woken),
		cmocka_unit_test(every_cpu_gets_its_own),
		cmocka_unit_test(a_burner_has_no_power),
		cmocka_unit_test(undo_without_apply_ends_them_too),
		cmocka_unit_test(letting_go_of_the_leash_is_enough),
		cmocka_unit_test(the_death_of_the_holder_is_enough),
		cmocka_unit_test(a_burner_that_somebody_ended_is_noticed),
		cmocka_unit_test(a_cpu_that_is_not_there_is_invalid),
	};

	/* a burner is the holder's own program again, and here that is this one */
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	fault_id_make("test_cpu_load", "", (unsigned)getpid(), fault_id);
	pidns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
