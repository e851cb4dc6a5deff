/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PATTERN_H
#define PATTERN_H
/*
 * A pattern (PCRE2) that an answer must match.  It runs between two samples, so that its
 * steps and its memory are bounded: one that backtracks for ever must not hold up the
 * judge.
 */
#include <stddef.h>

struct err;
struct pattern;

/* What is wrong with it is said with its place: "missing ) at character 4". */
int pattern_compile(struct pattern **ret, const char *text, struct err *e);
void pattern_free(struct pattern *p); /* NULL is fine */

enum found {
	FOUND,
	FOUND_NOT,
	FOUND_TOO_HARD, /* gave up: too much backtracking */
};
enum found pattern_find(const struct pattern *p, const char *text, size_t len);

#endif
