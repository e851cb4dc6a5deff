/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENT_H
#define EXPERIMENT_H
/*
 * An experiment as read from its file: plain data, validated, defaults filled in.  Built
 * whole by ctl/io/load_file.c; nobody changes it afterwards.  Strings are owned by it.
 */
#include "bounds.h"
#include "clock.h"
#include "spec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct place { /* where in the file; line and column from 1, 0 = not from a file */
	unsigned line, column;
};

struct status_range {
	uint16_t low, high;
};

/* How a probe asks. */
enum probe_type {
	PROBE_HTTP,
	PROBE_TCP,        /* connect; say something, expect something, if asked to */
	PROBE_EXEC,       /* run a program: its exit status, its output */
	PROBE_PROMETHEUS, /* an instant query over HTTP: its value against a bound */
	PROBE_TYPES
};
const char *probe_type_name(enum probe_type t); /* "http" "tcp" "exec" "prometheus" */

struct http_probe {   /* also the way to Prometheus */
	char *method; /* "GET" */
	char *url;
	char **headers; /* "Name: value", NULL-terminated */
	char *body;     /* request body or NULL */
	usec_t timeout, connect_timeout;
	char *ca, *cert, *key; /* paths or NULL */
	bool insecure;         /* do not verify the server's certificate */
	char *bearer;          /* token or NULL; always a secret */
	char *basic;           /* "user:password" or NULL; always a secret */
	char **resolve;        /* "host:port:address", NULL-terminated */
	char *proxy;           /* NULL: none, whatever the environment says */
	unsigned redirects;    /* to follow; 0 */
	char *unix_socket;     /* NULL: by the URL */
};

struct tcp_probe {
	char *host; /* name or address, without brackets */
	uint16_t port;
	char *send; /* once connected, or NULL */
	usec_t timeout;
};

struct exec_probe {
	char **argv; /* NULL-terminated; argv[0] is an absolute path; no shell */
	usec_t timeout;
};

#define STATUS_RANGES_MAX 8
#define HEADER_RULES_MAX  16

struct header_rule {
	char *name;
	char *pattern; /* PCRE2; a header of this name must match */
};

/* What makes an answer good.  What does not go with the probe's type is refused by the
 * loader. */
struct good {
	usec_t within; /* ≤ timeout */
	/* http */
	struct status_range status[STATUS_RANGES_MAX];
	size_t status_count;
	struct header_rule headers[HEADER_RULES_MAX];
	size_t header_count;
	/* PCRE2 pattern that must be in the body, in what a TCP server says, or in what a
	 * program writes to its output; or NULL */
	char *body;
	char *
	    jq; /* http, exec: a jq filter over the body whose output must be true; or NULL */
	uint8_t exit_status; /* exec; 0 */
	/* prometheus: every value of the answer lies between them */
	double at_least, at_most; /* -INFINITY, INFINITY: no bound */
	bool may_be_empty;        /* prometheus: an answer without any series is good */
};

#define BURNS_MAX 4

/* Multi-window burn rate (SRE workbook, chapter 5): errors come `rate` times as fast as the
 * objective allows, over the long window (it matters) and the short one (it still goes on). */
struct burn_def {
	double rate; /* > 1 */
	usec_t longer, shorter;
};

/* The service's error budget, and the slice of it that the drill may spend. */
struct slo_def {
	bool is_set;
	double objective; /* 0–1, < 1; default the probe's */
	usec_t window;    /* default 30 days */
	double spend;     /* 0–1 of the window's budget; 0: no ceiling */
	struct burn_def burn[BURNS_MAX];
	size_t burn_count;
};

/* Also a guard: then the rate is how often it is looked at.  Also load: then nothing is
 * judged. */
struct probe_def {
	char name[NAME_MAX_LEN];
	enum probe_type type;
	struct http_probe http; /* http, prometheus: whole, the query in the URL */
	struct tcp_probe tcp;
	struct exec_probe exec;
	char *query; /* prometheus: for people; it is in http.url */
	uint64_t
	    rate_mhz; /* thousandths of a request per second; default 10/s, guard 1/s */
	double fresh; /* 0–1: share of requests on a new connection; 0 */
	uint32_t max_in_flight; /* 0: as many as come due in a timeout, and some */
	struct good good;
	double objective; /* 0–1: at least this share is good; default 0.99 */
	double abort_at;  /* 0–1: share of bad answers worth stopping for */
	struct slo_def slo;
	struct place place;
};
/* The request's own time-out, whatever its type. */
usec_t probe_timeout(const struct probe_def *p);
/* "POST http://shop/", "tcp db:5432", "exec /usr/bin/psql -c 'select 1'"; returns buf. */
const char *probe_describe(const struct probe_def *p, char *buf, size_t size);
/* Bad answers at the probe's rate that spend the slice: (1 − objective) · window · rate ·
 * spend; 0 when there is none. */
double probe_slice(const struct probe_def *p);

/* How many of the hosts that match. */
enum pick { PICK_ALL, PICK_COUNT, PICK_PERCENT, PICK_MINORITY };

struct target_def {
	char name[NAME_MAX_LEN];
	char **hosts; /* by name, NULL-terminated; or NULL; "localhost" stands alone */
	char *where;  /* or NULL; exactly one of the two is there */
	enum pick pick;
	uint32_t pick_number; /* hosts, or percent (1–100) */
	char spread
	    [NAME_MAX_LEN]; /* tag over whose values the picked are spread; "" none */
	struct place place;
};

/* Is it this host, without an inventory (`hosts: [localhost]`)? */
bool target_is_local(const struct target_def *t);
/* "1" "50%" "minority" "all" */
int pick_parse(const char *text, struct target_def *t, struct err *e);
/* How many of so many hosts (one at least); refused when there are too few. */
int pick_size(const struct target_def *t, size_t matched, size_t *ret, struct err *e);

/* Who is cut off from whom among the hosts of a network fault's target, by filling in `to`
 * for each host.  The words are Jepsen's. */
enum topology {
	TOPOLOGY_NONE,    /* `to` is as written; or with `against`: those hosts */
	TOPOLOGY_HALVES,  /* two halves that do not hear each other */
	TOPOLOGY_ISOLATE, /* one host against all the others */
	TOPOLOGY_RING,    /* each host hears only its two neighbours */
	TOPOLOGY_BRIDGE,  /* two halves, and one host that hears both */
	TOPOLOGY_ONE_WAY, /* two halves; nothing gets from the first to the second */
	TOPOLOGIES
};
const char *topology_name(enum topology t); /* "halves" "isolate" … */
int topology_parse(const char *name, enum topology *ret);

struct fault_def {
	struct spec spec;          /* finished; .at, .duration and .name set */
	char target[NAME_MAX_LEN]; /* "" = the local host */
	/* A second target whose addresses become `to`.  Faults with this or a topology have a
	 * spec with everything but `to`; roster_make sets it and finishes the spec. */
	char against[NAME_MAX_LEN];
	enum topology topology;
	char **resolved; /* "db.internal is 10.0.0.7": host names of `to`; or NULL */
	struct place place;
};

struct experiment {
	char *path; /* as given, for messages */
	char *text; /* the file, for carets and its hash */
	char name[NAME_MAX_LEN];
	char *hypothesis; /* or NULL */
	struct target_def *targets;
	size_t target_count;
	struct probe_def *probes;
	size_t probe_count;
	struct probe_def *guards;
	size_t guard_count;
	struct probe_def *loads; /* base load: asked like probes, counted, never judged */
	size_t load_count;
	struct fault_def *faults;
	size_t fault_count;
	struct {
		usec_t before, during, after;
	} steady;
	struct {
		double false_abort; /* α; default 0.001 */
		uint64_t max_bad;   /* over all probes during; 0 = no ceiling */
		uint32_t
		    consecutive; /* bad answers of one probe in a row; 0 = no ceiling */
		usec_t stall;    /* the longest pause of a healthy system; 0: not said */
	} budget;
	uint32_t lease_ms;
	char **secrets; /* values to redact in every output, NULL-terminated */
	char **vars;    /* "name=value" as used, secrets redacted, NULL-terminated */
};

void experiment_free(struct experiment *x); /* NULL is fine */
/* By name; NULL: there is none. */
const struct target_def *experiment_target(const struct experiment *x, const char *name);
/* Has it `against` or a topology, so that its `to` is the roster's to set? */
bool fault_is_open(const struct fault_def *f);
/* spec_finish.  An open fault is not changed: all but its `to` is checked. */
int fault_finish(struct fault_def *f, bool is_open, struct err *e);
/* Does any fault name a target other than this host, so that an inventory is needed? */
bool experiment_has_targets(const struct experiment *x);
/* The last fault's end after fire. */
usec_t experiment_faults_end(const struct experiment *x);
/* budget.stall in samples of a probe; 0 when it is not given. */
double experiment_stall(const struct experiment *x, const struct probe_def *p);

#endif
