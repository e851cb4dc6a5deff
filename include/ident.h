/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENT_H
#define IDENT_H
/*
 * Identities.  A drill is a UUID made by the controller (its idempotency key); a fault is
 * eight hex digits derived from drill and fault name, unique on the host, from which every
 * kernel object takes its name before it exists: link sd<id8>e, chain SD-<id8>, set
 * sd-<id8>-4.  A process is a pid and its start time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define UUID_LEN     37 /* with NUL */
#define FAULT_ID_LEN 9  /* with NUL */

void uuid_make(char ret[static UUID_LEN]); /* random, version 4 */
/* FNV-1a over drill, name and attempt, so that a taken id has a next one. */
void fault_id_make(const char *drill, const char *fault, unsigned attempt,
    char ret[static FAULT_ID_LEN]);
bool is_fault_id(const char *s);

struct process_id {
	pid_t pid;
	uint64_t start; /* field 22 of /proc/PID/stat, clock ticks since boot */
};
/* -ESRCH when there is no such process. */
int process_id_get(pid_t pid, struct process_id *ret);
/* A pidfd of exactly this process, -ESRCH when it is gone or the pid is someone else's. */
int process_id_open(struct process_id id);
bool process_id_alive(struct process_id id); /* a zombie is not alive */
/* SIGKILL and wait until it is gone: 0, or -ETIMEDOUT after wait_ms. */
int process_id_kill(struct process_id id, int wait_ms);

/* The inode of this process's network namespace; 0 if /proc is not there. */
uint64_t netns_inode(void);

#endif
