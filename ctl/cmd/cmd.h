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
	const char *name, *args, *summary;
	size_t args_min, args_max;
	const struct option_def *options; /* ends with { 0 }; common ones are added */
	int (*run)(const struct invocation *v); /* the exit code */
	const char *help;                       /* a paragraph */
};

#define CMD_LIST(X) \
 X(check)           \
 X(doctor)          \
 X(faults)          \
 X(halt)            \
 X(inject)          \
 X(plan)            \
 X(resume)          \
 X(run)             \
 X(status)

#define CMD_DECLARE(name) extern const struct cmd cmd_##name;
CMD_LIST(CMD_DECLARE)
#undef CMD_DECLARE
extern const struct cmd *const cmd_table[]; /* NULL-terminated */

/* --instance, --run-dir, --state-dir, --host-dir, --policy, --embedded: every command that
 * talks to an agent has them. */
void agent_options_of(const struct invocation *v, struct agent_options *ret);

#endif
