/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that hold between the parameters all network kinds share. */
#include "err.h"
#include "net_params.h"
#include "quote.h"
#include "spec.h"
#include <string.h>

enum { CONTAINER_NAME_MAX = 100 };

/* What the engines allow: it becomes part of no path, but of many messages. */
static int
check_container(const char *name, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-";
	size_t len = strlen(name);

	if (len == 0 || len > CONTAINER_NAME_MAX || strspn(name, letters) != len ||
	    name[0] == '.' || name[0] == '-')
		return err_invalid(e,
		    "container '%s' cannot be the id of one: it is made of letters, "
		    "digits, '_', '.', '+' and '-'",
		    quote(name).text);
	return 0;
}

int
net_check_network(const struct spec *s, struct err *e)
{
	if (!spec_has(s, "container"))
		return 0;
	if (spec_has(s, "pid"))
		return err_invalid(
		    e, "pid and container both say whose network is meant: one of them");
	return check_container(spec_text(s, "container"), e);
}
