/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of struct protect: strings, each with its NUL, ended by an empty one. */
#include "protect.h"
#include <string.h>

bool
protect_names(const char *list, const char *name)
{
	for (; *list != '\0'; list += strlen(list) + 1) {
		if (strcmp(list, name) == 0)
			return true;
	}
	return false;
}
