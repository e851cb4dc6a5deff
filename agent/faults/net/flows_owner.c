/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups, from what they are called to what the kernel knows them by. */
#include "flows_owner.h"

#include <string.h>

#include "cgroup.h"
#include "err.h"

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
