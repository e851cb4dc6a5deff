/* SPDX-License-Identifier: Apache-2.0 */
/* Short lists that grow by one: headers, secrets, what a name resolved to. */
#include "string_list.h"
#include "xalloc.h"
#include <stdlib.h>

size_t
string_list_count(char *const *list)
{
	size_t count = 0;

	for (; list != NULL && list[count] != NULL;)
		count++;
	return count;
}

void
string_list_add(char ***list, const char *text)
{
	size_t count = string_list_count(*list);

	*list = xrealloc(*list, (count + 2) * sizeof(**list));
	(*list)[count] = xstrdup(text);
	(*list)[count + 1] = NULL;
}

void
string_list_free(char **list)
{
	for (char **at = list; at != NULL && *at != NULL; at++)
		free(*at);
	free(list);
}
