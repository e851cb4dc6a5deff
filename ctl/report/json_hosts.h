/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_HOSTS_H
#define JSON_HOSTS_H
/* The parts of journal.json that are about hosts. */
#include "report.h"
#include <jansson.h>

/* [{"name", "text", "matched", "hosts": ["db1", …]}, …] */
json_t *journal_targets(const struct report_input *in);
/* [{"name", "agent", "round_trip_us", "fired_at_us", "undo": {…}, "errors": […]}, …]: of
 * the hosts that have a name, all but this one when it is alone. */
json_t *journal_hosts(const struct report_input *in);

#endif
