/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRILL_VIEW_H
#define DRILL_VIEW_H
/* A drill as an agent describes it. */
#include "bounds.h"
#include "status.h"
#include <jansson.h>
#include <stddef.h>

struct err;

struct drill_view {
	struct drill_status drill;
	size_t count;
	struct fault_status fault[DRILL_FAULTS_MAX];
	char *ops[DRILL_FAULTS_MAX]; /* lines, or NULL */
};
void drill_view_release(struct drill_view *v);
/* A drill out of an answer; leaves `ret`, which is cleared, so when there is none in it. */
int drill_view_read(const json_t *j, struct drill_view *ret, struct err *e);

#endif
