/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making certificates with GnuTLS.  Opens no file and knows no directory.  Two decisions
 * that surprise: everything is valid from a day ago, because a host whose clock is behind
 * would otherwise refuse a fresh certificate; and a CRL is valid for as long as the CA,
 * because one that ran out would lock everybody out of the stop button, and its freshness
 * comes from copying it, not from waiting.
 */
#include "pki.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "pki_name.h"
#include "xalloc.h"
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SERIAL_BYTES 16
#define DAY          ((time_t)24 * 3600)

struct pki_ca {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
	time_t not_after;
};

static void
crt_release(gnutls_x509_crt_t *c)
{
	gnutls_x509_crt_deinit(*c);
}

static void
privkey_release(gnutls_x509_privkey_t *k)
{
	gnutls_x509_privkey_deinit(*k);
}

static void
crl_release(gnutls_x509_crl_t *c)
{
	gnutls_x509_crl_deinit(*c);
}

static int
pki_failed(struct err *e, int rc, const char *what)
{
	return err_set(e, rc == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO, "%s: %s", what,
	    gnutls_strerror(rc));
}

const char *
pki_kind_name(enum pki_kind k)
{
	static const char *const names[PKI_KINDS] = { "ca", "host", "operator" };

	return (unsigned)k < PKI_KINDS ? names[k] : "?";
}

void
pki_issued_release(struct pki_issued *i)
{
	if (i->key != NULL)
		explicit_bzero(i->key, strlen(i->key));
	free(i->key);
	free(i->cert);
	*i = (struct pki_issued){ 0 };
}

/* GnuTLS's memory into ours. */
static char *
take_pem(gnutls_datum_t *d)
{
	char *text = xstrndup((const char *)d->data, d->size);

	explicit_bzero(d->data, d->size);
	gnutls_free(d->data);
	return text;
}

static int
make_key(gnutls_x509_privkey_t *ret, struct err *e)
{
	int rc = gnutls_x509_privkey_init(ret);

	if (rc < 0)
		return pki_failed(e, rc, "make a key");
	rc = gnutls_x509_privkey_generate(
	    *ret, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	return rc < 0 ? pki_failed(e, rc, "make a key") : 0;
}

/* What all have: serial, key, times. */
static int
begin_cert(gnutls_x509_crt_t *ret, gnutls_x509_privkey_t key, struct pki_issued *i,
    struct err *e)
{
	unsigned char serial[SERIAL_BYTES], id[64];
	size_t id_size = sizeof(id), hex_size = sizeof(i->serial);
	gnutls_datum_t bytes = { .data = serial, .size = sizeof(serial) };
	int rc = gnutls_x509_crt_init(ret);

	if (rc < 0 || (rc = gnutls_rnd(GNUTLS_RND_RANDOM, serial, sizeof(serial))) < 0)
		return pki_failed(e, rc, "make a certificate");
	/* An ASN.1 integer: positive, and of the same length always. */
	serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
	if ((rc = gnutls_hex_encode(&bytes, i->serial, &hex_size)) < 0 ||
	    (rc = gnutls_x509_crt_set_version(*ret, 3)) < 0 ||
	    (rc = gnutls_x509_crt_set_serial(*ret, serial, sizeof(serial))) < 0 ||
	    (rc = gnutls_x509_crt_set_activation_time(
		 *ret, time(NULL) - PKI_CLOCKS_DIFF)) < 0 ||
	    (rc = gnutls_x509_crt_set_expiration_time(*ret, i->not_after)) < 0 ||
	    (rc = gnutls_x509_crt_set_key(*ret, key)) < 0 ||
	    (rc = gnutls_x509_crt_get_key_id(*ret, 0, id, &id_size)) < 0 ||
	    (rc = gnutls_x509_crt_set_subject_key_id(*ret, id, id_size)) < 0)
		return pki_failed(e, rc, "make a certificate");
	return 0;
}

static int
export_pair(
    gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, struct pki_issued *i, struct err *e)
{
	gnutls_datum_t pem = { 0 };
	int rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);

	if (rc < 0)
		return pki_failed(e, rc, "write a certificate");
	i->cert = take_pem(&pem);
	rc = gnutls_x509_privkey_export2_pkcs8(
	    key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem);
	if (rc < 0)
		return pki_failed(e, rc, "write a key");
	i->key = take_pem(&pem);
	return 0;
}

static int
set_dn(gnutls_x509_crt_t crt, const char *oid, const char *text)
{
	return gnutls_x509_crt_set_dn_by_oid(crt, oid, 0, text, (unsigned)strlen(text));
}

int
pki_ca_make(struct pki_issued *ret, struct err *e)
{
	_cleanup_(privkey_release) gnutls_x509_privkey_t key = NULL;
	_cleanup_(crt_release) gnutls_x509_crt_t crt = NULL;
	_cleanup_(pki_issued_release) struct pki_issued i = { 0 };
	char name[48];
	int rc;

	i.not_after = time(NULL) + PKI_CA_DAYS * DAY;
	rc = make_key(&key, e);
	if (rc < 0 || (rc = begin_cert(&crt, key, &i, e)) < 0)
		return rc;
	/* A name of its own, so that two fleets' CAs are told apart by people, too. */
	(void)snprintf(name, sizeof(name), "stormdrill CA %.8s", i.serial);
	if ((rc = set_dn(crt, GNUTLS_OID_X520_COMMON_NAME, name)) < 0 ||
	    (rc = gnutls_x509_crt_set_basic_constraints(crt, 1, 0)) < 0 ||
	    (rc = gnutls_x509_crt_set_key_usage(
		 crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN)) < 0 ||
	    (rc = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0)) < 0)
		return pki_failed(e, rc, "make the CA's certificate");
	rc = export_pair(crt, key, &i, e);
	if (rc < 0)
		return rc;
	*ret = i;
	i = (struct pki_issued){ 0 };
	return 0;
}

void
pki_ca_free(struct pki_ca *ca)
{
	if (ca == NULL)
		return;
	gnutls_x509_crt_deinit(ca->crt);
	gnutls_x509_privkey_deinit(ca->key);
	free(ca);
}

static void
ca_release(struct pki_ca **ca)
{
	pki_ca_free(*ca);
}

static gnutls_datum_t
text_datum(const char *text)
{
	return (
	    gnutls_datum_t){ .data = (unsigned char *)text, /* which GnuTLS only reads */
		.size = (unsigned)strlen(text) };
}

static bool
is_key_of(gnutls_x509_privkey_t key, gnutls_x509_crt_t crt)
{
	unsigned char a[64], b[64];
	size_t a_size = sizeof(a), b_size = sizeof(b);

	return gnutls_x509_privkey_get_key_id(key, 0, a, &a_size) == 0 &&
	       gnutls_x509_crt_get_key_id(crt, 0, b, &b_size) == 0 && a_size == b_size &&
	       memcmp(a, b, a_size) == 0;
}

int
pki_ca_open(struct pki_ca **ret, const char *cert_pem, const char *key_pem, struct err *e)
{
	_cleanup_(ca_release) struct pki_ca *ca = xcalloc(1, sizeof(*ca));
	gnutls_datum_t cert = text_datum(cert_pem), key = text_datum(key_pem);
	int rc;

	if ((rc = gnutls_x509_crt_init(&ca->crt)) < 0 ||
	    (rc = gnutls_x509_crt_import(ca->crt, &cert, GNUTLS_X509_FMT_PEM)) < 0)
		return pki_failed(e, rc, "read the CA's certificate");
	if ((rc = gnutls_x509_privkey_init(&ca->key)) < 0 ||
	    (rc = gnutls_x509_privkey_import(ca->key, &key, GNUTLS_X509_FMT_PEM)) < 0)
		return pki_failed(e, rc, "read the CA's key");
	if (!is_key_of(ca->key, ca->crt))
		return err_refused(e, "this key is not that of the CA's certificate");
	ca->not_after = gnutls_x509_crt_get_expiration_time(ca->crt);
	if (ca->not_after <= time(NULL))
		return err_refused(e, "the CA is past its end: make a new one");
	*ret = steal_ptr(&ca);
	return 0;
}

/* What an operator's certificate says that a host's does not, and the other way round. */
static int
describe(gnutls_x509_crt_t crt, const struct pki_wish *w, struct err *e)
{
	bool is_host = w->kind == PKI_KIND_HOST;
	int rc = set_dn(crt, GNUTLS_OID_X520_COMMON_NAME, w->name);

	if (rc == 0 && !is_host)
		rc = set_dn(crt, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, w->role);
	if (rc < 0 ||
	    (rc = gnutls_x509_crt_set_key_purpose_oid(crt,
		 is_host ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0)) < 0 ||
	    (rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1)) < 0 ||
	    (rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE)) < 0)
		return pki_failed(e, rc, "make a certificate");
	if (!is_host)
		return 0;
	rc = pki_name_add(crt, w->name, e);
	for (const char *const *a = w->addresses; rc == 0 && a != NULL && *a != NULL; a++)
		rc = pki_name_add(crt, *a, e);
	return rc;
}

static int
sign(const struct pki_ca *ca, gnutls_x509_crt_t crt, struct err *e)
{
	unsigned char id[64];
	size_t size = sizeof(id);
	int rc;

	if ((rc = gnutls_x509_crt_get_subject_key_id(ca->crt, id, &size, NULL)) < 0 ||
	    (rc = gnutls_x509_crt_set_authority_key_id(crt, id, size)) < 0 ||
	    (rc = gnutls_x509_crt_sign2(crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0)) < 0)
		return pki_failed(e, rc, "sign a certificate");
	return 0;
}

int
pki_issue(const struct pki_ca *ca, const struct pki_wish *w, struct pki_issued *ret,
    struct err *e)
{
	_cleanup_(privkey_release) gnutls_x509_privkey_t key = NULL;
	_cleanup_(crt_release) gnutls_x509_crt_t crt = NULL;
	_cleanup_(pki_issued_release) struct pki_issued i = { 0 };
	time_t now = time(NULL);
	int rc;

	i.not_after = now + (time_t)w->days * DAY;
	if (i.not_after > ca->not_after)
		return err_refused(e,
		    "%u days is past the CA's own end: at most --days %lld", w->days,
		    (long long)((ca->not_after - now) / DAY));
	if ((rc = make_key(&key, e)) < 0 || (rc = begin_cert(&crt, key, &i, e)) < 0 ||
	    (rc = describe(crt, w, e)) < 0 || (rc = sign(ca, crt, e)) < 0 ||
	    (rc = export_pair(crt, key, &i, e)) < 0)
		return rc;
	*ret = i;
	i = (struct pki_issued){ 0 };
	return 0;
}

static int
add_revoked(gnutls_x509_crl_t crl, const struct pki_revoked *r)
{
	unsigned char serial[SERIAL_BYTES];
	size_t size = sizeof(serial);
	gnutls_datum_t hex = text_datum(r->serial);
	int rc = gnutls_hex_decode(&hex, serial, &size);

	return rc < 0 ? rc : gnutls_x509_crl_set_crt_serial(crl, serial, size, r->at);
}

/* Numbers only have to grow: microseconds of wall time, in network order. */
static int
set_number(gnutls_x509_crl_t crl)
{
	usec_t now = clock_wall();
	unsigned char number[sizeof(now)];

	for (size_t i = 0; i < sizeof(number); i++)
		number[i] = (unsigned char)(now >> (8 * (sizeof(number) - 1 - i)));
	return gnutls_x509_crl_set_number(crl, number, sizeof(number));
}

int
pki_crl_make(const struct pki_ca *ca, const struct pki_revoked *list, size_t count,
    char **ret_pem, struct err *e)
{
	_cleanup_(crl_release) gnutls_x509_crl_t crl = NULL;
	unsigned char id[64];
	size_t size = sizeof(id);
	gnutls_datum_t pem = { 0 };
	int rc = gnutls_x509_crl_init(&crl);

	for (size_t i = 0; rc >= 0 && i < count; i++)
		rc = add_revoked(crl, &list[i]);
	if (rc < 0 || (rc = gnutls_x509_crl_set_version(crl, 2)) < 0 ||
	    (rc = gnutls_x509_crl_set_this_update(crl, time(NULL) - PKI_CLOCKS_DIFF)) <
		0 ||
	    (rc = gnutls_x509_crl_set_next_update(crl, ca->not_after)) < 0 ||
	    (rc = set_number(crl)) < 0 ||
	    (rc = gnutls_x509_crt_get_subject_key_id(ca->crt, id, &size, NULL)) < 0 ||
	    (rc = gnutls_x509_crl_set_authority_key_id(crl, id, size)) < 0 ||
	    (rc = gnutls_x509_crl_sign2(crl, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0)) <
		0 ||
	    (rc = gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem)) < 0)
		return pki_failed(e, rc, "make the list of revoked certificates");
	*ret_pem = take_pem(&pem);
	return 0;
}
