/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GLOB_MATCH_H
#define GLOB_MATCH_H
/*
 * A glob over a command line of any length.  As fnmatch(3), but in time that the product of
 * both lengths bounds: fnmatch tries every way to share a text among many stars.
 */
#include <stdbool.h>
#include <stddef.h>

bool glob_matches(const char *glob, const char *text, size_t len);

#endif
