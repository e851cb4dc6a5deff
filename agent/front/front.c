/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front's one loop and the order of its beginning: what needs files or privilege first,
 * then the sandbox, then the first byte from a stranger.  It lives as long as the channel;
 * it holds no fault, so its end harms none but what stormd then decides to undo.
 */
#include "front.h"
#include "chan.h"
#include "clock.h"
#include "err.h"
#include "http.h"
#include "log.h"
#include "sandbox.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

/* Without sleeping the kernel lets us live half a second (sandbox.c). */
#define BUSY_MAX (100 * USEC_PER_MSEC)

/* Hand every message that is there to its request. */
static int
read_channel(struct http *h, struct err *e)
{
	static union msg m;
	int rc;

	while ((rc = chan_recv(CHAN_FD, &m, e)) > 0) {
		if (m.head.type == MSG_PKI) {
			rc = http_pki(h, &m.pki, e);
			explicit_bzero(&m.pki, sizeof(m.pki)); /* the key */
		} else {
			rc = http_answer(h, &m, e);
		}
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* What is waited for: the server's, and the channel. */
struct work {
	struct pollfd fds[HTTP_FDS + 1];
	size_t count; /* of the server's */
	usec_t slept; /* when we last did */
};

/* Wait for work.  A flood of it that never lets us wait must neither get us killed nor
 * keep the CPU: then a millisecond is taken off. */
static int
wait_for_work(const struct http *h, struct work *w, struct err *e)
{
	usec_t before = clock_boottime();

	if (before - w->slept > BUSY_MAX) {
		(void)poll(NULL, 0, 1);
		w->slept = before = clock_boottime();
	}
	w->count = http_fds(h, w->fds);
	w->fds[w->count] = (struct pollfd){ CHAN_FD, POLLIN, 0 };
	if (poll(w->fds, w->count + 1, http_timeout_ms(h)) < 0 && errno != EINTR)
		return err_errno(e, "poll");
	if (clock_boottime() - before >= USEC_PER_MSEC)
		w->slept = clock_boottime();
	return 0;
}

static int
serve(struct http *h, struct err *e)
{
	struct work w = { .slept = clock_boottime() };
	int rc = 0;

	while (rc == 0) {
		if (wait_for_work(h, &w, e) != 0)
			return e->code;
		/* Answers before requests: an undo that is done is told at once. */
		rc = read_channel(h, e);
		if (rc == 0)
			rc = http_run(h, w.fds, w.count, e);
	}
	return rc;
}

int
front_main(const char *empty_dir, bool has_tls)
{
	const struct http_sockets sockets = {
		.local = LISTEN_FD, .tls = has_tls ? TLS_FD : -1, .chan = CHAN_FD
	};
	struct err e = { 0 };
	struct http *h = NULL;
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	log_no_wait();
	rc = http_open(&h, &sockets, &e);
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
