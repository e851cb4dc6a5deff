/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOAD_CLASS_H
#define LOAD_CLASS_H
/* The scheduling class and nice value of burners, so that it holds beside everybody. */
#include "load.h"

/* In the holder, before the burners start: what their cgroups (directories, or -1) get as a
 * whole.  As far as this kernel has it. */
void load_class_of_group(const struct load_how *how, int v2_dir, int v1_dir);
/* In a burner. */
int load_class_join(const struct load_how *how, struct err *e);

#endif
