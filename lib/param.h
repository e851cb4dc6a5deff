/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARAM_H
#define PARAM_H
/*
 * One value of one parameter: from its written form and back, and within its range.  The
 * list types are taken apart by the caller; here a value is one number or one string.
 */
#include "kind.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Its value lies in arg.num; the others have text, or networks. */
bool param_is_number(const struct param *p);
/* Its text is a list of strings. */
bool param_is_list(const struct param *p);
/* A number from its written form, within range. */
int param_parse(const struct param *p, const char *text, int64_t *ret, struct err *e);
/* Is this number one that param_parse could have returned? */
int param_check_num(const struct param *p, int64_t num, struct err *e);
/* Is this string a value of the parameter, or one item of its list? */
int param_check_text(const struct param *p, const char *text, struct err *e);
/* May this item follow those that are in the list (len bytes, each with its NUL)? */
int param_check_next(
    const struct param *p, const char *list, size_t len, const char *item, struct err *e);
/* Has the list all that it must have? */
int param_check_whole(const struct param *p, const char *list, size_t len, struct err *e);

#endif
