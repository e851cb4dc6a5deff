/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_STORE_H
#define PKI_STORE_H
/*
 * A directory with a CA and all that it has signed:
 *
 *	ca.pem  ca-key.pem  crl.pem  index
 *	hosts/NAME/      ca.pem cert.pem key.pem crl.pem: what stormd --pki takes
 *	operators/NAME/  the same, what stormctl --pki takes
 *
 * One process changes it at a time; others wait.  Killed at any moment it is whole: a key
 * and its certificate appear together, and no certificate is there without standing in the
 * index.
 */
#include "pki.h"
#include "pki_index.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct pki_store;

#define PKI_CA_KEY "ca-key.pem" /* may be kept elsewhere */

int pki_store_make(const char *dir, struct err *e);
/* To look at.  What is open stays as it was, whoever changes the directory. */
int pki_store_open(struct pki_store **ret, const char *dir, struct err *e);
/* To sign and to revoke.  ca_key: a path, or NULL: ca-key.pem in the directory. */
int pki_store_open_ca(
    struct pki_store **ret, const char *dir, const char *ca_key, struct err *e);
void pki_store_free(struct pki_store *s); /* NULL is fine */

const struct pki_index *pki_store_index(const struct pki_store *s);
/* Of a store with a CA.  -EEXIST when its directory is there and `renew` is not asked for;
 * a renewal without role or addresses keeps those it had. */
int pki_store_issue(
    struct pki_store *s, const struct pki_wish *w, bool renew, struct err *e);
/* Every certificate of this name, and a new CRL into every directory.  One that was revoked
 * already is no error: the lists are written again.  *ret_dirs: how many directories. */
int pki_store_revoke(
    struct pki_store *s, const char *name, size_t *ret_dirs, struct err *e);
const char *pki_store_folder(enum pki_kind k); /* "hosts" "operators" */

#endif
