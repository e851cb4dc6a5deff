/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record ⇄ its text (stormd-records(5)).  The header's lines stand in one fixed order,
 * so the parser is a loop over a table and anything else is an error that names the line.
 * What is formatted is parsed again before it is given out: a promise that nobody could
 * read would be none.  Lines that begin with '#' are for people; those that begin with
 * "# by hand: " can be pasted into a root shell in the order they stand.
 */
#include "record.h"
#include "undo_table.h"

#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAGIC        "stormdrill-record 1"
#define LINE_MAX_LEN UNDO_LINE_MAX

bool
record_outlives_boot(const struct record *r)
{
	for (size_t i = 0; i < r->undo.count; i++) {
		if (undo_outlives_boot(r->undo.op[i].op))
			return true;
	}
	return false;
}

bool
record_is_of_earlier_boot(const struct record *r)
{
	char boot_id[BOOT_ID_LEN];
	struct err e = { 0 };

	return clock_boot_id(boot_id, &e) == 0 && strcmp(r->boot_id, boot_id) != 0;
}

void
record_after_boot(const struct record *r, struct undo_list *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < r->undo.count; i++) {
		if (undo_outlives_boot(r->undo.op[i].op))
			ret->op[ret->count++] = r->undo.op[i];
	}
}

/* --- writing --------------------------------------------------------------------------- */

struct out {
	char *buf;
	size_t size, used;
};

static void __attribute__((format(printf, 2, 3))) put(struct out *o, const char *fmt, ...)
{
	size_t room = o->used < o->size ? o->size - o->used : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room > 0 ? o->buf + o->used : NULL, room, fmt, ap);
	va_end(ap);
	o->used += n > 0 ? (size_t)n : 0;
}

/* In the order in which undo_run would go: beat by beat, newest first. */
static void
put_by_hand(struct out *o, const struct record *r)
{
	char hand[UNDO_HAND_MAX];

	put(o,
	    "# Without stormd-undo: kill -KILL %d, if that is still stormd-fault, and then,\n"
	    "# in network namespace %" PRIu64
	    " (see lsns -t net); what is gone is fine:\n",
	    r->holder.pid, r->netns);
	if (record_outlives_boot(r))
		put(o,
		    "# This record outlives a reboot; what died with the boot is fine.\n");
	for (int beat = BEAT_DISARM; beat <= BEAT_SWEEP; beat++) {
		for (size_t i = r->undo.count; i-- > 0;) {
			const struct undo *u = &r->undo.op[i];

			if (undo_beat(u->op) != (enum undo_beat)beat)
				continue;
			undo_by_hand(u, hand, sizeof(hand));
			if (hand[0] != '\0')
				put(o, "# by hand: %s\n", hand);
		}
	}
}

/* What a user asked for may hold anything; a record is lines. */
static void
put_summary(struct out *o, const char *summary)
{
	put(o, "summary ");
	for (const char *c = summary; *c != '\0'; c++)
		put(o, "%c", (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c);
	put(o, "\n");
}

static void
put_record(struct out *o, const struct record *r)
{
	char line[LINE_MAX_LEN];

	put(o, MAGIC "\n");
	put(o, "fault %s\n", r->fault);
	put(o, "drill %s\n", r->drill);
	put(o, "kind %s\n", r->kind);
	put_summary(o, r->summary);
	put(o, "boot %s\n", r->boot_id);
	put(o, "netns %" PRIu64 "\n", r->netns);
	put(o, "holder %d %" PRIu64 "\n", r->holder.pid, r->holder.start);
	put(o, "deadline %" PRIu64 "\n", r->hard_deadline);
	put_by_hand(o, r);
	for (size_t i = 0; i < r->undo.count; i++) {
		line[0] = '\0';
		(void)undo_format(&r->undo.op[i], line, sizeof(line));
		put(o, "%s\n", line);
	}
	put(o, "end\n");
}

int
record_format(const struct record *r, char *buf, size_t size, struct err *e)
{
	struct out o = { .buf = buf, .size = size };
	struct record again;
	int rc;

	if (r->undo.count > UNDO_LIST_MAX)
		return err_invalid(e, "%zu operations are too many", r->undo.count);
	for (size_t i = 0; i < r->undo.count; i++) {
		if (!undo_is_valid(&r->undo.op[i], r->fault))
			return err_invalid(
			    e, "operation %zu is not one of fault '%s'", i, r->fault);
	}
	put_record(&o, r);
	if (o.used >= size || o.used >= RECORD_TEXT_MAX)
		return err_set(e, -E2BIG, "record of fault %s is too long", r->fault);
	rc = record_parse(buf, &again, e);
	if (rc < 0)
		return err_wrap(e, "record of fault %s cannot be read back", r->fault);
	return (int)o.used;
}

/* --- reading --------------------------------------------------------------------------- */

static int
copy_value(char *to, size_t size, const char *value, struct err *e)
{
	if (strlen(value) >= size)
		return err_invalid(e, "'%.20s…' is too long", value);
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int
read_fault(struct record *r, const char *value, struct err *e)
{
	if (!is_fault_id(value))
		return err_invalid(e, "'%.20s' is not the id of a fault", value);
	return copy_value(r->fault, sizeof(r->fault), value, e);
}

static int
read_drill(struct record *r, const char *value, struct err *e)
{
	int rc = parse_uuid(value, e);

	return rc < 0 ? rc : copy_value(r->drill, sizeof(r->drill), value, e);
}

static int
read_kind(struct record *r, const char *value, struct err *e)
{
	if (strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789._") != strlen(value) ||
	    value[0] == '\0')
		return err_invalid(e, "'%.20s' is not a kind", value);
	return copy_value(r->kind, sizeof(r->kind), value, e);
}

static int
read_summary(struct record *r, const char *value, struct err *e)
{
	return copy_value(r->summary, sizeof(r->summary), value, e);
}

static int
read_boot(struct record *r, const char *value, struct err *e)
{
	int rc = parse_uuid(value, e);

	return rc < 0 ? rc : copy_value(r->boot_id, sizeof(r->boot_id), value, e);
}

static int
read_netns(struct record *r, const char *value, struct err *e)
{
	return parse_u64(value, &r->netns, e);
}

static int
read_holder(struct record *r, const char *value, struct err *e)
{
	size_t len = strcspn(value, " ");
	char pid[16];
	uint64_t n;

	if (len >= sizeof(pid) || value[len] != ' ')
		return err_invalid(e, "'%.40s' is not a pid and a start time", value);
	memcpy(pid, value, len);
	pid[len] = '\0';
	if (parse_u64(pid, &n, e) < 0 ||
	    parse_u64(value + len + 1, &r->holder.start, e) < 0)
		return e->code;
	if (n < 2 || n > INT32_MAX)
		return err_invalid(e, "%s is not a holder's pid", pid);
	r->holder.pid = (pid_t)n;
	return 0;
}

static int
read_deadline(struct record *r, const char *value, struct err *e)
{
	return parse_u64(value, &r->hard_deadline, e);
}

static const struct {
	const char *key;
	int (*read)(struct record *r, const char *value, struct err *e);
} header[] = {
	{ "fault", read_fault },
	{ "drill", read_drill },
	{ "kind", read_kind },
	{ "summary", read_summary },
	{ "boot", read_boot },
	{ "netns", read_netns },
	{ "holder", read_holder },
	{ "deadline", read_deadline },
};

/* Take the next line that is not for people: 1, 0 at the end of the text, or an error. */
static int
next_line(const char **text, unsigned *number, char *line, struct err *e)
{
	size_t len;

	do {
		if (**text == '\0')
			return 0;
		++*number;
		len = strcspn(*text, "\n");
		if ((*text)[len] != '\n')
			return err_invalid(e, "the line is cut short");
		if (len >= LINE_MAX_LEN)
			return err_invalid(e, "the line is too long");
		memcpy(line, *text, len);
		line[len] = '\0';
		*text += len + 1;
	} while (line[0] == '#');
	for (const char *c = line; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_invalid(e, "there is a control character in it");
	}
	return 1;
}

static int
read_header_line(struct record *r, size_t i, const char *line, struct err *e)
{
	size_t len = strlen(header[i].key);

	if (strncmp(line, header[i].key, len) != 0 || line[len] != ' ')
		return err_invalid(e, "'%s' is missing", header[i].key);
	return header[i].read(r, line + len + 1, e);
}

static int
read_op_line(struct record *r, const char *line, struct err *e)
{
	int rc;

	if (r->undo.count == UNDO_LIST_MAX)
		return err_invalid(e, "there are more than %d operations", UNDO_LIST_MAX);
	rc = undo_parse(line, r->fault, &r->undo.op[r->undo.count], e);
	if (rc == 0)
		r->undo.count++;
	return rc;
}

/* The whole text; *number is the line that an error is about. */
static int
read_record(const char *text, struct record *r, unsigned *number, struct err *e)
{
	char line[LINE_MAX_LEN];
	size_t i = 0;
	int rc;

	rc = next_line(&text, number, line, e);
	if (rc <= 0 || strcmp(line, MAGIC) != 0)
		return rc < 0 ? rc : err_invalid(e, "not a '" MAGIC "'");
	while ((rc = next_line(&text, number, line, e)) > 0) {
		if (i == ARRAY_LEN(header) && strcmp(line, "end") == 0)
			return *text == '\0' ? 0 :
					       err_invalid(e, "something follows 'end'");
		rc = i < ARRAY_LEN(header) ? read_header_line(r, i++, line, e) :
					     read_op_line(r, line, e);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : err_invalid(e, "'end' is missing: the record is cut short");
}

int
record_parse(const char *text, struct record *ret, struct err *e)
{
	struct record r = { 0 };
	unsigned number = 0;
	struct err why = { 0 };
	int rc;

	rc = read_record(text, &r, &number, &why);
	if (rc < 0) {
		*e = why;
		return err_wrap(e, "line %u", number);
	}
	*ret = r;
	return 0;
}
