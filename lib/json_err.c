/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as the API carries them: {"error": {"outcome", "code", "message"}}. */
#include "err.h"
#include "json_field.h"
#include "spec_json.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

json_t *
err_to_json(const struct err *e)
{
	json_t *j = json_object(), *error = json_object();

	json_put_text(error, "outcome", outcome_name(e->outcome));
	(void)json_object_set_new(error, "code", json_integer(e->code));
	json_put_text(error, "message", e->msg);
	(void)json_object_set_new(j, "error", error);
	return j;
}

/* A peer's message becomes a line on a terminal: control characters do not. */
static void
copy_message(char *to, size_t size, const char *from)
{
	(void)snprintf(
	    to, size, "%s", from != NULL ? from : "(the error has no message)");
	for (; *to != '\0'; to++) {
		if ((unsigned char)*to < 0x20 || *to == 0x7f)
			*to = ' ';
	}
}

int
err_from_json(const json_t *j, struct err *ret)
{
	const json_t *error = json_object_get(j, "error");
	const char *outcome;

	if (!json_is_object(error))
		return -ENOMSG;
	memset(ret, 0, sizeof(*ret));
	outcome = json_string_value(json_object_get(error, "outcome"));
	if (outcome == NULL || outcome_parse(outcome, &ret->outcome) < 0)
		ret->outcome = OUTCOME_FAILED;
	ret->code = (int)json_integer_value(json_object_get(error, "code"));
	if (ret->code >= 0 || ret->code < -4095)
		ret->code = -EPROTO;
	copy_message(ret->msg, sizeof(ret->msg),
	    json_string_value(json_object_get(error, "message")));
	return 0;
}
