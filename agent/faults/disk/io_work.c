/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that does the I/Os of a disk.load.  It alone has the file open, which has no
 * name: its end is the end of the load and gives the space back, whatever became of the
 * holder.  The file takes no space before it is told to begin, so that staging has no
 * effect; then it is allocated, and written once if it will be read, since a disk is not
 * asked for what was never written.
 */
#include "cleanup.h"
#include "crew.h"
#include "disk.h"
#include "io_page.h"
#include "leash.h"
#include "process.h"
#include "splitmix.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALIGN      4096
#define WRITE_STEP (1u << 20)
#define SHARE_ALL  100000

void *
io_buffer(const struct io_page *p, uint64_t *random)
{
	const size_t size = (p->plan.block + ALIGN - 1) / ALIGN * ALIGN;
	uint64_t *buf = aligned_alloc(ALIGN, size);

	if (buf == NULL)
		abort();
	for (size_t i = 0; i < size / sizeof(*buf); i++)
		buf[i] = splitmix_next(random);
	return buf;
}

struct io_op
io_draw(struct io_thread *t)
{
	const struct io_plan *plan = &t->page->plan;
	const uint64_t n = plan->is_sequential ? atomic_fetch_add(t->where, 1) :
						 splitmix_next(&t->random) >> 1;
	struct io_op op = { .offset = (off_t)(n % t->blocks * plan->block) };

	if (plan->operation == IO_MIXED)
		op.is_write =
		    (splitmix_next(&t->random) >> 32) % SHARE_ALL >= plan->read_share;
	else
		op.is_write = plan->operation == IO_WRITE;
	return op;
}

static void
tell(struct io_page *p, enum io_state state)
{
	atomic_store(&p->state, state);
	word_wake(&p->state);
}

bool
io_has_failed(const struct io_page *p)
{
	return atomic_load_explicit(&p->has_why, memory_order_relaxed) != 0;
}

static void
fail(struct io_page *p, const struct err *why)
{
	if (atomic_exchange(&p->has_why, 1) != 0)
		return;
	p->why = *why;
	tell(p, IO_FAILED);
}

/* A disk of 4096-byte sectors, which only the first I/O finds out. */
static const char *
hint(const struct io_page *p, int rc)
{
	return rc == -EINVAL && p->plan.is_direct ?
		   "; direct I/O is in whole sectors of the disk: a larger block, or "
		   "direct=no" :
		   "";
}

void
io_fail(struct io_page *p, const struct io_op *op, int rc)
{
	struct err why = { 0 };

	(void)err_set(&why, rc, "%s %u bytes at %lld: %s%s",
	    op->is_write ? "write" : "read", p->plan.block, (long long)op->offset,
	    strerror(-rc), hint(p, rc));
	fail(p, &why);
}

static int
open_file(const struct io_page *p, struct err *e)
{
	_cleanup_close_ int dir = place_open(&p->place, e);
	_cleanup_close_ int file = -1;
	char fs[32];
	int flags;

	if (dir < 0)
		return dir;
	file = disk_tmpfile(dir, e);
	if (file < 0 || !p->plan.is_direct)
		return file < 0 ? file : steal_fd(&file);
	flags = fcntl(file, F_GETFL);
	if (flags < 0 || fcntl(file, F_SETFL, flags | O_DIRECT) < 0)
		return err_unsupported(e,
		    "%s has no direct I/O: direct=no goes through the page cache",
		    disk_fs_name(dir, fs, sizeof(fs)));
	return steal_fd(&file);
}

/* Past its end nothing is left over of a size that is no multiple of a block. */
static int
allocate(const struct io_page *p, int file, struct err *e)
{
	int rc;

	do {
		rc = fallocate(file, 0, 0, (off_t)p->plan.size);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0 && errno == EOPNOTSUPP)
		return 0; /* it is written below, or grows as it is */
	return rc < 0 ? err_errno(e, "allocate the working file") : 0;
}

static int
write_file(struct io_page *p, int file, struct err *e)
{
	const size_t step = p->plan.block > WRITE_STEP ? p->plan.block : WRITE_STEP;
	const uint64_t size = p->plan.size;
	char *buf = aligned_alloc(ALIGN, (step + ALIGN - 1) / ALIGN * ALIGN);
	uint64_t random = p->plan.seed, at = 0;

	if (buf == NULL)
		abort();
	for (size_t i = 0; i + 8 <= step; i += 8)
		((uint64_t *)(void *)buf)[i / 8] = splitmix_next(&random);
	while (at < size) {
		/* direct I/O ends on a block: what is left beyond the last is not used */
		const uint64_t left = (size - at) / p->plan.block * p->plan.block;
		const size_t len = left < step ? (size_t)left : step;
		ssize_t n;

		if (len == 0)
			break;
		n = pwrite(file, buf, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			const int rc = n < 0 ? -errno : -EIO;

			free(buf);
			return err_set(e, rc, "write the working file: %s%s",
			    strerror(-rc), hint(p, rc));
		}
		at += (uint64_t)n;
		atomic_store(&p->prepared, at);
	}
	free(buf);
	return 0;
}

static int
prepare_file(struct io_page *p, int file, struct err *e)
{
	tell(p, IO_PREPARING);
	if (allocate(p, file, e) < 0)
		return e->code;
	if (p->plan.operation != IO_WRITE && write_file(p, file, e) < 0)
		return e->code;
	if (!p->plan.is_direct && p->plan.operation != IO_WRITE) {
		/* or it would be read from the cache */
		if (fdatasync(file) < 0)
			return err_errno(e, "write out the working file");
		(void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	}
	return 0;
}

static int
choose_engine(struct io_page *p, struct err *e)
{
	p->engine = p->plan.engine;
	if (p->engine == IO_THREADS)
		return 0;
	p->no_uring = io_uring_try();
	if (p->no_uring < 0 && p->engine == IO_URING)
		return err_unsupported(
		    e, "io_uring is not to be had here: %s", strerror(-p->no_uring));
	p->engine = p->no_uring < 0 ? IO_THREADS : IO_URING;
	return 0;
}

static int
loader_run(struct member *m, struct err *e)
{
	struct io_page *p = m->page;
	int rc, file = open_file(p, e);

	if (file < 0 || choose_engine(p, e) < 0)
		return e->code;
	crew_ready(m);
	while (atomic_load(&p->is_going) == 0)
		word_wait(&p->is_going, 0, 0);
	rc = prepare_file(p, file, e);
	if (rc == 0) {
		atomic_store(&p->began, clock_boottime());
		atomic_store(&p->next_ns, io_now_ns());
		tell(p, IO_LOADING);
		rc = (p->engine == IO_URING ? io_by_uring : io_by_threads)(p, file, e);
	}
	if (rc < 0)
		fail(p, e);
	for (;;)
		(void)pause(); /* ended like any other: it is the holder who tells */
}

const struct crew_work work_load_disk = {
	.name = "load_disk",
	.comm = "stormd-diskload",
	.page_size = sizeof(struct io_page),
	.caps = CAP_BIT(CAP_DAC_OVERRIDE),
	.run = loader_run,
};
