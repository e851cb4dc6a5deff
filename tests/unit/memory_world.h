/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_WORLD_H
#define MEMORY_WORLD_H
/*
 * Memory of the test's own to fill: a cgroup with a limit, in whichever tree has the memory
 * controller, with the test in it; targets below that, and processes in them that take as
 * much as they are told.
 */
#include "cgroup_place.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "pidns.h"
#include "test.h"
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define MIB(n)    ((uint64_t)(n) << 20)
#define WORLD_CAP MIB(512)

static struct memory_world {
	struct cgroup_place root;
	char cap
	    [64]; /* set by the test: the group that holds it down, unique on the host */
	char target[80]; /* below it */
} memory_world;

static inline bool
is_v1(void)
{
	return memory_world.root.version == 1;
}

static inline void
group_write(const char *group, const char *file, const char *text)
{
	struct cgroup_place p;
	struct err e = { 0 };

	assert_ok(cgroup_place_find("memory", group, &p, &e), e);
	assert_ok(cgroup_place_write(&p, file, text, &e), e);
	cgroup_place_close(&p);
}

/* "key value" in one of its files; 0 when there is none. */
static inline uint64_t
group_read(const char *group, const char *file, const char *key)
{
	char text[8192] = "\n", wanted[64];
	struct cgroup_place p;
	struct err e = { 0 };
	const char *found;
	uint64_t n = 0;

	assert_ok(cgroup_place_find("memory", group, &p, &e), e);
	assert_true(cgroup_place_read(&p, file, text + 1, sizeof(text) - 1) >= 0);
	cgroup_place_close(&p);
	(void)snprintf(wanted, sizeof(wanted), "\n%s ", key);
	found = key[0] == '\0' ? text : strstr(text, wanted);
	if (found != NULL)
		(void)sscanf(
		    found + strlen(wanted) - (key[0] == '\0' ? 2 : 0), "%" SCNu64, &n);
	return n;
}

/* A group that has its limit by the time this returns, read back. */
static inline void
group_make(const char *group, uint64_t limit)
{
	const char *file = is_v1() ? "memory.limit_in_bytes" : "memory.max";
	char text[32];

	/* a test that failed may have left it */
	if (mkdirat(memory_world.root.dir, group, 0755) < 0 && errno != EEXIST)
		fail_msg("create cgroup '%s': %s", group, strerror(errno));
	(void)snprintf(text, sizeof(text), "%" PRIu64, limit);
	group_write(group, file, text);
	assert_int_equal(group_read(group, file, ""), limit);
}

static inline void
group_kill(const char *group)
{
	char text[4096] = "", *save = NULL;
	struct cgroup_place p;
	struct err e = { 0 };

	if (cgroup_place_find("memory", group, &p, &e) < 0)
		return;
	(void)cgroup_place_read(&p, "cgroup.procs", text, sizeof(text));
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		int pid = 0;

		if (sscanf(line, "%d", &pid) == 1 && pid > 0 && pid != getpid())
			(void)kill(pid, SIGKILL);
	}
	cgroup_place_close(&p);
}

/* Its last process may take a moment to be gone. */
static inline void
group_end(const char *group)
{
	group_kill(group);
	for (int i = 0; i < 2000; i++) {
		if (unlinkat(memory_world.root.dir, group, AT_REMOVEDIR) == 0 ||
		    errno == ENOENT)
			return;
		(void)usleep(1000);
	}
	(void)fprintf(stderr, "cgroup '%s' is still there: %s\n", group, strerror(errno));
	exit(1);
}

static inline int
memory_world_make(void **state)
{
	struct memory_world *w = &memory_world;
	struct err e = { 0 };

	(void)state;
	if (cgroup_place_find("memory", "", &w->root, &e) < 0)
		skip_all("%s", e.msg);
	(void)snprintf(w->target, sizeof(w->target), "%.63s/target", w->cap);
	if (!is_v1())
		group_write("", "cgroup.subtree_control", "+memory");
	group_make(w->cap, WORLD_CAP);
	if (!is_v1())
		group_write(w->cap, "cgroup.subtree_control", "+memory");
	else /* v2: no processes beside groups with controllers */
		group_write(w->cap, "cgroup.procs", "0");
	return 0;
}

static inline int
memory_world_end(void **state)
{
	(void)state;
	if (is_v1())
		group_write("", "cgroup.procs", "0");
	group_end(memory_world.target);
	group_end(memory_world.cap);
	return 0;
}

/* --- a process in the target --- */

struct victim {
	pid_t pid;
	int fd;
};

static inline _Noreturn void
victim_main(int fd)
{
	uint32_t mib;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "storm-victim");
	group_write(memory_world.target, "cgroup.procs", "0");
	while (read(fd, &mib, sizeof(mib)) == (ssize_t)sizeof(mib)) {
		char *at = mmap(NULL, MIB(mib) + 1, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (uint64_t i = 0; at != MAP_FAILED && i < MIB(mib); i += 4096)
			*(volatile char *)(at + i) = 1;
		if (write(fd, &mib, sizeof(mib)) != (ssize_t)sizeof(mib))
			break;
	}
	_exit(0);
}

/* Take so much more.  False: it has not lived to tell. */
static inline bool
victim_take(const struct victim *v, uint32_t mib)
{
	return write(v->fd, &mib, sizeof(mib)) == (ssize_t)sizeof(mib) &&
	       read(v->fd, &mib, sizeof(mib)) == (ssize_t)sizeof(mib);
}

static inline struct victim
victim_start(uint32_t mib)
{
	struct victim v;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	v.pid = fork();
	if (v.pid == 0) {
		(void)close(pair[0]);
		victim_main(pair[1]);
	}
	(void)close(pair[1]);
	v.fd = pair[0];
	assert_true(victim_take(&v, mib));
	return v;
}

static inline void
victim_end(const struct victim *v)
{
	(void)kill(v->pid, SIGKILL);
	(void)waitpid(v->pid, NULL, 0);
	(void)close(v->fd);
}

#endif
