/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From libyaml's events to nodes.  The first problem of syntax ends the reading: what
 * follows it would be guesses.  Recursion is bounded by YAML_DEPTH_MAX before it happens.
 */
#include "load_yaml.h"
#include "bounds.h"
#include "diag.h"
#include "xalloc.h"
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define KEYS_MAX 1024 /* of one map: they are compared pair by pair */

struct reader {
	yaml_parser_t parser;
	struct diag *diag;
	unsigned nodes;
};

static struct node *read_node(struct reader *r, const yaml_event_t *v, unsigned depth);

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->count; i++) {
		free(n->items[i].key);
		node_free(n->items[i].value);
	}
	free(n->items);
	free(n->text);
	free(n);
}

void
node_freep(struct node **n)
{
	node_free(*n);
}

const struct item *
node_find(const struct node *map, const char *key)
{
	for (size_t i = 0; map->type == NODE_MAP && i < map->count; i++) {
		if (strcmp(map->items[i].key, key) == 0)
			return &map->items[i];
	}
	return NULL;
}

bool
node_is_null(const struct node *n)
{
	return n->type == NODE_SCALAR && n->is_plain &&
	       (n->text[0] == '\0' || strcmp(n->text, "~") == 0 ||
		   strcmp(n->text, "null") == 0);
}

const char *
node_type_name(const struct node *n)
{
	switch (n->type) {
	case NODE_LIST:
		return "a list";
	case NODE_MAP:
		return "a map";
	case NODE_SCALAR:
		break;
	}
	return node_is_null(n) ? "nothing" : "a single value";
}

static struct place
place_of(yaml_mark_t m)
{
	return (struct place){ .line = (unsigned)m.line + 1,
		.column = (unsigned)m.column + 1 };
}

/* Bytes that are no UTF-8 have an offset, not a mark. */
static struct place
place_of_offset(const char *text, size_t offset)
{
	struct place p = { .line = 1, .column = 1 };

	for (size_t i = 0; i < offset && text[i] != '\0'; i++) {
		p.column++;
		if (text[i] == '\n') {
			p.line++;
			p.column = 1;
		}
	}
	return p;
}

static void
say_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem != NULL ? p->problem : "out of memory";

	if (p->error == YAML_READER_ERROR) {
		diag_error(r->diag, place_of_offset(r->diag->text, p->problem_offset),
		    "not a text file in UTF-8: %s", problem);
		return;
	}
	diag_error(r->diag, place_of(p->problem_mark), "not YAML: %s%s%s", problem,
	    p->context != NULL ? " " : "", p->context != NULL ? p->context : "");
}

static bool
next_event(struct reader *r, yaml_event_t *v)
{
	if (yaml_parser_parse(&r->parser, v) == 1)
		return true;
	say_syntax(r);
	return false;
}

static struct node *
new_node(struct reader *r, enum node_type type, const yaml_event_t *v)
{
	struct node *n;

	if (++r->nodes > YAML_NODES_MAX) {
		diag_error(r->diag, place_of(v->start_mark), "more than %d values",
		    YAML_NODES_MAX);
		return NULL;
	}
	n = xcalloc(1, sizeof(*n));
	n->type = type;
	n->place = place_of(v->start_mark);
	return n;
}

static struct item *
add_item(struct node *n)
{
	/* capacity doubles: powers of two are full */
	if ((n->count & (n->count - 1)) == 0)
		n->items = xrealloc(
		    n->items, (n->count > 0 ? 2 * n->count : 1) * sizeof(*n->items));
	n->items[n->count] = (struct item){ 0 };
	return &n->items[n->count++];
}

static bool
check_key(struct reader *r, const struct node *map, const yaml_event_t *v)
{
	struct place at = place_of(v->start_mark);
	const struct item *twin;

	if (v->type != YAML_SCALAR_EVENT) {
		diag_error(r->diag, at, "a key must be a single word");
		return false;
	}
	if (strlen((const char *)v->data.scalar.value) != v->data.scalar.length) {
		diag_error(r->diag, at, "a key with a NUL in it");
		return false;
	}
	twin = node_find(map, (const char *)v->data.scalar.value);
	if (twin != NULL) {
		diag_error(r->diag, at, "key '%s' is there twice: first in line %u",
		    twin->key, twin->place.line);
		return false;
	}
	if (map->count == KEYS_MAX) {
		diag_error(r->diag, at, "more than %d keys in one map", KEYS_MAX);
		return false;
	}
	return true;
}

/* One pair whose key is `v`. */
static bool
read_pair(struct reader *r, struct node *map, const yaml_event_t *v, unsigned depth)
{
	struct item *item;
	yaml_event_t value;

	if (!check_key(r, map, v) || !next_event(r, &value))
		return false;
	r->nodes++;
	item = add_item(map);
	item->key = xstrdup((const char *)v->data.scalar.value);
	item->place = place_of(v->start_mark);
	item->value = read_node(r, &value, depth);
	yaml_event_delete(&value);
	return item->value != NULL;
}

static bool
read_list_item(struct reader *r, struct node *list, const yaml_event_t *v, unsigned depth)
{
	struct item *item = add_item(list);

	item->place = place_of(v->start_mark);
	item->value = read_node(r, v, depth);
	return item->value != NULL;
}

static bool
read_items(struct reader *r, struct node *n, unsigned depth)
{
	bool ok = true;

	while (ok) {
		yaml_event_t v;

		if (!next_event(r, &v))
			return false;
		if (v.type == YAML_MAPPING_END_EVENT ||
		    v.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&v);
			return true;
		}
		if (n->type == NODE_MAP)
			ok = read_pair(r, n, &v, depth);
		else
			ok = read_list_item(r, n, &v, depth);
		yaml_event_delete(&v);
	}
	return false;
}

static struct node *
read_scalar(struct reader *r, const yaml_event_t *v)
{
	const char *text = (const char *)v->data.scalar.value;
	struct node *n = new_node(r, NODE_SCALAR, v);

	if (n == NULL)
		return NULL;
	n->text = xstrdup(text);
	n->is_plain = v->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (strlen(text) == v->data.scalar.length)
		return n;
	diag_error(r->diag, n->place, "a value with a NUL in it");
	node_free(n);
	return NULL;
}

static struct node *
read_collection(
    struct reader *r, enum node_type type, const yaml_event_t *v, unsigned depth)
{
	struct node *n;

	if (depth > YAML_DEPTH_MAX) {
		diag_error(r->diag, place_of(v->start_mark),
		    "nested deeper than %d levels", YAML_DEPTH_MAX);
		return NULL;
	}
	n = new_node(r, type, v);
	if (n != NULL && read_items(r, n, depth + 1))
		return n;
	node_free(n);
	return NULL;
}

static bool
is_extra(struct reader *r, const yaml_event_t *v)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (v->type == YAML_SCALAR_EVENT) {
		anchor = v->data.scalar.anchor;
		tag = v->data.scalar.tag;
	} else if (v->type == YAML_SEQUENCE_START_EVENT) {
		anchor = v->data.sequence_start.anchor;
		tag = v->data.sequence_start.tag;
	} else if (v->type == YAML_MAPPING_START_EVENT) {
		anchor = v->data.mapping_start.anchor;
		tag = v->data.mapping_start.tag;
	}
	if (anchor != NULL || v->type == YAML_ALIAS_EVENT)
		diag_error(r->diag, place_of(v->start_mark),
		    "anchors and aliases are not taken: write it out, or use a variable");
	else if (tag != NULL)
		diag_error(r->diag, place_of(v->start_mark), "tags are not taken");
	else
		return false;
	return true;
}

static struct node *
read_node(struct reader *r, const yaml_event_t *v, unsigned depth)
{
	if (is_extra(r, v))
		return NULL;
	if (v->type == YAML_SCALAR_EVENT)
		return read_scalar(r, v);
	if (v->type == YAML_SEQUENCE_START_EVENT)
		return read_collection(r, NODE_LIST, v, depth);
	return read_collection(r, NODE_MAP, v, depth);
}

/* The event after the stream's or a document's start or end. */
static bool
skip_to(struct reader *r, yaml_event_t *v)
{
	do {
		if (!next_event(r, v))
			return false;
		if (v->type != YAML_STREAM_START_EVENT &&
		    v->type != YAML_DOCUMENT_START_EVENT &&
		    v->type != YAML_DOCUMENT_END_EVENT)
			return true;
		yaml_event_delete(v);
	} while (true);
}

static struct node *
read_document(struct reader *r)
{
	yaml_event_t v;
	struct node *root;

	if (!skip_to(r, &v))
		return NULL;
	if (v.type == YAML_STREAM_END_EVENT) {
		diag_error(r->diag, (struct place){ 0 }, "the file is empty");
		yaml_event_delete(&v);
		return NULL;
	}
	root = read_node(r, &v, 1);
	yaml_event_delete(&v);
	if (root == NULL || !skip_to(r, &v)) {
		node_free(root);
		return NULL;
	}
	if (v.type != YAML_STREAM_END_EVENT) {
		diag_error(
		    r->diag, place_of(v.start_mark), "a second document in one file");
		node_free(root);
		root = NULL;
	}
	yaml_event_delete(&v);
	return root;
}

struct node *
yaml_read(const char *text, size_t len, struct diag *d)
{
	struct reader r = { .diag = d };
	struct node *root;

	if (yaml_parser_initialize(&r.parser) != 1)
		abort(); /* out of memory, as in xalloc */
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	root = read_document(&r);
	yaml_parser_delete(&r.parser);
	return root;
}
