/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosts of a plan, for people: how the targets were chosen and what every host would
 * do.  Hosts of which the same is to be said are said together: thirty equal lists hide
 * the one that differs.
 */
#include "cleanup.h"
#include "inventory.h"
#include "kind.h"
#include "plan.h"
#include "xalloc.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_SHOWN 88
#define NETS_SHOWN     8 /* --json has them all */

/* --- targets -------------------------------------------------------------------------- */

static void
print_pick(const struct target_def *t, FILE *f)
{
	static const char *const words[] = {
		[PICK_ALL] = "all",
		[PICK_COUNT] = "",
		[PICK_PERCENT] = "%",
		[PICK_MINORITY] = "minority",
	};

	if (t->pick == PICK_COUNT || t->pick == PICK_PERCENT)
		(void)fprintf(f, "%u", t->pick_number);
	(void)fputs(words[t->pick], f);
}

/* Names in lines of bounded length. */
struct names {
	FILE *f;
	const char *indent;
	size_t column; /* 0: none yet */
};

static void
put_name(struct names *n, const char *name)
{
	size_t len = strlen(name);

	if (n->column == 0) {
		(void)fputs(n->indent, n->f);
		n->column = strlen(n->indent);
	} else if (n->column + len + 3 > LINE_MAX_SHOWN) {
		(void)fprintf(n->f, ",\n%s", n->indent);
		n->column = strlen(n->indent);
	} else {
		(void)fputs(", ", n->f);
		n->column += 2;
	}
	(void)fputs(name, n->f);
	n->column += len;
}

static void
print_names(const struct roster_target *r, FILE *f)
{
	struct names n = { .f = f, .indent = "      " };

	for (size_t i = 0; i < r->count; i++)
		put_name(&n, r->hosts[i]->name);
	(void)fputc('\n', f);
}

/* As it is written: without an inventory there is no more to say. */
static void
print_as_written(const struct target_def *t, FILE *f)
{
	(void)fprintf(f, "  %s: hosts", t->name);
	if (t->where != NULL)
		(void)fprintf(f, " where %s", t->where);
	for (char **host = t->hosts; host != NULL && *host != NULL; host++)
		(void)fprintf(f, "%s%s", host > t->hosts ? ", " : " ", *host);
	if (t->pick != PICK_ALL) {
		(void)fputs("; pick ", f);
		print_pick(t, f);
	}
	if (t->spread[0] != '\0')
		(void)fprintf(f, ", spread over %s", t->spread);
	(void)fputc('\n', f);
}

static void
print_resolved(const struct plan *p, const struct roster_target *r, FILE *f)
{
	const struct target_def *t = r->target;

	(void)fprintf(f, "  %s: ", t->name);
	if (t->where != NULL)
		(void)fprintf(f, "%zu of %zu hosts match %s", r->matched + r->own,
		    p->inventory->count, t->where);
	else
		(void)fprintf(f, "%zu by name", r->matched + r->own);
	if (r->own > 0)
		(void)fprintf(f, ", %zu of them this machine and left out", r->own);
	if (t->pick != PICK_ALL)
		(void)fprintf(f, "; %zu of %zu picked", r->count, r->matched);
	if (t->pick == PICK_PERCENT || t->pick == PICK_MINORITY) {
		(void)fputs(" (", f);
		print_pick(t, f);
		(void)fputc(')', f);
	}
	if (t->spread[0] != '\0')
		(void)fprintf(f, ", spread over %s", t->spread);
	(void)fputc('\n', f);
	print_names(r, f);
}

static void
print_target(const struct plan *p, size_t i, FILE *f)
{
	const struct target_def *t = &p->x->targets[i];

	if (target_is_local(t))
		(void)fprintf(f, "  %s: the local host\n", t->name);
	else if (p->has_roster && p->roster.targets[i].count > 0)
		print_resolved(p, &p->roster.targets[i], f);
	else
		print_as_written(t, f);
}

static bool
is_drawn(const struct plan *p)
{
	for (size_t i = 0; i < p->x->target_count; i++) {
		if (p->x->targets[i].pick != PICK_ALL)
			return true;
	}
	for (size_t i = 0; i < p->x->fault_count; i++) {
		if (p->x->faults[i].topology != TOPOLOGY_NONE)
			return true;
	}
	return false;
}

void
plan_print_targets(const struct plan *p, FILE *f)
{
	if (p->x->target_count == 0)
		return;
	(void)fputs("\ntargets", f);
	if (p->has_roster && p->inventory != NULL) {
		(void)fprintf(f, ", from the %zu hosts of %s", p->inventory->count,
		    p->inventory->source);
		if (is_drawn(p))
			(void)fprintf(f, "; chosen with --seed %" PRIu64, p->roster.seed);
	}
	(void)fputc('\n', f);
	for (size_t i = 0; i < p->x->target_count; i++)
		print_target(p, i, f);
}

/* --- hosts ---------------------------------------------------------------------------- */

static void
print_own_fault(const struct plan *p, const struct plan_host *h, size_t i, FILE *f)
{
	struct spec s = *h->row->spec[i];
	const char *note, *ops = plan_ops(h, i, &note);
	size_t more = s.nets_count > NETS_SHOWN ? s.nets_count - NETS_SHOWN : 0;
	char text[512], at[32];

	s.nets_count = (uint16_t)(s.nets_count - more);
	(void)fprintf(f, "      at %-5s %s: %s", format_usec(s.at, at, sizeof(at)),
	    p->x->faults[h->row->fault[i]].spec.name,
	    spec_describe(&s, text, sizeof(text)));
	if (more > 0)
		(void)fprintf(f, " (and %zu more addresses)", more);
	(void)fputc('\n', f);
	if (note[0] != '\0')
		(void)fprintf(f, "        %s\n", note);
	if (ops != NULL)
		plan_print_lines(ops, "          ", f);
}

/* All that is to be said of a host but its name. */
static char *
host_text(const struct plan *p, const struct plan_host *h)
{
	size_t order[DRILL_FAULTS_MAX], size;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		abort(); /* out of memory, as in xalloc */
	if (h->asked == ASKED_REFUSED)
		(void)fprintf(f, "      would refuse: %s\n", h->why.msg);
	else if (h->asked == ASKED_NOT)
		(void)fprintf(f, "      not asked: %s\n", h->why.msg);
	plan_by_time(h->row->spec, h->row->count, order);
	for (size_t i = 0; i < h->row->count; i++)
		print_own_fault(p, h, order[i], f);
	(void)fclose(f);
	return text;
}

static const char *
name_of(const struct plan_host *h)
{
	return h->row->host != NULL ? h->row->host->name : "the local host";
}

/* The hosts of which this is to be said, from the i-th on; they are then done with. */
static void
print_equal(const struct plan *p, size_t i, char **texts, FILE *f)
{
	_cleanup_free_ char *text = steal_ptr(&texts[i]);
	struct names n = { .f = f, .indent = "  " };

	put_name(&n, name_of(&p->hosts[i]));
	for (size_t k = i + 1; k < p->roster.count; k++) {
		if (texts[k] == NULL || strcmp(texts[k], text) != 0)
			continue;
		put_name(&n, name_of(&p->hosts[k]));
		free(steal_ptr(&texts[k]));
	}
	(void)fprintf(f, "\n%s", text);
}

static void
print_not_chosen(const struct plan *p, FILE *f)
{
	(void)fprintf(f,
	    "\nwhich hosts is not known (%s):\n"
	    "what each would do is not shown\n",
	    p->why_not.msg);
}

void
plan_print_hosts(const struct plan *p, FILE *f)
{
	char **texts;

	if (!p->has_roster) {
		print_not_chosen(p, f);
		return;
	}
	if (plan_is_here(p)) {
		if (p->hosts[0].asked == ASKED_NOT)
			(void)fprintf(f,
			    "\nno agent was asked (%s):\n"
			    "the exact operations and their inverses are not shown\n",
			    p->hosts[0].why.msg);
		return;
	}
	(void)fprintf(f, "\nhosts, %zu in all\n", p->roster.count);
	texts = xcalloc(p->roster.count, sizeof(*texts));
	for (size_t i = 0; i < p->roster.count; i++)
		texts[i] = host_text(p, &p->hosts[i]);
	for (size_t i = 0; i < p->roster.count; i++) {
		if (texts[i] != NULL)
			print_equal(p, i, texts, f);
	}
	free(texts);
}
