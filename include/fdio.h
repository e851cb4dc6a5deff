/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FDIO_H
#define FDIO_H
/* Whole reads and writes, small files, directories.  All descriptors are CLOEXEC. */
#include <stddef.h>
#include <sys/types.h>

struct err;

/* All of it or a negative errno. */
int write_all(int fd, const void *buf, size_t len);
/* A whole small file as a NUL-terminated string: length, or a negative errno (-EFBIG
 * when it does not fit into size - 1). */
ssize_t read_file_at(int dirfd, const char *path, char *buf, size_t size);
/* tmp → write → rename, so that a reader sees the old file or the whole new one.  No
 * fsync: for state that dies with the boot (design: a record lives as long as what it
 * describes). */
int replace_file_at(
    int dirfd, const char *name, const char *text, size_t len, struct err *e);
/* The same, and on disk when it returns: tmp → write → fsync → rename → fsync of the
 * directory.  After an error there is no file of that name. */
int replace_file_durably_at(
    int dirfd, const char *name, const char *text, size_t len, struct err *e);
/* fsync of a directory; a file system that cannot is no error. */
int sync_dir(int dirfd);
/* mkdir -p with `mode` for what it makes; existing directories are left as they are.
 * Every component that exists must be owned by us or root (or sticky). */
int make_dirs(const char *path, mode_t mode, struct err *e);

#endif
