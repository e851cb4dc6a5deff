/* SPDX-License-Identifier: Apache-2.0 */
/* Owning an inventory and looking things up in it; reading one is ctl/io/inventory's. */
#include "inventory.h"
#include <stdlib.h>
#include <string.h>

void
inventory_free(struct inventory *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->count; i++)
		free(v->hosts[i].tags);
	free(v->hosts);
	free(v->source);
	free(v);
}

const struct host *
inventory_find(const struct inventory *v, const char *name)
{
	for (size_t i = 0; i < v->count; i++) {
		if (strcmp(v->hosts[i].name, name) == 0)
			return &v->hosts[i];
	}
	return NULL;
}

const char *
host_tag(const struct host *h, const char *tag)
{
	for (size_t i = 0; i < h->tag_count; i++) {
		if (strcmp(h->tags[i].name, tag) == 0)
			return h->tags[i].value;
	}
	return strcmp(tag, "name") == 0 ? h->name : NULL;
}
