/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of what this program can do, and the little that every fault shares.  A fault
 * joins by one line in FAULT_LIST; nothing else here knows any of them by name.
 */
#include "fault.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FAULT_ROW(name) &fault_##name,
const struct fault *const fault_table[] = { FAULT_LIST(FAULT_ROW) NULL };

const struct fault *
fault_find(const char *kind)
{
	FOR_EACH_FAULT(f) {
		if (strcmp((*f)->kind->name, kind) == 0)
			return *f;
	}
	return NULL;
}

int
fault_hold_nothing(struct fault_run *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0;
}

void
fault_how_plain(char *buf, size_t size)
{
	if (size > 0)
		buf[0] = '\0';
}

int
fault_release_nothing(struct fault_run *r, struct err *e)
{
	(void)r;
	(void)e;
	return 0;
}

/* Whole lines only: half a line of "what will be done" would be a lie. */
void
fault_op(struct fault_run *r, const char *fmt, ...)
{
	size_t used = strlen(r->ops);
	size_t room = sizeof(r->ops) - used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->ops + used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 2 > room) {
		r->ops[used] = '\0';
		return;
	}
	r->ops[used + (size_t)n] = '\n';
	r->ops[used + (size_t)n + 1] = '\0';
}
