/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spec as people read it.  What equals its default is left out of the one-line form:
 * the line should say what somebody chose.  Of many networks it names the first, so that
 * what stands behind them is still read.  What does not fit ends in "...".
 */
#include "err.h"
#include "kind.h"
#include "param.h"
#include "spec.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NETS_TOLD = 6 };

/* Append; on overflow the end of the buffer becomes "..." and stays so. */
static __attribute__((format(printf, 4, 5))) void
append(char *buf, size_t size, size_t *used, const char *fmt, ...)
{
	va_list ap;
	int len;

	if (*used + 1 >= size)
		return;
	va_start(ap, fmt);
	len = vsnprintf(buf + *used, size - *used, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	*used += (size_t)len;
	if (*used >= size && size > 4)
		memcpy(buf + size - 4, "...", 4);
}

static bool
is_any(const struct spec *s)
{
	return s->nets_count == 2 && s->nets[0].prefix == 0 && s->nets[1].prefix == 0;
}

/* At most so many; then "+12", for those that are left out. */
static void
format_nets(const struct spec *s, size_t most, char *buf, size_t size)
{
	size_t used = 0, shown = s->nets_count <= most ? s->nets_count : most;
	char net[64];

	if (is_any(s)) {
		append(buf, size, &used, "any");
		return;
	}
	for (size_t i = 0; i < shown; i++)
		append(buf, size, &used, "%s%s", i > 0 ? "," : "",
		    format_net(&s->nets[i], net, sizeof(net)));
	if (s->nets_count > shown)
		append(buf, size, &used, ",+%zu", s->nets_count - shown);
}

static void
format_strings(const struct spec *s, const char *name, char *buf, size_t size)
{
	const char *item;
	size_t used = 0;

	for (size_t i = 0; (item = spec_string(s, name, i)) != NULL; i++)
		append(buf, size, &used, "%s%s", i > 0 ? "," : "", item);
}

const char *
spec_format(const struct spec *s, const char *name, char *buf, size_t size)
{
	const struct kind *k = kind_find(s->kind);
	const struct param *p = k != NULL ? kind_param(k, name) : NULL;

	buf[0] = '\0';
	if (p == NULL || !spec_has(s, name))
		return buf;
	if (p->type == PARAM_NETS)
		format_nets(s, SPEC_NETS_MAX, buf, size);
	else if (param_is_number(p))
		return param_format(p, spec_num(s, name), buf, size);
	else
		format_strings(s, name, buf, size);
	return buf;
}

static bool
is_default(const struct spec *s, const struct param *p)
{
	char text[64];
	int64_t num;

	if (p->def == NULL)
		return false;
	if (!param_is_number(p))
		return strcmp(spec_format(s, p->name, text, sizeof(text)), p->def) == 0;
	return param_parse(p, p->def, &num, NULL) == 0 && num == spec_num(s, p->name);
}

const char *
spec_describe(const struct spec *s, char *buf, size_t size)
{
	const struct kind *k = kind_find(s->kind);
	char value[SPEC_TEXT_MAX];
	size_t used = 0;

	buf[0] = '\0';
	append(buf, size, &used, "%s", s->kind);
	if (k == NULL)
		return buf;
	for (const struct param *p = k->params; p->name != NULL; p++) {
		if (!spec_has(s, p->name) || is_default(s, p))
			continue;
		if (p->type == PARAM_NETS)
			format_nets(s, NETS_TOLD, value, sizeof(value));
		else
			(void)spec_format(s, p->name, value, sizeof(value));
		append(buf, size, &used, " %s=%s", p->name, value);
	}
	return buf;
}
