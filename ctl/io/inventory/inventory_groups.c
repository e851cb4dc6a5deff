/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of groups, without recursion: depths are found by relaxation, which a cycle never
 * lets come to rest, and members are then handed up from the deepest.
 */
#include "inventory_groups.h"
#include "err.h"
#include "quote.h"
#include "xalloc.h"
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 4096
#define DEPTH_MAX  32

const json_t *
group_hosts(const struct group *g)
{
	return json_is_array(g->body) ? g->body : json_object_get(g->body, "hosts");
}

const json_t *
group_vars(const struct group *g)
{
	return json_object_get(g->body, "vars"); /* NULL for a list */
}

bool
group_has(const struct group *g, size_t host)
{
	return (g->members[host / 64] >> (host % 64) & 1) != 0;
}

bool
group_is_all(const struct group *g)
{
	return strcmp(g->name, "all") == 0;
}

static int
check_list(const struct group *g, const json_t *list, const char *key, struct err *e)
{
	const json_t *each;
	size_t i;

	if (list == NULL || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return err_invalid(
		    e, "group '%s': '%s' is not a list", quote(g->name).text, key);
	json_array_foreach(list, i, each)
	{
		if (!json_is_string(each))
			return err_invalid(e,
			    "group '%s': '%s' has something that is no name",
			    quote(g->name).text, key);
	}
	return 0;
}

static int
add_group(struct groups *g, const char *name, const json_t *body, struct err *e)
{
	struct group *new;
	int r;

	if (!json_is_object(body) && !json_is_array(body))
		return err_invalid(
		    e, "group '%s' is neither an object nor a list", quote(name).text);
	if (g->count == GROUPS_MAX)
		return err_invalid(e, "more than %d groups", GROUPS_MAX);
	new = &g->group[g->count];
	*new = (struct group){ .name = name, .body = body };
	r = check_list(new, group_hosts(new), "hosts", e);
	if (r == 0)
		r = check_list(new, json_object_get(body, "children"), "children", e);
	(void)json_object_set_new(g->index, name, json_integer((json_int_t)g->count++));
	return r;
}

/* A child nobody describes has no hosts: it is left out. */
static void
link_children(struct groups *g, struct group *parent)
{
	const json_t *list = json_object_get(parent->body, "children"), *each;
	size_t i;

	parent->children = xcalloc(json_array_size(list) + 1, sizeof(size_t));
	json_array_foreach(list, i, each)
	{
		const json_t *at = json_object_get(g->index, json_string_value(each));

		if (at != NULL)
			parent->children[parent->child_count++] =
			    (size_t)json_integer_value(at);
	}
}

/* One pass; false when nothing changed. */
static bool
push_depths(struct groups *g)
{
	bool changed = false;

	for (size_t i = 0; i < g->count; i++) {
		const struct group *parent = &g->group[i];

		for (size_t k = 0; k < parent->child_count; k++) {
			struct group *child = &g->group[parent->children[k]];

			if (child->depth > parent->depth)
				continue;
			child->depth = parent->depth + 1;
			changed = true;
		}
	}
	return changed;
}

static int
compare_groups(const void *a, const void *b, void *ctx)
{
	const struct groups *g = ctx;
	const struct group *left = &g->group[*(const size_t *)a];
	const struct group *right = &g->group[*(const size_t *)b];

	if (group_is_all(left) != group_is_all(right))
		return group_is_all(left) ? -1 : 1;
	if (left->depth != right->depth)
		return left->depth < right->depth ? -1 : 1;
	return strcmp(left->name, right->name);
}

static int
order_groups(struct groups *g, struct err *e)
{
	unsigned passes = 0;

	for (size_t i = 0; i < g->count; i++)
		link_children(g, &g->group[i]);
	while (push_depths(g)) {
		if (++passes > DEPTH_MAX)
			return err_invalid(e,
			    "groups that are children of themselves, or nested deeper "
			    "than %d levels",
			    DEPTH_MAX);
	}
	g->order = xcalloc(g->count + 1, sizeof(*g->order));
	for (size_t i = 0; i < g->count; i++)
		g->order[i] = i;
	qsort_r(g->order, g->count, sizeof(*g->order), compare_groups, g);
	return 0;
}

int
groups_read(struct groups *ret, const json_t *root, struct err *e)
{
	struct groups g = { 0 };
	const char *name;
	json_t *body;
	int r = 0;

	g.group = xcalloc(json_object_size(root) + 1, sizeof(*g.group));
	g.index = json_object();
	json_object_foreach((json_t *)(uintptr_t)root, name, body)
	{
		if (r == 0 && strcmp(name, "_meta") != 0)
			r = add_group(&g, name, body, e);
	}
	if (r == 0)
		r = order_groups(&g, e);
	if (r < 0)
		groups_release(&g);
	else
		*ret = g;
	return r;
}

void
groups_release(struct groups *g)
{
	for (size_t i = 0; i < g->count; i++)
		free(g->group[i].children);
	free(g->group);
	free(g->order);
	json_decref(g->index);
	*g = (struct groups){ 0 };
}

static void
fill_own(struct group *g, const json_t *host_index)
{
	const json_t *list = group_hosts(g), *each;
	size_t i;

	json_array_foreach(list, i, each)
	{
		const json_t *at = json_object_get(host_index, json_string_value(each));
		size_t host = (size_t)json_integer_value(at);

		if (at != NULL)
			g->members[host / 64] |= UINT64_C(1) << (host % 64);
	}
}

void
groups_fill(struct groups *g, const json_t *host_index)
{
	for (size_t i = g->count; i > 0; i--) {
		struct group *parent = &g->group[g->order[i - 1]];

		fill_own(parent, host_index);
		for (size_t k = 0; k < parent->child_count; k++) {
			const struct group *child = &g->group[parent->children[k]];

			for (size_t w = 0; w < HOSTS_MAX / 64; w++)
				parent->members[w] |= child->members[w];
		}
	}
}
