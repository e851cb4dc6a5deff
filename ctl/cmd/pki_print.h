/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PKI_PRINT_H
#define PKI_PRINT_H
/* What `stormctl pki` says on stdout. */
#include <stdbool.h>

struct pki_entry;
struct pki_index;

/* Where the certificate lies that was just made below `dir`, and what to do with it. */
void pki_print_issued(const char *dir, const struct pki_entry *made, bool is_renewed);
void pki_print_list(const struct pki_index *x);
void pki_print_json(const struct pki_index *x);

#endif
