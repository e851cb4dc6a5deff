/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPEC_H
#define SPEC_H
/*
 * One fault as it is asked for: a kind and typed arguments, a flat POD that crosses every
 * boundary as it is.  Built by spec_init, spec_set…, spec_finish; whoever receives one
 * from a less trusted process calls spec_verify before reading anything in it.
 */
#include "bounds.h"
#include "clock.h"
#include "ident.h"
#include "parse.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct kind;

#define ARG_NAME_MAX  24
#define KIND_NAME_MAX 32

struct arg {
	char name[ARG_NAME_MAX];
	int64_t num;   /* in the parameter's unit; 0 for text types */
	uint16_t text; /* offset into spec.text */
	uint16_t len;  /* bytes there, the last one NUL; 0: no text */
	uint16_t pad[2];
};

struct spec {
	char id[FAULT_ID_LEN]; /* set by stormd at arm */
	char kind[KIND_NAME_MAX];
	char name[NAME_MAX_LEN]; /* the fault's id in the experiment: "slow-db" */
	usec_t at;               /* after fire */
	usec_t duration;         /* `for`; 0 for a one-shot */
	uint16_t args_count;
	uint16_t nets_count;
	uint16_t text_used;
	struct arg args[SPEC_ARGS_MAX];
	struct net nets[SPEC_NETS_MAX];
	char text[SPEC_TEXT_MAX];
};
_Static_assert(sizeof(struct spec) <= SPEC_SIZE_MAX, "a spec crosses in one message");

void spec_init(struct spec *s, const struct kind *k);
/* Set one parameter from its written form.  List types take "a,b" and repeated calls
 * append; any other parameter set twice is an error, as is an unknown one (with a
 * suggestion) and a value out of range (with the range). */
int spec_set(struct spec *s, const char *name, const char *text, struct err *e);
/* Fill in defaults, insist on what is required, run the kind's own check. */
int spec_finish(struct spec *s, struct err *e);
/* A number in place of the one that is there, or of none.  Whoever changes a finished spec
 * finishes it again: what else was set must go with it. */
int spec_change(struct spec *s, const char *name, int64_t num, struct err *e);
/* Re-check a spec that crossed a boundary: every offset, length, type and range, then
 * the kind's own check.  Never reads outside *s whatever it holds. */
int spec_verify(const struct spec *s, struct err *e);

bool spec_has(const struct spec *s, const char *name);
/* The parameter must be in the kind's row; absent: 0 and "". */
int64_t spec_num(const struct spec *s, const char *name);
const char *spec_text(const struct spec *s, const char *name);
/* The i-th string of a PARAM_STRINGS, NULL past the end. */
const char *spec_string(const struct spec *s, const char *name, size_t i);
/* The lists, typed: how many were stored, at most max; 0 when absent. */
size_t spec_ports(
    const struct spec *s, const char *name, struct port_range *ret, size_t max);
size_t spec_addrs(const struct spec *s, const char *name, struct net *ret, size_t max);
size_t spec_percents(const struct spec *s, const char *name, int64_t *ret, size_t max);
/* PARAM_CYCLE; false when absent. */
bool spec_cycle(const struct spec *s, const char *name, usec_t *ret_on, usec_t *ret_off);
/* "net.delay delay=100ms to=10.0.0.0/8,fd00::/8": one line; returns buf. */
const char *spec_describe(const struct spec *s, char *buf, size_t size);
/* One value as it would be written, into buf; "" when absent; returns buf. */
const char *spec_format(const struct spec *s, const char *name, char *buf, size_t size);

#endif
