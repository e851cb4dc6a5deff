/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/Os in flight by io_uring: a thread and a ring for each worker, which keeps `depth` of
 * them going.  Where turns are given, a turn that was taken and not yet begun is kept.
 */
#include "io_page.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <string.h>

struct flight {
	struct io_op op;
	uint64_t began;
	void *buf;
	bool is_free;
};

struct worker {
	struct io_thread t;
	struct io_uring ring;
	struct flight *flight;
	uint32_t depth, busy;
	uint64_t turn; /* taken, in the future; 0: none */
};

int
io_uring_try(void)
{
	struct io_uring ring;
	int rc = io_uring_queue_init(2, &ring, 0);

	if (rc == 0)
		io_uring_queue_exit(&ring);
	return rc;
}

/* May an I/O begin now? */
static bool
has_turn(struct worker *w)
{
	if (w->t.page->plan.interval_ns == 0)
		return true;
	if (w->turn == 0)
		w->turn = io_turn(w->t.page);
	if (w->turn > io_now_ns())
		return false;
	w->turn = 0;
	return true;
}

static void
begin_one(struct worker *w, struct flight *f)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&w->ring); /* there are as many */
	const unsigned block = w->t.page->plan.block;

	f->op = io_draw(&w->t);
	if (f->op.is_write)
		io_uring_prep_write(
		    sqe, w->t.file, f->buf, block, (uint64_t)f->op.offset);
	else
		io_uring_prep_read(sqe, w->t.file, f->buf, block, (uint64_t)f->op.offset);
	io_uring_sqe_set_data(sqe, f);
	f->is_free = false;
	f->began = io_now_ns();
	w->busy++;
}

static void
begin_all(struct worker *w)
{
	for (uint32_t i = 0; i < w->depth && w->busy < w->depth; i++) {
		if (!w->flight[i].is_free)
			continue;
		if (!has_turn(w))
			return;
		begin_one(w, &w->flight[i]);
	}
}

static void
take(struct worker *w, struct io_uring_cqe *cqe)
{
	struct flight *f = io_uring_cqe_get_data(cqe);
	const int n = cqe->res;

	io_uring_cqe_seen(&w->ring, cqe);
	if (n < 0 && n != -EINTR && n != -EAGAIN)
		io_fail(w->t.page, &f->op, n);
	else if (n > 0)
		io_done(&w->t, f->op.is_write, io_now_ns() - f->began);
	if (!w->t.page->plan.is_direct && !f->op.is_write)
		(void)posix_fadvise(w->t.file, f->op.offset, (off_t)w->t.page->plan.block,
		    POSIX_FADV_DONTNEED);
	f->is_free = true;
	w->busy--;
}

/* Until one is done, or its turn has come for another. */
static int
await(struct worker *w)
{
	const uint64_t now = io_now_ns();
	const uint64_t left = w->turn > now ? w->turn - now : 0;
	struct __kernel_timespec t = { .tv_sec = (int64_t)(left / IO_SECOND),
		.tv_nsec = (long long)(left % IO_SECOND) };
	struct io_uring_cqe *cqe = NULL;
	int rc;

	if (w->busy == 0) {
		io_sleep_until(w->turn);
		return 0;
	}
	if (w->turn != 0 && w->busy < w->depth)
		rc = io_uring_wait_cqe_timeout(&w->ring, &cqe, &t);
	else
		rc = io_uring_wait_cqe(&w->ring, &cqe);
	while (rc == 0 && cqe != NULL) {
		take(w, cqe);
		cqe = NULL;
		rc = io_uring_peek_cqe(&w->ring, &cqe);
	}
	return rc == -ETIME || rc == -EAGAIN || rc == -EINTR ? 0 : rc;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	int rc = 0;

	for (uint32_t i = 0; i < w->depth; i++) {
		w->flight[i].buf = io_buffer(w->t.page, &w->t.random);
		w->flight[i].is_free = true;
	}
	while (rc >= 0 && !io_has_failed(w->t.page)) {
		begin_all(w);
		rc = io_uring_submit(&w->ring);
		if (rc >= 0 || rc == -EAGAIN || rc == -EBUSY)
			rc = await(w);
	}
	if (rc < 0)
		io_fail(w->t.page, &w->flight[0].op, rc);
	return NULL;
}

static int
start(struct worker *w, struct err *e)
{
	pthread_t id;
	int rc = io_uring_queue_init(w->depth, &w->ring, 0);

	if (rc < 0)
		return err_set(
		    e, rc, "make a ring of %u entries: %s", w->depth, strerror(-rc));
	rc = pthread_create(&id, NULL, worker_main, w);
	return rc == 0 ? 0 : err_set(e, -rc, "start a thread: %s", strerror(rc));
}

int
io_by_uring(struct io_page *p, int file, struct err *e)
{
	const uint64_t blocks = p->plan.size / p->plan.block;
	struct worker *all = xcalloc(p->plan.workers, sizeof(*all));
	_Atomic uint64_t *where = xcalloc(p->plan.workers, sizeof(*where));

	for (uint32_t i = 0; i < p->plan.workers; i++) {
		struct worker *w = &all[i];

		atomic_store(&where[i], i * (blocks / p->plan.workers));
		w->depth = p->plan.depth;
		w->flight = xcalloc(w->depth, sizeof(*w->flight));
		w->t = (struct io_thread){ .page = p,
			.tally = &p->tally[i],
			.file = file,
			.random = p->plan.seed + i,
			.blocks = blocks,
			.where = &where[i] };
		if (start(w, e) < 0)
			return e->code;
	}
	return 0;
}
