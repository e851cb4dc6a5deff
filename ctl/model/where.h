/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHERE_H
#define WHERE_H
/*
 * The expression that chooses hosts by their tags:
 *
 *	role=database and zone in (a, b) and not canary
 *
 *	expression:  term {or term}      term:  factor {and factor}
 *	factor:      [not] ( "(" expression ")" | test )
 *	test:        TAG | TAG=VALUE | TAG!=VALUE | TAG in (VALUE, …) | TAG not in (VALUE, …)
 *
 * A bare TAG holds when the host has it and its value is not "false".  TAG!=VALUE holds
 * for a host without the tag, too.  `name` is the host's name; a VALUE may hold * and ?,
 * or stand in quotes and is then taken as it is.
 */
#include "inventory.h"

struct err;
struct where;

/* The message says what was expected, *ret_column (unless NULL) at which character (from 1): in a
 * file it becomes a place, on a command line a part of the message. */
int where_parse(
    struct where **ret, const char *text, unsigned *ret_column, struct err *e);
bool where_match(const struct where *w, const struct host *h);
void where_free(struct where *w); /* NULL is fine */

#endif
