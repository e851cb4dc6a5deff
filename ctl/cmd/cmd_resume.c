/* SPDX-License-Identifier: Apache-2.0 */
/* `stormctl resume`: takes a halt back, on every instance of the host or the one named. */
#include "client.h"
#include "cmd.h"
#include "err.h"
#include "instances.h"
#include "verdict.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

enum resumed { RESUMED, NOBODY_THERE, NOT_RESUMED };

/* An agent that has ended is no error, unless it was the one that was named. */
static enum resumed
resume_one(const struct instance *i, bool is_named)
{
	struct client *c = NULL;
	json_t *answer = NULL;
	struct err e = { 0 };
	int r = instance_open(i, &c, &e);

	if (!is_named && (r == -ENOENT || r == -ECONNREFUSED))
		return NOBODY_THERE;
	if (r == 0)
		r = client_post(c, "/v1/resume", &answer, &e);
	client_free(c);
	json_decref(answer);
	if (r == 0)
		(void)printf("%s: drills may start again\n", i->name);
	else
		(void)fprintf(stderr, "%s: %s\n", i->name, e.msg);
	return r == 0 ? RESUMED : NOT_RESUMED;
}

/* A halt is the host's, so one agent that hears it is enough. */
static int
resume_idle_host(const struct agent_options *o)
{
	struct err e = { 0 };

	if (instance_embed_post(o, "/v1/resume", &e) == 0) {
		(void)puts("no agent runs: drills may start again on this host");
		return 0;
	}
	(void)fprintf(stderr, "stormctl resume: %s\n", e.msg);
	return VERDICT_AGENT_LOST;
}

static int
run(const struct invocation *v)
{
	struct instance found[INSTANCES_MAX];
	struct agent_options o = { 0 };
	struct err e = { 0 };
	bool heard = false, failed = false;

	agent_options_of(v, &o);
	int n = instances_find(&o, found, INSTANCES_MAX, &e);
	if (n < 0) {
		(void)fprintf(stderr, "stormctl resume: %s\n", e.msg);
		return VERDICT_AGENT_LOST;
	}
	bool is_named = o.run_dir != NULL || o.instance != NULL;
	for (int i = 0; i < n; i++) {
		enum resumed r = resume_one(&found[i], is_named);

		heard |= r == RESUMED;
		failed |= r == NOT_RESUMED;
	}
	if (failed)
		return VERDICT_AGENT_LOST;
	return heard ? 0 : resume_idle_host(&o);
}

static const struct option_def options[] = { OPTIONS_AGENT, { 0 } };

const struct cmd cmd_resume = {
	.name = "resume",
	.summary = "allow drills again after a halt",
	.options = options,
	.run = run,
	.help = "Nothing that was undone comes back; new drills may be armed again.",
};
