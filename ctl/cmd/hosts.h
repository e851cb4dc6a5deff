/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTS_H
#define HOSTS_H
/*
 * The options by which commands choose hosts, and what follows from them: the roster of a
 * drill, or the hosts that a query is put to.
 */
#include "fleet.h"
#include "inventory.h"
#include "roster.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct invocation;

struct host_options {
	const char *inventory; /* --inventory, else $STORMDRILL_INVENTORY; NULL: none */
	/* --pki, else $STORMDRILL_PKI, else the default, whether or not it is there: for a
	 * fleet only when a host is reached over TLS */
	const char *pki_dir;
	uint64_t seed;      /* --seed; 0: at random */
	uint32_t max_hosts; /* --max-hosts; 0: no bound of our own */
	bool include_self;  /* --include-self */
};

/* The rows of a command that runs an experiment on hosts. */
#define OPTIONS_HOSTS                                                           \
 { "inventory", "SOURCE", false, "the hosts: FILE, exec:PROGRAM or srv:NAME" }, \
     { "pki", "DIR", false, "our certificate and key (see stormctl pki)" },     \
     { "seed", "N", false, "choose hosts as a run with this seed did" },        \
     { "max-hosts", "N", false, "refuse a drill on more hosts than this" },     \
 {                                                                              \
  "include-self", NULL, false, "the controller's own host may be chosen, too"   \
 }
int host_options_of(const struct invocation *v, struct host_options *ret, struct err *e);

/* The inventory as it is; what is wrong with a file is said on stderr. */
int hosts_load(const struct host_options *o, struct inventory **ret, struct err *e);
/* Load and resolve the inventory (when the experiment needs one), find out which hosts are
 * our own, make the roster.  The roster points into the inventory and the experiment. */
int hosts_roster(const struct experiment *x, const struct host_options *o,
    struct inventory **ret_inventory, struct roster *ret, struct err *e);
/* The same for a command: 0, or its exit code, with the reason on stderr behind `who`. */
int hosts_choose(const char *who, const struct experiment *x,
    const struct host_options *o, struct inventory **ret_inventory, struct roster *ret);
/* The options by which a query reaches this one host of the inventory, each after a blank;
 * freed by the caller. */
char *hosts_option_text(const char *inventory, const char *name);
void hosts_endpoint(const struct host *h, struct endpoint *ret);

#endif
