/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_H
#define PKI_H
/*
 * The certificates of mutual TLS: a CA of the fleet's own, what it signs for hosts and
 * operators, and its list of whom it believes no longer.  Text in, text out (PEM); which
 * files they are is pki_store.h's.  What a certificate means stands in api.h.
 */
#include <stddef.h>
#include <time.h>

struct err;

#define PKI_CA_DAYS     3650
#define PKI_LEAF_DAYS   730
#define PKI_SERIAL_LEN  33          /* 128 bits in hex, and NUL */
#define PKI_CLOCKS_DIFF (24 * 3600) /* seconds that a host's clock may be behind ours */

enum pki_kind { PKI_KIND_CA, PKI_KIND_HOST, PKI_KIND_OPERATOR, PKI_KINDS };
const char *pki_kind_name(enum pki_kind k); /* "ca" "host" "operator" */

/* A certificate to be made; name and role are checked by the caller. */
struct pki_wish {
	enum pki_kind kind; /* host or operator */
	const char *name;
	const char *role; /* of an operator */
	/* What else a host is called, addresses or names; NULL-terminated, or NULL. */
	const char *const *addresses;
	unsigned days;
};

struct pki_issued {
	char serial[PKI_SERIAL_LEN];
	time_t not_after;
	char *cert, *key; /* PEM; the key is wiped by release */
};
void pki_issued_release(struct pki_issued *i);

struct pki_ca;
int pki_ca_make(struct pki_issued *ret, struct err *e);
/* Fails when the key is not that of the certificate, or the CA is past its end. */
int pki_ca_open(
    struct pki_ca **ret, const char *cert_pem, const char *key_pem, struct err *e);
void pki_ca_free(struct pki_ca *ca); /* NULL is fine */

int pki_issue(const struct pki_ca *ca, const struct pki_wish *w, struct pki_issued *ret,
    struct err *e);

struct pki_revoked {
	char serial[PKI_SERIAL_LEN];
	time_t at;
};
/* A CRL in *ret_pem (free); an empty one for count 0. */
int pki_crl_make(const struct pki_ca *ca, const struct pki_revoked *list, size_t count,
    char **ret_pem, struct err *e);

#endif
