/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revoking: the index first, so that no later list can forget it, then the list of the CA,
 * then everybody's copy.  Killed in between, it is asked for again and finishes.
 */
#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include "pki_dir.h"
#include "pki_store_state.h"
#include <errno.h>
#include <string.h>
#include <time.h>

struct crl_round {
	const char *crl;
	struct err first; /* of a directory that could not be written; others go on */
};

static int
give_crl(void *ctx, int parent, const char *name, struct err *e)
{
	struct crl_round *r = ctx;
	struct err why = { 0 };
	_cleanup_close_ int dir = pki_dir_open(parent, name, &why);

	(void)e;
	if ((dir < 0 || pki_file_put(dir, PKI_CRL, r->crl, &why) < 0) &&
	    r->first.code == 0) {
		r->first = why;
		(void)err_wrap(&r->first, "'%s'", name);
	}
	return 0;
}

static int
spread_crl(const struct pki_store *s, const char *crl, size_t *ret_dirs, struct err *e)
{
	struct crl_round round = { .crl = crl };
	size_t dirs = 0;
	int rc = pki_file_put(s->dir, PKI_CRL, crl, e);

	for (enum pki_kind k = PKI_KIND_HOST; rc >= 0 && k < PKI_KINDS; k++) {
		_cleanup_close_ int folder = pki_dir_make(s->dir, pki_store_folder(k), e);

		rc = folder < 0 ? folder : pki_dir_each(folder, give_crl, &round, e);
		dirs += rc > 0 ? (size_t)rc : 0;
	}
	if (rc >= 0 && round.first.code != 0) {
		*e = round.first;
		rc = err_wrap(e, "revoked, but not every directory has the new list");
	}
	*ret_dirs = dirs;
	return rc < 0 ? rc : 0;
}

static const char *
name_at(const void *ctx, size_t i)
{
	const struct pki_index *x = ctx;

	return i < x->count ? x->entries[i].name : NULL;
}

static int
unknown_name(const struct pki_store *s, const char *name, struct err *e)
{
	const char *near = nearest(name, name_at, &s->index);
	int rc = parse_name(name, e);

	return rc < 0 ? rc :
			err_set(e, -ENOENT, "no certificate was made for '%s'%s%s%s",
			    name, near != NULL ? " (did you mean '" : "",
			    near != NULL ? near : "", near != NULL ? "'?)" : "");
}

int
pki_store_revoke(struct pki_store *s, const char *name, size_t *ret_dirs, struct err *e)
{
	const struct pki_entry *known = pki_index_find(&s->index, name);
	_cleanup_free_ char *crl = NULL;
	int rc;

	if (known == NULL)
		return unknown_name(s, name, e);
	if (known->kind == PKI_KIND_CA)
		return err_refused(e,
		    "nobody can revoke a CA: make another with `stormctl pki init` in a new "
		    "directory and give every host and operator new files");
	for (size_t i = 0; i < s->index.count; i++) {
		struct pki_entry *n = &s->index.entries[i];

		if (strcmp(n->name, name) == 0 && n->revoked_at == 0)
			n->revoked_at = time(NULL);
	}
	if ((rc = pki_store_make_crl(s, &crl, e)) < 0 ||
	    (rc = pki_store_write_index(s, e)) < 0)
		return rc;
	return spread_crl(s, crl, ret_dirs, e);
}
