/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inventory that a program prints.  It is run as it stands, words split at blanks and
 * nothing expanded: no shell.  It has our environment, since such programs find their
 * configuration and credentials there; it runs with our rights, so it is as trusted as
 * stormctl itself.
 */
#include "cleanup.h"
#include "err.h"
#include "inventory_ansible.h"
#include "inventory_source.h"
#include "quote.h"
#include "spawn.h"
#include "string_list.h"
#include "xalloc.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX (8 * 1024 * 1024)
#define STDERR_MAX (8 * 1024)
#define TIMEOUT_MS 30000

static void
words_freep(char ***words)
{
	string_list_free(*words);
}

static int
find_program(const char *name, char ret[static PATH_MAX], struct err *e)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/') != NULL) {
		_cleanup_free_ char *dir = name[0] != '/' ? getcwd(NULL, 0) : xstrdup("");

		if (dir == NULL)
			return err_errno(e, "where are we");
		(void)snprintf(
		    ret, PATH_MAX, "%s%s%s", dir, dir[0] != '\0' ? "/" : "", name);
		return 0;
	}
	for (size_t len; path != NULL && *path != '\0';
	     path += len + (path[len] == ':')) {
		len = strcspn(path, ":");
		int n = snprintf(ret, PATH_MAX, "%.*s/%s", (int)len, path, name);
		if (path[0] == '/' && n < PATH_MAX && access(ret, X_OK) == 0)
			return 0;
	}
	return err_set(e, -ENOENT, "there is no program '%s' in $PATH", quote(name).text);
}

/* Without blanks at its end, fit for a terminal. */
static void
tidy(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
		text[--len] = '\0';
	for (char *c = text; *c != '\0'; c++) {
		if (((unsigned char)*c < ' ' && *c != '\n') || *c == 0x7f)
			*c = *c == '\t' ? ' ' : '?';
	}
}

/* A traceback or warnings come first, what went wrong comes last. */
static const char *
last_line(const char *text)
{
	const char *start = strrchr(text, '\n');

	return start != NULL ? start + 1 : text;
}

static int
run_program(
    const char *const *argv, const struct inventory_options *o, char *out, struct err *e)
{
	_cleanup_free_ char *said = xcalloc(1, STDERR_MAX);
	const struct run_tool t = { .argv = argv,
		.out = out,
		.out_size = OUTPUT_MAX,
		.err = said,
		.err_size = STDERR_MAX,
		.keep_env = true,
		.keep_fd = -1,
		.timeout_ms = TIMEOUT_MS };
	const char *base = strrchr(argv[0], '/') + 1;
	struct err why = { 0 };
	int r = run_tool(&t, &why);

	if (r == 0 && strlen(out) == OUTPUT_MAX - 1)
		return err_set(e, -EFBIG, "%s: printed more than %d MiB", base,
		    OUTPUT_MAX / 1024 / 1024);
	if (r == 0)
		return 0;
	tidy(said);
	if (said[0] == '\0' || r == -ETIMEDOUT)
		return err_set(e, r, "%s", why.msg);
	if (o->say != NULL)
		o->say(o->ctx, said);
	return err_set(e, r, "%s: %.150s", base, last_line(said));
}

int
inventory_read_exec(const char *command, const struct inventory_options *o,
    struct inventory *ret, struct err *e)
{
	_cleanup_(words_freep) char **words = NULL;
	_cleanup_free_ char *rest = xstrdup(command), *out = xcalloc(1, OUTPUT_MAX);
	char *at = rest, *word, program[PATH_MAX];
	int r;

	while ((word = strsep(&at, " \t")) != NULL) {
		if (*word != '\0')
			string_list_add(&words, word);
	}
	if (words == NULL)
		return err_invalid(e, "'exec:' names no program");
	string_list_add(&words, "--list");
	r = find_program(words[0], program, e);
	if (r < 0)
		return r;
	free(words[0]);
	words[0] = xstrdup(program);
	r = run_program((const char *const *)words, o, out, e);
	if (r == 0)
		r = inventory_read_ansible(out, ret, e);
	return r < 0 ? err_wrap(e, "inventory 'exec:%s'", quote(command).text) : 0;
}
