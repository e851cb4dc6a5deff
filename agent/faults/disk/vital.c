/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may not be stopped is found by what is used, not by a list of names alone: the files
 * that this program is mapped from, those that the agent and the controller have open for
 * writing, and below each of these the image file when its disk is a loop device.  Files
 * are looked at without asking a server (AT_STATX_DONT_SYNC): one that is gone would hold
 * us up.
 */
#include "vital.h"
#include "cleanup.h"
#include "fdio.h"
#include "proc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LOOPS_MAX   4 /* image on a loop device on an image … */
#define WRITERS_MAX 3 /* named, of those that are counted */

struct vital_file {
	dev_t dev;
	uint64_t mount;
	bool is_plain; /* a regular file or a directory */
};

static int
look(int dir, const char *path, struct vital_file *ret)
{
	struct statx x;

	if (statx(dir, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		STATX_TYPE | STATX_MNT_ID, &x) < 0)
		return -errno;
	*ret = (struct vital_file){
		.dev = makedev(x.stx_dev_major, x.stx_dev_minor),
		.mount = x.stx_mnt_id,
		.is_plain = S_ISREG(x.stx_mode) || S_ISDIR(x.stx_mode),
	};
	return 0;
}

static bool
is_hit(const struct vital *v, const struct vital_file *f)
{
	return v->only_mount ? f->mount == v->mount->id :
			       f->dev == v->dev || f->dev == v->mount->dev;
}

/* The image behind a loop device; false when it is none. */
static bool
go_below(dev_t dev, struct vital_file *ret)
{
	char path[96], image[PATH_LEN_MAX];

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop/backing_file",
	    major(dev), minor(dev));
	if (read_file_at(AT_FDCWD, path, image, sizeof(image)) <= 0)
		return false;
	image[strcspn(image, "\n")] = '\0';
	return look(AT_FDCWD, image, ret) == 0;
}

static bool
depends(const struct vital *v, const char *path)
{
	struct vital_file f;

	if (path == NULL || path[0] == '\0' || look(AT_FDCWD, path, &f) < 0)
		return false;
	for (int i = 0; i < LOOPS_MAX; i++) {
		if (is_hit(v, &f))
			return true;
		if (!go_below(f.dev, &f))
			return false;
	}
	return false;
}

static int
refuse(const struct vital *v, const char *what, struct err *e)
{
	return err_refused(
	    e, "a %s '%.60s' would stop %s", v->state, v->mount->point, what);
}

static int
check_own(const struct vital *v, const struct fault_run *r, struct err *e)
{
	if (depends(v, r->run_dir) || depends(v, r->host_dir) || depends(v, r->state_dir))
		return refuse(v, "the agent, whose records are there", e);
	if (depends(v, "/proc/self/exe"))
		return refuse(v, "the agent, which is installed there", e);
	return 0;
}

static int
check_host(const struct vital *v, const struct fault_run *r, struct err *e)
{
	static const char *const paths[] = { "/", "/usr", "/etc", "/run", "/dev", "/proc",
		"/sys", "/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/var", "/var/log",
		"/var/log/journal", "/run/log/journal" };
	char what[ERR_MSG_MAX];

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		(void)snprintf(what, sizeof(what), "the host: '%s' is on it", paths[i]);
		if (depends(v, paths[i]))
			return refuse(v, what, e);
	}
	for (const char *p = r->protect->paths; *p != '\0'; p += strlen(p) + 1) {
		(void)snprintf(what, sizeof(what), "'%.100s', which policy protects", p);
		if (depends(v, p))
			return refuse(v, what, e);
	}
	return 0;
}

/* Libraries: what is mapped is read again when memory is short. */
static int
check_mapped(const struct vital *v, struct err *e)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (f != NULL && getline(&line, &size, f) > 0) {
		char *path = strchr(line, '/');

		if (path == NULL)
			continue;
		path[strcspn(path, "\n")] = '\0';
		if (depends(v, path))
			return refuse(v, "the agent, whose libraries are there", e);
	}
	return 0;
}

/* How many files a process has open there for writing; the link's own mode says how each
 * was opened. */
static int
count_writing(const struct vital *v, int proc)
{
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *de;
	struct vital_file f;
	struct stat link;

	if (d == NULL) {
		cleanup_close(&fd);
		return 0;
	}
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' ||
		    fstatat(fd, de->d_name, &link, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (link.st_mode & S_IWUSR) == 0)
			continue;
		if (look(fd, de->d_name, &f) == 0 && f.is_plain && is_hit(v, &f))
			count++;
	}
	(void)closedir(d); /* read only */
	return count;
}

static int
check_process(const struct vital *v, pid_t pid, const char *what, struct err *e)
{
	_cleanup_close_ int proc = pid > 0 ? proc_open(pid) : -1;

	if (proc >= 0 && count_writing(v, proc) > 0)
		return refuse(v, what, e);
	return 0;
}

int
vital_check(const struct vital *v, const struct fault_run *r, struct err *e)
{
	static const char ours[] = "the agent, whose messages go there";
	int rc = check_own(v, r, e);

	if (rc == 0)
		rc = check_host(v, r, e);
	if (rc == 0)
		rc = check_mapped(v, e);
	if (rc == 0)
		rc = check_process(v, getpid(), ours, e);
	if (rc == 0)
		rc = check_process(v, r->protect->agent_pid, ours, e);
	if (rc == 0)
		rc = check_process(v, r->protect->controller_pid,
		    "the controller, which writes there", e);
	return rc;
}

struct writers {
	const struct vital *v;
	char *buf;
	size_t size, used;
	int count;
};

static int
add_writer(void *ctx, const struct proc *p, int dir)
{
	struct writers *w = ctx;
	int n;

	if (p->is_kernel || count_writing(w->v, dir) == 0 || w->count++ >= WRITERS_MAX)
		return 0;
	n = snprintf(w->buf + w->used, w->size - w->used, "%s%s (%d)",
	    w->used > 0 ? ", " : "", p->comm, p->id.pid);
	if (n > 0 && (size_t)n < w->size - w->used)
		w->used += (size_t)n;
	return 0;
}

const char *
vital_writers(const struct vital *v, char *buf, size_t size)
{
	struct writers w = { .v = v, .buf = buf, .size = size };
	struct err e = { 0 };

	buf[0] = '\0';
	(void)proc_each(add_writer, &w, &e); /* without them the message says less */
	if (w.count > WRITERS_MAX)
		(void)snprintf(buf + w.used, size - w.used, " and %d other%s",
		    w.count - WRITERS_MAX, w.count == WRITERS_MAX + 1 ? "" : "s");
	return buf;
}
