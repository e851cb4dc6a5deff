/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `stormctl pki`: the keys and certificates by which hosts and operators know each other.
 * Says in one line where what it made lies and what to do with it.
 */
#include "api.h"
#include "cleanup.h"
#include "cmd.h"
#include "err.h"
#include "parse.h"
#include "pki_print.h"
#include "pki_store.h"
#include "verdict.h"
#include <stdio.h>
#include <string.h>

#define DAYS_MAX PKI_CA_DAYS

static const char *
dir_of(const struct invocation *v)
{
	const char *dir = option_get(v, "dir");

	return dir != NULL ? dir : "pki";
}

static void
cleanup_store(struct pki_store **s)
{
	pki_store_free(*s);
}

static int
pki_error(const struct err *e)
{
	(void)fprintf(stderr, "stormctl pki: %s\n", e->msg);
	return e->outcome == OUTCOME_INVALID ? VERDICT_USAGE : VERDICT_REFUSED;
}

static int
pki_init(const struct invocation *v)
{
	const char *dir = dir_of(v);
	struct err e = { 0 };

	if (pki_store_make(dir, &e) < 0)
		return pki_error(&e);
	bool is_default = !option_has(v, "dir");
	(void)printf(
	    "pki: made a CA in %s; next: stormctl pki host NAME%s%s, for each; nobody "
	    "else may ever read %s/" PKI_CA_KEY "\n",
	    dir, is_default ? "" : " --dir ", is_default ? "" : dir, dir);
	return 0;
}

static int
wish_of(const struct invocation *v, const char **addresses, struct pki_wish *ret,
    struct err *e)
{
	const char *days = option_get(v, "days");
	uint64_t number = PKI_LEAF_DAYS;
	int rc = days != NULL ? parse_u64(days, &number, e) : 0;

	if (rc == 0 && (number < 1 || number > DAYS_MAX))
		rc = err_invalid(e, "'%s' is not 1 to %d days", days, DAYS_MAX);
	if (rc < 0)
		return err_wrap(e, "--days");
	ret->name = v->argv[1];
	ret->role = option_get(v, "role");
	ret->days = (unsigned)number;
	if (option_all(v, "address", addresses, CMD_VALUES_MAX + 1) > 0)
		ret->addresses = addresses;
	return 0;
}

static int
issue(const struct invocation *v, enum pki_kind kind)
{
	_cleanup_(cleanup_store) struct pki_store *s = NULL;
	const char *addresses[CMD_VALUES_MAX + 1];
	struct pki_wish wish = { .kind = kind };
	struct err e = { 0 };
	const char *dir = dir_of(v);
	bool is_renewal = option_has(v, "renew");

	if (wish_of(v, addresses, &wish, &e) < 0 ||
	    pki_store_open_ca(&s, dir, option_get(v, "ca-key"), &e) < 0 ||
	    pki_store_issue(s, &wish, is_renewal, &e) < 0)
		return pki_error(&e);
	pki_print_issued(dir, pki_index_find(pki_store_index(s), wish.name), is_renewal);
	return 0;
}

static int
pki_host(const struct invocation *v)
{
	return issue(v, PKI_KIND_HOST);
}

static int
pki_operator(const struct invocation *v)
{
	return issue(v, PKI_KIND_OPERATOR);
}

static int
pki_revoke(const struct invocation *v)
{
	_cleanup_(cleanup_store) struct pki_store *s = NULL;
	struct err e = { 0 };
	size_t dirs = 0;

	if (pki_store_open_ca(&s, dir_of(v), option_get(v, "ca-key"), &e) < 0 ||
	    pki_store_revoke(s, v->argv[1], &dirs, &e) < 0)
		return pki_error(&e);
	(void)printf("pki: wrote " PKI_CRL " of %zu director%s; copy %s to the hosts and "
		     "reload stormd (SIGHUP)\n",
	    dirs, dirs == 1 ? "y" : "ies", dirs == 1 ? "it" : "them");
	return 0;
}

static int
pki_list(const struct invocation *v)
{
	_cleanup_(cleanup_store) struct pki_store *s = NULL;
	struct err e = { 0 };

	if (pki_store_open(&s, dir_of(v), &e) < 0)
		return pki_error(&e);
	if (option_has(v, "json"))
		pki_print_json(pki_store_index(s));
	else
		pki_print_list(pki_store_index(s));
	return 0;
}

static const struct verb {
	const char *name;
	bool has_name;
	const char *options; /* beside --dir, between blanks */
	int (*run)(const struct invocation *v);
} verbs[] = {
	{ "init", false, " ", pki_init },
	{ "host", true, " address days renew ca-key ", pki_host },
	{ "operator", true, " role days renew ca-key ", pki_operator },
	{ "revoke", true, " ca-key ", pki_revoke },
	{ "list", false, " json ", pki_list },
};

static const char *
verb_at(const void *ctx, size_t i)
{
	(void)ctx;
	return i < ARRAY_LEN(verbs) ? verbs[i].name : NULL;
}

static int
check_verb(const struct invocation *v, const struct verb *verb, struct err *e)
{
	if (verb->has_name && v->argc < 2)
		return err_invalid(e, "%s whom? a NAME is missing", verb->name);
	if (!verb->has_name && v->argc > 1)
		return err_invalid(
		    e, "%s: one argument too many: '%s'", verb->name, v->argv[1]);
	for (size_t i = 0; i < v->option_count; i++) {
		char word[32];

		(void)snprintf(word, sizeof(word), " %s ", v->option[i].name);
		if (strcmp(v->option[i].name, "dir") != 0 &&
		    strstr(verb->options, word) == NULL)
			return err_invalid(
			    e, "%s takes no --%s", verb->name, v->option[i].name);
	}
	return 0;
}

static int
run(const struct invocation *v)
{
	const char *near = nearest(v->argv[0], verb_at, NULL);
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(v->argv[0], verbs[i].name) != 0)
			continue;
		if (check_verb(v, &verbs[i], &e) < 0)
			return pki_error(&e);
		return verbs[i].run(v);
	}
	(void)fprintf(stderr, "stormctl pki: unknown command '%s'%s%s%s\n", v->argv[0],
	    near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
	    near != NULL ? "'?)" : "");
	return VERDICT_USAGE;
}

static const struct option_def options[] = {
	{ "dir", "DIR", false, "the CA's directory (default: ./pki)" },
	{ "address", "ADDRESS", true, "host: another address or name of it" },
	{ "role", "ROLE", false, "operator: viewer or operator (the default)" },
	{ "days", "N", false, "host, operator: how long it is valid (default: 730)" },
	{ "renew", NULL, false, "host, operator: a new key in place of the old one" },
	{ "ca-key", "FILE", false, "the CA's key, where it is not in DIR" },
	{ "json", NULL, false, "list: print JSON" },
	{ 0 },
};

const struct cmd cmd_pki = {
	.name = "pki",
	.args = "init | host NAME | operator NAME | revoke NAME | list",
	.summary = "make and revoke the certificates of hosts and operators",
	.args_min = 1,
	.args_max = 2,
	.options = options,
	.run = run,
	.help =
	    "init makes a CA. host and operator make a directory with a key and certificate\n"
	    "that goes to that host (stormd --pki) or person (stormctl --pki) as it is; NAME\n"
	    "of a host is the inventory's. A viewer may look, undo and halt; an operator\n"
	    "everything. revoke makes everybody's list of revoked certificates anew. Only\n"
	    "host, operator and revoke need the CA's key, which may be kept elsewhere.",
};
