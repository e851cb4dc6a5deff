/* SPDX-License-Identifier: Apache-2.0 */
/* A host of the inventory, as a person types it behind a command that is recommended. */
#include "hosts.h"
#include "xalloc.h"
#include <stdlib.h>
#include <string.h>

char *
hosts_option_text(const char *inventory, const char *name)
{
	const char *env = getenv("STORMDRILL_INVENTORY"), *quote = "";

	if (env != NULL && strcmp(env, inventory) == 0)
		return xasprintf(" --host %s", name);
	if (strpbrk(inventory, " \t*?$&;()<>|\"") != NULL)
		quote = "'";
	return xasprintf(" --inventory %s%s%s --host %s", quote, inventory, quote, name);
}
