/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REDACT_H
#define REDACT_H
/*
 * Secrets of an experiment never reach an output.  What escapes text (JSON, Markdown) is
 * given what was redacted before: an escaped secret would not be known again.
 */
#include "event.h"
#include <jansson.h>

/* Overwrite every occurrence in place with '*', its length kept; secrets may be NULL. */
void redact(char *text, char *const *secrets);
/* Its texts; its numbers are what was measured. */
void redact_event(struct event *v, char *const *secrets);
/* Every string in it; keys are ours. */
void redact_json(json_t *j, char *const *secrets);

#endif
