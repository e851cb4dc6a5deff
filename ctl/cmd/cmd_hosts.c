/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl hosts`: who is in the inventory, who of them answers, and with what.  Everybody
 * is asked at once; the table is printed when the last has answered or its time is over.
 */
#include "cmd.h"
#include "hosts_table.h"
#include "verdict.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE (10 * USEC_PER_SEC)

static int
ask_them(struct ask *a)
{
	int code = ask_open(a, PATIENCE);

	if (code != 0)
		return code;
	ask_all(a, FLEET_STATUS);
	ask_all(a, FLEET_DOCTOR);
	ask_wait(a);
	return 0;
}

static void
print_json(const struct host_row *rows, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, host_row_to_json(&rows[i]));
	print_answers(list);
}

static int
show(const struct ask *a, bool json)
{
	struct host_row *rows = xcalloc(a->count, sizeof(*rows));
	int code = 0;

	for (size_t i = 0; i < a->count; i++) {
		host_row_make(&rows[i], a, i);
		if (rows[i].is_asked && !rows[i].is_reached)
			code = VERDICT_AGENT_LOST;
	}
	if (json)
		print_json(rows, a->count);
	else
		hosts_table_print(rows, a->count);
	free(rows);
	return code;
}

static int
run(const struct invocation *v)
{
	struct ask a;
	int code = ask_choose(&a, v, "hosts");

	if (code == 0 && a.inventory == NULL) {
		(void)fprintf(stderr,
		    "stormctl hosts: of which inventory? Name it with --inventory or "
		    "$STORMDRILL_INVENTORY\n");
		code = VERDICT_USAGE;
	}
	if (code == 0 && !option_has(v, "offline"))
		code = ask_them(&a);
	if (code == 0)
		code = show(&a, option_has(v, "json"));
	ask_release(&a);
	return code;
}

static const struct option_def options[] = { OPTION_JSON, OPTIONS_ASK,
	{ "offline", NULL, false, "only what the inventory says, ask nobody" }, { 0 } };

const struct cmd cmd_hosts = {
	.name = "hosts",
	.summary = "the hosts of an inventory: who answers, with what, what runs there",
	.options = options,
	.run = run,
	.help =
	    "Shows the hosts of an inventory, or those that --where and --host choose: where\n"
	    "their agents are, whether they answer, their version, how many kinds of faults\n"
	    "they can do and what carries out delays, how far their clock is from ours (and\n"
	    "how wrong that can be), running drills, and tags.  Exit 30 when some host cannot\n"
	    "be reached.",
};
