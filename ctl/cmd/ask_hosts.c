/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking and gathering.  An inventory is meant when one is named, or when
 * $STORMDRILL_INVENTORY names one and no option says that an instance of this host is meant:
 * a halt that reached only the controller would leave the storm running.
 */
#include "ask_hosts.h"
#include "api.h"
#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "parse.h"
#include "verdict.h"
#include "where.h"
#include "xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- who ------------------------------------------------------------------------------ */

static int
fail(const struct ask *a, int code, const char *why)
{
	(void)fprintf(stderr, "stormctl %s: %s\n", a->command, why);
	return code;
}

static const char *
next_host(const void *ctx, size_t i)
{
	const struct inventory *v = ctx;

	return i < v->count ? v->hosts[i].name : NULL;
}

static int
check_names(const struct ask *a, const char *const *names)
{
	for (; *names != NULL; names++) {
		const char *near;

		if (inventory_find(a->inventory, *names) != NULL)
			continue;
		near = nearest(*names, next_host, a->inventory);
		_cleanup_free_ char *why =
		    xasprintf("--host %s: the inventory has no such host%s%s%s", *names,
			near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
			near != NULL ? "'?)" : "");
		return fail(a, VERDICT_USAGE, why);
	}
	return 0;
}

static bool
is_named(const struct host *h, const char *const *names)
{
	bool matches = names[0] == NULL;

	for (; *names != NULL && !matches; names++)
		matches = strcmp(h->name, *names) == 0;
	return matches;
}

static int
choose_hosts(struct ask *a, const struct invocation *v)
{
	const struct inventory *all = a->inventory;
	const char *names[CMD_VALUES_MAX + 1], *text = option_get(v, "where");
	struct where *where = NULL;
	struct err e = { 0 };
	unsigned column = 0;
	int r;

	(void)option_all(v, "host", names, CMD_VALUES_MAX + 1);
	if (text != NULL && where_parse(&where, text, &column, &e) < 0) {
		(void)fprintf(stderr, "stormctl %s: --where: column %u: %s\n  %s\n",
		    a->command, column, e.msg, text);
		return VERDICT_USAGE;
	}
	r = check_names(a, names);
	a->asked = xcalloc(all->count, sizeof(*a->asked));
	for (size_t i = 0; i < all->count && r == 0; i++) {
		const struct host *h = &all->hosts[i];

		if (is_named(h, names) && (where == NULL || where_match(where, h)))
			a->asked[a->count++] =
			    (struct asked){ .name = h->name, .host = h };
	}
	where_free(where);
	if (r == 0 && a->count == 0) {
		(void)fprintf(stderr,
		    "stormctl %s: no host of the inventory is meant%s%s%s "
		    "(`stormctl hosts --offline` shows their tags)\n",
		    a->command, text != NULL ? " by '" : "", text != NULL ? text : "",
		    text != NULL ? "'" : "");
		r = VERDICT_USAGE;
	}
	return r;
}

static int
choose_instances(struct ask *a)
{
	struct err e = { 0 };
	int n = instances_find(&a->agent, a->found, INSTANCES_MAX, &e);

	if (n < 0)
		return fail(a, VERDICT_AGENT_LOST, e.msg);
	a->asked = xcalloc((size_t)n + 1, sizeof(*a->asked));
	for (int i = 0; i < n; i++)
		a->asked[a->count++] =
		    (struct asked){ .name = a->found[i].name, .instance = &a->found[i] };
	return 0;
}

/* The first option that says which agent of this host is meant, or NULL. */
static const char *
local_option(const struct invocation *v)
{
	static const char *const names[] = { "instance", "run-dir", "host-dir",
		"state-dir", "embedded", "policy" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (option_has(v, names[i]))
			return names[i];
	}
	return NULL;
}

int
ask_choose(struct ask *a, const struct invocation *v, const char *command)
{
	const char *local = local_option(v);
	bool chooses = option_has(v, "where") || option_has(v, "host");
	struct err e = { 0 };

	*a = (struct ask){ .command = command };
	agent_options_of(v, &a->agent);
	if (host_options_of(v, &a->options, &e) < 0)
		return fail(a, VERDICT_USAGE, e.msg);
	if (local != NULL && (option_has(v, "inventory") || chooses)) {
		(void)fprintf(stderr,
		    "stormctl %s: --%s is about this host, an inventory about others\n",
		    command, local);
		return VERDICT_USAGE;
	}
	if (local != NULL)
		a->options.inventory = NULL;
	if (a->options.inventory == NULL)
		return chooses ?
			   fail(a, VERDICT_USAGE,
			       "--where and --host choose from an inventory: name it "
			       "with --inventory or $STORMDRILL_INVENTORY") :
			   choose_instances(a);
	if (hosts_load(&a->options, &a->inventory, &e) < 0)
		return fail(a, VERDICT_INVALID, e.msg);
	return choose_hosts(a, v);
}

/* --- asking --------------------------------------------------------------------------- */

static void
on_answer(void *ctx, const struct fleet_answer *answer)
{
	struct ask *a = ctx;
	struct asked *x = &a->asked[answer->host];
	struct said *s = &x->said[answer->what - FLEET_STATUS];

	json_decref(s->json);
	s->err = answer->err;
	s->json = json_incref((json_t *)(uintptr_t)answer->json);
	a->waiting--;
	if (a->on_said != NULL)
		a->on_said(a, x, answer->what);
}

static int
add_one(struct ask *a, const struct asked *x, struct err *e)
{
	char path[PATH_LEN_MAX + sizeof(API_SOCKET) + 1];
	struct endpoint to = { .name = x->name, .socket = path };

	if (x->instance != NULL)
		(void)snprintf(
		    path, sizeof(path), "%s/" API_SOCKET, x->instance->run_dir);
	else
		hosts_endpoint(x->host, &to);
	return fleet_add(a->fleet, &to, e);
}

int
ask_open(struct ask *a, usec_t patience)
{
	const struct fleet_options o = {
		.pki_dir = a->inventory != NULL ? a->options.pki_dir : NULL,
		.connect_timeout = ASK_CONNECT,
		.answer_timeout = patience,
		.on_answer = on_answer,
		.ctx = a,
	};
	struct err e = { 0 };
	int r = fleet_open(&a->fleet, &o, &e);

	for (size_t i = 0; i < a->count && r >= 0; i++)
		r = add_one(a, &a->asked[i], &e);
	/* what is wrong is ours, and nobody was asked: refused, as a drill is */
	return r < 0 ? fail(a, VERDICT_REFUSED, e.msg) : 0;
}

void
ask_all(struct ask *a, enum fleet_ask what)
{
	for (size_t i = 0; i < a->count; i++)
		fleet_get(a->fleet, i, what);
	a->waiting += a->count;
}

static bool
is_done(void *ctx)
{
	const struct ask *a = ctx;

	return a->waiting == 0;
}

void
ask_wait(struct ask *a)
{
	(void)fleet_wait(a->fleet, USEC_INFINITY, is_done, a);
}

void
ask_release(struct ask *a)
{
	fleet_free(a->fleet);
	for (size_t i = 0; i < a->count; i++) {
		for (size_t k = 0; k < SAID_KINDS; k++)
			json_decref(a->asked[i].said[k].json);
	}
	free(a->asked);
	inventory_free(a->inventory);
	*a = (struct ask){ 0 };
}

/* --- answers -------------------------------------------------------------------------- */

const struct said *
said_of(const struct asked *x, enum fleet_ask what)
{
	return &x->said[what - FLEET_STATUS];
}

bool
said_is_agents(const struct said *s)
{
	return json_is_object(s->json) && s->err.code != -EPROTO;
}

json_t *
asked_to_json(const struct asked *x)
{
	if (x->host != NULL)
		return json_pack("{s:s}", "host", x->name);
	return json_pack(
	    "{s:s, s:s}", "instance", x->name, "run_dir", x->instance->run_dir);
}

char *
asked_options(const struct ask *a, const struct asked *x)
{
	if (x->host == NULL)
		return xstrdup("");
	return hosts_option_text(a->options.inventory, x->name);
}

int
worse_code(int a, int b)
{
	static const int order[] = { VERDICT_UNDO_FAILED, VERDICT_AGENT_LOST,
		VERDICT_INTERNAL, VERDICT_REFUSED };

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (a == order[i] || b == order[i])
			return order[i];
	}
	return a != 0 ? a : b;
}

void
print_answers(json_t *list)
{
	(void)json_dumpf(list, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(list);
}

int
ask_socket(const char *socket, enum fleet_ask what, json_t **ret, struct err *e)
{
	const struct endpoint to = { .name = "the agent", .socket = socket };
	struct asked one = { .name = to.name };
	struct ask a = { .asked = &one, .count = 1 };
	const struct fleet_options o = { .on_answer = on_answer, .ctx = &a };
	struct said *s = &one.said[what - FLEET_STATUS];
	int r = fleet_open(&a.fleet, &o, e);

	if (r == 0)
		r = fleet_add(a.fleet, &to, e);
	if (r >= 0) {
		ask_all(&a, what);
		ask_wait(&a);
		r = s->err.code;
	}
	fleet_free(a.fleet);
	if (s->err.code < 0 && e != NULL)
		*e = s->err;
	*ret = s->json;
	return r < 0 ? r : 0;
}
