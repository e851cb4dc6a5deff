/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One filler.  Of its own memory it touches each page once and then sleeps: huge pages where
 * the kernel has them, since that is four times as fast, and pages of 4 KiB where not.
 *
 * Cache is made of a file without a name and without a block: reading a hole makes pages of
 * the file system's like any others, clean ones, and writes nothing to the disk.  Each is
 * read twice, so that the kernel takes them for used ones; once a second those that were
 * pushed out are read again.
 */
#include "cleanup.h"
#include "crew.h"
#include "disk.h"
#include "err.h"
#include "fdio.h"
#include "leash.h"
#include "memory_goal.h"
#include "memory_page.h"
#include "process.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#define HUGE_PAGE (UINT64_C(2) << 20)
#define STEP      (16 * HUGE_PAGE) /* between two looks at the target: some ms */
#define READ_SIZE (1 << 20)
#define LOOK_SIZE (UINT64_C(256) << 20) /* of cache at a time: 64 Ki answers */
#define LOOK_MS   1000

struct filler {
	struct memory_page *page;
	struct memory_slot *slot;
	char *at; /* NULL: not mapped yet */
	int file; /* of cache, else -1 */
	char *buffer;
	unsigned char *in_memory; /* what mincore says of LOOK_SIZE */
};

/* --- memory of its own --- */

static int
map_own(struct filler *f)
{
	const uint64_t most = f->slot->most;
	const size_t size = most + HUGE_PAGE;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	at += (HUGE_PAGE - (uintptr_t)at % HUGE_PAGE) % HUGE_PAGE;
	/* A kernel without them gives pages of 4 KiB.  The last piece is never a whole one. */
	if (f->page->is_huge)
		(void)madvise(at, most / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
	(void)madvise(at, most, MADV_DONTDUMP); /* no image of this is ever wanted */
	f->at = at;
	return 0;
}

/* Another word on each page, so that nobody merges or compresses them to nothing. */
static int
grow_own(struct filler *f, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i += MEMORY_PAGE)
		*(volatile uint64_t *)(f->at + i) = (uintptr_t)f->at + i;
	if (f->page->is_locked && mlock(f->at + from, to - from) < 0)
		return -errno;
	return 0;
}

static int
shrink_own(struct filler *f, uint64_t from, uint64_t to)
{
	if (f->page->is_locked && munlock(f->at + to, from - to) < 0)
		return -errno;
	return madvise(f->at + to, from - to, MADV_DONTNEED) < 0 ? -errno : 0;
}

/* --- cache --- */

static int
open_cache(struct filler *f, struct err *e)
{
	_cleanup_close_ int dir = disk_open_dir(f->page->path, e);
	struct statfs fs;
	char name[32];

	if (dir < 0)
		return dir;
	if (fstatfs(dir, &fs) < 0)
		return err_errno(e, "look at '%s'", f->page->path);
	if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
		return err_unsupported(e,
		    "'%s' is on %s, whose pages are no cache: there is nothing behind them",
		    f->page->path, disk_fs_name(dir, name, sizeof(name)));
	f->file = disk_tmpfile(dir, e);
	if (f->file < 0)
		return err_wrap(e, "'%s'", f->page->path);
	f->buffer = mmap(
	    NULL, READ_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	f->in_memory = mmap(NULL, LOOK_SIZE / MEMORY_PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->buffer == MAP_FAILED || f->in_memory == MAP_FAILED)
		return err_errno(e, "make room to read into");
	return 0;
}

static int
map_cache(struct filler *f)
{
	char *at;

	if (ftruncate(f->file, (off_t)f->slot->most) < 0)
		return -errno;
	at = mmap(NULL, f->slot->most, PROT_READ, MAP_SHARED, f->file, 0);
	if (at == MAP_FAILED)
		return -errno;
	f->at = at;
	return 0;
}

static int
read_range(struct filler *f, uint64_t from, uint64_t to)
{
	while (from < to) {
		const uint64_t want = to - from < READ_SIZE ? to - from : READ_SIZE;
		const ssize_t n = pread(f->file, f->buffer, want, (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += (uint64_t)n;
	}
	return 0;
}

static int
grow_cache(struct filler *f, uint64_t from, uint64_t to)
{
	int rc = read_range(f, from, to);

	return rc < 0 ? rc : read_range(f, from, to);
}

static int
shrink_cache(struct filler *f, uint64_t from, uint64_t to)
{
	return -posix_fadvise(
	    f->file, (off_t)to, (off_t)(from - to), POSIX_FADV_DONTNEED);
}

/* Of one piece: how much is there, after what was pushed out has been read again. */
static uint64_t
keep_piece(struct filler *f, uint64_t from, uint64_t to)
{
	uint64_t there = 0;

	if (mincore(f->at + from, to - from, f->in_memory) < 0)
		return 0;
	for (uint64_t i = 0; i < (to - from) / MEMORY_PAGE; i++) {
		const uint64_t at = from + i * MEMORY_PAGE;

		if ((f->in_memory[i] & 1) != 0)
			there += MEMORY_PAGE;
		else /* what fails shows at the next look */
			(void)grow_cache(f, at, at + MEMORY_PAGE);
	}
	return there;
}

static void
keep_cache(struct filler *f)
{
	const uint64_t held = atomic_load(&f->slot->held);
	uint64_t there = 0;

	for (uint64_t from = 0; from < held; from += LOOK_SIZE)
		there += keep_piece(
		    f, from, held - from < LOOK_SIZE ? held : from + LOOK_SIZE);
	atomic_store(&f->slot->resident, there);
}

/* --- both --- */

static int
step(struct filler *f, uint64_t held, uint64_t target)
{
	const bool is_cache = f->page->is_cache;
	int rc = 0;

	if (f->at == NULL)
		rc = is_cache ? map_cache(f) : map_own(f);
	if (rc < 0)
		return rc;
	if (target < held)
		rc = is_cache ? shrink_cache(f, held, target) :
				shrink_own(f, held, target);
	else
		rc = is_cache ? grow_cache(f, held, target) : grow_own(f, held, target);
	return rc;
}

/* On the way a touched huge page must be one that is wanted whole. */
static uint64_t
target_of(const struct filler *f)
{
	const uint64_t target = atomic_load(&f->slot->target);

	if (!f->page->is_huge || target >= f->slot->most)
		return target;
	return target / HUGE_PAGE * HUGE_PAGE;
}

/* Until it holds what it is to hold, whatever that has become meanwhile. */
static void
follow(struct filler *f)
{
	for (;;) {
		const uint64_t held = atomic_load(&f->slot->held);
		uint64_t target = target_of(f);
		int rc;

		if (target == held)
			return;
		if (target > held + STEP) /* to a border of huge pages */
			target = (held + STEP) / HUGE_PAGE * HUGE_PAGE;
		rc = step(f, held, target);
		if (rc < 0) {
			atomic_store(&f->slot->error, -rc);
			return;
		}
		atomic_store(&f->slot->held, target);
	}
}

static _Noreturn void
fill(struct filler *f)
{
	const unsigned patience = f->page->is_cache ? LOOK_MS : 0;
	uint32_t turn = 0;

	for (;;) {
		while (atomic_load(&f->page->turn) == turn) {
			word_wait(&f->page->turn, turn, patience);
			if (f->page->is_cache)
				keep_cache(f);
		}
		turn = atomic_load(&f->page->turn);
		if (atomic_load(&f->slot->error) == 0)
			follow(f);
		if (f->page->is_cache)
			keep_cache(f);
	}
}

static int
take_oom_score(const struct memory_page *page, struct err *e)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", page->oom_score), rc;

	rc = fd < 0 ? -errno : write_all(fd, text, (size_t)len);
	return rc == 0 ? 0 :
			 err_set(e, rc, "set the filler's OOM score to %d: %s",
			     page->oom_score, strerror(-rc));
}

static int
filler_run(struct member *m, struct err *e)
{
	struct filler f = { .page = m->page, .file = -1 };

	f.slot = &f.page->slot[m->number];
	if (take_oom_score(f.page, e) < 0)
		return e->code;
	if (f.page->is_cache && open_cache(&f, e) < 0)
		return e->code;
	crew_ready(m);
	fill(&f);
}

const struct crew_work work_fill_memory = {
	.name = "fill-memory",
	.comm = "stormd-filler",
	.page_size = sizeof(struct memory_page),
	/* a directory that only its service may enter */
	.caps = CAP_BIT(CAP_IPC_LOCK) | CAP_BIT(CAP_DAC_OVERRIDE),
	.run = filler_run,
};
