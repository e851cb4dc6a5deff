/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHARED_H
#define SHARED_H
/* The inside of the undo layer: what only store_undo does with shared notes. */
#include <stdint.h>

struct err;
struct store;

/* The network namespace is gone, and so is everything the notes of it name. */
int shared_forget(struct store *s, uint64_t netns, struct err *e);

#endif
