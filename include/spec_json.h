/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPEC_JSON_H
#define SPEC_JSON_H
/*
 * The API's JSON and our structs, both ways.  Only stormd-front and stormctl link this: no
 * JSON code is mapped into a root process.  jansson owns the json_t: new references are
 * returned, arguments are borrowed.
 */
#include "spec.h"
#include "status.h"
#include <jansson.h>
#include <stddef.h>

struct err;

/* {"kind", "name", "at_us", "for_us", "params": {"delay": "100ms", "to": ["…"]}} */
json_t *spec_to_json(const struct spec *s);
int spec_from_json(const json_t *j, struct spec *ret, struct err *e);

/* The body of POST /v1/drills. */
struct arm_request {
	char drill[UUID_LEN];
	char name[NAME_MAX_LEN];
	char who[NAME_MAX_LEN];
	char reason[REASON_MAX];
	uint32_t lease_ms;
	uint8_t rehearse; /* prepare and answer with the operations, stage nothing */
	size_t count;
	struct spec *faults; /* count of them; free with arm_request_release */
};
json_t *arm_request_to_json(const struct arm_request *r);
int arm_request_from_json(const json_t *j, struct arm_request *ret, struct err *e);
void arm_request_release(struct arm_request *r);

/* {…, "ops": ["create set …", …]} with `ops` newline-separated, NULL for none */
json_t *fault_status_to_json(const struct fault_status *f, const char *ops);
int fault_status_from_json(const json_t *j, struct fault_status *ret, struct err *e);
json_t *drill_status_to_json(const struct drill_status *d); /* without its "faults" */
int drill_status_from_json(const json_t *j, struct drill_status *ret, struct err *e);
json_t *agent_status_to_json(const struct agent_status *a); /* without its "drills" */
int agent_status_from_json(const json_t *j, struct agent_status *ret, struct err *e);
json_t *err_to_json(const struct err *e);
int err_from_json(const json_t *j, struct err *ret); /* {"error": …}; -ENOMSG if none */

#endif
