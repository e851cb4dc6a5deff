/* SPDX-License-Identifier: Apache-2.0 */
/* name:password:id:… — the same first three fields in both files. */
#include "account.h"
#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include <errno.h>
#include <string.h>

/* The third field of the line that starts with `name:`. */
static int
find_id(const char *path, const char *name, uint64_t *ret, struct err *e)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0, len = strlen(name);

	while (f != NULL && getline(&line, &size, f) > 0) {
		char *id, *end;

		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		id = strchr(line + len + 1, ':');
		end = id != NULL ? strchr(id + 1, ':') : NULL;
		if (end == NULL)
			continue;
		*end = '\0';
		return parse_u64(id + 1, ret, e);
	}
	return -ENOENT;
}

static int
find(const char *path, const char *what, const char *name, uint64_t *ret, struct err *e)
{
	if (name[0] >= '0' && name[0] <= '9') {
		if (parse_u64(name, ret, e) != 0)
			return e->code;
	} else if (find_id(path, name, ret, e) != 0) {
		return err_invalid(
		    e, "no %s '%.60s' in %s (others by number)", what, name, path);
	}
	if (*ret > UINT32_MAX - 1)
		return err_invalid(e, "'%.60s' is not a %s", name, what);
	return 0;
}

int
account_uid(const char *name_or_number, uid_t *ret, struct err *e)
{
	uint64_t id;

	if (find("/etc/passwd", "user", name_or_number, &id, e) != 0)
		return e->code;
	*ret = (uid_t)id;
	return 0;
}

int
account_gid(const char *name_or_number, gid_t *ret, struct err *e)
{
	uint64_t id;

	if (find("/etc/group", "group", name_or_number, &id, e) != 0)
		return e->code;
	*ret = (gid_t)id;
	return 0;
}
