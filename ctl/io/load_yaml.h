/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOAD_YAML_H
#define LOAD_YAML_H
/*
 * YAML as a tree with places.  Bounded in depth, nodes and keys; no anchors, aliases or
 * tags (nothing can grow beyond what is written), no second document, no key twice.
 */
#include "experiment.h"
#include <stdbool.h>
#include <stddef.h>

struct diag;

enum node_type { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_type type;
	struct place place;
	char *text;     /* scalar */
	bool is_plain;  /* scalar without quotes: an empty one is no value */
	bool is_broken; /* scalar with a variable that has no value: it was said */
	size_t count;   /* list, map */
	struct item *items;
};

struct item {
	char *key; /* NULL in a list */
	struct place place;
	struct node *value;
};

/* NULL when there was a problem; it was said. */
struct node *yaml_read(const char *text, size_t len, struct diag *d);
void node_free(struct node *n); /* NULL is fine */
void node_freep(struct node **n);
const struct item *node_find(const struct node *map, const char *key); /* or NULL */
bool node_is_null(const struct node *n); /* `key:` with nothing behind it */
const char *node_type_name(const struct node *n);

#endif
