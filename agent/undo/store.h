/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_H
#define STORE_H
/*
 * Outstanding obligations are a directory: run-dir/undo, one file per live fault, named by
 * its id.  A record lives as long as what it describes: one with any operation that outlives
 * the boot is in state-dir/undo instead, on disk before anything is touched.  That directory
 * is made when the first such record is written, and not before.
 *
 * Kernel objects that several faults share (a clsact, a base table that iptables-nft makes
 * on a clean host) carry no identity of ours: one record each in host-dir/shared, written
 * by whoever makes the object, honoured by whoever sweeps last.
 */
#include "record.h"

struct store {
	int dir;                      /* run-dir/undo; -1: there is no run-dir */
	int state;                    /* state-dir/undo; -1: not there, or not yet */
	int shared;                   /* host-dir/shared; -1: opened to read only */
	char state_dir[PATH_LEN_MAX]; /* "": none, and no record can outlive the boot */
};

/* run_dir "": an instance of which a reboot left only its state-dir.  state_dir "": none. */
int store_open(struct store *s, const char *run_dir, const char *state_dir,
    const char *host_dir, struct err *e);
/* To read only: nothing is made; -ENOENT when neither directory is there. */
int store_open_there(
    struct store *s, const char *run_dir, const char *state_dir, struct err *e);
void store_close(struct store *s);
/* tmp, rename; and on disk, if it is to outlive the boot */
int store_put(struct store *s, const struct record *r, struct err *e);
int store_get(struct store *s, const char *fault, struct record *ret, struct err *e);
int store_drop(struct store *s, const char *fault, struct err *e); /* gone is fine */
/* The directory that has the record of this fault, borrowed, or -ENOENT. */
int store_dir_of(struct store *s, const char *fault);
/* Call fn for each record; one that cannot be parsed is passed with `r` NULL and the
 * reason in `why`.  Returns how many there were, or a negative errno. */
int store_each(struct store *s,
    int (*fn)(void *ctx, const char *name, const struct record *r, const struct err *why),
    void *ctx, struct err *e);

/* Note that we are about to make a shared object (before making it). */
int shared_note(struct store *s, const struct undo *u, struct err *e);
/* The same if the object is not there, or is there because one of us noted and made it;
 * else it is the host's own and nothing is written.  Decided under the lock that sweeps
 * take, so that nobody sweeps it between our look and our making it. */
int shared_claim(
    struct store *s, struct undo_ctx *c, const struct undo *u, struct err *e);
/* Undo every noted object of this namespace that nobody uses any more; under a lock. */
int shared_sweep(struct store *s, struct undo_ctx *c, struct err *e);

/* Disarm every record, newest first, before any of them is swept: a sweep may have to wait
 * for packets that are held.  Best effort; store_undo disarms again and says what failed. */
void store_disarm_all(struct store *s, int barrier_fd);
/* The whole undo of one stored record by somebody else than its holder: kill the holder if
 * it lives, enter its network namespace (gone: its kernel state is gone too), disarm,
 * check, sweep, check, shared, drop.  Of a record of another boot only what outlives the boot
 * is undone; pids, namespaces and kernel objects mean nothing any more. */
int store_undo(struct store *s, const struct record *r, int barrier_fd, struct err *e);

#endif
