/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What anyone who reaches the socket may ask of a sound front: "POST /v1/drills", and a
 * body after the line's end.  It is refused with a reason, or it is a message that stormd
 * takes: no request may make stormd believe that its front has gone bad.
 */
#include "ask.h"
#include "cleanup.h"
#include "front_world.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t len = end != NULL ? (size_t)(end - data) : size;
	_cleanup_free_ char *line = fuzz_text(data, len);
	const char *words[5] = { "", "", NULL, NULL, NULL };
	char *rest = NULL;
	struct err e = { 0 };
	struct ask a = { .seq = 1 };
	int rc;

	world_open();
	world_reset();
	for (size_t i = 0; i < 5; i++) {
		char *word = strtok_r(i == 0 ? line : NULL, " ?", &rest);

		words[i] = word != NULL ? word : words[i];
	}
	a.method = words[0];
	a.path = words[1];
	a.wait = words[2];
	a.cause = words[3];
	a.at = words[4];
	a.body = (const char *)data + len;
	a.body_len = size - len;
	if (strcmp(a.path, "/v1/doctor") == 0)
		return 0; /* asks a child */
	rc = ask_send(world_front, &a, &e);
	if (rc != 0)
		fuzz_refused(rc, &e);
	MUST(world_turn() == 0);
	return 0;
}
