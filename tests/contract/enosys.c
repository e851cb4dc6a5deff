/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent on a kernel that lacks a call (crun's idea): a filter answers ENOSYS to one of
 * them, for stormd and everybody it starts.  Then a fault works from its arming to its end,
 * or it is said to be unsupported, and so is an agent that cannot start at all; what
 * nothing needs on Linux 5.10 may not be needed here either.
 */
#include "agent_world.h"
#include <seccomp.h>

enum need {
	OPTIONAL, /* newer than 5.10, or with a substitute: everything works */
	BY_SOME,  /* a fault may be unsupported */
	BY_ALL,   /* the agent may say that it cannot start */
};

static const struct refused {
	const char *call;
	enum need need;
} calls[] = {
	{ "epoll_pwait2", OPTIONAL }, /* 5.11 */
	{ "clone3", OPTIONAL },
	{ "faccessat2", OPTIONAL },
	{ "statx", OPTIONAL },
	{ "rseq", OPTIONAL },
	{ "renameat2", OPTIONAL },
	{ "mlockall", OPTIONAL },
	{ "sched_setscheduler", OPTIONAL },
	{ "fsopen", BY_SOME },
	{ "openat2", BY_SOME },
	{ "pidfd_send_signal", BY_SOME },
	{ "memfd_create", BY_ALL },
	{ "pidfd_open", BY_ALL },
	{ "close_range", BY_ALL },
};

static void
refuse(const char *call)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int number = seccomp_syscall_resolve_name(call);

	if (number == __NR_SCMP_ERROR)
		skip_all("this libseccomp does not know %s", call);
	assert_non_null(filter);
	assert_int_equal(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0), 0);
	assert_int_equal(seccomp_load(filter), 0);
	seccomp_release(filter);
}

/* Why it does not work here, or an error of the test. */
static void
is_unsupported(const struct refused *c, const struct err *e, const char *what)
{
	print_message("%s, %s: %s\n", c->call, what, e->msg);
	if (c->need == OPTIONAL || e->outcome != OUTCOME_UNSUPPORTED || e->msg[0] == '\0')
		fail_msg(
		    "without %s, %s is '%s'", c->call, what, outcome_name(e->outcome));
}

/* Up to where it is in force, refused or failed. */
static struct reply
arm_and_fire(struct world *w, const char *text)
{
	usec_t duration = strncmp(text, "process.kill", 12) == 0 ? 0 : MIN;
	struct reply r = arm_one(w, A, text, duration);

	if (r.err.code == 0)
		r = verb(w, MSG_FIRE, A);
	for (int n = 0; n < PATIENCE_MS / 5 && r.err.code == 0 &&
			r.fault[0].active == 0 && r.fault[0].state != FAULT_GONE;
	     n++) {
		(void)usleep(5000);
		r = verb(w, MSG_SHOW, A);
	}
	return r;
}

/* From arming to the end, or a refusal that says why; nothing is left in either case. */
static void
try_fault(struct world *w, const struct refused *c, const char *text)
{
	struct reply r;

	uuid_make(A);
	r = arm_and_fire(w, text);
	if (r.err.code != 0 || r.fault[0].outcome != OUTCOME_DONE)
		is_unsupported(c, r.err.code != 0 ? &r.err : &r.fault[0].err, text);
	else
		assert_true(r.fault[0].active != 0);
	(void)verb(w, MSG_UNDO, A);
	r = verb(w, MSG_WAIT, A);
	if (r.faults > 0)
		assert_int_equal(r.fault[0].state, FAULT_GONE);
	wait_no_records(w);
}

/* It may not start; then it has said why. */
static bool
may_start(struct world *w, const struct refused *c)
{
	char path[128], said[4096] = "";
	int out;

	(void)snprintf(path, sizeof(path), "%s/said", w->top);
	out = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	(void)dup2(out, STDERR_FILENO);
	if (agent_try(w, true))
		return true;
	(void)!pread(out, said, sizeof(said) - 1, 0);
	print_message("%s: %s", c->call, said);
	if (c->need != BY_ALL || strstr(said, "Linux 5.10") == NULL)
		fail_msg("without %s stormd does not start: %s", c->call, said);
	return false;
}

static int
live_without(const struct refused *c)
{
	static struct world w;
	char fill[160];
	pid_t victim = orphan("storm-victim", NULL);

	world_open(&w);
	(void)snprintf(fill, sizeof(fill), "disk.fill path=%s size=1MiB", w.top);
	refuse(c->call);
	if (may_start(&w, c)) {
		const char *const faults[] = { fill, "cpu.load percent=2 cpus=0",
			"net.partition to=192.0.2.0/24",
			"process.kill name=storm-victim" };

		agent_connect(&w);
		for (size_t i = 0; i < ARRAY_LEN(faults); i++)
			try_fault(&w, c, faults[i]);
		assert_int_equal(agent_end(&w), 0);
	}
	(void)kill(victim, SIGKILL);
	world_close(&w);
	return 0;
}

int
main(int argc, char **argv)
{
	int status, failed = 0;

	if (argc > 0 && strcmp(argv[0], "stormd-front") == 0)
		return front_main();
	pidns_enter();
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (argc > 1 && strcmp(argv[1], calls[i].call) != 0)
			continue;
		(void)fflush(stdout);
		if (fork() == 0)
			exit(live_without(&calls[i]));
		(void)wait(&status);
		print_message("%s: %s\n", calls[i].call, status == 0 ? "ok" : "FAILED");
		failed += status != 0;
	}
	return failed > 0;
}
