/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inventory, read as a file and as what a program prints.  It is refused with a sentence,
 * or every host of it can be reached, shown and chosen.
 */
#include "fuzz.h"
#include "inventory_ansible.h"
#include "inventory_source.h"
#include "parse.h"
#include <sys/mman.h>
#include <unistd.h>

static void
is_whole(const struct inventory *v)
{
	MUST(v->count <= HOSTS_MAX && v->max_hosts <= HOSTS_MAX && v->max_percent <= 100);
	for (size_t i = 0; i < v->count; i++) {
		const struct host *h = &v->hosts[i];

		MUST(parse_name(h->name, NULL) == 0 && inventory_find(v, h->name) == h);
		MUST(h->address[0] != '\0' && fuzz_is_printable(h->address));
		MUST(h->port > 0 && h->tag_count <= HOST_TAGS_MAX);
		for (size_t k = 0; k < h->tag_count; k++) {
			MUST(parse_name(h->tags[k].name, NULL) == 0);
			MUST(h->tags[k].value[0] != '\0' &&
			     fuzz_is_printable(h->tags[k].value));
		}
	}
}

static void
as_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC), rc;
	struct inventory *v = NULL;
	struct err e = { 0 };
	char path[64];

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = inventory_load(path, NULL, &v, &e);
	(void)close(fd);
	MUST((rc == 0) == (v != NULL));
	if (rc < 0) {
		fuzz_refused(rc, &e);
		return;
	}
	MUST(v->count > 0);
	is_whole(v);
	inventory_free(v);
}

static void
as_json(const uint8_t *data, size_t size)
{
	struct inventory *v = calloc(1, sizeof(*v));
	char *text = fuzz_text(data, size);
	struct err e = { 0 };
	int rc;

	MUST(v != NULL);
	rc = inventory_read_ansible(text, v, &e);
	if (rc == 0)
		is_whole(v);
	else
		fuzz_refused(rc, &e);
	inventory_free(v);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_file(data, size);
	as_json(data, size);
	return 0;
}
