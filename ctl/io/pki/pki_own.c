/* SPDX-License-Identifier: Apache-2.0 */
/* Our own certificate, looked at as an agent would.  Files that cannot be read are somebody
 * else's message. */
#include "pki_own.h"
#include "api.h"
#include "cleanup.h"
#include "pki_dir.h"
#include "pki_index.h"
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void
own_list_release(gnutls_x509_trust_list_t *l)
{
	if (*l != NULL)
		gnutls_x509_trust_list_deinit(*l, 1);
}

static void
own_crt_release(gnutls_x509_crt_t *c)
{
	gnutls_x509_crt_deinit(*c);
}

static bool
read_pem(const char *path, char **ret_text, gnutls_datum_t *ret)
{
	if (path == NULL ||
	    pki_file_get(AT_FDCWD, path, PKI_FILE_MAX, ret_text, NULL) < 0)
		return false;
	*ret = (gnutls_datum_t){ .data = (unsigned char *)*ret_text,
		.size = (unsigned)strlen(*ret_text) };
	return true;
}

static bool
read_crt(const char *path, gnutls_x509_crt_t *ret)
{
	_cleanup_free_ char *text = NULL;
	gnutls_datum_t pem;

	return gnutls_x509_crt_init(ret) == 0 && read_pem(path, &text, &pem) &&
	       gnutls_x509_crt_import(*ret, &pem, GNUTLS_X509_FMT_PEM) == 0;
}

/* Whom the agents believe, as far as we know. */
static bool
read_trust(const struct pki_own *p, gnutls_x509_trust_list_t *ret)
{
	_cleanup_free_ char *ca_text = NULL, *crl_text = NULL;
	gnutls_datum_t ca, crl;

	if (gnutls_x509_trust_list_init(ret, 0) < 0 || !read_pem(p->ca, &ca_text, &ca))
		return false;
	bool has_crl = read_pem(p->crl, &crl_text, &crl);
	return gnutls_x509_trust_list_add_trust_mem(
		   *ret, &ca, has_crl ? &crl : NULL, GNUTLS_X509_FMT_PEM, 0, 0) > 0;
}

static bool
is_for_clients(gnutls_x509_crt_t crt)
{
	return gnutls_x509_crt_check_key_purpose(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0) != 0;
}

const char *
pki_own_fault(const struct pki_own *p, char *buf, size_t size)
{
	_cleanup_(own_list_release) gnutls_x509_trust_list_t trust = NULL;
	_cleanup_(own_crt_release) gnutls_x509_crt_t crt = NULL;
	char when[PKI_TIME_LEN];
	unsigned status = 0;

	buf[0] = '\0';
	if (!read_crt(p->cert, &crt) || !read_trust(p, &trust) ||
	    gnutls_x509_trust_list_verify_crt2(
		trust, &crt, 1, NULL, 0, 0, &status, NULL) < 0)
		return buf;
	if ((status & GNUTLS_CERT_REVOKED) != 0)
		(void)snprintf(buf, size, "it is revoked");
	else if ((status & GNUTLS_CERT_EXPIRED) != 0)
		(void)snprintf(buf, size, "it expired on %.10s",
		    pki_time(gnutls_x509_crt_get_expiration_time(crt), when));
	else if ((status & GNUTLS_CERT_NOT_ACTIVATED) != 0)
		(void)snprintf(buf, size, "it is valid from %.10s",
		    pki_time(gnutls_x509_crt_get_activation_time(crt), when));
	else if ((status & GNUTLS_CERT_SIGNER_NOT_FOUND) != 0)
		(void)snprintf(buf, size, "it is not by the CA in " PKI_CA);
	else if (!is_for_clients(crt))
		(void)snprintf(buf, size, "it is a host's, not an operator's");
	return buf;
}
