/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPTABLES_H
#define IPTABLES_H
/*
 * Our chains in iptables and ip6tables, whichever backend they use: one
 * `iptables-restore --noflush -w` per family and call, by argument vector.  Slow (2 ms and
 * more), so only in stage and sweep.
 */
#include "parse.h"
#include <stdbool.h>
#include <stddef.h>

struct err;

enum { HOOK_IN = 1 << 0, HOOK_OUT = 1 << 1 };

/* -EOPNOTSUPP naming the package when iptables-restore or ip6tables-restore is absent. */
int iptables_supported(int family, struct err *e);
/* Is it the old program, whose tables nft does not show?  A guess by its name. */
bool iptables_is_legacy(int family);
/* Create `chain` in `table` with `rules` (lines "-A CHAIN …\n") and jump to it first thing
 * from INPUT or OUTPUT (one HOOK_ bit); atomic. */
struct iptables_chain {
	int family;        /* 4 or 6 */
	const char *table; /* "filter", "mangle" */
	const char *chain; /* at most 28 characters */
	int hook;
	const char *rules;
};
int iptables_add(const struct iptables_chain *chains, size_t count, int barrier_fd,
    struct err *e); /* all of one family and table: one restore */
/* Remove the jumps to and the chain itself, if they are there; 0 when gone. */
int iptables_remove(
    int family, const char *table, const char *chain, int barrier_fd, struct err *e);
/* 1 or 0; a jump to a chain that is gone cannot exist. */
int iptables_chain_exists(
    int family, const char *table, const char *chain, int barrier_fd, struct err *e);
/* The saved text of a table, which the caller frees; a table that does not exist reads as
 * an empty one, or as "". */
int iptables_save(
    int family, const char *table, int barrier_fd, char **ret, struct err *e);

#endif
