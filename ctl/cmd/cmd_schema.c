/* SPDX-License-Identifier: Apache-2.0 */
/* `stormctl schema`: the JSON Schema of an experiment file, for editors. */
#include "cmd.h"
#include "schema.h"
#include "verdict.h"

static int
run(const struct invocation *v)
{
	json_t *schema = schema_make();
	int rc = json_dumpf(schema, stdout, JSON_INDENT(2));

	(void)v;
	(void)putchar('\n');
	json_decref(schema);
	return rc == 0 && fflush(stdout) == 0 ? 0 : VERDICT_INTERNAL;
}

static const struct option_def options[] = { { 0 } };

const struct cmd cmd_schema = {
	.name = "schema",
	.summary = "print the JSON Schema of experiment files",
	.options = options,
	.run = run,
	.help =
	    "For editors: keys are completed and explained, mistakes underlined.  With the\n"
	    "YAML extension of most editors, save it and begin an experiment with\n"
	    "  # yaml-language-server: $schema=stormdrill.schema.json\n"
	    "Units and ranges are for 'stormctl check' to judge.",
};
