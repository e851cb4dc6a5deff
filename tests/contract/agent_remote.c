/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stormd allows to whom, when they come by certificate; how it reads and hands over
 * its pki; and a drill that is fired for a moment to come.  The front is ours, so identities
 * are what we say they are.
 */
#include "agent_world.h"
#include <netinet/in.h>

enum { LOG_MAX = 8192 };

/* --- who asks ------------------------------------------------------------------------------ */

struct somebody {
	uint32_t role, uid;
	const char *name;
};

static const struct somebody root = { ROLE_LOCAL, 0, "" };
static const struct somebody alice = { ROLE_OPERATOR, UID_REMOTE, "alice" };
static const struct somebody carol = { ROLE_OPERATOR, UID_REMOTE, "carol" };
static const struct somebody bob = { ROLE_VIEWER, UID_REMOTE, "bob" };

static void
put_head(struct msg_head *h, const struct somebody *who)
{
	h->role = who->role;
	h->uid = who->uid;
	(void)snprintf(h->name, sizeof(h->name), "%s", who->name);
}

static struct reply
ask_fire(struct world *w, const struct somebody *who, usec_t at)
{
	struct msg_drill_verb m = { .head = { .type = MSG_FIRE, .seq = ++w->seq },
		.at = at };
	struct reply r;

	put_head(&m.head, who);
	memcpy(m.drill, A, sizeof(m.drill));
	agent_send(w, &m, sizeof(m));
	assert_true(agent_read(w, w->seq, &r));
	return r;
}

static struct reply
ask(struct world *w, const struct somebody *who, uint32_t type)
{
	struct msg_drill_verb m = { .head = { .type = type, .seq = ++w->seq },
		.cause = type == MSG_UNDO ? UNDO_ASKED : 0 };
	struct reply r;

	put_head(&m.head, who);
	memcpy(m.drill, A, sizeof(m.drill));
	agent_send(w, &m, msg_size(type));
	assert_true(agent_read(w, w->seq, &r));
	return r;
}

static struct reply
ask_arm(struct world *w, const struct somebody *who, const char *claims)
{
	struct spec s = spec_make("one", MIN, cut_text);
	struct msg_arm a = arm_message(w, A, 1);
	static struct msg_spec f;
	struct reply r;

	put_head(&a.head, who);
	a.pid = 0;
	(void)snprintf(a.who, sizeof(a.who), "%s", claims);
	f = (struct msg_spec){ .head = a.head, .spec = s };
	f.head.type = MSG_ARM_FAULT;
	agent_send(w, &a, sizeof(a));
	agent_send(w, &f, sizeof(f));
	assert_true(agent_read(w, a.head.seq, &r));
	return r;
}

static void
assert_refused(struct reply r, const char *part)
{
	assert_int_equal(r.err.outcome, OUTCOME_REFUSED);
	if (strstr(r.err.msg, part) == NULL)
		fail_msg("'%s', not '%s'", r.err.msg, part);
}

/* --- the agent with TCP ---------------------------------------------------------------------- */

static struct world the_world;

static void
write_pki(const struct world *w, const char *name, const char *text, mode_t mode)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%.95s/%.24s", w->pki, name);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static int
open_stopped(void **state)
{
	struct world *w = &the_world;

	uuid_make(A);
	uuid_make(B);
	world_open(w);
	write_policy(w, "allow cpu.load net.partition\n");
	(void)snprintf(w->pki, sizeof(w->pki), "%.60s/pki", w->top);
	assert_int_equal(mkdir(w->pki, 0755), 0);
	write_pki(w, PKI_CA, "the ca", 0644);
	write_pki(w, PKI_CERT, "good", 0644);
	write_pki(w, PKI_KEY, "the key", 0600);
	*state = w;
	return 0;
}

static int
open_started(void **state)
{
	(void)open_stopped(state);
	agent_start(*state, false);
	return 0;
}

/* Starts it with stderr kept: its exit status, -1 when it runs; what it said into `said`. */
static int
start_and_hear(struct world *w, char said[static LOG_MAX])
{
	int status = -1;
	FILE *log = tmpfile();
	size_t n;

	assert_non_null(log);
	w->stderr_fd = fileno(log);
	if (!agent_try(w, false))
		status = agent_end(w);
	w->stderr_fd = 0;
	rewind(log);
	n = fread(said, 1, LOG_MAX - 1, log);
	said[n] = '\0';
	(void)fclose(log);
	return status;
}

/* --- permits -------------------------------------------------------------------------------- */

static void
an_operator_does_it_all(void **state)
{
	struct world *w = *state;
	struct reply r = ask_arm(w, &alice, "root@ops1 (uid 0)");

	must(&r);
	assert_string_equal(r.drill.who, "alice (by certificate), root@ops1 (uid 0)");
	assert_true(r.drill.uid == UID_REMOTE);
	r = ask(w, &alice, MSG_SELFTEST);
	must(&r);
	r = ask_fire(w, &alice, 0);
	must(&r);
	/* another operator may take it over */
	r = ask(w, &carol, MSG_RENEW);
	must(&r);
	r = ask(w, &carol, MSG_UNDO);
	must(&r);
	r = ask(w, &alice, MSG_HALT);
	must(&r);
	r = ask(w, &carol, MSG_RESUME);
	must(&r);
}

static void
a_viewer_looks_and_stops_and_nothing_else(void **state)
{
	static const uint32_t allowed[] = { MSG_SHOW, MSG_STATUS, MSG_DOCTOR, MSG_UNDO,
		MSG_WAIT, MSG_HALT };
	static const uint32_t denied[] = { MSG_FIRE, MSG_RENEW, MSG_SELFTEST,
		MSG_RESUME };
	struct world *w = *state;
	struct reply r;

	assert_refused(
	    ask_arm(w, &bob, ""), "'bob' is a viewer's: it may look, undo and halt");
	r = ask_arm(w, &alice, "");
	must(&r);
	assert_string_equal(r.drill.who, "alice (by certificate)");
	for (size_t i = 0; i < ARRAY_LEN(denied); i++)
		assert_refused(ask(w, &bob, denied[i]), "is a viewer's");
	r = ask(w, &bob, MSG_SHOW);
	assert_int_equal(r.drill.fired, 0);
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		r = ask(w, &bob, allowed[i]);
		must(&r);
	}
	r = ask(w, &bob, MSG_SHOW);
	assert_int_equal(r.drill.cause, UNDO_ASKED);
	assert_refused(ask(w, &bob, MSG_RESUME), "is a viewer's");
}

static void
what_root_armed_here_is_not_for_remote_operators(void **state)
{
	struct world *w = *state;
	struct reply r = arm_one(w, A, cut_text, MIN);

	must(&r);
	assert_refused(ask_fire(w, &alice, 0), "on the host itself");
	assert_refused(ask(w, &alice, MSG_RENEW), "on the host itself");
	r = ask(w, &alice, MSG_UNDO); /* but anybody may stop it */
	must(&r);
}

static void
root_may_take_over_what_was_armed_from_afar(void **state)
{
	struct world *w = *state;
	struct reply r = ask_arm(w, &alice, "");

	must(&r);
	r = ask_fire(w, &root, 0);
	must(&r);
	r = ask(w, &root, MSG_UNDO);
	must(&r);
}

static void
policy_names_the_operators(void **state)
{
	struct world *w = *state;
	struct reply r;

	world_close(w);
	(void)open_stopped(state);
	write_policy(w, "allow net.partition\nremote carol dave\n");
	agent_start(w, false);
	assert_refused(ask_arm(w, &alice, ""), "'alice' is not named by 'remote' in ");
	assert_refused(
	    ask(w, &alice, MSG_RESUME), "'alice' is not named by 'remote' in ");
	r = ask(w, &alice, MSG_HALT);
	must(&r);
	r = ask(w, &carol, MSG_RESUME);
	must(&r);
	r = ask_arm(w, &carol, "");
	must(&r);
	assert_refused(ask_fire(w, &alice, 0), "'alice' is not named");
	r = ask_fire(w, &carol, 0);
	must(&r);
}

/* Who asks is said wrongly: no front of ours does that. */
static void
a_front_that_lies_about_who_asks_is_ended(void **state)
{
	static const struct somebody liars[] = {
		{ ROLES, UID_REMOTE, "alice" },
		{ UINT32_MAX, UID_REMOTE, "alice" },
		{ ROLE_OPERATOR, 0, "alice" },
		{ ROLE_OPERATOR, UID_REMOTE, "" },
		{ ROLE_OPERATOR, UID_REMOTE, "../alice" },
		{ ROLE_OPERATOR, UID_REMOTE, "alice (uid 0)" },
		{ ROLE_LOCAL, UID_REMOTE, "" },
		{ ROLE_LOCAL, 0, "alice" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(liars); i++) {
		struct msg_verb m = { .head = { .type = MSG_STATUS, .seq = ++w->seq } };
		struct reply r;

		put_head(&m.head, &liars[i]);
		agent_send(w, &m, sizeof(m));
		assert_false(agent_read(w, w->seq, &r));
		agent_connect(w);
	}
}

static void
without_tcp_nobody_comes_by_certificate(void **state)
{
	struct world *w = *state;
	struct msg_verb m = { .head = { .type = MSG_STATUS, .seq = ++w->seq } };
	struct reply r;

	put_head(&m.head, &alice);
	agent_send(w, &m, sizeof(m));
	assert_false(agent_read(w, w->seq, &r));
}

/* --- the pki -------------------------------------------------------------------------------- */

static void
a_pki_that_is_not_there_or_not_safe_is_refused(void **state)
{
	static const struct {
		const char *file, *text;
		mode_t mode;
		const char *part;
	} cases[] = {
		{ PKI_KEY, "x", 0644, "key.pem': others than root can read it" },
		{ PKI_KEY, "x", 0640, "key.pem': others than root can read it" },
		{ PKI_CERT, "x", 0664, "cert.pem': others than root can write it" },
		{ PKI_CA, "x", 0646, "ca.pem': others than root can write it" },
		{ PKI_CRL, "", 0644, "crl.pem': it is empty" },
	};
	struct world *w = *state;
	char said[LOG_MAX], path[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		write_pki(w, cases[i].file, cases[i].text, cases[i].mode);
		assert_int_equal(start_and_hear(w, said), 2);
		if (strstr(said, cases[i].part) == NULL)
			fail_msg("'%s', not '%s'", said, cases[i].part);
		write_pki(w, cases[i].file, "fine", 0600);
	}
	(void)snprintf(path, sizeof(path), "%.95s/" PKI_CERT, w->pki);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(start_and_hear(w, said), 2);
	assert_non_null(
	    strstr(said, "cert.pem': it is not there; 'stormctl pki host NAME'"));
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(start_and_hear(w, said), 2);
	assert_non_null(strstr(said, "cert.pem': it is a symbolic link"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(start_and_hear(w, said), 2);
	assert_non_null(strstr(said, "cert.pem': it is not a regular file"));
	assert_int_equal(chmod(w->pki, 0777), 0);
	assert_int_equal(start_and_hear(w, said), 2);
	assert_non_null(strstr(said, "is not root's alone to change"));
	(void)snprintf(w->pki, sizeof(w->pki), "%.60s/nowhere", w->top);
	assert_int_equal(start_and_hear(w, said), 2);
	assert_non_null(strstr(said, "'stormctl pki host NAME' makes one"));
}

static void
the_front_gets_it_whole_and_may_refuse_it(void **state)
{
	struct world *w = *state;
	char said[LOG_MAX], crl[20001];

	memset(crl, 'r', 20000); /* three pieces */
	crl[20000] = '\0';
	write_pki(w, PKI_CERT, "bad", 0644);
	write_pki(w, PKI_CRL, crl, 0644);
	assert_int_equal(start_and_hear(w, said), 2);
	assert_non_null(strstr(said, "ca 6 'the ca', cert 3, key 'the key', crl 20000"));
	assert_int_equal(count_files(w, "test/undo"), 0);
}

static void
an_address_that_is_taken_is_refused(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(API_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char said[LOG_MAX];

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(start_and_hear(*state, said), 9);
	assert_non_null(strstr(said, "listen on 0.0.0.0:7433: Address already in use"));
	(void)close(fd);
}

/* SIGHUP, and wait until this has been said. */
static void
reload_and_hear(struct world *w, FILE *log, const char *part)
{
	char said[LOG_MAX];

	assert_int_equal(kill(w->stormd, SIGHUP), 0);
	for (int i = 0; i < PATIENCE_MS / 5; i++) {
		size_t n;

		rewind(log);
		n = fread(said, 1, sizeof(said) - 1, log);
		said[n] = '\0';
		if (strstr(said, part) != NULL)
			return;
		(void)usleep(5000);
	}
	fail_msg("'%s', not '%s'", said, part);
}

static void
a_reload_that_is_wrong_changes_nothing(void **state)
{
	struct world *w = *state;
	FILE *log = tmpfile();
	struct reply r;

	w->stderr_fd = fileno(log);
	agent_start(w, false);
	w->stderr_fd = 0;
	r = ask_arm(w, &alice, "");
	must(&r);
	write_pki(w, PKI_KEY, "x", 0644);
	reload_and_hear(w, log, "keeping the pki as it was");
	write_pki(w, PKI_KEY, "the key", 0600);
	write_pki(w, PKI_CERT, "bad", 0644);
	reload_and_hear(w, log, "key 'the key', crl 0, keeping it as it was");
	write_pki(w, PKI_CERT, "good again", 0644);
	reload_and_hear(w, log, "policy");
	r = ask(w, &alice, MSG_RENEW); /* the drill has not noticed any of it */
	must(&r);
	assert_int_equal(r.fault[0].state, FAULT_STAGED);
	(void)fclose(log);
}

/* The new front gets the bytes that the old one had, wherever the files are by now. */
static void
a_new_front_gets_the_pki_of_the_old_one(void **state)
{
	struct world *w = *state;
	char path[128];
	struct reply r;
	pid_t front = find_process("stormd-front");

	(void)snprintf(path, sizeof(path), "%.95s/" PKI_CERT, w->pki);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(kill(front, SIGKILL), 0);
	for (int i = 0; i < PATIENCE_MS / 5; i++) {
		pid_t now = find_process("stormd-front");

		if (now != 0 && now != front)
			break;
		(void)usleep(5000);
	}
	agent_connect(w);
	r = ask(w, &alice, MSG_STATUS);
	must(&r);
}

/* --- fire at a moment ------------------------------------------------------------------------ */

static struct reply
arm_and_fire_at(struct world *w, usec_t ahead, usec_t *ret_at)
{
	struct reply r = ask_arm(w, &alice, "");

	must(&r);
	*ret_at = clock_boottime() + ahead;
	r = ask_fire(w, &alice, *ret_at);
	must(&r);
	return r;
}

static void
a_drill_begins_exactly_when_it_is_told_to(void **state)
{
	struct world *w = *state;
	usec_t at;
	struct reply r = arm_and_fire_at(w, 4 * USEC_PER_SEC, &at), again;

	assert_true(r.drill.fired && r.drill.fired_at == at);
	assert_true(r.fault[0].at == at && r.fault[0].until == at + MIN);
	assert_int_equal(r.fault[0].state, FAULT_STAGED);
	/* asked again, whatever for: it is fired, and for when it was */
	again = ask_fire(w, &alice, at + USEC_PER_SEC);
	must(&again);
	assert_true(again.drill.fired_at == at && again.fault[0].at == at);
	r = wait_active(w, A, MSG_RENEW);
	assert_true(r.fault[0].active >= at);
	r = ask_fire(w, &alice, 0);
	must(&r);
	assert_true(r.drill.fired_at == at);
	r = ask(w, &alice, MSG_UNDO);
	must(&r);
	r = ask_fire(w, &alice, 0); /* and after its end */
	must(&r);
	assert_true(r.drill.fired_at == at && r.drill.cause == UNDO_ASKED);
}

static void
what_ends_before_its_moment_never_fires(void **state)
{
	static const uint32_t ends[] = { MSG_UNDO, MSG_HALT, 0 };
	struct world *w = *state;
	usec_t at = 0;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct reply r;

		uuid_make(A);
		(void)arm_and_fire_at(w, 4 * USEC_PER_SEC, &at);
		if (ends[i] != 0) {
			r = ask(w, &bob, ends[i]);
			must(&r);
		} else {
			assert_int_equal(kill(w->stormd, SIGTERM), 0);
			assert_int_equal(agent_end(w), 0);
			assert_int_equal(count_files(w, "test/undo"), 0);
			return;
		}
		while (clock_boottime() < at + 100 * USEC_PER_MSEC)
			(void)usleep(20000);
		r = ask(w, &bob, MSG_SHOW);
		assert_int_equal(r.fault[0].state, FAULT_GONE);
		assert_true(r.fault[0].active == 0);
		r = ask(w, &alice, MSG_RESUME);
		must(&r);
	}
}

static void
a_lease_that_lapses_before_the_moment_undoes(void **state)
{
	struct world *w = *state;
	struct spec s = spec_make("one", MIN, cut_text);
	struct msg_arm a = arm_message(w, A, 1);
	struct reply r;
	usec_t at;

	a.lease_ms = 3000;
	send_arm(w, &a, &s);
	assert_true(agent_read(w, a.head.seq, &r));
	must(&r);
	at = clock_boottime() + 9 * USEC_PER_SEC;
	r = ask_fire(w, &root, at);
	must(&r);
	r = verb(w, MSG_WAIT, A);
	must(&r);
	assert_int_equal(r.drill.cause, UNDO_LEASE);
	assert_true(r.fault[0].active == 0 && r.drill.undo_told < at);
}

static void
too_far_ahead_is_refused_and_past_is_now(void **state)
{
	struct world *w = *state;
	struct reply r = ask_arm(w, &alice, "");

	must(&r);
	r = ask_fire(w, &alice, clock_boottime() + FIRE_AHEAD_MAX + USEC_PER_SEC);
	assert_int_equal(r.err.outcome, OUTCOME_INVALID);
	assert_non_null(
	    strstr(r.err.msg, "is more than 10 s ahead of this host's clock"));
	r = ask_fire(w, &alice, UINT64_MAX);
	assert_int_equal(r.err.outcome, OUTCOME_INVALID);
	assert_int_equal(r.drill.fired, 0);
	r = ask_fire(w, &alice, 1);
	must(&r);
	assert_true(r.drill.fired_at > 1 && r.drill.fired_at <= clock_boottime());
}

int
main(int argc, char **argv)
{
#define STARTED(test) cmocka_unit_test_setup_teardown(test, open_started, teardown)
#define STOPPED(test) cmocka_unit_test_setup_teardown(test, open_stopped, teardown)
	const struct CMUnitTest tests[] = {
		STARTED(an_operator_does_it_all),
		STARTED(a_viewer_looks_and_stops_and_nothing_else),
		STARTED(what_root_armed_here_is_not_for_remote_operators),
		STARTED(root_may_take_over_what_was_armed_from_afar),
		STARTED(policy_names_the_operators),
		STARTED(a_front_that_lies_about_who_asks_is_ended),
		WITH_AGENT(without_tcp_nobody_comes_by_certificate),
		STOPPED(a_pki_that_is_not_there_or_not_safe_is_refused),
		STOPPED(an_address_that_is_taken_is_refused),
		STOPPED(the_front_gets_it_whole_and_may_refuse_it),
		STOPPED(a_reload_that_is_wrong_changes_nothing),
		STARTED(a_new_front_gets_the_pki_of_the_old_one),
		STARTED(a_drill_begins_exactly_when_it_is_told_to),
		STARTED(what_ends_before_its_moment_never_fires),
		STARTED(a_lease_that_lapses_before_the_moment_undoes),
		STARTED(too_far_ahead_is_refused_and_past_is_now),
	};

	if (argc > 0 && strcmp(argv[0], "stormd-front") == 0)
		return front_main();
	pidns_enter();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
