/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.load beside dd oflag=direct, on an ext4 of 512 MiB in a loop mount of
 * its own: what both get out of the same disk, and how near a target of I/Os
 * per second is.
 */
#include "bench.h"
#include "crew.h"
#include <stdatomic.h>
#include <sys/stat.h>

#define ROUNDS 7
#define TIME   (1 * USEC_PER_SEC)
#define COUNT  128 /* of 1 MiB, by dd */

static char base[] = "/tmp/stormdrill-bench-XXXXXX";
static char disk[64], image[64], file[80], of[96];

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
	(void)snprintf(of, sizeof(of), "of=%s", file);
	fd = open(image, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 512 << 20) < 0 || close(fd) < 0 ||
	    mkdir(disk, 0755) < 0 || PEER("mkfs.ext4", "-q", "-F", image) < 0 ||
	    PEER("mount", "-o", "loop", image, disk) < 0)
		return -1;
	if (stat("/", &root) < 0 || stat(disk, &ours) < 0 || root.st_dev == ours.st_dev)
		return -1;
	return 0;
}

static void
unmount_disk(void)
{
	(void)umount(disk);
	(void)PEER("rm", "-rf", base);
}

static double
look(struct lone *l)
{
	struct err e = { 0 };

	must(l->fault->hold(&l->run, &e), "hold", &e);
	return (double)l->run.effect;
}

/* I/Os per second, of a load that is under way. */
static double
per_second(struct lone *l)
{
	struct err e = { 0 };
	double begin, done;

	must(l->fault->stage(&l->run, &e), "stage", &e);
	must(l->fault->apply(&l->run, &e), "apply", &e);
	must(l->fault->verify(&l->run, &e), "verify", &e);
	done = look(l);
	begin = now_ms();
	sleep_usec(TIME);
	done = look(l) - done;
	begin = now_ms() - begin;
	lone_undo(l);
	return done * 1e3 / begin;
}

static double
ours(void)
{
	static struct lone l;

	LONE(&l, "disk.load", "path", disk, "operation", "write", "pattern", "sequential",
	    "block", "1MiB", "depth", "1", "size", "128MiB");
	return per_second(&l) * 1.048576;
}

static double
theirs(void)
{
	double begin = now_ms();

	if (PEER("dd", "if=/dev/zero", of, "bs=1M", "count=128", "oflag=direct",
		"conv=notrunc") < 0)
		(void)fprintf(stderr, "dd failed\n");
	return COUNT * 1.048576 * 1e3 / (now_ms() - begin);
}

static double
at_target(void)
{
	static struct lone l;

	LONE(&l, "disk.load", "path", disk, "operation", "write", "iops", "500", "size",
	    "16MiB");
	return fabs(per_second(&l) - 500) / 5;
}

int
main(int argc, char **argv)
{
	static double we[ROUNDS], they[ROUNDS], off[ROUNDS];
	struct figure f = { .peer_name = "dd oflag=direct" };

	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	pidns_enter();
	if (mount_disk() < 0) {
		(void)fprintf(stderr, "skip: no loop mount of ext4 to be had\n");
		unmount_disk();
		return 77;
	}
	(void)theirs(); /* makes the file */
	for (int i = 0; i < ROUNDS; i++) {
		we[i] = ours();
		they[i] = theirs();
		off[i] = at_target();
	}
	unmount_disk();
	f.name = "disk.load write sequential block=1MiB depth=1";
	f.unit = "MB/s";
	f.target = ">= 1.0";
	f.ours = median(we, ROUNDS);
	f.peer = median(they, ROUNDS);
	print_row(&f);
	f.name = "disk.load iops=500: off by";
	f.peer_name = "none";
	f.unit = "%";
	f.target = "<= 1";
	f.ours = median(off, ROUNDS);
	f.peer = 0;
	print_row(&f);
	return 0;
}
