/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation of jq_wire.h, from its answering side.  It trusts stormctl and nothing
 * that stormctl passes on.
 */
#include "serve.h"
#include "condition.h"
#include "err.h"
#include "jail.h"
#include "jq_wire.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Not on the stack, and not to be found when memory has run out. */
static char text[JQ_TEXT_MAX + 1];
static struct jq_reply reply;

static bool
hear_all(void *buf, size_t len)
{
	ssize_t n;

	do {
		n = recv(JQ_FD, buf, len, MSG_WAITALL);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)len;
}

/* A whole text, NUL behind it. */
static bool
hear(size_t *ret_len)
{
	struct jq_length head;

	if (!hear_all(&head, sizeof(head)) || head.bytes > JQ_TEXT_MAX ||
	    (head.bytes > 0 && !hear_all(text, head.bytes)))
		return false;
	text[head.bytes] = '\0';
	*ret_len = head.bytes;
	return true;
}

static bool
answer(void)
{
	return send(JQ_FD, &reply, sizeof(reply), MSG_NOSIGNAL) == (ssize_t)sizeof(reply);
}

static void
on_no_memory(void *ctx)
{
	(void)ctx;
	reply.is_true = 0;
	(void)snprintf(reply.why, sizeof(reply.why),
	    "the jq filter needs more than %d MiB of memory", JQ_MEMORY_MIB);
	(void)answer();
	_exit(0);
}

int
serve_questions(void)
{
	struct condition *c;
	struct err e = { 0 };
	size_t len;

	if (jail_enter(&e) < 0) {
		(void)snprintf(
		    reply.why, sizeof(reply.why), "stormctl-jq: %.200s", e.msg);
		(void)answer();
		return 1;
	}
	if (!hear(&len))
		return 0;
	jail_bound_cpu();
	c = condition_compile(text, on_no_memory, &reply);
	while (answer() && c != NULL && hear(&len)) {
		jail_bound_cpu();
		condition_ask(c, text, len, &reply);
	}
	condition_free(c);
	return 0;
}
