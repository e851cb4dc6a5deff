/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_H
#define CMD_H
/*
 * One command, one file, one const row that declares its arguments; help and completion
 * are made from the rows.
 */
#include "embed.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct option_def {
	const char *name;  /* "var" for --var */
	const char *value; /* "NAME=VALUE", or NULL for a flag */
	bool repeated;
	const char *help;
};

#define CMD_OPTIONS_MAX 24
#define CMD_VALUES_MAX  64

/* What was given on the command line, checked against the row. */
struct invocation {
	size_t argc; /* positional arguments */
	const char *const *argv;
	size_t option_count;
	struct {
		const char *name, *value;
	} option[CMD_VALUES_MAX];
};
const char *option_get(const struct invocation *v, const char *name); /* last, or NULL */
bool option_has(const struct invocation *v, const char *name);
/* All values of a repeated option into a NULL-terminated array of at most max. */
size_t option_all(
    const struct invocation *v, const char *name, const char **ret, size_t max);

struct cmd {
	const char *name, *summary;
	const char *args; /* "FILE"; NULL: none */
	size_t args_min, args_max;
	const struct option_def *options; /* ends with { 0 }; common ones are added */
	int (*run)(const struct invocation *v); /* the exit code */
	const char *help;                       /* a paragraph */
};

/* One line per command, sorted; its file is cmd_<name>.c. */
#define CMD_LIST(X) \
 X(check)           \
 X(doctor)          \
 X(faults)          \
 X(halt)            \
 X(hosts)           \
 X(inject)          \
 X(pki)             \
 X(plan)            \
 X(probe)           \
 X(resume)          \
 X(run)             \
 X(schema)          \
 X(search)          \
 X(status)

#define CMD_DECLARE(name) extern const struct cmd cmd_##name;
CMD_LIST(CMD_DECLARE)
#undef CMD_DECLARE
extern const struct cmd *const cmd_table[];   /* NULL-terminated */
const struct cmd *cmd_find(const char *name); /* NULL: none */
const char *cmd_nearest(const char *name);    /* a suggestion, or NULL */

/* Rows of `options` that several commands share: every query has OPTION_JSON, every command
 * that reads a file OPTION_VAR, every command that talks to an agent OPTIONS_AGENT. */
#define OPTION_JSON                 \
 {                                  \
  "json", NULL, false, "print JSON" \
 }
#define OPTION_VAR                                              \
 {                                                              \
  "var", "NAME=VALUE", true, "set a variable of the experiment" \
 }
#define OPTIONS_AGENT                                                      \
 { "instance", "NAME", false, "the agent's instance (default: default)" }, \
     { "run-dir", "DIR", false, "the instance's run directory" },          \
     { "state-dir", "DIR", false, "the instance's state directory" },      \
     { "host-dir", "DIR", false, "what the host's instances share" },      \
     { "policy", "FILE", false, "policy of an embedded agent" },           \
 {                                                                         \
  "embedded", NULL, false, "start an agent of our own, whatever else runs" \
 }
void agent_options_of(const struct invocation *v, struct agent_options *ret);

/* The command line of `stormctl`: reorders argv so that arguments come first.  -1 with a
 * command to run, or the exit code when there is nothing more to do. */
int invocation_parse(
    int argc, char **argv, const struct cmd **ret_cmd, struct invocation *ret);
void help_overview(FILE *f);
void help_command(FILE *f, const struct cmd *c);

#endif
