/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELECTOR_H
#define SELECTOR_H
/* The inside of a selector; private to match.c and selection.c. */
#include "spared.h"
#include "wanted.h"

struct spec;
struct protect;

struct selector {
	const struct spec *spec;
	const struct protect *protect;
	int procfs;
	struct spared spared;
	struct wanted wanted;
};

#endif
