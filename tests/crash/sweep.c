/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kill sweep: a fault dies after its N-th step, for every N from the record to its own
 * last act, and `stormd-undo --all` must leave the namespace as it was, each time.  Then
 * two faults that share objects, one of them dying beside the other.
 */
#include "toy.h"

static int
run_toy(const char *fault, int die_at, bool lasts)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct toy *t = calloc(1, sizeof(*t));

		(void)snprintf(t->fault, sizeof(t->fault), "%s", fault);
		t->die_at = die_at;
		t->lasts = lasts;
		toy_prepare(t);
		toy_make(t);
		toy_undo(t);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die("fork: %m");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void
expect_undone(const char *what)
{
	int rc = world_undo("--all", NULL, 0);

	if (rc != 0)
		die("stormd-undo --all after %s: exit %d", what, rc);
	world_same(what);
}

static void
dies_at_every_step(bool lasts)
{
	char what[64];
	int n, rc;

	for (n = 1; (rc = run_toy("c0ffee01", n, lasts)) == TOY_DEATH; n++) {
		(void)snprintf(what, sizeof(what), "dying at step %d%s", n,
		    lasts ? " of what outlives the boot" : "");
		expect_undone(what);
	}
	if (rc != 0)
		die("the toy failed by itself at step %d: %d", n, rc);
	if (n < 30)
		die("only %d steps: the toy has made next to nothing", n);
	world_same("a whole life");
	(void)printf("%d deaths%s, each undone\n", n - 1,
	    lasts ? " of what outlives the boot" : "");
}

/* Fully armed: enough of everything that the check below can fail. */
static int
steps_to_armed(void)
{
	struct toy t = { .fault = "c0ffee02" };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		toy_prepare(&t);
		toy_make(&t);
		_exit(t.step);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		die("waitpid: %m");
	return WEXITSTATUS(status);
}

static void
expect_named(const char *verb, int code, const char *text)
{
	char out[16384];
	int rc = world_undo(verb, out, sizeof(out));

	if (rc != code || strstr(out, text) == NULL)
		die("%s: exit %d, and no '%s' in:\n%s", verb, rc, text, out);
}

/* The cgroup tree is the machine's: other tests may have groups in it. */
static void
expect_no_residue(void)
{
	char out[16384];

	(void)world_undo("--doctor", out, sizeof(out));
	if (strstr(out, "c0ffee") != NULL)
		die("--doctor finds:\n%s", out);
}

static void
two_faults_share_and_both_die(void)
{
	int armed = steps_to_armed();

	if (run_toy("c0ffee03", armed, false) != TOY_DEATH)
		die("the second toy did not come as far as the first");
	expect_named("--doctor", 20, "outstanding: fault c0ffee02");
	expect_named("--doctor", 20, "outstanding: fault c0ffee03");
	expect_named("--list", 0, "ipset flush sd-c0ffee03-4");
	expect_undone("two faults that shared their tables");
	expect_undone("undoing twice");
	expect_no_residue();
}

/* Someone has deleted the record: nothing is undone, but it is seen. */
static void
residue_without_a_record_is_seen(void)
{
	char path[256], keep[300];

	(void)steps_to_armed();
	(void)snprintf(path, sizeof(path), "%s/undo/c0ffee02", world.run_dir);
	(void)snprintf(keep, sizeof(keep), "%s/kept", world.dir);
	if (rename(path, keep) < 0)
		die("rename %s: %m", path);
	expect_named("--doctor", 20, "residue: set sd-c0ffee02-4");
	expect_named("--doctor", 20, "residue: link sdc0ffee02e");
	expect_named(
	    "--doctor", 20, "residue: chain SD-c0ffee02-O in IPv6's table filter");
	expect_named("--doctor", 20, "residue: cgroup stormdrill-c0ffee02");
	if (rename(keep, path) < 0)
		die("rename %s: %m", keep);
	expect_undone("putting the record back");
}

int
main(void)
{
	world_make();
	dies_at_every_step(false);
	dies_at_every_step(true);
	two_faults_share_and_both_die();
	residue_without_a_record_is_seen();
	world_drop();
	return 0;
}
