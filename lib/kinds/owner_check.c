/* SPDX-License-Identifier: Apache-2.0 */
/* Only the form: whether there is such an owner is for the host to say. */
#include "owner_check.h"
#include "err.h"
#include "quote.h"
#include <string.h>

enum { CONTAINER_NAME_MAX = 100, USER_NAME_MAX = 32, CGROUP_PATH_MAX = 255 };

int
owner_check_user(const char *user, struct err *e)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789._-$";

	if (strlen(user) <= USER_NAME_MAX && strspn(user, allowed) == strlen(user) &&
	    user[0] != '-')
		return 0;
	return err_invalid(
	    e, "user: '%s' is neither a name nor a number", quote(user).text);
}

int
owner_check_cgroup(const char *path, struct err *e)
{
	if (strcmp(path, "/") == 0)
		return err_invalid(
		    e, "cgroup: / is every process: leave it out to mean that");
	if (strncmp(path, "/sys/fs/cgroup/", 15) == 0)
		return err_invalid(e,
		    "cgroup: write the path from the root of the cgroups, such as "
		    "/system.slice/nginx.service");
	if (strlen(path) > CGROUP_PATH_MAX)
		return err_invalid(e, "cgroup: its path is longer than 255 bytes");
	return 0;
}

/* What the engines allow: it becomes part of no path, but of many messages. */
int
owner_check_container(const char *name, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-";
	size_t len = strlen(name);

	if (len == 0 || (len <= CONTAINER_NAME_MAX && strspn(name, letters) == len &&
			    name[0] != '.' && name[0] != '-'))
		return 0;
	return err_invalid(e,
	    "container '%s' cannot be the id of one: it is made of letters, digits, '_', "
	    "'.', '+' and '-'",
	    quote(name).text);
}
