/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what is accepted, and what is said of the rest. */
#include "cmd.h"
#include "test.h"
#include "verdict.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cmd *cmd;
static struct invocation v;
static char said[8192]; /* stdout and stderr together */

/* Runs the parser on "stormctl" and these words, with both outputs in a file. */
static int
parse(const char *line)
{
	static char program[] = "stormctl", words[4096], *argv[200];
	char *rest = words;
	int out = dup(1), err = dup(2), argc = 1, code;
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	ssize_t n;

	assert_true(fd >= 0);
	(void)snprintf(words, sizeof(words), "%s", line);
	argv[0] = program;
	while ((argv[argc] = strsep(&rest, " ")) != NULL && *argv[argc] != '\0')
		argc++;
	argv[argc] = NULL;
	(void)fflush(NULL);
	(void)dup2(fd, 1);
	(void)dup2(fd, 2);
	memset(&v, 0, sizeof(v));
	cmd = NULL;
	code = invocation_parse(argc, argv, &cmd, &v);
	(void)fflush(NULL);
	(void)dup2(out, 1);
	(void)dup2(err, 2);
	n = pread(fd, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	(void)close(fd);
	(void)close(out);
	(void)close(err);
	return code;
}

static void
options_and_arguments_may_be_mixed(void **state)
{
	const char *vars[8];

	(void)state;
	assert_int_equal(parse("check --var a=1 x --var=b=2 y"), -1);
	assert_string_equal(cmd->name, "check");
	assert_int_equal(v.argc, 2);
	assert_string_equal(v.argv[0], "x");
	assert_string_equal(v.argv[1], "y");
	assert_int_equal(option_all(&v, "var", vars, 8), 2);
	assert_string_equal(vars[0], "a=1");
	assert_string_equal(vars[1], "b=2");
	assert_null(vars[2]);
	assert_string_equal(option_get(&v, "var"), "b=2");
	assert_false(option_has(&v, "json"));
}

static void
two_dashes_end_the_options(void **state)
{
	(void)state;
	assert_int_equal(parse("check -- --var -x"), -1);
	assert_int_equal(v.argc, 2);
	assert_string_equal(v.argv[0], "--var");
	assert_int_equal(parse("check -"), -1);
	assert_string_equal(v.argv[0], "-");
}

static void
refuse(int code, const char *why)
{
	assert_int_equal(code, VERDICT_USAGE);
	if (strstr(said, why) == NULL)
		fail_msg("'%s' does not say '%s'", said, why);
}

static void
mistakes_are_named_with_a_suggestion(void **state)
{
	(void)state;
	refuse(parse(""), "commands:");
	refuse(parse("chekc"), "did you mean 'check'?");
	refuse(parse("--nothing"), "unknown command '--nothing'");
	refuse(parse("check"), "an argument is missing");
	refuse(parse("faults a b"), "one argument too many: 'b'");
	refuse(parse("faults --jsno"), "did you mean '--json'?");
	refuse(parse("faults --json=yes"), "takes no value");
	refuse(parse("faults --json --json"), "is given twice");
	refuse(parse("check x --var"), "needs a value");
	refuse(parse("faults -j"), "unknown option '-j'");
	refuse(parse("help nothing"), "unknown command 'nothing'");
}

static void
help_and_version_are_answers_not_errors(void **state)
{
	(void)state;
	assert_int_equal(parse("--help"), 0);
	assert_non_null(strstr(said, "faults"));
	assert_int_equal(parse("--version"), 0);
	assert_non_null(strstr(said, STORMDRILL_VERSION));
	assert_int_equal(parse("check --help"), 0);
	assert_non_null(strstr(said, "--var NAME=VALUE"));
	assert_int_equal(parse("help faults"), 0);
	assert_non_null(strstr(said, "--json"));
}

static void
too_many_options_are_refused(void **state)
{
	char line[2048] = "check x";

	(void)state;
	for (int i = 0; i <= CMD_VALUES_MAX; i++)
		(void)snprintf(
		    line + strlen(line), sizeof(line) - strlen(line), " --var a=1");
	refuse(parse(line), "one option too many");
}

static void
every_command_has_help(void **state)
{
	char line[64];

	(void)state;
	for (const struct cmd *const *c = cmd_table; *c != NULL; c++) {
		(void)snprintf(line, sizeof(line), "%s --help", (*c)->name);
		assert_int_equal(parse(line), 0);
		assert_non_null(strstr(said, (*c)->help));
		(void)snprintf(line, sizeof(line), "%s --no-such-option", (*c)->name);
		refuse(parse(line), "unknown option '--no-such-option'");
	}
}

static void
every_row_is_complete(void **state)
{
	const char *last = "";

	(void)state;
	for (const struct cmd *const *c = cmd_table; *c != NULL; c++) {
		size_t count = 0;

		assert_true(strcmp(last, (*c)->name) < 0);
		assert_true((*c)->summary != NULL && (*c)->help != NULL);
		assert_int_equal((*c)->args != NULL, (*c)->args_max > 0);
		assert_true((*c)->args_min <= (*c)->args_max);
		while ((*c)->options[count].name != NULL)
			assert_non_null((*c)->options[count++].help);
		assert_true(count < CMD_OPTIONS_MAX);
		last = (*c)->name;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_arguments_may_be_mixed),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(mistakes_are_named_with_a_suggestion),
		cmocka_unit_test(help_and_version_are_answers_not_errors),
		cmocka_unit_test(too_many_options_are_refused),
		cmocka_unit_test(every_command_has_help),
		cmocka_unit_test(every_row_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
