/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of connections.  libmicrohttpd's own timeout is inactivity, which a slow sender
 * never reaches; so each connection carries one deadline for what it has to do next.  When
 * that passes the socket is shut down, never closed: it is libmicrohttpd's.
 */
#include "conn.h"
#include "log.h"
#include "tls.h"
#include "xalloc.h"
#include <stdlib.h>
#include <sys/socket.h>

struct conn *
conn_new(struct conns *all, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct conn *c = xcalloc(1, sizeof(*c));

	c->mhd = mhd;
	c->fd = info->connect_fd;
	c->began = clock_boottime();
	c->deadline = c->began + SEND_DEADLINE;
	c->next = all->first;
	c->link = &all->first;
	if (c->next != NULL)
		c->next->link = &c->next;
	all->first = c;
	return c;
}

void
conn_free(struct conn *c)
{
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	conn_clear_request(c);
	tls_creds_unref(c->creds);
	free(c);
}

void
conn_clear_request(struct conn *c)
{
	free(c->body);
	c->body = NULL;
	c->body_len = c->body_room = c->body_seen = 0;
	answer_release(&c->answer);
	json_decref(c->reply);
	c->reply = NULL;
	c->step = STEP_READ;
	c->has_begun = false;
	c->seq = 0;
}

void
conn_hang_up(struct conn *c)
{
	(void)shutdown(c->fd, SHUT_RDWR); /* gone already is as good */
	c->is_hung_up = true;
	c->deadline = USEC_INFINITY;
}

unsigned
conns_known(const struct conns *all, bool is_remote)
{
	unsigned n = 0;

	for (const struct conn *c = all->first; c != NULL; c = c->next)
		n += c->is_known && !c->is_hung_up && (c->remote != NULL) == is_remote;
	return n;
}

void
conns_turn(struct conns *all, usec_t now)
{
	usec_t wall = clock_wall();
	char who[NAME_MAX_LEN + 8];

	for (struct conn *c = all->first; c != NULL; c = c->next) {
		bool is_past = c->peer.until != 0 && wall >= c->peer.until;

		if (c->is_hung_up || (now < c->deadline && !is_past))
			continue;
		if (is_past)
			log_notice("hanging up on '%s', the certificate has expired",
			    c->peer.name);
		else
			log_debug("%s was too slow, hanging up",
			    c->is_known ? peer_describe(&c->peer, who, sizeof(who)) :
					  "a stranger");
		conn_hang_up(c);
	}
}
