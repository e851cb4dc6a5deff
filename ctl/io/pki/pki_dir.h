/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_DIR_H
#define PKI_DIR_H
/* Directories and files of keys: nobody else's from the first moment, and on the disk
 * before anyone is told that they are there. */
#include <stddef.h>

struct err;

/* A descriptor, or negative. */
int pki_dir_open(int parent, const char *name, struct err *e);
int pki_dir_make(int parent, const char *name, struct err *e); /* there already: fine */
/* tmp → fsync → rename → fsync of the directory; mode 0600. */
int pki_file_put(int dir, const char *name, const char *text, struct err *e);
/* The whole of a file of at most max bytes in *ret (free). */
int pki_file_get(int dir, const char *name, size_t max, char **ret, struct err *e);
/* A directory with nothing but files in it; nothing there is fine, too. */
int pki_dir_remove(int parent, const char *name, struct err *e);
/* Calls back for each directory in it whose name is a name (parse_name), in no order;
 * stops at a negative answer and returns it, else how many there were. */
int pki_dir_each(int dir,
    int (*each)(void *ctx, int parent, const char *name, struct err *e), void *ctx,
    struct err *e);

#endif
