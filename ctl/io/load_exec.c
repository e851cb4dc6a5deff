/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `exec:` of a probe: a program of this host and its arguments.  There is no shell between:
 * what looks as if there were one is refused, and so is a program that cannot be run here,
 * which would otherwise come out when the drill has begun.
 */
#include "err.h"
#include "loader.h"
#include "xalloc.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT (2 * USEC_PER_SEC)
#define ARGS_MAX        256

static void
check_program(struct loader *l, const struct item *i, const char *path)
{
	struct stat st;

	if (path[0] != '/')
		diag_error(&l->diag, i->value->place,
		    "command: '%s' is not an absolute path: PATH is not searched", path);
	else if (stat(path, &st) < 0 || (S_ISREG(st.st_mode) && access(path, X_OK) < 0))
		diag_error(&l->diag, i->value->place,
		    strpbrk(path, " \t") != NULL ?
			"command: cannot run '%s': %s (there is no shell: write a list, "
			"[/bin/program, argument])" :
			"command: cannot run '%s': %s",
		    path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		diag_error(
		    &l->diag, i->value->place, "command: '%s' is not a program", path);
}

static void
add_argument(struct loader *l, const struct item *i, const char *text, void *ctx)
{
	struct exec_probe *x = ctx;
	size_t count = string_list_count(x->argv);

	if (count == 0)
		check_program(l, i, text);
	if (count == ARGS_MAX)
		diag_error(
		    &l->diag, i->value->place, "command: more than %d words", ARGS_MAX);
	if (count < ARGS_MAX)
		string_list_add(&x->argv, text);
}

static void
set_command(struct loader *l, const struct item *i, void *object)
{
	load_each(l, i, add_argument, object);
}

static const struct field exec_fields[] = {
	{ "command", FIELD_OWN, .own = set_command },
	{ "timeout", FIELD_USEC, offsetof(struct exec_probe, timeout), 1000,
	    5 * 60 * USEC_PER_SEC },
	{ 0 },
};

void
load_exec(struct loader *l, const struct item *i, void *object)
{
	struct exec_probe *x = &((struct probe_def *)object)->exec;

	x->timeout = TIMEOUT_DEFAULT;
	load_fields(l, i->value, exec_fields, x, "'exec'");
	if (i->value->type == NODE_MAP && node_find(i->value, "command") == NULL)
		diag_error(&l->diag, i->place,
		    "'exec' needs a command: a list, [/bin/program, argument]");
}
