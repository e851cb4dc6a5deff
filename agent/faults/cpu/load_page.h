/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOAD_PAGE_H
#define LOAD_PAGE_H
/* The memory a holder and its burners share; private to load.c and burner.c. */
#include "load.h"
#include <stdatomic.h>

struct load_slot {
	_Alignas(64) uint32_t cpu;
	_Atomic uint32_t share;   /* holder → burner, a futex while it is 0 */
	_Atomic uint64_t used_ns; /* burner → holder */
};

struct load_page {
	_Atomic uint32_t is_going; /* holder → burners, a futex: one store arms all */
	struct load_how how;       /* as it is when they start */
	struct load_slot slot[LOAD_CPUS_MAX];
};

#endif
