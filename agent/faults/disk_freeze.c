/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.freeze: FIFREEZE on the file system of `path`; whoever writes there waits.
 *
 * A freeze belongs to nobody: whoever thaws, thaws everybody's.  So ours is in the list of
 * what this process undoes only from the moment before it is made, and is taken out again
 * when the file system turns out to be frozen by somebody else.
 *
 * Nor can one ask whether a file system is frozen.  A child of ours tries to write (to
 * remove an attribute that is not there, which changes nothing) and so waits like
 * everybody: that it waits is the proof, and that it returns is how we learn that somebody
 * has thawed it.
 */
#include "child_group.h"
#include "cleanup.h"
#include "crew.h"
#include "disk.h"
#include "fault.h"
#include "fdio.h"
#include "leash.h"
#include "parse.h"
#include "process.h"
#include "vital.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define START_PATIENCE (10 * USEC_PER_SEC)
#define TRY_PATIENCE   (5 * USEC_PER_SEC)
#define TRY_WAIT       (20 * USEC_PER_MSEC) /* a write that does not wait is back by then */
#define WATCH_MS       250

/* What the holder shares with the one who tries. */
struct freeze_page {
	_Atomic uint32_t is_going;
	_Atomic uint32_t is_trying;
	_Atomic uint32_t is_back;
	uint32_t pad;
	uint64_t dev;
	char point[PATH_LEN_MAX];
};

struct freezing {
	struct mount mount;
	int root; /* of the mount; its number is in the record */
	dev_t dev;
	struct child_group group;
	struct crew crew;
	struct freeze_page *page;
};

/* --- the one who tries ----------------------------------------------------------------- */

static int
try_main(struct member *m, struct err *e)
{
	struct freeze_page *page = m->page;
	_cleanup_close_ int root = mount_open(page->point, (dev_t)page->dev, e);

	if (root < 0)
		return root;
	crew_ready(m);
	while (atomic_load(&page->is_going) == 0)
		word_wait(&page->is_going, 0, 0);
	atomic_store(&page->is_trying, 1);
	word_wake(&page->is_trying);
	/* the answer is that there is no such attribute, once there is one */
	(void)fremovexattr(root, "user.stormdrill-none");
	atomic_store(&page->is_back, 1);
	for (;;)
		(void)pause();
}

const struct crew_work work_try = {
	.name = "try",
	.comm = "stormd-waiter",
	.page_size = sizeof(struct freeze_page),
	.caps = CAP_BIT(CAP_DAC_READ_SEARCH),
	.run = try_main,
};

/* --- the holder ------------------------------------------------------------------------ */

static int
disk_freeze_supported(struct err *e)
{
	(void)e;
	return 0; /* it depends on the file system: prepare and apply will tell */
}

static uint64_t
sysctl_number(const char *path)
{
	char text[32];
	struct err e = { 0 };
	uint64_t n = 0;

	if (read_file_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, &n, &e) == 0 ? n : 0;
}

/* Tasks that hang for longer than the kernel likes make it panic, where it was told so. */
static int
check_panic(const struct spec *s, struct err *e)
{
	const uint64_t most = sysctl_number("/proc/sys/kernel/hung_task_timeout_secs");

	if (sysctl_number("/proc/sys/kernel/hung_task_panic") == 0 || most == 0 ||
	    s->duration < most * USEC_PER_SEC)
		return 0;
	return err_refused(e,
	    "this host panics when a task hangs for %" PRIu64
	    " s (kernel.hung_task_panic): freeze for less",
	    most);
}

static int
check_file_system(const struct freezing *f, const struct fault_run *r, struct err *e)
{
	const struct vital v = { &f->mount, f->dev, false, "frozen" };

	/* first: where both are true, this is what the user must know */
	if (vital_check(&v, r, e) < 0)
		return e->code;
	if (!mount_has_device(f->mount.fs))
		return err_unsupported(e,
		    "'%s' is a %s: only a file system on a disk "
		    "can be frozen",
		    f->mount.point, f->mount.fs);
	if (f->mount.is_super_ro)
		return err_refused(e,
		    "'%s' is read-only: nobody writes there who could hang",
		    f->mount.point);
	return check_panic(r->spec, e);
}

static int
look_at(struct freezing *f, const char *path, struct err *e)
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

static void
add_thaw(const struct freezing *f, struct undo_list *l)
{
	struct undo u = { .op = UNDO_THAW,
		.num = { major(f->dev), minor(f->dev), f->root } };

	(void)snprintf(u.name, sizeof(u.name), "%s", f->mount.point);
	undo_add(l, u);
}

static void
drop_thaw(struct undo_list *l)
{
	if (l->count > 0 && l->op[l->count - 1].op == UNDO_THAW)
		l->count--;
}

static int
disk_freeze_prepare(struct fault_run *r, struct err *e)
{
	struct freezing *f = xcalloc(1, sizeof(*f));

	r->state = f;
	f->root = -1;
	if (look_at(f, spec_text(r->spec, "path"), e) < 0 ||
	    check_file_system(f, r, e) < 0)
		return e->code;
	if (child_group_plan(&f->group, r, NULL, e) < 0 ||
	    crew_init(&f->crew, &work_try, 1, 0, e) < 0)
		return e->code;
	f->page = f->crew.page;
	f->page->dev = f->dev;
	(void)snprintf(f->page->point, sizeof(f->page->point), "%s", f->mount.point);
	undo_add(
	    &r->undo, (struct undo){ .op = UNDO_DESCRIPTOR, .num = { f->crew.leash } });
	add_thaw(f, &r->undo);
	fault_op(r, "start a process that will try to write to '%s'", f->mount.point);
	fault_op(r, "write out what is not written yet, then freeze '%s' (%s)",
	    f->mount.point, f->mount.fs);
	(void)snprintf(
	    r->note, sizeof(r->note), "%s on '%.120s'", f->mount.fs, f->mount.point);
	r->wake_ms = -1;
	return 0;
}

static int
disk_freeze_stage(struct fault_run *r, struct err *e)
{
	struct freezing *f = r->state;

	drop_thaw(&r->undo);
	if (child_group_make(&f->group, r, e) < 0 ||
	    crew_start(&f->crew, r->spec->id, &f->group, START_PATIENCE, e) < 0)
		return e->code;
	/* so that there is little left to write out while others wait already */
	return syncfs(f->root) < 0 ? err_errno(e, "sync '%s'", f->mount.point) : 0;
}

static int
disk_freeze_apply(struct fault_run *r, struct err *e)
{
	struct freezing *f = r->state;
	int rc;

	add_thaw(f, &r->undo);
	rc = mount_freeze(f->root);
	if (rc == -EBUSY || rc == -EOPNOTSUPP)
		drop_thaw(&r->undo);
	if (rc == -EBUSY)
		return err_refused(e,
		    "'%s' is frozen already, by somebody else (fsfreeze -u ends that)",
		    f->mount.point);
	if (rc == -EOPNOTSUPP)
		return err_unsupported(
		    e, "'%s': %s cannot be frozen", f->mount.point, f->mount.fs);
	return rc == 0 ? 0 :
			 err_set(e, rc, "freeze '%s': %s", f->mount.point, strerror(-rc));
}

/* The kernel says that it is frozen, and a write does not come back. */
static int
disk_freeze_verify(struct fault_run *r, struct err *e)
{
	struct freezing *f = r->state;
	const usec_t until = clock_boottime() + TRY_PATIENCE;
	const int rc = mount_freeze(f->root);

	if (rc == 0)
		return err_set(e, -EIO, "'%s' was not frozen", f->mount.point);
	if (rc != -EBUSY)
		return err_set(e, rc, "ask whether '%s' is frozen: %s", f->mount.point,
		    strerror(-rc));
	atomic_store(&f->page->is_going, 1);
	word_wake(&f->page->is_going);
	while (atomic_load(&f->page->is_trying) == 0) {
		if (clock_boottime() >= until)
			return err_set(e, -ETIMEDOUT,
			    "the process that tries to write gets no turn");
		word_wait(&f->page->is_trying, 0, 20);
	}
	sleep_usec(TRY_WAIT);
	if (atomic_load(&f->page->is_back) != 0)
		return err_set(
		    e, -EIO, "'%s' is frozen, yet takes writes", f->mount.point);
	r->effect = 1;
	r->wake_ms = WATCH_MS;
	(void)snprintf(r->note, sizeof(r->note), "'%.90s' (%s) is frozen, a write waits",
	    f->mount.point, f->mount.fs);
	return 0;
}

static int
disk_freeze_hold(struct fault_run *r, struct err *e)
{
	struct freezing *f = r->state;

	if (atomic_load(&f->page->is_back) == 0)
		return 0;
	r->lost = true;
	return err_set(e, -ESTALE, "somebody has thawed '%s'", f->mount.point);
}

/* The root too: while it is open the file system cannot be unmounted. */
static int
disk_freeze_release(struct fault_run *r, struct err *e)
{
	struct freezing *f = r->state;

	(void)e;
	crew_reap(&f->crew);
	cleanup_close(&f->root);
	f->root = -1;
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(fremovexattr),
	SCMP_SYS(futex),
	SCMP_SYS(ioctl),
	SCMP_SYS(kill),
	SCMP_SYS(memfd_create),
	SCMP_SYS(pause),
	SCMP_SYS(prctl),
	SCMP_SYS(syncfs),
	SCMP_SYS(wait4),
	-1,
};

const struct fault fault_disk_freeze = {
	.kind = &kind_disk_freeze,
	.effect_unit = "file system",
	.supported = disk_freeze_supported,
	.how = fault_how_plain,
	.prepare = disk_freeze_prepare,
	.stage = disk_freeze_stage,
	.apply = disk_freeze_apply,
	.verify = disk_freeze_verify,
	.hold = disk_freeze_hold,
	.release = disk_freeze_release,
	.syscalls = syscalls,
	.runs_tools = true, /* the one who tries is started by exec */
};
