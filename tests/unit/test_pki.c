/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CA's directory and what is in it, looked at from outside: by openssl, whose opinion is
 * not ours, and by GnuTLS, which agents and controllers check with.
 */
#include "api.h"
#include "cleanup.h"
#include "pki_dir.h"
#include "pki_own.h"
#include "pki_store.h"
#include "spawn.h"
#include "test.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUT_MAX 8192
#define YEAR    (365 * 24 * 3600)

static char room[64], pki[80];

static void
run_rm(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/rm", "rm", "-rf", room, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int
room_make(void **state)
{
	(void)state;
	(void)snprintf(room, sizeof(room), "/tmp/stormdrill-pki-XXXXXX");
	if (mkdtemp(room) == NULL)
		return -1;
	(void)snprintf(pki, sizeof(pki), "%s/pki", room);
	return pki_store_make(pki, NULL);
}

static int
room_clear(void **state)
{
	(void)state;
	run_rm();
	return 0;
}

static char *
in_pki(const char *name)
{
	return xasprintf("%s/%s", pki, name);
}

/* What openssl says; its exit code. */
#define OPENSSL(out, ...) \
 openssl(out, (const char *const[]){ "/usr/bin/openssl", __VA_ARGS__, NULL })
static int
openssl(char out[static OUT_MAX], const char *const *argv)
{
	struct err e = { 0 };
	struct run_tool tool = { .argv = argv,
		.out = out,
		.out_size = OUT_MAX,
		.keep_fd = -1,
		.timeout_ms = 30000 };

	out[0] = '\0';
	return run_tool(&tool, &e);
}

static void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("'%s' is not in: %s", part, text);
}

static void
assert_has_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("'%s' is in: %s", part, text);
}

static struct pki_store *
open_ca(void)
{
	struct pki_store *s = NULL;
	struct err e = { 0 };

	assert_ok(pki_store_open_ca(&s, pki, NULL, &e), e);
	return s;
}

static int
issue(const struct pki_wish *w, bool renew, struct err *e)
{
	struct pki_store *s = open_ca();
	int rc = pki_store_issue(s, w, renew, e);

	pki_store_free(s);
	return rc;
}

static void
issue_some(void)
{
	static const char *const addresses[] = { "10.0.0.7", "fd00::7", "db1.example.net",
		NULL };
	struct err e = { 0 };

	assert_ok(issue(&(struct pki_wish){ PKI_KIND_HOST, "db1", NULL, addresses, 730 },
		      false, &e),
	    e);
	assert_ok(
	    issue(&(struct pki_wish){ PKI_KIND_OPERATOR, "alice", "viewer", NULL, 730 },
		false, &e),
	    e);
	assert_ok(issue(&(struct pki_wish){ PKI_KIND_OPERATOR, "bob", NULL, NULL, 730 },
		      false, &e),
	    e);
}

static size_t
revoke_all_of(const char *name)
{
	struct pki_store *s = open_ca();
	struct err e = { 0 };
	size_t dirs = 0;

	assert_ok(pki_store_revoke(s, name, &dirs, &e), e);
	pki_store_free(s);
	return dirs;
}

static char *
file_text(const char *name)
{
	_cleanup_free_ char *path = in_pki(name);
	struct err e = { 0 };
	char *text = NULL;

	assert_ok(pki_file_get(AT_FDCWD, path, 1 << 20, &text, &e), e);
	return text;
}

static gnutls_x509_crt_t
crt_of(const char *name)
{
	_cleanup_free_ char *text = file_text(name);
	gnutls_datum_t pem = { (unsigned char *)text, (unsigned)strlen(text) };
	gnutls_x509_crt_t crt;

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
	return crt;
}

static gnutls_x509_crl_t
crl_of(const char *name)
{
	_cleanup_free_ char *text = file_text(name);
	gnutls_datum_t pem = { (unsigned char *)text, (unsigned)strlen(text) };
	gnutls_x509_crl_t crl;

	assert_int_equal(gnutls_x509_crl_init(&crl), 0);
	assert_int_equal(gnutls_x509_crl_import(crl, &pem, GNUTLS_X509_FMT_PEM), 0);
	return crl;
}

static time_t pretended;

static time_t
pretended_time(time_t *ret)
{
	if (ret != NULL)
		*ret = pretended;
	return pretended;
}

/* As an agent or a controller does it: chain, purpose, CRL, at a time.  0 is trusted. */
static unsigned
gnutls_says(const char *cert, const char *purpose, time_t at)
{
	gnutls_x509_crt_t ca = crt_of("ca.pem"), crt = crt_of(cert);
	gnutls_x509_crl_t crl = crl_of("crl.pem");
	gnutls_x509_trust_list_t list;
	gnutls_typed_vdata_st data = { GNUTLS_DT_KEY_PURPOSE_OID,
		(unsigned char *)purpose, 0 };
	unsigned said = 0;

	pretended = at;
	gnutls_global_set_time_function(pretended_time);

	assert_int_equal(gnutls_x509_trust_list_init(&list, 0), 0);
	assert_int_equal(gnutls_x509_trust_list_add_cas(list, &ca, 1, 0), 1);
	bool has_crl =
	    gnutls_x509_trust_list_add_crls(list, &crl, 1, GNUTLS_TL_VERIFY_CRL, 0) == 1;
	assert_int_equal(
	    gnutls_x509_trust_list_verify_crt2(list, &crt, 1, &data, 1, 0, &said, NULL),
	    0);
	if (!has_crl)
		gnutls_x509_crl_deinit(crl);
	gnutls_x509_trust_list_deinit(list, 1);
	gnutls_x509_crt_deinit(crt);
	return has_crl ? said : said | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
}

static void
openssl_reads_what_a_certificate_is_for(void **state)
{
	_cleanup_free_ char *host = in_pki("hosts/db1/cert.pem"),
			    *alice = in_pki("operators/alice/cert.pem"),
			    *ca = in_pki("ca.pem");
	char out[OUT_MAX];

	(void)state;
	issue_some();
	assert_int_equal(OPENSSL(out, "x509", "-in", host, "-noout", "-text"), 0);
	assert_has(out, "DNS:db1, IP Address:10.0.0.7, DNS:10.0.0.7, IP Address:FD00:");
	assert_has(out, "DNS:db1.example.net");
	assert_has(out, "TLS Web Server Authentication");
	assert_has_not(out, "TLS Web Client Authentication");
	assert_has(out, "CA:FALSE");
	assert_has(out, "prime256v1");
	assert_int_equal(OPENSSL(out, "x509", "-in", alice, "-noout", "-text"), 0);
	assert_has(out, "TLS Web Client Authentication");
	assert_has_not(out, "TLS Web Server Authentication");
	assert_has(out, "CN = alice, OU = viewer");
	assert_has_not(out, "Alternative Name");
	assert_int_equal(OPENSSL(out, "x509", "-in", ca, "-noout", "-text"), 0);
	assert_has(out, "CA:TRUE, pathlen:0");
	assert_has(out, "Certificate Sign, CRL Sign");
}

static void
openssl_believes_the_chain_for_its_purpose_only(void **state)
{
	_cleanup_free_ char *host = in_pki("hosts/db1/cert.pem"),
			    *bob = in_pki("operators/bob/cert.pem"),
			    *ca = in_pki("ca.pem"), *crl = in_pki("crl.pem");
	char out[OUT_MAX];

	(void)state;
	issue_some();
#define VERIFY(...)                                                                   \
 OPENSSL(out, "verify", "-x509_strict", "-CAfile", ca, "-CRLfile", crl, "-crl_check", \
     __VA_ARGS__)
	assert_int_equal(
	    VERIFY("-purpose", "sslserver", "-verify_hostname", "db1", host), 0);
	assert_int_equal(
	    VERIFY("-purpose", "sslserver", "-verify_ip", "fd00::7", host), 0);
	assert_int_equal(VERIFY("-purpose", "sslclient", bob), 0);
	assert_true(VERIFY("-purpose", "sslclient", host) < 0);
	assert_true(VERIFY("-purpose", "sslserver", bob) < 0);
	assert_true(VERIFY("-purpose", "sslserver", "-verify_hostname", "db2", host) < 0);
	(void)revoke_all_of("bob");
	assert_true(VERIFY("-purpose", "sslclient", bob) < 0);
	assert_int_equal(VERIFY("-purpose", "sslserver", host), 0);
#undef VERIFY
}

static void
gnutls_believes_the_chain_for_its_purpose_only(void **state)
{
	static const char server[] = GNUTLS_KP_TLS_WWW_SERVER,
			  client[] = GNUTLS_KP_TLS_WWW_CLIENT;
	time_t now = time(NULL);

	(void)state;
	issue_some();
	assert_int_equal(gnutls_says("hosts/db1/cert.pem", server, now), 0);
	assert_int_equal(gnutls_says("operators/bob/cert.pem", client, now), 0);
	assert_true(gnutls_says("hosts/db1/cert.pem", client, now) &
		    GNUTLS_CERT_PURPOSE_MISMATCH);
	(void)revoke_all_of("bob");
	assert_true(
	    gnutls_says("operators/bob/cert.pem", client, now) & GNUTLS_CERT_REVOKED);
	assert_int_equal(gnutls_says("operators/alice/cert.pem", client, now), 0);
}

static void
a_clock_that_is_off_by_hours_locks_nobody_out(void **state)
{
	static const char client[] = GNUTLS_KP_TLS_WWW_CLIENT;
	time_t now = time(NULL);

	(void)state;
	issue_some();
	assert_int_equal(
	    gnutls_says("operators/bob/cert.pem", client, now - 20 * 3600), 0);
	assert_true(gnutls_says("operators/bob/cert.pem", client, now - 48 * 3600) != 0);
	/* Nor does a list of revoked certificates run out before they do. */
	assert_int_equal(
	    gnutls_says("operators/bob/cert.pem", client, now + 2 * (time_t)YEAR - 3600),
	    0);
	assert_true(
	    gnutls_says("operators/bob/cert.pem", client, now + 2 * (time_t)YEAR + 3600) &
	    GNUTLS_CERT_EXPIRED);
}

static void
keys_are_nobody_elses(void **state)
{
	static const char *const files[] = { "ca-key.pem", "ca.pem", "crl.pem", "index",
		"hosts/db1/key.pem", "hosts/db1/cert.pem", "operators/alice/key.pem" };
	static const char *const dirs[] = { "", "hosts", "hosts/db1", "operators",
		"operators/alice" };
	mode_t before = umask(0);
	struct stat st;

	(void)state;
	issue_some();
	(void)umask(before);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		_cleanup_free_ char *path = in_pki(files[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		_cleanup_free_ char *path = in_pki(dirs[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
	}
}

static void
a_key_is_never_overwritten_unless_asked(void **state)
{
	_cleanup_free_ char *first = NULL, *second = NULL, *third = NULL;
	struct pki_wish again = { PKI_KIND_HOST, "db1", NULL, NULL, 730 };
	struct err e = { 0 };

	(void)state;
	issue_some();
	first = file_text("hosts/db1/key.pem");
	assert_int_equal(issue(&again, false, &e), -EEXIST);
	assert_has(e.msg, "--renew");
	second = file_text("hosts/db1/key.pem");
	assert_string_equal(first, second);
	assert_true(pki_store_make(pki, &e) < 0);
	assert_has(e.msg, "already");
	assert_ok(issue(&again, true, &e), e);
	third = file_text("hosts/db1/key.pem");
	assert_string_not_equal(first, third);
}

static void
a_renewal_keeps_addresses_and_role(void **state)
{
	_cleanup_free_ char *cert = in_pki("hosts/db1/cert.pem"),
			    *alice = in_pki("operators/alice/cert.pem");
	struct err e = { 0 };
	char out[OUT_MAX];

	(void)state;
	issue_some();
	assert_ok(
	    issue(&(struct pki_wish){ PKI_KIND_HOST, "db1", NULL, NULL, 30 }, true, &e),
	    e);
	assert_int_equal(OPENSSL(out, "x509", "-in", cert, "-noout", "-text"), 0);
	assert_has(out, "DNS:db1, IP Address:10.0.0.7, DNS:10.0.0.7, IP Address:FD00:");
	assert_has(out, "DNS:db1.example.net");
	assert_ok(issue(&(struct pki_wish){ PKI_KIND_OPERATOR, "alice", NULL, NULL, 30 },
		      true, &e),
	    e);
	assert_int_equal(OPENSSL(out, "x509", "-in", alice, "-noout", "-subject"), 0);
	assert_has(out, "OU = viewer");
}

/* Both the lost key and its successor: a name that is revoked is revoked. */
static void
revoking_reaches_every_certificate_and_directory(void **state)
{
	static const char client[] = GNUTLS_KP_TLS_WWW_CLIENT;
	static const char *const copies[] = { "hosts/db1/crl.pem",
		"operators/bob/crl.pem", "operators/alice/crl.pem" };
	_cleanup_free_ char *list = NULL, *old = NULL, *path = in_pki("old.pem");
	struct err e = { 0 };

	(void)state;
	issue_some();
	old = file_text("operators/bob/cert.pem");
	assert_ok(issue(&(struct pki_wish){ PKI_KIND_OPERATOR, "bob", NULL, NULL, 30 },
		      true, &e),
	    e);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(old, f) >= 0 && fclose(f) == 0);
	assert_int_equal(gnutls_says("old.pem", client, time(NULL)), 0);
	assert_int_equal(revoke_all_of("bob"), 3);
	assert_true(gnutls_says("old.pem", client, time(NULL)) & GNUTLS_CERT_REVOKED);
	assert_true(gnutls_says("operators/bob/cert.pem", client, time(NULL)) &
		    GNUTLS_CERT_REVOKED);
	list = file_text("crl.pem");
	for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
		_cleanup_free_ char *copy = file_text(copies[i]);
		assert_string_equal(copy, list);
	}
	/* Killed after the index was written: asked again, it finishes. */
	assert_int_equal(revoke_all_of("bob"), 3);
	assert_ok(issue(&(struct pki_wish){ PKI_KIND_OPERATOR, "bob", NULL, NULL, 30 },
		      true, &e),
	    e);
	assert_int_equal(gnutls_says("operators/bob/cert.pem", client, time(NULL)), 0);
}

static void
wrong_wishes_are_refused_in_words(void **state)
{
	static const char *const bad_address[] = { "10.0.0.300/8", NULL };
	static const struct {
		struct pki_wish wish;
		const char *says;
	} cases[] = {
		{ { PKI_KIND_HOST, "../x", NULL, NULL, 1 }, "is not a name" },
		{ { PKI_KIND_HOST, "a..b", NULL, NULL, 1 }, "nor a host name" },
		{ { PKI_KIND_HOST, "7.8", NULL, NULL, 1 }, "nor a host name" },
		{ { PKI_KIND_HOST, "db-5f-1", NULL, NULL, 1 }, "stands for '_'" },
		{ { PKI_KIND_HOST, "web", NULL, bad_address, 1 }, "10.0.0.300/8" },
		{ { PKI_KIND_HOST, "alice", NULL, NULL, 1 },
		    "an operator's name already" },
		{ { PKI_KIND_OPERATOR, "db1", NULL, NULL, 1 }, "a host's name already" },
		{ { PKI_KIND_OPERATOR, "ca", NULL, NULL, 1 }, "the CA's name already" },
		{ { PKI_KIND_OPERATOR, "eve", "root", NULL, 1 }, "viewer or operator" },
		{ { PKI_KIND_OPERATOR, "eve", NULL, NULL, 3660 },
		    "past the CA's own end" },
	};

	(void)state;
	issue_some();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };

		assert_true(issue(&cases[i].wish, false, &e) < 0);
		assert_has(e.msg, cases[i].says);
	}
}

static void
unknown_names_and_the_ca_cannot_be_revoked(void **state)
{
	struct pki_store *s;
	struct err e = { 0 };
	size_t dirs;

	(void)state;
	issue_some();
	s = open_ca();
	assert_int_equal(pki_store_revoke(s, "alcie", &dirs, &e), -ENOENT);
	assert_has(e.msg, "did you mean 'alice'?");
	assert_true(pki_store_revoke(s, "ca", &dirs, &e) < 0);
	pki_store_free(s);
}

static void
the_key_of_the_ca_may_be_elsewhere(void **state)
{
	_cleanup_free_ char *here = in_pki("ca-key.pem"),
			    *there = xasprintf("%s/usb", room),
			    *foreign = in_pki("hosts/db1/key.pem");
	struct pki_store *s = NULL;
	struct err e = { 0 };

	(void)state;
	issue_some();
	assert_int_equal(rename(here, there), 0);
	assert_ok(pki_store_open(&s, pki, &e), e);
	assert_int_equal(pki_store_index(s)->count, 4);
	pki_store_free(s);
	assert_int_equal(pki_store_open_ca(&s, pki, NULL, &e), -ENOENT);
	assert_has(e.msg, "--ca-key");
	assert_true(pki_store_open_ca(&s, pki, foreign, &e) < 0);
	assert_has(e.msg, "not that of the CA");
	assert_ok(pki_store_open_ca(&s, pki, there, &e), e);
	pki_store_free(s);
	/* A directory that lost only ca.pem is not taken for an empty one. */
	_cleanup_free_ char *ca = in_pki("ca.pem");
	assert_int_equal(unlink(ca), 0);
	assert_true(pki_store_make(pki, &e) < 0);
	assert_has(e.msg, "index");
}

static void
files_that_are_too_large_or_wrong_are_refused(void **state)
{
	_cleanup_free_ char *index = in_pki("index"), *key = in_pki("ca-key.pem"),
			    *large = xcalloc(1, PKI_FILE_MAX + 2);
	struct pki_store *s = NULL;
	struct err e = { 0 };
	FILE *f = fopen(index, "a");

	(void)state;
	assert_non_null(f);
	assert_true(fputs("garbage\n", f) >= 0 && fclose(f) == 0);
	assert_true(pki_store_open(&s, pki, &e) < 0);
	assert_has(e.msg, "line 3");
	memset(large, 'x', PKI_FILE_MAX + 1);
	f = fopen(index, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	f = fopen(key, "w");
	assert_non_null(f);
	assert_true(fputs(large, f) >= 0 && fclose(f) == 0);
	assert_int_equal(pki_store_open_ca(&s, pki, NULL, &e), -EFBIG);
}

/* The index of a CA with `count` revoked certificates that end at this time. */
static void
write_revoked(unsigned count, const char *until)
{
	_cleanup_free_ char *path = in_pki("index");
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	for (unsigned i = 0; i < count; i++)
		assert_true(fprintf(f, "%032x host old%u - %s 2026-01-01T00:00:00Z\n",
				0x40000000u + i, i, until) > 0);
	assert_int_equal(fclose(f), 0);
}

static void
a_list_has_bounds_and_forgets_what_is_long_past(void **state)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct pki_store *s;
	struct err e = { 0 };
	gnutls_x509_crl_t crl;
	size_t dirs;

	(void)state;
	issue_some();
	write_revoked(3000, "2020-01-01T00:00:00Z");
	write_revoked(10, "2035-01-01T00:00:00Z");
	assert_int_equal(revoke_all_of("bob"), 3);
	crl = crl_of("crl.pem");
	assert_int_equal(gnutls_x509_crl_get_crt_count(crl), 11);
	gnutls_x509_crl_deinit(crl);
	write_revoked(3000, "2035-01-01T00:00:00Z");
	before = file_text("index");
	s = open_ca();
	assert_true(pki_store_revoke(s, "alice", &dirs, &e) < 0);
	assert_has(e.msg, "more than a list may hold");
	pki_store_free(s);
	after = file_text("index");
	assert_string_equal(before, after);
}

static void
a_directory_that_others_can_write_is_refused(void **state)
{
	struct pki_store *s = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(chmod(pki, 0770), 0);
	assert_int_equal(pki_store_open_ca(&s, pki, NULL, &e), -EPERM);
	assert_has(e.msg, "chmod 700");
}

/* A key goes with its certificate, and the certificate stands in the index. */
static void
expect_whole(void)
{
	_cleanup_free_ char *pem = NULL, *index = file_text("index");
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt = crt_of("hosts/db1/cert.pem");
	unsigned char serial[16], a[32], b[32];
	char hex[PKI_SERIAL_LEN];
	size_t size = sizeof(serial), a_size = sizeof(a), b_size = sizeof(b),
	       hex_size = sizeof(hex);
	gnutls_datum_t bytes = { serial, sizeof(serial) }, text;

	pem = file_text("hosts/db1/key.pem");
	text = (gnutls_datum_t){ (unsigned char *)pem, (unsigned)strlen(pem) };
	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_import(key, &text, GNUTLS_X509_FMT_PEM), 0);
	assert_int_equal(
	    gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, a, &a_size), 0);
	assert_int_equal(
	    gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, b, &b_size), 0);
	assert_int_equal(a_size, b_size);
	assert_memory_equal(a, b, a_size);
	assert_int_equal(gnutls_x509_crt_get_serial(crt, serial, &size), 0);
	assert_int_equal(gnutls_hex_encode(&bytes, hex, &hex_size), 0);
	assert_has(index, hex);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_crt_deinit(crt);
}

static void
killed_at_any_moment_it_is_whole(void **state)
{
	struct pki_wish w = { PKI_KIND_HOST, "db1", NULL, NULL, 1 };
	struct err e = { 0 };

	(void)state;
	issue_some();
	for (useconds_t delay = 0; delay < 20000; delay += 500) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		while (pid == 0) {
			if (issue(&w, true, &e) < 0)
				_exit(1);
		}
		(void)usleep(delay);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		expect_whole();
	}
	assert_ok(issue(&w, true, &e), e);
	assert_int_equal(revoke_all_of("db1"), 3);
}

/* Its name is in the subject only, which no controller looks at. */
static void
an_operators_certificate_is_no_hosts(void **state)
{
	gnutls_x509_crt_t alice, host;

	(void)state;
	issue_some();
	alice = crt_of("operators/alice/cert.pem");
	host = crt_of("hosts/db1/cert.pem");
	assert_int_equal(gnutls_x509_crt_check_hostname(alice, "alice"), 0);
	assert_int_equal(gnutls_x509_crt_check_hostname(host, "db2"), 0);
	assert_true(gnutls_x509_crt_check_hostname(host, "db1") != 0);
	assert_true(gnutls_x509_crt_check_hostname(host, "10.0.0.7") != 0);
	gnutls_x509_crt_deinit(alice);
	gnutls_x509_crt_deinit(host);
}

/* What stormctl would say beside a refusal; "" when nothing is wrong. */
static void
expect_fault(const char *dir, const char *ca, time_t at, const char *says)
{
	_cleanup_free_ char *cert = xasprintf("%s/%s/cert.pem", pki, dir),
			    *crl = xasprintf("%s/%s/crl.pem", pki, dir);
	struct pki_own own = { .ca = ca, .cert = cert, .crl = crl };
	char said[64];

	pretended = at;
	gnutls_global_set_time_function(pretended_time);
	assert_string_equal(pki_own_fault(&own, said, sizeof(said)), says);
}

static void
what_is_wrong_with_our_own_certificate_is_said(void **state)
{
	_cleanup_free_ char *ca = in_pki("ca.pem"), *cert = in_pki("hosts/db1/cert.pem");
	time_t now = time(NULL), later = now + 3 * (time_t)YEAR, end = now + 730 * 86400;
	char until[PKI_TIME_LEN], says[64];

	(void)state;
	issue_some();
	expect_fault("operators/alice", ca, now, "");
	expect_fault("operators/bob", ca, now, "");
	expect_fault("hosts/db1", ca, now, "it is a host's, not an operator's");
	expect_fault("operators/bob", cert, now, "it is not by the CA in ca.pem");
	expect_fault("operators/none", ca, now, "");
	(void)snprintf(says, sizeof(says), "it expired on %.10s", pki_time(end, until));
	expect_fault("operators/bob", ca, later, says);
	(void)revoke_all_of("bob");
	expect_fault("operators/bob", ca, now, "it is revoked");
}

/* Ten at once, and every one of them stands in the index. */
static void
many_at_once_wait_for_each_other(void **state)
{
	struct pki_store *s = NULL;
	struct err e = { 0 };
	pid_t pids[10];
	int status;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "web%zu", i);
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct pki_wish w = { PKI_KIND_HOST, name, NULL, NULL, 1 };

			s = NULL;
			_exit(pki_store_open_ca(&s, pki, NULL, NULL) < 0 ||
			      pki_store_issue(s, &w, false, NULL) < 0);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_ok(pki_store_open(&s, pki, &e), e);
	assert_int_equal(pki_store_index(s)->count, 11);
	pki_store_free(s);
}

#define ROOM_TEST(f) cmocka_unit_test_setup_teardown(f, room_make, room_clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(openssl_reads_what_a_certificate_is_for),
		ROOM_TEST(openssl_believes_the_chain_for_its_purpose_only),
		ROOM_TEST(gnutls_believes_the_chain_for_its_purpose_only),
		ROOM_TEST(a_clock_that_is_off_by_hours_locks_nobody_out),
		ROOM_TEST(an_operators_certificate_is_no_hosts),
		ROOM_TEST(what_is_wrong_with_our_own_certificate_is_said),
		ROOM_TEST(keys_are_nobody_elses),
		ROOM_TEST(a_key_is_never_overwritten_unless_asked),
		ROOM_TEST(a_renewal_keeps_addresses_and_role),
		ROOM_TEST(revoking_reaches_every_certificate_and_directory),
		ROOM_TEST(wrong_wishes_are_refused_in_words),
		ROOM_TEST(unknown_names_and_the_ca_cannot_be_revoked),
		ROOM_TEST(the_key_of_the_ca_may_be_elsewhere),
		ROOM_TEST(files_that_are_too_large_or_wrong_are_refused),
		ROOM_TEST(a_list_has_bounds_and_forgets_what_is_long_past),
		ROOM_TEST(a_directory_that_others_can_write_is_refused),
		ROOM_TEST(killed_at_any_moment_it_is_whole),
		ROOM_TEST(many_at_once_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
