/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOADER_H
#define LOADER_H
/*
 * What the parts of the loader share.  A part takes a node and fills a part of the
 * experiment; it says what is wrong and goes on.  Maps are read by tables of fields, so
 * that every map refuses unknown keys with a suggestion, in the same words.
 */
#include "diag.h"
#include "experiment.h"
#include "load_yaml.h"
#include "string_list.h"
#include <stddef.h>
#include <stdint.h>

struct var {
	char *name;
	char *value; /* NULL: was not given, and that was said */
	bool secret;
};

struct loader {
	struct diag diag;
	struct experiment *x;
	struct var *vars;
	size_t var_count;
	const struct item *targets; /* `targets:`, or NULL */
	bool has_targets;           /* they were read */
};

enum field_type {
	FIELD_TEXT,     /* char *, not empty */
	FIELD_NAME,     /* char[NAME_MAX_LEN], by parse_name */
	FIELD_USEC,     /* usec_t */
	FIELD_SHARE,    /* double 0–1, written as a percentage */
	FIELD_RATE,     /* uint64_t, thousandths of a hertz */
	FIELD_BOOL,     /* bool */
	FIELD_COUNT,    /* uint32_t */
	FIELD_OWN,      /* by `own` */
	FIELD_LATER,    /* known, and not supported by this version */
	FIELD_NOT_HERE, /* known elsewhere; `why` says why not here */
};

struct field {
	const char *key;
	enum field_type type;
	size_t offset;    /* into the object */
	int64_t min, max; /* µs, thousandths of a percent, mHz, count; both 0: any */
	void (*own)(struct loader *l, const struct item *i, void *object);
	const char *why;
};

/* Read a map into `object` by rows that end with { 0 }.  `what` names it in messages. */
void load_fields(struct loader *l, const struct node *map, const struct field *fields,
    void *object, const char *what);
/* One key, by the first of the rows. */
void load_field(
    struct loader *l, const struct item *i, const struct field *f, void *object);
/* Are there keys that are none of the rows'?  Their values are not looked at. */
void load_keys(struct loader *l, const struct node *map, const struct field *fields,
    const char *what);
/* A scalar that is there, else NULL and said. */
const char *load_text(struct loader *l, const struct item *i);
/* A map, else false and said. */
bool load_is_map(struct loader *l, const struct node *n, const char *what);
/* The scalars of a list, or a single one as a list of one: calls `each` for every one. */
void load_each(struct loader *l, const struct item *i,
    void (*each)(struct loader *l, const struct item *i, const char *text, void *ctx),
    void *ctx);
/* A duration on its own. */
bool load_usec(
    struct loader *l, const struct item *i, usec_t min, usec_t max, usec_t *ret);
/* "what: message" at a value. */
void load_bad(struct loader *l, const struct item *i, const struct err *e);
/* "(did you mean 'x'?)" or "", into buf. */
const char *load_hint(const char *near, char *buf, size_t size);

/* Of files of any kind: the whole text, with a NUL behind it; `version: 1`; a key that must
 * be there and not be an empty list. */
int load_read_text(const char *path, char **ret, size_t *ret_len, struct err *e);
void load_version(struct loader *l, const struct item *i, void *object);
void load_require(
    struct loader *l, const struct node *root, const char *key, const char *hint);

/* `vars:`, --var, the environment; then every ${name} of the rest of the file. */
void load_vars(struct loader *l, struct node *root, const char *const *given);
void load_vars_free(struct loader *l);
/* Whatever is to be redacted and says so by its name. */
void load_secrets(struct loader *l, const struct node *root);

/* Of a probe, whose struct probe_def `object` is: how it asks; then, its type known, what
 * is good and the error budget. */
void load_http(struct loader *l, const struct item *i, void *object);
void load_tcp(struct loader *l, const struct item *i, void *object);
void load_exec(struct loader *l, const struct item *i, void *object);
void load_prometheus(struct loader *l, const struct item *i, void *object);
void load_good(struct loader *l, const struct item *i, void *object);
void load_good_defaults(struct loader *l, const struct node *probe, struct probe_def *p);
void load_jq(struct loader *l, const struct item *i, struct good *g);
bool load_header_name(struct loader *l, const struct item *i); /* false: said */
void load_slo(struct loader *l, const struct item *i, void *object);
/* What it comes to, once the phases are known; `slo` is where it stands. */
void load_slo_check(struct loader *l, const struct item *slo, struct probe_def *p);

/* The sections of the file. */
void load_probes(struct loader *l, const struct item *i, void *object);
void load_guards(struct loader *l, const struct item *i, void *object);
void load_loads(struct loader *l, const struct item *i, void *object);
/* What the probes of a file that is right so far come to in its phases. */
void load_probes_check(struct loader *l, const struct node *root);
/* Once, however often it is called: faults need them, wherever in the file they are. */
void load_targets(struct loader *l, const struct item *i, void *object);
void load_faults(struct loader *l, const struct item *i, void *object);

/* The sides of a fault: the name of a target, a topology, and, once all of the fault was
 * read, whether `against` and `topology` go with the rest of it (false: said).  `params`
 * is its kind. */
void load_fault_target(
    struct loader *l, const struct item *i, char ret[static NAME_MAX_LEN]);
void load_fault_topology(struct loader *l, const struct item *i, struct fault_def *f);
bool load_fault_check(struct loader *l, const struct node *fault,
    const struct item *params, const struct fault_def *f);

#endif
