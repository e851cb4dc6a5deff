/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.load on a loop disk of the test's own: what it counts the disk has seen, targets are
 * met over its time, nothing is left, and what it refuses.
 */
#include "test.h"

#include "cleanup.h"
#include "crew.h"
#include "disk.h"
#include "fault.h"
#include "io_page.h"
#include "loop_disk.h"
#include "pidns.h"
#include "xalloc.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/random.h>

TEST_WITHOUT_LEAK_CHECK

#define ENOUGH   400 /* I/Os: more than a journal does by itself */
#define PATIENCE (60 * USEC_PER_SEC)

static struct loop_disk disk;
static struct protect protect;
static struct undo_ctx *ctx;
static struct err e;

static struct spec
spec_of(const char *path, const char *const *args)
{
	struct spec s;
	unsigned id;

	spec_init(&s, &kind_disk_load);
	/* Ours alone: groups are the machine's, and another test may have left one. */
	assert_int_equal(getrandom(&id, sizeof(id), 0), sizeof(id));
	(void)snprintf(s.id, sizeof(s.id), "%08x", id);
	assert_ok(spec_set(&s, "path", path, &e), e);
	for (; args[0] != NULL; args += 2)
		assert_ok(spec_set(&s, args[0], args[1], &e), e);
	assert_ok(spec_finish(&s, &e), e);
	return s;
}
#define SPEC(...) spec_of(disk.at, (const char *const[]){ __VA_ARGS__, NULL })

static int
prepare(struct fault_run *r, const struct spec *s)
{
	e = (struct err){ 0 };
	*r = (struct fault_run){ .spec = s,
		.protect = &protect,
		.run_dir = "/proc",
		.state_dir = "/proc",
		.ctx = ctx,
		.barrier_fd = -1 };
	return fault_disk_load.prepare(r, &e);
}

static void
arm(struct fault_run *r, const struct spec *s)
{
	assert_ok(prepare(r, s), e);
	assert_ok(fault_disk_load.stage(r, &e), e);
	assert_ok(fault_disk_load.apply(r, &e), e);
	assert_ok(fault_disk_load.verify(r, &e), e);
}

/* Until so many I/Os of the load itself are done. */
static void
await(struct fault_run *r, uint64_t ios)
{
	const usec_t until = clock_boottime() + PATIENCE;

	while (r->effect < ios && clock_boottime() < until) {
		sleep_usec(20 * USEC_PER_MSEC);
		assert_ok(fault_disk_load.hold(r, &e), e);
	}
	assert_true(r->effect >= ios);
}

static void
undo(struct fault_run *r)
{
	assert_ok(undo_run(ctx, &r->undo, BEAT_DISARM, &e), e);
	assert_ok(undo_check(ctx, &r->undo, BEAT_DISARM, &e), e);
	assert_ok(fault_disk_load.release(r, &e), e);
	assert_ok(undo_run(ctx, &r->undo, BEAT_SWEEP, &e), e);
	assert_ok(undo_check(ctx, &r->undo, BEAT_SWEEP, &e), e);
}

static uint64_t
available(void)
{
	_cleanup_close_ int dir = disk_open_dir(disk.at, &e);
	struct disk_space s;

	assert_ok(disk_space(dir, &s, &e), e);
	return s.available * s.block;
}

/* As soon as the last of its blocks is given back. */
static void
expect_available(uint64_t before)
{
	const usec_t until = clock_boottime() + PATIENCE;

	while (available() != before && clock_boottime() < until)
		sleep_usec(5 * USEC_PER_MSEC);
	assert_int_equal(available(), before);
}

static void
the_disk_has_seen_what_was_counted(void **state)
{
	const char *engine = *state;
	struct spec s = SPEC("size", "8MiB", "engine", engine);
	struct loop_count before = loop_disk_count(&disk), now;
	const uint64_t space = available();
	struct fault_run r;

	arm(&r, &s);
	await(&r, ENOUGH);
	now = loop_disk_count(&disk);
	/* blocks of 4 KiB are 8 sectors; the first 8 MiB make the file */
	assert_true((now.read_sectors - before.read_sectors) / 8 +
			(now.written_sectors - before.written_sectors) / 8 >=
		    ENOUGH);
	assert_true(now.reads > before.reads);
	assert_true(available() < space);
	assert_non_null(strstr(r.note, engine));
	assert_non_null(strstr(r.note, "p99"));
	undo(&r);
	expect_available(space);
}

static void
only_what_was_asked_for_is_done(void **state)
{
	struct spec s = SPEC("size", "4MiB", "operation", "read", "pattern", "sequential",
	    "block", "64KiB", "depth", "2", "workers", "3");
	struct fault_run r;

	(void)state;
	arm(&r, &s);
	await(&r, ENOUGH);
	assert_non_null(strstr(r.note, " 0 writes"));
	undo(&r);
	s = SPEC("size", "4MiB", "operation", "write", "direct", "no", "block", "1000");
	arm(&r, &s);
	await(&r, ENOUGH);
	assert_non_null(strstr(r.note, " 0 reads"));
	undo(&r);
}

static unsigned long
number_before(const char *note, const char *word)
{
	const char *at = strstr(note, word);

	assert_non_null(at);
	while (at > note && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return strtoul(at, NULL, 10);
}

static void
reads_have_their_share(void **state)
{
	struct spec s = SPEC("size", "4MiB", "read_share", "80%");
	unsigned long reads, writes;
	struct fault_run r;

	(void)state;
	arm(&r, &s);
	await(&r, 4 * ENOUGH);
	reads = number_before(r.note, " reads");
	writes = number_before(r.note, " writes");
	assert_in_range(reads * 100 / (reads + writes), 72, 88);
	undo(&r);
}

/* Counted over its time: never more than was asked for, and near it on average. */
static void
targets_are_met(void **state)
{
	const char *engine = *state;
	struct spec s =
	    SPEC("size", "1MiB", "operation", "write", "iops", "200", "engine", engine);
	struct fault_run r;
	usec_t began, time;

	began = clock_boottime();
	arm(&r, &s);
	await(&r, 500);
	time = clock_boottime() - began;
	assert_true(r.effect <= 200 * (time + 200 * USEC_PER_MSEC) / USEC_PER_SEC);
	assert_true(r.effect >= 100 * time / USEC_PER_SEC);
	undo(&r);
}

static void
a_loader_that_somebody_ended_is_a_fault_lost(void **state)
{
	struct spec s = SPEC("size", "2MiB");
	const usec_t until = clock_boottime() + PATIENCE;
	struct fault_run r;
	struct crew *crew;
	int rc = 0;

	(void)state;
	arm(&r, &s);
	crew = r.state; /* comes first in it */
	assert_int_equal(kill(crew->pid[0], SIGKILL), 0);
	while (rc >= 0 && clock_boottime() < until)
		rc = fault_disk_load.hold(&r, &e);
	assert_true(r.lost);
	assert_non_null(strstr(e.msg, "somebody ended"));
	undo(&r);
}

static void
nothing_is_left_when_it_was_never_applied(void **state)
{
	struct spec s = SPEC("size", "2MiB");
	const uint64_t space = available();
	const struct dirent *entry;
	struct fault_run r;
	DIR *d;

	(void)state;
	assert_ok(prepare(&r, &s), e);
	assert_ok(fault_disk_load.stage(&r, &e), e);
	assert_int_equal(available(), space);
	d = opendir(disk.at);
	while ((entry = readdir(d)) != NULL)
		assert_true(
		    entry->d_name[0] == '.' || strcmp(entry->d_name, "lost+found") == 0);
	(void)closedir(d);
	undo(&r);
	expect_available(space);
}

static void
refused(const struct spec *s, const char *word)
{
	struct fault_run r;

	if (prepare(&r, s) >= 0 || strstr(e.msg, word) == NULL)
		fail_msg("'%s' where '%s' should be refused", e.msg, word);
	assert_ok(fault_disk_load.release(&r, &(struct err){ 0 }), e);
}

static void
what_does_not_fit_is_refused(void **state)
{
	struct spec s = SPEC("size", "1GiB");

	(void)state;
	refused(&s, "are available");
	s = SPEC("size", "8MiB");
	protect.disk_leave = available() - (4 << 20);
	refused(&s, "must stay");
	protect.disk_leave = 0;
	(void)snprintf(protect.paths, sizeof(protect.paths), "%s", disk.at);
	refused(&s, "policy protects");
	protect.paths[0] = '\0';
	s = spec_of("/no/such/place", (const char *const[]){ NULL });
	refused(&s, "/no/such/place");
}

static void
what_is_asked_for_must_make_sense(void **state)
{
	static const struct {
		const char *args[7];
		const char *says;
	} wrong[] = {
		{ { "operation", "read", "read_share", "50%" }, "operation=mixed" },
		{ { "workers", "64", "depth", "256" }, "1024 I/Os in flight" },
		{ { "block", "16MiB", "depth", "32" }, "256MiB of memory" },
		{ { "block", "2MiB", "size", "1MiB" }, "one block for each worker" },
		{ { "block", "1000" }, "multiple of 512" },
		{ { "cgroup", "/x", "container", "y" }, "not both" },
	};
	struct spec s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		spec_init(&s, &kind_disk_load);
		assert_ok(spec_set(&s, "path", "/srv", &e), e);
		for (size_t k = 0; wrong[i].args[k] != NULL; k += 2)
			assert_ok(
			    spec_set(&s, wrong[i].args[k], wrong[i].args[k + 1], &e), e);
		assert_true(spec_finish(&s, &e) < 0);
		assert_non_null(strstr(e.msg, wrong[i].says));
	}
}

/* --- counting and turns, without a disk ------------------------------------------------ */

static void
percentiles_are_right_to_a_sixteenth(void **state)
{
	static const uint64_t latencies[] = { 5, 100, 4096, 150000, 7777777, 3000000000 };
	struct io_page *p = xcalloc(1, sizeof(*p));
	struct io_thread t = { .page = p, .tally = &p->tally[1] };
	struct io_sum s;

	(void)state;
	p->plan.workers = 2;
	for (size_t i = 0; i < ARRAY_LEN(latencies); i++) {
		memset(p->tally, 0, sizeof(p->tally));
		for (int k = 0; k < 99; k++)
			io_done(&t, false, latencies[i]);
		io_done(&t, true, 2 * latencies[i]);
		s = io_sum(p);
		assert_int_equal(s.reads, 99);
		assert_int_equal(s.writes, 1);
		assert_in_range(s.p50_ns, latencies[i] - latencies[i] / 16,
		    latencies[i] + latencies[i] / 16);
		assert_int_equal(s.p99_ns, s.p50_ns);
	}
	free(p);
}

static void
turns_come_at_their_distance_and_lost_ones_stay_lost(void **state)
{
	struct io_page *p = xcalloc(1, sizeof(*p));
	uint64_t first, second;

	(void)state;
	assert_int_equal(io_turn(p), 0); /* no target: at once */
	p->plan.interval_ns = 1000000;
	atomic_store(&p->next_ns, io_now_ns() + IO_SECOND);
	first = io_turn(p);
	second = io_turn(p);
	assert_int_equal(second - first, 1000000);
	/* after an hour of silence not an hour's worth at once */
	atomic_store(&p->next_ns, io_now_ns() - 3600 * IO_SECOND);
	assert_true(io_turn(p) + IO_SECOND > io_now_ns());
	free(p);
}

static int
setup(void **state)
{
	(void)state;
	e = (struct err){ 0 };
	return undo_ctx_open(&ctx, -1, true, &e);
}

static int
teardown(void **state)
{
	(void)state;
	undo_ctx_free(ctx);
	return 0;
}

int
main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_BY(f, s)                                  \
 {                                                     \
#  f ":" s, f, setup, teardown, (void *)(uintptr_t)(s) \
 }
	const struct CMUnitTest tests[] = {
		TEST_BY(the_disk_has_seen_what_was_counted, "threads"),
		TEST_BY(targets_are_met, "threads"),
		TEST(only_what_was_asked_for_is_done),
		TEST(reads_have_their_share),
		TEST(a_loader_that_somebody_ended_is_a_fault_lost),
		TEST(nothing_is_left_when_it_was_never_applied),
		TEST(what_does_not_fit_is_refused),
		TEST(what_is_asked_for_must_make_sense),
		cmocka_unit_test(percentiles_are_right_to_a_sixteenth),
		cmocka_unit_test(turns_come_at_their_distance_and_lost_ones_stay_lost),
	};
	const struct CMUnitTest by_uring[] = {
		TEST_BY(the_disk_has_seen_what_was_counted, "io_uring"),
		TEST_BY(targets_are_met, "io_uring"),
	};
	int failed;

	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	if (loop_disk_make(&disk, 64 << 20) < 0) {
		(void)loop_disk_end(&disk);
		skip_all("no loop device, or no mkfs.ext4");
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (io_uring_try() == 0)
		failed += cmocka_run_group_tests(by_uring, NULL, NULL);
	else
		(void)printf("skip: no io_uring here\n");
	return loop_disk_end(&disk) < 0 ? 1 : failed;
}
