/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking space.  fallocate(2) reserves blocks without writing them, so 4 GiB take a
 * millisecond; but the file system's own lists take blocks as well, and how many cannot be
 * known beforehand.  So the amount is approached by asking statvfs after each step.
 */
#include "disk.h"
#include "cleanup.h"
#include "err.h"
#include "proc.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ROUNDS_MAX     200
#define ZFS_MAGIC      0x2fc12fc1
#define BCACHEFS_MAGIC 0xca451a4e

int
disk_open_dir(const char *path, struct err *e)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd < 0 && errno == ELOOP)
		return err_set(e, -ELOOP,
		    "'%s' leads through a symbolic link: name the directory itself",
		    path);
	if (fd < 0 && errno == ENOSYS)
		return err_errno(e, "open directory '%s': openat2", path);
	return fd < 0 ? err_errno(e, "open directory '%s'", path) : fd;
}

int
disk_place(int dir, struct disk_place *ret, struct err *e)
{
	struct statfs fs;
	struct stat st;

	if (fstat(dir, &st) < 0 || fstatfs(dir, &fs) < 0)
		return err_errno(e, "look at the directory");
	ret->inode = (int64_t)(st.st_ino & INT64_MAX);
	memcpy(&ret->fsid, &fs.f_fsid, sizeof(ret->fsid));
	return 0;
}

/* "36 35 98:0 /root /mount options … - ext4 /dev/sda options": the type is after the dash,
 * because the number of fields before it varies. */
static bool
take_fs_name(const char *line, dev_t dev, char *buf, size_t size)
{
	const char *dash = strstr(line, " - ");
	unsigned major, minor;

	if (dash == NULL || sscanf(line, "%*u %*u %u:%u", &major, &minor) != 2 ||
	    makedev(major, minor) != dev)
		return false;
	(void)snprintf(buf, size, "%.*s", (int)strcspn(dash + 3, " "), dash + 3);
	return true;
}

const char *
disk_fs_name(int fd, char *buf, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t line_size = 0;
	struct stat st;

	(void)snprintf(buf, size, "unknown");
	if (f == NULL || fstat(fd, &st) < 0)
		return buf;
	while (getline(&line, &line_size, f) > 0) {
		if (take_fs_name(line, st.st_dev, buf, size))
			break;
	}
	return buf;
}

bool
disk_counts_plainly(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case BTRFS_SUPER_MAGIC:
	case ZFS_MAGIC:
	case BCACHEFS_MAGIC:
		return false;
	default:
		return true;
	}
}

uint64_t
disk_backing(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return UINT64_MAX;
	return proc_memory_available();
}

int
disk_tmpfile(int dir, struct err *e)
{
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char fs[32];

	if (fd >= 0)
		return fd;
	/* EISDIR: a kernel or file system that has never heard of O_TMPFILE */
	if (errno == EOPNOTSUPP || errno == EISDIR)
		return err_unsupported(e, "%s has no unnamed files (O_TMPFILE)",
		    disk_fs_name(dir, fs, sizeof(fs)));
	return err_errno(e, "make an unnamed file");
}

int
disk_space(int fd, struct disk_space *ret, struct err *e)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) < 0)
		return err_errno(e, "ask the file system for its free space");
	ret->block = v.f_frsize;
	ret->available = v.f_bavail;
	ret->total = v.f_blocks - v.f_bfree + v.f_bavail;
	return 0;
}

static int
allocate(int file, uint64_t from, uint64_t len)
{
	int rc;

	do {
		rc = fallocate(file, 0, (off_t)from, (off_t)len);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

static void
give_back(int file, uint64_t keep)
{
	(void)!ftruncate(file, (off_t)keep); /* closing the file gives back the rest */
}

int
disk_take(int file, uint64_t bytes, struct err *e)
{
	int rc = allocate(file, 0, bytes);

	if (rc < 0) {
		give_back(file, 0);
		return err_set(e, rc, "allocate %llu bytes: %s",
		    (unsigned long long)bytes, strerror(-rc));
	}
	return 0;
}

/* As much of `blocks` as can be had: the file system may want some for itself, so what
 * fails is tried again at half its size.  How many were had. */
static int
grow(int file, const struct disk_space *s, uint64_t *size, uint64_t blocks)
{
	int rc = -ENOSPC;

	for (; blocks > 0 && (rc == -ENOSPC || rc == -EDQUOT); blocks /= 2) {
		rc = allocate(file, *size, blocks * s->block);
		if (rc == 0) {
			*size += blocks * s->block;
			return 0;
		}
		give_back(file, *size); /* a failed one keeps what it got so far */
	}
	return rc;
}

/* One step nearer; 1 when there, 0 to go on. */
static int
approach(int file, uint64_t left, uint64_t *size, struct err *e)
{
	struct disk_space s = { 0 };
	uint64_t surplus;
	int rc = disk_space(file, &s, e);

	if (rc < 0)
		return rc;
	if (s.available == left)
		return 1;
	if (s.available < left) {
		surplus = (left - s.available) * s.block;
		*size -= surplus < *size ? surplus : *size;
		give_back(file, *size);
		return 0;
	}
	rc = grow(file, &s, size, s.available - left);
	if (rc == -ENOSPC && s.available - left <= 1)
		return 1;
	if (rc < 0)
		return err_set(e, rc,
		    "allocate the last %llu of the blocks asked for: %s",
		    (unsigned long long)(s.available - left), strerror(-rc));
	return 0;
}

int
disk_take_until(int file, uint64_t left, struct err *e)
{
	uint64_t size = 0;
	int rc = 0;

	for (int i = 0; i < ROUNDS_MAX && rc == 0; i++)
		rc = approach(file, left, &size, e);
	if (rc == 0)
		rc = err_set(e, -EAGAIN,
		    "others change the free space faster than it can be taken");
	if (rc < 0) {
		give_back(file, 0);
		return rc;
	}
	return 0;
}

uint64_t
disk_taken(int file)
{
	struct stat st;

	return fstat(file, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}
