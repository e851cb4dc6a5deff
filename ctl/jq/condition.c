/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows libjq.  A text meets the filter when there is an output and every
 * output is true; `jq -e` looks at the last alone, so that of `.[].healthy` one would count.
 *
 * libjq 1.6 leaves what its embedder does not set uninitialised, calls that without asking,
 * and aborts in `input_line_number` unless inputs come from its own reader: hence a reader
 * that has no inputs, and callbacks that do nothing.
 */
#include "condition.h"
#include <jq.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct condition {
	jq_state *jq;
	jq_util_input_state *inputs;
	struct jq_reply *ret; /* while compiling: where the first error goes */
};

static void
say(struct jq_reply *ret, const char *what, jv why)
{
	if (jv_get_kind(why) != JV_KIND_STRING)
		why = jv_dump_string(why, 0);
	(void)snprintf(
	    ret->why, sizeof(ret->why), "%s: %.200s", what, jv_string_value(why));
	jv_free(why);
}

/* There is no shell here. */
static void
drop_hint(char *why)
{
	static const char hint[] = " (Unix shell quoting issues?)";
	char *at = strstr(why, hint);

	if (at != NULL)
		memmove(at, at + strlen(hint), strlen(at + strlen(hint)) + 1);
}

/* "jq: error: syntax error, … at <top-level>, line 1:\n.a ^ b\njq: 1 compile error": the
 * first line of the first of them. */
static void
on_compile_error(void *ctx, jv msg)
{
	static const char prefix[] = "jq: error: ";
	struct condition *c = ctx;
	const char *text;
	size_t len;

	msg = jq_format_error(msg);
	if (jv_get_kind(msg) == JV_KIND_STRING && c->ret != NULL &&
	    c->ret->why[0] == '\0') {
		text = jv_string_value(msg);
		if (strncmp(text, prefix, strlen(prefix)) == 0)
			text += strlen(prefix);
		len = strcspn(text, "\n");
		while (len > 0 && strchr(": ", text[len - 1]) != NULL)
			len--;
		(void)snprintf(c->ret->why, sizeof(c->ret->why), "%.*s", (int)len, text);
		drop_hint(c->ret->why);
	}
	jv_free(msg);
}

static void
ignore_message(void *ctx, jv msg)
{
	(void)ctx;
	jv_free(msg);
}

/* No directories to look for modules in; where they would be relative to, is nowhere. */
static void
set_paths(jq_state *jq)
{
	jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	jq_set_attr(jq, jv_string("JQ_ORIGIN"), jv_string("/"));
	jq_set_attr(jq, jv_string("PROGRAM_ORIGIN"), jv_string("/"));
}

struct condition *
condition_compile(const char *filter, void (*no_memory)(void *), struct jq_reply *ret)
{
	struct condition *c = calloc(1, sizeof(*c));

	*ret = (struct jq_reply){ 0 };
	if (c == NULL)
		no_memory(NULL);
	c->jq = jq_init();
	if (c->jq == NULL)
		no_memory(NULL);
	c->ret = ret;
	jq_set_nomem_handler(c->jq, no_memory, NULL);
	jq_set_error_cb(c->jq, on_compile_error, c);
	jq_set_debug_cb(c->jq, ignore_message, NULL);
	c->inputs = jq_util_input_init(NULL, NULL);
	jq_set_input_cb(c->jq, jq_util_input_next_input_cb, c->inputs);
	set_paths(c->jq);
	ret->is_true = jq_compile(c->jq, filter) != 0;
	c->ret = NULL;
	if (ret->is_true) {
		ret->why[0] = '\0';
		return c;
	}
	if (ret->why[0] == '\0')
		(void)snprintf(ret->why, sizeof(ret->why), "jq does not say why");
	condition_free(c);
	return NULL;
}

void
condition_free(struct condition *c)
{
	if (c == NULL)
		return;
	jq_teardown(&c->jq);
	jq_util_input_free(&c->inputs);
	free(c);
}

/* One value and nothing behind it; else invalid, with why.  Not jv_parse_sized: when that
 * fails it quotes all of the text. */
static jv
parse(const char *text, size_t len)
{
	struct jv_parser *p = jv_parser_new(0);
	jv first, second;

	jv_parser_set_buf(p, text, (int)len, 0);
	first = jv_parser_next(p);
	if (!jv_is_valid(first)) {
		if (!jv_invalid_has_msg(jv_copy(first)))
			first = jv_invalid_with_msg(jv_string("it is empty"));
		jv_parser_free(p);
		return first;
	}
	second = jv_parser_next(p);
	if (jv_is_valid(second) || jv_invalid_has_msg(jv_copy(second))) {
		jv_free(first);
		first = jv_is_valid(second) ?
			    jv_invalid_with_msg(jv_string("another value follows")) :
			    jv_copy(second);
	}
	jv_free(second);
	jv_parser_free(p);
	return first;
}

/* Takes `out`.  Jq calls everything true but false and null: then `.count` would be met by
 * 0, and nobody would hear of the mistake.  Here it must be true itself. */
static bool
is_true(jv out, struct jq_reply *ret)
{
	const jv_kind kind = jv_get_kind(out);
	const char *word = kind == JV_KIND_FALSE ? "false" : jv_kind_name(kind);
	char number[32];

	if (kind == JV_KIND_NUMBER) {
		(void)snprintf(number, sizeof(number), "%g", jv_number_value(out));
		word = number;
	}
	jv_free(out);
	if (kind == JV_KIND_TRUE)
		return true;
	(void)snprintf(ret->why, sizeof(ret->why), "the jq filter says %s%s", word,
	    kind == JV_KIND_FALSE ? "" : ", not true");
	return false;
}

/* Takes `end`, what came in place of another output. */
static void
judge_end(struct condition *c, jv end, size_t outputs, struct jq_reply *ret)
{
	if (jq_halted(c->jq))
		(void)snprintf(ret->why, sizeof(ret->why), "the jq filter halts");
	else if (jv_invalid_has_msg(jv_copy(end)))
		say(ret, "the jq filter fails", jv_invalid_get_msg(jv_copy(end)));
	else if (outputs == 0)
		(void)snprintf(ret->why, sizeof(ret->why), "the jq filter has no output");
	else
		ret->is_true = 1;
	jv_free(end);
}

void
condition_ask(struct condition *c, const char *text, size_t len, struct jq_reply *ret)
{
	jv input = parse(text, len), out;
	size_t outputs = 0;

	*ret = (struct jq_reply){ 0 };
	if (!jv_is_valid(input)) {
		say(ret, "the body is not JSON", jv_invalid_get_msg(input));
		return;
	}
	jq_start(c->jq, input, 0);
	for (; jv_is_valid(out = jq_next(c->jq)); outputs++)
		if (!is_true(out, ret))
			return; /* the next start forgets the rest */
	judge_end(c, out, outputs, ret);
}
