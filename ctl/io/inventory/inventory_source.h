/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INVENTORY_SOURCE_H
#define INVENTORY_SOURCE_H
/*
 * Reading an inventory.  `source` is
 *	PATH            a YAML file (stormdrill-inventory(5))
 *	exec:PROGRAM    any program that prints JSON when called with --list, in the form of
 *	                Ansible's dynamic inventories (`exec:ansible-inventory -i hosts.ini`:
 *	                words are split at blanks; no shell)
 *	srv:NAME        DNS SRV records of NAME, such as _stormd._tcp.example.org
 */
#include "inventory.h"

struct err;

struct inventory_options {
	/* Every problem of a file with its place and a caret, as for experiments, and what a
	 * program that failed wrote on its stderr; NULL: only the first, in `e`. */
	void (*say)(void *ctx, const char *message);
	void *ctx;
};

/* `o` may be NULL. */
int inventory_load(const char *source, const struct inventory_options *o,
    struct inventory **ret, struct err *e);
/* Give every host a numeric address; agents take no others.  `only`: these hosts (NULL:
 * all of them). */
int inventory_resolve(struct inventory *v, bool (*only)(const struct host *h, void *ctx),
    void *ctx, struct err *e);
/* Names of the hosts whose address is one of this machine's own; NULL-terminated, the
 * array is the caller's, the names are the inventory's.  Addresses must be numeric. */
int inventory_self(const struct inventory *v, const char ***ret, struct err *e);

/* One source each: inventory_file.c, inventory_exec.c, inventory_srv.c. */
int inventory_read_file(const char *path, const struct inventory_options *o,
    struct inventory *ret, struct err *e);
int inventory_read_exec(const char *command, const struct inventory_options *o,
    struct inventory *ret, struct err *e);
int inventory_read_srv(const char *name, struct inventory *ret, struct err *e);

#endif
