/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPAWN_H
#define SPAWN_H
/*
 * The only way a child is started: fork and exec, no shell.  First of all the child closes
 * every descriptor but the passed ones (a fork that keeps another's sockets keeps owner
 * tables and NFQUEUEs alive after their owner's death), then resets signal mask and
 * dispositions, nice, scheduling class and OOM score to its role, changes user, then asks
 * for its parent's death signal (a change of user clears it) and checks that the parent
 * still lives.  Every child has its own process group: Ctrl-C does not reach it.  The
 * environment is PATH and XTABLES_LOCKFILE, nothing else, unless ours is asked for.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

enum spawn_role {
	SPAWN_AGENT,    /* dies with its parent; keeps its OOM protection */
	SPAWN_GUARDIAN, /* own session, survives its parent */
	SPAWN_BURNER,   /* dies with its parent; ordinary scheduling, OOM score 500 */
	SPAWN_TOOL,     /* a system program: dies with its parent, ordinary scheduling */
};

struct spawn {
	const char *path;        /* absolute */
	const char *const *argv; /* NULL-terminated */
	const int *fds; /* become descriptors 3, 4, … of the child, not CLOEXEC */
	size_t fds_count;
	int in, out, err; /* 0 means: in and out /dev/null, err as ours */
	enum spawn_role role;
	bool keep_env; /* only for a program that a user named */
	uid_t uid;     /* 0: unchanged */
	gid_t gid;
};

/* 0 with the child's pid and a pidfd (caller closes), or a negative errno with nothing
 * started.  A failing exec is reported here, not by an exit status. */
int spawn(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, struct err *e);

/* The same for who must never wait: exec itself can hang, on storage that is gone.  Nothing
 * is known of it yet when this returns; the caller closes both descriptors and reaps. */
struct spawned {
	pid_t pid;
	int pidfd;
	int report; /* for spawn_outcome */
};
int spawn_begin(const struct spawn *s, struct spawned *ret, struct err *e);
/* 0: it was executed; -EAGAIN: it has not come so far; else why it could not be. */
int spawn_outcome(const struct spawn *s, int report, struct err *e);

/* Spawn a tool, feed it `input` (may be NULL), collect at most out_size - 1 bytes of its
 * stdout (may be NULL) and the first line of its stderr into `e`.  0 only when it exited
 * with 0 within timeout_ms; it is killed with its process group and reaped otherwise
 * (-ETIMEDOUT).  With `err` all that it wrote on stderr goes there.
 * keep_fd (or -1) is passed on as descriptor 3: the guardian's barrier pipe. */
struct run_tool {
	const char *const *argv; /* argv[0] is the absolute path */
	const char *input;
	char *out;
	size_t out_size;
	char *err; /* or NULL */
	size_t err_size;
	bool keep_env; /* as above */
	int keep_fd;
	int timeout_ms;
};
int run_tool(const struct run_tool *t, struct err *e);

#endif
