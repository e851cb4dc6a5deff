/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, read by the rows of the commands.  Options may stand before, between
 * and after arguments; "--" ends them.  Unlike getopt_long, no abbreviation is accepted: a
 * script must not change its meaning when an option is added.
 */
#include "cmd.h"
#include "parse.h"
#include "verdict.h"
#include <string.h>

const char *
option_get(const struct invocation *v, const char *name)
{
	for (size_t i = v->option_count; i > 0; i--) {
		if (strcmp(v->option[i - 1].name, name) == 0)
			return v->option[i - 1].value;
	}
	return NULL;
}

bool
option_has(const struct invocation *v, const char *name)
{
	for (size_t i = 0; i < v->option_count; i++) {
		if (strcmp(v->option[i].name, name) == 0)
			return true;
	}
	return false;
}

size_t
option_all(const struct invocation *v, const char *name, const char **ret, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < v->option_count && count + 1 < max; i++) {
		if (strcmp(v->option[i].name, name) == 0)
			ret[count++] = v->option[i].value;
	}
	ret[count] = NULL;
	return count;
}

void
agent_options_of(const struct invocation *v, struct agent_options *ret)
{
	*ret = (struct agent_options){
		.instance = option_get(v, "instance"),
		.run_dir = option_get(v, "run-dir"),
		.state_dir = option_get(v, "state-dir"),
		.host_dir = option_get(v, "host-dir"),
		.policy = option_get(v, "policy"),
		.embedded = option_has(v, "embedded"),
	};
}

static const char *
next_option(const void *ctx, size_t i)
{
	const struct cmd *c = ctx;

	return c->options[i].name;
}

static int
usage(const struct cmd *c)
{
	(void)fprintf(stderr, "usage: stormctl %s [OPTION…]%s%s (--help says more)\n",
	    c->name, c->args != NULL ? " " : "", c->args != NULL ? c->args : "");
	return VERDICT_USAGE;
}

static int
unknown_option(const struct cmd *c, const char *name)
{
	const char *near = nearest(name, next_option, c);

	(void)fprintf(stderr, "stormctl %s: unknown option '--%s'", c->name, name);
	if (near != NULL)
		(void)fprintf(stderr, " (did you mean '--%s'?)", near);
	(void)fputc('\n', stderr);
	return usage(c);
}

static const struct option_def *
find_option(const struct cmd *c, const char *name, size_t len)
{
	for (const struct option_def *o = c->options; o->name != NULL; o++) {
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static int
bad_option(const struct cmd *c, const struct option_def *o, const char *why)
{
	(void)fprintf(stderr, "stormctl %s: --%s %s\n", c->name, o->name, why);
	return usage(c);
}

/* One option at argv[*at]; moves *at over a value that stands apart. */
static int
take_option(const struct cmd *c, char **argv, int *at, struct invocation *v)
{
	const char *name = argv[*at] + 2, *value = strchr(name, '=');
	size_t len = value != NULL ? (size_t)(value - name) : strlen(name);
	const struct option_def *o = find_option(c, name, len);

	if (o == NULL) {
		argv[*at][2 + len] = '\0';
		return unknown_option(c, name);
	}
	value = value != NULL ? value + 1 : NULL;
	if (o->value == NULL && value != NULL)
		return bad_option(c, o, "takes no value");
	if (o->value != NULL && value == NULL)
		value = argv[*at + 1] != NULL ? argv[++*at] : NULL;
	if (o->value != NULL && value == NULL)
		return bad_option(c, o, "needs a value");
	if (!o->repeated && option_has(v, o->name))
		return bad_option(c, o, "is given twice");
	if (v->option_count == CMD_VALUES_MAX)
		return bad_option(c, o, "is one option too many");
	v->option[v->option_count].name = o->name;
	v->option[v->option_count].value = value;
	v->option_count++;
	return -1;
}

static int
check_arguments(const struct cmd *c, const struct invocation *v)
{
	if (v->argc < c->args_min)
		(void)fprintf(stderr, "stormctl %s: an argument is missing\n", c->name);
	else if (v->argc > c->args_max)
		(void)fprintf(stderr, "stormctl %s: one argument too many: '%s'\n",
		    c->name, v->argv[c->args_max]);
	else
		return -1;
	return usage(c);
}

static int
parse_rest(const struct cmd *c, char **argv, struct invocation *v)
{
	bool options_end = false;
	int code;

	v->argv = (const char *const *)argv;
	for (int at = 0; argv[at] != NULL; at++) {
		const char *word = argv[at];

		if (options_end || word[0] != '-' || word[1] == '\0') {
			argv[v->argc++] = argv[at];
			continue;
		}
		if (strcmp(word, "--") == 0) {
			options_end = true;
			continue;
		}
		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			help_command(stdout, c);
			return 0;
		}
		if (word[1] != '-') {
			(void)fprintf(
			    stderr, "stormctl %s: unknown option '%s'\n", c->name, word);
			return usage(c);
		}
		code = take_option(c, argv, &at, v);
		if (code >= 0)
			return code;
	}
	return check_arguments(c, v);
}

static int
unknown_command(const char *name)
{
	const char *near = cmd_nearest(name);

	(void)fprintf(stderr, "stormctl: unknown command '%s'", name);
	if (near != NULL)
		(void)fprintf(stderr, " (did you mean '%s'?)", near);
	(void)fputs("\nstormctl --help lists them\n", stderr);
	return VERDICT_USAGE;
}

static int
help(const char *name)
{
	const struct cmd *c = name != NULL ? cmd_find(name) : NULL;

	if (name != NULL && c == NULL)
		return unknown_command(name);
	if (c != NULL)
		help_command(stdout, c);
	else
		help_overview(stdout);
	return 0;
}

int
invocation_parse(
    int argc, char **argv, const struct cmd **ret_cmd, struct invocation *ret)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	if (word == NULL) {
		help_overview(stderr);
		return VERDICT_USAGE;
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		(void)puts("stormctl " STORMDRILL_VERSION);
		return 0;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return help(NULL);
	if (strcmp(word, "help") == 0)
		return help(argv[2]);
	*ret_cmd = cmd_find(word);
	if (*ret_cmd == NULL)
		return unknown_command(word);
	return parse_rest(*ret_cmd, argv + 2, ret);
}
