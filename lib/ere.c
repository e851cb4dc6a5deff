/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library repeats what stands before '+' and '{n,m}' by copying it, so that a short
 * pattern of nested ones takes all memory: the copies are counted first.  And it tries a
 * pattern at every character of the text; one that is anchored it tries once, so that
 * "anywhere" is made part of the pattern.
 */
#include "ere.h"
#include "err.h"
#include "quote.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 16, ATOMS_MAX = 600, REPEATS_MAX = 255 };

struct scan {
	const char *pattern, *at;
	size_t atoms[DEPTH_MAX]; /* of each open group */
	size_t depth;
	size_t last; /* atoms of what a repetition would repeat; 0: there is nothing */
};

static int
bad_at(const struct scan *s, const char *at, const char *why, struct err *e)
{
	return err_invalid(e, "'%s' is no regular expression: character %zu: %s",
	    quote(s->pattern).text, (size_t)(at - s->pattern) + 1, why);
}

static int
count(struct scan *s, size_t atoms, struct err *e)
{
	size_t total = 0;

	s->last = atoms;
	s->atoms[s->depth] += atoms;
	for (size_t i = 0; i <= s->depth; i++)
		total += s->atoms[i];
	return total <= ATOMS_MAX ? 0 : bad_at(s, s->at, "it repeats too much by now", e);
}

/* "[^]a[:alpha:]-z]": past it. */
static int
skip_bracket(struct scan *s, struct err *e)
{
	const char *p = s->at + 1;

	p += *p == '^';
	p += *p == ']';
	while (*p != '\0' && *p != ']') {
		const char kind = p[1];
		char end[3] = { kind, ']', '\0' };

		if (*p == '[' && (kind == ':' || kind == '.' || kind == '=')) {
			p = strstr(p + 2, end);
			if (p == NULL)
				break;
			p++;
		}
		p++;
	}
	if (p == NULL || *p == '\0')
		return bad_at(s, s->at, "this '[' is not closed", e);
	s->at = p + 1;
	return count(s, 1, e);
}

static int
skip_escaped(struct scan *s, struct err *e)
{
	if (s->at[1] == '\0')
		return bad_at(s, s->at, "a '\\' at the end", e);
	if (isdigit((unsigned char)s->at[1]))
		return bad_at(
		    s, s->at, "a reference back to a group is not supported", e);
	s->at += 2;
	return count(s, 1, e);
}

static int
open_group(struct scan *s, struct err *e)
{
	if (s->depth + 1 == DEPTH_MAX)
		return bad_at(s, s->at, "too many groups in groups", e);
	s->atoms[++s->depth] = 1;
	s->last = 0;
	s->at++;
	return 0;
}

static int
close_group(struct scan *s, struct err *e)
{
	size_t inner = s->atoms[s->depth];

	if (s->depth == 0)
		return bad_at(s, s->at, "this ')' closes nothing: write \\) for it", e);
	s->depth--;
	s->at++;
	return count(s, inner, e);
}

static size_t
take_repeats(const char **p)
{
	size_t n = 0;

	while (isdigit((unsigned char)**p) && n <= REPEATS_MAX)
		n = n * 10 + (size_t)(*(*p)++ - '0');
	return n;
}

/* "{2}", "{2,}", "{2,5}": how many copies it comes to. */
static int
take_interval(struct scan *s, size_t *ret, struct err *e)
{
	const char *p = s->at + 1;
	size_t least, most;

	if (!isdigit((unsigned char)*p))
		return bad_at(s, s->at,
		    "this '{' begins no {n}, {n,} or {n,m}: write \\{ for it", e);
	least = most = take_repeats(&p);
	if (*p == ',') {
		p++;
		most = isdigit((unsigned char)*p) ? take_repeats(&p) : least + 1;
	}
	if (*p != '}' || most > REPEATS_MAX || most < least)
		return bad_at(s, s->at, "not {n}, {n,} or {n,m} of at most 255", e);
	s->at = p;
	*ret = most > 0 ? most : 1;
	return 0;
}

static int
repeat(struct scan *s, struct err *e)
{
	size_t last = s->last, copies = *s->at == '+' ? 2 : 1;

	if (last == 0)
		return bad_at(s, s->at,
		    *s->at == '*' ? "there is nothing before this '*' to repeat; a glob "
				    "is for cmdline" :
				    "there is nothing before this to repeat",
		    e);
	if (*s->at == '{' && take_interval(s, &copies, e) < 0)
		return e->code;
	if (count(s, last * (copies - 1), e) < 0)
		return e->code;
	s->last = last * copies;
	s->at++;
	return 0;
}

static int
take_one(struct scan *s, struct err *e)
{
	switch (*s->at) {
	case '[':
		return skip_bracket(s, e);
	case '\\':
		return skip_escaped(s, e);
	case '(':
		return open_group(s, e);
	case ')':
		return close_group(s, e);
	case '*':
	case '?':
	case '+':
	case '{':
		return repeat(s, e);
	case '|':
	case '^':
	case '$':
		s->last = 0;
		s->at++;
		return 0;
	default:
		s->at++;
		return count(s, 1, e);
	}
}

static int
check(const char *pattern, struct err *e)
{
	struct scan s = { .pattern = pattern, .at = pattern };

	if (pattern[0] == '\0')
		return err_invalid(e, "an empty regular expression matches everything");
	if (strlen(pattern) > ERE_LEN_MAX)
		return err_invalid(
		    e, "a regular expression has at most %d characters", ERE_LEN_MAX);
	while (*s.at != '\0') {
		if (take_one(&s, e) < 0)
			return e->code;
	}
	return s.depth == 0 ? 0 : bad_at(&s, s.at, "a '(' is not closed", e);
}

int
ere_compile(const char *pattern, regex_t *ret, struct err *e)
{
	char anywhere[ERE_LEN_MAX + 8], why[80];
	int rc;

	if (check(pattern, e) < 0)
		return e->code;
	(void)snprintf(anywhere, sizeof(anywhere), "^.*(%s)", pattern);
	rc = regcomp(ret, anywhere, REG_EXTENDED | REG_NOSUB);
	if (rc == 0)
		return 0;
	(void)regerror(rc, NULL, why, sizeof(why));
	return err_invalid(
	    e, "'%s' is no regular expression: %s", quote(pattern).text, why);
}

bool
ere_matches(const regex_t *re, const char *text, size_t len)
{
	regmatch_t part = { .rm_eo =
				(regoff_t)(len < ERE_TEXT_MAX ? len : ERE_TEXT_MAX) };

	return regexec(re, text, 1, &part, REG_STARTEND) == 0;
}
