/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOOP_DISK_H
#define LOOP_DISK_H
/*
 * A small ext4 of a test's own on a loop device, in its private mount namespace (pidns.h),
 * and what has been done to it.
 */
#include "spawn.h"
#include "test.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct loop_disk {
	char base[32], image[48], at[48];
	unsigned major, minor;
};

static inline int
loop_tool(const char *const *argv)
{
	struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 30000 };
	struct err e = { 0 };
	int rc = run_tool(&t, &e);

	if (rc < 0)
		(void)fprintf(stderr, "%s: %s\n", argv[0], e.msg);
	return rc;
}
#define LOOP_TOOL(...) loop_tool((const char *const[]){ __VA_ARGS__, NULL })

static inline int
loop_disk_make(struct loop_disk *d, off_t size)
{
	struct stat root, ours;
	int fd;

	(void)snprintf(d->base, sizeof(d->base), "/tmp/stormdrill-disk-XXXXXX");
	if (mkdtemp(d->base) == NULL)
		return -1;
	(void)snprintf(d->at, sizeof(d->at), "%s/disk", d->base);
	(void)snprintf(d->image, sizeof(d->image), "%s/image", d->base);
	fd = open(d->image, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, size) < 0 || close(fd) < 0 || mkdir(d->at, 0755) < 0)
		return -1;
	if (LOOP_TOOL("/sbin/mkfs.ext4", "-q", "-F", d->image) < 0 ||
	    LOOP_TOOL("/bin/mount", "-o", "loop", d->image, d->at) < 0)
		return -1;
	if (stat("/", &root) < 0 || stat(d->at, &ours) < 0 || root.st_dev == ours.st_dev)
		return -1;
	d->major = major(ours.st_dev);
	d->minor = minor(ours.st_dev);
	return 0;
}

static inline int
loop_disk_end(const struct loop_disk *d)
{
	int rc = umount(d->at);

	(void)rmdir(d->at);
	(void)unlink(d->image);
	(void)rmdir(d->base);
	return rc;
}

struct loop_count {
	unsigned long reads, read_sectors, writes, written_sectors;
};

static inline struct loop_count
loop_disk_count(const struct loop_disk *d)
{
	struct loop_count c = { 0 };
	char path[64];
	FILE *f;

	(void)snprintf(
	    path, sizeof(path), "/sys/dev/block/%u:%u/stat", d->major, d->minor);
	f = fopen(path, "re");
	if (f == NULL || fscanf(f, "%lu %*u %lu %*u %lu %*u %lu", &c.reads,
			     &c.read_sectors, &c.writes, &c.written_sectors) != 4)
		fail_msg("cannot read %s", path);
	(void)fclose(f); /* only read */
	return c;
}

#endif
