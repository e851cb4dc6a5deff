/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ansible's words into ours: ansible_host is the address, stormdrill_port the port, a group
 * is a bare tag, and a variable with a single value is a tag.  As for Ansible, a host is one
 * that a group lists.
 *
 * What does not fit a tag must not choose other hosts than its owner means: a value that is
 * too long is cut, so that the tag is there; variables that no expression could name, or
 * nobody chooses by (connection settings, secrets, which would only be shown), are left out.
 */
#include "inventory_ansible.h"
#include "cleanup.h"
#include "err.h"
#include "inventory_groups.h"
#include "inventory_host.h"
#include "parse.h"
#include "quote.h"
#include "secret.h"
#include <stdio.h>
#include <string.h>

struct reading {
	struct inventory *v;
	struct groups groups;
	json_t *root, *hosts; /* hosts: where each stands in the inventory, by its name */
	struct err *e;
};

static void
reading_release(struct reading *r)
{
	groups_release(&r->groups);
	json_decref(r->hosts);
	json_decref(r->root);
}

static int
parse_json(const char *text, json_t **ret, struct err *e)
{
	json_error_t why;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &why);

	if (j == NULL)
		return err_invalid(e, "line %d of what it printed is no JSON: %s",
		    why.line, quote(why.text).text);
	if (!json_is_object(j)) {
		json_decref(j);
		return err_invalid(e, "it printed JSON, but no object of groups");
	}
	*ret = j;
	return 0;
}

/* In a group of its own, by convention: it is the machine that asks. */
static bool
is_implicit(const char *name)
{
	return strcmp(name, "localhost") == 0;
}

static int
add_hosts_of(struct reading *r, const struct group *g)
{
	const json_t *list = group_hosts(g), *each;
	struct host *h;
	size_t i;

	json_array_foreach(list, i, each)
	{
		const char *name = json_string_value(each);

		if (is_implicit(name) || json_object_get(r->hosts, name) != NULL)
			continue;
		if (inventory_add(r->v, name, &h, r->e) < 0)
			return err_wrap(r->e, "group '%s'", quote(g->name).text);
		(void)json_object_set_new(r->hosts, name, json_true());
	}
	return 0;
}

static int
add_hosts(struct reading *r)
{
	r->hosts = json_object();
	for (size_t i = 0; i < r->groups.count; i++) {
		int rc = add_hosts_of(r, &r->groups.group[i]);

		if (rc < 0)
			return rc;
	}
	inventory_sort(r->v);
	for (size_t i = 0; i < r->v->count; i++)
		(void)json_object_set_new(
		    r->hosts, r->v->hosts[i].name, json_integer((json_int_t)i));
	return 0;
}

static int
set_address(struct host *h, const json_t *value, struct err *e)
{
	const char *text = json_string_value(value);

	if (text == NULL)
		return err_invalid(e, "host '%s': ansible_host is not a string", h->name);
	if (strstr(text, "{{") != NULL)
		return err_invalid(e,
		    "host '%s': ansible_host is a template, '%s', which "
		    "Ansible's --list does not fill in",
		    h->name, quote(text).text);
	if (host_set_address(h, text, e) < 0)
		return err_wrap(e, "host '%s': ansible_host", h->name);
	return 0;
}

static int
set_port(struct host *h, const json_t *value, struct err *e)
{
	char number[24] = "";

	if (json_is_integer(value))
		(void)snprintf(
		    number, sizeof(number), "%lld", (long long)json_integer_value(value));
	if (parse_port(json_is_string(value) ? json_string_value(value) : number,
		&h->port, e) < 0)
		return err_wrap(e, "host '%s': stormdrill_port", h->name);
	return 0;
}

static bool
is_left_out(const char *name)
{
	return strncmp(name, "ansible_", 8) == 0 || tag_check_name(name, NULL) < 0 ||
	       is_secret_name(name);
}

/* The text of a value, or "" for what is none. */
static void
text_of(const json_t *value, char ret[static NAME_MAX_LEN])
{
	const char *text = json_string_value(value);
	size_t len = text != NULL ? strnlen(text, NAME_MAX_LEN) : 0;

	ret[0] = '\0';
	if (json_is_boolean(value))
		(void)snprintf(
		    ret, NAME_MAX_LEN, "%s", json_is_true(value) ? "true" : "false");
	else if (json_is_integer(value))
		(void)snprintf(
		    ret, NAME_MAX_LEN, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		(void)snprintf(ret, NAME_MAX_LEN, "%g", json_real_value(value));
	if (text == NULL)
		return;
	if (len == NAME_MAX_LEN)
		len--;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--; /* not in the middle of a character */
	for (size_t i = 0; i < len; i++)
		ret[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
	ret[len] = '\0';
}

static int
set_var(struct host *h, const char *name, const json_t *value, struct err *e)
{
	char text[NAME_MAX_LEN];

	if (strcmp(name, "ansible_host") == 0)
		return set_address(h, value, e);
	if (strcmp(name, "stormdrill_port") == 0)
		return set_port(h, value, e);
	if (is_left_out(name))
		return 0;
	text_of(value, text);
	return text[0] != '\0' ? host_set_tag(h, name, text, e) : 0;
}

static int
set_vars(struct host *h, const json_t *vars, struct err *e)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)vars, name, value)
	{
		int rc = set_var(h, name, value, e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What is set later wins: the groups themselves, then variables of outer groups, of inner
 * ones, and the host's own. */
static int
set_tags(struct reading *r, size_t at)
{
	const struct groups *g = &r->groups;
	const json_t *meta = json_object_get(r->root, "_meta");
	const json_t *vars = json_object_get(meta, "hostvars");
	struct host *h = &r->v->hosts[at];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < g->count; i++) {
		const struct group *each = &g->group[g->order[i]];

		if (group_has(each, at) && !group_is_all(each) &&
		    tag_check_name(each->name, NULL) == 0)
			rc = host_set_tag(h, each->name, "true", r->e);
	}
	for (size_t i = 0; rc == 0 && i < g->count; i++) {
		const struct group *each = &g->group[g->order[i]];

		if (group_is_all(each) || group_has(each, at))
			rc = set_vars(h, group_vars(each), r->e);
	}
	if (rc == 0)
		rc = set_vars(h, json_object_get(vars, h->name), r->e);
	return rc < 0 ? rc : host_set_default_address(h, r->e);
}

int
inventory_read_ansible(const char *text, struct inventory *ret, struct err *e)
{
	_cleanup_(reading_release) struct reading r = { .v = ret, .e = e };
	int rc = parse_json(text, &r.root, e);

	if (rc == 0)
		rc = groups_read(&r.groups, r.root, e);
	if (rc == 0)
		rc = add_hosts(&r);
	if (rc < 0)
		return rc;
	groups_fill(&r.groups, r.hosts);
	for (size_t i = 0; rc == 0 && i < ret->count; i++)
		rc = set_tags(&r, i);
	return rc;
}
