/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every member of a crew does first: put on the leash, map the page, give up what its
 * work does not need.  Then it is its work's.
 */
#include "crew.h"
#include "crew_head.h"
#include "err.h"
#include "leash.h"
#include "log.h"
#include "parse.h"
#include "process.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK_ROW(name) &work_##name,
static const struct crew_work *const works[] = { CREW_LIST(WORK_ROW) };
#undef WORK_ROW

static const struct crew_work *
find_work(const char *name)
{
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		if (strcmp(works[i]->name, name) == 0)
			return works[i];
	}
	return NULL;
}

static int
get_ready(const struct crew_work *work, struct member *m, struct err *e)
{
	struct stat st;
	void *at;

	if (leash_wear(CREW_LEASH_FD) < 0)
		return err_errno(e, "put on the leash");
	if (fstat(CREW_PAGE_FD, &st) < 0 || (size_t)st.st_size < CREW_PAGE_AT)
		return err_set(e, -EBADF, "no shared page");
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    CREW_PAGE_FD, 0);
	if (at == MAP_FAILED)
		return err_errno(e, "map the shared page");
	m->head = at;
	m->page = (char *)at + CREW_PAGE_AT;
	if (m->number >= m->head->count)
		return err_set(e, -EINVAL, "number %u is not of this crew", m->number);
	while (atomic_load(&m->head->may_work) == 0)
		word_wait(&m->head->may_work, 0, 0);
	return caps_limit(work->caps & caps_permitted(), e);
}

void
crew_ready(struct member *m)
{
	struct crew_slot *s = &m->head->slot[m->number];

	atomic_store(&s->state, MEMBER_READY);
	word_wake(&s->state);
}

/* To the holder, as long as it waits for us; to whoever reads stderr, afterwards. */
static void
tell(struct member *m, const struct err *e)
{
	struct crew_slot *s = &m->head->slot[m->number];

	if (atomic_load(&s->state) == MEMBER_READY) {
		log_error("%s", e->msg);
		return;
	}
	s->why = *e;
	atomic_store(&s->state, MEMBER_FAILED);
	word_wake(&s->state);
}

int
crew_main(int argc, char **argv)
{
	const struct crew_work *work = argc == 5 ? find_work(argv[2]) : NULL;
	struct member m = { 0 };
	struct err e = { 0 };
	uint64_t number = 0;

	if (work == NULL || parse_u64(argv[3], &number, &e) < 0 || number >= CREW_MAX) {
		log_open("stormd-fault", LOG_L_INFO);
		log_error("started by hand: this is a part of stormd-fault");
		return 2;
	}
	log_open(work->comm, LOG_L_INFO);
	process_comm(work->comm);
	m.number = (unsigned)number;
	m.fault = argv[4];
	if (get_ready(work, &m, &e) < 0) {
		log_error("%s", e.msg);
		return 1;
	}
	if (work->run(&m, &e) < 0)
		tell(&m, &e);
	return 1;
}
