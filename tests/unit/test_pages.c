/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults(7) says what the tables say: a section for every kind, in it every parameter with
 * its choices and its default, and nothing that the tables do not have.
 */
#include "kind.h"
#include "test.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char page[64 * 1024];

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

/* The kind's section, to be freed. */
static char *
section_of(const struct kind *k)
{
	char *head = xasprintf("\n.Ss %s\n", k->name), *section;
	const char *start = strstr(page, head), *next, *last;

	if (start == NULL)
		fail_msg("no section for %s", k->name);
	next = strstr(start + 1, "\n.Ss ");
	last = strstr(start + 1, "\n.Sh ");
	if (next == NULL || (last != NULL && last < next))
		next = last;
	assert_non_null(next);
	section = xstrndup(start, (size_t)(next - start));
	free(head);
	return section;
}

static const char *
item_of(const char *section, const struct kind *k, const char *param)
{
	char *head = xasprintf("\n.It Cm %s\n", param);
	const char *item = strstr(section, head);

	if (item == NULL)
		fail_msg("%s: parameter %s is not on the page", k->name, param);
	free(head);
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
check_param(const char *section, const struct kind *k, const struct param *p)
{
	const char *item = item_of(section, k, p->name);
	char range[80], *def;

	for (const char *const *c = p->choices; c != NULL && *c != NULL; c++)
		want(item, k, p, *c);
	if (p->choices == NULL)
		want(item, k, p, param_range(p, range, sizeof(range)));
	if (p->required)
		want(item, k, p, "Required.");
	if (p->def == NULL)
		return;
	def = xasprintf("The default is\n.Li %s .", p->def);
	want(item, k, p, def);
	free(def);
}

static void
every_kind_and_parameter_is_on_the_page(void **state)
{
	(void)state;
	FOR_EACH_KIND(k) {
		char *section = section_of(*k);

		for (const struct param *p = (*k)->params; p->name != NULL; p++)
			check_param(section, *k, p);
		assert_non_null(strstr(section, "\n.Em \"If the agent dies:\""));
		assert_non_null(strstr(section, "\n.Em \"By hand:\""));
		free(section);
	}
}

static void
page_has_nothing_the_tables_do_not_have(void **state)
{
	(void)state;
	FOR_EACH_KIND(k) {
		char *section = section_of(*k);

		for (char *at = section; (at = strstr(at, "\n.It Cm ")) != NULL;) {
			char *name;

			at += strlen("\n.It Cm ");
			name = xstrndup(at, strcspn(at, "\n"));
			if (kind_param(*k, name) == NULL)
				fail_msg("%s has no parameter %s", (*k)->name, name);
			free(name);
		}
		free(section);
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
