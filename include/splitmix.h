/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPLITMIX_H
#define SPLITMIX_H
/*
 * splitmix64: chance that is the same on every host and release, from any seed.  Changing
 * it changes what recorded seeds mean.
 */
#include <stdint.h>

#define SPLITMIX_STEP UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t
splitmix_next(uint64_t *state)
{
	uint64_t z = (*state += SPLITMIX_STEP);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

#endif
