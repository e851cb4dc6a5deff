/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.fill against two threads that touch each page, which is the most that two processors
 * can do, and against stress-ng: how long until so much memory is there, and how long until it
 * is free again.  Of a fault and of stress-ng it is the time until the kernel says that their
 * processes have it.  Before each the same memory is touched once, so that none pays for the
 * host's giving it, nor for what another left in pieces.
 */
#include "bench.h"
#include "crew.h"
#include "proc.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#define ROUNDS    7
#define SIZE      (UINT64_C(1) << 30)
#define SIZE_TEXT "1GiB"
#define HUGE_PAGE (UINT64_C(2) << 20)
#define LEAST     (UINT64_C(3) << 30) /* available, or we do not begin */
#define PATIENCE  60000.0
#define LOOK_US   1000

struct result {
	double fill[ROUNDS], free[ROUNDS]; /* ms */
};

struct held {
	const char *comm;
	uint64_t bytes;
};

static int
add_held(void *ctx, const struct proc *p, int dir)
{
	struct held *h = ctx;

	(void)dir;
	if (strncmp(p->comm, h->comm, strlen(h->comm)) == 0)
		h->bytes += proc_memory_own(p->id.pid);
	return 0;
}

/* Until processes of this name have it all; we are in a pid namespace of our own. */
static void
await_all(const char *comm)
{
	const double until = now_ms() + PATIENCE;
	struct err e = { 0 };

	while (now_ms() < until) {
		struct held h = { .comm = comm };

		must(proc_each(add_held, &h, &e), "look at /proc", &e);
		if (h.bytes >= SIZE)
			return;
		(void)usleep(LOOK_US);
	}
	(void)fprintf(stderr, "%s has not taken " SIZE_TEXT " in a minute\n", comm);
	exit(1);
}

static void
ours(struct result *r, int round)
{
	static struct lone l;
	struct err e = { 0 };
	double begin;

	LONE(&l, "memory.fill", "size", SIZE_TEXT);
	must(l.fault->stage(&l.run, &e), "stage", &e);
	begin = now_ms();
	must(l.fault->apply(&l.run, &e), "apply", &e);
	await_all("stormd-filler");
	r->fill[round] = now_ms() - begin;
	begin = now_ms();
	must(undo_run(l.run.ctx, &l.run.undo, BEAT_DISARM, &e), "disarm", &e);
	must(l.fault->release(&l.run, &e), "release", &e);
	r->free[round] = now_ms() - begin;
	lone_undo(&l);
}

static void *
touch(void *half)
{
	for (char *p = half; p < (char *)half + SIZE / 2; p += 4096)
		*(volatile char *)p = 1;
	return NULL;
}

static void
threads(struct result *r, int round)
{
	pthread_t other;
	double begin = now_ms();
	char *all = mmap(NULL, SIZE + HUGE_PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at = all + (HUGE_PAGE - (uintptr_t)all % HUGE_PAGE) % HUGE_PAGE;

	if (all == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	(void)madvise(at, SIZE, MADV_HUGEPAGE);
	if (pthread_create(&other, NULL, touch, at) != 0)
		exit(1);
	(void)touch(at + SIZE / 2);
	(void)pthread_join(other, NULL);
	r->fill[round] = now_ms() - begin;
	begin = now_ms();
	(void)munmap(all, SIZE + HUGE_PAGE);
	r->free[round] = now_ms() - begin;
}

static void
stress(struct result *r, int round)
{
	double begin = now_ms();
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen("/dev/null", "w", stdout);
		(void)!freopen("/dev/null", "w", stderr);
		(void)execlp("stress-ng", "stress-ng", "--vm", "2", "--vm-bytes", "1g",
		    "--vm-keep", "-t", "60", (char *)NULL);
		_exit(127);
	}
	await_all("stress-ng");
	r->fill[round] = now_ms() - begin;
	begin = now_ms();
	(void)kill(pid, SIGTERM); /* it ends its own workers */
	(void)waitpid(pid, NULL, 0);
	r->free[round] = now_ms() - begin;
}

static void
rows(struct result *we, struct result *they, const char *peer_name,
    const char *fill_target, const char *free_target)
{
	struct figure f = { .peer_name = peer_name, .unit = "ms" };
	struct result a = *we, b = *they; /* median() sorts */

	f.name = "memory.fill size=" SIZE_TEXT ": all is there";
	f.target = fill_target;
	f.ours = median(a.fill, ROUNDS);
	f.peer = median(b.fill, ROUNDS);
	print_row(&f);
	f.name = "memory.fill size=" SIZE_TEXT ": all is free again";
	f.target = free_target;
	f.ours = median(a.free, ROUNDS);
	f.peer = median(b.free, ROUNDS);
	print_row(&f);
}

int
main(int argc, char **argv)
{
	static struct result we, bare, they, warm;
	bool has_stress;

	if (argc > 1 && strcmp(argv[1], "--work") == 0)
		return crew_main(argc, argv);
	if (proc_memory_available() < LEAST) {
		(void)fprintf(stderr, "skip: less than 3 GiB of memory available\n");
		return 77;
	}
	has_stress = PEER("stress-ng", "--version") == 0;
	pidns_enter();
	for (int i = 0; i < ROUNDS; i++) {
		threads(&warm, i);
		ours(&we, i);
		threads(&warm, i);
		threads(&bare, i);
		threads(&warm, i);
		if (has_stress)
			stress(&they, i);
	}
	rows(&we, &bare, "two threads", "<= 1.1", "");
	if (has_stress)
		rows(&we, &they, "stress-ng --vm 2", "<= 1/8", "<= 1/10");
	else
		(void)printf("(stress-ng is not installed: no row for it)\n");
	return 0;
}
