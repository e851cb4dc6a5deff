/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRAW_H
#define DRAW_H
/*
 * Chance that can be repeated.  Each host draws a number of its own, from the seed, what
 * the draw is for and its name; the lowest are chosen.  So neither the order of the
 * inventory nor that of the file matters, and a host that joins or leaves changes no
 * other's number.
 */
#include <stdint.h>

/* FNV-1a over "purpose\0subject\0name", from a start that the seed gives, finished by the
 * mixer of splitmix64. */
uint64_t draw(uint64_t seed, const char *purpose, const char *subject, const char *name);

#endif
