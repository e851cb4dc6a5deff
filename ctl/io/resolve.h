/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESOLVE_H
#define RESOLVE_H
/* Host names become addresses here, when the drill is planned, and nowhere in an agent. */
#include "parse.h"
#include <stdbool.h>
#include <stddef.h>

struct err;

#define RESOLVE_MAX 64 /* addresses of one name */

/* Could this be a name, as against a mistyped address or network? */
bool is_host_name(const char *s);
/* All addresses of a name, each as a network of one; how many, or a negative errno. */
int resolve_host(const char *name, struct net ret[static RESOLVE_MAX], struct err *e);

#endif
