/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIAG_H
#define DIAG_H
/*
 * Problems of a file, each shown at its place.  Saying one does not stop anything: who
 * reads the file goes on, so that all of them come out at once.
 */
#include "experiment.h"
#include <stdbool.h>
#include <stddef.h>

#define DIAG_MAX 20

struct diag {
	const char *path; /* as given */
	const char *text; /* the file, NUL-terminated */
	void (*say)(void *ctx, const char *text);
	void *ctx;
	char **secrets; /* never shown; NULL-terminated, or NULL */
	unsigned count; /* problems found, said or not */
};

/* "path:line:column: error: …", the line and a caret; without a place just the first. */
void diag_error(struct diag *d, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
