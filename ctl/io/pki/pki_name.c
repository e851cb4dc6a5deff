/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subject alternative names.  Whoever checks a name against a certificate decides by its
 * looks whether it is an address; an inventory may well use addresses as names, so those
 * stand in the certificate in both forms.
 */
#include "pki_name.h"
#include "cleanup.h"
#include "err.h"
#include "string_list.h"
#include "xalloc.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DNS_NAME_MAX  253
#define DNS_LABEL_MAX 63
#define UNDERSCORE    "-5f-" /* in place of each, in TLS */

/* The bytes of an address: 4, 16, or 0 when it is none. */
static unsigned
address_bytes(const char *text, unsigned char ret[static 16])
{
	if (inet_pton(AF_INET, text, ret) == 1)
		return 4;
	return inet_pton(AF_INET6, text, ret) == 1 ? 16 : 0;
}

static bool
is_dns_name(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t total = strlen(text);

	if (total == 0 || total > DNS_NAME_MAX)
		return false;
	for (const char *label = text;; label++) {
		size_t len = strspn(label, allowed);

		if (len == 0 || len > DNS_LABEL_MAX || label[0] == '-')
			return false;
		label += len;
		if (*label != '.')
			return *label == '\0';
	}
}

char *
pki_name_in_tls(const char *name)
{
	char *ret = xcalloc(strlen(name) + 1, sizeof(UNDERSCORE)), *to = ret;

	for (; *name != '\0'; name++) {
		if (*name == '_')
			to = stpcpy(to, UNDERSCORE);
		else
			*to++ = *name;
	}
	return ret;
}

/* Programs take it for an address, whatever we mean by it. */
static bool
is_number(const char *text)
{
	return strspn(text, "0123456789.") == strlen(text);
}

int
pki_name_check(const char *text, struct err *e)
{
	_cleanup_free_ char *in_tls = pki_name_in_tls(text);
	unsigned char bytes[16];

	if (strstr(text, UNDERSCORE) != NULL)
		return err_invalid(e,
		    "'%s': in certificates '" UNDERSCORE
		    "' stands for '_', it cannot be part of a name",
		    text);
	if (address_bytes(text, bytes) > 0 ||
	    (is_dns_name(text) && is_dns_name(in_tls) && !is_number(text)))
		return 0;
	return err_invalid(e,
	    "'%s' is neither an address nor a host name: write 10.0.0.7, fd00::7 or "
	    "db1.example.net",
	    text);
}

static int
add_dns(gnutls_x509_crt_t crt, const char *text)
{
	return gnutls_x509_crt_set_subject_alt_name(
	    crt, GNUTLS_SAN_DNSNAME, text, (unsigned)strlen(text), GNUTLS_FSAN_APPEND);
}

int
pki_name_add(gnutls_x509_crt_t crt, const char *text, struct err *e)
{
	_cleanup_free_ char *in_tls = pki_name_in_tls(text);
	unsigned char bytes[16];
	unsigned size = address_bytes(text, bytes);
	int rc = 0;

	if (size > 0)
		rc = gnutls_x509_crt_set_subject_alt_name(
		    crt, GNUTLS_SAN_IPADDRESS, bytes, size, GNUTLS_FSAN_APPEND);
	if (rc == 0 && size != sizeof(bytes))
		rc = add_dns(crt, text);
	if (rc == 0 && strcmp(in_tls, text) != 0)
		rc = add_dns(crt, in_tls);
	if (rc < 0)
		return err_set(
		    e, -EIO, "name '%s' in a certificate: %s", text, gnutls_strerror(rc));
	return 0;
}

static void
name_crt_release(gnutls_x509_crt_t *c)
{
	gnutls_x509_crt_deinit(*c);
}

/* One name as text; false for what we never write. */
static bool
name_text(int type, const char *raw, size_t len, char ret[static DNS_NAME_MAX + 1])
{
	unsigned char bytes[16];

	if (type == GNUTLS_SAN_IPADDRESS)
		return inet_ntop(len == 4 ? AF_INET : AF_INET6, raw, ret, DNS_NAME_MAX) !=
		       NULL;
	if (type != GNUTLS_SAN_DNSNAME || len > DNS_NAME_MAX)
		return false;
	memcpy(ret, raw, len);
	ret[len] = '\0';
	/* Else it stands there as an address, or with its '_', too. */
	return address_bytes(ret, bytes) == 0 && strstr(ret, UNDERSCORE) == NULL;
}

int
pki_name_others(const char *cert, const char *name, char ***ret, struct err *e)
{
	_cleanup_(name_crt_release) gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t pem = { .data = (unsigned char *)cert,
		.size = (unsigned)strlen(cert) };
	char raw[DNS_NAME_MAX + 1], text[DNS_NAME_MAX + 1];
	int rc;

	if ((rc = gnutls_x509_crt_init(&crt)) < 0 ||
	    (rc = gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM)) < 0)
		return err_set(e, -EIO, "read a certificate: %s", gnutls_strerror(rc));
	for (unsigned i = 0;; i++) {
		size_t len = sizeof(raw);

		rc = gnutls_x509_crt_get_subject_alt_name(crt, i, raw, &len, NULL);
		if (rc < 0)
			return 0; /* the last one was the last */
		if (name_text(rc, raw, len, text) && strcmp(text, name) != 0)
			string_list_add(ret, text);
	}
}
