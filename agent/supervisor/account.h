/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCOUNT_H
#define ACCOUNT_H
/*
 * Users and groups by name, from /etc/passwd and /etc/group alone: getpwnam would map
 * whatever nsswitch.conf names (LDAP, systemd) into a root process.  Accounts that live
 * elsewhere are written as numbers.
 */
#include <sys/types.h>

struct err;

int account_uid(const char *name_or_number, uid_t *ret, struct err *e);
int account_gid(const char *name_or_number, gid_t *ret, struct err *e);

#endif
