/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRIAL_H
#define TRIAL_H
/*
 * One fault in a child, as it lives in its holder, told by a test to take one step of its
 * life at a time.  What is to be seen of it in the world is the business of the test.
 */
#include "fault.h"
#include "snapshot.h"
#include "store.h"
#include "world.h"

/* Arguments by kind, "name=value" up to NULL; several rows of a kind are several tests. */
struct row {
	const char *kind;
	const char *args[8];
};

struct trial {
	const struct fault *fault;
	const struct row *row;
	const struct scenario *scenario;
	struct spec spec;
	char name[96];
	pid_t victims[2];
	char *snapshot, *effects; /* before anything */
};

enum step {
	STEP_PREPARE,
	STEP_RECORD,
	STEP_STAGE,
	STEP_APPLY,
	STEP_HOLD,
	STEP_DISARM,
	STEP_SWEEP,
	STEP_DIE,
	STEP_LEAVE,
};
static const char *const step_names[] = { "prepare", "record", "stage", "apply", "hold",
	"disarm", "sweep", "die", "leave" };

/* --- the child --- */

struct life {
	struct fault_run run;
	const struct fault *fault;
	struct store store;
	struct protect protect;
};

static inline int
put_record(struct life *l, struct err *e)
{
	static struct record r;

	r = (struct record){
		.drill = WORLD_DRILL,
		.summary = "contract",
		.netns = netns_inode(),
		.hard_deadline = clock_boottime() + 60 * USEC_PER_SEC,
		.undo = l->run.undo,
	};
	memcpy(r.fault, l->run.spec->id, sizeof(r.fault));
	memcpy(r.kind, l->run.spec->kind, sizeof(r.kind));
	if (clock_boot_id(r.boot_id, e) < 0)
		return e->code;
	(void)process_id_get(getpid(), &r.holder);
	return store_put(&l->store, &r, e);
}

static inline int
hold(struct life *l, struct err *e)
{
	if (l->run.wake_ms < 0)
		return 0;
	sleep_usec((usec_t)l->run.wake_ms * USEC_PER_MSEC);
	return l->fault->hold(&l->run, e);
}

static inline int
disarm(struct life *l, struct err *e)
{
	int rc = undo_run(l->run.ctx, &l->run.undo, BEAT_DISARM, e);

	return rc < 0 ? rc : undo_check(l->run.ctx, &l->run.undo, BEAT_DISARM, e);
}

static inline int
sweep(struct life *l, struct err *e)
{
	char residue[1024] = "";

	if (l->fault->release(&l->run, e) < 0 ||
	    undo_run(l->run.ctx, &l->run.undo, BEAT_SWEEP, e) < 0 ||
	    shared_sweep(&l->store, l->run.ctx, e) < 0 ||
	    undo_check(l->run.ctx, &l->run.undo, BEAT_SWEEP, e) < 0)
		return e->code;
	if (residue_list(l->run.ctx, l->run.spec->id, residue, sizeof(residue), e) != 0)
		return err_set(e, -EBUSY, "residue: %s", residue);
	return store_drop(&l->store, l->run.spec->id, e);
}

static inline int
take_step(struct life *l, enum step step, struct err *e)
{
	switch (step) {
	case STEP_PREPARE:
		return l->fault->prepare(&l->run, e);
	case STEP_RECORD:
		return put_record(l, e);
	case STEP_STAGE:
		return l->fault->stage(&l->run, e);
	case STEP_APPLY:
		return l->fault->apply(&l->run, e) < 0 ? e->code :
							 l->fault->verify(&l->run, e);
	case STEP_HOLD:
		return hold(l, e);
	case STEP_DISARM:
		return disarm(l, e);
	case STEP_SWEEP:
		return sweep(l, e);
	case STEP_DIE:
		return kill(getpid(), SIGKILL);
	default:
		_exit(0);
	}
}

static inline _Noreturn void
live(const struct trial *t, int fd)
{
	static struct life l;
	enum step step;
	struct err e = { 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	l.fault = t->fault;
	l.run = (struct fault_run){
		.spec = &t->spec,
		.protect = &l.protect,
		.run_dir = world.run_dir,
		.state_dir = world.base,
		.host_dir = world.host_dir,
		.store = &l.store,
		.barrier_fd = -1,
		.wake_ms = -1,
	};
	if (store_open(&l.store, world.run_dir, world.state_dir, world.host_dir, &e) <
		0 ||
	    undo_ctx_open(&l.run.ctx, -1, true, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.msg);
		_exit(1);
	}
	while (read(fd, &step, sizeof(step)) == (ssize_t)sizeof(step)) {
		e = (struct err){ 0 };
		if (take_step(&l, step, &e) == 0)
			e.code = 0;
		if (write(fd, &e, sizeof(e)) != (ssize_t)sizeof(e))
			break;
	}
	_exit(0);
}

/* --- this side --- */

struct holder {
	pid_t pid;
	int fd;
};

static inline struct holder
start(const struct trial *t)
{
	struct holder h = { 0 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	(void)fflush(NULL); /* or the child would write it again */
	h.pid = fork();
	if (h.pid == 0) {
		(void)close(pair[0]);
		live(t, pair[1]);
	}
	(void)close(pair[1]);
	h.fd = pair[0];
	return h;
}

static inline void
leave(struct holder *h, enum step how)
{
	(void)!write(h->fd, &how, sizeof(how));
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
	(void)close(h->fd);
}

static inline void
take(const struct trial *t, const struct holder *h, enum step what, struct err *ret)
{
	assert_int_equal(write(h->fd, &what, sizeof(what)), sizeof(what));
	if (read(h->fd, ret, sizeof(*ret)) != (ssize_t)sizeof(*ret))
		fail_msg("%s: died in %s", t->name, step_names[what]);
}

/* A host that cannot do this is a skip, anything else a failure. */
static inline void
judge(const struct trial *t, struct holder *h, enum step what, struct err e)
{
	if (e.code == 0)
		return;
	leave(h, STEP_LEAVE);
	if (e.outcome == OUTCOME_UNSUPPORTED) {
		printf("skip: %s\n", e.msg);
		skip();
	}
	fail_msg("%s: %s: %s", t->name, step_names[what], e.msg);
}

static inline void
step(const struct trial *t, struct holder *h, enum step what)
{
	struct err e = { 0 };

	take(t, h, what, &e);
	judge(t, h, what, e);
}

#endif
