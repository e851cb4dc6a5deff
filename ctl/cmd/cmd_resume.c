/* SPDX-License-Identifier: Apache-2.0 */
/* `stormctl resume`: takes a halt back, on every instance of the host or the one named. */
#include "client.h"
#include "cmd.h"
#include "err.h"
#include "instances.h"
#include "verdict.h"
#include <stdio.h>

static int
resume_one(const struct instance *i)
{
	struct client *c = NULL;
	json_t *answer = NULL;
	struct err e = { 0 };
	int r = instance_open(i, &c, &e);

	if (r == 0)
		r = client_post(c, "/v1/resume", &answer, &e);
	client_free(c);
	json_decref(answer);
	if (r == 0)
		(void)printf("%s: drills may start again\n", i->name);
	else
		(void)fprintf(stderr, "%s: %s\n", i->name, e.msg);
	return r;
}

static int
run(const struct invocation *v)
{
	struct instance found[INSTANCES_MAX];
	struct agent_options o = { 0 };
	struct err e = { 0 };
	int code = 0;

	agent_options_of(v, &o);
	int n = instances_find(&o, found, INSTANCES_MAX, &e);
	if (n <= 0) {
		(void)fprintf(stderr, "stormctl resume: %s\n",
		    n < 0 ? e.msg : "no agent runs on this host");
		return VERDICT_AGENT_LOST;
	}
	for (int i = 0; i < n; i++)
		if (resume_one(&found[i]) < 0)
			code = VERDICT_AGENT_LOST;
	return code;
}

static const struct option_def options[] = { OPTIONS_AGENT, { 0 } };

const struct cmd cmd_resume = {
	.name = "resume",
	.summary = "allow drills again after a halt",
	.options = options,
	.run = run,
	.help = "Nothing that was undone comes back; new drills may be armed again.",
};
