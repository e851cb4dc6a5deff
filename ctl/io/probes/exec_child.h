/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H
/*
 * A program that a probe runs: started, listened to, ended, reaped.  No call waits for it,
 * whatever it does.
 */
#include "clock.h"
#include "err.h"
#include "spawn.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXEC_OUTPUT_KEPT (256 * 1024)       /* what a pattern may look at */
#define EXEC_OUTPUT_READ (16 * 1024 * 1024) /* a program that writes more is ended */
#define EXEC_WORDS_KEPT  256                /* of stderr: its end */

#define EXEC_DYING_MAX 256 /* then no more are started */

/* What the programs of one probe share: those that were killed and are not reaped yet.  Most
 * die at once; one in the middle of a read from storage that is gone takes its time. */
struct exec_family {
	struct spawned *dying;
	size_t count, room;
	int ready; /* always readable: the loop hears of what could not be started */
};
int exec_family_open(struct exec_family *f, struct err *e);
void exec_family_reap(struct exec_family *f);
/* Gives them a second; who then still is not dead is left to whoever inherits our children. */
void exec_family_release(struct exec_family *f);

struct exec_child {
	struct exec_family *family;
	int epoll; /* readable when exec_child_serve has work */
	struct spawn spawn;
	struct spawned now; /* pid 0: none runs */
	int out, err;
	char *text; /* what it wrote to its output, as far as it is kept */
	size_t kept, room;
	uint64_t received;
	char words[EXEC_WORDS_KEPT]; /* of stderr; ends with NUL */
	size_t words_len;
	usec_t began, first_byte; /* 0: it has not written anything */
	bool has_begun;
	struct err failure; /* code 0: it could be started and executed */
	siginfo_t end;
};

/* .family is set by the caller, the rest here.  Program and vector outlive it; without
 * `keeps_text` its output is thrown away. */
int exec_child_open(
    struct exec_child *c, char *const *argv, bool keeps_text, struct err *e);
void exec_child_release(struct exec_child *c);
/* What fails is heard of by exec_child_serve. */
void exec_child_start(struct exec_child *c);
/* Has the program been executed, as far as is known? */
bool exec_child_has_begun(struct exec_child *c);

enum child_state {
	CHILD_RUNS,
	CHILD_FLOODS, /* it has written more than is read */
	CHILD_ENDED,  /* reaped, and its whole group is gone; .failure and .end say how */
	CHILD_NONE,   /* it could not be started: .failure; -EBUSY: too many are dying */
};
enum child_state exec_child_serve(struct exec_child *c);
/* The last line that it wrote to stderr; "" when there is none. */
const char *exec_child_last_words(struct exec_child *c);

/* End what runs, if anything does, with its group; it is reaped with the dying. */
void exec_child_kill(struct exec_child *c);

#endif
