/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_HOSTS_H
#define JSON_HOSTS_H
/* The parts of journal.json that are about hosts. */
#include "report.h"
#include <jansson.h>

/* [{"name", "text", "matched", "hosts": ["db1", …]}, …] */
json_t *journal_targets(const struct report_input *in);
/* [{"name", "agent", "round_trip_us", "fired_at_us", "undo": {…}, "errors": […]}, …]: of
 * every host with an agent; this one is "localhost".  Undo holds the six stamps of an abort
 * and what lies between them, in µs after the decision. */
json_t *journal_hosts(const struct report_input *in);

#endif
