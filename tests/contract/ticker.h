/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TICKER_H
#define TICKER_H
/*
 * A process that counts, in memory that the test sees, for as long as it is let run.  It is
 * alone in a cgroup of its own, which is no fault's.
 */
#include "cgroup.h"
#include "err.h"
#include "pidns.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>

#define TICKER "storm-ticker"

static struct ticker {
	pid_t pid;
	_Atomic unsigned long *count;
	char cgroup[48]; /* from the root of the v2 tree, "" where there is none */
} ticker;

static inline _Noreturn void
ticker_main(void)
{
	(void)prctl(PR_SET_NAME, TICKER);
	for (;;) {
		atomic_fetch_add(ticker.count, 1);
		(void)usleep(1000);
	}
}

/* No child of the test's: those are of the agent, and never touched. */
static inline int
ticker_start(void)
{
	struct err e = { 0 };
	int root = cgroup_root(&e), said[2], dir = -1;
	unsigned number = 0;
	pid_t middle;

	ticker.count = mmap(NULL, sizeof(*ticker.count), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ticker.count == MAP_FAILED || pipe2(said, O_CLOEXEC) < 0)
		return -1;
	middle = fork();
	if (middle == 0) {
		pid_t pid = fork();

		if (pid == 0)
			ticker_main();
		(void)!write(said[1], &pid, sizeof(pid));
		_exit(0);
	}
	(void)waitpid(middle, NULL, 0);
	(void)!read(said[0], &ticker.pid, sizeof(ticker.pid));
	(void)close(said[0]);
	(void)close(said[1]);
	(void)!getrandom(&number, sizeof(number), 0);
	(void)snprintf(
	    ticker.cgroup, sizeof(ticker.cgroup), "/storm-ticker-%08x", number);
	if (root < 0 || cgroup_create(root, ticker.cgroup + 1, &dir, &e) < 0 ||
	    cgroup_join(dir, ticker.pid, &e) < 0)
		return -1;
	(void)close(dir);
	(void)close(root);
	return 0;
}

static inline void
ticker_end(void)
{
	struct err e = { 0 };
	int root = cgroup_root(&e);

	end_orphan(ticker.pid);
	if (cgroup_remove(root, ticker.cgroup + 1, &e) < 0)
		(void)fprintf(stderr, "%s\n", e.msg);
	(void)close(root);
}

/* Since it counted up to `from`. */
static inline bool
ticker_ticked(unsigned long from)
{
	return atomic_load(ticker.count) != from;
}

#endif
