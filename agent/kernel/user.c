/* SPDX-License-Identifier: Apache-2.0 */
/* Only the file: a user that no file of this host knows is named by number. */
#include "user.h"
#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include <errno.h>
#include <pwd.h>
#include <string.h>

static int
find_by_name(const char *passwd, const char *name, uint32_t *ret_uid, struct err *e)
{
	_cleanup_fclose_ FILE *f = fopen(passwd, "re");
	const struct passwd *entry;

	if (f == NULL)
		return err_errno(e, "look for user '%s' in %s", name, passwd);
	while ((entry = fgetpwent(f)) != NULL) {
		if (strcmp(entry->pw_name, name) != 0)
			continue;
		*ret_uid = entry->pw_uid;
		return 0;
	}
	return err_set(e, -ENOENT,
	    "no user '%s' in %s; one of a directory service is named by number", name,
	    passwd);
}

int
user_find(const char *passwd, const char *name, uint32_t *ret_uid, struct err *e)
{
	uint64_t number;

	if (parse_u64(name, &number, NULL) < 0)
		return find_by_name(passwd, name, ret_uid, e);
	if (number >= UINT32_MAX)
		return err_invalid(e, "no user can have the number %s", name);
	*ret_uid = (uint32_t)number;
	return 0;
}
