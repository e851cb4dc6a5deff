/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROSTER_TARGET_H
#define ROSTER_TARGET_H
/* The hosts of one target; roster.c alone uses it. */
#include "roster.h"

/* `self`: names that are not to be chosen, or NULL.  The target is the caller's to free,
 * whatever is returned. */
int roster_target_make(struct roster_target *ret, const struct target_def *t,
    const struct inventory *v, uint64_t seed, const char *const *self, struct err *e);
/* By name or by its expression, before pick. */
bool roster_target_means(const struct target_def *t, const struct host *h);
/* " (did you mean 'x'?)" for the first word of an expression that no host knows, or "";
 * returns buf. */
const char *roster_where_hint(
    const struct inventory *v, const char *where, char *buf, size_t size);

#endif
