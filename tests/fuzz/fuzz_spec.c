/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spec as it reaches root.  The input is a line of words, "net.delay for=1s delay=1ms
 * to=any", that makes a good one, and then damage to its bytes.  Whatever spec_verify
 * lets pass is read by every function there is, in memory that ends where the spec does.
 */
#include "cleanup.h"
#include "fuzz.h"
#include "kind.h"
#include "spec.h"

static void
make_spec(struct spec *s, char *line)
{
	struct err e = { 0 };
	char *rest = NULL, *word = strtok_r(line, " ", &rest);
	const struct kind *k = word != NULL ? kind_find(word) : NULL;

	if (k == NULL)
		return;
	spec_init(s, k);
	while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
		char *value = strchr(word, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (strcmp(word, "for") == 0)
			(void)parse_usec(value, &s->duration, &e);
		else
			(void)spec_set(s, word, value, &e);
	}
	(void)spec_finish(s, &e);
}

/* What was verified is read whole: no item is one that the typed readers stop at. */
static void
read_list(const struct spec *s, const struct param *p, size_t count)
{
	struct port_range ports[PORT_RANGES_MAX];
	struct net addrs[SPEC_ADDRS_MAX];
	int64_t percents[16];
	usec_t on, off;

	if (p->type == PARAM_PORTS)
		MUST(spec_ports(s, p->name, ports, PORT_RANGES_MAX) == count);
	if (p->type == PARAM_ADDRS)
		MUST(spec_addrs(s, p->name, addrs, SPEC_ADDRS_MAX) == count);
	if (p->type == PARAM_IFNAMES)
		MUST(count <= SPEC_IFNAMES_MAX);
	if (p->type == PARAM_PERCENTS)
		MUST(spec_percents(s, p->name, percents, 16) == count);
	if (p->type == PARAM_CYCLE)
		MUST(spec_cycle(s, p->name, &on, &off) == spec_has(s, p->name));
}

static void
read_all(const struct spec *s)
{
	const struct kind *k = kind_find(s->kind);
	char text[300];

	MUST(k != NULL && memchr(s->name, '\0', sizeof(s->name)) != NULL);
	MUST(fuzz_is_printable(spec_describe(s, text, sizeof(text))));
	for (const struct param *p = k->params; p->name != NULL; p++) {
		const char *value = spec_text(s, p->name), *item;
		size_t i;

		MUST(
		    value[0] == '\0' ||
		    (value >= s->text && value + strlen(value) < s->text + s->text_used));
		for (i = 0; (item = spec_string(s, p->name, i)) != NULL; i++)
			MUST(item[0] != '\0' &&
			     item + strlen(item) < s->text + s->text_used);
		read_list(s, p, i);
		(void)spec_num(s, p->name);
		(void)spec_format(s, p->name, text, sizeof(text));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t len = end != NULL ? (size_t)(end - data) : size;
	struct bytes rest = { data + len, size - len };
	_cleanup_free_ char *line = fuzz_text(data, len);
	_cleanup_free_ struct spec *s = calloc(1, sizeof(*s));
	struct err e = { 0 };
	int rc;

	MUST(s != NULL);
	make_spec(s, line);
	(void)fuzz_byte(&rest); /* the line's end */
	fuzz_damage(&rest, 64, s, sizeof(*s));
	rc = spec_verify(s, &e);
	if (rc != 0)
		fuzz_refused(rc, &e);
	else
		read_all(s);
	return 0;
}
