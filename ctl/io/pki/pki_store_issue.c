/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new certificate in a CA's directory, in an order that survives a kill: the index first
 * (it may name a certificate that nobody got; it must not lack one that somebody has), then
 * a directory made aside and renamed, so that key and certificate are never of two minds.
 */
#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include "pki_dir.h"
#include "pki_name.h"
#include "pki_store_state.h"
#include "string_list.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
check_wish(const struct pki_store *s, const struct pki_wish *w, struct err *e)
{
	static const char *const owners[PKI_KINDS] = { "the CA's", "a host's",
		"an operator's" };
	const struct pki_entry *known = pki_index_find(&s->index, w->name);
	int rc = parse_name(w->name, e);

	if (rc == 0 && w->kind == PKI_KIND_HOST)
		rc = pki_name_check(w->name, e);
	for (const char *const *a = w->addresses; rc == 0 && a != NULL && *a != NULL; a++)
		rc = pki_name_check(*a, e);
	if (rc < 0)
		return rc;
	if (w->role != NULL && strcmp(w->role, ROLE_NAME_VIEWER) != 0 &&
	    strcmp(w->role, ROLE_NAME_OPERATOR) != 0)
		return err_invalid(e,
		    "'%s' is not a role: write " ROLE_NAME_VIEWER
		    " or " ROLE_NAME_OPERATOR,
		    w->role);
	if (known != NULL && known->kind != w->kind)
		return err_refused(e,
		    "'%s' is %s name already: each is given once, so that it says whom to "
		    "revoke",
		    w->name, owners[known->kind]);
	return 0;
}

static int
write_leaf(
    const struct pki_store *s, int dir, const struct pki_issued *made, struct err *e)
{
	_cleanup_free_ char *crl = NULL;
	int rc = pki_file_get(s->dir, PKI_CRL, PKI_FILE_MAX, &crl, e);

	if (rc < 0 || (rc = pki_file_put(dir, PKI_CA, s->cert, e)) < 0 ||
	    (rc = pki_file_put(dir, PKI_KEY, made->key, e)) < 0 ||
	    (rc = pki_file_put(dir, PKI_CERT, made->cert, e)) < 0)
		return rc;
	return pki_file_put(dir, PKI_CRL, crl, e);
}

/* Put `fresh` in the place of `name`; what was there is `fresh` or `old` afterwards. */
static int
swap(int folder, const char *name, const char *fresh, const char *old)
{
	if (!pki_store_has(folder, name))
		return renameat(folder, fresh, folder, name);
	if (renameat2(folder, fresh, folder, name, RENAME_EXCHANGE) == 0)
		return 0;
	/* A file system that cannot: killed right here, the name has to be issued again. */
	if (renameat(folder, name, folder, old) < 0)
		return -1;
	return renameat(folder, fresh, folder, name);
}

/* The directory of a name, made aside. */
static int
place_leaf(const struct pki_store *s, int folder, const char *name,
    const struct pki_issued *made, struct err *e)
{
	_cleanup_free_ char *fresh = xasprintf(".%s.new", name),
			    *old = xasprintf(".%s.old", name);
	_cleanup_close_ int dir = -1;
	int rc;

	if ((rc = pki_dir_remove(folder, fresh, e)) < 0 ||
	    (rc = pki_dir_remove(folder, old, e)) < 0 ||
	    (rc = dir = pki_dir_make(folder, fresh, e)) < 0 ||
	    (rc = write_leaf(s, dir, made, e)) < 0)
		return rc;
	if (swap(folder, name, fresh, old) < 0 || fsync(folder) < 0)
		return err_errno(e, "put '%s' in its place", name);
	rc = pki_dir_remove(folder, fresh, e);
	return rc < 0 ? rc : pki_dir_remove(folder, old, e);
}

/* What a renewal does not say stays as it was. */
static int
keep_addresses(int folder, struct pki_wish *w, char ***list, struct err *e)
{
	_cleanup_close_ int dir = -1;
	_cleanup_free_ char *cert = NULL;

	dir = pki_dir_open(folder, w->name, e);
	if (dir < 0 || pki_file_get(dir, PKI_CERT, PKI_FILE_MAX, &cert, e) < 0 ||
	    pki_name_others(cert, w->name, list, e) < 0)
		return err_wrap(e, "which addresses '%s' had", w->name);
	w->addresses = (const char *const *)*list;
	return 0;
}

static void
list_release(char ***list)
{
	string_list_free(*list);
}

static int
enter(struct pki_store *s, const struct pki_wish *w, const struct pki_issued *made,
    struct err *e)
{
	struct pki_entry entry = { .kind = w->kind, .not_after = made->not_after };

	memcpy(entry.serial, made->serial, sizeof(entry.serial));
	(void)snprintf(entry.name, sizeof(entry.name), "%s", w->name);
	(void)snprintf(
	    entry.role, sizeof(entry.role), "%s", w->role != NULL ? w->role : "");
	pki_index_add(&s->index, &entry);
	return pki_store_write_index(s, e);
}

int
pki_store_issue(
    struct pki_store *s, const struct pki_wish *wish, bool renew, struct err *e)
{
	_cleanup_(pki_issued_release) struct pki_issued made = { 0 };
	_cleanup_(list_release) char **kept = NULL;
	_cleanup_close_ int folder = -1;
	const struct pki_entry *known;
	struct pki_wish w = *wish;
	int rc = check_wish(s, &w, e);

	if (rc < 0)
		return rc;
	folder = pki_dir_make(s->dir, pki_store_folder(w.kind), e);
	if (folder < 0)
		return folder;
	bool is_there = pki_store_has(folder, w.name);
	if (is_there && !renew)
		return err_set(e, -EEXIST,
		    "'%s/%s/%s' is there already: --renew makes a new key and certificate",
		    s->path, pki_store_folder(w.kind), w.name);
	known = pki_index_find(&s->index, w.name);
	if (w.kind == PKI_KIND_OPERATOR && w.role == NULL)
		w.role = renew && known != NULL ? known->role : ROLE_NAME_OPERATOR;
	if (w.kind == PKI_KIND_HOST && is_there && w.addresses == NULL &&
	    (rc = keep_addresses(folder, &w, &kept, e)) < 0)
		return rc;
	if ((rc = pki_issue(s->ca, &w, &made, e)) < 0 ||
	    (rc = enter(s, &w, &made, e)) < 0)
		return rc;
	return place_leaf(s, folder, w.name, &made, e);
}
