/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the policy: one rule a line, a keyword and its words, '#' begins a comment.
 * There is no quoting and no continuation: what root reads at a glance is what counts.
 * Anything not understood is an error with its line, never passed over; what is repeated
 * of it is cut, so that the line's number always fits.
 */
#include "account.h"
#include "cleanup.h"
#include "err.h"
#include "kind.h"
#include "policy.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 64

struct rule {
	size_t count; /* of words, without the keyword */
	char *word[WORDS_MAX];
	unsigned line;
};

static int
find_kind(const char *name, const struct kind **ret, size_t *ret_index, struct err *e)
{
	const char *near = kind_nearest(name);
	size_t i = 0;

	FOR_EACH_KIND(k) {
		if (strcmp((*k)->name, name) == 0) {
			*ret = *k;
			*ret_index = i;
			return 0;
		}
		i++;
	}
	if (near != NULL)
		return err_invalid(
		    e, "unknown fault '%.60s' (did you mean '%s'?)", name, near);
	return err_invalid(e, "unknown fault '%.60s'", name);
}

static int
allow_kinds(const struct rule *r, uint64_t *kinds, struct err *e)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct kind *k;
		size_t index;

		if (find_kind(r->word[i], &k, &index, e) != 0)
			return e->code;
		*kinds |= UINT64_C(1) << index;
	}
	return 0;
}

static int
rule_allow(struct policy *p, const struct rule *r, struct err *e)
{
	return allow_kinds(r, &p->allowed, e);
}

/* A keyword of its own, so that nobody allows these unawares. */
static int
rule_irreversible(struct policy *p, const struct rule *r, struct err *e)
{
	if (allow_kinds(r, &p->irreversible, e) != 0)
		return e->code;
	p->allowed |= p->irreversible;
	return 0;
}

static bool
has_size(const struct param *param)
{
	switch (param->type) {
	case PARAM_USEC:
	case PARAM_OFFSET:
	case PARAM_PPM:
	case PARAM_PERCENT:
	case PARAM_SIZE:
	case PARAM_INT:
	case PARAM_COUNT:
	case PARAM_RATE:
		return true;
	default:
		return false;
	}
}

/* The parameter's own parser reads the limit: same units, same range. */
static int
rule_limit(struct policy *p, const struct rule *r, struct err *e)
{
	struct policy_limit *l = &p->limit[p->limit_count];
	struct spec scratch;
	size_t index = 0;

	if (p->limit_count == POLICY_LIMITS_MAX)
		return err_invalid(e, "more than %d limits", POLICY_LIMITS_MAX);
	*l = (struct policy_limit){ .line = r->line };
	if (find_kind(r->word[0], &l->kind, &index, e) != 0)
		return e->code;
	if (strcmp(r->word[1], "for") == 0) {
		usec_t most;

		if (parse_usec(r->word[2], &most, e) != 0)
			return e->code;
		l->max = (int64_t)most;
		p->limit_count++;
		return 0;
	}
	l->param = kind_param(l->kind, r->word[1]);
	if (l->param == NULL)
		return err_invalid(
		    e, "%s has no parameter '%.60s'", r->word[0], r->word[1]);
	if (!has_size(l->param))
		return err_invalid(
		    e, "'%s' of %s has no size to limit", r->word[1], r->word[0]);
	spec_init(&scratch, l->kind);
	if (spec_set(&scratch, r->word[1], r->word[2], e) != 0)
		return e->code;
	l->max = spec_num(&scratch, r->word[1]);
	p->limit_count++;
	return 0;
}

static int
rule_max_duration(struct policy *p, const struct rule *r, struct err *e)
{
	return parse_usec(r->word[0], &p->max_duration, e);
}

static int
rule_max_faults(struct policy *p, const struct rule *r, struct err *e)
{
	uint64_t n;

	if (parse_u64(r->word[0], &n, e) != 0)
		return e->code;
	if (n < 1 || n > FAULTS_MAX)
		return err_invalid(e, "max-faults is 1 to %d", FAULTS_MAX);
	p->max_faults = (unsigned)n;
	return 0;
}

static int
rule_network_of(struct policy *p, const struct rule *r, struct err *e)
{
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->word[i], "pid") == 0)
			p->network_of_pid = true;
		else if (strcmp(r->word[i], "container") == 0)
			p->network_of_container = true;
		else
			return err_invalid(e,
			    "network-of '%.60s': write pid, container or both",
			    r->word[i]);
	}
	return 0;
}

static int
rule_operator(struct policy *p, const struct rule *r, struct err *e)
{
	for (size_t i = 0; i < r->count; i++) {
		if (p->operator_count == POLICY_OPERATORS_MAX)
			return err_invalid(
			    e, "more than %d operators", POLICY_OPERATORS_MAX);
		if (account_uid(r->word[i], &p->operators[p->operator_count], e) != 0)
			return e->code;
		p->operator_count++;
	}
	return 0;
}

/* Append to a list of NUL-ended strings that an empty one ends. */
static int
append_string(char *list, size_t size, const char *s, struct err *e)
{
	size_t at = 0, len = strlen(s) + 1;

	while (list[at] != '\0')
		at += strlen(list + at) + 1;
	if (at + len + 1 > size)
		return err_invalid(e, "too long a list: no room for '%.60s'", s);
	memcpy(list + at, s, len);
	list[at + len] = '\0';
	return 0;
}

static int
protect_one(struct policy *p, const char *what, const char *value, struct err *e)
{
	char name[16];

	if (strcmp(what, "process") == 0)
		return append_string(
		    p->protect.processes, sizeof(p->protect.processes), value, e);
	if (strcmp(what, "interface") == 0) {
		if (parse_ifname(value, name, e) != 0)
			return e->code;
		/* iptables would read these as patterns and quotes */
		if (strpbrk(name, "+\"'\\!") != NULL || name[0] == '-')
			return err_invalid(
			    e, "cannot protect an interface named '%s'", name);
		return append_string(
		    p->protect.interfaces, sizeof(p->protect.interfaces), name, e);
	}
	if (strcmp(what, "unit") == 0)
		return append_string(
		    p->protect.units, sizeof(p->protect.units), value, e);
	if (strcmp(what, "path") == 0) {
		if (value[0] != '/')
			return err_invalid(e, "path '%.60s' is not absolute", value);
		return append_string(
		    p->protect.paths, sizeof(p->protect.paths), value, e);
	}
	if (strcmp(what, "port") != 0)
		return err_invalid(e,
		    "cannot protect a '%.60s': process, port, interface, path or unit",
		    what);
	if (p->port_count == POLICY_PORTS_MAX)
		return err_invalid(e, "more than %d ports", POLICY_PORTS_MAX);
	if (parse_port(value, &p->port[p->port_count], e) != 0)
		return e->code;
	p->port_count++;
	return 0;
}

static int
rule_remote(struct policy *p, const struct rule *r, struct err *e)
{
	p->has_remotes = true;
	for (size_t i = 0; i < r->count; i++) {
		if (parse_name(r->word[i], e) != 0 ||
		    append_string(p->remotes, sizeof(p->remotes), r->word[i], e) != 0)
			return e->code;
	}
	return 0;
}

static int
rule_protect(struct policy *p, const struct rule *r, struct err *e)
{
	for (size_t i = 1; i < r->count; i++) {
		if (protect_one(p, r->word[0], r->word[i], e) != 0)
			return e->code;
	}
	return 0;
}

static int
rule_disk_leave(struct policy *p, const struct rule *r, struct err *e)
{
	return parse_size(r->word[0], &p->protect.disk_leave, e);
}

static const struct keyword {
	const char *name, *args;
	size_t min, max;
	int (*rule)(struct policy *p, const struct rule *r, struct err *e);
} keywords[] = {
	{ "allow", "KIND…", 1, WORDS_MAX, rule_allow },
	{ "disk-leave", "SIZE", 1, 1, rule_disk_leave },
	{ "irreversible", "KIND…", 1, WORDS_MAX, rule_irreversible },
	{ "limit", "KIND PARAM MAX", 3, 3, rule_limit },
	{ "max-duration", "DURATION", 1, 1, rule_max_duration },
	{ "max-faults", "N", 1, 1, rule_max_faults },
	{ "network-of", "pid|container…", 1, 2, rule_network_of },
	{ "operator", "USER…", 1, WORDS_MAX, rule_operator },
	{ "protect", "process|port|interface|path|unit VALUE…", 2, WORDS_MAX,
	    rule_protect },
	{ "remote", "NAME…", 1, WORDS_MAX, rule_remote },
};

static const char *
keyword_name(const void *ctx, size_t i)
{
	(void)ctx;
	return i < ARRAY_LEN(keywords) ? keywords[i].name : NULL;
}

static int
obey(struct policy *p, const char *keyword, const struct rule *r, struct err *e)
{
	const char *near = nearest(keyword, keyword_name, NULL);

	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		const struct keyword *k = &keywords[i];

		if (strcmp(k->name, keyword) != 0)
			continue;
		if (r->count < k->min || r->count > k->max)
			return err_invalid(e, "write: %s %s", k->name, k->args);
		return k->rule(p, r, e);
	}
	if (near != NULL)
		return err_invalid(
		    e, "unknown keyword '%.60s' (did you mean '%s'?)", keyword, near);
	return err_invalid(e, "unknown keyword '%.60s'", keyword);
}

/* Split in place and obey: -EINVAL when it is not to be understood. */
static int
parse_line(struct policy *p, char *line, unsigned number, struct err *e)
{
	static const char blanks[] = " \t\r";
	struct rule r = { .line = number };
	char *save = NULL, *keyword;

	line[strcspn(line, "#")] = '\0';
	keyword = strtok_r(line, blanks, &save);
	if (keyword == NULL)
		return 0;
	for (char *w; (w = strtok_r(NULL, blanks, &save)) != NULL;) {
		if (r.count == WORDS_MAX)
			return err_invalid(e, "more than %d words in a line", WORDS_MAX);
		r.word[r.count++] = w;
	}
	return obey(p, keyword, &r, e);
}

int
policy_parse(const char *text, struct policy *p, struct err *e)
{
	unsigned number = 0;

	while (*text != '\0') {
		char line[1024];
		size_t len = strcspn(text, "\n");

		number++;
		if (len >= sizeof(line))
			return err_invalid(e, "%s:%u: more than %zu bytes in a line",
			    p->path, number, sizeof(line) - 1);
		memcpy(line, text, len);
		line[len] = '\0';
		if (parse_line(p, line, number, e) != 0)
			return err_wrap(e, "%s:%u", p->path, number);
		text += len + (text[len] == '\n');
	}
	return 0;
}
