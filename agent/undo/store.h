/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_H
#define STORE_H
/*
 * Outstanding obligations are a directory: run-dir/undo, one file per live fault, named by
 * its id.  (State that outlives the boot will get a second one below state-dir.)
 *
 * Kernel objects that several faults share (a clsact, a base table that iptables-nft makes
 * on a clean host) carry no identity of ours: one record each in host-dir/shared, written
 * by whoever makes the object, honoured by whoever sweeps last.
 */
#include "record.h"

struct store {
	int dir;    /* run-dir/undo */
	int shared; /* host-dir/shared */
};

int store_open(struct store *s, const char *run_dir, const char *host_dir, struct err *e);
void store_close(struct store *s);
int store_put(struct store *s, const struct record *r, struct err *e); /* tmp, rename */
int store_get(struct store *s, const char *fault, struct record *ret, struct err *e);
int store_drop(struct store *s, const char *fault, struct err *e); /* gone is fine */
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
 * check, sweep, check, shared, drop.  A record of another boot is dropped. */
int store_undo(struct store *s, const struct record *r, int barrier_fd, struct err *e);

#endif
