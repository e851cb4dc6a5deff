/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELAY_LINE_H
#define DELAY_LINE_H
/*
 * What is held, by the time it is due.  As long as packets are due in the order they come,
 * a ring; from the first that overtakes, a heap, until it has run empty.  Packets due at
 * the same time leave in the order they came.  All memory is taken at the start.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct held {
	uint64_t due; /* ns, of the caller's clock */
	uint32_t id, len;
	int32_t contents; /* the caller's own */
	uint32_t turn;    /* the line's own: the order of arrival */
};

struct delay_line {
	struct held *held;
	size_t room, count;
	size_t head; /* of the ring */
	bool is_heap;
	uint32_t turn;
	uint64_t latest; /* due, of all that are held */
};

void delay_line_init(struct delay_line *l, size_t room);
void delay_line_release(struct delay_line *l);
/* false when it is full: the packet is not held. */
bool delay_line_push(struct delay_line *l, const struct held *h);
/* The one that is due first, NULL when nothing is held.  Valid until the next call. */
const struct held *delay_line_first(const struct delay_line *l);
/* Take that one; there must be one. */
struct held delay_line_pop(struct delay_line *l);
/* When the last of them is due: 0 when nothing is held. */
uint64_t delay_line_latest(const struct delay_line *l);

#endif
