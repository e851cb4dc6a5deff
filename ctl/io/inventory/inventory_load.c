/* SPDX-License-Identifier: Apache-2.0 */
/* Which source it is, and what holds for an inventory of every source. */
#include "cleanup.h"
#include "err.h"
#include "inventory_source.h"
#include "xalloc.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static int
read_source(const char *source, const struct inventory_options *o, struct inventory *v,
    struct err *e)
{
	size_t len = strspn(source, "abcdefghijklmnopqrstuvwxyz");

	if (strncmp(source, "exec:", 5) == 0)
		return inventory_read_exec(source + 5, o, v, e);
	if (strncmp(source, "srv:", 4) == 0)
		return inventory_read_srv(source + 4, v, e);
	if (len > 0 && source[len] == ':' && access(source, F_OK) < 0)
		return err_invalid(e,
		    "'%.*s:' is no kind of inventory: there are FILE, exec:PROGRAM and "
		    "srv:NAME",
		    (int)len, source);
	return inventory_read_file(source, o, v, e);
}

int
inventory_load(const char *source, const struct inventory_options *o,
    struct inventory **ret, struct err *e)
{
	static const struct inventory_options quiet = { 0 };
	struct inventory *v = xcalloc(1, sizeof(*v));
	int r;

	v->source = xstrdup(source);
	r = read_source(source, o != NULL ? o : &quiet, v, e);
	if (r == 0 && v->count == 0)
		r = err_invalid(e, "inventory '%s' has no host in it", source);
	if (r < 0) {
		inventory_free(v);
		return r;
	}
	*ret = v;
	return 0;
}
