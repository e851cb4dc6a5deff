/* SPDX-License-Identifier: Apache-2.0 */
/* Users and cgroups, from what they are called to what the kernel knows them by. */
#include "flows_owner.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "cgroup.h"
#include "cleanup.h"
#include "err.h"

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

int
flows_read_cgroup(struct flows *f, int root, const char *path, struct err *e)
{
	size_t len;

	path += strspn(path, "/");
	len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		len--;
	if (len == 0)
		return err_invalid(
		    e, "the root cgroup holds every process: leave cgroup out for that");
	if (len >= sizeof(f->cgroup))
		return err_invalid(
		    e, "a cgroup's path is at most %zu bytes", sizeof(f->cgroup) - 1);
	memcpy(f->cgroup, path, len);
	f->cgroup[len] = '\0';
	if (cgroup_find(root, f->cgroup, &f->cgroup_id, e) < 0)
		return e->code;
	f->cgroup_level = 1;
	for (const char *p = f->cgroup; (p = strchr(p, '/')) != NULL; p += strspn(p, "/"))
		f->cgroup_level++;
	f->has_cgroup = true;
	return 0;
}
