/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAUSE_PAGE_H
#define PAUSE_PAGE_H
/* What a holder and its tracer share; private to pause_ptrace.c and tracer.c. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRACED_MAX = 4096 };

/* Of a target; below 0: the negative errno of what was tried. */
enum {
	TARGET_ASKED,
	TARGET_HELD,
	TARGET_BUSY, /* in the kernel: it will stop when it comes out */
	TARGET_GONE,
};

struct traced {
	int32_t pid;
	_Atomic int32_t state;
	uint64_t start;
};

struct pause_page {
	_Atomic uint32_t is_going; /* holder → tracer, a futex */
	_Atomic uint32_t is_done;  /* tracer → holder, a futex: all were tried */
	bool with_children;        /* what they fork meanwhile, too */
	uint32_t count;
	struct traced target[];
};

#endif
