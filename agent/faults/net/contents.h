/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTENTS_H
#define CONTENTS_H
/*
 * Packets kept until they are due: copies to be sent, and packets that go on changed.  The
 * kernel keeps all others.  All memory is taken at the start.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTENTS_MAX = 65535 }; /* bytes of one */

struct parcel {
	bool is_copy;   /* to be sent by us; else the packet itself, changed */
	bool is_coming; /* in to this host; else out */
	int ifindex;
	uint32_t len;
};

struct contents;

struct contents *contents_new(size_t bytes);
void contents_free(struct contents *c); /* NULL is fine */
/* A number to ask for it by, never 0; 0 when there is no room. */
int32_t contents_keep(struct contents *c, const struct parcel *p, const uint8_t *bytes);
/* What was kept, which is then forgotten. */
struct parcel contents_take(
    struct contents *c, int32_t number, uint8_t ret_bytes[static CONTENTS_MAX]);

#endif
