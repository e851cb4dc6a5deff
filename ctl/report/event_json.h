/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EVENT_JSON_H
#define EVENT_JSON_H
/* Events as JSON: the same object in events.ndjson and in journal.json. */
#include "event.h"
#include <jansson.h>

json_t *event_to_json(const struct event *v); /* new reference */
/* A string that may hold anything: bytes that are not UTF-8 become '?'. */
json_t *json_text(const char *s);
/* Into an object or a list, which takes the reference over; no memory: abort. */
void json_put(json_t *j, const char *key, json_t *value);
void json_append(json_t *list, json_t *value);

#endif
