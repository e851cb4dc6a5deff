/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a CA, text to table and back.  No file is opened here.  Strict: a line that
 * is not understood is an error and not skipped, for it may be one that says "revoked".
 */
#include "pki_index.h"
#include "api.h"
#include "err.h"
#include "parse.h"
#include "xalloc.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS      6
#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"

static const char head[] = "# serial kind name role not-after revoked-at\n";

const char *
pki_time(time_t t, char buf[static PKI_TIME_LEN])
{
	struct tm tm;

	if (t == 0 || gmtime_r(&t, &tm) == NULL ||
	    strftime(buf, PKI_TIME_LEN, TIME_FORMAT, &tm) == 0)
		memcpy(buf, "-", 2);
	return buf;
}

static bool
parse_time(const char *s, time_t *ret)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, TIME_FORMAT, &tm);

	if (end == NULL || *end != '\0')
		return false;
	*ret = timegm(&tm);
	return *ret > 0;
}

static bool
is_serial(const char *s)
{
	return strlen(s) == PKI_SERIAL_LEN - 1 &&
	       strspn(s, "0123456789abcdef") == PKI_SERIAL_LEN - 1;
}

static bool
parse_kind(const char *s, enum pki_kind *ret)
{
	for (enum pki_kind k = 0; k < PKI_KINDS; k++) {
		if (strcmp(s, pki_kind_name(k)) == 0) {
			*ret = k;
			return true;
		}
	}
	return false;
}

static bool
parse_entry(char *line, struct pki_entry *ret)
{
	char *field[FIELDS + 1] = { 0 }, *rest = NULL;
	size_t count = 0;

	for (char *f = strtok_r(line, " ", &rest); f != NULL && count <= FIELDS;
	     f = strtok_r(NULL, " ", &rest))
		field[count++] = f;
	if (count != FIELDS || !is_serial(field[0]) ||
	    !parse_kind(field[1], &ret->kind) || parse_name(field[2], NULL) < 0 ||
	    !parse_time(field[4], &ret->not_after))
		return false;
	bool has_role = strcmp(field[3], "-") != 0,
	     is_revoked = strcmp(field[5], "-") != 0;
	if (has_role != (ret->kind == PKI_KIND_OPERATOR) ||
	    (has_role && parse_name(field[3], NULL) < 0) ||
	    (is_revoked && !parse_time(field[5], &ret->revoked_at)))
		return false;
	memcpy(ret->serial, field[0], PKI_SERIAL_LEN);
	(void)snprintf(ret->name, sizeof(ret->name), "%s", field[2]);
	(void)snprintf(ret->role, sizeof(ret->role), "%s", has_role ? field[3] : "");
	return true;
}

int
pki_index_parse(struct pki_index *ret, char *text, struct err *e)
{
	struct pki_index x = { 0 };
	unsigned number = 0;

	for (char *line = text, *end; *line != '\0'; line = end) {
		struct pki_entry entry = { 0 };

		number++;
		end = strchrnul(line, '\n');
		if (*end == '\n')
			*end++ = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (!parse_entry(line, &entry)) {
			pki_index_release(&x);
			return err_set(e, -EBADMSG,
			    "line %u is not 'serial kind name role not-after revoked-at'",
			    number);
		}
		pki_index_add(&x, &entry);
	}
	*ret = x;
	return 0;
}

char *
pki_index_format(const struct pki_index *x)
{
	size_t line_max = sizeof(struct pki_entry) + 64 + 2 * (size_t)PKI_TIME_LEN;
	size_t size = sizeof(head) + x->count * line_max, used = sizeof(head) - 1;
	char *text = xcalloc(1, size), until[PKI_TIME_LEN], revoked[PKI_TIME_LEN];

	memcpy(text, head, used);
	for (size_t i = 0; i < x->count; i++) {
		const struct pki_entry *n = &x->entries[i];

		used += (size_t)snprintf(text + used, size - used, "%s %s %s %s %s %s\n",
		    n->serial, pki_kind_name(n->kind), n->name,
		    n->role[0] != '\0' ? n->role : "-", pki_time(n->not_after, until),
		    pki_time(n->revoked_at, revoked));
	}
	return text;
}

void
pki_index_add(struct pki_index *x, const struct pki_entry *entry)
{
	x->entries = xrealloc(x->entries, (x->count + 1) * sizeof(*x->entries));
	x->entries[x->count++] = *entry;
}

const struct pki_entry *
pki_index_find(const struct pki_index *x, const char *name)
{
	for (size_t i = x->count; i > 0; i--) {
		if (strcmp(x->entries[i - 1].name, name) == 0)
			return &x->entries[i - 1];
	}
	return NULL;
}

void
pki_index_release(struct pki_index *x)
{
	free(x->entries);
	*x = (struct pki_index){ 0 };
}
