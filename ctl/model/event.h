/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EVENT_H
#define EVENT_H
/*
 * What happened in a drill, one fact each.  Reports see only events, so a report can be
 * made again from a saved file.  Events are built by run, never changed.
 *
 * An event with a host is about that host.  What several hosts did has, beside one event
 * for each of them, one of the same type for all: without a host, with the num `hosts`, and
 * with the moment of the last.  A drill on one host has only the events of that host.
 */
#include "bounds.h"
#include "clock.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_type {
	EVENT_DRILL, /* start: subject = name, text = hypothesis; nums hosts, lease_ms, … */
	EVENT_TARGET,   /* subject = target, text = its hosts and how they were chosen;
			   nums matched, hosts.  With a host: one of them */
	EVENT_PHASE,    /* subject: before, armed, during, undo, after, end */
	EVENT_SELFTEST, /* num round_trip_us */
	EVENT_ARMED,    /* a fault: text = what it will do; nums begin_us (after fire),
			   for_us */
	EVENT_FIRED,    /* the timeline starts */
	EVENT_FAULT,    /* a fault's new state: subject = fault, text = state: note;
			   nums state (enum fault_state), effect, since_us (after fire) */
	EVENT_SAMPLES,  /* once a second and probe: n, bad, skipped, late, p50_us, p99_us;
			  load = 1 of base load */
	EVENT_BAD,      /* the first bad sample of a run of bad ones: text = why */
	EVENT_DECISION, /* the judge: subject = probe, text = evidence, reason.  Nums from, to
			(answers of the drill that made the case), bad (of them), first_us (when
			the first of those was known).  Of a test also s, h, p1, p0, q, r, base_n,
			base_bad (baseline that they were estimated from), stall (answers of a
			pause that was named), alpha, planned, tests, probes (h = ln(planned ·
			tests · probes / alpha)); of a ceiling limit; of a burn rate limit, burn,
			burn_short, long_us, short_us.  late = 1: known only when the faults'
			time was up, so that it aborted nothing */
	EVENT_UNDO, /* subject = cause (end, breach, asked, refused), text = how far; nums in µs after the decision:
			first_bad, sent, received, disarmed, undone, clean, first_good (_us) */
	EVENT_PROBE, /* totals: subject = probe, text = phase; nums n, bad, skipped, late,
			good_share, p50_us, p90_us, p99_us, max_us, one per class of bad */
	EVENT_TIMING, /* where the time went: subject = probe, text = phase; nums n, fresh,
			connects (how many connections were made) and,
			of those answers that did it, dns_p50_us dns_p99_us, connect_…, tls_…,
			first_byte_…, total_… */
	EVENT_LOAD,   /* base load: as EVENT_PROBE, subject = its name */
	EVENT_SHIFT,  /* before against another phase: subject = probe, text = phase;
			nums by how much that lies above before, each with _low and _high (95 %):
			bad (share), p50_us, p90_us, p99_us; and worse (chance that an answer of
			the phase took longer than one of before) */
	EVENT_SLO, /* subject = probe; nums spent (share of the window's budget), slice (that
			the drill might spend; absent: any), bad (from fire on), allowed (bad answers
			of the window at the probe's rate), objective, window_us */
	EVENT_RECOVERY, /* subject = probe; nums after_us (from the undo's decision to the
			beginning of the first window that meets the objective; absent: there
			was none), n, bad (of that window) */
	EVENT_NOTE,     /* anything worth a line: no effect, fault lost, prober late;
			subject "kernel", "agent", … for what only reports show */
	EVENT_ERROR,
	EVENT_VERDICT, /* text = sentence; num exit */
	EVENT_TYPES
};
const char *event_type_name(enum event_type t); /* "drill" "phase" … */
int event_type_parse(const char *name, enum event_type *ret);

#define EVENT_NUMS_MAX 20

struct event {
	enum event_type type;
	usec_t at;   /* CLOCK_BOOTTIME, µs since the drill began */
	usec_t wall; /* CLOCK_REALTIME */
	char subject[NAME_MAX_LEN];
	char host[NAME_MAX_LEN]; /* "" = all of them, or the only one */
	char text[512];
	char unit[24];   /* of num "effect"; "" when there is none */
	char reason[16]; /* of a decision: judge_reason_name; "" when there is none */
	size_t num_count;
	struct {
		char key[24];
		double value;
	} num[EVENT_NUMS_MAX];
};

/* Build one: subject and text may be NULL. */
void event_init(struct event *v, enum event_type t, usec_t at, usec_t wall,
    const char *subject, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void event_num(struct event *v, const char *key, double value);
/* What one of several hosts did like the others: said for all of them by another event. */
bool event_is_detail(const struct event *v);
/* Nobody need be told whose it is: there is no host, or the text begins with its name. */
bool event_names_host(const struct event *v);
/* The value of a key, or `otherwise`. */
double event_get(const struct event *v, const char *key, double otherwise);

#endif
