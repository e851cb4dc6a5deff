/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian beside a stormd that is nothing but its pulse, its lock and a holder: what
 * ever takes that stormd away, afterwards there is no record, no object and no process, and
 * only then is the lock free.
 */
#include "fdio.h"
#include "toy.h"

#include "pulse.h"
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define FAULT "c0ffee11"

/* What the fake processes tell the test; one page shared by all of them. */
struct scene {
	_Atomic int guardian, holder, keeper; /* pids, 0 not yet: never signal 0 */
	_Atomic int ready;
};

static struct scene *scene;

struct plot {
	const char *what;
	int signal;        /* what the test sends to stormd; 0 nothing */
	bool is_overdue;   /* stormd ticks on, and a deadline passes */
	bool holder_stops; /* the holder is SIGSTOPped, and no parent's death ends it */
	bool has_keeper;   /* an orphan that would make an object later on */
	bool leaves_in_order; /* stormd undoes all, says so and ends */
	bool is_ephemeral;
};

static void
wait_until(_Atomic int *flag, const char *what)
{
	usec_t until = clock_boottime() + 20 * USEC_PER_SEC;

	while (*flag <= 0) {
		if (clock_boottime() > until)
			die("%s does not happen", what);
		sleep_usec(USEC_PER_MSEC);
	}
}

/* --- the actors ------------------------------------------------------------------------ */

static void __attribute__((noreturn)) play_holder(const struct plot *plot)
{
	struct toy *t = calloc(1, sizeof(*t));

	/* The worst kind of holder: no death signal, a session of its own. */
	(void)setsid();
	(void)snprintf(t->fault, sizeof(t->fault), FAULT);
	toy_prepare(t);
	toy_make(t);
	if (plot->leaves_in_order) {
		toy_undo(t);
		scene->ready = 1;
		_exit(0);
	}
	scene->ready = 1;
	for (;;)
		(void)pause();
}

/* As an orphaned iptables-restore that waits for its lock: it acts when all seems over. */
static void __attribute__((noreturn)) play_keeper(void)
{
	struct err e = { 0 };
	struct nl *n;

	(void)setsid();
	if (nl_open(&n, NETLINK_NETFILTER, &e) < 0)
		_exit(1);
	scene->keeper = getpid();
	wait_until(&scene->holder, "the holder");
	while (kill(scene->holder, 0) == 0)
		sleep_usec(USEC_PER_MSEC);
	sleep_usec(300 * USEC_PER_MSEC);
	(void)ipset_create(n, "sd-" FAULT "-6", 6, 16, &e);
	_exit(0);
}

static void
start_guardian(int pulse_fd, int lock, int barrier)
{
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	const int fds[] = { pulse_fd, self, barrier, lock };
	const char *argv[] = { "stormd-undo", "--guard", "--run-dir", world.run_dir,
		"--state-dir", world.state_dir, "--host-dir", world.host_dir, NULL };
	const struct spawn s = { .path = world.undo_program,
		.argv = argv,
		.fds = fds,
		.fds_count = ARRAY_LEN(fds),
		.role = SPAWN_GUARDIAN };
	struct err e = { 0 };
	pid_t pid;
	int pidfd;

	if (spawn(&s, &pid, &pidfd, &e) < 0) {
		(void)fprintf(stderr, "guardian: %s\n", e.msg);
		_exit(1);
	}
	scene->guardian = pid;
}

static int
take_lock(void)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/lock", world.run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static struct pulse *
make_pulse(int *ret_fd)
{
	struct pulse *p;

	*ret_fd = memfd_create("pulse", MFD_CLOEXEC);
	if (*ret_fd < 0 || ftruncate(*ret_fd, sizeof(*p)) < 0)
		_exit(1);
	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
	if (p == MAP_FAILED)
		_exit(1);
	p->tick = clock_boottime();
	p->live = 1;
	return p;
}

/* Runs the actors; they keep the barrier's write end, the guardian has its read end. */
static void
cast_actors(const struct plot *plot, int pulse_fd)
{
	int barrier[2], lock = take_lock();
	pid_t pid;

	if (lock < 0 || pipe2(barrier, O_CLOEXEC) < 0)
		_exit(1);
	start_guardian(pulse_fd, lock, barrier[0]);
	(void)close(barrier[0]);
	pid = fork();
	if (pid == 0) {
		(void)close(lock);
		play_holder(plot);
	}
	scene->holder = pid;
	if (plot->has_keeper && fork() == 0) {
		(void)close(lock);
		play_keeper();
	}
	(void)close(barrier[1]);
}

static void __attribute__((noreturn)) play_stormd(const struct plot *plot)
{
	int pulse_fd;
	struct pulse *p = make_pulse(&pulse_fd);

	cast_actors(plot, pulse_fd);
	for (;;) {
		p->tick = clock_boottime();
		if (scene->ready && plot->is_overdue)
			p->deadline = clock_boottime() - PULSE_OVERDUE;
		if (scene->ready && plot->leaves_in_order) {
			p->live = 0;
			p->done = 1;
			_exit(0);
		}
		if (plot->is_overdue && p->deadline != 0) {
			/* it ticks, but does not do what it should */
			for (int i = 0; i < 2000; i++) {
				p->tick = clock_boottime();
				sleep_usec(10 * USEC_PER_MSEC);
			}
		}
		sleep_usec(10 * USEC_PER_MSEC);
	}
}

/* --- the play -------------------------------------------------------------------------- */

static bool
is_there(pid_t pid)
{
	struct process_id id;

	return process_id_get(pid, &id) == 0 && process_id_alive(id);
}

/* Between fork and exec and a little longer it is what any process is to a signal; by its
 * name it says that this is over. */
static void
wait_for_guardian(const struct plot *plot)
{
	usec_t until = clock_boottime() + 30 * USEC_PER_SEC;
	char path[64], comm[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)scene->guardian);
	for (;;) {
		if (read_file_at(AT_FDCWD, path, comm, sizeof(comm)) > 0 &&
		    strcmp(comm, "stormd-guardian\n") == 0)
			return;
		if (clock_boottime() > until)
			die("%s: the guardian never began", plot->what);
		sleep_usec(5 * USEC_PER_MSEC);
	}
}

static void
act(const struct plot *plot, pid_t stormd)
{
	if (plot->leaves_in_order)
		return;
	wait_for_guardian(plot);
	/* It must not go when a service manager or a terminal sends it away. */
	(void)kill(scene->guardian, SIGTERM);
	(void)kill(scene->guardian, SIGHUP);
	(void)kill(scene->guardian, SIGINT);
	sleep_usec(50 * USEC_PER_MSEC);
	if (!is_there(scene->guardian))
		die("%s: the guardian has left before stormd", plot->what);
	if (plot->holder_stops)
		(void)kill(scene->holder, SIGSTOP);
	if (plot->signal != 0)
		(void)kill(stormd, plot->signal);
}

static void
wait_for_lock(const struct plot *plot)
{
	usec_t until = clock_boottime() + 30 * USEC_PER_SEC;
	int lock = -1;

	while (access(world.run_dir, F_OK) == 0 && (lock = take_lock()) < 0) {
		if (clock_boottime() > until)
			die("%s: the guardian never lets go of the lock", plot->what);
		sleep_usec(5 * USEC_PER_MSEC);
	}
	if (lock >= 0)
		(void)close(lock);
}

static void
mark_ephemeral(void)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/ephemeral", world.run_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		die("create %s: %m", path);
	(void)close(fd);
}

static void
play(const struct plot *plot)
{
	pid_t stormd;

	if (mkdir(world.run_dir, 0755) < 0 && errno != EEXIST)
		die("mkdir %s: %m", world.run_dir);
	if (plot->is_ephemeral)
		mark_ephemeral();
	memset(scene, 0, sizeof(*scene));
	stormd = fork();
	if (stormd == 0)
		play_stormd(plot);
	wait_until(&scene->ready, "the fault");
	wait_until(&scene->holder, "the holder");
	wait_until(&scene->guardian, "the guardian");
	if (plot->has_keeper)
		wait_until(&scene->keeper, "the keeper");
	act(plot, stormd);
	(void)waitpid(stormd, NULL, 0);
	wait_for_lock(plot);
	if (is_there(scene->holder))
		die("%s: the holder is alive", plot->what);
	if (plot->has_keeper)
		sleep_usec(500 * USEC_PER_MSEC);
	world_same(plot->what);
	if (plot->is_ephemeral && access(world.run_dir, F_OK) == 0)
		die("%s: the run-dir of an embedded drill is left", plot->what);
	(void)printf("ok: %s\n", plot->what);
}

static void
alone_it_says_what_it_needs(void)
{
	if (world_undo("--guard", NULL, 0) != 2)
		die("--guard without its descriptors is not an error");
}

int
main(void)
{
	static const struct plot plots[] = {
		{ "stormd killed", .signal = SIGKILL },
		{ "stormd stopped", .signal = SIGSTOP },
		{ "stormd ticking past a deadline", .is_overdue = true },
		{ "stormd killed with its holder stopped", .signal = SIGKILL,
		    .holder_stops = true },
		{ "stormd and holder stopped", .signal = SIGSTOP, .holder_stops = true },
		{ "stormd killed, an orphan still to act", .signal = SIGKILL,
		    .has_keeper = true },
		{ "stormd left in order", .leaves_in_order = true },
		{ "an embedded stormd killed", .signal = SIGKILL, .is_ephemeral = true },
	};

	world_make();
	scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (scene == MAP_FAILED)
		die("mmap: %m");
	alone_it_says_what_it_needs();
	for (size_t i = 0; i < ARRAY_LEN(plots); i++)
		play(&plots[i]);
	world_drop();
	return 0;
}
