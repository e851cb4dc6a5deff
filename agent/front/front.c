/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front's one loop and the order of its beginning: what needs files or privilege first,
 * then the sandbox, then the first byte from a stranger.  It lives as long as the channel;
 * it holds no fault, so its end harms none but what stormd then decides to undo.
 */
#include "front.h"
#include "chan.h"
#include "err.h"
#include "http.h"
#include "log.h"
#include "sandbox.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>

/* Hand every message that is there to its request. */
static int
read_channel(struct http *h, struct err *e)
{
	static union msg m;
	int rc;

	while ((rc = chan_recv(CHAN_FD, &m, e)) > 0) {
		rc = http_answer(h, &m, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int
serve(struct http *h, struct err *e)
{
	struct pollfd p[] = {
		{ .fd = http_fd(h), .events = POLLIN },
		{ .fd = CHAN_FD, .events = POLLIN },
	};
	int rc = 0;

	while (rc == 0) {
		if (poll(p, 2, http_timeout_ms(h)) < 0 && errno != EINTR)
			return err_errno(e, "poll");
		/* Answers before requests: an undo that is done is told at once. */
		rc = read_channel(h, e);
		if (rc == 0)
			rc = http_run(h, e);
	}
	return rc;
}

int
front_main(const char *empty_dir)
{
	struct err e = { 0 };
	struct http *h = NULL;
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	rc = http_open(&h, LISTEN_FD, CHAN_FD, &e);
	if (rc == 0)
		rc = sandbox_enter(empty_dir, &e);
	if (rc == 0)
		rc = serve(h, &e);
	if (rc == -EPIPE) {
		log_debug("stormd closed the channel, ending");
		return 0;
	}
	log_error("%s", e.msg);
	return 1;
}
