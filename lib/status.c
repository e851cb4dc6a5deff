/* SPDX-License-Identifier: Apache-2.0 */
/* The written names of states and causes: in JSON, in messages, in the man pages. */
#include "status.h"
#include "cleanup.h"
#include "parse.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[FAULT_STATES] = {
	[FAULT_ARMED] = "armed",
	[FAULT_RECORDED] = "recorded",
	[FAULT_STAGED] = "staged",
	[FAULT_ACTIVE] = "active",
	[FAULT_DISARMED] = "disarmed",
	[FAULT_GONE] = "gone",
	[FAULT_STUCK] = "stuck",
};

static const char *const cause_names[UNDO_CAUSES] = {
	[UNDO_NOT_YET] = "not-yet",
	[UNDO_END] = "end",
	[UNDO_ASKED] = "asked",
	[UNDO_BREACH] = "breach",
	[UNDO_LEASE] = "lease",
	[UNDO_UNCONFIRMED] = "unconfirmed",
	[UNDO_HALT] = "halt",
	[UNDO_ERROR] = "error",
	[UNDO_FRONT] = "front",
	[UNDO_SHUTDOWN] = "shutdown",
};

/* The index of name, or -EINVAL. */
static int
name_index(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	}
	return -EINVAL;
}

const char *
fault_state_name(enum fault_state s)
{
	return (unsigned)s < FAULT_STATES ? state_names[s] : "?";
}

int
fault_state_parse(const char *name, enum fault_state *ret)
{
	int i = name_index(name, state_names, ARRAY_LEN(state_names));

	if (i < 0)
		return i;
	*ret = (enum fault_state)i;
	return 0;
}

const char *
undo_cause_name(enum undo_cause c)
{
	return (unsigned)c < UNDO_CAUSES ? cause_names[c] : "?";
}

int
undo_cause_parse(const char *name, enum undo_cause *ret)
{
	int i = name_index(name, cause_names, ARRAY_LEN(cause_names));

	if (i < 0)
		return i;
	*ret = (enum undo_cause)i;
	return 0;
}

const char *
format_uid(uint32_t uid, char *buf, size_t size)
{
	if (uid == UID_REMOTE)
		(void)snprintf(buf, size, "by certificate");
	else
		(void)snprintf(buf, size, "uid %u", uid);
	return buf;
}

/* How much of it is left of " × 1000"; 0: it does not end so. */
static int
scaled_length(const char *unit)
{
	static const char scaled[] = " × 1000";
	const size_t len = strlen(unit), tail = strlen(scaled);

	return len > tail && strcmp(unit + len - tail, scaled) == 0 ? (int)(len - tail) :
								      0;
}

const char *
format_effect(uint64_t effect, const char *unit, char *buf, size_t size)
{
	const int length = scaled_length(unit);
	char amount[32];

	if (length > 0)
		(void)snprintf(buf, size, "%" PRIu64 ".%02" PRIu64 " %.*s", effect / 1000,
		    effect % 1000 / 10, length, unit);
	else if (strcmp(unit, "bytes") == 0)
		(void)snprintf(
		    buf, size, "%s", format_size(effect, amount, sizeof(amount)));
	else
		(void)snprintf(buf, size, "%" PRIu64 " %s", effect,
		    effect == 1 ? format_one_of(unit, amount, sizeof(amount)) : unit);
	return buf;
}

const char *
format_no_effect(const char *unit, char *buf, size_t size)
{
	char none[64];

	if (scaled_length(unit) > 0 || strcmp(unit, "bytes") == 0)
		(void)snprintf(
		    buf, size, "came to %s", format_effect(0, unit, none, sizeof(none)));
	else
		(void)snprintf(buf, size, "met no %s", unit);
	return buf;
}

const char *
format_one_of(const char *unit, char *buf, size_t size)
{
	size_t len = strlen(unit);

	(void)snprintf(buf, size, "%s", unit);
	if (len >= size || len < 4 || unit[len - 1] != 's')
		return buf;
	if (strcmp(unit + len - 3, "ies") == 0) /* queries */
		memcpy(buf + len - 3, "y", 2);
	else if (strcmp(unit + len - 3, "ses") == 0) /* processes */
		buf[len - 2] = '\0';
	else
		buf[len - 1] = '\0';
	return buf;
}
