/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CERTS_H
#define CERTS_H
/*
 * Certificates good and bad, made by GnuTLS on the spot: what `stormctl pki` would make,
 * and what it never would.
 */
#include "test.h"
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

struct cert {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

/* What a certificate is to say.  Zero means: nothing of that. */
struct wish {
	const char *cn, *ou, *second_ou, *dns;
	const char *purpose;    /* an extended key usage */
	int from_days, to_days; /* from now; both 0: valid now */
	int to_seconds;         /* in place of to_days */
	bool is_ca, is_rsa;
};

#define HOST_WISH                                                \
 {                                                               \
  .cn = "db1", .dns = "db1", .purpose = GNUTLS_KP_TLS_WWW_SERVER \
 }
#define OPERATOR_WISH                                                  \
 {                                                                     \
  .cn = "alice", .ou = "operator", .purpose = GNUTLS_KP_TLS_WWW_CLIENT \
 }
#define VIEWER_WISH                                                \
 {                                                                 \
  .cn = "bob", .ou = "viewer", .purpose = GNUTLS_KP_TLS_WWW_CLIENT \
 }
#define CA_WISH                  \
 {                               \
  .cn = "test CA", .is_ca = true \
 }

#define MUST_TLS(call)                              \
 do {                                               \
  int rc_ = (call);                                 \
  if (rc_ < 0)                                      \
   fail_msg("%s: %s", #call, gnutls_strerror(rc_)); \
 } while (0)

static inline void
cert_put(gnutls_x509_crt_t crt, const char *oid, const char *value)
{
	if (value != NULL)
		MUST_TLS(gnutls_x509_crt_set_dn_by_oid(
		    crt, oid, 0, value, (unsigned)strlen(value)));
}

static inline void
cert_set_subject(gnutls_x509_crt_t crt, const struct wish *w)
{
	char dn[128];
	const char *wrong = NULL;

	if (w->second_ou == NULL) {
		cert_put(crt, GNUTLS_OID_X520_COMMON_NAME, w->cn);
		cert_put(crt, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, w->ou);
		return;
	}
	(void)snprintf(dn, sizeof(dn), "CN=%s,OU=%s,OU=%s", w->cn, w->ou, w->second_ou);
	MUST_TLS(gnutls_x509_crt_set_dn(crt, dn, &wrong));
}

/* Signed by `ca`, or by itself. */
static inline struct cert
cert_make(const struct wish *w, const struct cert *ca)
{
	static unsigned char serial[4] = { 1 };
	const time_t day = 24 * 3600, now = time(NULL);
	struct cert c;

	MUST_TLS(gnutls_x509_privkey_init(&c.key));
	MUST_TLS(w->is_rsa ? gnutls_x509_privkey_generate(c.key, GNUTLS_PK_RSA, 2048, 0) :
			     gnutls_x509_privkey_generate(c.key, GNUTLS_PK_ECDSA,
				 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	MUST_TLS(gnutls_x509_crt_init(&c.crt));
	MUST_TLS(gnutls_x509_crt_set_version(c.crt, 3));
	serial[3]++;
	MUST_TLS(gnutls_x509_crt_set_serial(c.crt, serial, sizeof(serial)));
	MUST_TLS(gnutls_x509_crt_set_activation_time(
	    c.crt, now + (w->from_days != 0 ? w->from_days : -1) * day));
	MUST_TLS(gnutls_x509_crt_set_expiration_time(
	    c.crt, now + (w->to_seconds != 0 ? w->to_seconds :
			     w->to_days != 0 ? w->to_days * day :
					       30 * day)));
	cert_set_subject(c.crt, w);
	MUST_TLS(gnutls_x509_crt_set_key(c.crt, c.key));
	MUST_TLS(gnutls_x509_crt_set_basic_constraints(c.crt, w->is_ca, -1));
	MUST_TLS(gnutls_x509_crt_set_key_usage(
	    c.crt, w->is_ca ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN :
			      GNUTLS_KEY_DIGITAL_SIGNATURE));
	if (w->purpose != NULL)
		MUST_TLS(gnutls_x509_crt_set_key_purpose_oid(c.crt, w->purpose, 0));
	if (w->dns != NULL)
		MUST_TLS(gnutls_x509_crt_set_subject_alt_name(c.crt, GNUTLS_SAN_DNSNAME,
		    w->dns, (unsigned)strlen(w->dns), GNUTLS_FSAN_SET));
	MUST_TLS(gnutls_x509_crt_sign2(c.crt, ca != NULL ? ca->crt : c.crt,
	    ca != NULL ? ca->key : c.key, GNUTLS_DIG_SHA256, 0));
	return c;
}

static inline void
cert_free(struct cert *c)
{
	gnutls_x509_crt_deinit(c->crt);
	gnutls_x509_privkey_deinit(c->key);
}

/* As PEM; the caller frees .data with gnutls_free. */
static inline gnutls_datum_t
cert_pem(const struct cert *c)
{
	gnutls_datum_t pem;

	MUST_TLS(gnutls_x509_crt_export2(c->crt, GNUTLS_X509_FMT_PEM, &pem));
	return pem;
}

static inline gnutls_datum_t
key_pem(const struct cert *c)
{
	gnutls_datum_t pem;

	MUST_TLS(gnutls_x509_privkey_export2_pkcs8(
	    c->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem));
	return pem;
}

/* Who is believed no longer: one certificate, or nobody (NULL).  next_days: until when the
 * list is good. */
static inline gnutls_datum_t
crl_pem(const struct cert *ca, const struct cert *revoked, int next_days)
{
	const time_t day = 24 * 3600, now = time(NULL);
	gnutls_x509_crl_t crl;
	gnutls_datum_t pem;

	MUST_TLS(gnutls_x509_crl_init(&crl));
	MUST_TLS(gnutls_x509_crl_set_version(crl, 2));
	MUST_TLS(gnutls_x509_crl_set_this_update(crl, now - 10 * day));
	MUST_TLS(gnutls_x509_crl_set_next_update(crl, now + next_days * day));
	if (revoked != NULL)
		MUST_TLS(gnutls_x509_crl_set_crt(crl, revoked->crt, now - day));
	MUST_TLS(gnutls_x509_crl_sign2(crl, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0));
	MUST_TLS(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem));
	gnutls_x509_crl_deinit(crl);
	return pem;
}

#endif
