/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An editor's view of experiments: keys with their help, choices to complete, mistakes
 * underlined.  It is wider than `check` on purpose: a value may be a variable, so a text is
 * always allowed beside what is meant; units and ranges are for `check` to judge.  What it
 * must never do is refuse a file that `check` takes (tests/system/schema.sh).
 */
#include "schema.h"
#include "cleanup.h"
#include "kind.h"
#include "xalloc.h"
#include <assert.h>
#include <string.h>

/* A value as it is written: "10s", 99.9, "${rate}". */
#define TYPES   "\"type\": [\"string\", \"number\", \"boolean\"]"
#define S(help) "{" TYPES ", \"description\": \"" help "\"}"
#define L(help)                                                       \
 "{\"anyOf\": [{" TYPES "}, {\"type\": \"array\", \"items\": {" TYPES \
 "}}], \"description\": \"" help "\"}"

#define CHOICE(words, help)                                                  \
 "{\"anyOf\": [{\"enum\": [" words "]}, {\"type\": \"string\", \"pattern\":" \
 " \"\\\\$\\\\{\"}], \"description\": \"" help "\"}"

/* clang-format off */
/* How to get to a server of HTTP. */
#define WAY \
"    \"url\": " S("what to ask") "," \
"    \"headers\": {\"type\": \"object\", \"additionalProperties\": {" TYPES "}}," \
"    \"timeout\": " S("default 2s") "," \
"    \"connect_timeout\": " S("of it, for connecting") "," \
"    \"ca\": " S("file of certificates to trust") "," \
"    \"cert\": " S("file of the client's certificate") "," \
"    \"key\": " S("file of its key") "," \
"    \"insecure\": " S("take any certificate: true or false") "," \
"    \"auth\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {" \
"      \"bearer\": " S("a token") "," \
"      \"basic\": " S("user:password") "}}," \
"    \"host\": " S("the Host header, and the name in TLS") "," \
"    \"resolve\": " L("HOST:PORT:ADDRESS, in place of DNS") "," \
"    \"proxy\": " S("URL of a proxy; default none") "," \
"    \"redirects\": " S("how many to follow; default 0") "," \
"    \"unix_socket\": " S("path to connect to instead")
/* What probes, guards and base load have in common. */
#define ASK \
"    \"http\": {\"$ref\": \"#/definitions/http\"}," \
"    \"tcp\": {\"$ref\": \"#/definitions/tcp\"}," \
"    \"exec\": {\"$ref\": \"#/definitions/exec\"}," \
"    \"prometheus\": {\"$ref\": \"#/definitions/prometheus\"}," \
"    \"good\": {\"$ref\": \"#/definitions/good\"}," \
"    \"fresh_connections\": " S("http: share of requests on a new connection; default 0") "," \
"    \"max_in_flight\": " S("so many requests under way at once at most")
#define ONE_TYPE \
"\"oneOf\": [{\"required\": [\"http\"]}, {\"required\": [\"tcp\"]}," \
" {\"required\": [\"exec\"]}, {\"required\": [\"prometheus\"]}]"

static const char around[] =
"{\"$schema\": \"http://json-schema.org/draft-07/schema#\","
" \"title\": \"stormdrill experiment\","
" \"description\": \"stormdrill-experiment(5)\","
" \"type\": \"object\", \"additionalProperties\": false,"
" \"required\": [\"version\", \"name\", \"faults\"],"
" \"properties\": {"
"  \"version\": {\"description\": \"of this format\", \"enum\": [1, \"1\"]},"
"  \"name\": " S("a short name for reports") ","
"  \"hypothesis\": " S("what is expected to hold, in a sentence") ","
"  \"vars\": {\"type\": [\"object\", \"null\"], \"description\":"
"    \"values to be set by --var, used as ${name}\","
"    \"additionalProperties\": {\"anyOf\": [{" TYPES "},"
"     {\"type\": [\"object\", \"null\"], \"additionalProperties\": false, \"properties\": {"
"      \"default\": " S("without a --var") ","
"      \"env\": " S("the environment variable it is taken from") ","
"      \"help\": " S("what it is") ","
"      \"secret\": " S("never shown: true or false") "}}]}},"
"  \"targets\": {\"type\": [\"object\", \"null\"], \"description\": \"named sets of hosts\","
"    \"additionalProperties\": {\"type\": \"object\", \"additionalProperties\": false,"
"     \"properties\": {"
"      \"hosts\": " L("names of hosts of the inventory") ","
"      \"where\": " S("an expression over labels: role=database and zone=a") ","
"      \"pick\": " S("a number, a percentage, or all") ","
"      \"spread\": " S("the label over whose values the picked are spread") "}}},"
"  \"probes\": {\"type\": [\"object\", \"null\"], \"description\": \"repeated checks, by name\","
"    \"additionalProperties\": {\"$ref\": \"#/definitions/probe\"}},"
"  \"steady\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": false,"
"    \"description\": \"how long to probe\", \"properties\": {"
"      \"before\": " S("default 10s") ","
"      \"during\": " S("at least this long from fire; default 30s") ","
"      \"after\": " S("default 30s") "}},"
"  \"budget\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": false,"
"    \"description\": \"how much badness the drill may cause\", \"properties\": {"
"      \"false_abort\": " S("the chance of stopping a healthy system; default 0.1%") ","
"      \"max_bad\": " S("stop at so many bad answers") ","
"      \"consecutive\": " S("stop at so many in a row") ","
"      \"stall\": " S("the longest pause of a healthy system: 100ms") "}},"
"  \"guards\": {\"type\": [\"array\", \"null\"], \"description\":"
"    \"must hold before, and stop the drill when they no longer do\","
"    \"items\": {\"$ref\": \"#/definitions/guard\"}},"
"  \"load\": {\"type\": [\"object\", \"null\"], \"description\":"
"    \"base load by name: counted and reported, never judged\","
"    \"additionalProperties\": {\"$ref\": \"#/definitions/load\"}},"
"  \"lease\": " S("how long an agent keeps faults without hearing from us; default 2s") ","
"  \"faults\": {\"type\": \"array\", \"minItems\": 1, \"items\":"
"    {\"$ref\": \"#/definitions/fault\"}}},"
" \"definitions\": {"
"  \"http\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"object\","
"   \"additionalProperties\": false,"
"   \"required\": [\"url\"], \"properties\": {" WAY ","
"    \"method\": " S("default GET, or POST with a body") ","
"    \"body\": " S("what to send") ","
"    \"jq\": " S("as jq of good") "}}]},"
"  \"tcp\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"object\","
"   \"additionalProperties\": false,"
"   \"required\": [\"address\"], \"properties\": {"
"    \"address\": " S("HOST:PORT or [v6]:PORT") ","
"    \"send\": " S("what to say once connected") ","
"    \"timeout\": " S("default 2s") "}}]},"
"  \"exec\": {\"type\": \"object\", \"additionalProperties\": false,"
"   \"required\": [\"command\"], \"properties\": {"
"    \"command\": " L("[/bin/program, argument]: an absolute path, no shell") ","
"    \"timeout\": " S("default 2s; then it is killed") "}},"
"  \"prometheus\": {\"type\": \"object\", \"additionalProperties\": false,"
"   \"required\": [\"url\", \"query\"], \"properties\": {" WAY ","
"    \"query\": " S("an instant query in PromQL") "}},"
"  \"good\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": false,"
"   \"description\": \"which answers are good\", \"properties\": {"
"    \"within\": " S("how soon, counted from when it was due; default the timeout") ","
"    \"status\": " L("http: 200-299, or a list; default 200-399") ","
"    \"headers\": {\"type\": \"object\", \"description\":"
"      \"http: by name, a pattern that a header of it must match\","
"      \"additionalProperties\": {" TYPES "}},"
"    \"body\": " S("http, tcp, exec: a pattern (PCRE2) that must be in what comes back") ","
"    \"jq\": " S("http, exec: a filter over the body whose output must be true") ","
"    \"exit\": " S("exec: the exit status; default 0") ","
"    \"at_most\": " S("prometheus: no value is more") ","
"    \"at_least\": " S("prometheus: no value is less") ","
"    \"empty\": " CHOICE("\"good\", \"bad\"", "prometheus: an answer without series; default bad") "}},"
"  \"slo\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": false,"
"   \"description\": \"the service's error budget, and what of it a drill may spend\","
"   \"properties\": {"
"    \"objective\": " S("share of good answers promised over the window; default the probe's") ","
"    \"window\": " S("default 30d") ","
"    \"spend\": " S("stop when this share of the window's budget is spent: 2%") ","
"    \"burn\": {\"anyOf\": [{\"$ref\": \"#/definitions/burn\"}, {\"type\": \"array\","
"      \"items\": {\"$ref\": \"#/definitions/burn\"}}]}}},"
"  \"burn\": {\"type\": \"object\", \"additionalProperties\": false,"
"   \"description\": \"stop when errors come so fast over both windows\","
"   \"required\": [\"rate\", \"long\"], \"properties\": {"
"    \"rate\": " S("times as fast as the objective allows: 14.4") ","
"    \"long\": " S("the window that says it matters: 30s") ","
"    \"short\": " S("the one that says it still goes on; default a twelfth of long") "}},"
"  \"probe\": {\"type\": \"object\", \"additionalProperties\": false,"
"   " ONE_TYPE ", \"properties\": {" ASK ","
"    \"rate\": " S("default 10/s") ","
"    \"objective\": " S("steady state: at least this share is good; default 99%") ","
"    \"abort_at\": " S("a share of bad answers worth stopping for") ","
"    \"slo\": {\"$ref\": \"#/definitions/slo\"}}},"
"  \"guard\": {\"type\": \"object\", \"additionalProperties\": false,"
"   " ONE_TYPE ", \"properties\": {" ASK ","
"    \"name\": " S("for reports") ","
"    \"rate\": " S("default 1/s") "}},"
"  \"load\": {\"type\": \"object\", \"additionalProperties\": false,"
"   \"required\": [\"rate\"], " ONE_TYPE ", \"properties\": {" ASK ","
"    \"rate\": " S("how many requests a second: 500/s") "}},"
"  \"fault\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
"    \"id\": " S("its name in reports; default its kind") ","
"    \"target\": " S("which hosts; default this one") ","
"    \"against\": " S("the hosts it is kept from") ","
"    \"topology\": {\"anyOf\": [{\"enum\": [\"halves\", \"isolate\", \"ring\", \"bridge\","
"      \"one-way\"]}, {\"type\": \"string\", \"pattern\": \"\\\\$\\\\{\"}],"
"      \"description\": \"who is cut from whom\"},"
"    \"at\": " S("when, after fire; default 0s") ","
"    \"for\": " S("how long; a fault that happens once needs none") "},"
"   \"oneOf\": []}}}";
/* clang-format on */

/* A text beside each: any of them may be a variable. */
static json_t *
choices_of(const struct param *p)
{
	json_t *list = json_array();

	for (const char *const *c = p->choices; *c != NULL; c++)
		(void)json_array_append_new(list, json_string(*c));
	return json_pack("{s:[{s:o}, {s:s, s:s}]}", "anyOf", "enum", list, "type",
	    "string", "pattern", "\\$\\{");
}

static bool
is_list(const struct param *p)
{
	switch (p->type) {
	case PARAM_STRINGS:
	case PARAM_IFNAMES:
	case PARAM_ADDRS:
	case PARAM_PORTS:
	case PARAM_PERCENTS:
	case PARAM_NETS:
		return true;
	default:
		return false;
	}
}

/* "how much to delay (duration, 0s to 10m, default 0s)" */
static char *
describe(const struct param *p)
{
	char range[80];

	(void)param_range(p, range, sizeof(range));
	return xasprintf("%s (%s%s%s%s%s)", p->help,
	    p->type == PARAM_ENUM ? "choice" : param_type_name(p->type),
	    range[0] != '\0' ? ", " : "", range, p->def != NULL ? ", default " : "",
	    p->def != NULL ? p->def : "");
}

static json_t *
schema_of_param(const struct param *p)
{
	_cleanup_free_ char *help = describe(p);
	json_t *j;

	if (p->type == PARAM_ENUM)
		j = choices_of(p);
	else
		j = json_loads(is_list(p) ? L("") : S(""), 0, NULL);
	(void)json_object_set_new(j, "description", json_string(help));
	return j;
}

static json_t *
schema_of_kind(const struct kind *k)
{
	json_t *properties = json_object(), *required = json_array(), *j;
	bool needs_any = false;

	for (const struct param *p = k->params; p->name != NULL; p++) {
		(void)json_object_set_new(properties, p->name, schema_of_param(p));
		/* a far side (`against`, a topology) stands for the networks */
		if (!p->required || p->type == PARAM_NETS)
			continue;
		(void)json_array_append_new(required, json_string(p->name));
		needs_any = true;
	}
	j = json_pack("{s:o, s:s, s:b, s:o}", "type",
	    needs_any ? json_string("object") : json_pack("[ss]", "object", "null"),
	    "description", k->summary, "additionalProperties", false, "properties",
	    properties);
	if (needs_any)
		(void)json_object_set_new(j, "required", required);
	else
		json_decref(required);
	return j;
}

json_t *
schema_make(void)
{
	json_error_t why;
	json_t *root = json_loads(around, 0, &why), *fault, *keys, *one_of;

	assert(root != NULL); /* the text above is part of the program */
	fault = json_object_get(json_object_get(root, "definitions"), "fault");
	keys = json_object_get(fault, "properties");
	one_of = json_object_get(fault, "oneOf");
	FOR_EACH_KIND(k) {
		(void)json_object_set_new(keys, (*k)->name, schema_of_kind(*k));
		(void)json_array_append_new(
		    one_of, json_pack("{s:[s]}", "required", (*k)->name));
	}
	return root;
}
