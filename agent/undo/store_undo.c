/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo of a stored record by somebody else than its holder: the guardian, stormd-undo,
 * or stormd's child.  Two of them may come at once, so each record is locked while it is
 * worked on, and whoever comes second finds it dropped.  The record goes last of all: as
 * long as anything is left or unproven, the promise stands.
 */
#include "store.h"

#include "cleanup.h"
#include "err.h"
#include "log.h"
#include "ns.h"
#include "shared.h"
#include "snapshot.h"
#include "undo_table.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define KILL_WAIT_MS 2000
#define LOCK_WAIT    (15 * USEC_PER_SEC)
#define LOCK_POLL    (5 * USEC_PER_MSEC)

/* 1 with the lock, 0 when the record is gone: somebody has kept the promise. */
static int
lock_record(struct store *s, const char *fault, int *ret_fd, struct err *e)
{
	const int dir = store_dir_of(s, fault);
	_cleanup_close_ int fd =
	    dir < 0 ? -1 : openat(dir, fault, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	usec_t until = clock_boottime() + LOCK_WAIT;
	struct stat mine, now;

	if (fd < 0)
		return dir == -ENOENT || errno == ENOENT ?
			   0 :
			   err_errno(e, "open the record of fault %s", fault);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || clock_boottime() >= until)
			return err_errno(e, "lock the record of fault %s", fault);
		sleep_usec(LOCK_POLL);
	}
	if (fstat(fd, &mine) < 0 || fstatat(dir, fault, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    mine.st_ino != now.st_ino)
		return 0;
	*ret_fd = steal_fd(&fd);
	return 1;
}

/* Where we were before: undoing must not leave its caller in another namespace. */
static int
open_home(struct err *e)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "open our own network namespace") : fd;
}

static void
go_home(int home, uint64_t inode)
{
	if (netns_inode() != inode && setns(home, CLONE_NEWNET) < 0)
		log_warn("cannot return to network namespace %llu: %s",
		    (unsigned long long)inode, strerror(errno));
}

static int
keep_first(int first, int r, const struct err *why, struct err *e)
{
	if (first < 0 || r >= 0)
		return first;
	*e = *why;
	return r;
}

/* Disarm, read back, sweep, read back.  All of it, whatever fails on the way: what can be
 * taken away is. */
static int
undo_both(struct undo_ctx *c, const struct undo_list *l, struct err *e)
{
	struct err why = { 0 };
	int first = 0;

	first = keep_first(first, undo_run(c, l, BEAT_DISARM, &why), &why, e);
	first = keep_first(first, undo_check(c, l, BEAT_DISARM, &why), &why, e);
	first = keep_first(first, undo_run(c, l, BEAT_SWEEP, &why), &why, e);
	return keep_first(first, undo_check(c, l, BEAT_SWEEP, &why), &why, e);
}

/* Looking for what is left in a network runs a program, which a host may not be able to
 * start any more: for a fault that never was there it must not be needed. */
static bool
has_network(const struct undo_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		if (undo_table[l->op[i].op].in_netns)
			return true;
	}
	return false;
}

/* The shared objects after that. */
static int
undo_here(struct store *s, struct undo_ctx *c, const struct record *r, struct err *e)
{
	char left[512];
	struct err why = { 0 };
	int first, rc;

	first = undo_both(c, &r->undo, e);
	rc = has_network(&r->undo) ? residue_list(c, r->fault, left, sizeof(left), &why) :
				     0;
	first = keep_first(first, rc, &why, e);
	if (rc > 0 && first == 0) {
		left[strcspn(left, "\n")] = '\0';
		first = err_set(e, -EBUSY, "%s is left", left);
	}
	return keep_first(first, shared_sweep(s, c, &why), &why, e);
}

/* What does not live in a network namespace is still there when that is gone. */
static void
keep_global(const struct undo_list *l, struct undo_list *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < l->count; i++) {
		if (!undo_table[l->op[i].op].in_netns)
			ret->op[ret->count++] = l->op[i];
	}
}

static int
undo_in_namespace(struct store *s, const struct record *r, int barrier, struct err *e)
{
	struct record global = *r;
	struct undo_ctx *c = NULL;
	int rc, first = 0;

	rc = ns_enter_net(r->netns, e);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc == -ENOENT) {
		struct err why = { 0 };

		keep_global(&r->undo, &global.undo);
		first = keep_first(0, shared_forget(s, r->netns, &why), &why, e);
	}
	rc = undo_ctx_open(&c, barrier, false, e);
	if (rc < 0)
		return rc;
	rc = undo_here(s, c, &global, e);
	undo_ctx_free(c);
	return first < 0 ? first : rc;
}

static int
undo_locked(struct store *s, const struct record *r, int barrier, struct err *e)
{
	_cleanup_close_ int home = open_home(e);
	uint64_t inode = netns_inode();
	struct err why = { 0 };
	int first, rc;

	if (home < 0)
		return home;
	rc = process_id_kill(r->holder, KILL_WAIT_MS);
	if (rc < 0)
		(void)err_set(&why, rc, "kill holder %d of fault %s: %s", r->holder.pid,
		    r->fault, strerror(-rc));
	first = keep_first(0, rc, &why, e);
	first = keep_first(first, undo_in_namespace(s, r, barrier, &why), &why, e);
	go_home(home, inode);
	return first < 0 ? first : store_drop(s, r->fault, e);
}

/* Of another boot: no holder, no namespace, no object of the kernel's. */
static int
undo_after_boot(struct store *s, const struct record *r, int barrier, struct err *e)
{
	struct undo_list left;
	struct undo_ctx *c = NULL;
	int rc;

	record_after_boot(r, &left);
	if (left.count == 0)
		return store_drop(s, r->fault, e);
	rc = undo_ctx_open(&c, barrier, false, e);
	if (rc < 0)
		return rc;
	rc = undo_both(c, &left, e);
	undo_ctx_free(c);
	return rc < 0 ? rc : store_drop(s, r->fault, e);
}

int
store_undo(struct store *s, const struct record *r, int barrier_fd, struct err *e)
{
	_cleanup_close_ int lock = -1;
	char boot_id[BOOT_ID_LEN];
	int rc;

	rc = clock_boot_id(boot_id, e);
	if (rc == 0)
		rc = lock_record(s, r->fault, &lock, e);
	if (rc <= 0)
		return rc;
	if (strcmp(r->boot_id, boot_id) != 0)
		rc = undo_after_boot(s, r, barrier_fd, e);
	else
		rc = undo_locked(s, r, barrier_fd, e);
	if (rc < 0)
		e->outcome = OUTCOME_STUCK;
	return rc;
}

/* --- the first beat of all of them ------------------------------------------------------ */

struct disarm_pass {
	struct undo_ctx *ctx; /* of the namespace below */
	uint64_t netns;
	int barrier;
	char boot_id[BOOT_ID_LEN];
};

static int
pass_enter(struct disarm_pass *p, uint64_t netns, struct err *e)
{
	if (p->ctx != NULL && p->netns == netns)
		return 0;
	undo_ctx_free(steal_ptr(&p->ctx));
	p->netns = netns;
	return undo_ctx_open(&p->ctx, p->barrier, false, e);
}

static int
disarm_one(void *ctx, const char *name, const struct record *r, const struct err *unread)
{
	struct disarm_pass *p = ctx;
	struct undo_list list;
	struct err why = { 0 };
	int rc;

	(void)name;
	(void)unread;
	if (r == NULL || strcmp(r->boot_id, p->boot_id) != 0)
		return 0;
	(void)process_id_kill(r->holder, KILL_WAIT_MS); /* store_undo says if it fails */
	list = r->undo;
	rc = ns_enter_net(r->netns, &why);
	if (rc < 0)
		keep_global(&r->undo, &list);
	if (pass_enter(p, r->netns, &why) == 0)
		(void)undo_run(p->ctx, &list, BEAT_DISARM, &why); /* as above */
	return 0;
}

void
store_disarm_all(struct store *s, int barrier_fd)
{
	struct disarm_pass p = { .barrier = barrier_fd };
	struct err why = { 0 };
	_cleanup_close_ int home = open_home(&why);
	uint64_t inode = netns_inode();

	if (home < 0 || clock_boot_id(p.boot_id, &why) < 0)
		return;
	(void)store_each(s, disarm_one, &p, &why); /* store_undo meets the same trouble */
	undo_ctx_free(p.ctx);
	go_home(home, inode);
}
