/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_WORLD_H
#define AGENT_WORLD_H
/*
 * A real stormd in a world of its own, with a front that we are ourselves: this program,
 * started by stormd under the name of stormd-front, is agent_front.h.  So a test can say
 * what a real front never would.
 */
#include "agent_front.h"
#include "api.h"
#include "chan.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "kind.h"
#include "msg.h"
#include "parse.h"
#include "pidns.h"
#include "test.h"
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PATIENCE_MS 60000 /* until a test gives up: never a measure */
#define ATTEMPTS    20    /* at what the agent says the machine was too busy for */

struct world {
	char top[64], bin[96], run[96], host[96], policy[96], front_pid[128];
	pid_t stormd;
	int stderr_fd; /* stormd's, if not ours: 0 */
	char pki[96];  /* with --listen; "": without */
	int lifeline;  /* ephemeral: our end */
	int socket;    /* connected to the agent's socket */
	uint32_t seq;
};

/* What an answer consisted of. */
struct reply {
	struct err err;
	struct agent_status agent;
	size_t drills, faults, texts;
	struct drill_status drill; /* the last one */
	struct fault_status fault[DRILL_FAULTS_MAX];
	char text[OPS_TEXT_MAX]; /* the last one */
};

/* --- the world --------------------------------------------------------------------------- */

static void
copy_program(const char *from, const char *to)
{
	char bytes[65536];
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write_all(out, bytes, (size_t)n), 0);
}

/* stormd looks beside itself for the others: a copy of it, and links to them. */
static void
world_open(struct world *w)
{
	static const char *const others[] = { "stormd-fault", "stormd-undo" };
	char self[256] = "", path[512], to[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	*w = (struct world){
		.top = "/tmp/storm-agent.XXXXXX", .lifeline = -1, .socket = -1
	};
	assert_non_null(mkdtemp(w->top));
	(void)snprintf(w->bin, sizeof(w->bin), "%s/bin", w->top);
	(void)snprintf(w->host, sizeof(w->host), "%s/host", w->top);
	(void)snprintf(w->run, sizeof(w->run), "%s/host/test", w->top);
	(void)snprintf(w->policy, sizeof(w->policy), "%s/policy", w->top);
	assert_int_equal(mkdir(w->bin, 0755), 0);
	(void)snprintf(to, sizeof(to), "%s/stormd-front", w->bin);
	assert_int_equal(symlink(self, to), 0);
	/* …/tests/contract/agent → …/bin */
	for (int i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		(void)snprintf(path, sizeof(path), "%s/bin/%s", self, others[i]);
		(void)snprintf(to, sizeof(to), "%s/%s", w->bin, others[i]);
		assert_int_equal(symlink(path, to), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/bin/stormd", self);
	(void)snprintf(to, sizeof(to), "%s/stormd", w->bin);
	copy_program(path, to);
}

static inline void
write_policy(const struct world *w, const char *text)
{
	_cleanup_close_ int fd =
	    open(w->policy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

static void
remove_tree(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/rm", "rm", "-rf", "--", path, (char *)NULL);
		_exit(127);
	}
	(void)waitpid(pid, NULL, 0);
}

static void
exec_stormd(const struct world *w, int lifeline, int ready)
{
	char path[128], state[128], lifeline_text[16], ready_text[16];
	const char *argv[20] = { "stormd", "--run-dir", w->run, "--host-dir", w->host,
		"--state-dir", state, "--policy", w->policy, "--ready-fd", ready_text };

	(void)snprintf(path, sizeof(path), "%s/stormd", w->bin);
	(void)snprintf(state, sizeof(state), "%s/state", w->top);
	(void)snprintf(ready_text, sizeof(ready_text), "%d", ready);
	if (lifeline >= 0) {
		(void)snprintf(lifeline_text, sizeof(lifeline_text), "%d", lifeline);
		argv[11] = "--ephemeral";
		argv[12] = "--lifeline-fd";
		argv[13] = lifeline_text;
	} else if (w->pki[0] != '\0') {
		argv[11] = "--listen"; /* of a network namespace without a link */
		argv[12] = "0.0.0.0";
		argv[13] = "--pki";
		argv[14] = w->pki;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (w->stderr_fd > 0)
		(void)dup2(w->stderr_fd, STDERR_FILENO);
	(void)execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
agent_connect(struct world *w)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (w->socket >= 0)
		(void)close(w->socket);
	w->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" API_SOCKET, w->run);
	assert_int_equal(connect(w->socket, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

/* Starts stormd; true when it says that it is ready. */
static bool
agent_try(struct world *w, bool ephemeral)
{
	int ready[2], life[2] = { -1, -1 };
	char said[4] = "";

	assert_int_equal(pipe(ready), 0);
	if (ephemeral)
		assert_int_equal(pipe(life), 0);
	w->stormd = fork();
	if (w->stormd == 0) {
		(void)close(life[1]);
		exec_stormd(w, life[0], ready[1]);
	}
	(void)close(ready[1]);
	if (ephemeral)
		(void)close(life[0]);
	w->lifeline = life[1];
	(void)!read(ready[0], said, sizeof(said));
	(void)close(ready[0]);
	return said[0] == '1';
}

static inline void
agent_start(struct world *w, bool ephemeral)
{
	assert_true(agent_try(w, ephemeral));
	agent_connect(w);
}

static int
agent_end(struct world *w)
{
	int status;

	if (w->lifeline >= 0)
		(void)close(w->lifeline);
	w->lifeline = -1;
	assert_int_equal(waitpid(w->stormd, &status, 0), w->stormd);
	w->stormd = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* By the beginning of its name, in our own pid namespace; 0: there is none. */
static pid_t
find_process(const char *name)
{
	DIR *proc = opendir("/proc");
	struct err e = { 0 };
	uint64_t pid = 0, found = 0;

	for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
		char path[300], comm[32] = "";

		(void)snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (read_file_at(AT_FDCWD, path, comm, sizeof(comm)) > 0 &&
		    strncmp(comm, name, strlen(name)) == 0 &&
		    parse_u64(entry->d_name, &pid, &e) == 0)
			found = pid;
	}
	(void)closedir(proc);
	return (pid_t)found;
}

static void
world_close(struct world *w)
{
	if (w->stormd > 0) {
		(void)kill(w->stormd, SIGKILL);
		(void)agent_end(w);
	}
	for (int i = 0; i < PATIENCE_MS / 10 && find_process("stormd") != 0; i++)
		(void)usleep(10000);
	if (w->socket >= 0)
		(void)close(w->socket);
	remove_tree(w->top);
}

/* --- talking ------------------------------------------------------------------------------- */

static void
agent_send(struct world *w, const void *bytes, size_t len)
{
	uint32_t n = (uint32_t)len;

	assert_int_equal(send(w->socket, &n, sizeof(n), MSG_NOSIGNAL), sizeof(n));
	assert_int_equal(send(w->socket, bytes, len, MSG_NOSIGNAL), len);
}

static bool
read_message(struct world *w, union msg *ret)
{
	struct pollfd p = { .fd = w->socket, .events = POLLIN };
	uint32_t len = 0;

	if (poll(&p, 1, PATIENCE_MS) == 0)
		fail_msg("stormd does not answer");
	if (recv(w->socket, &len, sizeof(len), MSG_WAITALL) != sizeof(len))
		return false;
	assert_true(len <= sizeof(*ret));
	assert_int_equal(recv(w->socket, ret, len, MSG_WAITALL), len);
	assert_int_equal(len, msg_size(ret->head.type));
	return true;
}

/* Everything up to the answer of `seq`; false when the front went away instead. */
static bool
agent_read(struct world *w, uint32_t seq, struct reply *r)
{
	static union msg m;

	memset(r, 0, sizeof(*r));
	while (read_message(w, &m)) {
		if (m.head.seq != seq)
			continue; /* of a request nobody waits for any more */
		if (m.head.type == MSG_ANSWER) {
			r->err = m.answer.err;
			return true;
		}
		if (m.head.type == MSG_AGENT)
			r->agent = m.agent.agent;
		if (m.head.type == MSG_DRILL) {
			r->drill = m.drill.drill;
			r->drills++;
			r->faults = 0;
		}
		if (m.head.type == MSG_FAULT && r->faults < ARRAY_LEN(r->fault))
			r->fault[r->faults++] = m.fault.fault;
		if (m.head.type == MSG_TEXT) {
			memcpy(r->text, m.text.text, sizeof(r->text));
			r->texts++;
		}
	}
	return false;
}

static uint32_t
send_verb(struct world *w, uint32_t type, const char *drill)
{
	struct msg_drill_verb m = { .head = { .type = type, .seq = ++w->seq },
		.cause = type == MSG_UNDO ? UNDO_ASKED : 0 };

	if (drill != NULL)
		(void)snprintf(m.drill, sizeof(m.drill), "%s", drill);
	agent_send(w, &m, msg_size(type));
	return w->seq;
}

static struct reply
verb(struct world *w, uint32_t type, const char *drill)
{
	struct reply r;

	assert_true(agent_read(w, send_verb(w, type, drill), &r));
	return r;
}

static struct msg_arm
arm_message(struct world *w, const char *drill, uint16_t count)
{
	struct msg_arm a = { .head = { .type = MSG_ARM, .seq = ++w->seq },
		.name = "test",
		.who = "tester (uid 0)",
		.lease_ms = 60000,
		.pid = getpid(),
		.count = count };

	(void)snprintf(a.drill, sizeof(a.drill), "%s", drill);
	return a;
}

static void
send_arm(struct world *w, const struct msg_arm *a, const struct spec *faults)
{
	static struct msg_spec m;

	agent_send(w, a, sizeof(*a));
	for (size_t i = 0; i < a->count; i++) {
		m = (struct msg_spec){ .head = { .type = MSG_ARM_FAULT,
					   .seq = a->head.seq,
					   .uid = a->head.uid },
			.spec = faults[i] };
		agent_send(w, &m, sizeof(m));
	}
}

static struct reply
arm(struct world *w, const char *drill, const struct spec *faults, uint16_t count)
{
	struct msg_arm a = arm_message(w, drill, count);
	struct reply r;

	send_arm(w, &a, faults);
	assert_true(agent_read(w, a.head.seq, &r));
	return r;
}

/* "cpu.load percent=5 cpus=0" */
static struct spec
spec_make(const char *name, usec_t duration, const char *text)
{
	char copy[256], *save = NULL, *word;
	struct err e = { 0 };
	struct spec s;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	spec_init(&s, kind_find(strtok_r(copy, " ", &save)));
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		char *value = strchr(word, '=');

		*value++ = '\0';
		if (spec_set(&s, word, value, &e) != 0)
			fail_msg("%s", e.msg);
	}
	s.duration = duration;
	(void)snprintf(s.name, sizeof(s.name), "%s", name);
	if (spec_finish(&s, &e) != 0)
		fail_msg("%s", e.msg);
	return s;
}

static inline struct reply
wait_state(struct world *w, const char *drill, enum fault_state state)
{
	struct reply r;

	for (int i = 0; i < PATIENCE_MS / 5; i++) {
		r = verb(w, MSG_SHOW, drill);
		if (r.faults > 0 && r.fault[0].state == state)
			return r;
		(void)usleep(5000);
	}
	fail_msg("fault is %s, never %s: %s", fault_state_name(r.fault[0].state),
	    fault_state_name(state), r.fault[0].err.msg);
	return r;
}

/* Until it is, or was, in force or has failed; asked by `type`: a renewal confirms. */
static inline struct reply
wait_active(struct world *w, const char *drill, uint32_t type)
{
	struct reply r = { 0 };

	for (int i = 0; i < PATIENCE_MS / 5; i++) {
		r = verb(w, type, drill);
		if (r.faults > 0 &&
		    (r.fault[0].active != 0 || r.fault[0].outcome != OUTCOME_DONE))
			return r;
		(void)usleep(5000);
	}
	fail_msg("fault is %s, never in force", fault_state_name(r.fault[0].state));
	return r;
}

static inline size_t
count_files(const struct world *w, const char *below)
{
	char path[256];
	size_t n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/%s", w->host, below);
	d = opendir(path);
	if (d == NULL)
		return 0;
	for (struct dirent *entry; (entry = readdir(d)) != NULL;)
		n += entry->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

/* --- what most tests begin with ---------------------------------------------------------- */

#define MIN (60 * USEC_PER_SEC)

/* Two drills; new ones in every run, because names of cgroups follow from them and those
 * are the machine's. */
static char A[UUID_LEN], B[UUID_LEN];

static const char load_text[] = "cpu.load percent=2 cpus=0";
static const char cut_text[] = "net.partition to=192.0.2.0/24";

static struct reply
arm_one(struct world *w, const char *drill, const char *text, usec_t duration)
{
	struct spec s = spec_make("one", duration, text);

	return arm(w, drill, &s, 1);
}

static void
must(const struct reply *r)
{
	if (r->err.code != 0)
		fail_msg("%s", r->err.msg);
}

static inline void
wait_no_records(const struct world *w)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (count_files(w, "test/undo") == 0)
			return;
		(void)usleep(10000);
	}
	fail_msg("a record is left");
}

/* Armed and fired; it will be, or was, in force. */
static inline struct reply
fire_one(struct world *w, const char *drill, const char *text, usec_t duration)
{
	struct reply r = arm_one(w, drill, text, duration);

	must(&r);
	assert_int_equal(r.fault[0].state, FAULT_STAGED);
	r = verb(w, MSG_FIRE, drill);
	must(&r);
	return r;
}

/* On a machine that stalls: our renewal came when its second was over, or we looked when all
 * was over. */
static inline bool
was_too_busy(const struct reply *r)
{
	return r->drill.cause == UNDO_UNCONFIRMED || r->drill.cause == UNDO_END;
}

/* In force, confirmed and to stay so.  `drill` gets another id for each attempt. */
static inline struct reply
activate(struct world *w, char *drill, const char *text, usec_t duration)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		struct reply r = fire_one(w, drill, text, duration);

		(void)wait_active(w, drill, MSG_RENEW);
		r = verb(w, MSG_RENEW, drill);
		if (r.fault[0].state == FAULT_ACTIVE)
			return r;
		r = verb(w, MSG_WAIT, drill);
		if (!was_too_busy(&r))
			fail_msg("fault is %s, not active: %s",
			    fault_state_name(r.fault[0].state), r.fault[0].err.msg);
		uuid_make(drill);
	}
	fail_msg("the machine was too busy in each of %d attempts", ATTEMPTS);
	return (struct reply){ 0 };
}

static inline int
setup(void **state)
{
	static struct world w;

	uuid_make(A);
	uuid_make(B);
	world_open(&w);
	write_policy(&w, "allow cpu.load net.partition\nirreversible process.kill\n");
	agent_start(&w, false);
	*state = &w;
	return 0;
}

static inline int
teardown(void **state)
{
	world_close(*state);
	return 0;
}

#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
