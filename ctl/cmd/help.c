/* SPDX-License-Identifier: Apache-2.0 */
/* Help, made from the rows: what is printed cannot differ from what is accepted. */
#include "cmd.h"
#include <string.h>

#define COLUMN 26

void
help_overview(FILE *f)
{
	(void)fputs("usage: stormctl COMMAND [ARGUMENT…]\n\n"
		    "Breaks a system on purpose, watches it, and undoes everything.\n\n"
		    "commands:\n",
	    f);
	for (const struct cmd *const *c = cmd_table; *c != NULL; c++)
		(void)fprintf(f, "  %-10s %s\n", (*c)->name, (*c)->summary);
	(void)fputs(
	    "\nstormctl COMMAND --help says more about one; --version prints the version.\n"
	    "stormctl halt stops every drill of this host at once.\n",
	    f);
}

static void
help_option(FILE *f, const struct option_def *o)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "--%s%s%s", o->name,
	    o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
	(void)fprintf(f, "  %-*s %s%s\n", COLUMN, left, o->help,
	    o->repeated ? " (may be repeated)" : "");
}

void
help_command(FILE *f, const struct cmd *c)
{
	static const struct option_def help = { "help", NULL, false, "print this" };

	(void)fprintf(f, "usage: stormctl %s [OPTION…]%s%s\n\n%s\n\noptions:\n", c->name,
	    c->args != NULL ? " " : "", c->args != NULL ? c->args : "", c->help);
	for (const struct option_def *o = c->options; o->name != NULL; o++)
		help_option(f, o);
	help_option(f, &help);
}
