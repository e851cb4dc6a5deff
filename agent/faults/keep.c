/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder's side of keepers.  They are this very program, started again as `--keeper`,
 * so that nothing of the holder's memory, locks or descriptors is in them.
 */
#include "keep.h"
#include "cgroup.h"
#include "clock.h"
#include "err.h"
#include "keep_page.h"
#include "leash.h"
#include "spawn.h"
#include "xalloc.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BLOCK_MAX = 8192, /* sockets of one keeper: some 30 ms to give back */
	OWN_FDS = 32,     /* of a keeper's descriptors, for other things than ports */
};

#define START_WAIT (20 * USEC_PER_SEC)
#define TURN_WAIT  (20 * USEC_PER_SEC)

static int
share(struct keep *k, size_t room, struct err *e)
{
	struct rlimit limit = { 0 };
	size_t most = BLOCK_MAX, block;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_errno(e, "ask how many descriptors there may be");
	if (limit.rlim_max < BLOCK_MAX + OWN_FDS)
		most = limit.rlim_max > OWN_FDS ? limit.rlim_max - OWN_FDS : 0;
	if (most == 0 || room > most * KEEPERS_MAX)
		return err_set(e, -EMFILE,
		    "a process may have %llu descriptors here (LimitNOFILE, ulimit -n): too "
		    "few to hold %zu ports",
		    (unsigned long long)limit.rlim_max, room);
	k->room = room;
	k->keepers = (room + most - 1) / most;
	block = k->keepers > 0 ? (room + k->keepers - 1) / k->keepers : 0;
	for (size_t i = 0, first = 0; i < k->keepers; i++, first += block) {
		struct keep_slot *s = &k->page->slot[i];

		s->first = (uint32_t)first;
		s->count = (uint32_t)(room - first < block ? room - first : block);
	}
	return 0;
}

int
keep_init(struct keep *k, const struct keep_plan *plan, struct err *e)
{
	int leash[2];
	void *page;

	assert(plan->room <= KEEP_MAX && plan->addresses_count <= KEEP_ADDRESSES_MAX);
	*k = (struct keep){ .page_fd = -1, .leash_in = -1, .leash = -1 };
	k->page_fd = memfd_create("stormdrill-keep", MFD_CLOEXEC);
	if (k->page_fd < 0 || ftruncate(k->page_fd, sizeof(*k->page)) < 0)
		return err_errno(e, "make the keepers' shared page");
	page = mmap(
	    NULL, sizeof(*k->page), PROT_READ | PROT_WRITE, MAP_SHARED, k->page_fd, 0);
	if (page == MAP_FAILED)
		return err_errno(e, "map the keepers' shared page");
	k->page = page;
	if (pipe2(leash, O_CLOEXEC) < 0)
		return err_errno(e, "make the keepers' leash");
	k->leash_in = leash[0];
	k->leash = leash[1];
	k->page->protocol = plan->protocol;
	k->page->listens = plan->listens;
	k->page->addresses_count = plan->addresses_count;
	for (size_t i = 0; i < plan->addresses_count; i++)
		k->page->addresses[i] = plan->addresses[i];
	return share(k, plan->room, e);
}

void
keep_put(struct keep *k, size_t place, uint16_t port, unsigned address)
{
	struct keep_place *p = &k->page->place[place];

	assert(place < k->room);
	p->port = port;
	p->address = (uint16_t)address;
	atomic_store(&p->state, PLACE_ASKED);
}

static int
start_one(struct keep *k, size_t i, const char *fault, struct err *e)
{
	char number[24];
	const char *const argv[] = { "stormd-fault", "--keeper", number, fault, NULL };
	const int fds[] = { k->page_fd, k->leash_in };
	const struct spawn s = {
		.path = "/proc/self/exe",
		.argv = argv,
		.fds = fds,
		.fds_count = sizeof(fds) / sizeof(fds[0]),
		.role = SPAWN_BURNER,
	};
	int pidfd, rc;

	(void)snprintf(number, sizeof(number), "%zu", i);
	rc = spawn(&s, &k->pid[i], &pidfd, e);
	if (rc == 0)
		(void)close(
		    pidfd); /* it is our child: its pid is ours until we reap it */
	return rc;
}

static bool
has_ended(pid_t *pid)
{
	if (*pid == 0 || waitpid(*pid, NULL, WNOHANG) != *pid)
		return false;
	*pid = 0;
	return true;
}

/* Until the word of the keeper is `wanted`. */
static int
await(struct keep *k, size_t i, _Atomic uint32_t *word, uint32_t wanted, usec_t until)
{
	for (;;) {
		uint32_t now = atomic_load(word);

		if (now == wanted)
			return 0;
		if (has_ended(&k->pid[i]))
			return -ECHILD;
		if (clock_boottime() >= until)
			return -ETIMEDOUT;
		word_wait(word, now, 20);
	}
}

static int
await_ready(struct keep *k, size_t i, usec_t until, struct err *e)
{
	struct keep_slot *s = &k->page->slot[i];
	int rc = await(k, i, &s->is_ready, 1, until);

	if (rc < 0)
		return err_set(e, rc, "a keeper of ports %s",
		    rc == -ECHILD ? "could not start" : "does not start");
	rc = atomic_load(&s->error);
	if (rc < 0)
		return err_set(e, rc, "make %zu sockets: %s", k->room, strerror(-rc));
	return 0;
}

int
keep_start(struct keep *k, const char *fault, int cgroup, struct err *e)
{
	const usec_t until = clock_boottime() + START_WAIT;

	for (size_t i = 0; i < k->keepers; i++) {
		if (start_one(k, i, fault, e) < 0)
			return e->code;
		if (cgroup >= 0 && cgroup_join(cgroup, k->pid[i], e) < 0)
			return e->code;
	}
	for (size_t i = 0; i < k->keepers; i++) {
		if (await_ready(k, i, until, e) < 0)
			return e->code;
	}
	return 0;
}

int
keep_turn(struct keep *k, struct err *e)
{
	const usec_t until = clock_boottime() + TURN_WAIT;
	const uint32_t turn = atomic_fetch_add(&k->page->turn, 1) + 1;
	int rc = 0;

	word_wake(&k->page->turn);
	for (size_t i = 0; i < k->keepers && rc == 0; i++)
		rc = await(k, i, &k->page->slot[i].done, turn, until);
	return rc == 0 ? 0 :
			 err_set(e, rc, "a keeper of ports %s",
			     rc == -ECHILD ? "has ended" : "does not answer");
}

int
keep_state(const struct keep *k, size_t place)
{
	return atomic_load(&k->page->place[place].state);
}

uint16_t
keep_port(const struct keep *k, size_t place)
{
	return k->page->place[place].port;
}

size_t
keep_held(const struct keep *k)
{
	size_t held = 0;

	for (size_t i = 0; i < k->room; i++)
		held += keep_state(k, i) == PLACE_HELD;
	return held;
}

bool
keep_lost(struct keep *k)
{
	for (size_t i = 0; i < k->keepers; i++) {
		if (has_ended(&k->pid[i]))
			return true;
	}
	return false;
}

void
keep_reap(struct keep *k)
{
	for (size_t i = 0; i < k->keepers; i++)
		if (k->pid[i] != 0)
			(void)kill(k->pid[i], SIGKILL); /* ours until we reap it */
	for (size_t i = 0; i < k->keepers; i++) {
		if (k->pid[i] != 0)
			(void)waitpid(
			    k->pid[i], NULL, 0); /* how it ended tells nothing */
		k->pid[i] = 0;
	}
}
