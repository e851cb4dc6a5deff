/* SPDX-License-Identifier: Apache-2.0 */
/* One at a time: it forks, and nobody needs two. */
#include "inquiry.h"
#include "chan.h"
#include "child.h"
#include "err.h"
#include "super.h"
#include <errno.h>
#include <unistd.h>

#define PATIENCE (15 * USEC_PER_SEC)

static void
finish(struct inquiry *q, const struct err *e)
{
	int fd = q->channel.fd;

	loop_drop(&q->super->loop, &q->channel);
	if (fd >= 0)
		(void)close(fd);
	if (q->death.fd >= 0)
		child_kill(q->death.fd); /* it has said all, or will not */
	if (q->is_asked)
		answer(q->super, &q->waiter, e);
	q->is_asked = false;
}

static void
on_channel(void *ctx)
{
	static union msg m;
	struct inquiry *q = ctx;
	struct err e = { 0 };
	int rc;

	while ((rc = chan_recv(q->channel.fd, &m, &e)) > 0) {
		if (m.head.type == MSG_ANSWER) {
			finish(q, NULL);
			return;
		}
		if (m.head.type != MSG_TEXT || m.text.len >= sizeof(m.text.text)) {
			rc = err_set(&e, -EBADMSG, "unexpected message %u", m.head.type);
			break;
		}
		if (q->is_asked)
			answer_text(q->super, q->waiter.seq, m.text.text, m.text.len);
	}
	if (rc == 0)
		return;
	(void)err_wrap(&e, "ask what this host supports");
	finish(q, &e);
}

static void
on_death(void *ctx)
{
	struct inquiry *q = ctx;
	int pidfd = q->death.fd;
	char how[64];

	if (q->channel.fd >= 0)
		on_channel(q); /* its last words; then its end, if they were not all */
	if (!child_reap(pidfd, how, sizeof(how)))
		return;
	loop_drop(&q->super->loop, &q->death);
	(void)close(pidfd);
}

void
inquiry_init(struct inquiry *q, struct super *s)
{
	*q = (struct inquiry){
		.super = s,
		.channel = { .fd = -1, .ready = on_channel, .ctx = q },
		.death = { .fd = -1, .ready = on_death, .ctx = q },
	};
}

int
inquiry_start(struct inquiry *q, const struct waiter *w, struct err *e)
{
	const char *const argv[] = { "stormd-fault", "--doctor", NULL };
	struct child_start start = { .path = q->super->programs.fault,
		.argv = argv,
		.second_fd = q->super->guard.barrier_write };
	struct child c;

	if (q->death.fd >= 0) {
		(void)err_set(e, -EBUSY, "the doctor is already asking; ask again");
		return e->code;
	}
	if (child_start(&start, &c, e) != 0)
		return e->code;
	if (loop_add(&q->super->loop, &q->death, c.pidfd, e) != 0 ||
	    loop_add(&q->super->loop, &q->channel, c.channel, e) != 0) {
		child_kill(c.pidfd);
		return e->code;
	}
	q->waiter = *w;
	q->is_asked = true;
	q->until = w->received + PATIENCE;
	return 0;
}

void
inquiry_turn(struct inquiry *q, usec_t now)
{
	struct err e = { 0 };

	if (!q->is_asked || now < q->until)
		return;
	(void)err_set(&e, -ETIMEDOUT, "asking what this host supports took too long");
	finish(q, &e);
}

usec_t
inquiry_next(const struct inquiry *q)
{
	return q->is_asked ? q->until : USEC_INFINITY;
}

void
inquiry_forget(struct inquiry *q)
{
	q->is_asked = false;
}
