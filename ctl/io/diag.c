/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing a problem.  Columns count characters, as libyaml does; the caret line repeats
 * the tabs of the line above it, so that it points right whatever a tab is worth.  Lines
 * are shown from the file, which may be anything: control characters become '?'.
 */
#include "diag.h"
#include "cleanup.h"
#include "secret.h"
#include "xalloc.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_SHOWN 100 /* characters of a long line */
#define LINE_LEAD  60  /* of these, at most so many before the place */

static const char *
line_start(const char *text, unsigned line)
{
	for (; line > 1 && text != NULL; line--) {
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
	}
	return text;
}

static bool
is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The line from `skip` characters on; the caret line gets `column` characters of it. */
static void
put_line(FILE *f, const char *line, unsigned skip, bool only_blanks, unsigned most)
{
	unsigned at = 0;

	for (; *line != '\0' && *line != '\n'; line++) {
		if (!is_continuation(*line))
			at++;
		if (at <= skip)
			continue;
		if (at - skip > most)
			return;
		if (*line == '\t')
			(void)fputc('\t', f);
		else if (only_blanks)
			(void)fputs(is_continuation(*line) ? "" : " ", f);
		else
			(void)fputc(
			    (unsigned char)*line < 0x20 || *line == 0x7f ? '?' : *line,
			    f);
	}
	for (; only_blanks && at - skip < most; at++)
		(void)fputc(' ', f);
}

/* A line without its secrets, a '*' for each character: the caret stays where it is. */
static char *
safe_line(const char *line, char **secrets)
{
	char *safe = xstrndup(line, strcspn(line, "\n")), *to = safe;

	for (const char *at = safe; *at != '\0';) {
		size_t len = 0;

		for (char **s = secrets; s != NULL && *s != NULL && len == 0; s++)
			len = secret_at(at, *s);
		if (len == 0) {
			*to++ = *at++;
			continue;
		}
		for (; len > 0; len--, at++)
			if (!is_continuation(*at))
				*to++ = '*';
	}
	*to = '\0';
	return safe;
}

static void
put_place(FILE *f, const struct diag *d, struct place at)
{
	const char *start = line_start(d->text, at.line);
	unsigned skip = at.column > LINE_SHOWN ? at.column - LINE_LEAD : 0;
	_cleanup_free_ char *line = NULL;

	if (start == NULL)
		return;
	line = safe_line(start, d->secrets);
	(void)fprintf(f, "\n%5u | %s", at.line, skip > 0 ? "…" : "");
	put_line(f, line, skip, false, LINE_SHOWN);
	(void)fprintf(f, "\n      | %s", skip > 0 ? " " : "");
	put_line(f, line, skip, true, at.column > 0 ? at.column - 1 - skip : 0);
	(void)fputc('^', f);
}

/* In place: "***" and the rest; a secret shorter than that is shown as its stars. */
static void
hide(char *text, const char *secret)
{
	for (char *at = text; *at != '\0'; at++) {
		size_t len = secret_at(at, secret), stars = len < 3 ? len : 3;

		if (len == 0)
			continue;
		memset(at, '*', stars);
		memmove(at + stars, at + len, strlen(at + len) + 1);
		at += stars - 1;
	}
}

void
diag_error(struct diag *d, struct place at, const char *fmt, ...)
{
	_cleanup_free_ char *shown = NULL;
	size_t size;
	va_list ap;
	FILE *f;

	if (++d->count > DIAG_MAX)
		return;
	f = open_memstream(&shown, &size);
	if (f == NULL)
		return; /* counted all the same: the file does not pass */
	(void)fprintf(f, "%s:", d->path);
	if (at.line > 0)
		(void)fprintf(f, "%u:%u:", at.line, at.column);
	(void)fputs(" error: ", f);
	va_start(ap, fmt);
	(void)vfprintf(f, fmt, ap);
	va_end(ap);
	if (at.line > 0)
		put_place(f, d, at);
	if (d->count == DIAG_MAX)
		(void)fputs("\n(further problems are not shown)", f);
	(void)fclose(f);
	for (char **s = d->secrets; shown != NULL && s != NULL && *s != NULL; s++)
		hide(shown, *s);
	if (shown != NULL && d->say != NULL)
		d->say(d->ctx, shown);
}
