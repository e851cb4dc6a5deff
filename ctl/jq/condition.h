/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONDITION_H
#define CONDITION_H
/*
 * One jq filter as a condition that texts meet or do not.
 */
#include "jq_wire.h"
#include <stddef.h>

struct condition;

/* is_true when it compiles, else jq's own words.  no_memory is called when memory runs out
 * in here; it must not return. */
struct condition *condition_compile(
    const char *filter, void (*no_memory)(void *), struct jq_reply *ret);
void condition_free(struct condition *c); /* NULL is fine */

/* Does the text (JSON, and `len` bytes of it) meet it? */
void condition_ask(
    struct condition *c, const char *text, size_t len, struct jq_reply *ret);

#endif
