/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_STORE_STATE_H
#define PKI_STORE_STATE_H
/* What the pki_store*.c share. */
#include "pki_store.h"

struct pki_store {
	int dir;
	char *path, *cert; /* of the CA */
	struct pki_ca *ca; /* NULL: only to look at */
	struct pki_index index;
};

bool pki_store_has(int dir, const char *name);
int pki_store_write_index(struct pki_store *s, struct err *e);
/* The CRL that follows from the index (free); too large a one is an error. */
int pki_store_make_crl(const struct pki_store *s, char **ret, struct err *e);

#endif
