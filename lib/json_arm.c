/* SPDX-License-Identifier: Apache-2.0 */
/* The request to arm a drill, and errors, as JSON. */
#include "cleanup.h"
#include "err.h"
#include "json_field.h"
#include "quote.h"
#include "spec_json.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

json_t *
arm_request_to_json(const struct arm_request *r)
{
	json_t *j = json_object(), *faults = json_array();

	json_put_text(j, "drill", r->drill);
	json_put_text(j, "name", r->name);
	json_put_text(j, "who", r->who);
	json_put_text(j, "reason", r->reason);
	json_put_num(j, "lease_ms", r->lease_ms);
	json_put_flag(j, "rehearse", r->rehearse != 0);
	for (size_t i = 0; i < r->count; i++)
		(void)json_array_append_new(faults, spec_to_json(&r->faults[i]));
	(void)json_object_set_new(j, "faults", faults);
	return j;
}

void
arm_request_release(struct arm_request *r)
{
	free(r->faults);
	r->faults = NULL;
	r->count = 0;
}

static int
faults_from_json(const json_t *list, struct arm_request *ret, struct err *e)
{
	size_t count = json_array_size(list);

	if (!json_is_array(list) || count == 0)
		return err_invalid(e, "'faults' is not a list of faults");
	if (count > DRILL_FAULTS_MAX)
		return err_invalid(
		    e, "more than %d faults in one drill", DRILL_FAULTS_MAX);
	ret->faults = xcalloc(count, sizeof(*ret->faults));
	for (ret->count = 0; ret->count < count; ret->count++) {
		if (spec_from_json(json_array_get(list, ret->count),
			&ret->faults[ret->count], e) < 0)
			return err_wrap(e, "fault %zu", ret->count + 1);
	}
	return 0;
}

static int
check_names(const struct arm_request *r, struct err *e)
{
	if (parse_uuid(r->drill, e) < 0)
		return err_wrap(e, "drill");
	if (parse_name(r->name, e) < 0)
		return err_wrap(e, "name");
	if (r->lease_ms < LEASE_MIN_MS || r->lease_ms > LEASE_MAX_MS)
		return err_invalid(
		    e, "lease_ms is not from %d to %d", LEASE_MIN_MS, LEASE_MAX_MS);
	return 0;
}

int
arm_request_from_json(const json_t *j, struct arm_request *ret, struct err *e)
{
	_cleanup_(
	    arm_request_release) struct arm_request a = { .lease_ms = LEASE_DEFAULT_MS };
	int r = json_want_object(j, "the request", e);

	if (r == 0)
		r = json_get_text(j, "drill", a.drill, sizeof(a.drill), e);
	if (r == 0)
		r = json_get_text(j, "name", a.name, sizeof(a.name), e);
	if (r == 0)
		r = json_get_text(j, "who", a.who, sizeof(a.who), e);
	if (r == 0)
		r = json_get_text(j, "reason", a.reason, sizeof(a.reason), e);
	if (r == 0)
		r = json_get_u32(j, "lease_ms", &a.lease_ms, e);
	if (r == 0)
		r = json_get_flag(j, "rehearse", &a.rehearse, e);
	if (r == 0)
		r = check_names(&a, e);
	if (r == 0)
		r = faults_from_json(json_object_get(j, "faults"), &a, e);
	if (r < 0)
		return r;
	*ret = a;
	a = (struct arm_request){ 0 };
	return 0;
}
