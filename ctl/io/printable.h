/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PRINTABLE_H
#define PRINTABLE_H
/*
 * What another machine says ends up on a terminal: nothing in it may speak to that.
 */
#include <jansson.h>

/* Control characters, and bytes that are no UTF-8, become '?', in place. */
void text_make_printable(char *text);

/* Control characters of every string in it become '?'. */
void json_make_printable(json_t *j);

#endif
