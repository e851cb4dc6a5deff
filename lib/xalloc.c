/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that aborts when there is no memory; nothing else. */
#include "xalloc.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
or_die(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

void *
xcalloc(size_t count, size_t size)
{
	return or_die(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *
xrealloc(void *p, size_t size)
{
	return or_die(realloc(p, size > 0 ? size : 1));
}

char *
xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *
xstrndup(const char *s, size_t len)
{
	return or_die(strndup(s, len));
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	return s;
}
