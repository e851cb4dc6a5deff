/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What file systems differ in is asked of them, or known by their magic where they cannot
 * be asked.
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
#include <sys/vfs.h>
#include <unistd.h>

#define ZFS_MAGIC      0x2fc12fc1
#define BCACHEFS_MAGIC 0xca451a4e
#define EXFAT_MAGIC    0x2011bab0

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
 * because the number of fields before it varies.  By the mount's number: the device is not
 * that of its files where subvolumes have their own. */
static bool
take_fs_name(const char *line, uint64_t mount, char *buf, size_t size)
{
	const char *dash = strstr(line, " - ");
	unsigned long long id;

	if (dash == NULL || sscanf(line, "%llu", &id) != 1 || id != mount)
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
	struct statx sx;

	(void)snprintf(buf, size, "unknown");
	if (f == NULL || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) < 0)
		return buf;
	while (getline(&line, &line_size, f) > 0) {
		if (take_fs_name(line, sx.stx_mnt_id, buf, size))
			break;
	}
	return buf;
}

static unsigned long
magic_of(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) < 0 ? 0 : (unsigned long)fs.f_type & UINT32_MAX;
}

bool
disk_copies_on_write(int fd)
{
	switch (magic_of(fd)) {
	case BTRFS_SUPER_MAGIC:
	case ZFS_MAGIC:
	case BCACHEFS_MAGIC:
		return true;
	default:
		return false;
	}
}

bool
disk_wants_data(int fd)
{
	const unsigned long magic = magic_of(fd);

	return disk_copies_on_write(fd) || magic == MSDOS_SUPER_MAGIC ||
	       magic == EXFAT_MAGIC;
}

/* By name: a 9p server may tell the number of the file system that lies behind it. */
bool
disk_keeps_names(int fd)
{
	static const char *const names[] = { "9p", "afs", "ceph", "cifs", "coda", "nfs",
		"nfs4", "smb3", "unknown" };
	char fs[32];

	(void)disk_fs_name(fd, fs, sizeof(fs));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(fs, names[i]) == 0)
			return true;
	}
	return strncmp(fs, "fuse", strlen("fuse")) == 0;
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

int
disk_inodes(int fd, struct disk_inodes *ret, struct err *e)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) < 0)
		return err_errno(e, "ask the file system for its free inodes");
	ret->total = v.f_files - v.f_ffree + v.f_favail;
	ret->available = v.f_favail;
	if (v.f_files == 0)
		ret->total = 0;
	return 0;
}
