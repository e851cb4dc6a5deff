/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TC_MSG_H
#define TC_MSG_H
/* What the files of tc.h share: messages about qdiscs and filters.  Not for others. */
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;

/* netem's time is counted in 64 ns; TCA_NETEM_PRNG_SEED is not in the headers of Linux 6.5
 * and older. */
enum { TICK_SHIFT = 6, NETEM_PRNG_SEED = 14 };

struct tcmsg *tc_begin(
    struct nl *n, uint16_t type, uint16_t flags, int ifindex, uint32_t parent);
/* "what: strerror (the kernel's own words)"; returns rc. */
int tc_refused(struct nl *n, struct err *e, int rc, const char *what);
/* -EOPNOTSUPP naming the module and the packages that have it. */
int tc_missing(struct err *e, const char *module);

/* The eight digits as a number. */
uint32_t tc_id_number(const char *fault_id);
/* The gate, inside the nest of one action: as it is to be made, open or closed. */
void tc_put_gate(struct nl *n, const char *fault_id, bool open);

/* Is it a fault id?  NULL is not. */
bool tc_is_gate_cookie(struct nlattr *cookie);

/* Call fn for every answer of a dump of this type, of one interface and parent (0: all of
 * the interface's).  Begun anew when it was disturbed: fn may see an object twice. */
typedef int (*tc_dump_fn)(void *ctx, const struct tcmsg *t, struct nlattr **tb);
int tc_dump(
    struct nl *n, uint16_t type, const struct tcmsg *what, tc_dump_fn fn, void *ctx);

#endif
