/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XTABLES_LOCK_H
#define XTABLES_LOCK_H
/*
 * The lock that iptables-legacy takes for every change, and whoever else changes its tables
 * (kube-proxy, firewalld).  The programs of nf_tables know no such lock.
 */
#include <stdbool.h>
#include <stddef.h>

/* "'kube-proxy' (process 1234)" for who holds it now; "another program" when it is not to
 * be told, as from within another pid namespace; returns buf. */
const char *xtables_lock_holder(char *buf, size_t size);
/* Is this what the programs say when they waited for it in vain? */
bool xtables_lock_is_why(const char *complaint);
const char *xtables_lock_path(void);

#endif
