/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REDACT_H
#define REDACT_H
/* Secrets of an experiment never reach an output: events are redacted when they are built,
 * lines are checked once more before they are written. */
#include <stdbool.h>

/* Overwrite every occurrence in place with '*', its length kept. */
void redact(char *text, char *const *secrets);
bool has_secret(const char *text, char *const *secrets);

#endif
