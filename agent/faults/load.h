/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOAD_H
#define LOAD_H
/*
 * Burners: children of a holder that use up CPU time, one per CPU, told how much through a
 * page they share with it.  They hold no capability and run at ordinary priority.  Each is
 * killed by whichever comes first: its cgroup, the end of its parent, or the closing of
 * the leash, a pipe whose write end only the holder has.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct load_page;

#define LOAD_CPUS_MAX 1024
#define LOAD_WHOLE    1000000u /* a share of a CPU is in millionths */

struct burner {
	unsigned cpu;
	pid_t pid; /* 0: not started or reaped */
};

struct load {
	struct burner *burners;
	size_t count;
	struct load_page *page;
	int page_fd;
	int leash_in, leash; /* closing `leash` kills every burner */
};

/* The CPUs of a kernel list ("0,2-3"), or all we may run on with "".  -EINVAL for one that
 * is not online or not ours. */
int load_init(struct load *l, const char *cpus, struct err *e);
/* Start the burners asleep; `cgroup` (a directory, or -1) is where they go. */
int load_start(struct load *l, const char *fault, int cgroup, struct err *e);
void load_share(struct load *l, size_t i, uint32_t share);
void load_go(struct load *l);
/* CPU time the i-th burner has used since load_go. */
uint64_t load_used_ns(const struct load *l, size_t i);
/* A burner that ended by itself: its CPU, else -1. */
int load_lost(struct load *l);
void load_reap(struct load *l); /* kills those that are left, waits for their end */

/* main() of `stormd-fault --burner CPU SLOT FAULT`: descriptor 3 is the page, 4 the leash. */
int burner_main(int argc, char **argv);

#endif
