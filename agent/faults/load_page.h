/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOAD_PAGE_H
#define LOAD_PAGE_H
/* The memory a holder and its burners share; private to load.c and burner.c. */
#include "load.h"
#include <stdatomic.h>

enum { PAGE_FD = 3, LEASH_FD = 4 };

struct load_slot {
	_Alignas(64) _Atomic uint32_t share; /* holder → burner */
	_Atomic uint32_t is_ready;           /* burner → holder, a futex */
	_Atomic uint64_t used_ns;            /* burner → holder */
};

struct load_page {
	_Atomic uint32_t is_going; /* holder → burners, a futex: one store arms all */
	struct load_slot slot[LOAD_CPUS_MAX];
};

#endif
