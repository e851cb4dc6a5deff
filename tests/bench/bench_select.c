/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing one process among 2,000 that sleep, in a pid namespace of their own: our walk,
 * pidfd held at its end, against `pgrep -f`, which is what people script.  And what an armed
 * fault then needs to kill it, against choosing and killing by program.
 */
#include "bench.h"
#include "cgroup.h"
#include "selection.h"
#include <time.h>

#define PROCESSES 2000
#define ROUNDS    15

static struct protect protect;

static void
fill_namespace(void)
{
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				(void)pause();
		}
	}
}

static struct spec
spec_of(const char *selector, const char *value)
{
	struct spec s;
	struct err e = { 0 };

	spec_init(&s, &kind_process_kill);
	must(spec_set(&s, selector, value, &e), selector, &e);
	must(spec_finish(&s, &e), selector, &e);
	return s;
}

static double
choose(const struct spec *spec)
{
	struct selection s;
	struct err e = { 0 };
	double begin = now_ms(), took;

	must(selection_make(&s, spec, &protect, &e), "choose", &e);
	took = now_ms() - begin;
	selection_release(&s);
	return took;
}

static double
run_pgrep(const char *flag, const char *pattern)
{
	double begin = now_ms();

	if (PEER("pgrep", flag, pattern) < 0)
		(void)fprintf(stderr, "pgrep %s found nothing\n", pattern);
	return now_ms() - begin;
}

static void
compare(const char *name, const char *selector, const char *value,
    const char *const *pgrep, const char *target)
{
	const struct spec spec = spec_of(selector, value);
	double ours[ROUNDS], peers[ROUNDS];
	char peer[16];

	for (int i = 0; i < ROUNDS; i++) {
		ours[i] = choose(&spec);
		peers[i] = run_pgrep(pgrep[0], pgrep[1]);
	}
	(void)snprintf(peer, sizeof(peer), "pgrep %s", pgrep[0]);
	print_row(&(struct figure){
	    .name = name,
	    .peer_name = peer,
	    .unit = "ms",
	    .target = target,
	    .ours = median(ours, ROUNDS),
	    .peer = median(peers, ROUNDS),
	});
}

/* In a group of its own; false where there is no tree to make one in. */
static bool
group_for(pid_t pid, char *path, size_t size)
{
	struct err e = { 0 };
	int root = cgroup_root(&e), dir = -1;

	(void)snprintf(path, size, "/storm-bench-%d-%ld", pid, (long)time(NULL));
	if (root < 0 || cgroup_create(root, path + 1, &dir, &e) < 0)
		return false;
	must(cgroup_join(dir, pid, &e), "join a cgroup", &e);
	(void)close(dir);
	(void)close(root);
	return true;
}

static void
compare_users(void)
{
	pid_t pid;

	(void)!setresuid(0, 64123, 0);
	pid = orphan("storm-user", NULL);
	(void)!setresuid(0, 0, 0);
	compare("select by user among 2,000", "user", "64123",
	    (const char *const[]){ "-u", "64123" }, "<= 1/6");
	end_orphan(pid);
}

static void
compare_groups(void)
{
	const char *const argv[] = { "/bin/sleep", "987655", NULL };
	pid_t pid = orphan("", argv);
	struct err e = { 0 };
	char path[64];
	int root;

	if (group_for(pid, path, sizeof(path)))
		compare("select by cgroup among 2,000", "cgroup", path,
		    (const char *const[]){ "-f", "sleep 987655" }, "<= 1/5");
	end_orphan(pid);
	root = cgroup_root(&e);
	(void)cgroup_remove(root, path + 1, &e); /* it may not be there */
	(void)close(root);
}

/* From the decision to a process that is dead, chosen beforehand. */
static double
kill_armed(void)
{
	static struct lone l;
	struct err e = { 0 };
	double begin, took;
	pid_t victim = orphan("storm-needle", NULL);

	LONE(&l, "process.kill", "name", "storm-needle");
	begin = now_ms();
	must(l.fault->apply(&l.run, &e), "apply", &e);
	must(l.fault->verify(&l.run, &e), "verify", &e);
	took = now_ms() - begin;
	lone_undo(&l);
	wait_gone(victim);
	return took;
}

static double
kill_by_program(void)
{
	pid_t victim = orphan("storm-needle", NULL);
	double begin = now_ms(), took;

	(void)PEER("pkill", "-KILL", "-x", "storm-needle");
	while (kill(victim, 0) == 0) /* reaped as soon as it is dead */
		continue;
	took = now_ms() - begin;
	return took;
}

static void
compare_kills(void)
{
	double ours[ROUNDS], peers[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		ours[i] = kill_armed();
		peers[i] = kill_by_program();
	}
	print_row(&(struct figure){
	    .name = "process.kill armed: decision to death",
	    .peer_name = "pkill -KILL",
	    .unit = "ms",
	    .target = "<= 1/500",
	    .ours = median(ours, ROUNDS),
	    .peer = median(peers, ROUNDS),
	});
}

int
main(void)
{
	const char *const sleeper_args[] = { "/bin/sleep", "987654", NULL };

	pidns_enter();
	if (PEER("pgrep", "--version") < 0) {
		(void)fprintf(stderr, "skip: pgrep is not installed\n");
		return 77;
	}
	fill_namespace();
	(void)orphan("", sleeper_args);
	compare("select by command line among 2,000", "cmdline", "*sleep 987654",
	    (const char *const[]){ "-f", "sleep 987654" }, "<= 1/6");
	compare("select by name among 2,000", "name", "sleep",
	    (const char *const[]){ "-x", "sleep" }, "<= 1/6, by comm alone <= 1/10");
	compare("select by regular expression among 2,000", "cmdline_regex",
	    "sleep 98765[0-9]$", (const char *const[]){ "-f", "sleep 98765[0-9]$" },
	    "<= 1/6");
	compare_users();
	compare_groups();
	compare_kills();
	return 0;
}
