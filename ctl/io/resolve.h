/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESOLVE_H
#define RESOLVE_H
/* Host names become addresses here, when the drill is planned, and nowhere in an agent. */
#include "parse.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct spec;

#define RESOLVE_MAX 64 /* addresses of one name */

/* Could this be a name, as against a mistyped address or network? */
bool is_host_name(const char *s);
/* All addresses of a name, each as a network of one; how many, or a negative errno. */
int resolve_host(const char *name, struct net ret[static RESOLVE_MAX], struct err *e);
/* spec_set, with the host names in an address list resolved.  What each gave is added to
 * the list, which may be NULL and is freed by string_list_free: "db.internal is 10.0.0.7",
 * with the parameter's name before it where that is not `to`.
 * On failure the spec may have some of the addresses. */
int resolve_set(
    struct spec *s, const char *name, const char *text, char ***resolved, struct err *e);

#endif
