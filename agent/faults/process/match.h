/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCH_H
#define MATCH_H
/* Finding the processes that all selectors mean; see selection.h. */
#include "selection.h"
#include <stdbool.h>

/* Targets that are not held yet (pidfd -1), in no order. */
struct target_list {
	struct target *targets;
	size_t count;
};
void target_list_add(struct target_list *l, const struct target *t);
void target_list_free(struct target_list *l);

/* Every match, as of now.  How many were passed over for being protected in *ret_spared.
 * -ESRCH when nothing matches, OUTCOME_REFUSED when only protected ones do. */
int match_all(
    struct selector *s, struct target_list *ret, size_t *ret_spared, struct err *e);
/* Is this process one of them?  It is read once and asked about once. */
bool match_one(struct selector *s, pid_t pid, struct target *ret);
/* Add every descendant of those in the list that may be touched and is not excluded: how
 * many were passed over. */
int match_children(
    struct selector *s, struct target_list *l, size_t *ret_spared, struct err *e);

#endif
