/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_PAGE_H
#define MEMORY_PAGE_H
/* What a holder and its fillers share; private to memory_fill.c and memory_filler.c. */
#include "bounds.h"
#include <stdatomic.h>
#include <stdint.h>

#define FILLERS_MAX 16

struct memory_slot {
	_Alignas(64) _Atomic uint64_t target; /* holder → filler: bytes to hold */
	_Atomic uint64_t held; /* filler → holder: bytes touched so far */
	/* filler → holder, of cache: bytes that are in memory, as the kernel says */
	_Atomic uint64_t resident;
	uint64_t most; /* set before the first turn: what it is to hold in the end */
	_Atomic int32_t
	    error; /* filler → holder: the errno that it met, and stopped at */
};

struct memory_page {
	/* set by the holder before the crew starts */
	uint32_t is_cache, is_locked;
	uint32_t is_huge; /* grows by whole huge pages, where the kernel has them */
	int32_t oom_score;
	char path[PATH_LEN_MAX]; /* of cache: where */
	/* holder → fillers, a futex: there are new targets */
	_Alignas(64) _Atomic uint32_t turn;
	struct memory_slot slot[FILLERS_MAX];
};

#endif
