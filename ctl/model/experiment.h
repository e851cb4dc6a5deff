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

struct place { /* where in the file; line and column from 1, 0 = not from a file */
	unsigned line, column;
};

struct status_range {
	uint16_t low, high;
};

struct http_probe {
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

#define STATUS_RANGES_MAX 8

struct good {
	struct status_range status[STATUS_RANGES_MAX];
	size_t status_count;
	usec_t within; /* ≤ timeout */
	char *body;    /* PCRE2 pattern the body must match, or NULL */
};

struct probe_def { /* also a guard: then the rate is how often it is looked at */
	char name[NAME_MAX_LEN];
	struct http_probe http;
	uint64_t
	    rate_mhz; /* thousandths of a request per second; default 10/s, guard 1/s */
	struct good good;
	double objective; /* 0–1: at least this share is good; default 0.99 */
	double abort_at;  /* 0–1: share of bad answers worth stopping for */
	struct place place;
};

struct fault_def {
	struct spec spec;          /* finished; .at, .duration and .name set */
	char target[NAME_MAX_LEN]; /* "" = the local host */
	char **resolved; /* "db.internal is 10.0.0.7": host names of `to`; or NULL */
	struct place place;
};

struct experiment {
	char *path; /* as given, for messages */
	char *text; /* the file, for carets and its hash */
	char name[NAME_MAX_LEN];
	char *hypothesis; /* or NULL */
	struct probe_def *probes;
	size_t probe_count;
	struct probe_def *guards;
	size_t guard_count;
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
	} budget;
	uint32_t lease_ms;
	char **secrets; /* values to redact in every output, NULL-terminated */
	char **vars;    /* "name=value" as used, secrets redacted, NULL-terminated */
};

void experiment_free(struct experiment *x); /* NULL is fine */
/* The last fault's end after fire. */
usec_t experiment_faults_end(const struct experiment *x);

#endif
