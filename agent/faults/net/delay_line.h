/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DELAY_LINE_H
#define DELAY_LINE_H
/*
 * Which packet goes when: numbers of packets in, the same numbers out once their delay is
 * over.  Without jitter a ring, first in first out; with jitter a heap, since a later
 * packet may be due earlier (as with netem, jitter reorders).  Pure: no clock, no I/O; all
 * memory is taken at the start.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct held {
	uint64_t due; /* ns, of the caller's clock */
	uint32_t id;
};

struct delay_line {
	uint64_t delay, jitter; /* ns; jitter evenly up and down, at most delay */
	uint64_t random; /* state of the generator: the same seed, the same delays */
	struct held *held;
	size_t room, count;
	size_t head; /* of the ring */
};

void delay_line_init(struct delay_line *l, size_t room, uint64_t delay, uint64_t jitter);
void delay_line_release(struct delay_line *l);
/* false when it is full: the packet is not held. */
bool delay_line_push(struct delay_line *l, uint64_t now, uint32_t id);
/* The next packet that is due, if any. */
bool delay_line_pop(struct delay_line *l, uint64_t now, uint32_t *ret_id);
/* When the next one is due; UINT64_MAX when nothing is held. */
uint64_t delay_line_next(const struct delay_line *l);

#endif
