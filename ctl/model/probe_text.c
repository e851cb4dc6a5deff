/* SPDX-License-Identifier: Apache-2.0 */
/* What a probe asks, in one line for people. */
#include "experiment.h"
#include <stdio.h>
#include <string.h>

/* As a person would type it: words with blanks in quotes. */
static void
put_command(char *const *argv, char *buf, size_t size)
{
	size_t used = strlen(buf);

	for (; argv != NULL && *argv != NULL && used < size; argv++) {
		bool is_word = **argv != '\0' && strpbrk(*argv, " \t\n'\"$*?") == NULL;
		int n =
		    snprintf(buf + used, size - used, is_word ? " %s" : " '%s'", *argv);

		used += n > 0 ? (size_t)n : 0;
	}
}

/* One line, whole characters: it may have been cut, and a query has several lines. */
static void
make_plain(char *text)
{
	size_t len = strlen(text), last = len;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = ' ';
	while (last > 0 && ((unsigned char)text[last - 1] & 0xc0) == 0x80)
		last--;
	if (last == 0)
		return;
	unsigned char lead = (unsigned char)text[last - 1];
	size_t needs = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;

	if (len - last < needs)
		text[last - 1] = '\0';
}

const char *
probe_describe(const struct probe_def *p, char *buf, size_t size)
{
	bool is_v6;

	switch (p->type) {
	case PROBE_TCP:
		is_v6 = strchr(p->tcp.host, ':') != NULL;
		(void)snprintf(buf, size, "tcp %s%s%s:%u", is_v6 ? "[" : "", p->tcp.host,
		    is_v6 ? "]" : "", p->tcp.port);
		break;
	case PROBE_EXEC:
		(void)snprintf(buf, size, "exec");
		put_command(p->exec.argv, buf, size);
		break;
	case PROBE_PROMETHEUS:
		(void)snprintf(buf, size, "prometheus %s at %.*s", p->query,
		    (int)strcspn(p->http.url, "?"), p->http.url);
		break;
	default:
		(void)snprintf(buf, size, "%s %s", p->http.method, p->http.url);
		break;
	}
	make_plain(buf);
	return buf;
}
