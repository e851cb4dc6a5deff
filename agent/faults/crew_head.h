/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CREW_HEAD_H
#define CREW_HEAD_H
/* What lies before a crew's page, and the descriptors a member is given; private to
 * crew.c and member.c. */
#include "crew.h"
#include "err.h"
#include <stdatomic.h>

enum { CREW_PAGE_FD = 3, CREW_LEASH_FD = 4 };
enum { MEMBER_STARTING, MEMBER_READY, MEMBER_FAILED };

struct crew_slot {
	_Atomic uint32_t state; /* member → holder, a futex */
	uint32_t pad;
	struct err why; /* of MEMBER_FAILED */
};

struct crew_head {
	uint64_t page_at, page_size;
	uint64_t count;
	_Atomic uint32_t
	    may_work; /* holder → members, a futex: all are in their cgroup */
	struct crew_slot slot[CREW_MAX]; /* untouched ones cost nothing */
};

/* Where the page begins: behind the head, at a boundary of pages. */
#define CREW_PAGE_AT ((sizeof(struct crew_head) + 4095) / 4096 * 4096)

#endif
