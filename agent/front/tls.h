/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TLS_H
#define TLS_H
/*
 * Mutual TLS, by GnuTLS: who this host is, whom it believes, and who a peer is.  No
 * sockets and no HTTP here.
 */
#include "auth.h"
#include <gnutls/gnutls.h>

struct err;
struct tls_files;

/* TLS 1.3 alone, and keys whose cost a stranger cannot choose: elliptic curves only. */
#define TLS_PRIORITIES                        \
 "SECURE128:-VERS-ALL:+VERS-TLS1.3"           \
 ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1" \
 ":-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256"    \
 ":+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-EDDSA-ED25519"

/* One state of the pki directory.  Sessions hold on to the one they began with. */
struct tls_creds;

/* The caller's reference; the message says which file is wrong and how. */
int tls_creds_make(struct tls_creds **ret, const struct tls_files *f, struct err *e);
struct tls_creds *tls_creds_ref(struct tls_creds *c);
void tls_creds_unref(struct tls_creds *c); /* NULL is fine */

/* A server's session that is about to begin: our certificate, theirs required. */
int tls_session_setup(struct tls_creds *c, gnutls_session_t s, struct err *e);
/* Who the peer of a session is, if what it has shown is believed: by our CA, for clients,
 * valid now, not revoked, a role we know.  OUTCOME_REFUSED with the reason otherwise. */
int tls_identify(
    const struct tls_creds *c, gnutls_session_t s, struct peer *ret, struct err *e);
/* Tell the peer of a session in its handshake why it is refused. */
void tls_refuse(gnutls_session_t s, const struct err *e);

#endif
