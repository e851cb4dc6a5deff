/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEANUP_H
#define CLEANUP_H
/*
 * Cleanup attributes for *process* resources: memory, descriptors, streams.  Kernel state
 * that outlives the process is never cleaned up this way: it has a record (undo.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void
cleanup_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing to do about a failing close of a read end */
}

static inline void
cleanup_fclose(FILE **f)
{
	if (*f != NULL)
		(void)fclose(*f); /* writers check fclose themselves and set NULL */
}

#define _cleanup_(f)     __attribute__((cleanup(f)))
#define _cleanup_free_   _cleanup_(cleanup_free)
#define _cleanup_close_  _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

/* Hand a resource over to the caller: the local variable forgets it. */
static inline void *
steal_ptr_(void *p)
{
	void *taken = *(void **)p;
	*(void **)p = NULL;
	return taken;
}
#define steal_ptr(p) ((__typeof__(*(p)))steal_ptr_(p))

static inline int
steal_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
