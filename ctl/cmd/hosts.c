/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the options to the roster.  Names are looked up only for hosts that a target of the
 * experiment means: a host that has nothing to do with the drill cannot keep it from
 * running.
 */
#include "hosts.h"
#include "api.h"
#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "inventory_source.h"
#include "parse.h"
#include "verdict.h"
#include "xalloc.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SEED_DIGITS 1000000000 /* short enough to be said over the phone */

/* --- options -------------------------------------------------------------------------- */

static const char *
option_or_env(const struct invocation *v, const char *option, const char *name)
{
	const char *value = option_get(v, option);

	value = value != NULL ? value : getenv(name);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool
is_pki(const char *dir)
{
	_cleanup_free_ char *ca = xasprintf("%s/" PKI_CA, dir);

	return access(ca, F_OK) == 0;
}

/* A user's own, else the machine's; the user's where there is neither, for the message. */
static const char *
default_pki(void)
{
	static char dir[PATH_MAX];
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config != NULL && config[0] == '/')
		(void)snprintf(dir, sizeof(dir), "%s/stormdrill/pki", config);
	else if (home != NULL && home[0] == '/')
		(void)snprintf(dir, sizeof(dir), "%s/.config/stormdrill/pki", home);
	else
		return PKI_HOST_DIR;
	return is_pki(dir) || !is_pki(PKI_HOST_DIR) ? dir : PKI_HOST_DIR;
}

static int
option_number(const struct invocation *v, const char *name, uint64_t most, uint64_t *ret,
    struct err *e)
{
	const char *text = option_get(v, name);

	if (text == NULL)
		return 0;
	if (parse_u64(text, ret, e) < 0)
		return err_wrap(e, "--%s", name);
	if (*ret == 0 || *ret > most)
		return err_invalid(e, "--%s: %s is not from 1 to %llu", name, text,
		    (unsigned long long)most);
	return 0;
}

int
host_options_of(const struct invocation *v, struct host_options *ret, struct err *e)
{
	uint64_t max_hosts = 0;
	int r;

	*ret = (struct host_options){
		.inventory = option_or_env(v, "inventory", "STORMDRILL_INVENTORY"),
		.pki_dir = option_or_env(v, "pki", "STORMDRILL_PKI"),
		.include_self = option_has(v, "include-self"),
	};
	if (ret->pki_dir == NULL)
		ret->pki_dir = default_pki();
	r = option_number(v, "seed", INT64_MAX, &ret->seed, e);
	if (r == 0)
		r = option_number(v, "max-hosts", HOSTS_MAX, &max_hosts, e);
	ret->max_hosts = (uint32_t)max_hosts;
	return r;
}

/* --- the roster ----------------------------------------------------------------------- */

static uint64_t
make_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = clock_wall(); /* a choice, not a secret */
	return 1 + seed % (SEED_DIGITS - 1);
}

static bool
is_meant(const struct host *h, void *ctx)
{
	return roster_concerns(ctx, h);
}

static void
say_problem(void *ctx, const char *message)
{
	(void)ctx;
	(void)fprintf(stderr, "%s\n", message);
}

int
hosts_load(const struct host_options *o, struct inventory **ret, struct err *e)
{
	const struct inventory_options io = { .say = say_problem };

	return inventory_load(o->inventory, &io, ret, e);
}

static int
load(const struct experiment *x, const struct host_options *o, struct inventory **ret,
    const char ***ret_self, struct err *e)
{
	int r = hosts_load(o, ret, e);

	if (r == 0)
		r = inventory_resolve(*ret, is_meant, (void *)(uintptr_t)x, e);
	if (r == 0 && !o->include_self)
		r = inventory_self(*ret, ret_self, e);
	return r;
}

int
hosts_roster(const struct experiment *x, const struct host_options *o,
    struct inventory **ret_inventory, struct roster *ret, struct err *e)
{
	_cleanup_free_ const char **self = NULL;
	struct roster_options ro = {
		.seed = o->seed != 0 ? o->seed : make_seed(),
		.max_hosts = o->max_hosts,
	};
	struct inventory *v = NULL;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	*ret_inventory = NULL;
	if (o->inventory != NULL && experiment_has_targets(x))
		r = load(x, o, &v, &self, e);
	ro.self = self;
	if (r == 0)
		r = roster_make(ret, x, v, &ro, e);
	if (r < 0)
		inventory_free(v);
	else
		*ret_inventory = v;
	return r;
}

int
hosts_choose(const char *who, const struct experiment *x, const struct host_options *o,
    struct inventory **ret_inventory, struct roster *ret)
{
	struct err e = { 0 };

	if (hosts_roster(x, o, ret_inventory, ret, &e) == 0)
		return 0;
	(void)fprintf(stderr, "%s: %s\n", who, e.msg);
	return e.outcome == OUTCOME_INVALID ? VERDICT_INVALID : VERDICT_REFUSED;
}

void
hosts_endpoint(const struct host *h, struct endpoint *ret)
{
	*ret = (struct endpoint){
		.name = h->name,
		.address = h->address,
		.port = h->port,
	};
}
