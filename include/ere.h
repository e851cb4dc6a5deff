/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERE_H
#define ERE_H
/*
 * POSIX extended regular expressions that are safe in a root process: what the C library
 * compiles is bounded beforehand, and what it matches costs time in proportion to the
 * text.  Back references, which can take for ever, are not to be had.
 */
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

#define ERE_LEN_MAX  512
#define ERE_TEXT_MAX (16 * 1024) /* bytes of a text that are looked at */

/* An error says at which character and why.  regfree() what is returned. */
int ere_compile(const char *pattern, regex_t *ret, struct err *e);
/* Does it match anywhere in the text? */
bool ere_matches(const regex_t *re, const char *text, size_t len);

#endif
