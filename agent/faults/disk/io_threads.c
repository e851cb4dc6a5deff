/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/Os in flight as threads that each do one at a time: for hosts that forbid io_uring.
 */
#include "io_page.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define STACK_SIZE (128 << 10)

static void
one(struct io_thread *t, void *buf)
{
	const uint64_t turn = io_turn(t->page);
	const struct io_op op = io_draw(t);
	const size_t block = t->page->plan.block;
	uint64_t began;
	ssize_t n;

	if (turn != 0)
		io_sleep_until(turn);
	began = io_now_ns();
	n = op.is_write ? pwrite(t->file, buf, block, op.offset) :
			  pread(t->file, buf, block, op.offset);
	if (n < 0 && errno != EINTR)
		io_fail(t->page, &op, -errno);
	else if (n > 0)
		io_done(t, op.is_write, io_now_ns() - began);
	/* what is in the cache would be read from there the next time */
	if (!t->page->plan.is_direct && !op.is_write)
		(void)posix_fadvise(
		    t->file, op.offset, (off_t)block, POSIX_FADV_DONTNEED);
}

static void *
thread_main(void *arg)
{
	struct io_thread *t = arg;
	void *buf = io_buffer(t->page, &t->random);

	while (!io_has_failed(t->page))
		one(t, buf);
	return NULL;
}

int
io_by_threads(struct io_page *p, int file, struct err *e)
{
	const uint32_t workers = p->plan.workers, depth = p->plan.depth;
	struct io_thread *t = xcalloc((size_t)workers * depth, sizeof(*t));
	_Atomic uint64_t *where = xcalloc(workers, sizeof(*where));
	pthread_attr_t attr;
	pthread_t id;
	int rc = 0;

	(void)pthread_attr_init(&attr); /* cannot fail with glibc */
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (uint32_t i = 0; i < workers * depth && rc == 0; i++) {
		const uint64_t blocks = p->plan.size / p->plan.block;

		atomic_store(&where[i / depth], i / depth * (blocks / workers));
		t[i] = (struct io_thread){ .page = p,
			.tally = &p->tally[i / depth],
			.file = file,
			.random = p->plan.seed + i,
			.blocks = blocks,
			.where = &where[i / depth] };
		rc = pthread_create(&id, &attr, thread_main, &t[i]);
	}
	return rc == 0 ?
		   0 :
		   err_set(e, -rc, "start %u threads: %s", workers * depth, strerror(rc));
}
