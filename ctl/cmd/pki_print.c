/* SPDX-License-Identifier: Apache-2.0 */
/* The words and tables of `stormctl pki`; it decides nothing. */
#include "pki_print.h"
#include "api.h"
#include "pki_store.h"
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define DAYS_SOON 30 /* the end is near enough to be said */

void
pki_print_issued(const char *dir, const struct pki_entry *made, bool is_renewed)
{
	char until[PKI_TIME_LEN];

	(void)printf("pki: made %s/%s/%s (until %.10s)", dir,
	    pki_store_folder(made->kind), made->name, pki_time(made->not_after, until));
	if (made->kind == PKI_KIND_HOST)
		(void)printf("; copy it to %s as " PKI_HOST_DIR " and %s\n", made->name,
		    is_renewed ? "reload stormd (SIGHUP)" : "start stormd --listen");
	else
		(void)printf(", a%s %s; copy it to ~/.config/stormdrill/pki of %s\n",
		    made->role[0] == 'o' ? "n" : "", made->role, made->name);
}

static json_t *
entry_to_json(const struct pki_entry *n)
{
	char until[PKI_TIME_LEN], revoked[PKI_TIME_LEN];

	return json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s?}", "serial", n->serial, "kind",
	    pki_kind_name(n->kind), "name", n->name, "role",
	    n->role[0] != '\0' ? n->role : NULL, "not_after",
	    pki_time(n->not_after, until), "revoked_at",
	    n->revoked_at != 0 ? pki_time(n->revoked_at, revoked) : NULL);
}

/* "valid", "12 days left", "expired", "revoked 2026-11-22"; returns buf. */
static const char *
state_of(const struct pki_entry *n, char *buf, size_t size)
{
	long long days = ((long long)n->not_after - time(NULL)) / (24LL * 3600);
	char revoked[PKI_TIME_LEN];

	if (n->revoked_at != 0)
		(void)snprintf(
		    buf, size, "revoked %.10s", pki_time(n->revoked_at, revoked));
	else if (n->not_after <= time(NULL))
		(void)snprintf(buf, size, "expired");
	else if (days < DAYS_SOON)
		(void)snprintf(buf, size, "%lld days left", days);
	else
		(void)snprintf(buf, size, "valid");
	return buf;
}

static void
print_entry(const struct pki_entry *n)
{
	char until[PKI_TIME_LEN], state[48];

	(void)printf("%-24s %-9s %-9s %.10s  %s\n", n->name, pki_kind_name(n->kind),
	    n->role[0] != '\0' ? n->role : "-", pki_time(n->not_after, until),
	    state_of(n, state, sizeof(state)));
}

void
pki_print_list(const struct pki_index *x)
{
	(void)printf(
	    "%-24s %-9s %-9s %-10s  %s\n", "NAME", "KIND", "ROLE", "UNTIL", "STATE");
	for (size_t i = 0; i < x->count; i++)
		print_entry(&x->entries[i]);
}

void
pki_print_json(const struct pki_index *x)
{
	json_t *all = json_array();

	for (size_t i = 0; i < x->count; i++)
		(void)json_array_append_new(all, entry_to_json(&x->entries[i]));
	(void)json_dumpf(all, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(all);
}
