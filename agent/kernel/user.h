/* SPDX-License-Identifier: Apache-2.0 */
#ifndef USER_H
#define USER_H
/* From what a user is called to what the kernel knows it by. */
#include <stdint.h>

struct err;

#define USER_PASSWD "/etc/passwd"

/* A user by number, or by name in the passwd file: -ENOENT when it is not there.  No name
 * service is asked: that would load its code into a root process, and may need the very
 * network that is about to be cut. */
int user_find(const char *passwd, const char *name, uint32_t *ret_uid, struct err *e);

#endif
