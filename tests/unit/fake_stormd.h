/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_STORMD_H
#define FAKE_STORMD_H
/*
 * stormd-front as it ships, between a real socket and a stormd that answers by rote, in a
 * process of its own.  Drill ids choose what happens: KNOWN is there, UNKNOWN is not, and a
 * wait for KNOWN is answered at the next resume.  The TCP socket of stage_open_tls is
 * 127.0.0.1's, with a port of the kernel's choice; the test itself hands over the pki.
 */
#include "chan.h"
#include "err.h"
#include "spawn.h"
#include <errno.h>
#include <libgen.h>
#include <linux/limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define KNOWN   "11111111-1111-4111-8111-111111111111"
#define UNKNOWN "22222222-2222-4222-8222-222222222222"

/* What has come from the front, for the test to see. */
struct seen {
	_Atomic unsigned requests, pki_answers;
	struct msg_head last;
	struct err pki; /* of the last pki answer */
};

struct stage {
	char dir[64], socket[80];
	pid_t front, stormd;
	int chan; /* with TLS stormd's end, for the pki; the fake reads it */
	int port; /* TCP's, 0: none */
	struct seen *seen;
};
static struct seen *fake_seen;

/* Fill a fixed-size field. */
#define PUT(field, text) ((void)snprintf(field, sizeof(field), "%s", text))

static void
fake_send(const void *m)
{
	struct err e;

	if (chan_send(CHAN_FD, m, &e) < 0)
		_exit(1);
}

static void
fake_answer(uint32_t seq, int code, enum outcome outcome, const char *msg)
{
	struct msg_answer a = { .head = { .type = MSG_ANSWER, .seq = seq } };

	a.err.code = code;
	a.err.outcome = outcome;
	(void)snprintf(a.err.msg, sizeof(a.err.msg), "%s", msg);
	a.received = 1000;
	a.finished = 2000;
	fake_send(&a);
}

static void
fake_drill(const struct msg_head *h, const char *drill, const char *name, int cause)
{
	static struct msg_drill d;
	static struct msg_fault f;
	static struct msg_text t;

	memset(&d, 0, sizeof(d));
	d.head = (struct msg_head){ .type = MSG_DRILL, .seq = h->seq };
	PUT(d.drill.drill, drill);
	PUT(d.drill.name, name);
	d.drill.uid = h->uid;
	PUT(d.drill.who, h->name);
	d.drill.fault_count = 1;
	d.drill.cause = (uint8_t)cause;
	fake_send(&d);
	memset(&f, 0, sizeof(f));
	f.head = (struct msg_head){ .type = MSG_FAULT, .seq = h->seq };
	PUT(f.fault.id, "7b1c09aa");
	PUT(f.fault.kind, "net.delay");
	PUT(f.fault.name, "slow-db");
	f.fault.state = cause == UNDO_NOT_YET ? FAULT_STAGED : FAULT_DISARMED;
	fake_send(&f);
	memset(&t, 0, sizeof(t));
	t.head = (struct msg_head){ .type = MSG_TEXT, .seq = h->seq };
	t.len = (uint32_t)snprintf(t.text, sizeof(t.text), "create x\nadd y\n");
	fake_send(&t);
}

static void
fake_agent(uint32_t seq)
{
	static struct msg_agent a;

	a.head = (struct msg_head){ .type = MSG_AGENT, .seq = seq };
	PUT(a.agent.version, "0.1.0");
	PUT(a.agent.instance, "test");
	a.agent.pid = getpid();
	fake_send(&a);
}

static void
fake_doctor(uint32_t seq)
{
	static struct msg_text t;

	t.head = (struct msg_head){ .type = MSG_TEXT, .seq = seq };
	t.len = (uint32_t)snprintf(t.text, sizeof(t.text),
	    "cpu.load\tsupported\nnet.delay\tthis kernel has no sch_netem\n");
	fake_send(&t);
}

/* What the front sent, answered by rote. */
static void
fake_handle(const union msg *m)
{
	static struct msg_arm arm;
	static unsigned faults;
	static uint32_t waiting;
	uint32_t seq = m->head.seq;

	if (m->head.type == MSG_ANSWER) {
		fake_seen->pki = m->answer.err;
		atomic_fetch_add(&fake_seen->pki_answers, 1);
		return;
	}
	fake_seen->last = m->head;
	atomic_fetch_add(&fake_seen->requests, 1);
	switch (m->head.type) {
	case MSG_ARM:
		arm = m->arm;
		faults = 0;
		if (arm.pid <= 0 && arm.head.role == ROLE_LOCAL)
			fake_answer(seq, -EINVAL, OUTCOME_FAILED, "no pid of the client");
		break;
	case MSG_ARM_FAULT:
		if (++faults < arm.count)
			break;
		fake_drill(&m->head, arm.drill, arm.name, UNDO_NOT_YET);
		fake_answer(seq, 0, OUTCOME_DONE, "");
		break;
	case MSG_SHOW:
		if (strcmp(m->drill_verb.drill, KNOWN) != 0) {
			fake_answer(seq, -ENOENT, OUTCOME_FAILED, "no such drill");
			break;
		}
		fake_drill(&m->head, KNOWN, "known", UNDO_NOT_YET);
		fake_answer(seq, 0, OUTCOME_DONE, "");
		break;
	case MSG_WAIT:
		waiting = seq;
		break;
	case MSG_RESUME:
		fake_answer(seq, 0, OUTCOME_DONE, "");
		fake_answer(waiting, 0, OUTCOME_DONE, "");
		break;
	case MSG_UNDO:
		fake_drill(&m->head, KNOWN, "known", m->drill_verb.cause);
		fake_answer(seq, 0, OUTCOME_DONE, "");
		break;
	case MSG_FIRE:
		fake_answer(seq, -EBUSY, OUTCOME_REFUSED, "it was fired already");
		break;
	case MSG_HALT:
		fake_drill(&m->head, KNOWN, "known", UNDO_HALT);
		fake_answer(seq, -EBUSY, OUTCOME_STUCK, "set sd-7b1c09aa-4 is left");
		break;
	case MSG_STATUS:
		fake_agent(seq);
		fake_drill(&m->head, KNOWN, "one", UNDO_NOT_YET);
		fake_drill(&m->head, UNKNOWN, "two", UNDO_NOT_YET);
		fake_answer(seq, 0, OUTCOME_DONE, "");
		break;
	case MSG_DOCTOR:
		fake_doctor(seq);
		fake_answer(seq, 0, OUTCOME_DONE, "");
		break;
	default:
		fake_answer(seq, 0, OUTCOME_DONE, "");
	}
}

static void
fake_main(void)
{
	struct pollfd p = { .fd = CHAN_FD, .events = POLLIN };
	static union msg m;
	struct err e;
	int rc;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		(void)poll(&p, 1, -1);
		while ((rc = chan_recv(CHAN_FD, &m, &e)) > 0)
			fake_handle(&m);
		if (rc < 0)
			_exit(rc == -EPIPE ? 0 : 1);
	}
}

static int
stage_listen(const struct stage *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->socket);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 64) < 0)
		return -1;
	/* The tests that come as another user. */
	return chmod(s->socket, 0666) < 0 || chmod(s->dir, 0755) < 0 ? -1 : fd;
}

/* bin/stormd-front of the build this test belongs to. */
static const char *
stage_program(void)
{
	static char path[PATH_MAX];
	char self[PATH_MAX] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		abort();
	(void)snprintf(
	    path, sizeof(path), "%s/bin/stormd-front", dirname(dirname(dirname(self))));
	return path;
}

/* A TCP socket of loopback. */
static int
stage_listen_tcp(struct stage *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);

	if (bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return -1;
	s->port = ntohs(a.sin_port);
	return fd;
}

static int
stage_make(void **state, bool has_tls)
{
	static struct stage s;
	char empty[80];
	int chan[2], fds[3], pidfd;
	const char *argv[] = { stage_program(), "--empty-dir", empty,
		has_tls ? "--tls" : NULL, NULL };
	struct spawn child = { .path = argv[0],
		.argv = argv,
		.fds = fds,
		.fds_count = has_tls ? 3 : 2,
		.role = SPAWN_AGENT };
	struct err e;

	s.port = 0;
	s.seen = fake_seen = mmap(NULL, sizeof(*s.seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	PUT(s.dir, "/tmp/stormdrill-front-XXXXXX");
	if (mkdtemp(s.dir) == NULL)
		return -1;
	(void)snprintf(s.socket, sizeof(s.socket), "%s/api.sock", s.dir);
	(void)snprintf(empty, sizeof(empty), "%s/empty", s.dir);
	if (mkdir(empty, 0755) < 0 || chan_pair(chan, &e) < 0)
		return -1;
	fds[0] = chan[1];
	fds[1] = stage_listen(&s);
	fds[2] = has_tls ? stage_listen_tcp(&s) : 0;
	if (s.seen == MAP_FAILED || fds[1] < 0 || fds[2] < 0 ||
	    spawn(&child, &s.front, &pidfd, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
	if (has_tls)
		(void)close(fds[2]);
	(void)close(pidfd);
	s.stormd = fork();
	if (s.stormd == 0) {
		if (chan[0] != CHAN_FD)
			(void)dup2(chan[0], CHAN_FD);
		fake_main();
	}
	/* the fake's end must be the channel's, where nobody needs it otherwise */
	s.chan = has_tls ? chan[0] : -1;
	if (!has_tls)
		(void)close(chan[0]);
	*state = &s;
	return s.stormd < 0;
}

static inline int
stage_open(void **state)
{
	return stage_make(state, false);
}

static inline int
stage_open_tls(void **state)
{
	return stage_make(state, true);
}

/* Ending the fake ends the channel, which must end the front, in order. */
static int
stage_close(void **state)
{
	struct stage *s = *state;
	char path[96];
	int status;

	(void)kill(s->stormd, SIGKILL);
	(void)waitpid(s->stormd, NULL, 0);
	if (s->chan >= 0)
		(void)close(s->chan);
	if (waitpid(s->front, &status, 0) != s->front || status != 0) {
		(void)fprintf(stderr, "stormd-front ended with status %#x\n", status);
		return -1;
	}
	(void)munmap(s->seen, sizeof(*s->seen));
	(void)unlink(s->socket);
	(void)snprintf(path, sizeof(path), "%s/empty", s->dir);
	return rmdir(path) < 0 || rmdir(s->dir) < 0 ? -1 : 0;
}

#endif
