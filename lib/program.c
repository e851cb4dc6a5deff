/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where our own programs are: beside this one first, so that a build directory and an
 * installed tree never mix.  PATH is not asked: root runs what we found.
 */
#include "err.h"
#include "process.h"
#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
program_path(const char *name, char *ret, unsigned long size, struct err *e)
{
	char self[PATH_MAX], found[PATH_MAX];
	const char *places[] = { self, LIBEXECDIR, SBINDIR };
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[len > 0 ? len : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	for (size_t i = slash != NULL ? 0 : 1; i < 3; i++) {
		int n = snprintf(found, sizeof(found), "%s/%s", places[i], name);
		if (n < 0 || (size_t)n >= sizeof(found) || access(found, X_OK) < 0)
			continue;
		if ((size_t)n >= size)
			return err_set(
			    e, -ENAMETOOLONG, "the path of '%s' is too long", name);
		memcpy(ret, found, (size_t)n + 1);
		return 0;
	}
	return err_set(e, -ENOENT, "program '%s' is neither in %s, %s nor %s", name, self,
	    LIBEXECDIR, SBINDIR);
}
