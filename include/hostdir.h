/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTDIR_H
#define HOSTDIR_H
/*
 * The host-dir, which all instances of a host share.  It is made by the first and, where
 * only embedded drills used it, taken away by the last, so that a host that was drilled
 * once shows no trace.  A shared flock says "in use"; whoever gets the exclusive one is
 * alone.
 */
struct err;

/* Make it and hold it: a descriptor to keep open for as long as it is used, or a negative
 * errno. */
int hostdir_hold(const char *path, struct err *e);
/* Remove it if nobody holds it and nothing is in it; best effort. */
void hostdir_leave(const char *path);
/* An instance's state-dir, with its directory of records, if nothing is in it; and the
 * default place of all of them, if it was the last there.  Best effort. */
void statedir_leave(const char *path);

#endif
