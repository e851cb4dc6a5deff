/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EVENT_JSON_H
#define EVENT_JSON_H
/* Events as JSON: the same object in events.ndjson and in journal.json. */
#include "event.h"
#include <jansson.h>

json_t *event_to_json(const struct event *v); /* new reference */
/* A string that may hold anything: bytes that are not UTF-8 become '?'. */
json_t *json_text(const char *s);

#endif
