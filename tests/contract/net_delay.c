/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.delay against real traffic between two network namespaces, by each engine that this
 * kernel has: what is delayed and by how much, what is not, that staging changes nothing,
 * that undoing leaves the host as it was, and that a holder that is killed takes the delay
 * with it or leaves it to the record.  Delays are medians, compared generously: at least
 * nine tenths of what was asked, and less than twice as much.  Too little is a failure at
 * once; too much may be the machine's doing, so it is measured again: a fault that delays
 * too much, or is still there, does so every time.
 */
#include "control.h"
#include "echo.h"
#include "fault.h"

#include <sys/stat.h>

#include "cleanup.h"
#include "snapshot.h"
#include "test.h"
#include "xalloc.h"

#define ATTEMPTS 10
#define ID       "7b1c09aa"
#define OTHER_ID "7b1c09ab"

static struct store store;
static struct undo_ctx *ctx; /* of this process: what the guardian would undo with */
static pid_t far_pid;
static const char *engine;
static struct protect protect; /* what of the host no fault may touch */
static char dir[] = "/tmp/stormdrill-delay-XXXXXX";

/* --- a holder in a process of its own --------------------------------------------------- */

struct holder {
	pid_t pid;
	int channel; /* a letter there asks for a step, one back says that it is done */
	struct shared {
		struct spec spec;
		struct fault_run run;
		struct err e;
	} * shared;
};

static int
open_world(struct store *s, struct undo_ctx **c, struct err *e)
{
	char run_dir[64], host_dir[64];

	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
	(void)snprintf(host_dir, sizeof(host_dir), "%s/host", dir);
	return store_open(s, run_dir, "", host_dir, e) < 0 ?
		   e->code :
		   undo_ctx_open(c, -1, true, e);
}

/* The whole undo.  `releasing` is the holder's own run, NULL when it is dead. */
static int
undo_by_list(struct store *s, struct undo_ctx *c, const struct undo_list *l,
    struct fault_run *releasing, struct err *e)
{
	if (undo_run(c, l, BEAT_DISARM, e) < 0 || undo_check(c, l, BEAT_DISARM, e) < 0)
		return e->code;
	if (releasing != NULL && fault_find("net.delay")->release(releasing, e) < 0)
		return e->code;
	if (undo_run(c, l, BEAT_SWEEP, e) < 0 || shared_sweep(s, c, e) < 0)
		return e->code;
	return undo_check(c, l, BEAT_SWEEP, e);
}

static int
holder_step(char step, struct fault_run *r, struct err *e)
{
	const struct fault *f = fault_find("net.delay");

	switch (step) {
	case 's':
		if (f->supported(e) < 0 || f->prepare(r, e) < 0)
			return e->code;
		return f->stage(r, e);
	case 'p':
		return f->prepare(r, e);
	case 'a':
		return f->apply(r, e) < 0 ? e->code : f->verify(r, e);
	case 'h': /* a turn is what every step gets: only the answer is wanted */
		return 0;
	default:
		return undo_by_list(r->store, r->ctx, &r->undo, r, e);
	}
}

static void
holder_main(struct shared *s, int channel)
{
	const struct fault *f = fault_find("net.delay");
	struct fault_run *r = &s->run;
	static struct store mine;
	bool is_active = false;
	char step = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r->spec = &s->spec;
	r->protect = &protect;
	r->store = &mine;
	r->barrier_fd = r->wake_ms = -1;
	if (open_world(&mine, &r->ctx, &s->e) < 0)
		_exit(1);
	while (step != 'u') {
		struct pollfd fds[1 + FAULT_FDS_MAX] = { { .fd = channel,
		    .events = POLLIN } };

		memcpy(fds + 1, r->fds, sizeof(r->fds));
		(void)poll(fds, 1 + r->fds_count, is_active ? r->wake_ms : -1);
		if (is_active && f->hold(r, &s->e) < 0)
			_exit(2);
		if (fds[0].revents == 0)
			continue;
		if (read(channel, &step, 1) != 1)
			_exit(3);
		is_active = step == 'a' || (is_active && step != 'u');
		if (holder_step(step, r, &s->e) < 0)
			(void)!write(channel, "!", 1);
		else
			(void)!write(channel, "k", 1);
	}
	_exit(0);
}

static struct holder
holder_new(const char *id, const char *args)
{
	struct holder h = { .shared =
				mmap(NULL, sizeof(*h.shared), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0) };
	_cleanup_free_ char *words = xasprintf("%s engine=%s", args, engine);
	struct spec *spec = &h.shared->spec;
	char *save = NULL;
	struct err e = { 0 };
	int ends[2];

	spec_init(spec, kind_find("net.delay"));
	for (char *w = strtok_r(words, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		assert_ok(spec_set(spec, w, value, &e), e);
	}
	spec->duration = 60 * USEC_PER_SEC;
	assert_ok(spec_finish(spec, &e), e);
	memcpy(spec->id, id, FAULT_ID_LEN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	h.pid = fork();
	if (h.pid == 0) {
		(void)close(ends[0]);
		holder_main(h.shared, ends[1]);
	}
	(void)close(ends[1]);
	h.channel = ends[0];
	return h;
}

static bool
try_step(struct holder *h, char step)
{
	char answer = 0;

	assert_int_equal(write(h->channel, &step, 1), 1);
	return read(h->channel, &answer, 1) == 1 && answer == 'k';
}

static void
step(struct holder *h, char what)
{
	if (!try_step(h, what))
		fail_msg("step '%c': %s", what, h->shared->e.msg);
}

static struct holder
holder_on(const char *id, const char *args)
{
	struct holder h = holder_new(id, args);

	step(&h, 's');
	step(&h, 'a');
	return h;
}

static void
holder_end(struct holder *h)
{
	int status;

	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	(void)close(h->channel);
	(void)munmap(h->shared, sizeof(*h->shared));
}

static void
holder_off(struct holder *h)
{
	step(h, 'u');
	holder_end(h);
}

/* --- the host as it is ------------------------------------------------------------------- */

static char *
look_around(void)
{
	static const char commands[] =
	    "PATH=$PATH:/usr/sbin:/sbin\n"
	    "ip -o link show | sed 's/^[0-9]*: //'; tc qdisc show\n"
	    "tc filter show dev near0 egress; tc filter show dev near0 ingress\n"
	    "for s in iptables-save ip6tables-save; do $s; done |\n"
	    "    sed '/^#/d; s/\\[[0-9:]*\\]//'\n"
	    "ipset save; nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'\n"
	    "cat /proc/self/net/netfilter/nfnetlink_queue 2>/dev/null |\n"
	    "    sed 's/^ *\\([0-9]*\\).*/queue \\1/'\n";
	const char *const argv[] = { "/bin/sh", "-c", commands, NULL };
	char *text = xcalloc(1, 65536);

	assert_int_equal(tool(argv, NULL, text, 65536), 0);
	return text;
}

static void
assert_as_before(const char *before)
{
	_cleanup_free_ char *after = look_around();
	char residue[1024] = "";
	struct err e = { 0 };

	assert_string_equal(after, before);
	if (residue_list(ctx, ID, residue, sizeof(residue), &e) != 0 ||
	    residue_list(ctx, OTHER_ID, residue, sizeof(residue), &e) != 0)
		fail_msg("residue: %s%s", residue, e.msg);
}

/* --- what is delayed ---------------------------------------------------------------------- */

/* Round trips in ms that each fault should add. */
struct case_ {
	const char *args;
	double far4, far6, other4, far4_port2;
};

static void
assert_delay(const char *to, uint16_t port, double asked, const char *when)
{
	double ms = 0;

	for (int i = 0; i < ATTEMPTS && (i == 0 || ms > asked * 2 + 30); i++) {
		ms = echo_median(to, port);
		print_message("         %-12s %-9s port %u: %6.2f ms of %3.0f\n", when,
		    to, port, ms, asked);
		if (ms < 0)
			fail_msg("%s: no answer from %s", when, to);
	}
	if (ms < asked * 0.9 || ms > asked * 2 + 30)
		fail_msg("%s: %.2f ms to %s port %u, asked for %.0f", when, ms, to, port,
		    asked);
}

static void
assert_delays(const struct case_ *c, const char *when)
{
	assert_delay(FAR4, ECHO_PORT, c->far4, when);
	assert_delay(FAR6, ECHO_PORT, c->far6, when);
	assert_delay(OTHER4, ECHO_PORT, c->other4, when);
	assert_delay(FAR4, ECHO_PORT_2, c->far4_port2, when);
}

static const struct case_ undelayed = { NULL, 0, 0, 0, 0 };

static void
delays_exactly_what_was_chosen(void **state)
{
	static const struct case_ cases[] = {
		{ "delay=50ms to=" FAR4, 50, 0, 0, 50 },
		{ "delay=50ms to=" FAR4 "," FAR6 " direction=ingress", 50, 50, 0, 50 },
		{ "delay=50ms to=" FAR6 " direction=both interface=near0", 0, 100, 0, 0 },
		{ "delay=60ms to=any protocol=udp port=4001", 60, 60, 60, 0 },
		{ "delay=60ms to=any protocol=tcp", 0, 0, 0, 0 },
		{ "delay=50ms to=10.99.0.0/31,10.99.0.2/31,fd99::/126 port=4002", 0, 0, 0,
		    50 },
	};
	_cleanup_free_ char *before = look_around();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct holder h = holder_new(ID, cases[i].args);

		print_message("         %s\n", cases[i].args);
		step(&h, 's');
		assert_delays(&undelayed, "staged");
		step(&h, 'a');
		assert_delays(&cases[i], "active");
		step(&h, 'h');
		if (cases[i].far4 + cases[i].far6 + cases[i].far4_port2 > 0)
			assert_true(h.shared->run.effect >= ECHO_ROUNDS);
		else
			assert_int_equal(h.shared->run.effect, 0);
		assert_non_null(strstr(h.shared->run.note, engine));
		holder_off(&h);
		assert_delays(&undelayed, "undone");
		assert_as_before(before);
	}
}

static void
two_delays_at_once_do_not_disturb_each_other(void **state)
{
	static const struct case_ both = { NULL, 40, 0, 80, 40 },
				  second = { NULL, 0, 0, 80, 0 };
	_cleanup_free_ char *before = look_around();
	struct holder a = holder_on(ID, "delay=40ms to=" FAR4);
	struct holder b = holder_on(OTHER_ID, "delay=80ms to=" OTHER4);

	(void)state;
	assert_delays(&both, "both");
	holder_off(&a);
	assert_delays(&second, "the second");
	holder_off(&b);
	assert_delays(&undelayed, "none");
	assert_as_before(before);
}

/* Whoever armed it by TCP must be able to end it without delay. */
static void
the_agents_own_port_is_not_delayed(void **state)
{
	struct control c;
	struct holder h;

	(void)state;
	assert_int_equal(control_start(&c, far_pid), 0);
	protect.control_port = NEAR_CONTROL;
	h = holder_on(ID, "delay=400ms to=any direction=both");
	protect.control_port = 0;
	for (int i = 0; i < ECHO_ROUNDS; i++) {
		double four = control_trip(&c, BY_CONTROL4, ECHO_WAIT_MS);
		double six = control_trip(&c, BY_CONTROL6, ECHO_WAIT_MS);

		assert_true(four >= 0 && four < 400 && six >= 0 && six < 400);
	}
	assert_true(control_trip(&c, BY_OTHER, ECHO_WAIT_MS) >= 800 * 0.9);
	assert_delay(FAR4, ECHO_PORT, 800, "any");
	holder_off(&h);
	control_end(&c);
}

/* "any" is every way out of this host, not the ways within it. */
static void
loopback_is_delayed_only_by_name(void **state)
{
	int echo = echo_local(), status;
	struct holder h = holder_on(ID, "delay=50ms to=any direction=both");

	(void)state;
	assert_delay(FAR4, ECHO_PORT, 100, "any");
	assert_delay("127.0.0.1", ECHO_PORT, 0, "any");
	holder_off(&h);
	h = holder_on(ID, "delay=50ms to=127.0.0.1 port=4001");
	assert_delay("127.0.0.1", ECHO_PORT, 50, "by name");
	holder_off(&h);
	assert_int_equal(kill(echo, SIGKILL), 0);
	assert_int_equal(waitpid(echo, &status, 0), echo);
}

static void
jitter_varies_within_its_bounds(void **state)
{
	enum { ROUNDS = 40 };
	struct holder h = holder_on(ID, "delay=60ms jitter=30ms to=" FAR4);
	int fd = echo_socket(FAR4, ECHO_PORT);
	double ms[ROUNDS];

	(void)state;
	for (int n = 0; n < ATTEMPTS; n++) {
		for (int i = 0; i < ROUNDS; i++) {
			ms[i] = echo_once(fd);
			assert_true(ms[i] >= 29);
		}
		qsort(ms, ROUNDS, sizeof(ms[0]), by_value);
		print_message("         from %.1f to %.1f, half of them to %.1f ms\n",
		    ms[0], ms[ROUNDS - 1], ms[ROUNDS / 2]);
		/* What comes late may be a stall's, and tells nothing. */
		if (ms[ROUNDS / 2] - ms[0] > 15 && ms[ROUNDS / 2] < 90)
			break;
	}
	assert_true(ms[ROUNDS / 2] - ms[0] > 15);
	assert_true(ms[ROUNDS / 2] < 90);
	(void)close(fd);
	holder_off(&h);
}

/* Packets held at the end are not lost: the sender gets every answer, early. */
static void
undoing_lets_go_what_is_held(void **state)
{
	enum { HELD = 20 };
	struct holder h = holder_on(ID, "delay=3s to=" FAR4);
	int fd = echo_socket(FAR4, ECHO_PORT), answers = 0;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double start = clock_ms();
	char c;

	(void)state;
	for (int i = 0; i < HELD; i++)
		assert_int_equal(send(fd, "x", 1, 0), 1);
	step(&h, 'h');
	holder_off(&h);
	while (
	    answers < HELD && poll(&p, 1, ECHO_WAIT_MS) == 1 && recv(fd, &c, 1, 0) == 1)
		answers++;
	print_message(
	    "         %d of %d after %.0f ms\n", answers, HELD, clock_ms() - start);
	assert_int_equal(answers, HELD);
	(void)close(fd);
}

static void
a_killed_holder_is_undone_by_its_list(void **state)
{
	_cleanup_free_ char *before = look_around();
	struct holder h = holder_on(ID, "delay=50ms to=" FAR4 "," FAR6 " direction=both");
	struct undo_list list = h.shared->run.undo;
	struct err e = { 0 };

	(void)state;
	assert_delay(FAR4, ECHO_PORT, 100, "active");
	assert_int_equal(kill(h.pid, SIGKILL), 0);
	holder_end(&h);
	if (strcmp(engine, "nfqueue") == 0)
		assert_delays(&undelayed, "killed");
	for (int i = 0; i < 2; i++) /* twice is once */
		assert_ok(undo_by_list(&store, ctx, &list, NULL, &e), e);
	assert_delays(&undelayed, "undone");
	assert_as_before(before);
}

static void
undoing_without_apply_or_stage_is_whole(void **state)
{
	_cleanup_free_ char *before = look_around();

	(void)state;
	for (const char *first = "ps"; *first != '\0'; first++) {
		struct holder h = holder_new(ID, "delay=50ms to=any direction=both");

		step(&h, *first);
		if (*first == 'p')
			assert_as_before(before);
		holder_off(&h);
		assert_as_before(before);
	}
}

static void
what_somebody_else_takes_away_is_told_as_lost(void **state)
{
	const char *const netem[] = { "/usr/sbin/tc", "qdisc", "del", "dev", "near0",
		"clsact", NULL };
	const char *const nfqueue[] = { "/usr/sbin/ipset", "flush", "sd-" ID "-4", NULL };
	_cleanup_free_ char *before = look_around();
	struct holder h;

	(void)state;
	if (strcmp(engine, "nfqueue") == 0 &&
	    access("/usr/sbin/iptables-restore", X_OK) != 0)
		skip_test("rules by nftables are nobody else's to take away");
	h = holder_on(ID, "delay=50ms to=" FAR4);
	step(&h, 'h');
	assert_false(h.shared->run.lost);
	assert_int_equal(
	    tool(strcmp(engine, "netem") == 0 ? netem : nfqueue, NULL, NULL, 0), 0);
	for (int i = 0; i < 600 && !h.shared->run.lost; i++)
		(void)poll(NULL, 0, 50);
	assert_true(h.shared->run.lost);
	assert_non_null(strstr(h.shared->run.note, "somebody else"));
	holder_off(&h);
	assert_as_before(before);
}

static void
what_is_taken_or_not_there_is_refused(void **state)
{
	struct holder h = holder_new(ID, "delay=50ms to=any interface=nosuch0");

	(void)state;
	assert_false(try_step(&h, 's'));
	assert_non_null(strstr(h.shared->e.msg, "no interface 'nosuch0'"));
	assert_int_equal(h.shared->run.undo.count, 0);
	holder_off(&h);
}

/* --- */

static int
make_world(void **state)
{
	char path[64];
	struct err e = { 0 };

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/run", dir);
	if (mkdir(path, 0700) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/host", dir);
	if (mkdir(path, 0700) < 0)
		return -1;
	far_pid = echo_start();
	if (far_pid < 0 || open_world(&store, &ctx, &e) < 0) {
		(void)fprintf(stderr, "make_world: %s\n", e.msg);
		return -1;
	}
	return 0;
}

static int
end_world(void **state)
{
	const char *const remove[] = { "/bin/rm", "-rf", dir, NULL };

	(void)state;
	undo_ctx_free(ctx);
	store_close(&store);
	if (far_pid > 0) {
		(void)kill(far_pid, SIGKILL);
		(void)waitpid(far_pid, NULL, 0);
	}
	return tool(remove, NULL, NULL, 0);
}

static bool
has_engine(const char *name)
{
	struct holder h;
	bool has;

	engine = name;
	h = holder_new(ID, "delay=50ms to=" FAR4);
	has = try_step(&h, 'p');
	if (!has)
		(void)printf("skip: engine %s: %s\n", name, h.shared->e.msg);
	(void)kill(h.pid, SIGKILL);
	holder_end(&h);
	return has;
}

/* With an argument only that engine. */
int
main(int argc, char **argv)
{
	static const char *const engines[] = { "netem", "nfqueue" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_exactly_what_was_chosen),
		cmocka_unit_test(two_delays_at_once_do_not_disturb_each_other),
		cmocka_unit_test(loopback_is_delayed_only_by_name),
		cmocka_unit_test(the_agents_own_port_is_not_delayed),
		cmocka_unit_test(jitter_varies_within_its_bounds),
		cmocka_unit_test(undoing_lets_go_what_is_held),
		cmocka_unit_test(a_killed_holder_is_undone_by_its_list),
		cmocka_unit_test(undoing_without_apply_or_stage_is_whole),
		cmocka_unit_test(what_somebody_else_takes_away_is_told_as_lost),
		cmocka_unit_test(what_is_taken_or_not_there_is_refused),
	};
	int failed = 0, ran = 0;

	if (geteuid() != 0)
		skip_all("needs root, for network namespaces of its own");
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		skip_all("cannot make a network namespace");
	if (mkdtemp(dir) == NULL || make_world(NULL) < 0)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
		if ((argc > 1 && strcmp(argv[1], engines[i]) != 0) ||
		    !has_engine(engines[i]))
			continue;
		ran++;
		failed += cmocka_run_group_tests_name(engines[i], tests, NULL, NULL);
	}
	(void)end_world(NULL);
	return failed > 0 ? 1 : ran > 0 ? 0 : 77;
}
