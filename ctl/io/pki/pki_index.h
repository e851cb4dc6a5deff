/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_INDEX_H
#define PKI_INDEX_H
/*
 * The list of every certificate that a CA has signed, as a text that people can read:
 *
 *	# serial kind name role not-after revoked-at
 *	4c7d…9a host db1 - 2028-11-22T05:30:00Z -
 *
 * It is what a CRL is made from: a certificate that does not stand here cannot be revoked.
 */
#include "bounds.h"
#include "pki.h"
#include <stddef.h>
#include <time.h>

struct err;

struct pki_entry {
	char serial[PKI_SERIAL_LEN];
	enum pki_kind kind;
	char name[NAME_MAX_LEN];
	char role[NAME_MAX_LEN]; /* "" of a host */
	time_t not_after;
	time_t revoked_at; /* 0: not revoked */
};

struct pki_index {
	struct pki_entry *entries; /* in the order in which they were made */
	size_t count;
};

/* Changes `text`. */
int pki_index_parse(struct pki_index *ret, char *text, struct err *e);
char *pki_index_format(const struct pki_index *x); /* free */
void pki_index_add(struct pki_index *x, const struct pki_entry *entry);
/* The last one of this name, or NULL. */
const struct pki_entry *pki_index_find(const struct pki_index *x, const char *name);
void pki_index_release(struct pki_index *x);

#define PKI_TIME_LEN 24
/* "2028-11-22T05:30:00Z", or "-" for 0; returns buf. */
const char *pki_time(time_t t, char buf[static PKI_TIME_LEN]);

#endif
