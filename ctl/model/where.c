/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a where-expression and asking it about hosts.  Recursive descent, bounded in
 * depth; what comes out is not a tree but its tests and operators in postfix order, so that
 * neither matching nor freeing recurses.
 */
#include "where.h"
#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include "quote.h"
#include "xalloc.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  4096
#define DEPTH_MAX 32
/* Each level leaves at most the left sides of one `or` and one `and` waiting. */
#define STACK_MAX (2 * (DEPTH_MAX + 1) + 1)

enum op_type { OP_HAS, OP_IN, OP_NOT, OP_AND, OP_OR };

struct op {
	enum op_type type;
	char tag[NAME_MAX_LEN]; /* HAS, IN */
	size_t first, count;    /* IN: values */
};

struct value {
	char *text;
	bool is_pattern; /* written without quotes */
};

struct where {
	struct op *ops;
	size_t op_count;
	struct value *values;
	size_t value_count;
};

enum token { T_END, T_WORD, T_QUOTED, T_OPEN, T_CLOSE, T_COMMA, T_IS, T_IS_NOT };

struct parser {
	struct where *w;
	const char *text;
	const char *next; /* behind the token */
	enum token token;
	const char *start; /* of the token */
	size_t len;        /* quotes included */
	unsigned depth;
	struct err *e;
};

static int parse_expression(struct parser *p);

/* In characters, as editors count. */
static void
set_column(const struct parser *p, unsigned *ret)
{
	unsigned n = 1;

	for (const char *s = p->text; s < p->start; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	if (ret != NULL)
		*ret = n;
}

static int
wrong(struct parser *p, const char *what)
{
	return err_invalid(p->e, "%s", what);
}

static bool
is_word_char(char c)
{
	return c != '\0' && !isspace((unsigned char)c) &&
	       strchr("(),=!&|<>~\"'", c) == NULL;
}

static int
take(struct parser *p, enum token token, size_t len)
{
	p->token = token;
	p->len = len;
	p->next = p->start + len;
	return 0;
}

static int
take_quoted(struct parser *p)
{
	const char *end = strchr(p->start + 1, *p->start);

	if (end == NULL)
		return wrong(p, "a quote that is never closed");
	if (end == p->start + 1)
		return wrong(p, "an empty value");
	return take(p, T_QUOTED, (size_t)(end - p->start) + 1);
}

/* What other languages write. */
static int
take_foreign(struct parser *p)
{
	static const struct {
		const char *text, *hint;
	} foreign[] = {
		{ "==", "'==' is no operator: write '='" },
		{ "=~", "'=~' is no operator: write '=', a value may hold * and ?" },
		{ "!~", "'!~' is no operator: write '!=', a value may hold * and ?" },
		{ "~", "'~' is no operator: write '=', a value may hold * and ?" },
		{ "<", "tags are not ordered: use '=', '!=' or 'in'" },
		{ ">", "tags are not ordered: use '=', '!=' or 'in'" },
		{ "&", "write 'and'" },
		{ "|", "write 'or'" },
		{ "!", "write 'not' before a test, or '!=' in one" },
	};

	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		if (strncmp(p->start, foreign[i].text, strlen(foreign[i].text)) == 0)
			return wrong(p, foreign[i].hint);
	}
	return 0;
}

static int
advance(struct parser *p)
{
	static const char punctuation[] = "(),=";
	static const enum token tokens[] = { T_OPEN, T_CLOSE, T_COMMA, T_IS };
	const char *mark;
	size_t len = 0;

	while (isspace((unsigned char)*p->next))
		p->next++;
	p->start = p->next;
	if (*p->start == '\0')
		return take(p, T_END, 0);
	if (*p->start == '"' || *p->start == '\'')
		return take_quoted(p);
	if (strncmp(p->start, "!=", 2) == 0 && p->start[2] != '=')
		return take(p, T_IS_NOT, 2);
	int r = take_foreign(p);
	if (r < 0)
		return r;
	mark = strchr(punctuation, *p->start);
	if (mark != NULL)
		return take(p, tokens[mark - punctuation], 1);
	while (is_word_char(p->start[len]))
		len++;
	return take(p, T_WORD, len);
}

static const char *
next_keyword(const void *ctx, size_t i)
{
	static const char *const keywords[] = { "and", "or", "not", "in", NULL };

	(void)ctx;
	return keywords[i];
}

static bool
is_keyword(const struct parser *p, const char *word)
{
	return p->token == T_WORD && p->len == strlen(word) &&
	       memcmp(p->start, word, p->len) == 0;
}

static bool
is_any_keyword(const struct parser *p)
{
	for (size_t i = 0; next_keyword(NULL, i) != NULL; i++) {
		if (is_keyword(p, next_keyword(NULL, i)))
			return true;
	}
	return false;
}

static int
expected(struct parser *p, const char *what)
{
	_cleanup_free_ char *found = xstrndup(p->start, p->len);
	const char *near = p->token == T_WORD && !is_any_keyword(p) ?
			       nearest(found, next_keyword, NULL) :
			       NULL;

	if (p->token == T_END)
		return err_invalid(p->e, "expected %s, but it ends here", what);
	return err_invalid(p->e, "expected %s, found '%s'%s%s%s", what, quote(found).text,
	    near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
	    near != NULL ? "'?)" : "");
}

static struct op *
add_op(struct where *w, enum op_type type)
{
	w->ops = xrealloc(w->ops, (w->op_count + 1) * sizeof(*w->ops));
	w->ops[w->op_count] = (struct op){ .type = type, .first = w->value_count };
	return &w->ops[w->op_count++];
}

static int
parse_value(struct parser *p, struct op *test)
{
	struct where *w = p->w;
	struct value v = { .is_pattern = p->token == T_WORD };

	if ((p->token != T_WORD && p->token != T_QUOTED) || is_any_keyword(p))
		return expected(p, "a value");
	v.text = p->token == T_WORD ? xstrndup(p->start, p->len) :
				      xstrndup(p->start + 1, p->len - 2);
	w->values = xrealloc(w->values, (w->value_count + 1) * sizeof(*w->values));
	w->values[w->value_count++] = v;
	test->count++;
	return advance(p);
}

/* Behind `in`: (VALUE, …) */
static int
parse_values(struct parser *p, struct op *test)
{
	int r = p->token == T_OPEN ? advance(p) : expected(p, "'(' after 'in'");

	if (r == 0)
		r = parse_value(p, test);
	while (r == 0 && p->token == T_COMMA) {
		r = advance(p);
		if (r == 0)
			r = parse_value(p, test);
	}
	if (r < 0)
		return r;
	return p->token == T_CLOSE ? advance(p) : expected(p, "',' or ')'");
}

static int
take_tag(struct parser *p, char ret[static NAME_MAX_LEN])
{
	struct err e = { 0 };

	if (p->token != T_WORD || is_any_keyword(p))
		return expected(p, "a tag, 'not' or '('");
	_cleanup_free_ char *name = xstrndup(p->start, p->len);
	if (parse_name(name, &e) < 0)
		return wrong(p, e.msg);
	(void)snprintf(ret, NAME_MAX_LEN, "%s", name);
	return advance(p);
}

static int
parse_test(struct parser *p)
{
	char tag[NAME_MAX_LEN];
	bool negated;
	struct op *test;
	int r = take_tag(p, tag);

	if (r < 0)
		return r;
	negated = p->token == T_IS_NOT || is_keyword(p, "not");
	test = add_op(p->w, OP_IN);
	(void)snprintf(test->tag, sizeof(test->tag), "%s", tag);
	if (p->token == T_IS || p->token == T_IS_NOT) {
		r = advance(p);
		if (r == 0)
			r = parse_value(p, test);
	} else if (negated || is_keyword(p, "in")) {
		if (negated)
			r = advance(p);
		if (r == 0)
			r = is_keyword(p, "in") ? advance(p) : expected(p, "'in'");
		if (r == 0)
			r = parse_values(p, test);
	} else {
		test->type = OP_HAS;
	}
	if (r == 0 && negated)
		(void)add_op(p->w, OP_NOT);
	return r;
}

static int
parse_factor(struct parser *p)
{
	bool negated = false;
	int r = 0;

	while (r == 0 && is_keyword(p, "not")) {
		negated = !negated;
		r = advance(p);
	}
	if (r < 0)
		return r;
	if (p->token == T_OPEN) {
		if (++p->depth > DEPTH_MAX)
			return wrong(p, "too many parentheses in each other");
		r = advance(p);
		if (r == 0)
			r = parse_expression(p);
		if (r == 0)
			r = p->token == T_CLOSE ? advance(p) :
						  expected(p, "'and', 'or' or ')'");
		p->depth--;
	} else {
		r = parse_test(p);
	}
	if (r == 0 && negated)
		(void)add_op(p->w, OP_NOT);
	return r;
}

static int
parse_term(struct parser *p)
{
	int r = parse_factor(p);

	while (r == 0 && is_keyword(p, "and")) {
		r = advance(p);
		if (r == 0)
			r = parse_factor(p);
		if (r == 0)
			(void)add_op(p->w, OP_AND);
	}
	return r;
}

static int
parse_expression(struct parser *p)
{
	int r = parse_term(p);

	while (r == 0 && is_keyword(p, "or")) {
		r = advance(p);
		if (r == 0)
			r = parse_term(p);
		if (r == 0)
			(void)add_op(p->w, OP_OR);
	}
	return r;
}

int
where_parse(struct where **ret, const char *text, unsigned *ret_column, struct err *e)
{
	struct parser p = { .text = text, .start = text, .next = text, .e = e };
	int r;

	if (strlen(text) > TEXT_MAX) {
		set_column(&p, ret_column);
		return err_invalid(e, "longer than %d characters", TEXT_MAX);
	}
	p.w = xcalloc(1, sizeof(*p.w));
	r = advance(&p);
	if (r == 0)
		r = parse_expression(&p);
	if (r == 0 && p.token != T_END)
		r = expected(&p, "'and', 'or' or the end");
	if (r == 0)
		*ret = p.w;
	else
		where_free(p.w);
	if (r < 0)
		set_column(&p, ret_column);
	return r;
}

void
where_free(struct where *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->value_count; i++)
		free(w->values[i].text);
	free(w->values);
	free(w->ops);
	free(w);
}

/* * is any characters, ? is one; on a mismatch the last * takes one more. */
static bool
glob(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
test_host(const struct where *w, const struct op *test, const struct host *h)
{
	const char *value = host_tag(h, test->tag);

	if (value == NULL)
		return false;
	if (test->type == OP_HAS)
		return strcmp(value, "false") != 0;
	for (size_t i = 0; i < test->count; i++) {
		const struct value *v = &w->values[test->first + i];

		if (v->is_pattern ? glob(v->text, value) : strcmp(v->text, value) == 0)
			return true;
	}
	return false;
}

bool
where_match(const struct where *w, const struct host *h)
{
	bool stack[STACK_MAX] = { false };
	size_t n = 0;

	for (size_t i = 0; i < w->op_count; i++) {
		const struct op *op = &w->ops[i];

		switch (op->type) {
		case OP_HAS:
		case OP_IN:
			stack[n++] = test_host(w, op, h);
			break;
		case OP_NOT:
			stack[n - 1] = !stack[n - 1];
			break;
		case OP_AND:
			n--;
			stack[n - 1] = stack[n - 1] && stack[n];
			break;
		case OP_OR:
			n--;
			stack[n - 1] = stack[n - 1] || stack[n];
			break;
		}
	}
	return stack[0];
}
