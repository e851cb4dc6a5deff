/* SPDX-License-Identifier: Apache-2.0 */
/* The hash behind every choice.  Changing it changes what recorded seeds mean. */
#include "draw.h"
#include "splitmix.h"

#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t
mix(uint64_t z)
{
	return splitmix_next(&z);
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
