/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_NAME_H
#define PKI_NAME_H
/* What a host is called in its certificate: names and addresses. */
#include <gnutls/x509.h>

struct err;

/* An IPv4 or IPv6 address without brackets, or a host name without wildcards. */
int pki_name_check(const char *text, struct err *e);
/* By what TLS knows a host of this name (free it): a name in a handshake has no '_', and
 * GnuTLS hangs up on one that has. */
char *pki_name_in_tls(const char *name);
/* Adds one that pki_name_check accepts.  An address is added as such and, so that one which
 * is an inventory name is found, as a DNS name; a name as TLS knows it, too. */
int pki_name_add(gnutls_x509_crt_t crt, const char *text, struct err *e);

/* What it is called beside `name`, as given to pki_name_add: a string list, NULL for
 * nothing.  `cert` is PEM. */
int pki_name_others(const char *cert, const char *name, char ***ret, struct err *e);

#endif
