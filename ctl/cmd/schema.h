/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_H
#define SCHEMA_H
/*
 * The JSON Schema (draft 7, what editors understand) of an experiment file: what stands
 * around the faults is written out, the faults come from the rows of the kinds.
 */
#include <jansson.h>

json_t *schema_make(void); /* the caller owns it */

#endif
