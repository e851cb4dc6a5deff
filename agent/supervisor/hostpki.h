/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTPKI_H
#define HOSTPKI_H
/*
 * The four pki files of this host as bytes: read here, where root can, and handed to the
 * front, which alone understands them.
 */
#include "err.h"
#include "msg.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pki_bytes {
	unsigned char *bytes[PKI_PARTS];
	size_t len[PKI_PARTS]; /* 0: the file is absent, which only the CRL's may be */
};

struct hostpki {
	const char *dir;
	struct pki_bytes used;    /* what a front has taken last */
	struct pki_bytes offered; /* sent, not answered yet */
	uint32_t seq;             /* of what was sent last */
	bool is_asked;            /* an answer to that is still to come */
	bool is_new;              /* and what was sent is `offered` */
	struct err why;           /* the answer; code 0: the front serves with it */
};

/* Read the directory into `offered`: -EINVAL or what the system says, with how to mend it.
 * What is `used` stays. */
int hostpki_read(struct hostpki *p, struct err *e);
/* Hand a front the new files, or those in use if there are none: the code of chan_send. */
int hostpki_send(struct hostpki *p, int channel, struct err *e);
/* The front's MSG_ANSWER: 0, or -EBADMSG when none was asked for.  What is no longer
 * needed is wiped; p->why says what the front thinks of it. */
int hostpki_answered(struct hostpki *p, const struct msg_answer *m);
/* The front that was asked is gone: what it was offered may be why. */
void hostpki_unanswered(struct hostpki *p);
bool hostpki_is_used(const struct hostpki *p); /* has any front served with it? */
void hostpki_release(struct hostpki *p);       /* wipes all of it */

#endif
