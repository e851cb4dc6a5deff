/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEEP_PAGE_H
#define KEEP_PAGE_H
/* The memory a holder and its keepers share; private to keep.c and keeper.c. */
#include "keep.h"
#include <stdatomic.h>

/* Of a place; below 0: the negative errno of the bind that was tried. */
enum { PLACE_EMPTY, PLACE_HELD, PLACE_ASKED };

struct keep_place {
	uint16_t port;
	uint16_t address;
	_Atomic int32_t state;
};

struct keep_slot {
	_Alignas(64) uint32_t first, count; /* its places */
	_Atomic uint32_t done;              /* the last turn it has seen through */
};

struct keep_page {
	uint8_t protocol;
	bool listens;
	size_t addresses_count;
	struct net addresses[KEEP_ADDRESSES_MAX];
	_Atomic uint32_t turn; /* holder → keepers: look at your places */
	struct keep_slot slot[KEEPERS_MAX];
	struct keep_place place[KEEP_MAX];
};

#endif
