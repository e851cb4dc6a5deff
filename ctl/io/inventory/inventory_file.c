/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inventory file, stormdrill-inventory(5).  Read as experiments are: unknown keys are
 * errors, every problem is shown at its place, and all of them at once.  The hosts stay in
 * the file's order.
 */
#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "inventory_host.h"
#include "inventory_source.h"
#include "loader.h"
#include "parse.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct inventory *v;
	struct host defaults; /* its port and tags */
};

static void
set_port(struct loader *l, const struct item *i, void *object)
{
	const char *text = load_text(l, i);
	struct host *h = object;
	struct err e;

	if (text != NULL && parse_port(text, &h->port, &e) < 0)
		load_bad(l, i, &e);
}

static void
set_address(struct loader *l, const struct item *i, void *object)
{
	const char *text = load_text(l, i);
	struct err e;

	if (text != NULL && host_set_address(object, text, &e) < 0)
		load_bad(l, i, &e);
}

/* YAML readers do not agree on what these are, and a tag that is meant to be false must not
 * come out as the word "no". */
static bool
is_doubtful(const struct node *n)
{
	static const char *const words[] = { "yes", "no", "on", "off", "y", "n" };
	bool is_case = strcasecmp(n->text, "true") == 0 && strcmp(n->text, "true") != 0;

	is_case |= strcasecmp(n->text, "false") == 0 && strcmp(n->text, "false") != 0;
	for (size_t i = 0; i < ARRAY_LEN(words) && !is_case; i++)
		is_case = strcasecmp(n->text, words[i]) == 0;
	return n->is_plain && is_case;
}

static void
set_tag(struct loader *l, const struct item *i, struct host *h)
{
	const char *text;
	struct err e;

	if (tag_check_name(i->key, &e) < 0) {
		diag_error(&l->diag, i->place, "%s", e.msg);
		return;
	}
	text = load_text(l, i);
	if (text == NULL)
		return;
	if (is_doubtful(i->value))
		diag_error(&l->diag, i->value->place,
		    "%s: write true or false, or \"%s\" in quotes for the word", i->key,
		    text);
	else if (host_set_tag(h, i->key, text, &e) < 0)
		load_bad(l, i, &e);
}

static void
set_tags(struct loader *l, const struct item *i, void *object)
{
	if (!load_is_map(l, i->value, "'tags'"))
		return;
	for (size_t k = 0; k < i->value->count; k++)
		set_tag(l, &i->value->items[k], object);
}

static const struct field default_fields[] = {
	{ "port", FIELD_OWN, .own = set_port },
	{ "tags", FIELD_OWN, .own = set_tags },
	{ 0 },
};

static const struct field host_fields[] = {
	{ "address", FIELD_OWN, .own = set_address },
	{ "port", FIELD_OWN, .own = set_port },
	{ "tags", FIELD_OWN, .own = set_tags },
	{ 0 },
};

static const struct field limit_fields[] = {
	{ "max_hosts", FIELD_COUNT, offsetof(struct inventory, max_hosts), 1, HOSTS_MAX },
	{ "max_percent", FIELD_COUNT, offsetof(struct inventory, max_percent), 1, 100 },
	{ 0 },
};

static void
set_limits(struct loader *l, const struct item *i, void *object)
{
	struct reading *r = object;

	load_fields(l, i->value, limit_fields, r->v, "'limits'");
}

static void
add_host(struct loader *l, const struct item *i, struct reading *r)
{
	char what[NAME_MAX_LEN + 16];
	struct host *h;
	struct err e;

	if (inventory_add(r->v, i->key, &h, &e) < 0) {
		diag_error(&l->diag, i->place, "%s", e.msg);
		return;
	}
	h->place = i->place;
	h->port = r->defaults.port;
	for (size_t k = 0; k < r->defaults.tag_count; k++)
		(void)host_set_tag(
		    h, r->defaults.tags[k].name, r->defaults.tags[k].value, NULL);
	(void)snprintf(what, sizeof(what), "host '%s'", h->name);
	if (!node_is_null(i->value)) /* `db1:` is a host of which its name says all */
		load_fields(l, i->value, host_fields, h, what);
	if (i->value->type == NODE_MAP && node_find(i->value, "address") != NULL)
		return; /* it is there, or it was said what is wrong with it */
	if (host_set_default_address(h, &e) < 0)
		diag_error(&l->diag, i->place, "%s", e.msg);
}

static void
set_hosts(struct loader *l, const struct item *i, void *object)
{
	if (!load_is_map(l, i->value, "'hosts'"))
		return;
	for (size_t k = 0; k < i->value->count; k++)
		add_host(l, &i->value->items[k], object);
	if (i->value->count == 0)
		diag_error(&l->diag, i->place, "'hosts' is empty");
}

/* They were read first, wherever they stand. */
static void
skip_defaults(struct loader *l, const struct item *i, void *object)
{
	(void)l;
	(void)i;
	(void)object;
}

static const struct field top_fields[] = {
	{ "version", FIELD_OWN, .own = load_version },
	{ "defaults", FIELD_OWN, .own = skip_defaults },
	{ "limits", FIELD_OWN, .own = set_limits },
	{ "hosts", FIELD_OWN, .own = set_hosts },
	{ 0 },
};

static void
read_inventory(struct loader *l, size_t len, struct reading *r)
{
	_cleanup_(node_freep) struct node *root = yaml_read(l->diag.text, len, &l->diag);
	const struct item *defaults;

	if (root == NULL || !load_is_map(l, root, "an inventory"))
		return;
	load_require(l, root, "version", "write 'version: 1'");
	load_require(l, root, "hosts", "such as 'hosts: {db1: {address: 10.0.0.7}}'");
	defaults = node_find(root, "defaults");
	if (defaults != NULL)
		load_fields(
		    l, defaults->value, default_fields, &r->defaults, "'defaults'");
	load_fields(l, root, top_fields, r, "an inventory");
}

/* For a caller who wants one sentence: the first line of the first problem. */
static void
keep_first(void *ctx, const char *text)
{
	struct err *e = ctx;

	if (e->code == 0)
		(void)err_invalid(e, "%.*s", (int)strcspn(text, "\n"), text);
}

int
inventory_read_file(const char *path, const struct inventory_options *o,
    struct inventory *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct err first = { 0 };
	struct loader l = { 0 };
	struct reading r = { .v = ret, .defaults.port = API_PORT };
	size_t len;
	int rc = load_read_text(path, &text, &len, e);

	if (rc < 0)
		return rc;
	l.diag = (struct diag){ .path = path,
		.text = text,
		.say = o->say != NULL ? o->say : keep_first,
		.ctx = o->say != NULL ? o->ctx : &first };
	read_inventory(&l, len, &r);
	free(r.defaults.tags);
	if (l.diag.count == 0)
		return 0;
	if (o->say == NULL)
		return err_invalid(e, "%s", first.msg);
	return err_invalid(
	    e, "'%s' has %u problem%s", path, l.diag.count, l.diag.count == 1 ? "" : "s");
}
