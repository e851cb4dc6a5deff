/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what /sys shows of a device's number, which it has even where its node in /dev is
 * missing.  Only disks as the kernel sees them: what is below a mirror or behind a loop
 * device is another disk, with limits of its own.
 */
#include "block.h"
#include "cgroup_place.h"
#include "disk.h"
#include "err.h"
#include "fdio.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define STAT_TEXT_MAX 32768 /* lines of every disk a cgroup has used */

static int
whole_disk(unsigned *major, unsigned *minor)
{
	char path[64], text[32];
	int n;

	n = snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", *major, *minor);
	if (access(path, F_OK) < 0)
		return -ENODEV;
	(void)snprintf(path + n, sizeof(path) - (size_t)n, "/partition");
	if (access(path, F_OK) < 0)
		return 0;
	/* the kernel follows the link before "..", so that this is the disk's */
	(void)snprintf(path + n, sizeof(path) - (size_t)n, "/../dev");
	if (read_file_at(AT_FDCWD, path, text, sizeof(text)) < 0 ||
	    sscanf(text, "%u:%u", major, minor) != 2)
		return -ENODEV;
	return 0;
}

static void
name_disk(struct block_disk *d)
{
	char path[64], target[512];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", d->major, d->minor);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	(void)snprintf(d->name, sizeof(d->name), "%.31s",
	    n > 0 && strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : "?");
}

int
block_disk_of(int dir, struct block_disk *ret, struct err *e)
{
	struct block_disk d = { 0 };
	struct stat st;
	char fs[32];

	if (fstat(dir, &st) < 0)
		return err_errno(e, "look at the directory");
	d.major = major(st.st_dev);
	d.minor = minor(st.st_dev);
	(void)disk_fs_name(dir, fs, sizeof(fs));
	/* major 0: numbers that the kernel makes up for what is not on one disk */
	if (d.major == 0)
		return err_unsupported(
		    e, "it is on %s, which has no disk of its own", fs);
	if (whole_disk(&d.major, &d.minor) < 0)
		return err_unsupported(e,
		    "it is on device %u:%u, which /sys does not show", d.major, d.minor);
	name_disk(&d);
	*ret = d;
	return 0;
}

/* v2, one line per disk: "8:0 rbytes=1 wbytes=2 rios=3 …" */
static void
read_v2(const char *line, struct block_usage *u)
{
	const char *r = strstr(line, " rbytes="), *w = strstr(line, " wbytes=");
	const char *end = line + strcspn(line, "\n");

	if (r != NULL && r < end)
		(void)sscanf(r, " rbytes=%" SCNu64, &u->read);
	if (w != NULL && w < end)
		(void)sscanf(w, " wbytes=%" SCNu64, &u->written);
}

/* v1, one line per disk and direction: "8:0 Read 1", "8:0 Write 2", "8:0 Sync 3" … */
static void
read_v1(const char *line, struct block_usage *u)
{
	char what[16] = "";
	uint64_t bytes = 0;

	if (sscanf(line, "%*s %15s %" SCNu64, what, &bytes) != 2)
		return;
	if (strcmp(what, "Read") == 0)
		u->read = bytes;
	else if (strcmp(what, "Write") == 0)
		u->written = bytes;
}

int
block_usage(const struct cgroup_place *p, const struct block_disk *d,
    struct block_usage *ret, struct err *e)
{
	const char *file =
	    p->version == 2 ? "io.stat" : "blkio.throttle.io_service_bytes_recursive";
	char text[STAT_TEXT_MAX], dev[24];
	struct block_usage u = { 0 };
	int n = cgroup_place_read(p, file, text, sizeof(text));

	if (n < 0)
		return err_set(
		    e, n, "read %s of cgroup '/%s': %s", file, p->path, strerror(-n));
	n = snprintf(dev, sizeof(dev), "%u:%u ", d->major, d->minor);
	for (const char *line = text; *line != '\0';) {
		if (strncmp(line, dev, (size_t)n) == 0)
			(p->version == 2 ? read_v2 : read_v1)(line, &u);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	*ret = u;
	return 0;
}
