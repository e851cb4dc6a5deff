/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path names a directory only at one moment: what was looked at in prepare is known by
 * device and inode from then on.
 */
#include "place.h"
#include "cleanup.h"
#include "disk.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
place_pin(struct place *p, const char *path, struct err *e)
{
	_cleanup_close_ int dir = disk_open_dir(path, e);
	struct stat st;

	if (dir < 0)
		return dir;
	if (fstat(dir, &st) < 0)
		return err_errno(e, "look at '%s'", path);
	(void)snprintf(p->path, sizeof(p->path), "%s", path);
	p->dev = st.st_dev;
	p->inode = st.st_ino;
	return steal_fd(&dir);
}

int
place_open(const struct place *p, struct err *e)
{
	_cleanup_close_ int dir = disk_open_dir(p->path, e);
	struct stat st;

	if (dir < 0)
		return dir;
	if (fstat(dir, &st) < 0)
		return err_errno(e, "look at '%s'", p->path);
	if (st.st_dev != p->dev || st.st_ino != p->inode)
		return err_set(e, -ESTALE,
		    "'%s' is another directory than before: something was mounted or "
		    "unmounted there",
		    p->path);
	return steal_fd(&dir);
}

static bool
is_on(const char *path, dev_t dev)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == dev;
}

int
place_check(int dir, const struct fault_run *r, struct err *e)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return err_errno(e, "look at the directory");
	for (const char *p = r->protect->paths; *p != '\0'; p += strlen(p) + 1) {
		if (is_on(p, st.st_dev))
			return err_refused(e,
			    "it is on the file system of '%s', which policy protects", p);
	}
	return 0;
}

bool
place_is_ours(int dir, const struct fault_run *r)
{
	struct stat st;

	return fstat(dir, &st) == 0 &&
	       (is_on(r->run_dir, st.st_dev) || is_on(r->state_dir, st.st_dev));
}
