/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.readonly: a file system that takes no changes any more, as the kernel leaves one
 * behind whose disk has failed; or one mount of it.  Unlike then, the kernel refuses as long
 * as somebody has a file open for writing: who, is all that we can say about it.
 */
#include "cleanup.h"
#include "disk.h"
#include "fault.h"
#include "vital.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define WATCH_MS   1000
#define BUSY_WAIT  (1 * USEC_PER_SEC) /* who writes a file and closes it again */
#define BUSY_POLL  (20 * USEC_PER_MSEC)
#define NAME_NEVER ".stormdrill-none"

enum { SCOPE_FILESYSTEM, SCOPE_MOUNT };

struct readonly {
	struct mount mount;
	int root; /* of the mount */
	bool whole;
	dev_t dev;
};

static int
disk_readonly_supported(struct err *e)
{
	(void)e;
	return 0; /* it depends on the file system: apply will tell */
}

static int
look_at(struct readonly *f, const char *path, struct err *e)
{
	_cleanup_close_ int dir = disk_open_dir(path, e);
	struct stat st;

	if (dir < 0)
		return dir;
	if (mount_of(dir, &f->mount, e) < 0)
		return err_wrap(e, "'%s'", path);
	f->root = open(f->mount.point, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->root < 0 || fstat(f->root, &st) < 0)
		return err_errno(e, "open '%s'", f->mount.point);
	f->dev = st.st_dev;
	return 0;
}

static struct vital
vital_of(const struct readonly *f)
{
	return (struct vital){ &f->mount, f->dev, !f->whole, "read-only" };
}

static bool
is_readonly(const struct readonly *f, const struct mount *now)
{
	return f->whole ? now->is_super_ro : now->is_ro || now->is_super_ro;
}

static int
refuse_busy(const struct readonly *f, struct err *e)
{
	const struct vital v = vital_of(f);
	char who[120];

	(void)vital_writers(&v, who, sizeof(who));
	return err_refused(e, "'%.60s' has files open for writing: %s", f->mount.point,
	    who[0] != '\0' ? who : "whose, is not to be seen (a loop device, a mapping)");
}

/* What the kernel would refuse later is refused while nothing is injected yet. */
static int
check_writers(const struct readonly *f, struct err *e)
{
	const usec_t until = clock_boottime() + BUSY_WAIT;
	const struct vital v = vital_of(f);
	char who[120];

	while (vital_writers(&v, who, sizeof(who))[0] != '\0') {
		if (clock_boottime() >= until)
			return refuse_busy(f, e);
		sleep_usec(BUSY_POLL);
	}
	return 0;
}

static int
disk_readonly_prepare(struct fault_run *r, struct err *e)
{
	struct readonly *f = xcalloc(1, sizeof(*f));
	struct vital v;
	struct undo u;

	r->state = f;
	f->root = -1;
	f->whole = spec_num(r->spec, "scope") == SCOPE_FILESYSTEM;
	if (look_at(f, spec_text(r->spec, "path"), e) < 0)
		return e->code;
	v = vital_of(f);
	if (vital_check(&v, r, e) < 0)
		return e->code;
	if (is_readonly(f, &f->mount))
		return err_refused(e, "'%s' is read-only already", f->mount.point);
	if (check_writers(f, e) < 0)
		return e->code;
	u = (struct undo){ .op = UNDO_WRITABLE,
		.num = { major(f->dev), minor(f->dev), f->whole ? 1 : 2 } };
	(void)snprintf(u.name, sizeof(u.name), "%s", f->mount.point);
	undo_add(&r->undo, u);
	fault_op(r, "make %s '%s' (%s) read-only",
	    f->whole ? "the file system on" : "the mount on", f->mount.point,
	    f->mount.fs);
	(void)snprintf(
	    r->note, sizeof(r->note), "%s on '%.120s'", f->mount.fs, f->mount.point);
	r->wake_ms = -1;
	return 0;
}

static int
disk_readonly_stage(struct fault_run *r, struct err *e)
{
	const struct readonly *f = r->state;

	/* so that there is little left to write out when it is time */
	return syncfs(f->root) < 0 ? err_errno(e, "sync '%s'", f->mount.point) : 0;
}

static int
disk_readonly_apply(struct fault_run *r, struct err *e)
{
	const struct readonly *f = r->state;
	const usec_t until = clock_boottime() + BUSY_WAIT;
	struct err why = { 0 };
	int rc;

	while ((rc = mount_set_readonly(f->root, f->whole, true, &why)) == -EBUSY &&
	       clock_boottime() < until)
		sleep_usec(BUSY_POLL);
	if (rc == -EBUSY)
		return refuse_busy(f, e);
	if (rc < 0) {
		*e = why;
		return err_wrap(e, "'%s'", f->mount.point);
	}
	return 0;
}

/* The mount table says so, and a change is refused. */
static int
disk_readonly_verify(struct fault_run *r, struct err *e)
{
	const struct readonly *f = r->state;
	struct mount now;

	if (mount_of(f->root, &now, e) < 0)
		return e->code;
	if (!is_readonly(f, &now))
		return err_set(e, -EIO, "'%s' is still writable", f->mount.point);
	if (unlinkat(f->root, NAME_NEVER, 0) == 0 || errno != EROFS)
		return err_set(
		    e, -EIO, "'%s' is read-only, yet takes changes", f->mount.point);
	r->effect = 1;
	r->wake_ms = WATCH_MS;
	(void)snprintf(r->note, sizeof(r->note), "'%.100s' is read-only", f->mount.point);
	return 0;
}

static int
disk_readonly_hold(struct fault_run *r, struct err *e)
{
	const struct readonly *f = r->state;
	struct mount now;
	int rc = mount_of(f->root, &now, e);

	if (rc == 0 && is_readonly(f, &now))
		return 0;
	r->lost = true;
	return rc < 0 ?
		   err_wrap(e, "'%s'", f->mount.point) :
		   err_set(e, -ESTALE, "somebody has made '%s' writable", f->mount.point);
}

/* While it is open the file system cannot be unmounted. */
static int
disk_readonly_release(struct fault_run *r, struct err *e)
{
	struct readonly *f = r->state;

	(void)e;
	cleanup_close(&f->root);
	f->root = -1;
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(fsconfig),
	SCMP_SYS(fspick),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(syncfs),
	-1,
};

const struct fault fault_disk_readonly = {
	.kind = &kind_disk_readonly,
	.effect_unit = "file system",
	.supported = disk_readonly_supported,
	.how = fault_how_plain,
	.prepare = disk_readonly_prepare,
	.stage = disk_readonly_stage,
	.apply = disk_readonly_apply,
	.verify = disk_readonly_verify,
	.hold = disk_readonly_hold,
	.release = disk_readonly_release,
	.syscalls = syscalls,
};
