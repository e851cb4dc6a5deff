/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.fill against fallocate(1), on an ext4 of 512 MiB in a loop mount of its own: how long
 * it takes, and how far what is left is from what was asked to be left.  fallocate(1) is
 * told the size that leaves as much, which is what a script would do.
 */
#include "bench.h"
#include <sys/stat.h>
#include <sys/statvfs.h>

#define ROUNDS 15
#define LEAVE  (10 << 20)

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
	r->undo[round] = now_ms() - begin;
	lone_undo(&l);
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
main(void)
{
	static struct result we, they;
	struct figure f = { .peer_name = "fallocate(1)" };

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
	unmount_disk();
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
	return 0;
}
