/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a warm connection is given up, and when its host.  It is *proven* by its first
 * answer.  Until then a failure is the answer to FLEET_SHOW; afterwards the connection is
 * made anew in the background until an answer comes or the host is lost.
 */
#include "err.h"
#include "fleet_state.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define WARM_PATIENCE (5 * USEC_PER_SEC) /* with a connected agent that owes an answer */
#define LOOK_AGAIN    (50 * USEC_PER_MSEC)

static void
give_up(struct warm *w)
{
	struct fleet_host *h = w->host;
	struct err why = w->why;

	warm_close(h);
	answer_fail(h, FLEET_SHOW, &why);
}

static void
lose(struct warm *w)
{
	struct fleet_host *h = w->host;
	struct fleet *f = h->fleet;
	struct err why = w->why;
	char silence[32];

	if (h->socket != NULL)
		(void)err_wrap(&why, "the agent is lost");
	else
		(void)err_wrap(&why, "was not heard of for %s",
		    format_usec(f->o.lost_after, silence, sizeof(silence)));
	warm_close(h);
	plains_give_up(h, &why);
	if (f->o.on_lost != NULL)
		f->o.on_lost(f->o.ctx, h->index, &why);
}

static usec_t
lost_at(const struct warm *w)
{
	const struct fleet_host *h = w->host;

	if (!w->is_proven)
		return USEC_INFINITY;
	return h->socket != NULL ? h->heard : h->heard + h->fleet->o.lost_after;
}

/* Does nothing arrive there any more?  Their kernel acknowledges what an agent that takes
 * its time has not answered yet. */
static bool
is_cut_off(const struct warm *w)
{
	struct tcp_info i = { 0 };
	socklen_t len = sizeof(i);
	usec_t unheard;

	if (getsockopt(w->fd, IPPROTO_TCP, TCP_INFO, &i, &len) < 0)
		return false; /* a Unix socket */
	unheard = i.tcpi_last_ack_recv * USEC_PER_MSEC;
	return i.tcpi_unacked > 0 && unheard >= w->host->fleet->o.lost_after / 4 * 3;
}

static usec_t
give_up_on(struct warm *w, const char *why)
{
	(void)err_set(&w->why, -ETIMEDOUT, "%s %s", why, w->host->where);
	warm_break(w, LINK_SLOW);
	return 0;
}

static usec_t
earlier(usec_t a, usec_t b)
{
	return a < b ? a : b;
}

/* Until when its first question may wait for the answer. */
static usec_t
owed_at(const struct warm *w)
{
	usec_t lost_after = w->host->fleet->o.lost_after;

	return w->queue[0].asked +
	       (lost_after > WARM_PATIENCE ? lost_after : WARM_PATIENCE);
}

/* When silence becomes suspicious. */
static usec_t
silent_at(const struct warm *w)
{
	usec_t asked = w->queue[0].asked, heard = w->host->heard;

	if (w->host->fleet->o.lost_after == 0)
		return USEC_INFINITY;
	return (asked > heard ? asked : heard) + w->host->fleet->o.lost_after;
}

usec_t
warm_look_at(const struct warm *w)
{
	return earlier(owed_at(w), silent_at(w));
}

/* When to look again at a connection that is open; 0: it was, at once. */
static usec_t
turn_open(struct warm *w, usec_t now)
{
	usec_t whole = w->part_since != 0 ? w->part_since + WHOLE_WITHIN : USEC_INFINITY;

	if (now >= whole)
		return give_up_on(w, "a part of an answer and no more came from");
	if (w->sent == 0)
		return whole;
	if (now >= owed_at(w))
		return give_up_on(w, "no answer comes any more from");
	if (now < silent_at(w))
		return earlier(warm_look_at(w), whole);
	if (is_cut_off(w))
		return give_up_on(w, "nothing arrives any more at");
	return earlier(now + LOOK_AGAIN, earlier(owed_at(w), whole));
}

usec_t
warm_turn(struct warm *w)
{
	usec_t now = clock_boottime(), lost = lost_at(w);

	if (w->state == WARM_OFF)
		return USEC_INFINITY;
	if (w->state == WARM_OPEN)
		return turn_open(w, now);
	if (now >= lost) {
		lose(w);
		return USEC_INFINITY;
	}
	if (w->state == WARM_CONNECTING)
		return lost;
	if (!w->is_proven && w->failures >= PLAIN_TRIES) {
		give_up(w);
		return USEC_INFINITY;
	}
	if (now >= w->next_try) {
		warm_connect(w);
		return lost;
	}
	return w->next_try < lost ? w->next_try : lost;
}
