/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error sweep: the N-th call fails with EIO, ENOSPC or ENOMEM, for every N, first of
 * storing a record, then of a holder's whole life.  What must hold: the failure is said,
 * no record is ever half there, and nothing of the fault is left.
 */
#include "crew.h"
#include "disk.h"
#include "holder.h"
#include "ident.h"
#include "kind.h"
#include "snapshot.h"
#include "world.h"
#include "wrap.h"
#include <dirent.h>
#include <poll.h>

#define FAULT    "c0ffee21"
#define DRILL    "9f0b6c1e-0000-4000-8000-0000c0ffee21"
#define N_MAX    2000
#define PATIENCE 30000 /* ms, until a test gives up: never a measure */

static const int numbers[] = { EIO, ENOSPC, ENOMEM };

/* --- the store --------------------------------------------------------------------------- */

static unsigned
count_entries(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	unsigned n = 0;

	if (d == NULL)
		die("list a directory: %m");
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n - 2;
}

/* What outlives a boot: a file that was never made. */
static void
add_file(struct record *r)
{
	struct undo u = { .op = UNDO_UNLINK_FILE };
	struct disk_place place;
	struct err e = { 0 };
	int dir = disk_open_dir(world.dir, &e);

	if (dir < 0 || disk_place(dir, &place, &e) < 0)
		die("%s", e.msg);
	(void)close(dir);
	u.num[0] = place.inode;
	u.num[1] = place.fsid;
	(void)snprintf(u.name, sizeof(u.name), "%s/" DISK_NAME_PREFIX FAULT, world.dir);
	undo_add(&r->undo, u);
}

static struct record
make_record(usec_t deadline)
{
	struct record r = { .fault = FAULT,
		.drill = DRILL,
		.kind = "net.partition",
		.summary = "net.partition to=any",
		.boot_id = DRILL,
		.holder = { 812, 1 },
		.hard_deadline = deadline };

	undo_add(&r.undo, (struct undo){ UNDO_SET_FLUSH, "sd-" FAULT "-4", "", { 0 } });
	return r;
}

/* Over an older record (deadline 1) or over none: which one is there afterwards? */
static bool
put_failing(struct store *s, bool has_old, int at, int number)
{
	struct record old = make_record(1), new = make_record(2), found;
	struct err e = { 0 }, none = { 0 };
	int rc;

	if (store_drop(s, FAULT, &none) < 0 || (has_old && store_put(s, &old, &none) < 0))
		die("%s", none.msg);
	wrap_set(at, number);
	wrap_is_on = true;
	rc = store_put(s, &new, &e);
	wrap_is_on = false;
	if (!wrap->has_struck && rc < 0)
		die("store_put fails by itself: %s", e.msg);
	if (rc < 0 && (rc != -number || strstr(e.msg, FAULT) == NULL ||
			  strstr(e.msg, strerror(number)) == NULL))
		die("call %d: error %d is told as '%s' (%d)", at, number, e.msg, rc);
	rc = store_get(s, FAULT, &found, &none) < 0 ? none.code : rc < 0 ? 1 : 2;
	if (rc != (e.code == 0 ? 2 :
		      has_old  ? 1 :
				 -ENOENT) ||
	    (rc > 0 && found.hard_deadline != (usec_t)rc))
		die("call %d fails with %d and leaves: %d %s", at, number, rc, none.msg);
	if (count_entries(s->dir) != (rc > 0))
		die("call %d fails with %d and leaves a file", at, number);
	return wrap->has_struck;
}

/* The same with nothing there yet, not even the directory: no promise, or one on disk. */
static bool
put_lasting_failing(int at, int number)
{
	struct record r = make_record(2), found;
	struct err e = { 0 }, none = { 0 };
	_cleanup_free_ char *rm = NULL;
	struct store s;
	int rc;

	add_file(&r);
	if (asprintf(&rm, "rm -rf %s", world.state_dir) < 0)
		die("out of memory");
	must(rm);
	if (store_open(&s, world.run_dir, world.state_dir, world.host_dir, &none) < 0)
		die("%s", none.msg);
	wrap_set(at, number);
	wrap_is_on = true;
	rc = store_put(&s, &r, &e);
	wrap_is_on = false;
	if (!wrap->has_struck && rc < 0)
		die("store_put fails by itself: %s", e.msg);
	if (rc < 0 && (rc != -number || strstr(e.msg, strerror(number)) == NULL))
		die("call %d: error %d is told as '%s' (%d)", at, number, e.msg, rc);
	/* a tmp that nobody left is looked for in vain */
	if (rc == 0 && wrap->has_struck && strcmp(wrap->struck, "unlinkat") != 0)
		die("call %d (%s) fails with %d: is it on disk, then?", at, wrap->struck,
		    number);
	if ((store_get(&s, FAULT, &found, &none) == 0) != (rc == 0))
		die("call %d fails with %d and leaves a record", at, number);
	if (s.state >= 0 && count_entries(s.state) != (rc == 0))
		die("call %d fails with %d and leaves a file", at, number);
	if (store_drop(&s, FAULT, &none) < 0)
		die("%s", none.msg);
	store_close(&s);
	return wrap->has_struck;
}

static void
a_lasting_record_is_on_disk_or_not_there(void)
{
	int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		for (n = 1; put_lasting_failing(n, numbers[i]); n++)
			continue;
	}
	if (n < 12)
		die("only %d calls in store_put: are they wrapped?", n - 1);
	(void)printf("store_put, to last: %d calls\n", n - 1);
}

static void
a_record_is_whole_or_not_there(void)
{
	struct err e = { 0 };
	struct store s;
	int n = 0;

	if (store_open(&s, world.run_dir, world.state_dir, world.host_dir, &e) < 0)
		die("%s", e.msg);
	for (size_t i = 0; i < 2 * ARRAY_LEN(numbers); i++) {
		for (n = 1; put_failing(&s, i % 2 != 0, n, numbers[i / 2]); n++)
			continue;
	}
	if (n < 4)
		die("only %d calls in store_put: are they wrapped?", n - 1);
	if (store_drop(&s, FAULT, &e) < 0)
		die("%s", e.msg);
	store_close(&s);
	(void)printf("store_put: %d calls\n", n - 1);
}

/* --- a holder ---------------------------------------------------------------------------- */

struct scenario {
	const char *kind, *args[4][2];
	bool is_applied; /* else undone as soon as it is staged */
	bool lacks_unnamed;
};

static struct msg_hold
make_hold(const struct scenario *c)
{
	struct msg_hold m = { .head.type = MSG_HOLD, .drill = DRILL };
	struct err e = { 0 };

	spec_init(&m.spec, kind_find(c->kind));
	memcpy(m.spec.id, FAULT, sizeof(FAULT));
	memcpy(m.spec.name, "swept", sizeof("swept"));
	m.spec.duration = 60 * USEC_PER_SEC;
	m.hard_deadline = clock_boottime() + 120 * USEC_PER_SEC;
	for (size_t i = 0; i < ARRAY_LEN(c->args) && c->args[i][0] != NULL; i++) {
		const char *value = c->args[i][1];

		if (spec_set(&m.spec, c->args[i][0],
			strcmp(value, "DIR") == 0 ? world.dir : value, &e) < 0)
			die("%s", e.msg);
	}
	if (spec_finish(&m.spec, &e) < 0 || spec_verify(&m.spec, &e) < 0)
		die("%s", e.msg);
	return m;
}

static pid_t
start_holder(const struct scenario *c, int *ret_chan)
{
	const char *argv[] = { "stormd-fault", c->kind, FAULT, "--run-dir", world.run_dir,
		"--state-dir", world.state_dir, "--host-dir", world.host_dir, NULL };
	int pair[2], barrier[2];
	struct err e = { 0 };
	pid_t pid;

	if (chan_pair(pair, &e) < 0 || pipe2(barrier, O_CLOEXEC) < 0)
		die("%s", e.msg);
	pid = fork();
	if (pid == 0) {
		int theirs = fcntl(pair[1], F_DUPFD, 20);
		int end = fcntl(barrier[1], F_DUPFD, 20);

		(void)dup2(theirs, CHAN_FD);
		(void)dup2(end, BARRIER_FD);
		for (int fd = BARRIER_FD + 1; fd < 64; fd++)
			(void)close(fd);
		wrap_is_on = true;
		wrap_lacks_unnamed = c->lacks_unnamed;
		_exit(holder_main((int)ARRAY_LEN(argv) - 1, (char **)(uintptr_t)argv));
	}
	(void)close(pair[1]);
	(void)close(barrier[0]);
	(void)close(barrier[1]);
	*ret_chan = pair[0];
	return pid;
}

/* Whatever is staged or in force, its promise stands on disk, whole. */
static void
expect_record(const struct fault_status *f)
{
	struct err e = { 0 };
	struct record r;
	struct store s;

	if (store_open(&s, world.run_dir, world.state_dir, world.host_dir, &e) < 0 ||
	    store_get(&s, FAULT, &r, &e) < 0)
		die("%s is %s: %s", f->kind, fault_state_name(f->state), e.msg);
	store_close(&s);
}

static void
tell(int chan, uint32_t type)
{
	struct msg_verb m = { .head.type = type };
	struct err e = { 0 };

	(void)chan_send(chan, &m, &e); /* gone: the next answer says so */
}

/* As stormd would, up to GONE or its death; the last word of it in *ret. */
static void
drive(const struct scenario *c, int chan, struct fault_status *ret, bool *ret_was_active)
{
	static union msg m;
	struct pollfd p = { .fd = chan, .events = POLLIN };
	struct msg_hold hold = make_hold(c);
	struct err e = { 0 };
	int rc = chan_send(chan, &hold, &e);

	while (rc >= 0 && ret->state != FAULT_GONE) {
		if (poll(&p, 1, PATIENCE) == 0)
			die("%s: the holder is %s and silent: %s", c->kind,
			    fault_state_name(ret->state), ret->err.msg);
		rc = chan_recv(chan, &m, &e);
		if (rc <= 0 || m.head.type != MSG_STATE)
			continue;
		*ret = m.fault.fault;
		if (ret->disarmed != 0)
			continue; /* on its way out: the record goes as well */
		if (ret->state == FAULT_STAGED) {
			expect_record(ret);
			tell(chan, c->is_applied ? MSG_APPLY : MSG_DISARM);
		} else if (ret->state == FAULT_ACTIVE && !*ret_was_active) {
			expect_record(ret);
			*ret_was_active = true;
			tell(chan, MSG_DISARM);
		}
	}
}

static void
expect_nothing_left(const struct scenario *c, int at, int number)
{
	struct err e = { 0 };
	char text[1024] = "";
	struct undo_ctx *ctx;
	struct store s;

	if (store_open(&s, world.run_dir, world.state_dir, world.host_dir, &e) < 0 ||
	    undo_ctx_open(&ctx, -1, false, &e) < 0)
		die("%s", e.msg);
	if (residue_list(ctx, FAULT, text, sizeof(text), &e) != 0)
		die("%s: call %d fails with %d and leaves: %s%s", c->kind, at, number,
		    text, e.msg);
	if (count_entries(s.dir) != 0 || count_entries(s.shared) != 0 ||
	    (s.state >= 0 && count_entries(s.state) != 0))
		die("%s: call %d fails with %d and leaves a record", c->kind, at, number);
	undo_ctx_free(ctx);
	store_close(&s);
}

/* One life in which the at-th call fails; true while there is such a call. */
static bool
live_failing(const struct scenario *c, int at, int number)
{
	struct fault_status last = { 0 };
	bool was_active = false;
	int chan, status;
	pid_t pid;

	pid = start_holder(c, &chan);
	drive(c, chan, &last, &was_active);
	(void)close(chan);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %m");
	if (last.state != FAULT_GONE && world_undo("--all", NULL, 0) != 0)
		die("%s: call %d fails with %d, the holder dies and is not undone",
		    c->kind, at, number);
	if (last.state == FAULT_GONE && last.outcome == OUTCOME_DONE &&
	    was_active != c->is_applied)
		die("%s: call %d fails with %d and nobody says so", c->kind, at, number);
	if (last.outcome != OUTCOME_DONE && last.err.msg[0] == '\0')
		die("%s: call %d fails with %d without a word", c->kind, at, number);
	if (!wrap->has_struck &&
	    (last.state != FAULT_GONE || last.outcome != OUTCOME_DONE))
		die("%s fails by itself: %s", c->kind, last.err.msg);
	expect_nothing_left(c, at, number);
	return wrap->has_struck;
}

static void
a_holder_survives_every_failure(const struct scenario *c)
{
	int n = 1;

	do
		wrap_set(n, numbers[(size_t)n % ARRAY_LEN(numbers)]);
	while (live_failing(c, n, wrap->number) && ++n < N_MAX);
	if (n < 15)
		die("%s: only %d calls: are they wrapped?", c->kind, n - 1);
	world_same(c->kind);
	(void)printf("%s: %d calls\n", c->kind, n - 1);
}

/* Before Linux 5.14: the members of a cgroup are killed one by one. */
static void
a_cgroup_is_killed_without_cgroup_kill(const struct scenario *c)
{
	wrap_lacks = "cgroup.kill";
	wrap_set(0, 0);
	(void)live_failing(c, 0, 0);
	wrap_lacks = "";
	world_same("a life without cgroup.kill");
}

int
main(int argc, char **argv)
{
	static const struct scenario scenarios[] = {
		{ "disk.fill", { { "path", "DIR" }, { "size", "1MiB" } }, true },
		{ "disk.fill", { { "path", "DIR" }, { "size", "1MiB" } }, true,
		    .lacks_unnamed = true },
		{ "cpu.load", { { "percent", "1" }, { "cpus", "0" } }, false },
		{ "net.partition", { { "to", "192.0.2.0/24" } }, true },
		{ "net.partition", { { "to", "192.0.2.0/24" }, { "engine", "nftables" } },
		    true },
	};

	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv); /* we are the holder's program */
	world_make();
	if (!wrap_open())
		die("mmap: %m");
	a_record_is_whole_or_not_there();
	a_lasting_record_is_on_disk_or_not_there();
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
		a_holder_survives_every_failure(&scenarios[i]);
	a_cgroup_is_killed_without_cgroup_kill(&scenarios[2]);
	world_drop();
	return 0;
}
