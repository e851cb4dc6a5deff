/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between whom a fault is, for people: a line that names the sides, and a table of who
 * hears whom with the hosts of one side next to each other, so that a cut is seen as a
 * block.  The table is read off the arguments that every host was given: it shows what
 * will happen, not what the topology is called.
 */
#include "inventory.h"
#include "plan.h"
#include "topology.h"
#include <stdlib.h>
#include <string.h>

#define TABLE_HOSTS_MAX 20
#define NAMES_SHOWN     20
#define COLUMN_MAX      8 /* longer names become numbers */

/* Of many only the first: the targets list them all. */
static void
put_names(
    const struct host *const *h, size_t from, size_t to, const char *between, FILE *f)
{
	for (size_t i = from; i < to && i < from + NAMES_SHOWN; i++)
		(void)fprintf(f, "%s%s", i > from ? between : "", h[i]->name);
	if (to > from + NAMES_SHOWN)
		(void)fprintf(f, "%sand %zu more", between, to - from - NAMES_SHOWN);
}

static void
put_ranks(enum topology t, const struct host *const *h, size_t n, FILE *f)
{
	size_t first = t == TOPOLOGY_BRIDGE ? 1 : 0; /* where the halves begin */
	size_t middle = first + (n - first) / 2;

	(void)fputs("      ", f);
	switch (t) {
	case TOPOLOGY_ISOLATE:
		(void)fprintf(f, "%s | ", h[0]->name);
		put_names(h, 1, n, " ", f);
		break;
	case TOPOLOGY_RING:
		put_names(h, 0, n, " - ", f);
		(void)fprintf(f, " - %s", h[0]->name);
		break;
	default:
		put_names(h, first, middle, " ", f);
		(void)fputs(t == TOPOLOGY_ONE_WAY ? " -x-> " : " | ", f);
		put_names(h, middle, n, " ", f);
		break;
	}
	if (t == TOPOLOGY_BRIDGE)
		(void)fprintf(f, ", and %s between them", h[0]->name);
	(void)fputc('\n', f);
}

/* --- the table ------------------------------------------------------------------------ */

static int
longest(const struct host *const *h, size_t n)
{
	size_t most = 2;

	for (size_t i = 0; i < n; i++)
		most = strlen(h[i]->name) > most ? strlen(h[i]->name) : most;
	return (int)most;
}

/* Columns by name where there is room, else by the number that the rows show. */
static void
put_head(const struct host *const *h, size_t n, int width, FILE *f)
{
	int name = longest(h, n);

	(void)fprintf(f, "      %*s", width == name ? name : name + 3, "");
	for (size_t i = 0; i < n; i++) {
		if (width == name)
			(void)fprintf(f, "  %*s", width, h[i]->name);
		else
			(void)fprintf(f, "  %*zu", width, i + 1);
	}
	(void)fputc('\n', f);
}

static const char *
cell(const struct plan *p, size_t fault, const struct host *to, const struct host *from)
{
	if (to == from)
		return ".";
	return roster_hears(&p->roster, fault, to, from) ? "+" : "x";
}

static void
put_table(
    const struct plan *p, size_t fault, const struct host *const *h, size_t n, FILE *f)
{
	bool is_cut = strcmp(p->x->faults[fault].spec.kind, "net.partition") == 0;
	int name = longest(h, n), width = name <= COLUMN_MAX ? name : 2;

	put_head(h, n, width, f);
	for (size_t row = 0; row < n; row++) {
		(void)fputs("      ", f);
		if (width != name)
			(void)fprintf(f, "%2zu ", row + 1);
		(void)fprintf(f, "%-*s", name, h[row]->name);
		for (size_t column = 0; column < n; column++)
			(void)fprintf(
			    f, "  %*s", width, cell(p, fault, h[row], h[column]));
		(void)fputc('\n', f);
	}
	(void)fprintf(f, "      %s\n",
	    is_cut ? "a row hears a column: + yes, x no" :
		     "what a row gets from a column: + as ever, x with the fault");
}

/* --- against -------------------------------------------------------------------------- */

static void
put_against(const struct plan *p, const struct fault_def *d, FILE *f)
{
	const struct roster_target *near = roster_target(&p->roster, d->target);
	const struct roster_target *far = roster_target(&p->roster, d->against);

	(void)fputs("      ", f);
	if (near != NULL && near->count > 0)
		put_names(near->hosts, 0, near->count, " ", f);
	else
		(void)fputs("the local host", f);
	(void)fputs(" | ", f);
	put_names(far->hosts, 0, far->count, " ", f);
	(void)fputc('\n', f);
}

void
plan_print_sides(const struct plan *p, size_t fault, FILE *f)
{
	const struct fault_def *d = &p->x->faults[fault];
	const struct host **ranks;
	size_t n;

	if (!p->has_roster)
		return;
	if (d->against[0] != '\0')
		put_against(p, d, f);
	if (d->topology == TOPOLOGY_NONE)
		return;
	n = roster_target(&p->roster, d->target)->count;
	ranks = roster_ranks(&p->roster, d);
	put_ranks(d->topology, ranks, n, f);
	if (n <= TABLE_HOSTS_MAX)
		put_table(p, fault, ranks, n, f);
	free(ranks);
}
