/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MATCH_H
#define MATCH_H
/* Finding the processes that all selectors mean; see selection.h, its only user. */
#include "selection.h"

/* Every match, not opened yet (pidfd -1), in no order; the caller frees the array. */
int match_processes(const struct spec *spec, const struct protect *protect,
    struct target **ret, size_t *ret_count, struct err *e);

#endif
