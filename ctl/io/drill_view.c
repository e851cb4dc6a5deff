/* SPDX-License-Identifier: Apache-2.0 */
/* A drill as an answer's JSON describes it. */
#include "drill_view.h"
#include "err.h"
#include "spec_json.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
drill_view_release(struct drill_view *v)
{
	for (size_t i = 0; i < v->count; i++) {
		free(v->ops[i]);
		v->ops[i] = NULL;
	}
	v->count = 0;
}

/* ["create set …", …] → lines; NULL when there are none. */
static char *
join_ops(const json_t *ops)
{
	char *text = NULL;
	size_t used = 0, len, i;
	const json_t *one;

	json_array_foreach(ops, i, one)
	{
		const char *line = json_string_value(one);
		if (line == NULL)
			continue;
		len = strlen(line);
		text = xrealloc(text, used + len + 2);
		memcpy(text + used, line, len);
		memcpy(text + used + len, "\n", 2);
		used += len + 1;
	}
	return text;
}

int
drill_view_read(const json_t *j, struct drill_view *ret, struct err *e)
{
	const json_t *faults = json_object_get(j, "faults"), *one;
	int rc;
	size_t i;

	if (!json_is_array(faults))
		return 0;
	rc = drill_status_from_json(j, &ret->drill, e);
	if (rc < 0)
		return err_wrap(e, "the agent's answer");
	json_array_foreach(faults, i, one)
	{
		if (i == DRILL_FAULTS_MAX)
			return err_set(e, -EPROTO, "the agent's answer: too many faults");
		rc = fault_status_from_json(one, &ret->fault[i], e);
		if (rc < 0)
			return err_wrap(e, "the agent's answer: fault %zu", i + 1);
		ret->ops[i] = join_ops(json_object_get(one, "ops"));
		ret->count = i + 1;
	}
	return 0;
}
