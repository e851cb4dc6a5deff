/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table as /proc/self/mountinfo has it.  Remounting goes by fspick, which changes
 * the one flag that is named: mount(2) would want every other option said again, and what
 * one forgets there (nosuid, nodev) is gone.
 */
#include "mount.h"
#include "cleanup.h"
#include "err.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define OPEN_ROOT (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Blanks and the like are written \040. */
static void
unescape_octal(char *s)
{
	char *to = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] != '\0' &&
		    s[3] != '\0') {
			*to++ =
			    (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

static bool
begins_ro(const char *options)
{
	return options != NULL && strncmp(options, "ro", 2) == 0 &&
	       (options[2] == ',' || options[2] == '\0' || options[2] == '\n');
}

/* "36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/sda rw,…": 0, -EBADMSG, or
 * -ENAMETOOLONG. */
static int
parse_line(char *line, struct mount *ret)
{
	char *dash = strstr(line, " - "), *save = NULL, *field[6] = { NULL };
	char *fs, *options;
	unsigned major, minor;

	if (dash == NULL)
		return -EBADMSG;
	*dash = '\0';
	for (size_t i = 0; i < ARRAY_LEN(field); i++)
		field[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
	fs = strtok_r(dash + 3, " ", &save);
	(void)strtok_r(NULL, " ", &save); /* what is mounted */
	options = strtok_r(NULL, " ", &save);
	if (field[5] == NULL || options == NULL ||
	    sscanf(field[2], "%u:%u", &major, &minor) != 2)
		return -EBADMSG;
	*ret = (struct mount){
		.id = strtoull(field[0], NULL, 10),
		.dev = makedev(major, minor),
		.is_ro = begins_ro(field[5]),
		.is_super_ro = begins_ro(options),
	};
	(void)snprintf(ret->fs, sizeof(ret->fs), "%s", fs);
	unescape_octal(field[4]);
	if (strlen(field[4]) >= sizeof(ret->point))
		return -ENAMETOOLONG;
	(void)snprintf(ret->point, sizeof(ret->point), "%s", field[4]);
	return 0;
}

/* The last line that is wanted: of two mounts on one point it is the one seen. */
static int
find_line(uint64_t id, dev_t dev, struct mount *ret, struct err *e)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int found = -ENOENT;

	if (f == NULL)
		return err_errno(e, "open the mount table");
	while (getline(&line, &size, f) > 0) {
		struct mount m;
		int rc = parse_line(line, &m);

		if (rc == -EBADMSG || (id != 0 ? m.id != id : m.dev != dev))
			continue;
		if (rc == 0)
			*ret = m;
		if (found != 0)
			found = rc;
	}
	if (found == -ENAMETOOLONG)
		return err_set(e, found, "the path of its mount is too long");
	return found == 0 ? 0 : err_set(e, found, "not mounted in our mount namespace");
}

int
mount_of(int fd, struct mount *ret, struct err *e)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0)
		return err_errno(e, "find its mount");
	if ((x.stx_mask & STATX_MNT_ID) == 0)
		return err_unsupported(e, "this kernel does not tell mounts apart");
	if (find_line(x.stx_mnt_id, 0, ret, e) < 0)
		return e->code;
	for (const char *c = ret->point; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_unsupported(
			    e, "its mount point has a control character in its name");
	}
	return 0;
}

int
mount_find(dev_t dev, struct mount *ret, struct err *e)
{
	return find_line(0, dev, ret, e);
}

bool
mount_has_device(const char *fs)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/filesystems", "re");
	char line[80], nodev[48];

	(void)snprintf(nodev, sizeof(nodev), "nodev\t%s\n", fs);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strcmp(line, nodev) == 0)
			return false;
	}
	return true;
}

/* -ENOENT: it is somebody else's place now. */
static int
open_if_on(const char *point, dev_t dev)
{
	_cleanup_close_ int fd = open(point, OPEN_ROOT);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
	return st.st_dev == dev ? steal_fd(&fd) : -ENOENT;
}

int
mount_open(const char *point, dev_t dev, struct err *e)
{
	int fd = open_if_on(point, dev);
	struct mount other;
	struct err why = { 0 };

	if (fd == -ENOENT && mount_find(dev, &other, &why) == 0)
		fd = open_if_on(other.point, dev);
	return fd < 0 ? err_set(e, fd, "open '%s': %s", point, strerror(-fd)) : fd;
}

bool
mount_is_hidden(dev_t dev)
{
	char path[64], line[128], node[128] = "";
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_close_ int fd = -1;

	(void)snprintf(
	    path, sizeof(path), "/sys/dev/block/%u:%u/uevent", major(dev), minor(dev));
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "DEVNAME=", 8) == 0)
			(void)snprintf(node, sizeof(node), "/dev/%.110s", line + 8);
	}
	if (node[0] == '\0')
		return false;
	/* a mounted file system has claimed its device: nobody else may */
	fd = open(node, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 && errno == EBUSY;
}

/* What the file system has to say about it: "e ext4: …" */
static void
add_reason(int context, struct err *e)
{
	char text[160];
	ssize_t n = read(context, text, sizeof(text) - 1);
	size_t used = strlen(e->msg);

	if (n <= 2)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(e->msg + used, sizeof(e->msg) - used, " (%s)", text + 2);
}

static int
reconfigure(int root, bool readonly, struct err *e)
{
	_cleanup_close_ int context =
	    (int)syscall(SYS_fspick, root, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);

	if (context < 0)
		return err_errno(e, "take the file system");
	if (syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, readonly ? "ro" : "rw",
		NULL, 0) == 0 &&
	    syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) == 0)
		return 0;
	(void)err_errno(
	    e, "remount the file system %s", readonly ? "read-only" : "writable");
	add_reason(context, e);
	return e->code;
}

int
mount_set_readonly(int root, bool whole, bool readonly, struct err *e)
{
	struct mount_attr attr = {
		.attr_set = readonly ? MOUNT_ATTR_RDONLY : 0,
		.attr_clr = readonly ? 0 : MOUNT_ATTR_RDONLY,
	};

	if (whole)
		return reconfigure(root, readonly, e);
	if (syscall(SYS_mount_setattr, root, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_errno(
		    e, "make the mount %s", readonly ? "read-only" : "writable");
	return 0;
}

int
mount_freeze(int dir)
{
	return ioctl(dir, FIFREEZE, 0) < 0 ? -errno : 0;
}

int
mount_thaw(int dir)
{
	return ioctl(dir, FITHAW, 0) < 0 ? -errno : 0;
}
