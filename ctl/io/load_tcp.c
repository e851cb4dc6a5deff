/* SPDX-License-Identifier: Apache-2.0 */
/* `tcp:` of a probe: where to connect to, and what to say there. */
#include "cleanup.h"
#include "err.h"
#include "loader.h"
#include "parse.h"
#include "xalloc.h"
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_DEFAULT (2 * USEC_PER_SEC)
#define SEND_MAX        16384 /* fits any socket's buffer: it is sent at once */

static bool
is_host(const char *host, bool in_brackets)
{
	struct net n;
	struct err e;
	bool is_address = strchr(host, '/') == NULL && parse_net(host, &n, &e) == 0;

	if (in_brackets)
		return is_address && n.family == 6;
	if (is_address)
		return n.family == 4;
	/* digits and dots alone are a mistyped address, not a name */
	return host[strspn(host, "0123456789.")] != '\0' && host[0] != '*' &&
	       parse_domain(host, &e) == 0;
}

/* "HOST:PORT" or "[v6]:PORT". */
static bool
split_address(const char *text, struct tcp_probe *t)
{
	bool in_brackets = text[0] == '[';
	const char *colon = strrchr(text, ':');
	const char *end = in_brackets ? strchr(text, ']') : colon;
	_cleanup_free_ char *host = NULL;
	struct err e;

	if (colon == NULL || end == NULL || end + in_brackets != colon ||
	    parse_port(colon + 1, &t->port, &e) < 0)
		return false;
	host = xstrndup(text + in_brackets, (size_t)(end - text - in_brackets));
	if (!is_host(host, in_brackets))
		return false;
	free(t->host);
	t->host = steal_ptr(&host);
	return true;
}

static void
set_address(struct loader *l, const struct item *i, void *object)
{
	const char *text = load_text(l, i);

	if (text != NULL && !split_address(text, object))
		diag_error(&l->diag, i->value->place,
		    "%s: '%s' is not HOST:PORT: write db.internal:5432, 10.0.0.7:5432 or "
		    "[fd00::7]:5432",
		    i->key, text);
}

static void
set_send(struct loader *l, const struct item *i, void *object)
{
	struct tcp_probe *t = object;
	const char *text = load_text(l, i);

	if (text == NULL)
		return;
	if (text[0] == '\0' || strlen(text) > SEND_MAX) {
		diag_error(
		    &l->diag, i->value->place, "send: write 1 to %d bytes", SEND_MAX);
		return;
	}
	free(t->send);
	t->send = xstrdup(text);
}

static const struct field tcp_fields[] = {
	{ "address", FIELD_OWN, .own = set_address },
	{ "send", FIELD_OWN, .own = set_send },
	{ "timeout", FIELD_USEC, offsetof(struct tcp_probe, timeout), 1000,
	    5 * 60 * USEC_PER_SEC },
	{ 0 },
};

void
load_tcp(struct loader *l, const struct item *i, void *object)
{
	struct tcp_probe *t = &((struct probe_def *)object)->tcp;

	t->timeout = TIMEOUT_DEFAULT;
	if (i->value->type == NODE_SCALAR) {
		set_address(l, i, t); /* `tcp: HOST:PORT` is short for {address: …} */
		return;
	}
	load_fields(l, i->value, tcp_fields, t, "'tcp'");
	if (i->value->type == NODE_MAP && node_find(i->value, "address") == NULL)
		diag_error(&l->diag, i->place, "'tcp' needs an address: HOST:PORT");
}
