/* SPDX-License-Identifier: Apache-2.0 */
/* A ring or a binary heap over one array.  What is sorted is a heap already, so that a ring
 * becomes one by being laid out from the beginning of the array. */
#include "delay_line.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

void
delay_line_init(struct delay_line *l, size_t room)
{
	*l = (struct delay_line){ .room = room };
	l->held = xcalloc(room, sizeof(*l->held));
}

void
delay_line_release(struct delay_line *l)
{
	free(l->held);
	*l = (struct delay_line){ 0 };
}

/* Turns wrap around: what was pushed within the last 2^31 compares right. */
static bool
is_before(const struct held *a, const struct held *b)
{
	return a->due != b->due ? a->due < b->due : (int32_t)(a->turn - b->turn) < 0;
}

static void
swap(struct delay_line *l, size_t a, size_t b)
{
	struct held kept = l->held[a];

	l->held[a] = l->held[b];
	l->held[b] = kept;
}

static void
sift_up(struct delay_line *l, size_t at)
{
	while (at > 0 && is_before(&l->held[at], &l->held[(at - 1) / 2])) {
		swap(l, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void
sift_down(struct delay_line *l)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < l->count) {
		if (child + 1 < l->count &&
		    is_before(&l->held[child + 1], &l->held[child]))
			child++;
		if (!is_before(&l->held[child], &l->held[at]))
			return;
		swap(l, at, child);
		at = child;
	}
}

static void
reverse(struct held *from, struct held *to)
{
	while (from + 1 < to) {
		struct held kept = *--to;

		*to = *from;
		*from++ = kept;
	}
}

/* Turned by its head, in place: three reversals. */
static void
become_heap(struct delay_line *l)
{
	struct held *middle = l->held + l->head, *end = l->held + l->room;

	reverse(l->held, middle);
	reverse(middle, end);
	reverse(l->held, end);
	l->head = 0;
	l->is_heap = true;
}

bool
delay_line_push(struct delay_line *l, const struct held *h)
{
	size_t at;

	if (l->count == l->room)
		return false;
	if (l->count == 0) {
		l->is_heap = false;
		l->latest = 0;
	}
	if (!l->is_heap && h->due < l->latest)
		become_heap(l);
	at = l->head + l->count++;
	if (at >= l->room)
		at -= l->room;
	l->held[at] = *h;
	l->held[at].turn = l->turn++;
	if (h->due > l->latest)
		l->latest = h->due;
	if (l->is_heap)
		sift_up(l, at);
	return true;
}

const struct held *
delay_line_first(const struct delay_line *l)
{
	return l->count == 0 ? NULL : &l->held[l->head];
}

struct held
delay_line_pop(struct delay_line *l)
{
	struct held first = l->held[l->head];

	l->count--;
	if (l->is_heap) {
		l->held[0] = l->held[l->count];
		sift_down(l);
	} else if (++l->head == l->room) {
		l->head = 0;
	}
	return first;
}

uint64_t
delay_line_latest(const struct delay_line *l)
{
	return l->count == 0 ? 0 : l->latest;
}
