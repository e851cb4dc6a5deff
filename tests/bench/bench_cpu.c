/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a load is from the asked percentage of CPU 0, second by second: cpu.load against
 * stress-ng --cpu-load, in turns, both judged by the kernel's clocks in nanoseconds and
 * none by what it says itself.  Of mode=add that is the CPU time of the load's processes,
 * which a machine in use hardly disturbs; of mode=total how long the CPU was not idle, which
 * it does.
 */
#include "bench.h"
#include "crew.h"
#include "fdio.h"
#include "proc.h"
#include <sched.h>

#define SECONDS 5

/* --- clocks --------------------------------------------------------------------------- */

static void
stay_on(unsigned first, unsigned last)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned i = first; i <= last; i++)
		CPU_SET(i, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

/* The first of that name in /proc/timer_list, which is CPU 0's; ns. */
static double
timer_list(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	at = at == NULL ? NULL : strchr(at, ':');
	return at == NULL ? 0 : strtod(at + 1, NULL);
}

/* What CPU 0 was not idle, ms.  Asked on CPU 0, where idle time is over just then. */
static double
busy_ms(void)
{
	static char text[1 << 20];
	struct err e = { 0 };
	uint64_t idle = 0;
	double ms;

	stay_on(0, 0);
	if (read_file_at(AT_FDCWD, "/proc/timer_list", text, sizeof(text)) > 0) {
		ms = now_ms() - (timer_list(text, ".idle_sleeptime") +
				    timer_list(text, ".iowait_sleeptime")) /
				    1e6;
	} else {
		must(proc_cpu_idle(&idle, 1, &e), "idle time", &e);
		ms = now_ms() - (double)idle / 1e3;
	}
	stay_on(0, CPU_SETSIZE - 1);
	return ms;
}

struct load_of {
	const char *comm;
	double ms;
};

static int
add_time(void *ctx, const struct proc *p, int dir)
{
	struct load_of *l = ctx;
	struct timespec t;
	clockid_t clock;

	(void)dir;
	if (strcmp(p->comm, l->comm) == 0 &&
	    clock_getcpuclockid(p->id.pid, &clock) == 0 && clock_gettime(clock, &t) == 0)
		l->ms += (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
	return 0;
}

/* CPU time of all processes of that name; NULL: how busy the CPU was. */
static double
load_ms(const char *comm)
{
	struct load_of l = { .comm = comm };
	struct err e = { 0 };

	if (comm == NULL)
		return busy_ms();
	must(proc_each(add_time, &l, &e), "processes", &e);
	return l.ms;
}

/* --- competitors ------------------------------------------------------------------------ */

/* So much of every 10 ms. */
static pid_t
start_competitor(unsigned percent)
{
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	stay_on(0, 0);
	for (;;) {
		const double until = now_ms() + percent / 10.0;

		while (now_ms() < until)
			;
		if (percent < 100)
			(void)usleep((100 - percent) * 100);
	}
}

static void
end_child(pid_t pid, int signal)
{
	if (pid <= 0)
		return;
	(void)kill(pid, signal);
	(void)waitpid(pid, NULL, 0);
}

/* The figures are worth what the machine is quiet: wait for that a while, once. */
static void
wait_quiet(void)
{
	static bool gave_up;

	for (int i = 0; i < 30 && !gave_up; i++) {
		double wall = now_ms(), busy = busy_ms();

		(void)usleep(500000);
		if ((busy_ms() - busy) / (now_ms() - wall) < 0.03)
			return;
	}
	if (!gave_up)
		(void)printf("(CPU 0 is in use by others: the rows of what a CPU is in "
			     "all mean little)\n");
	(void)fflush(stdout); /* or a child would print it again */
	gave_up = true;
}

/* --- the two sides ------------------------------------------------------------------------ */

struct contest {
	const char *percent;
	double asked;
	bool is_total;       /* of the CPU, others counted */
	unsigned competitor; /* percent; 0: none */
};

/* Mean distance from what was asked over whole seconds; l: our fault, which has its turns. */
static double
mean_error(const struct contest *c, const char *comm, struct lone *l)
{
	struct err e = { 0 };
	double sum = 0;

	for (int s = 0; s < SECONDS; s++) {
		const double wall = now_ms(), load = load_ms(c->is_total ? NULL : comm);

		while (now_ms() < wall + 1000) {
			(void)usleep(
			    l != NULL ? (useconds_t)l->run.wake_ms * 1000 : 100000);
			if (l != NULL)
				must(l->fault->hold(&l->run, &e), "hold", &e);
		}
		sum += fabs((load_ms(c->is_total ? NULL : comm) - load) /
				(now_ms() - wall) * 100 -
			    c->asked);
	}
	return sum / SECONDS;
}

static double
ours(const struct contest *c)
{
	static struct lone l;
	struct err e = { 0 };
	double error;

	LONE(&l, "cpu.load", "percent", c->percent, "cpus", "0", "mode",
	    c->is_total ? "total" : "add");
	must(l.fault->stage(&l.run, &e), "stage", &e);
	must(l.fault->apply(&l.run, &e), "apply", &e);
	must(l.fault->verify(&l.run, &e), "verify", &e);
	for (int i = 0; i < 40; i++) { /* both get a second to settle */
		(void)usleep((useconds_t)l.run.wake_ms * 1000);
		must(l.fault->hold(&l.run, &e), "hold", &e);
	}
	error = mean_error(c, "stormd-burner", &l);
	lone_undo(&l);
	return error;
}

static double
theirs(const struct contest *c)
{
	const pid_t pid = fork();
	double error;

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen("/dev/null", "w", stdout);
		(void)!freopen("/dev/null", "w", stderr);
		(void)execlp("stress-ng", "stress-ng", "--cpu", "1", "--taskset", "0",
		    "--cpu-load", c->percent, "-t", "60", (char *)NULL);
		_exit(127);
	}
	(void)sleep(1);
	error = mean_error(c, "stress-ng-cpu", NULL);
	end_child(pid, SIGTERM); /* it ends its own workers */
	return error;
}

static void
compare(const struct contest *c)
{
	char name[80], beside[32] = "";
	struct figure f = {
		.name = name,
		.peer_name = "stress-ng",
		.unit = "points",
		.target = c->competitor > 0 ? "<= 1/50" : "<= 1/20, <= 0.1 points",
	};
	pid_t other;

	if (c->is_total)
		wait_quiet();
	other = c->competitor > 0 ? start_competitor(c->competitor) : 0;
	f.ours = ours(c);
	f.peer = theirs(c);
	end_child(other, SIGKILL);
	if (c->competitor > 0)
		(void)snprintf(beside, sizeof(beside), ", %u%% beside", c->competitor);
	(void)snprintf(name, sizeof(name), "cpu.load %s%% %s%s: error of a second",
	    c->percent, c->is_total ? "in all" : "of its own", beside);
	print_row(&f);
}

int
main(int argc, char **argv)
{
	static const struct contest contests[] = {
		{ "30", 30, false, 0 },
		{ "50", 50, false, 0 },
		{ "80", 80, false, 0 },
		{ "30", 30, false, 100 },
		{ "30", 30, true, 0 },
		{ "50", 50, true, 0 },
		{ "80", 80, true, 0 },
		{ "50", 50, true, 20 },
	};

	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	if (PEER("stress-ng", "--version") < 0) {
		(void)fprintf(stderr, "skip: stress-ng is not installed\n");
		return 77;
	}
	for (size_t i = 0; i < ARRAY_LEN(contests); i++)
		compare(&contests[i]);
	return 0;
}
