/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of `stormctl hosts`: columns as wide as what is in them.  What runs there, and
 * why a host cannot be reached, are sentences and go below, by name.
 */
#include "hosts_table.h"
#include "cleanup.h"
#include "err.h"
#include "spec_json.h"
#include "status_text.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAGS_SHOWN 48 /* characters of all tags */

enum column { HOST, ADDRESS, STATE, VERSION, FAULTS, CLOCK, TAGS, COLUMNS };

static const char *const titles[COLUMNS] = { "HOST", "ADDRESS", "STATE", "VERSION",
	"FAULTS", "CLOCK", "TAGS" };

struct cells {
	char *text[COLUMNS];
};

static char *
address_cell(const struct host *h)
{
	bool is_v6 = strchr(h->address, ':') != NULL;

	return xasprintf(
	    "%s%s%s:%u", is_v6 ? "[" : "", h->address, is_v6 ? "]" : "", h->port);
}

static size_t
running(const struct host_row *r)
{
	const json_t *each;
	size_t i, count = 0;

	json_array_foreach(r->drills, i, each) count +=
	    !json_is_true(json_object_get(each, "ended"));
	return count;
}

static char *
state_cell(const struct host_row *r)
{
	size_t count = running(r);

	if (!r->is_asked)
		return xstrdup("");
	if (!r->is_reached)
		return xstrdup("unreachable");
	if (r->agent.halted)
		return xstrdup("HALTED");
	if (count > 0)
		return xasprintf("%zu drill%s", count, count == 1 ? "" : "s");
	return xstrdup(r->agent.records > 0 ? "RESIDUE" : "ready");
}

/* "all 5, netem", "4 of 5, nfqueue" */
static char *
faults_cell(const struct host_row *r)
{
	size_t all = json_array_size(r->kinds);
	const char *engine = r->engine != NULL ? r->engine : "";
	const char *comma = r->engine != NULL ? ", " : "";

	if (!r->is_reached)
		return xstrdup("");
	if (r->kinds == NULL)
		return xstrdup("not known");
	if (strcmp(engine, "none") == 0)
		engine = "no delay";
	if (r->kinds_done == all)
		return xasprintf("all %zu%s%s", all, comma, engine);
	return xasprintf("%zu of %zu%s%s", r->kinds_done, all, comma, engine);
}

/* Three digits or so: "0.2ms", "12ms", "3600s". */
static void
put_span(usec_t t, char *buf, size_t size)
{
	double ms = (double)t / (double)USEC_PER_MSEC;

	if (ms < 10)
		(void)snprintf(buf, size, "%.1fms", ms);
	else if (ms < 10000)
		(void)snprintf(buf, size, "%.0fms", ms);
	else
		(void)snprintf(buf, size, "%.0fs", ms / 1000);
}

static char *
clock_cell(const struct host_row *r)
{
	char offset[32], error[32];
	usec_t distance = (usec_t)(r->clock < 0 ? -r->clock : r->clock);

	if (!r->is_reached)
		return xstrdup("");
	if (!r->has_clock)
		return xstrdup("not known");
	put_span(distance, offset, sizeof(offset));
	put_span(r->clock_error, error, sizeof(error));
	return xasprintf("%s%s ±%s", r->clock < 0 ? "-" : "+", offset, error);
}

/* "role=db zone=a canary", as an expression would name them. */
static char *
tags_cell(const struct host *h)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		abort(); /* out of memory */
	for (size_t i = 0; i < h->tag_count; i++) {
		const struct tag *t = &h->tags[i];
		bool is_bare = strcmp(t->value, "true") == 0;

		if (ftell(f) > TAGS_SHOWN) {
			(void)fprintf(f, " and %zu more", h->tag_count - i);
			break;
		}
		(void)fprintf(f, "%s%s%s%s", i > 0 ? " " : "", t->name,
		    is_bare ? "" : "=", is_bare ? "" : t->value);
	}
	(void)fclose(f);
	return text;
}

static void
fill(struct cells *c, const struct host_row *r)
{
	const struct host *h = r->asked->host;

	c->text[HOST] = xstrdup(h->name);
	c->text[ADDRESS] = address_cell(h);
	c->text[STATE] = state_cell(r);
	c->text[VERSION] = xstrdup(r->is_reached ? r->agent.version : "");
	c->text[FAULTS] = faults_cell(r);
	c->text[CLOCK] = clock_cell(r);
	c->text[TAGS] = tags_cell(h);
}

/* Characters, as a terminal counts them. */
static size_t
width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Columns that are empty all the way down are left out; the last one needs no blanks. */
static void
print_line(const char *const *text, const size_t *widths)
{
	size_t blanks = 0;

	for (size_t k = 0; k < COLUMNS; k++) {
		if (widths[k] == 0)
			continue;
		if (text[k][0] != '\0') {
			(void)printf("%*s%s", (int)blanks, "", text[k]);
			blanks = 0;
		}
		blanks += widths[k] - width_of(text[k]) + 2;
	}
	(void)putchar('\n');
}

static void
print_drill(const char *host, const json_t *j, usec_t now)
{
	struct drill_status d = { 0 };
	struct err e = { 0 };
	char left[32];

	if (drill_status_from_json(j, &d, &e) < 0 || d.ended)
		return;
	(void)printf("%s: %s by %s", host, d.name, d.who);
	if (d.fired_at == 0)
		(void)printf(", armed");
	else if (d.ends_at > now)
		(void)printf(
		    ", %s left", status_span(d.ends_at - now, left, sizeof(left)));
	(void)printf("\n");
}

static void
print_below(const struct host_row *r)
{
	const char *name = r->asked->name;
	const json_t *each;
	size_t i;

	if (r->is_asked && !r->is_reached)
		(void)printf("%s: %s\n", name, r->err.msg);
	json_array_foreach(r->drills, i, each) print_drill(name, each, r->agent.now);
	if (r->is_reached && r->drills != NULL && running(r) == 0 && r->agent.records > 0)
		(void)printf(
		    "%s: %u faults are on record without a drill; there, as root: "
		    "stormd-undo --all\n",
		    name, r->agent.records);
}

void
hosts_table_print(const struct host_row *rows, size_t count)
{
	struct cells *cells = xcalloc(count, sizeof(*cells));
	size_t widths[COLUMNS] = { 0 };

	for (size_t i = 0; i < count; i++) {
		fill(&cells[i], &rows[i]);
		for (size_t k = 0; k < COLUMNS; k++) {
			size_t width = width_of(cells[i].text[k]);

			widths[k] = width > widths[k] ? width : widths[k];
		}
	}
	for (size_t k = 0; k < COLUMNS; k++) {
		size_t width = width_of(titles[k]);

		if (widths[k] > 0 && width > widths[k])
			widths[k] = width;
	}
	print_line(titles, widths);
	for (size_t i = 0; i < count; i++)
		print_line((const char *const *)cells[i].text, widths);
	for (size_t i = 0; i < count; i++)
		print_below(&rows[i]);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < COLUMNS; k++)
			free(cells[i].text[k]);
	}
	free(cells);
}
