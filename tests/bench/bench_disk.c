/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.fill against fallocate(1), on an ext4 of 512 MiB in a loop mount of its own: how long
 * it takes, and how far what is left is from what was asked to be left.  fallocate(1) is
 * told the size that leaves as much, which is what a script would do.  The same written,
 * against dd past the page cache; and disk.inodes against touch, which a script would use.
 */
#include "bench.h"
#include "crew.h"
#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define ROUNDS 15
#define LEAVE  (10 << 20)
#define FEW    3 /* rounds of what takes long */
#define INODES "20000"

static char base[] = "/tmp/stormdrill-bench-XXXXXX";
static char disk[64], image[64], file[80];

static int
mount_disk(void)
{
	struct stat root, ours;
	int fd;

	if (mkdtemp(base) == NULL)
		return -1;
	(void)snprintf(disk, sizeof(disk), "%s/disk", base);
	(void)snprintf(image, sizeof(image), "%s/image", base);
	(void)snprintf(file, sizeof(file), "%s/file", disk);
	fd = open(image, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 512 << 20) < 0 || close(fd) < 0 ||
	    mkdir(disk, 0755) < 0 || PEER("mkfs.ext4", "-q", "-F", image) < 0 ||
	    PEER("mount", "-o", "loop", image, disk) < 0)
		return -1;
	return stat("/", &root) < 0 || stat(disk, &ours) < 0 ||
		       root.st_dev == ours.st_dev ?
		   -1 :
		   0;
}

static void
unmount_disk(void)
{
	(void)umount(disk);
	(void)PEER("rm", "-rf", base);
}

static double
available(void)
{
	struct statvfs v = { 0 };

	(void)statvfs(disk, &v);
	return (double)v.f_bavail * (double)v.f_frsize;
}

/* Blocks that were freed can be had again after the journal's next commit: wait for it
 * before the clock runs, for either side. */
static void
settle(void)
{
	int fd = open(disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)syncfs(fd);
	(void)close(fd);
}

/* Until all of it is taken: what takes long goes on while the fault is active. */
static void
await_whole(struct lone *l)
{
	struct err e = { 0 };

	while (strstr(l->run.note, "more to come") != NULL) {
		sleep_usec(USEC_PER_MSEC);
		must(l->fault->hold(&l->run, &e), "hold", &e);
	}
	must(l->fault->verify(&l->run, &e), "verify", &e);
}

struct result {
	double fill[ROUNDS], undo[ROUNDS], off; /* ms, ms, bytes */
};

static void
ours(struct result *r, int round)
{
	static struct lone l;
	struct err e = { 0 };
	double begin;

	settle();
	LONE(&l, "disk.fill", "path", disk, "leave", "10MiB");
	must(l.fault->stage(&l.run, &e), "stage", &e);
	begin = now_ms();
	must(l.fault->apply(&l.run, &e), "apply", &e);
	r->fill[round] = now_ms() - begin;
	must(l.fault->verify(&l.run, &e), "verify", &e);
	r->off = fmax(r->off, fabs(available() - LEAVE));
	begin = now_ms();
	must(undo_run(l.run.ctx, &l.run.undo, BEAT_DISARM, &e), "disarm", &e);
	/* until who had the file open is gone, and the space is free */
	must(undo_check(l.run.ctx, &l.run.undo, BEAT_DISARM, &e), "disarm", &e);
	r->undo[round] = now_ms() - begin;
	lone_undo(&l);
}

/* One that may take long, from going to all taken, and until it is all back; ms. */
static void
long_one(struct result *r, int round, const char *kind, const char *const *args)
{
	static struct lone l;
	struct err e = { 0 };
	double begin;

	settle();
	lone_prepare(&l, kind, args);
	must(l.fault->stage(&l.run, &e), "stage", &e);
	begin = now_ms();
	must(l.fault->apply(&l.run, &e), "apply", &e);
	await_whole(&l);
	r->fill[round] = now_ms() - begin;
	begin = now_ms();
	must(undo_run(l.run.ctx, &l.run.undo, BEAT_DISARM, &e), "disarm", &e);
	while (undo_check(l.run.ctx, &l.run.undo, BEAT_DISARM, &e) == -EBUSY)
		; /* it has waited itself */
	r->undo[round] = now_ms() - begin;
	lone_undo(&l);
}
#define LONG_ONE(r, round, kind, ...) \
 long_one(r, round, kind, (const char *const[]){ __VA_ARGS__, NULL })

static void
their_dd(struct result *r, int round)
{
	char of[96];
	double begin;

	settle();
	(void)snprintf(of, sizeof(of), "of=%s", file);
	begin = now_ms();
	(void)PEER("dd", "if=/dev/zero", of, "bs=1M", "count=128", "oflag=direct");
	r->fill[round] = now_ms() - begin;
	begin = now_ms();
	(void)PEER("rm", file);
	r->undo[round] = now_ms() - begin;
}

static void
their_touch(struct result *r, int round)
{
	char command[256];
	double begin;

	settle();
	(void)snprintf(command, sizeof(command),
	    "mkdir %s/d && cd %s/d && seq " INODES " | xargs touch", disk, disk);
	begin = now_ms();
	(void)PEER("sh", "-c", command);
	r->fill[round] = now_ms() - begin;
	(void)snprintf(command, sizeof(command), "%s/d", disk);
	begin = now_ms();
	(void)PEER("rm", "-r", command);
	r->undo[round] = now_ms() - begin;
}

static void
print_pair(struct figure *f, const char *fill, const char *undo, struct result *we,
    struct result *they)
{
	f->unit = "ms";
	f->name = fill;
	f->ours = median(we->fill, FEW);
	f->peer = median(they->fill, FEW);
	print_row(f);
	f->name = undo;
	f->peer_name = "rm";
	f->target = "<= 1";
	f->ours = median(we->undo, FEW);
	f->peer = median(they->undo, FEW);
	print_row(f);
}

static void
written(void)
{
	struct result we = { 0 }, they = { 0 };
	struct figure f = { .peer_name = "dd direct", .target = "<= 1" };

	for (int i = 0; i < FEW; i++) {
		LONG_ONE(&we, i, "disk.fill", "path", disk, "size", "128MiB", "method",
		    "write");
		their_dd(&they, i);
	}
	print_pair(&f, "disk.fill size=128MiB method=write: fill",
	    "disk.fill size=128MiB method=write: give back", &we, &they);
}

static void
inodes(void)
{
	struct result we = { 0 }, they = { 0 };
	struct figure f = { .peer_name = "xargs touch", .target = "<= 1" };

	for (int i = 0; i < FEW; i++) {
		LONG_ONE(&we, i, "disk.inodes", "path", disk, "count", INODES);
		their_touch(&they, i);
	}
	print_pair(&f, "disk.inodes count=" INODES ": take",
	    "disk.inodes count=" INODES ": give back", &we, &they);
}

static void
theirs(struct result *r, int round)
{
	char size[32];
	double begin;

	settle();
	(void)snprintf(size, sizeof(size), "%.0f", available() - LEAVE);
	begin = now_ms();
	if (PEER("fallocate", "-l", size, file) < 0)
		(void)fprintf(stderr, "fallocate -l %s failed\n", size);
	r->fill[round] = now_ms() - begin;
	r->off = fmax(r->off, fabs(available() - LEAVE));
	begin = now_ms();
	(void)PEER("rm", file);
	r->undo[round] = now_ms() - begin;
}

int
main(int argc, char **argv)
{
	static struct result we, they;
	struct figure f = { .peer_name = "fallocate(1)" };

	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv); /* we are the holder's program */
	pidns_enter();
	if (mount_disk() < 0) {
		(void)fprintf(stderr, "skip: no loop mount of ext4 to be had\n");
		unmount_disk();
		return 77;
	}
	for (int i = 0; i < ROUNDS; i++) {
		ours(&we, i);
		theirs(&they, i);
	}
	f.name = "disk.fill leave=10MiB: fill";
	f.unit = "ms";
	f.target = "<= 1/2";
	f.ours = median(we.fill, ROUNDS);
	f.peer = median(they.fill, ROUNDS);
	print_row(&f);
	f.name = "disk.fill leave=10MiB: give back";
	f.peer_name = "rm";
	f.target = "<= 1";
	f.ours = median(we.undo, ROUNDS);
	f.peer = median(they.undo, ROUNDS);
	print_row(&f);
	f.name = "disk.fill leave=10MiB: left, off by at most";
	f.peer_name = "fallocate(1)";
	f.unit = "bytes";
	f.target = "<= 1 block (4096)";
	f.ours = we.off;
	f.peer = they.off;
	print_row(&f);
	written();
	inodes();
	unmount_disk();
	return 0;
}
