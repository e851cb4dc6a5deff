/* SPDX-License-Identifier: Apache-2.0 */
/* Building events and asking them; writing them anywhere is ctl/report's. */
#include "event.h"
#include "status.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[EVENT_TYPES] = {
	[EVENT_DRILL] = "drill",
	[EVENT_TARGET] = "target",
	[EVENT_PHASE] = "phase",
	[EVENT_SELFTEST] = "selftest",
	[EVENT_ARMED] = "armed",
	[EVENT_FIRED] = "fired",
	[EVENT_FAULT] = "fault",
	[EVENT_SAMPLES] = "samples",
	[EVENT_BAD] = "bad",
	[EVENT_DECISION] = "decision",
	[EVENT_UNDO] = "undo",
	[EVENT_PROBE] = "probe",
	[EVENT_TIMING] = "timing",
	[EVENT_LOAD] = "load",
	[EVENT_SHIFT] = "shift",
	[EVENT_SLO] = "slo",
	[EVENT_RECOVERY] = "recovery",
	[EVENT_NOTE] = "note",
	[EVENT_ERROR] = "error",
	[EVENT_VERDICT] = "verdict",
};

const char *
event_type_name(enum event_type t)
{
	return (unsigned)t < EVENT_TYPES ? type_names[t] : "?";
}

int
event_type_parse(const char *name, enum event_type *ret)
{
	for (unsigned t = 0; t < EVENT_TYPES; t++) {
		if (strcmp(type_names[t], name) == 0) {
			*ret = (enum event_type)t;
			return 0;
		}
	}
	return -EINVAL;
}

void
event_init(struct event *v, enum event_type t, usec_t at, usec_t wall,
    const char *subject, const char *fmt, ...)
{
	va_list ap;

	memset(v, 0, sizeof(*v));
	v->type = t;
	v->at = at;
	v->wall = wall;
	if (subject != NULL)
		(void)snprintf(v->subject, sizeof(v->subject), "%s", subject);
	if (fmt == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}

/* A key that is there is replaced: building an event in steps must not make two. */
void
event_num(struct event *v, const char *key, double value)
{
	size_t i;

	for (i = 0; i < v->num_count; i++) {
		if (strcmp(v->num[i].key, key) == 0)
			break;
	}
	if (i == EVENT_NUMS_MAX)
		return;
	if (i == v->num_count)
		(void)snprintf(
		    v->num[v->num_count++].key, sizeof(v->num[0].key), "%s", key);
	v->num[i].value = value;
}

double
event_get(const struct event *v, const char *key, double otherwise)
{
	for (size_t i = 0; i < v->num_count; i++) {
		if (strcmp(v->num[i].key, key) == 0)
			return v->num[i].value;
	}
	return otherwise;
}

bool
event_is_detail(const struct event *v)
{
	if (v->host[0] == '\0')
		return false;
	switch (v->type) {
	case EVENT_TARGET:
	case EVENT_ARMED:
	case EVENT_SELFTEST:
	case EVENT_FIRED:
	case EVENT_UNDO:
		return true;
	case EVENT_FAULT:
		return event_get(v, "state", FAULT_STUCK) < FAULT_STUCK;
	default:
		return false;
	}
}

bool
event_names_host(const struct event *v)
{
	size_t len = strlen(v->host);

	return len == 0 ||
	       (v->subject[0] == '\0' && strncmp(v->text, v->host, len) == 0 &&
		   strchr(" :", v->text[len]) != NULL);
}
