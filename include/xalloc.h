/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XALLOC_H
#define XALLOC_H
/*
 * Memory that is there or the process is not: with a record written before anything is
 * touched, dying is safe, so that no untested out-of-memory path has to exist.  Not for a
 * holder's disarm, which allocates nothing at all.
 */
#include <stddef.h>

void *xcalloc(size_t count, size_t size); /* zeroed */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
