/* SPDX-License-Identifier: Apache-2.0 */
/* Every command there is. */
#include "cmd.h"
#include "parse.h"
#include <string.h>

#define CMD_ROW(name) &cmd_##name,
const struct cmd *const cmd_table[] = { CMD_LIST(CMD_ROW) NULL };
#undef CMD_ROW

const struct cmd *
cmd_find(const char *name)
{
	for (const struct cmd *const *c = cmd_table; *c != NULL; c++) {
		if (strcmp((*c)->name, name) == 0)
			return *c;
	}
	return NULL;
}

static const char *
next_command(const void *ctx, size_t i)
{
	(void)ctx;
	return cmd_table[i] != NULL ? cmd_table[i]->name : NULL;
}

const char *
cmd_nearest(const char *name)
{
	return nearest(name, next_command, NULL);
}
