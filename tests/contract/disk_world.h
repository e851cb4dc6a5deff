/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_WORLD_H
#define DISK_WORLD_H
/*
 * What is seen of a disk: how much it is asked for, and how long a process that reads from
 * it past the cache has to wait.  That process is in a cgroup of its own, for faults that
 * mean a cgroup.
 */
#include "cgroup_place.h"
#include "clock.h"
#include "err.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_LEN   (256 << 10)
#define READ_SLOW  (300 * USEC_PER_MSEC) /* usually it takes some hundred µs */
#define READ_TRIES 2
#define BUSY_IOS   50 /* in the 60 ms between two looks; a journal writes now and then */

static struct disk_world {
	struct cgroup_place group; /* dir -1: no controller of disks here */
	char stat[64];             /* of the device, in /sys */
	pid_t reader;
	int ask, answer;
} disk_world = { .group.dir = -1 };

static inline _Noreturn void
reader_main(const char *path, int ask, int answer)
{
	void *buf = aligned_alloc(4096, READ_LEN);
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	struct err e = { 0 };
	char c;

	(void)prctl(PR_SET_NAME, "reader");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (disk_world.group.dir >= 0 &&
	    cgroup_place_write(&disk_world.group, "cgroup.procs", "0", &e) < 0)
		_exit(1);
	while (read(ask, &c, 1) == 1) {
		usec_t took = clock_boottime();

		if (pread(fd, buf, READ_LEN, 0) != READ_LEN)
			_exit(1);
		took = clock_boottime() - took;
		if (write(answer, &took, sizeof(took)) != sizeof(took))
			_exit(1);
	}
	_exit(0);
}

static inline int
disk_world_file(const char *path)
{
	void *block = calloc(1, READ_LEN);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ssize_t n = fd < 0 ? -1 : write(fd, block, READ_LEN);

	free(block);
	if (n != READ_LEN || fsync(fd) < 0)
		return -1;
	return close(fd);
}

static inline void
disk_world_group(const char *fault)
{
	struct cgroup_place *g = &disk_world.group;
	struct err e = { 0 };
	char name[64];
	int tree;

	if (cgroup_place_find("io", "/", g, &e) < 0)
		return;
	cgroup_place_close(g);
	tree = cgroup_tree(g->tree, &e);
	(void)snprintf(name, sizeof(name), "contract-%s", fault);
	if (tree >= 0 && mkdirat(tree, name, 0755) == 0)
		(void)cgroup_place_find("io", name, g, &e);
	(void)close(tree);
}

static inline int
disk_world_make(const char *disk, const char *fault)
{
	int ask[2], answer[2];
	struct stat st;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/watched", disk);
	if (disk_world_file(path) < 0 || stat(disk, &st) < 0 ||
	    pipe2(ask, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0)
		return -1;
	(void)snprintf(disk_world.stat, sizeof(disk_world.stat),
	    "/sys/dev/block/%u:%u/stat", major(st.st_dev), minor(st.st_dev));
	disk_world_group(fault);
	disk_world.reader = fork();
	if (disk_world.reader == 0) {
		(void)close(ask[1]);
		reader_main(path, ask[0], answer[1]);
	}
	disk_world.ask = ask[1];
	disk_world.answer = answer[0];
	return 0;
}

static inline void
disk_world_end(void)
{
	struct err e = { 0 };
	int tree;

	(void)kill(disk_world.reader, SIGKILL);
	(void)waitpid(disk_world.reader, NULL, 0);
	if (disk_world.group.dir < 0)
		return;
	cgroup_place_close(&disk_world.group);
	tree = cgroup_tree(disk_world.group.tree, &e);
	(void)unlinkat(tree, disk_world.group.path, AT_REMOVEDIR);
	(void)close(tree);
}

/* I/Os that were done so far. */
static inline unsigned long
disk_world_ios(void)
{
	FILE *f = fopen(disk_world.stat, "re");
	unsigned long reads = 0, writes = 0;

	if (f == NULL || fscanf(f, "%lu %*u %*u %*u %lu", &reads, &writes) != 2)
		abort();
	(void)fclose(f); /* only read */
	return reads + writes;
}

static inline const char *
disk_world_read(void)
{
	for (int i = 0; i < READ_TRIES; i++) {
		usec_t took;

		if (write(disk_world.ask, "r", 1) != 1 ||
		    read(disk_world.answer, &took, sizeof(took)) != sizeof(took))
			return "broken";
		if (took < READ_SLOW)
			return "quick";
	}
	return "slow";
}

/* The limits of the group, one line each. */
static inline void
disk_world_limits(char *text, size_t size)
{
	static const char *const files[] = { "io.max", "blkio.throttle.read_bps_device",
		"blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device",
		"blkio.throttle.write_iops_device" };
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < 5 && disk_world.group.dir >= 0; i++) {
		char value[1024];

		if (cgroup_place_read(&disk_world.group, files[i], value, sizeof(value)) >
		    0)
			used += (size_t)snprintf(
			    text + used, size - used, "%s: %s\n", files[i], value);
	}
}

#endif
