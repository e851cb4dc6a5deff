/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults(7) says what the tables say: a section for every kind, in it or in what network
 * faults share every parameter with its choices and its default, and nothing that the
 * tables do not have.
 */
#include "kind.h"
#include "test.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char page[128 * 1024];

static int
read_page(void **state)
{
	FILE *f = fopen("docs/man/stormdrill-faults.7", "r");
	size_t len;

	(void)state;
	if (f == NULL)
		return -1;
	len = fread(page, 1, sizeof(page) - 1, f);
	(void)fclose(f);
	return len > 0 && len < sizeof(page) - 1 ? 0 : -1;
}

/* What stands below a heading, ".Ss net.delay" or ".Sh KINDS", up to the next that is not
 * below it; to be freed. */
static char *
section_of(const char *heading)
{
	char *head = xasprintf("\n%s\n", heading), *section;
	const char *start = strstr(page, head), *next = NULL, *last;

	if (start == NULL)
		fail_msg("no section %s", heading);
	if (heading[2] == 's')
		next = strstr(start + 1, "\n.Ss ");
	last = strstr(start + 1, "\n.Sh ");
	if (next == NULL || (last != NULL && last < next))
		next = last;
	assert_non_null(next);
	section = xstrndup(start, (size_t)(next - start));
	free(head);
	return section;
}

static char *
kind_section(const char *kind)
{
	char *heading = xasprintf(".Ss %s", kind), *section = section_of(heading);

	free(heading);
	return section;
}

static const char *
find_item(const char *section, const char *param)
{
	char *head = xasprintf("\n.It Cm %s\n", param);
	const char *item = strstr(section, head);

	free(head);
	return item;
}

/* Where what the faults of a family share is told. */
static const char *
family_heading(const struct param *p)
{
	return strcmp(p->group, "which processes") == 0 ? ".Sh PROCESS FAULTS" :
							  ".Sh NETWORK FAULTS";
}

/* In the kind's section, or in that of the kind whose own it is, or with what its family
 * shares; *ret_section is to be freed. */
static const char *
item_of(const struct kind *k, const struct param *p, char **ret_section)
{
	char *sections[3] = { kind_section(k->name),
		p->of != NULL ? kind_section(p->of) : xstrdup(""),
		p->group != NULL ? section_of(family_heading(p)) : xstrdup("") };
	const char *item = NULL;
	size_t i = 0;

	while (i < 3 && (item = find_item(sections[i], p->name)) == NULL)
		i++;
	if (item == NULL)
		fail_msg("%s: parameter %s is not on the page", k->name, p->name);
	*ret_section = sections[i];
	for (size_t other = 0; other < 3; other++) {
		if (other != i)
			free(sections[other]);
	}
	return item;
}

static void
want(const char *item, const struct kind *k, const struct param *p, const char *text)
{
	const char *end = strstr(item + 1, "\n.It Cm "), *at = strstr(item, text);

	if (at == NULL || (end != NULL && at > end))
		fail_msg("%s: %s does not say '%s'", k->name, p->name, text);
}

static void
check_param(const struct kind *k, const struct param *p)
{
	char range[80], *def, *section;
	const char *item = item_of(k, p, &section);

	for (const char *const *c = p->choices; c != NULL && *c != NULL; c++)
		want(item, k, p, *c);
	if (p->choices == NULL)
		want(item, k, p, param_range(p, range, sizeof(range)));
	if (p->required)
		want(item, k, p, "Required.");
	if (p->def != NULL) {
		def = xasprintf("The default is\n.Li %s .", p->def);
		want(item, k, p, def);
		free(def);
	}
	free(section);
}

static void
every_kind_and_parameter_is_on_the_page(void **state)
{
	(void)state;
	FOR_EACH_KIND(k) {
		char *section = kind_section((*k)->name);

		for (const struct param *p = (*k)->params; p->name != NULL; p++)
			check_param(*k, p);
		assert_non_null(strstr(section, "\n.Em \"If the agent dies:\""));
		assert_non_null(strstr(section, "\n.Em \"By hand:\""));
		free(section);
	}
}

static bool
some_kind_has(const char *param)
{
	FOR_EACH_KIND(k) {
		if (kind_param(*k, param) != NULL)
			return true;
	}
	return false;
}

/* Parameters of the kind, or with NULL of any. */
static void
check_items(const char *section, const struct kind *k)
{
	for (const char *at = section; (at = strstr(at, "\n.It Cm ")) != NULL;) {
		char *name;

		at += strlen("\n.It Cm ");
		name = xstrndup(at, strcspn(at, "\n"));
		if (k != NULL ? kind_param(k, name) == NULL : !some_kind_has(name))
			fail_msg("%s has no parameter %s",
			    k != NULL ? k->name : "no fault", name);
		free(name);
	}
}

static void
page_has_nothing_the_tables_do_not_have(void **state)
{
	static const char *const families[] = { ".Sh NETWORK FAULTS",
		".Sh PROCESS FAULTS" };

	(void)state;
	FOR_EACH_KIND(k) {
		char *section = kind_section((*k)->name);

		check_items(section, *k);
		free(section);
	}
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		char *shared = section_of(families[i]);

		check_items(shared, NULL);
		free(shared);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_and_parameter_is_on_the_page),
		cmocka_unit_test(page_has_nothing_the_tables_do_not_have),
	};

	return cmocka_run_group_tests(tests, read_page, NULL);
}
