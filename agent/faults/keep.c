/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder's side of keepers: who has which places, and what became of them.
 */
#include "keep.h"
#include "clock.h"
#include "err.h"
#include "keep_page.h"
#include "leash.h"
#include <assert.h>
#include <errno.h>
#include <sys/resource.h>

enum {
	BLOCK_MAX = 8192, /* sockets of one keeper: some 30 ms to give back */
	OWN_FDS = 32,     /* of a keeper's descriptors, for other things than ports */
};

#define START_WAIT (20 * USEC_PER_SEC)
#define TURN_WAIT  (20 * USEC_PER_SEC)

/* How many keepers it takes. */
static int
divide(struct keep *k, struct err *e)
{
	struct rlimit limit = { 0 };
	size_t most = BLOCK_MAX;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_errno(e, "ask how many descriptors there may be");
	if (limit.rlim_max < BLOCK_MAX + OWN_FDS)
		most = limit.rlim_max > OWN_FDS ? limit.rlim_max - OWN_FDS : 0;
	if (most == 0 || k->room > most * KEEPERS_MAX)
		return err_set(e, -EMFILE,
		    "a process may have %llu descriptors here (LimitNOFILE, ulimit -n): too "
		    "few to hold %zu ports",
		    (unsigned long long)limit.rlim_max, k->room);
	k->keepers = (k->room + most - 1) / most;
	return 0;
}

static void
share(struct keep *k)
{
	const size_t block = k->keepers > 0 ? (k->room + k->keepers - 1) / k->keepers : 0;

	for (size_t i = 0, first = 0; i < k->keepers; i++, first += block) {
		struct keep_slot *s = &k->page->slot[i];

		s->first = (uint32_t)first;
		s->count = (uint32_t)(k->room - first < block ? k->room - first : block);
	}
}

int
keep_init(struct keep *k, const struct keep_plan *plan, struct err *e)
{
	assert(plan->room <= KEEP_MAX && plan->addresses_count <= KEEP_ADDRESSES_MAX);
	*k = (struct keep){ .room = plan->room };
	if (divide(k, e) < 0 || crew_init(&k->crew, &work_keep, k->keepers, 0, e) < 0)
		return e->code;
	k->page = k->crew.page;
	k->page->protocol = plan->protocol;
	k->page->listens = plan->listens;
	k->page->addresses_count = plan->addresses_count;
	for (size_t i = 0; i < plan->addresses_count; i++)
		k->page->addresses[i] = plan->addresses[i];
	share(k);
	return 0;
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

int
keep_start(struct keep *k, const char *fault, const struct child_group *g, struct err *e)
{
	return crew_start(&k->crew, fault, g, START_WAIT, e);
}

/* Until this keeper has seen the turn through. */
static int
await_turn(struct keep *k, size_t i, uint32_t turn, usec_t until)
{
	_Atomic uint32_t *done = &k->page->slot[i].done;

	for (;;) {
		uint32_t now = atomic_load(done);

		if (now == turn)
			return 0;
		if (crew_lost(&k->crew, NULL) >= 0)
			return -ECHILD;
		if (clock_boottime() >= until)
			return -ETIMEDOUT;
		word_wait(done, now, 20);
	}
}

int
keep_turn(struct keep *k, struct err *e)
{
	const usec_t until = clock_boottime() + TURN_WAIT;
	const uint32_t turn = atomic_fetch_add(&k->page->turn, 1) + 1;
	int rc = 0;

	word_wake(&k->page->turn);
	for (size_t i = 0; i < k->keepers && rc == 0; i++)
		rc = await_turn(k, i, turn, until);
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
	return crew_lost(&k->crew, NULL) >= 0;
}

void
keep_reap(struct keep *k)
{
	crew_reap(&k->crew);
}
