/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HELD_H
#define HELD_H
/*
 * One fault in a process of its own, led step by step by a test, and given its turns in
 * between as its holder would give them.
 */
#include "fault.h"
#include "snapshot.h"
#include "store.h"
#include "test.h"
#include "xalloc.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "farside.h"

#define HELD_ID  "7b1c09aa"
#define HELD_ID2 "7b1c09ab" /* of a second one beside it */

struct held_fault {
	pid_t pid;
	int channel; /* a letter there asks for a step, one back says that it is done */
	/* Seen by both: what the holder knows of its fault. */
	struct held_state {
		struct spec spec;
		struct fault_run run;
		struct err e;
	} * state;
};

static struct held_world {
	char dir[40];
	struct protect protect; /* what of the host no fault may touch */
	struct store store;     /* of the test: what the guardian would undo with */
	struct undo_ctx *ctx;
} held_world = { .dir = "/tmp/stormdrill-held-XXXXXX" };

static inline int
held_open(struct store *s, struct undo_ctx **c, struct err *e)
{
	char run_dir[64], host_dir[64];

	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", held_world.dir);
	(void)snprintf(host_dir, sizeof(host_dir), "%s/host", held_world.dir);
	return store_open(s, run_dir, "", host_dir, e) < 0 ?
		   e->code :
		   undo_ctx_open(c, -1, true, e);
}

static inline int
held_world_make(void)
{
	struct err e = { 0 };
	char path[64];

	if (mkdtemp(held_world.dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/run", held_world.dir);
	if (mkdir(path, 0700) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/host", held_world.dir);
	if (mkdir(path, 0700) < 0 ||
	    held_open(&held_world.store, &held_world.ctx, &e) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/xtables.lock", held_world.dir);
	return setenv("XTABLES_LOCKFILE", path, 1);
}

static inline int
held_world_end(void)
{
	const char *const remove[] = { "/bin/rm", "-rf", held_world.dir, NULL };

	undo_ctx_free(held_world.ctx);
	store_close(&held_world.store);
	return tool(remove, NULL, NULL, 0);
}

/* The whole undo.  `releasing` is the holder's own run, NULL when it is dead. */
static inline int
held_undo(struct store *s, struct undo_ctx *c, const struct held_state *state,
    struct fault_run *releasing, struct err *e)
{
	const struct undo_list *l = &state->run.undo;

	if (undo_run(c, l, BEAT_DISARM, e) < 0 || undo_check(c, l, BEAT_DISARM, e) < 0)
		return e->code;
	if (releasing != NULL && fault_find(state->spec.kind)->release(releasing, e) < 0)
		return e->code;
	if (undo_run(c, l, BEAT_SWEEP, e) < 0 || shared_sweep(s, c, e) < 0)
		return e->code;
	return undo_check(c, l, BEAT_SWEEP, e);
}

static inline int
held_take_step(char step, struct held_state *s, struct err *e)
{
	const struct fault *f = fault_find(s->spec.kind);
	struct fault_run *r = &s->run;

	switch (step) {
	case 's':
		if (f->supported(e) < 0 || f->prepare(r, e) < 0)
			return e->code;
		return f->stage(r, e);
	case 'a':
		return f->apply(r, e) < 0 ? e->code : f->verify(r, e);
	case 'h': /* a turn is what every step gets: only the answer is wanted */
		return 0;
	default:
		return held_undo(r->store, r->ctx, s, r, e);
	}
}

static inline _Noreturn void
held_main(struct held_state *s, int channel)
{
	const struct fault *f = fault_find(s->spec.kind);
	struct fault_run *r = &s->run;
	static struct store mine;
	bool is_active = false;
	char step = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r->spec = &s->spec;
	r->protect = &held_world.protect;
	r->store = &mine;
	r->barrier_fd = r->wake_ms = -1;
	if (held_open(&mine, &r->ctx, &s->e) < 0)
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
		(void)!write(channel, held_take_step(step, s, &s->e) < 0 ? "!" : "k", 1);
	}
	_exit(0);
}

/* args: "mode=drop names=*.example.com" */
static inline struct held_fault
held_new_as(const char *id, const char *kind, const char *args)
{
	struct held_fault h = { .state =
				    mmap(NULL, sizeof(*h.state), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0) };
	_cleanup_free_ char *words = xstrdup(args);
	struct spec *spec = &h.state->spec;
	char *save = NULL;
	struct err e = { 0 };
	int ends[2];

	spec_init(spec, kind_find(kind));
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
	(void)fflush(NULL); /* or the child would write it again */
	h.pid = fork();
	if (h.pid == 0) {
		(void)close(ends[0]);
		held_main(h.state, ends[1]);
	}
	(void)close(ends[1]);
	h.channel = ends[0];
	return h;
}

static inline struct held_fault
held_new(const char *kind, const char *args)
{
	return held_new_as(HELD_ID, kind, args);
}

static inline bool
held_try(struct held_fault *h, char step)
{
	char answer = 0;

	assert_int_equal(write(h->channel, &step, 1), 1);
	return read(h->channel, &answer, 1) == 1 && answer == 'k';
}

static inline void
held_step(struct held_fault *h, char step)
{
	if (!held_try(h, step))
		fail_msg("step '%c': %s", step, h->state->e.msg);
}

static inline struct held_fault
held_on_as(const char *id, const char *kind, const char *args)
{
	struct held_fault h = held_new_as(id, kind, args);

	held_step(&h, 's');
	held_step(&h, 'a');
	return h;
}

static inline struct held_fault
held_on(const char *kind, const char *args)
{
	return held_on_as(HELD_ID, kind, args);
}

static inline void
held_end(struct held_fault *h)
{
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
	(void)close(h->channel);
	(void)munmap(h->state, sizeof(*h->state));
}

static inline void
held_off(struct held_fault *h)
{
	held_step(h, 'u');
	held_end(h);
}

/* --- the host as it is ------------------------------------------------------------------ */

/* Rules, sets, links and queues without their counters; the caller frees it. */
static inline char *
held_look_around(void)
{
	static const char commands[] =
	    "PATH=$PATH:/usr/sbin:/sbin\n"
	    "ip -o link show | sed 's/^[0-9]*: //'; tc qdisc show\n"
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

static inline void
assert_as_before(const char *before)
{
	_cleanup_free_ char *after = held_look_around();
	char residue[1024] = "";
	struct err e = { 0 };

	assert_string_equal(after, before);
	if (residue_list(held_world.ctx, HELD_ID, residue, sizeof(residue), &e) != 0 ||
	    residue_list(held_world.ctx, HELD_ID2, residue, sizeof(residue), &e) != 0)
		fail_msg("residue: %s%s", residue, e.msg);
}

#endif
