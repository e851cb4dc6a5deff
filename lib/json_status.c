/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent says of itself, its drills and their faults, as JSON.  Zero stamps and
 * unset errors are left out: absent means "not yet".
 */
#include "err.h"
#include "json_field.h"
#include "spec_json.h"
#include "status.h"
#include <errno.h>
#include <string.h>

/* Which member of which struct a key is; the same rows write and read. */
enum field_type { FIELD_TEXT, FIELD_U64, FIELD_U32, FIELD_PID, FIELD_FLAG };

struct field {
	const char *key;
	enum field_type type;
	size_t offset, size;
};

#define FIELD(s, key, type, member)                                      \
 {                                                                       \
  key, type, offsetof(struct s, member), sizeof(((struct s *)0)->member) \
 }

static const struct field fault_fields[] = {
	FIELD(fault_status, "id", FIELD_TEXT, id),
	FIELD(fault_status, "kind", FIELD_TEXT, kind),
	FIELD(fault_status, "name", FIELD_TEXT, name),
	FIELD(fault_status, "summary", FIELD_TEXT, summary),
	FIELD(fault_status, "note", FIELD_TEXT, note),
	FIELD(fault_status, "lost", FIELD_FLAG, lost),
	FIELD(fault_status, "dirty", FIELD_FLAG, dirty),
	FIELD(fault_status, "no_effect", FIELD_FLAG, no_effect),
	FIELD(fault_status, "holder_pid", FIELD_PID, holder_pid),
	FIELD(fault_status, "at_us", FIELD_U64, at),
	FIELD(fault_status, "until_us", FIELD_U64, until),
	FIELD(fault_status, "staged_us", FIELD_U64, staged),
	FIELD(fault_status, "active_us", FIELD_U64, active),
	FIELD(fault_status, "told_us", FIELD_U64, told),
	FIELD(fault_status, "disarmed_us", FIELD_U64, disarmed),
	FIELD(fault_status, "undone_us", FIELD_U64, undone),
	FIELD(fault_status, "clean_us", FIELD_U64, clean),
	FIELD(fault_status, "effect", FIELD_U64, effect),
	FIELD(fault_status, "effect_unit", FIELD_TEXT, effect_unit),
	{ 0 },
};

static const struct field drill_fields[] = {
	FIELD(drill_status, "drill", FIELD_TEXT, drill),
	FIELD(drill_status, "name", FIELD_TEXT, name),
	FIELD(drill_status, "who", FIELD_TEXT, who),
	FIELD(drill_status, "reason", FIELD_TEXT, reason),
	FIELD(drill_status, "uid", FIELD_U32, uid),
	FIELD(drill_status, "fault_count", FIELD_U32, fault_count),
	FIELD(drill_status, "fired", FIELD_FLAG, fired),
	FIELD(drill_status, "ended", FIELD_FLAG, ended),
	FIELD(drill_status, "rehearse", FIELD_FLAG, rehearse),
	FIELD(drill_status, "lease_ms", FIELD_U32, lease_ms),
	FIELD(drill_status, "armed_us", FIELD_U64, armed_at),
	FIELD(drill_status, "fired_us", FIELD_U64, fired_at),
	FIELD(drill_status, "lease_until_us", FIELD_U64, lease_until),
	FIELD(drill_status, "ends_us", FIELD_U64, ends_at),
	FIELD(drill_status, "undo_told_us", FIELD_U64, undo_told),
	{ 0 },
};

static const struct field agent_fields[] = {
	FIELD(agent_status, "version", FIELD_TEXT, version),
	FIELD(agent_status, "instance", FIELD_TEXT, instance),
	FIELD(agent_status, "pid", FIELD_PID, pid),
	FIELD(agent_status, "halted", FIELD_FLAG, halted),
	FIELD(agent_status, "ephemeral", FIELD_FLAG, ephemeral),
	FIELD(agent_status, "now_us", FIELD_U64, now),
	FIELD(agent_status, "started_us", FIELD_U64, started),
	FIELD(agent_status, "slow_turns", FIELD_U64, slow_turns),
	FIELD(agent_status, "records", FIELD_U32, records),
	FIELD(agent_status, "boot_id", FIELD_TEXT, boot_id),
	FIELD(agent_status, "node", FIELD_TEXT, node),
	FIELD(agent_status, "netns", FIELD_U64, netns),
	FIELD(agent_status, "wall_us", FIELD_U64, wall),
	{ 0 },
};

static uint64_t
number_at(const char *at, size_t size)
{
	uint64_t u64;
	uint32_t u32;

	if (size == sizeof(u64)) {
		memcpy(&u64, at, sizeof(u64));
		return u64;
	}
	memcpy(&u32, at, sizeof(u32));
	return u32;
}

static json_t *
fields_to_json(const struct field *fields, const void *from)
{
	json_t *j = json_object();

	for (const struct field *f = fields; f->key != NULL; f++) {
		const char *at = (const char *)from + f->offset;
		size_t len = strlen(f->key);
		bool is_stamp = len > 3 && strcmp(f->key + len - 3, "_us") == 0;

		if (f->type == FIELD_TEXT)
			json_put_text(j, f->key, at);
		else if (f->type == FIELD_FLAG)
			json_put_flag(j, f->key, *at != 0);
		else if (!is_stamp || number_at(at, f->size) != 0)
			json_put_num(j, f->key, number_at(at, f->size));
	}
	return j;
}

static int
field_from_json(const json_t *j, const struct field *f, char *to, struct err *e)
{
	switch (f->type) {
	case FIELD_TEXT:
		return json_get_text(j, f->key, to, f->size, e);
	case FIELD_U64:
		return json_get_u64(j, f->key, (uint64_t *)(void *)to, e);
	case FIELD_U32:
		return json_get_u32(j, f->key, (uint32_t *)(void *)to, e);
	case FIELD_PID:
		return json_get_pid(j, f->key, (int32_t *)(void *)to, e);
	case FIELD_FLAG:
		return json_get_flag(j, f->key, (uint8_t *)to, e);
	}
	return -EINVAL;
}

static int
fields_from_json(const json_t *j, const struct field *fields, void *to, struct err *e)
{
	int r = json_want_object(j, "the answer", e);

	for (const struct field *f = fields; r == 0 && f->key != NULL; f++)
		r = field_from_json(j, f, (char *)to + f->offset, e);
	return r;
}

static json_t *
lines_to_json(const char *lines)
{
	json_t *list = json_array();
	size_t len;

	for (; lines != NULL && *lines != '\0'; lines += len + (lines[len] == '\n')) {
		len = strcspn(lines, "\n");
		json_t *line = json_stringn(lines, len);

		(void)json_array_append_new(list, line != NULL ? line : json_string("?"));
	}
	return list;
}

json_t *
fault_status_to_json(const struct fault_status *f, const char *ops)
{
	json_t *j = fields_to_json(fault_fields, f);

	json_put_text(j, "state", fault_state_name(f->state));
	json_put_text(j, "outcome", outcome_name(f->outcome));
	if (f->err.code != 0)
		(void)json_object_update_new(j, err_to_json(&f->err));
	if (ops != NULL)
		(void)json_object_set_new(j, "ops", lines_to_json(ops));
	return j;
}

int
fault_status_from_json(const json_t *j, struct fault_status *ret, struct err *e)
{
	struct fault_status f = { 0 };
	char state[16] = "", outcome[16] = "done";
	int r = fields_from_json(j, fault_fields, &f, e);

	if (r == 0)
		r = json_get_text(j, "state", state, sizeof(state), e);
	if (r == 0)
		r = json_get_text(j, "outcome", outcome, sizeof(outcome), e);
	if (r < 0)
		return r;
	if (fault_state_parse(state, &f.state) < 0 ||
	    outcome_parse(outcome, &f.outcome) < 0)
		return err_invalid(e, "'state' or 'outcome' of a fault is not one");
	(void)err_from_json(j, &f.err); /* absent: there was none */
	*ret = f;
	return 0;
}

json_t *
drill_status_to_json(const struct drill_status *d)
{
	json_t *j = fields_to_json(drill_fields, d);

	json_put_text(j, "cause", undo_cause_name(d->cause));
	if (d->uid == UID_REMOTE) {
		(void)json_object_del(j, "uid");
		json_put_flag(j, "remote", true);
	}
	return j;
}

int
drill_status_from_json(const json_t *j, struct drill_status *ret, struct err *e)
{
	struct drill_status d = { 0 };
	char cause[24] = "";
	enum undo_cause parsed = UNDO_NOT_YET;
	uint8_t is_remote = 0;
	int r = fields_from_json(j, drill_fields, &d, e);

	if (r == 0)
		r = json_get_text(j, "cause", cause, sizeof(cause), e);
	if (r == 0)
		r = json_get_flag(j, "remote", &is_remote, e);
	if (r < 0)
		return r;
	if (cause[0] != '\0' && undo_cause_parse(cause, &parsed) < 0)
		return err_invalid(e, "'cause' of a drill is not one");
	d.cause = (uint8_t)parsed;
	d.uid = is_remote ? UID_REMOTE : d.uid;
	*ret = d;
	return 0;
}

json_t *
agent_status_to_json(const struct agent_status *a)
{
	json_t *j = fields_to_json(agent_fields, a);

	json_put_num(j, "drill_count", a->drill_count);
	return j;
}

int
agent_status_from_json(const json_t *j, struct agent_status *ret, struct err *e)
{
	struct agent_status a = { 0 };
	int64_t drills = 0;
	int r = fields_from_json(j, agent_fields, &a, e);

	if (r == 0)
		r = json_get_num(j, "drill_count", UINT16_MAX, &drills, e);
	if (r < 0)
		return r;
	a.drill_count = (uint16_t)drills;
	*ret = a;
	return 0;
}
