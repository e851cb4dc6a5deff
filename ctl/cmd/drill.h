/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRILL_H
#define DRILL_H
/*
 * One running drill, shared by the files of the executor:
 *	run.c         the order of things
 *	run_loop.c    the one loop: probes, agent, clock, signals
 *	run_phase.c   before, during, after
 *	run_agent.c   finding, arming, firing; what the agent says of its faults
 *	run_abort.c   from the decision to clean
 *	run_report.c  totals, verdict, last words
 */
#include "client.h"
#include "event.h"
#include "experiment.h"
#include "judge.h"
#include "output.h"
#include "run.h"
#include "tally.h"

struct err;
struct prober;

enum stop {
	STOP_NOT,
	STOP_BREACH, /* budget or guard */
	STOP_PERSON, /* a signal, or a halt */
	STOP_AGENT,  /* it is gone */
	STOP_ENDED,  /* the agent ended the drill of its own accord */
	STOP_BROKEN, /* something of ours failed */
};

struct drill {
	const struct experiment *x;
	const struct run_options *o;
	char id[UUID_LEN];
	struct output out;
	struct findings found;
	enum stop stop;
	usec_t began, fired;

	/* probes, then guards: one prober, one numbering */
	struct probe_def *checks;
	size_t check_count;
	struct tally *tally;
	struct prober *prober;
	enum phase phase;
	usec_t after_from; /* samples due from here on belong to `after` */

	struct judge judge;
	bool is_judging;
	struct judge_decision decision;
	usec_t decided, sent; /* 0: no decision */
	usec_t first_bad, first_good;

	struct agent agent;
	struct client *client;
	bool has_agent, is_armed, is_hot, undo_sent, undo_answered;
	bool is_invalid; /* the agent says that the request itself is wrong */
	uint32_t lease_ms;
	struct drill_status status;
	struct fault_status fault[DRILL_FAULTS_MAX];
	size_t fault_count;

	int epoll, timer, signals;
	usec_t next_renew, next_second;
};

/* run_loop.c: everything the drill waits for. */
int loop_open(struct drill *d, struct err *e);
void loop_close(struct drill *d);
int loop_watch_agent(struct drill *d, struct err *e);
/* Serve what comes, until `until` or something stops the drill. */
void loop_run(struct drill *d, usec_t until);
/* Serve what comes once, waiting no longer than `until`. */
void loop_turn(struct drill *d, usec_t until);
/* A signal that came while the loop did not turn. */
void loop_check_signals(struct drill *d);

/* run_phase.c: each returns false when the drill ends here. */
bool phase_before(struct drill *d);
void phase_during(struct drill *d);
void phase_after(struct drill *d);
/* A sample of any phase; the callback of the prober. */
void phase_sample(void *ctx, const struct sample *s);
/* A second is over: say what it held. */
void phase_second(struct drill *d);

/* run_agent.c */
bool agent_connect(struct drill *d);
bool agent_preview(struct drill *d);
bool agent_arm(struct drill *d);
bool agent_fire(struct drill *d);
void agent_renew(struct drill *d);
void agent_answer(struct drill *d); /* the hot connection is readable */
/* Take in what the agent says; new states become events. */
void agent_view(struct drill *d, const struct drill_view *v);
/* Faults that did nothing, were lost or are stuck: what the drill has found. */
void agent_judge_faults(struct drill *d);
void agent_poll(struct drill *d);
void agent_lost(struct drill *d, const char *why);
/* The end: agent left in order, or undone by stormd-undo. */
void agent_end(struct drill *d);

/* run_abort.c */
/* Put the undo on the wire: the first thing done after any decision. */
void abort_now(struct drill *d, enum stop stop);
/* Say what led to it; never before abort_now. */
void abort_explain(struct drill *d);
/* Wait until the agent has undone and swept everything. */
void abort_finish(struct drill *d);
void abort_say(struct drill *d, const char *how_far);

/* run_report.c */
enum verdict report_verdict(struct drill *d);
void report_totals(struct drill *d, enum phase p);
void report_last_words(struct drill *d, enum verdict v);

/* run.c: events, stamped now or at a moment of CLOCK_BOOTTIME. */
struct event drill_event(struct drill *d, enum event_type t, const char *subject,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void drill_emit(struct drill *d, const struct event *v);
void drill_say(struct drill *d, enum event_type t, const char *subject, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
void drill_stamp(struct drill *d, struct event *v, usec_t at);

#endif
