/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORLD_H
#define WORLD_H
/*
 * The world of a crash test: pid, mount and network namespaces of its own with one veth pair,
 * a run-dir, a state-dir and a host-dir, and the text of everything that a fault could leave in it.
 */
#include "bounds.h"
#include "cleanup.h"
#include "err.h"
#include "pidns.h"
#include "spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORLD_DEV     "v0"
#define SNAPSHOT_SIZE (256 * 1024)

struct world {
	char dir[64], host_dir[80], run_dir[96], state_dir[96];
	char undo_program[PATH_MAX];
	char *before;
};

static struct world world;

static void world_drop(void);

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	world_drop();
	exit(1);
}

/* "ip link show" by absolute path; its output appended to `to`, but for lines that begin
 * with '#' (dates) and what stands in brackets (counters). */
static void
append(char *to, const char *words)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };
	_cleanup_free_ char *copy = strdup(words);
	_cleanup_free_ char *out = calloc(1, SNAPSHOT_SIZE);
	char path[64], *rest = NULL, *word;
	const char *argv[16] = { path };
	struct run_tool t = { .argv = argv,
		.out = out,
		.out_size = SNAPSHOT_SIZE,
		.keep_fd = -1,
		.timeout_ms = 20000 };
	struct err e = { 0 };
	size_t n = 0, used = strlen(to);

	for (word = strtok_r(copy, " ", &rest); word != NULL && n < ARRAY_LEN(argv) - 1;
	     word = strtok_r(NULL, " ", &rest))
		argv[n++] = word;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], copy);
		if (access(path, X_OK) == 0)
			break;
	}
	argv[0] = path;
	if (run_tool(&t, &e) < 0 && strstr(words, "tc filter") == NULL)
		die("%s: %s", words, e.msg);
	used += (size_t)snprintf(to + used, SNAPSHOT_SIZE - used, "# %s\n", words);
	for (char *line = strtok_r(out, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (line[0] == '#')
			continue;
		line[strcspn(line, "[")] = '\0';
		used += (size_t)snprintf(to + used, SNAPSHOT_SIZE - used, "%s\n", line);
	}
}

static char *
snapshot(void)
{
	static const char *const commands[] = { "ip -d -o link show",
		"ip -o address show", "ip route show table all", "tc qdisc show",
		"tc filter show dev " WORLD_DEV " egress",
		"tc filter show dev " WORLD_DEV " ingress", "ipset save", "iptables-save",
		"ip6tables-save", "nft list ruleset",
		"find /sys/fs/cgroup -maxdepth 4 -name stormdrill-c0ffee*" };
	char *text = calloc(1, SNAPSHOT_SIZE);

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		append(text, commands[i]);
	return text;
}

/* Twice the same: IPv6 adds routes of its own a moment after a link is up. */
static char *
settled(void)
{
	char *before = snapshot(), *now = snapshot();

	while (strcmp(before, now) != 0) {
		free(before);
		before = now;
		(void)usleep(20000);
		now = snapshot();
	}
	free(before);
	return now;
}

/* What is outstanding on disk; not part of the snapshot, so that its message is clear. */
static void
world_no_obligations(const char *what)
{
	char *text, find[256];

	if (access(world.host_dir, F_OK) < 0)
		return; /* gone with the last embedded agent */
	text = calloc(1, SNAPSHOT_SIZE);
	(void)snprintf(find, sizeof(find),
	    "find %s -path */undo/* -o -path */shared/* -o -name .stormdrill*",
	    world.dir);
	append(text, find);
	if (strchr(strchr(text, '\n') + 1, '\n') != NULL)
		die("after %s files or records are left:\n%s", what, text);
	free(text);
}

static void
world_same(const char *what)
{
	_cleanup_free_ char *now = snapshot();

	if (strcmp(world.before, now) != 0)
		die("after %s there is residue.\n--- before\n%s\n--- now\n%s", what,
		    world.before, now);
	world_no_obligations(what);
}

static void
must(const char *words)
{
	_cleanup_free_ char *text = calloc(1, SNAPSHOT_SIZE);

	append(text, words);
}

/* stormd-undo on this world: its exit status, and what it printed if that is wanted. */
static int
world_undo(const char *verb, char *out, size_t size)
{
	const char *argv[] = { "stormd-undo", "--host-dir", world.host_dir, "--run-dir",
		world.run_dir, "--state-dir", world.state_dir, verb, NULL };
	_cleanup_free_ char *path = NULL;
	int status = 0, fd;
	ssize_t n;
	pid_t pid;

	if (asprintf(&path, "%s/out", world.dir) < 0)
		die("out of memory");
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid = fork();
	if (pid == 0) {
		(void)dup2(fd, STDOUT_FILENO);
		(void)execv(world.undo_program, (char *const *)argv);
		_exit(127);
	}
	if (fd < 0 || pid < 0 || waitpid(pid, &status, 0) < 0)
		die("cannot run %s", world.undo_program);
	n = size > 0 ? pread(fd, out, size - 1, 0) : 0;
	if (size > 0)
		out[n > 0 ? n : 0] = '\0';
	(void)close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void
find_undo_program(void)
{
	char self[PATH_MAX - 64];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		die("readlink /proc/self/exe");
	self[len] = '\0';
	for (int i = 0; i < 3; i++) /* build/tests/crash/x → build */
		*strrchr(self, '/') = '\0';
	(void)snprintf(
	    world.undo_program, sizeof(world.undo_program), "%s/bin/stormd-undo", self);
	if (access(world.undo_program, X_OK) < 0)
		die("%s is not built", world.undo_program);
}

static void
world_make(void)
{
	pidns_enter();
	find_undo_program();
	(void)snprintf(world.dir, sizeof(world.dir), "/tmp/storm-crash.XXXXXX");
	if (mkdtemp(world.dir) == NULL)
		die("mkdtemp: %m");
	(void)snprintf(world.host_dir, sizeof(world.host_dir), "%s/host", world.dir);
	(void)snprintf(world.run_dir, sizeof(world.run_dir), "%s/test", world.host_dir);
	(void)snprintf(world.state_dir, sizeof(world.state_dir), "%s/state", world.dir);
	if (mkdir(world.host_dir, 0755) < 0 || mkdir(world.run_dir, 0755) < 0)
		die("mkdir %s: %m", world.run_dir);
	must("ip link set lo up");
	must("ip link add " WORLD_DEV " type veth peer name v1");
	must("ip link set " WORLD_DEV " addrgenmode none up");
	must("ip link set v1 addrgenmode none up");
	world.before = settled();
}

static void
world_drop(void)
{
	_cleanup_free_ char *rm = NULL;

	if (world.dir[0] == '\0' || asprintf(&rm, "rm -rf %s", world.dir) < 0)
		return;
	world.dir[0] = '\0'; /* at most once: rm dies here too */
	must(rm);
}

#endif
