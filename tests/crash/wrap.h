/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRAP_H
#define WRAP_H
/*
 * The N-th call that could fail does (SQLite's way).  The linker leads every call of ours
 * through here (--wrap, see the Makefile); the count is shared with the children, so that
 * what happens between a fork and its exec fails too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

struct wrap {
	int at; /* 0: nothing fails */
	int seen;
	int number;
	bool has_struck;
	const char *struck; /* which call it was */
};

static struct wrap *wrap;
static bool wrap_is_on; /* in this process and its children */

static inline bool
wrap_open(void)
{
	wrap = mmap(NULL, sizeof(*wrap), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return wrap != MAP_FAILED;
}

static inline void
wrap_set(int at, int number)
{
	*wrap = (struct wrap){ .at = at, .number = number };
}

/* A file that an older kernel does not have. */
static const char *wrap_lacks = "";
/* As on a file system without O_TMPFILE. */
static bool wrap_lacks_unnamed;

static bool
lacks(const char *path, int flags)
{
	if (wrap_lacks_unnamed && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return true;
	}
	if (strcmp(path, wrap_lacks) != 0)
		return false;
	errno = ENOENT;
	return true;
}

static bool
strikes(const char *name)
{
	if (!wrap_is_on || wrap->at == 0 || ++wrap->seen != wrap->at)
		return false;
	wrap->has_struck = true;
	wrap->struck = name;
	errno = wrap->number;
	return true;
}

#define WRAP(type, name, params, ...)                            \
 type __real_##name params;                                      \
 type __wrap_##name params;                                      \
 type __wrap_##name params                                       \
 {                                                               \
  return strikes(#name) ? (type)-1 : __real_##name(__VA_ARGS__); \
 }
#define WRAP_OPEN(name, params, ...)                                                     \
 int __real_##name params;                                                               \
 int __wrap_##name params;                                                               \
 int __wrap_##name params                                                                \
 {                                                                                       \
  va_list ap;                                                                            \
  mode_t mode = 0;                                                                       \
  va_start(ap, flags);                                                                   \
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)                        \
   mode = va_arg(ap, mode_t);                                                            \
  va_end(ap);                                                                            \
  return lacks(path, flags) || strikes(#name) ? -1 :                                     \
						__real_##name(__VA_ARGS__, flags, mode); \
 }

WRAP_OPEN(open, (const char *path, int flags, ...), path)
WRAP_OPEN(openat, (int dir, const char *path, int flags, ...), dir, path)
WRAP(int, renameat, (int od, const char *o, int nd, const char *n), od, o, nd, n)
WRAP(int, unlinkat, (int dir, const char *path, int flags), dir, path, flags)
WRAP(int, mkdirat, (int dir, const char *path, mode_t mode), dir, path, mode)
WRAP(int, fallocate, (int fd, int mode, off_t from, off_t len), fd, mode, from, len)
WRAP(int, fsync, (int fd), fd)
WRAP(int, ftruncate, (int fd, off_t len), fd, len)
WRAP(int, pipe2, (int *fds, int flags), fds, flags)
WRAP(int, memfd_create, (const char *name, unsigned flags), name, flags)
WRAP(pid_t, fork, (void))
WRAP(int, socket, (int domain, int type, int protocol), domain, type, protocol)

/* A disk fills up in the middle: half of it is taken, and what follows fails. */
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t
__wrap_write(int fd, const void *buf, size_t len)
{
	if (!strikes("write"))
		return __real_write(fd, buf, len);
	if (len < 2)
		return -1;
	wrap->at++;
	return __real_write(fd, buf, len / 2);
}

#endif
