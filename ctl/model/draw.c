/* SPDX-License-Identifier: Apache-2.0 */
/* The hash behind every choice.  Changing it changes what recorded seeds mean. */
#include "draw.h"

#define FNV_PRIME UINT64_C(0x100000001b3)
#define GAMMA     UINT64_C(0x9e3779b97f4a7c15) /* splitmix64's increment */

static uint64_t
mix(uint64_t z)
{
	z += GAMMA;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* With its NUL, so that "ab" "c" and "a" "bc" differ. */
static uint64_t
add(uint64_t h, const char *text)
{
	do
		h = (h ^ (unsigned char)*text) * FNV_PRIME;
	while (*text++ != '\0');
	return h;
}

uint64_t
draw(uint64_t seed, const char *purpose, const char *subject, const char *name)
{
	return mix(add(add(add(mix(seed), purpose), subject), name));
}
