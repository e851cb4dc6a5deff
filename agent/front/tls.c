/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and identity.  A certificate is verified by ourselves, with the files in use
 * at that moment, in the handshake and again after every reload; GnuTLS only sees to it
 * that one was sent and that the peer holds its key.  A certificate without an extended key
 * usage is good for anything by the standard; here it is good for nothing, so that no
 * host's certificate commands another host.
 *
 * A revocation list that is out of date still counts (GnuTLS does not look at its dates):
 * it says who was revoked, and to refuse everybody because nobody renewed it would take the
 * stop button away.
 */
#include "tls.h"
#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include "tls_files.h"
#include "xalloc.h"
#include <errno.h>
#include <gnutls/x509.h>
#include <string.h>

#define CHAIN_MAX 4
#define PURPOSES  16 /* of an extended key usage: how many are looked at */

#define VERIFY_FLAGS \
 (GNUTLS_VERIFY_DO_NOT_ALLOW_SAME | GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM))

struct tls_creds {
	unsigned refs;
	gnutls_certificate_credentials_t own;
	gnutls_x509_trust_list_t trust; /* of ours */
};

struct chain {
	gnutls_x509_crt_t crt[CHAIN_MAX];
	unsigned count;
};

static void
chain_release(struct chain *c)
{
	for (unsigned i = 0; i < c->count; i++)
		gnutls_x509_crt_deinit(c->crt[i]);
	c->count = 0;
}

struct tls_creds *
tls_creds_ref(struct tls_creds *c)
{
	c->refs++;
	return c;
}

void
tls_creds_unref(struct tls_creds *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	if (c->own != NULL)
		gnutls_certificate_free_credentials(c->own);
	if (c->trust != NULL)
		gnutls_x509_trust_list_deinit(c->trust, 1);
	free(c);
}

static void
creds_unrefp(struct tls_creds **c)
{
	tls_creds_unref(*c);
}

static gnutls_datum_t
part(const struct tls_files *f, enum pki_part p)
{
	return (gnutls_datum_t){ f->bytes[p], (unsigned)f->len[p] };
}

/* --- what a certificate is good for ------------------------------------------------------ */

static bool
is_for(gnutls_x509_crt_t crt, const char *purpose)
{
	for (unsigned i = 0; i < PURPOSES; i++) {
		char oid[64];
		size_t size = sizeof(oid);
		int rc = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &size, NULL);

		if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return false;
		if (rc == 0 && strcmp(oid, purpose) == 0)
			return true;
	}
	return false;
}

/* The first that applies; -EKEY… are for tls_refuse. */
static int
refuse_status(unsigned status, struct err *e)
{
	static const struct {
		unsigned bit;
		int code;
		const char *text;
	} whys[] = {
		{ GNUTLS_CERT_REVOKED, -EKEYREVOKED, "it is revoked" },
		{ GNUTLS_CERT_SIGNER_NOT_FOUND, -ENOKEY, "it is not by our CA" },
		{ GNUTLS_CERT_SIGNATURE_FAILURE, -ENOKEY, "it is not by our CA" },
		{ GNUTLS_CERT_EXPIRED, -EKEYEXPIRED,
		    "it has expired, by this host's clock" },
		{ GNUTLS_CERT_NOT_ACTIVATED, -EKEYEXPIRED,
		    "it is not valid yet, by this host's clock" },
		{ GNUTLS_CERT_INSECURE_ALGORITHM, -EPERM,
		    "its key or its signature is too weak" },
		{ ~0u, -EPERM, "it is not valid" },
	};
	size_t i = 0;

	while ((status & whys[i].bit) == 0)
		i++;
	(void)err_refused(e, "%s", whys[i].text);
	e->code = whys[i].code;
	return e->code;
}

static int
verify(gnutls_x509_trust_list_t trust, const struct chain *c, const char *purpose,
    struct err *e)
{
	gnutls_typed_vdata_st data = { .type = GNUTLS_DT_KEY_PURPOSE_OID };
	struct chain sorted = *c; /* of the list's own order */
	unsigned status = 0;
	int rc;

	data.data = (unsigned char *)(uintptr_t)purpose; /* older than const */
	rc = gnutls_x509_trust_list_verify_crt2(
	    trust, sorted.crt, sorted.count, &data, 1, VERIFY_FLAGS, &status, NULL);
	if (rc < 0)
		return err_refused(e, "%s", gnutls_strerror(rc));
	if ((status & GNUTLS_CERT_PURPOSE_MISMATCH) != 0 ||
	    (status == 0 && !is_for(c->crt[0], purpose)))
		return err_refused(e, "it is not a %s's",
		    strcmp(purpose, GNUTLS_KP_TLS_WWW_SERVER) == 0 ? "host" : "client");
	return status != 0 ? refuse_status(status, e) : 0;
}

/* --- what this host has ------------------------------------------------------------------ */

static int
load_ca(struct tls_creds *c, const struct tls_files *f, struct err *e)
{
	gnutls_datum_t ca = part(f, PKI_PART_CA);
	int rc = gnutls_x509_trust_list_init(&c->trust, 0);

	if (rc < 0)
		return err_set(e, -ENOMEM, "%s", gnutls_strerror(rc));
	rc = gnutls_x509_trust_list_add_trust_mem(
	    c->trust, &ca, NULL, GNUTLS_X509_FMT_PEM, GNUTLS_TL_NO_DUPLICATES, 0);
	if (rc <= 0)
		return err_invalid(e, PKI_CA " holds no certificate");
	if (rc > CHAIN_MAX)
		return err_invalid(
		    e, PKI_CA " holds more than %d certificates", CHAIN_MAX);
	/* its name is what clients are asked for */
	rc = gnutls_certificate_set_x509_trust_mem(c->own, &ca, GNUTLS_X509_FMT_PEM);
	return rc > 0 ? 0 : err_invalid(e, PKI_CA ": %s", gnutls_strerror(rc));
}

/* One that our CA did not sign would revoke nobody, and nobody would notice. */
static bool
is_by(gnutls_x509_crl_t crl, const struct chain *ca)
{
	const unsigned age = GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED |
			     GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
	unsigned status = 0;

	if (gnutls_x509_crl_verify(crl, ca->crt, ca->count, 0, &status) != 0)
		return false;
	if ((status & age) != 0)
		status &= ~(age | GNUTLS_CERT_INVALID);
	return status == 0;
}

static int
load_crl(struct tls_creds *c, const struct tls_files *f, struct err *e)
{
	gnutls_datum_t text = part(f, PKI_PART_CRL), pem = part(f, PKI_PART_CA);
	struct chain ca = { .count = CHAIN_MAX };
	gnutls_x509_crl_t *crls = NULL;
	unsigned count = 0, good = 0;
	int rc;

	if (text.size == 0)
		return 0;
	rc = gnutls_x509_crl_list_import2(&crls, &count, &text, GNUTLS_X509_FMT_PEM, 0);
	if (rc < 0)
		return err_invalid(
		    e, PKI_CRL " holds no revocation list: %s", gnutls_strerror(rc));
	rc = gnutls_x509_crt_list_import(ca.crt, &ca.count, &pem, GNUTLS_X509_FMT_PEM, 0);
	ca.count = rc > 0 ? (unsigned)rc : 0;
	while (good < count && is_by(crls[good], &ca))
		good++;
	chain_release(&ca);
	rc = gnutls_x509_trust_list_add_crls(c->trust, crls, count, 0, 0);
	gnutls_free(crls); /* the lists themselves are the trust list's now */
	if (good < count || rc < 0 || (unsigned)rc < count)
		return err_invalid(e, PKI_CRL " is not by the CA of " PKI_CA);
	return 0;
}

static int
check_key(const struct tls_creds *c, struct err *e)
{
	gnutls_x509_privkey_t key;
	int algorithm;

	if (gnutls_certificate_get_x509_key(c->own, 0, &key) < 0)
		return err_invalid(e, PKI_KEY " holds no key");
	algorithm = gnutls_x509_privkey_get_pk_algorithm(key);
	gnutls_x509_privkey_deinit(key);
	if (algorithm != GNUTLS_PK_ECDSA && algorithm != GNUTLS_PK_EDDSA_ED25519)
		return err_invalid(e,
		    PKI_KEY
		    " is of type %s: only ECDSA (P-256, P-384) and Ed25519 will do",
		    gnutls_pk_get_name((gnutls_pk_algorithm_t)algorithm));
	return 0;
}

static int
load_own(struct tls_creds *c, const struct tls_files *f, struct err *e)
{
	gnutls_datum_t cert = part(f, PKI_PART_CERT), key = part(f, PKI_PART_KEY);
	struct chain own = { .count = CHAIN_MAX };
	int rc = gnutls_x509_crt_list_import(
	    own.crt, &own.count, &cert, GNUTLS_X509_FMT_PEM, 0);

	if (rc <= 0)
		return err_invalid(e, PKI_CERT " holds no certificate");
	own.count = (unsigned)rc;
	rc =
	    gnutls_certificate_set_x509_key_mem(c->own, &cert, &key, GNUTLS_X509_FMT_PEM);
	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		rc = err_invalid(e, PKI_KEY " is not the key of " PKI_CERT);
	else if (rc < 0)
		rc = err_invalid(e, PKI_KEY ": %s", gnutls_strerror(rc));
	else
		rc = check_key(c, e);
	if (rc == 0 && (rc = verify(c->trust, &own, GNUTLS_KP_TLS_WWW_SERVER, e)) != 0)
		(void)err_wrap(e, PKI_CERT " will not do");
	chain_release(&own);
	return rc;
}

int
tls_creds_make(struct tls_creds **ret, const struct tls_files *f, struct err *e)
{
	_cleanup_(creds_unrefp) struct tls_creds *c = xcalloc(1, sizeof(*c));

	c->refs = 1;
	if (gnutls_certificate_allocate_credentials(&c->own) < 0)
		return err_set(e, -ENOMEM, "no memory for credentials");
	if (load_ca(c, f, e) != 0 || load_crl(c, f, e) != 0 || load_own(c, f, e) != 0)
		return e->code;
	*ret = steal_ptr(&c);
	return 0;
}

/* --- who a peer is ----------------------------------------------------------------------- */

int
tls_session_setup(struct tls_creds *c, gnutls_session_t s, struct err *e)
{
	int rc = gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, c->own);

	if (rc < 0)
		return err_set(e, -EIO, "%s", gnutls_strerror(rc));
	gnutls_certificate_server_set_request(s, GNUTLS_CERT_REQUIRE);
	return 0;
}

static int
read_chain(gnutls_session_t s, struct chain *ret, struct err *e)
{
	unsigned count = 0;
	const gnutls_datum_t *der = gnutls_certificate_get_peers(s, &count);

	if (der == NULL || count == 0)
		return err_refused(e, "there is none");
	if (count > CHAIN_MAX)
		return err_refused(e, "it comes with more than %d others", CHAIN_MAX - 1);
	for (; ret->count < count; ret->count++) {
		gnutls_x509_crt_t *crt = &ret->crt[ret->count];

		if (gnutls_x509_crt_init(crt) < 0)
			return err_set(e, -ENOMEM, "no memory");
		if (gnutls_x509_crt_import(*crt, &der[ret->count], GNUTLS_X509_FMT_DER) <
		    0) {
			gnutls_x509_crt_deinit(*crt);
			return err_refused(e, "it is not to be read");
		}
	}
	return 0;
}

/* The one attribute of this kind in the subject: two would be two opinions. */
static int
read_subject(gnutls_x509_crt_t crt, const char *oid, char *ret, size_t size)
{
	char other[8];
	size_t len = size, other_len = sizeof(other);

	if (gnutls_x509_crt_get_dn_by_oid(crt, oid, 0, 0, ret, &len) < 0)
		return -ENOENT;
	if (strlen(ret) != len ||
	    gnutls_x509_crt_get_dn_by_oid(crt, oid, 1, 0, other, &other_len) !=
		GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return -EINVAL;
	return 0;
}

static int
read_peer(gnutls_x509_crt_t crt, struct peer *ret, struct err *e)
{
	struct peer p = { .uid = UID_REMOTE };
	struct err why = { 0 };
	char role[32];

	if (read_subject(crt, GNUTLS_OID_X520_COMMON_NAME, p.name, sizeof(p.name)) != 0 ||
	    parse_name(p.name, &why) != 0)
		return err_refused(e, "its common name (CN) is not the name of anybody");
	if (read_subject(
		crt, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, role, sizeof(role)) != 0)
		return err_refused(e, "it has no role (OU) for '%s'", p.name);
	if (strcmp(role, ROLE_NAME_VIEWER) == 0)
		p.role = ROLE_VIEWER;
	else if (strcmp(role, ROLE_NAME_OPERATOR) == 0)
		p.role = ROLE_OPERATOR;
	else
		return err_refused(e,
		    "its role (OU) for '%s' is neither " ROLE_NAME_VIEWER
		    " nor " ROLE_NAME_OPERATOR,
		    p.name);
	p.until = (usec_t)gnutls_x509_crt_get_expiration_time(crt) * USEC_PER_SEC;
	*ret = p;
	return 0;
}

int
tls_identify(
    const struct tls_creds *c, gnutls_session_t s, struct peer *ret, struct err *e)
{
	struct chain chain = { 0 };
	int rc = read_chain(s, &chain, e);

	if (rc == 0)
		rc = verify(c->trust, &chain, GNUTLS_KP_TLS_WWW_CLIENT, e);
	if (rc == 0)
		rc = read_peer(chain.crt[0], ret, e);
	chain_release(&chain);
	return rc;
}

void
tls_refuse(gnutls_session_t s, const struct err *e)
{
	gnutls_alert_description_t alert = GNUTLS_A_ACCESS_DENIED;

	if (e->code == -EKEYREVOKED)
		alert = GNUTLS_A_CERTIFICATE_REVOKED;
	else if (e->code == -EKEYEXPIRED)
		alert = GNUTLS_A_CERTIFICATE_EXPIRED;
	else if (e->code == -ENOKEY)
		alert = GNUTLS_A_UNKNOWN_CA;
	/* that it is refused is what counts, whether or not it hears why */
	(void)gnutls_alert_send(s, GNUTLS_AL_FATAL, alert);
}
