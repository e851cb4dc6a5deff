/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATUS_TEXT_H
#define STATUS_TEXT_H
/* The answer to a status question, as text. */
#include "clock.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* `options` are those by which a command reaches this agent alone, for what to do next:
 * " --host db1", or "".  false when the answer cannot be read; that was said on stderr. */
bool status_print(const char *name, const char *options, const json_t *answer);
/* "48s": whole seconds above ten, tenths below; returns buf. */
const char *status_span(usec_t t, char *buf, size_t size);

#endif
