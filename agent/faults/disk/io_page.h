/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IO_PAGE_H
#define IO_PAGE_H
/*
 * What the holder of a disk.load and the process that does the I/Os share, and what the
 * latter is made of; private to disk_load.c and disk/io_*.c.
 */
#include "clock.h"
#include "err.h"
#include "place.h"
#include <stdatomic.h>

#define IO_WORKERS_MAX 64
#define IO_BUCKETS     512
#define IO_SECOND      UINT64_C(1000000000) /* in ns */

enum io_operation { IO_READ, IO_WRITE, IO_MIXED };
enum io_engine { IO_AUTO, IO_URING, IO_THREADS }; /* as the kind's choices */

struct io_plan {
	enum io_operation operation;
	uint32_t read_share; /* thousandths of a percent */
	uint32_t block, depth, workers;
	bool is_sequential, is_direct;
	uint64_t interval_ns; /* between two beginnings; 0: at once */
	uint64_t size;
	enum io_engine engine;
	uint64_t seed;
};

/* Of one worker. */
struct io_tally {
	_Alignas(64) _Atomic uint64_t reads, writes;
	_Atomic uint64_t bucket[IO_BUCKETS]; /* of latency, io_tally.c */
};

enum io_state { IO_ASLEEP, IO_PREPARING, IO_LOADING, IO_FAILED };

struct io_page {
	struct place place;
	struct io_plan plan;
	enum io_engine engine;     /* the one that is used */
	int no_uring;              /* the negative errno why not, or 0 */
	_Atomic uint32_t is_going; /* holder → member, a futex */
	_Atomic uint32_t state;    /* member → holder, a futex */
	_Atomic uint64_t prepared; /* bytes of the file that are written */
	_Atomic uint64_t began;    /* usec: the load itself */
	_Atomic uint64_t next_ns;  /* when the next I/O may begin */
	_Atomic uint32_t has_why;
	struct err why; /* of IO_FAILED */
	struct io_tally tally[IO_WORKERS_MAX];
};

/* What one thread needs; several may be of one worker. */
struct io_thread {
	struct io_page *page;
	struct io_tally *tally;
	int file;
	uint64_t random;
	uint64_t blocks;         /* of the file */
	_Atomic uint64_t *where; /* the worker's, for a sequential pattern */
};

struct io_op {
	bool is_write;
	off_t offset;
};
struct io_op io_draw(struct io_thread *t);
/* A buffer that any disk takes, full of what does not compress; the end of the process
 * frees it. */
void *io_buffer(const struct io_page *p, uint64_t *random);
/* The first failure is the one that is told, and everybody stops. */
void io_fail(struct io_page *p, const struct io_op *op, int rc);
bool io_has_failed(const struct io_page *p);

/* An engine: work with so many threads until killed or failed. */
int io_by_threads(struct io_page *p, int file, struct err *e);
int io_by_uring(struct io_page *p, int file, struct err *e);
/* 0, or the negative errno why io_uring cannot be used. */
int io_uring_try(void);

/* io_tally.c */
uint64_t io_now_ns(void);
/* The moment at which the next I/O is to begin: 0 is now. */
uint64_t io_turn(struct io_page *p);
void io_sleep_until(uint64_t ns);
void io_done(struct io_thread *t, bool is_write, uint64_t took_ns);
struct io_sum {
	uint64_t reads, writes;
	uint64_t p50_ns, p99_ns; /* 0 before anything is done */
};
struct io_sum io_sum(const struct io_page *p);

#endif
