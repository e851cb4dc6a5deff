/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl faults`: what can be injected, from the rows of the kinds.  Needs no agent: it
 * says what this version knows; what this host can do is `doctor`'s to say.
 */
#include "cmd.h"
#include "kind.h"
#include "verdict.h"
#include <jansson.h>
#include <string.h>

#define TEXT_WIDTH 78

/* Words of `text` in lines of at most TEXT_WIDTH columns, each indented. */
static void
print_wrapped(const char *text, int indent)
{
	int column = 0;

	while (*text != '\0') {
		size_t blank = strspn(text, " "), len = strcspn(text + blank, " ");

		if (column == 0 || column + (int)(blank + len) > TEXT_WIDTH) {
			(void)printf("%s%*s", column > 0 ? "\n" : "", indent, "");
			column = indent;
			text += blank;
			blank = 0;
		}
		(void)printf("%.*s", (int)(blank + len), text);
		column += (int)(blank + len);
		text += blank + len;
	}
	(void)putchar('\n');
}

static void
list_kinds(void)
{
	FOR_EACH_KIND(k) {
		(void)printf("%-14s %s%s\n", (*k)->name, (*k)->summary,
		    ((*k)->flags & KIND_IRREVERSIBLE) != 0 ? " (cannot be undone)" : "");
	}
	(void)puts("\nstormctl faults KIND shows the parameters of one.");
}

static void
print_choices(const struct param *p)
{
	for (const char *const *c = p->choices; *c != NULL; c++)
		(void)printf("%s%s", c != p->choices ? "|" : "", *c);
}

static void
print_param(const struct param *p)
{
	char range[80];

	(void)printf("  %s  ", p->name);
	if (p->type == PARAM_ENUM)
		print_choices(p);
	else
		(void)printf("%s", param_type_name(p->type));
	(void)param_range(p, range, sizeof(range));
	if (range[0] != '\0')
		(void)printf(", %s", range);
	if (p->required)
		(void)printf(", required");
	if (p->def != NULL)
		(void)printf(", default %s", p->def);
	(void)putchar('\n');
	print_wrapped(p->help, 6);
}

/* Another kind's own that this one takes, too: described there. */
static bool
is_borrowed(const struct kind *k, const struct param *p)
{
	return p->of != NULL && !p->required && strcmp(p->of, k->name) != 0;
}

static const char *
heading(const struct param *p)
{
	bool is_own = p->group == NULL || (p->of != NULL && strcmp(p->group, p->of) == 0);

	return is_own ? "parameters" : p->group;
}

static void
print_params(const struct kind *k)
{
	const char *last = "";

	for (const struct param *p = k->params; p->name != NULL; p++) {
		if (is_borrowed(k, p))
			continue;
		if (strcmp(heading(p), last) != 0)
			(void)printf("\n%s:\n", heading(p));
		last = heading(p);
		print_param(p);
	}
}

/* "  as in net.loss: loss, loss_correlation, …", a paragraph for each such kind. */
static void
print_borrowed(const struct kind *k)
{
	char names[1024] = "";
	const char *last = "";
	size_t used = 0;

	for (const struct param *p = k->params;; p++) {
		bool is_next = p->name != NULL && is_borrowed(k, p);

		if (used > 0 &&
		    (p->name == NULL || (is_next && strcmp(p->of, last) != 0))) {
			print_wrapped(names, 2);
			used = 0;
		}
		if (p->name == NULL)
			return;
		if (!is_next)
			continue;
		if (last[0] == '\0')
			(void)puts("\nin addition:");
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s%s%s",
		    used == 0 ? "as in " : ", ", used == 0 ? p->of : "",
		    used == 0 ? ": " : "", p->name);
		last = p->of;
	}
}

static void
print_kind(const struct kind *k)
{
	(void)printf("%s: %s\n", k->name, k->summary);
	print_params(k);
	print_borrowed(k);
	(void)printf("\nexercises: %s\n", k->teaches);
	if (!kind_takes_for(k))
		(void)puts("\nIt happens once and takes no 'for'.");
	else if (!kind_needs_for(k))
		(void)puts(
		    "\nIt happens once; with a 'for' it is held down for that long.");
	if ((k->flags & KIND_IRREVERSIBLE) != 0)
		(void)puts(
		    "\nIt cannot be undone: a daemon needs a policy that names it.");
	(void)puts("\nif the agent dies:");
	print_wrapped(k->undone_by, 2);
	(void)puts("\nby hand:");
	print_wrapped(k->by_hand, 2);
}

static json_t *
param_to_json(const struct param *p)
{
	char range[80];
	json_t *choices = json_array();

	for (const char *const *c = p->choices; c != NULL && *c != NULL; c++)
		(void)json_array_append_new(choices, json_string(*c));
	return json_pack("{s:s, s:s, s:b, s:s?, s:s, s:o, s:s?, s:s?, s:s}", "name",
	    p->name, "type", param_type_name(p->type), "required", p->required, "default",
	    p->def, "range", param_range(p, range, sizeof(range)), "choices", choices,
	    "group", p->group, "of", p->of, "help", p->help);
}

static json_t *
kind_to_json(const struct kind *k)
{
	json_t *params = json_array();

	for (const struct param *p = k->params; p->name != NULL; p++)
		(void)json_array_append_new(params, param_to_json(p));
	return json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:o}", "kind", k->name,
	    "summary", k->summary, "oneshot", (k->flags & KIND_ONESHOT) != 0,
	    "irreversible", (k->flags & KIND_IRREVERSIBLE) != 0, "exercises", k->teaches,
	    "undone_by", k->undone_by, "by_hand", k->by_hand, "params", params);
}

static void
print_json(json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(j);
}

static int
unknown_kind(const char *name)
{
	const char *near = kind_nearest(name);

	(void)fprintf(stderr, "stormctl faults: unknown fault kind '%s'", name);
	if (near != NULL)
		(void)fprintf(stderr, " (did you mean '%s'?)", near);
	(void)fputc('\n', stderr);
	return VERDICT_USAGE;
}

static int
run(const struct invocation *v)
{
	const struct kind *k = v->argc > 0 ? kind_find(v->argv[0]) : NULL;
	json_t *all;

	if (v->argc > 0 && k == NULL)
		return unknown_kind(v->argv[0]);
	if (!option_has(v, "json")) {
		if (k != NULL)
			print_kind(k);
		else
			list_kinds();
		return 0;
	}
	if (k != NULL) {
		print_json(kind_to_json(k));
		return 0;
	}
	all = json_array();
	FOR_EACH_KIND(each)
		(void)json_array_append_new(all, kind_to_json(*each));
	print_json(all);
	return 0;
}

static const struct option_def options[] = { OPTION_JSON, { 0 } };

const struct cmd cmd_faults = {
	.name = "faults",
	.args = "[KIND]",
	.summary = "list the faults there are, or the parameters of one",
	.args_max = 1,
	.options = options,
	.run = run,
	.help =
	    "Lists every kind of fault; with KIND, its parameters, what it teaches, what\n"
	    "undoes it when the agent dies, and how to undo it by hand.",
};
