/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STRING_LIST_H
#define STRING_LIST_H
/* A NULL-terminated list of strings that owns them; NULL is the empty one. */
#include <stddef.h>

void string_list_add(char ***list, const char *text); /* a copy of it */
size_t string_list_count(char *const *list);
void string_list_free(char **list);

#endif
