/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far CPU 0 is from the asked percentage, second by second: cpu.load against
 * stress-ng --cpu-load, in turns.  Busy is the wall clock less the idle clock of /proc/stat,
 * which is what cpu.load promises; its steps are 10 ms, so a second is told to a point.  (The
 * run time of tasks, which cgroups count in nanoseconds, leaves out what a hypervisor steals.)
 */
#include "bench.h"
#include "crew.h"
#include "proc.h"

#define SECONDS 5

/* What CPU 0 was not idle, ms. */
static double
busy_ms(void)
{
	uint64_t idle = 0;
	struct err e = { 0 };

	must(proc_cpu_idle(&idle, 1, &e), "idle time", &e);
	return now_ms() - (double)idle / 1e3;
}

/* Mean distance from `asked` percent over whole seconds; `each` is called ten times in each. */
static double
mean_error(double asked, void (*each)(void *), void *ctx)
{
	double sum = 0;

	for (int s = 0; s < SECONDS; s++) {
		double wall = now_ms(), busy = busy_ms();

		for (int i = 0; i < 10; i++) {
			(void)usleep(100000);
			each(ctx);
		}
		sum += fabs((busy_ms() - busy) / (now_ms() - wall) * 100 - asked);
	}
	return sum / SECONDS;
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
		(void)printf("(CPU 0 is in use by others: the next rows mean little)\n");
	(void)fflush(stdout); /* or a child would print it again */
	gave_up = true;
}

static void
hold(void *ctx)
{
	struct lone *l = ctx;
	struct err e = { 0 };

	must(l->fault->hold(&l->run, &e), "hold", &e);
}

static void
nothing(void *ctx)
{
	(void)ctx;
}

static double
ours(const char *percent, double asked, bool is_alone)
{
	static struct lone l;
	struct err e = { 0 };
	double error;

	if (is_alone)
		wait_quiet();
	LONE(&l, "cpu.load", "percent", percent, "cpus", "0");
	must(l.fault->stage(&l.run, &e), "stage", &e);
	must(l.fault->apply(&l.run, &e), "apply", &e);
	must(l.fault->verify(&l.run, &e), "verify", &e);
	for (int i = 0; i < 10; i++) { /* both get a second to settle */
		(void)usleep(100000);
		hold(&l);
	}
	error = mean_error(asked, hold, &l);
	lone_undo(&l);
	return error;
}

static pid_t
start_stress(const char *percent)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen("/dev/null", "w", stdout);
		(void)!freopen("/dev/null", "w", stderr);
		(void)execlp("stress-ng", "stress-ng", "--cpu", "1", "--taskset", "0",
		    "--cpu-load", percent, "-t", "60", (char *)NULL);
		_exit(127);
	}
	(void)sleep(1);
	return pid;
}

static void
end_stress(pid_t pid)
{
	(void)kill(pid, SIGTERM); /* it ends its own workers */
	(void)waitpid(pid, NULL, 0);
}

static double
theirs(const char *percent, double asked, bool is_alone)
{
	pid_t pid;
	double error;

	if (is_alone)
		wait_quiet();
	pid = start_stress(percent);
	error = mean_error(asked, nothing, NULL);
	end_stress(pid);
	return error;
}

static void
compare(const char *percent, double asked, bool shared)
{
	if (shared)
		wait_quiet();
	pid_t other = shared ? start_stress("20") : 0;
	char name[64];
	struct figure f = {
		.name = name,
		.peer_name = "stress-ng",
		.unit = "points",
		.target = shared ? "<= 1/50" : "<= 1/20, <= 0.1 points",
		.ours = ours(percent, asked, !shared),
		.peer = theirs(percent, asked, !shared),
	};

	if (shared)
		end_stress(other);
	(void)snprintf(name, sizeof(name), "cpu.load %s%%%s: mean error of a second",
	    percent, shared ? ", 20% used by others" : "");
	print_row(&f);
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	if (PEER("stress-ng", "--version") < 0) {
		(void)fprintf(stderr, "skip: stress-ng is not installed\n");
		return 77;
	}
	compare("30", 30, false);
	compare("50", 50, false);
	compare("80", 80, false);
	compare("50", 50, true);
	return 0;
}
