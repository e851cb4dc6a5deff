/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event, one line of events.ndjson: {"type", "at_us", "time", "subject", "host",
 * "text", …nums}.  Keys that are empty are left out.  Numbers stand beside the text, so
 * that `jq 'select(.type == "undo") | .clean_us'` is all it takes.
 */
#include "event_json.h"
#include "cleanup.h"
#include "clock.h"
#include "report.h"
#include "xalloc.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *
json_text(const char *s)
{
	json_t *j = json_string(s);

	if (j != NULL)
		return j;
	_cleanup_free_ char *clean = xstrdup(s);
	for (char *c = clean; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(clean);
}

void
json_put(json_t *j, const char *key, json_t *value)
{
	if (value == NULL || json_object_set_new(j, key, value) != 0)
		abort(); /* no memory */
}

void
json_append(json_t *list, json_t *value)
{
	if (value == NULL || json_array_append_new(list, value) != 0)
		abort(); /* no memory */
}

static json_t *
number(double v)
{
	if (isfinite(v) && v == floor(v) && fabs(v) < 9e15)
		return json_integer((json_int_t)v);
	return isfinite(v) ? json_real(v) : json_null();
}

json_t *
event_to_json(const struct event *v)
{
	json_t *j = json_object();
	char wall[32];

	json_put(j, "type", json_string(event_type_name(v->type)));
	json_put(j, "at_us", json_integer((json_int_t)v->at));
	json_put(j, "time", json_string(clock_iso8601(v->wall, wall, sizeof(wall))));
	if (v->subject[0] != '\0')
		json_put(j, "subject", json_text(v->subject));
	if (v->host[0] != '\0')
		json_put(j, "host", json_text(v->host));
	if (v->text[0] != '\0')
		json_put(j, "text", json_text(v->text));
	if (v->unit[0] != '\0')
		json_put(j, "unit", json_text(v->unit));
	if (v->reason[0] != '\0')
		json_put(j, "reason", json_text(v->reason));
	for (size_t i = 0; i < v->num_count; i++)
		json_put(j, v->num[i].key, number(v->num[i].value));
	return j;
}

int
event_to_ndjson(const struct event *v, char *buf, size_t size)
{
	json_t *j = event_to_json(v);
	size_t len = json_dumpb(j, buf, size - 1, JSON_COMPACT | JSON_REAL_PRECISION(9));

	json_decref(j);
	if (len == 0 || len > size - 2)
		return -ENOSPC;
	buf[len] = '\n';
	buf[len + 1] = '\0';
	return (int)len + 1;
}
