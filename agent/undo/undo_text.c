/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation ⇄ one line of text: "disarm flush-set name=sd-7b1c09aa-4".  The keys come
 * from the operation's row and stand in its order, each exactly once, so that there is only
 * one way to write an operation and a line that was cut short is never taken for another.
 */
#include "undo_table.h"

#include "cleanup.h"
#include "parse.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_LEN UNDO_LINE_MAX

static const char *const beat_names[] = {
	[BEAT_DISARM] = "disarm",
	[BEAT_SWEEP] = "sweep",
	[BEAT_SHARED] = "shared",
};

enum undo_beat
undo_beat(enum undo_op op)
{
	assert((unsigned)op < UNDO_OPS);
	return undo_table[op].beat;
}

const char *
undo_op_name(enum undo_op op)
{
	assert((unsigned)op < UNDO_OPS);
	return undo_table[op].name;
}

bool
undo_outlives_boot(enum undo_op op)
{
	assert((unsigned)op < UNDO_OPS);
	return undo_table[op].outlives_boot;
}

const char *
undo_by_hand(const struct undo *u, char *buf, size_t size)
{
	assert((unsigned)u->op < UNDO_OPS);
	undo_table[u->op].by_hand(u, buf, size);
	return buf;
}

const char *
undo_describe(const struct undo *u, char *buf, size_t size)
{
	char line[LINE_MAX_LEN], hand[UNDO_HAND_MAX];
	char *text, *name;

	(void)undo_format(u, line, sizeof(line));
	text = strchr(line, ' ') + 1; /* the beat says nothing to a reader */
	text[strcspn(text, "-")] = ' ';
	name = strstr(text, " name=");
	if (name != NULL)
		memmove(name + 1, name + 6, strlen(name + 6) + 1);
	undo_by_hand(u, hand, sizeof(hand));
	(void)snprintf(buf, size, hand[0] != '\0' ? "%s   # %s" : "%s", text, hand);
	return buf;
}

void
undo_add(struct undo_list *l, struct undo u)
{
	assert(l->count < UNDO_LIST_MAX);
	assert(undo_is_valid(&u, NULL));
	l->op[l->count++] = u;
}

/* A line of the text being written: words with a blank between them. */
struct line {
	char text[LINE_MAX_LEN];
	size_t len;
};

static void
put_char(struct line *l, char c)
{
	if (l->len + 1 < sizeof(l->text)) {
		l->text[l->len++] = c;
		l->text[l->len] = '\0';
	}
}

/* What would break the line or the word, as \x and two digits. */
static void
put_escaped(struct line *l, const char *s)
{
	static const char digits[] = "0123456789abcdef";

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c > ' ' && c != 0x7f && c != '\\') {
			put_char(l, *s);
			continue;
		}
		put_char(l, '\\');
		put_char(l, 'x');
		put_char(l, digits[c >> 4]);
		put_char(l, digits[c & 15]);
	}
}

static void
put_pair(struct line *l, const char *key, const char *value)
{
	put_char(l, ' ');
	for (; *key != '\0'; key++)
		put_char(l, *key);
	put_char(l, '=');
	put_escaped(l, value);
}

int
undo_format(const struct undo *u, char *buf, size_t size)
{
	const struct undo_row *row = &undo_table[u->op];
	struct line l = { .len = 0 };
	char num[24];

	l.len = (size_t)snprintf(
	    l.text, sizeof(l.text), "%s %s", beat_names[row->beat], row->name);
	if (row->has_name)
		put_pair(&l, "name", u->name);
	if (row->dev_key != NULL)
		put_pair(&l, row->dev_key, u->dev);
	for (size_t i = 0; i < ARRAY_LEN(u->num) && row->num[i].key != NULL; i++) {
		(void)snprintf(num, sizeof(num), "%" PRId64, u->num[i]);
		put_pair(&l, row->num[i].key, num);
	}
	if (row->has_was)
		put_pair(&l, "was", u->was);
	if (row->has_now)
		put_pair(&l, "now", u->now);
	if (l.len + 1 == sizeof(l.text) || l.len >= size)
		return -E2BIG;
	memcpy(buf, l.text, l.len + 1);
	return (int)l.len;
}

/* Take the next word of *s: 0, or -EINVAL when it is not there, is too long, or a blank
 * stands in the wrong place. */
static int
next_word(const char **s, char *word, size_t size)
{
	size_t len = strcspn(*s, " ");

	if (len == 0 || len >= size)
		return -EINVAL;
	memcpy(word, *s, len);
	word[len] = '\0';
	*s += len;
	if (**s == ' ' && *++*s == '\0')
		return -EINVAL; /* a blank at the end */
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The inverse of put_escaped, and strict: what need not be escaped is not. */
static int
unescape(char *s, struct err *e)
{
	char *to = s;

	for (; *s != '\0'; s++, to++) {
		int high = s[0] == '\\' && s[1] == 'x' ? hex_digit(s[2]) : -1;
		int low = high < 0 ? -1 : hex_digit(s[3]);
		int c = high * 16 + low;

		if (*s != '\\') {
			*to = *s;
			continue;
		}
		if (low < 0 || c == 0 || (c > ' ' && c != 0x7f && c != '\\'))
			return err_invalid(e, "a '\\' that begins nothing");
		*to = (char)c;
		s += 3;
	}
	*to = '\0';
	return 0;
}

/* "key=value" with exactly this key. */
static int
next_value(const char **s, const char *key, char *value, size_t size, struct err *e)
{
	char word[LINE_MAX_LEN];
	size_t len = strlen(key);

	if (next_word(s, word, sizeof(word)) < 0 || strncmp(word, key, len) != 0 ||
	    word[len] != '=')
		return err_invalid(e, "'%s=' is missing", key);
	if (unescape(word + len + 1, e) < 0)
		return e->code;
	if (strlen(word + len + 1) >= size)
		return err_invalid(e, "'%s' is not a %s", word + len + 1, key);
	memcpy(value, word + len + 1, strlen(word + len + 1) + 1);
	return 0;
}

static int
next_num(const char **s, const struct undo_num *row, int64_t *ret, struct err *e)
{
	char value[24];
	int r;

	r = next_value(s, row->key, value, sizeof(value), e);
	if (r < 0)
		return r;
	r = parse_i64(value, ret, e);
	if (r < 0)
		return err_wrap(e, "%s", row->key);
	if (*ret < row->min || *ret > row->max)
		return err_invalid(e, "%s %s is out of range", row->key, value);
	return 0;
}

static int
parse_op(const char **s, enum undo_op *ret, struct err *e)
{
	char beat[16], name[32];

	if (next_word(s, beat, sizeof(beat)) < 0 || next_word(s, name, sizeof(name)) < 0)
		return err_invalid(e, "not an operation");
	for (unsigned op = 0; op < UNDO_OPS; op++) {
		if (strcmp(name, undo_table[op].name) != 0)
			continue;
		if (strcmp(beat, beat_names[undo_table[op].beat]) != 0)
			return err_invalid(e, "'%s' is not a %s operation", name, beat);
		*ret = (enum undo_op)op;
		return 0;
	}
	return err_invalid(e, "'%s' is not an operation", name);
}

static int
parse_fields(const char **s, struct undo *u, struct err *e)
{
	const struct undo_row *row = &undo_table[u->op];
	int r = 0;

	if (row->has_name)
		r = next_value(s, "name", u->name, sizeof(u->name), e);
	if (r == 0 && row->dev_key != NULL)
		r = next_value(s, row->dev_key, u->dev, sizeof(u->dev), e);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(u->num) && row->num[i].key != NULL;
	     i++)
		r = next_num(s, &row->num[i], &u->num[i], e);
	if (r == 0 && row->has_was)
		r = next_value(s, "was", u->was, sizeof(u->was), e);
	if (r == 0 && row->has_now)
		r = next_value(s, "now", u->now, sizeof(u->now), e);
	if (r == 0 && **s != '\0')
		return err_invalid(e, "'%s' does not belong here", *s);
	return r;
}

int
undo_parse(const char *line, const char *fault, struct undo *ret, struct err *e)
{
	struct undo u = { 0 };
	int r;

	r = parse_op(&line, &u.op, e);
	if (r < 0)
		return r;
	if ((fault == NULL) != (undo_table[u.op].beat == BEAT_SHARED))
		return err_invalid(e, "'%s' does not belong here", undo_table[u.op].name);
	r = parse_fields(&line, &u, e);
	if (r < 0)
		return r;
	if (!undo_is_valid(&u, fault)) {
		return err_invalid(e, "%s: '%s' is not of fault %s",
		    undo_table[u.op].name, u.name[0] != '\0' ? u.name : u.dev,
		    fault != NULL ? fault : "sharing");
	}
	*ret = u;
	return 0;
}
