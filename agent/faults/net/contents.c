/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of one size, chained: an ordinary packet takes one. */
#include "contents.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

enum { CELL_SIZE = 2048 };

struct cell {
	int32_t next;         /* of the same packet, or of those that are free; -1 none */
	struct parcel parcel; /* in the first of a packet */
	uint8_t bytes[CELL_SIZE];
};

struct contents {
	struct cell *cells;
	int32_t first_free;
	size_t free_count;
};

struct contents *
contents_new(size_t bytes)
{
	struct contents *c = xcalloc(1, sizeof(*c));

	c->free_count = bytes / CELL_SIZE;
	c->cells = xcalloc(c->free_count, sizeof(*c->cells));
	for (size_t i = 0; i < c->free_count; i++)
		c->cells[i].next = i + 1 < c->free_count ? (int32_t)i + 1 : -1;
	return c;
}

void
contents_free(struct contents *c)
{
	if (c == NULL)
		return;
	free(c->cells);
	free(c);
}

static size_t
piece_at(uint32_t len, size_t from)
{
	return len - from < CELL_SIZE ? len - from : CELL_SIZE;
}

int32_t
contents_keep(struct contents *c, const struct parcel *p, const uint8_t *bytes)
{
	size_t needed = p->len == 0 ? 1 : (p->len + CELL_SIZE - 1) / CELL_SIZE;
	int32_t first = c->first_free, at = first, last = first;

	if (needed > c->free_count || p->len > CONTENTS_MAX)
		return 0;
	for (size_t i = 0; i < needed; i++) {
		size_t from = i * CELL_SIZE;

		memcpy(c->cells[at].bytes, bytes + from, piece_at(p->len, from));
		last = at;
		at = c->cells[at].next;
	}
	c->cells[last].next = -1;
	c->first_free = at;
	c->free_count -= needed;
	c->cells[first].parcel = *p;
	return first + 1;
}

struct parcel
contents_take(struct contents *c, int32_t number, uint8_t ret_bytes[static CONTENTS_MAX])
{
	int32_t first = number - 1, at = first, last = first;
	struct parcel p = c->cells[first].parcel;

	for (size_t from = 0; at != -1; from += CELL_SIZE) {
		memcpy(ret_bytes + from, c->cells[at].bytes, piece_at(p.len, from));
		last = at;
		at = c->cells[at].next;
		c->free_count++;
	}
	c->cells[last].next = c->first_free;
	c->first_free = first;
	return p;
}
