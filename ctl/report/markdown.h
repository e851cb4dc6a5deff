/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MARKDOWN_H
#define MARKDOWN_H
/* The parts of summary.md: its tables are written in markdown_tables.c,
 * markdown_faults.c and markdown_judged.c. */
#include "report.h"

/* Text that may hold anything, inside a table cell or a paragraph. */
void markdown_text(FILE *f, const char *s);
/* "db1: ", before the words of an event that do not begin with it. */
void markdown_host(FILE *f, const struct event *v);
void markdown_ms(FILE *f, double us); /* NAN: a dash */
/* Whole sections, left out when there is nothing to say. */
void markdown_faults(FILE *f, const struct report_input *in);
void markdown_hosts(FILE *f, const struct report_input *in);
void markdown_probes(FILE *f, const struct report_input *in);
void markdown_load(FILE *f, const struct report_input *in);
void markdown_timing(FILE *f, const struct report_input *in);
void markdown_judged(FILE *f, const struct report_input *in);
/* What a decision rests on, as a table. */
void markdown_evidence(FILE *f, const struct event *v);
void markdown_timeline(FILE *f, const struct report_input *in);

#endif
