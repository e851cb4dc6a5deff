/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_FRONT_H
#define AGENT_FRONT_H
/*
 * A front that says whatever a test wants said: it carries raw messages between the agent's
 * socket and stormd, length and bytes on the stream, datagrams on the channel.  A pki whose
 * certificate begins with "bad" it refuses, and says what it was handed.
 */
#include "api.h"
#include "chan.h"
#include "err.h"
#include "msg.h"
#include "test.h"
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool
carry_in(int client)
{
	static char bytes[65536];
	uint32_t len;

	if (recv(client, &len, sizeof(len), MSG_WAITALL) != sizeof(len) ||
	    len > sizeof(bytes))
		return false;
	if (recv(client, bytes, len, MSG_WAITALL) != (ssize_t)len)
		return false;
	(void)!send(CHAN_FD, bytes, len, MSG_NOSIGNAL);
	return true;
}

static inline void
hear_pki(const struct msg_pki *m)
{
	static char file[PKI_PARTS][PKI_FILE_MAX];
	static size_t len[PKI_PARTS];
	struct msg_answer a = { .head = { .type = MSG_ANSWER, .seq = m->head.seq } };

	if (m->step == PKI_BEGIN) {
		memset(len, 0, sizeof(len));
		memset(file, 0, sizeof(file));
	}
	if (m->step == PKI_PIECE) {
		memcpy(file[m->part] + len[m->part], m->bytes, m->len);
		len[m->part] += m->len;
	}
	if (m->step != PKI_USE)
		return;
	if (strncmp(file[PKI_PART_CERT], "bad", 3) == 0)
		(void)err_invalid(&a.err,
		    "ca %zu '%.20s', cert %zu, key '%.20s', crl %zu", len[PKI_PART_CA],
		    file[PKI_PART_CA], len[PKI_PART_CERT], file[PKI_PART_KEY],
		    len[PKI_PART_CRL]);
	(void)!send(CHAN_FD, &a, sizeof(a), MSG_NOSIGNAL);
}

static inline bool
carry_out(int client)
{
	static union {
		union msg m;
		char bytes[65536];
	} u;
	char *bytes = u.bytes;
	ssize_t n = recv(CHAN_FD, bytes, sizeof(u), MSG_DONTWAIT);
	uint32_t len = (uint32_t)n;

	if (n == 0)
		return false;
	if (n > 0 && u.m.head.type == MSG_PKI) {
		hear_pki(&u.m.pki);
		return true;
	}
	if (n > 0 && client >= 0) {
		(void)!write(client, &len, sizeof(len));
		(void)!write(client, bytes, len);
	}
	return true;
}

static inline int
front_main(void)
{
	int client = -1;

	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		struct pollfd fds[] = { { CHAN_FD, POLLIN, 0 }, { LISTEN_FD, POLLIN, 0 },
			{ client, POLLIN, 0 } };

		(void)poll(fds, 3, -1);
		if (fds[0].revents != 0 && !carry_out(client))
			return 0;
		if (fds[1].revents != 0) {
			if (client >= 0)
				(void)close(client);
			client = accept(LISTEN_FD, NULL, NULL);
		} else if (fds[2].revents != 0 && !carry_in(client)) {
			(void)close(client);
			client = -1;
		}
	}
}

#endif
