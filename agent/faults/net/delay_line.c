/* SPDX-License-Identifier: Apache-2.0 */
/* A ring or a binary heap over one array, and a small generator for the jitter. */
#include "delay_line.h"

#include <stdlib.h>

#include "xalloc.h"

void
delay_line_init(struct delay_line *l, size_t room, uint64_t delay, uint64_t jitter)
{
	*l = (struct delay_line){ .delay = delay, .jitter = jitter, .room = room };
	l->held = xcalloc(room, sizeof(*l->held));
}

void
delay_line_release(struct delay_line *l)
{
	free(l->held);
	*l = (struct delay_line){ 0 };
}

/* splitmix64: even in all its bits, and any seed will do. */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

static bool
is_due_before(const struct delay_line *l, size_t a, size_t b)
{
	return l->held[a].due < l->held[b].due;
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
	while (at > 0 && is_due_before(l, at, (at - 1) / 2)) {
		swap(l, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void
sift_down(struct delay_line *l)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < l->count) {
		if (child + 1 < l->count && is_due_before(l, child + 1, child))
			child++;
		if (!is_due_before(l, child, at))
			return;
		swap(l, at, child);
		at = child;
	}
}

bool
delay_line_push(struct delay_line *l, uint64_t now, uint32_t id)
{
	struct held h = { .due = now + l->delay, .id = id };

	if (l->count == l->room)
		return false;
	if (l->jitter == 0) {
		l->held[(l->head + l->count++) % l->room] = h;
		return true;
	}
	h.due += next_random(&l->random) % (2 * l->jitter + 1) - l->jitter;
	l->held[l->count++] = h;
	sift_up(l, l->count - 1);
	return true;
}

uint64_t
delay_line_next(const struct delay_line *l)
{
	return l->count == 0 ? UINT64_MAX : l->held[l->head].due;
}

bool
delay_line_pop(struct delay_line *l, uint64_t now, uint32_t *ret_id)
{
	if (delay_line_next(l) > now)
		return false;
	*ret_id = l->held[l->head].id;
	l->count--;
	if (l->jitter == 0) {
		l->head = (l->head + 1) % l->room;
	} else {
		l->held[0] = l->held[l->count];
		sift_down(l);
	}
	return true;
}
