/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CA's directory: made, opened, locked, its index and list of revoked certificates
 * written.  The lock is on the directory itself, so that it leaves no file.
 */
#include "pki_store.h"
#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "pki_dir.h"
#include "pki_store_state.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define INDEX     "index"
#define CA_NAME   "ca" /* in the index */
/* After its end nobody believes a certificate, whose clock is not further behind. */
#define LONG_PAST (30 * (time_t)24 * 3600)

const char *
pki_store_folder(enum pki_kind k)
{
	return k == PKI_KIND_HOST ? "hosts" : "operators";
}

const struct pki_index *
pki_store_index(const struct pki_store *s)
{
	return &s->index;
}

void
pki_store_free(struct pki_store *s)
{
	if (s == NULL)
		return;
	if (s->dir >= 0)
		(void)close(s->dir); /* and with it the lock */
	pki_ca_free(s->ca);
	pki_index_release(&s->index);
	free(s->cert);
	free(s->path);
	free(s);
}

static void
store_release(struct pki_store **s)
{
	pki_store_free(*s);
}

static void
wipe(char **text)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
}

static struct pki_store *
store_new(const char *path)
{
	struct pki_store *s = xcalloc(1, sizeof(*s));

	s->path = xstrdup(path);
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s;
}

/* Where others can rename files, they choose what our CA believes. */
static int
lock_own(struct pki_store *s, struct err *e)
{
	struct stat st;

	if (fstat(s->dir, &st) < 0)
		return err_errno(e, "open '%s'", s->path);
	if ((st.st_mode & 0022) != 0)
		return err_refused(e,
		    "'%s' can be written by others: chmod 700 it, and trust nothing that is "
		    "in it if they are strangers",
		    s->path);
	while (flock(s->dir, LOCK_EX) < 0) {
		if (errno != EINTR)
			return err_errno(e, "lock '%s'", s->path);
	}
	return 0;
}

bool
pki_store_has(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
pki_store_write_index(struct pki_store *s, struct err *e)
{
	_cleanup_free_ char *text = pki_index_format(&s->index);

	if (strlen(text) > FILE_SIZE_MAX)
		return err_refused(
		    e, "the index of '%s' is full: make a new CA", s->path);
	return pki_file_put(s->dir, INDEX, text, e);
}

int
pki_store_make_crl(const struct pki_store *s, char **ret, struct err *e)
{
	_cleanup_free_ struct pki_revoked *list =
	    xcalloc(s->index.count + 1, sizeof(*list));
	_cleanup_free_ char *crl = NULL;
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < s->index.count; i++) {
		const struct pki_entry *n = &s->index.entries[i];

		if (n->revoked_at == 0 || n->not_after + LONG_PAST < time(NULL))
			continue;
		memcpy(list[count].serial, n->serial, sizeof(n->serial));
		list[count++].at = n->revoked_at;
	}
	rc = pki_crl_make(s->ca, list, count, &crl, e);
	if (rc < 0)
		return rc;
	if (strlen(crl) > PKI_FILE_MAX)
		return err_refused(e,
		    "%zu revoked certificates are more than a list may hold: make a new CA",
		    count);
	*ret = steal_ptr(&crl);
	return 0;
}

static int
fill_new(struct pki_store *s, struct err *e)
{
	_cleanup_(pki_issued_release) struct pki_issued made = { 0 };
	_cleanup_free_ char *crl = NULL;
	struct pki_entry entry = { .kind = PKI_KIND_CA, .name = CA_NAME };
	int rc = pki_ca_make(&made, e);

	if (rc < 0 || (rc = pki_ca_open(&s->ca, made.cert, made.key, e)) < 0)
		return rc;
	memcpy(entry.serial, made.serial, sizeof(entry.serial));
	entry.not_after = made.not_after;
	pki_index_add(&s->index, &entry);
	for (enum pki_kind k = PKI_KIND_HOST; k < PKI_KINDS; k++) {
		int fd = pki_dir_make(s->dir, pki_store_folder(k), e);

		if (fd < 0)
			return fd;
		(void)close(fd);
	}
	/* ca.pem last: with it, it is a pki. */
	if ((rc = pki_store_make_crl(s, &crl, e)) < 0 ||
	    (rc = pki_file_put(s->dir, PKI_CA_KEY, made.key, e)) < 0 ||
	    (rc = pki_store_write_index(s, e)) < 0 ||
	    (rc = pki_file_put(s->dir, PKI_CRL, crl, e)) < 0)
		return rc;
	return pki_file_put(s->dir, PKI_CA, made.cert, e);
}

int
pki_store_make(const char *dir, struct err *e)
{
	_cleanup_(store_release) struct pki_store *s = NULL;
	int rc = make_dirs(dir, 0700, e);

	if (rc < 0)
		return rc;
	s = store_new(dir);
	if (s->dir < 0)
		return err_errno(e, "open '%s'", dir);
	rc = lock_own(s, e);
	if (rc < 0)
		return rc;
	if (pki_store_has(s->dir, PKI_CA))
		return err_refused(e, "there is a CA in '%s' already", dir);
	if (pki_store_has(s->dir, PKI_CA_KEY) || pki_store_has(s->dir, INDEX))
		return err_refused(e,
		    "'%s' holds a " PKI_CA_KEY " or an index, but no " PKI_CA
		    ": remove what an interrupted init left, or name another directory",
		    dir);
	rc = fill_new(s, e);
	return rc < 0 ? err_wrap(e, "in '%s'", dir) : 0;
}

static int
read_store(struct pki_store *s, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	int rc = pki_file_get(s->dir, PKI_CA, PKI_FILE_MAX, &s->cert, e);

	if (rc == 0)
		rc = pki_file_get(s->dir, INDEX, FILE_SIZE_MAX, &text, e);
	if (rc < 0)
		return err_wrap(e, "in '%s'", s->path);
	rc = pki_index_parse(&s->index, text, e);
	return rc < 0 ? err_wrap(e, "'%s/" INDEX "'", s->path) : 0;
}

static int
open_dir(struct pki_store **ret, const char *dir, struct err *e)
{
	struct pki_store *s = *ret = store_new(dir);

	if (s->dir < 0 && errno != ENOENT)
		return err_errno(e, "open '%s'", dir);
	if (s->dir < 0 || !pki_store_has(s->dir, PKI_CA))
		return err_set(e, -ENOENT,
		    "there is no CA in '%s': --dir says where one is, `stormctl pki init` "
		    "makes one",
		    dir);
	return 0;
}

int
pki_store_open(struct pki_store **ret, const char *dir, struct err *e)
{
	_cleanup_(store_release) struct pki_store *s = NULL;
	int rc = open_dir(&s, dir, e);

	if (rc < 0 || (rc = read_store(s, e)) < 0)
		return rc;
	*ret = steal_ptr(&s);
	return 0;
}

int
pki_store_open_ca(
    struct pki_store **ret, const char *dir, const char *ca_key, struct err *e)
{
	_cleanup_(store_release) struct pki_store *s = NULL;
	_cleanup_(wipe) char *key = NULL;
	int rc = open_dir(&s, dir, e);

	if (rc < 0 || (rc = lock_own(s, e)) < 0 || (rc = read_store(s, e)) < 0)
		return rc;
	if (ca_key == NULL && !pki_store_has(s->dir, PKI_CA_KEY))
		return err_set(e, -ENOENT,
		    "the CA's key is not in '%s': --ca-key says where it is kept", dir);
	rc = pki_file_get(ca_key != NULL ? AT_FDCWD : s->dir,
	    ca_key != NULL ? ca_key : PKI_CA_KEY, PKI_FILE_MAX, &key, e);
	if (rc == 0)
		rc = pki_ca_open(&s->ca, s->cert, key, e);
	if (rc < 0)
		return err_wrap(e, "the CA of '%s'", dir);
	*ret = steal_ptr(&s);
	return 0;
}
