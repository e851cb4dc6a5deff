/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_OWN_H
#define PKI_OWN_H
/*
 * What can be seen from here to be wrong with our own certificate.  TLS says that it was
 * refused and seldom why; whoever is woken at three wants to know.  It is a reason to be
 * told beside a refusal, never one to keep a request back: our clock may be the wrong one.
 */
#include <stddef.h>

struct pki_own {
	const char *ca, *cert, *crl; /* paths; crl may be NULL */
};

/* "it expired on 2026-11-01", or "" when nothing is seen; returns buf. */
const char *pki_own_fault(const struct pki_own *p, char *buf, size_t size);

#endif
