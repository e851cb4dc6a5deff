/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRILL_H
#define DRILL_H
/*
 * One running drill, shared by the files of the executor:
 *	run.c         the order of things
 *	run_loop.c    the one loop: probes, agents, clock, signals
 *	run_phase.c   before, during, after
 *	run_judge.c   steady or not, each answer
 *	run_evidence.c  what the answers have shown: the decision, shifts, budgets, recovery
 *	run_load.c    base load: what became of it
 *	run_timing.c  where the time of answers went
 *	run_party.c   who takes part; whose answer goes where; keeping the leases
 *	run_find.c    finding the agents, and making sure that they are who they should be
 *	run_arm.c     arming, and trying the way of an abort
 *	run_fire.c    the common moment
 *	run_faults.c  what the agents say of their faults
 *	run_abort.c   from the decision to clean
 *	run_undo.c    the moments of the undo
 *	run_lost.c    agents that are not heard of any more
 *	run_report.c  totals, verdict, last words
 *	run_result.c  the same for a command that runs several drills
 *
 * Every host is a party, whether it is this one or the thirtieth of thirty, and every
 * question goes to all of them before the first answer is awaited.
 */
#include "clock.h"
#include "err.h"
#include "event.h"
#include "experiment.h"
#include "fleet.h"
#include "judge.h"
#include "output.h"
#include "probe.h"
#include "roster.h"
#include "run.h"
#include "tally.h"

/* However long the lease: what cannot be stopped for this long is given up. */
#define LOST_AFTER_MAX (5 * USEC_PER_SEC)

enum stop {
	STOP_NOT,
	STOP_BREACH, /* budget or guard */
	STOP_PERSON, /* a signal, or a halt */
	STOP_AGENT,  /* one is gone */
	STOP_ENDED,  /* an agent ended the drill of its own accord, or did not begin it */
	STOP_BROKEN, /* something of ours failed */
};

/* What the loop waits for from every party. */
enum step { STEP_NONE, STEP_FIND, STEP_PREVIEW, STEP_ARM, STEP_TRY };

struct drill;

/* One host of the drill; its index is that of its host in the fleet. */
struct party {
	struct drill *d;
	const struct roster_host *row;
	const char *name; /* "db1"; of this host "localhost" */
	const char *host; /* of its events; "" when it is this host and the only one */
	bool is_asked;    /* the present step waits for it */
	struct err why;   /* of the present step; code 0: it went well */
	char boot_id[UUID_LEN]; /* with netns: which host it is; "" not known */
	uint64_t netns;
	char version[16];
	bool is_arming;    /* it was asked to, and has not answered */
	bool is_armed;     /* there is something that must be undone */
	bool is_warm;      /* renewals get through */
	usec_t round_trip; /* of the self-test */
	bool is_fired;     /* it has said so */
	bool is_undo_sent, is_undo_answered, is_undone_said, is_clean_said;
	usec_t undo_sent;
	struct drill_status status;
	struct fault_status *fault; /* as many as it was given */
	/* Lost, or it never said whether it armed: asked for until this moment. */
	bool is_lost, is_sought, is_looked_for, is_back;
	usec_t seek_until;
};

/* How far a fault has come on all of its hosts: so that it is said once. */
struct progress {
	size_t hosts;
	bool is_said[FAULT_STATES];
};

#define DOUBT_MAX 256

struct drill {
	const struct experiment *x;
	const struct run_options *o;
	char id[UUID_LEN];
	struct output out;
	struct findings found;
	char doubt[DOUBT_MAX]; /* the first reason why it is inconclusive */
	enum stop stop;
	usec_t began, fired;

	/* probes, guards, then base load: one prober, one numbering; the first
	 * `judged_count` are more than counted */
	struct probe_def *checks;
	size_t check_count, judged_count;
	struct tally *tally;
	struct timing_hists (*timing)[PHASES];
	struct prober *prober;
	enum phase phase;
	/* What is due from here on belongs to `during`, and to `after`. */
	usec_t during_from, after_from;

	struct judge judge;
	bool is_judging;
	struct judge_decision decision;
	usec_t known_late;   /* a breach, when there was nothing left to abort; 0: none */
	char last_straw[96]; /* why the answer that stopped it was bad */
	usec_t decided;      /* 0: no decision */
	usec_t first_bad, first_good;

	struct fleet *fleet; /* NULL: no agent has any part in it */
	struct party *parties;
	size_t party_count;
	struct progress *progress; /* one for each fault of the experiment */
	struct roster_host here;   /* the roster of a drill without one */
	struct agent agent;        /* of this host, when it takes part */
	bool has_agent;
	enum step step;
	bool is_invalid; /* an agent says that the request itself is wrong */
	bool is_unfired; /* an agent did not begin when it was told */
	bool is_agreed;  /* all have said that they have begun */
	uint32_t lease_ms;

	int epoll, timer, signals;
	usec_t next_renew, next_second, next_look;
};

#define FOR_EACH_PARTY(d, p) \
 for (struct party *p = (d)->parties; p < (d)->parties + (d)->party_count; p++)

/* run_loop.c: everything the drill waits for. */
int loop_open(struct drill *d, struct err *e);
void loop_close(struct drill *d);
int loop_watch_fleet(struct drill *d, struct err *e);
int loop_watch_agent(struct drill *d, struct err *e);
/* Serve what comes once, waiting no longer than `until`. */
void loop_turn(struct drill *d, usec_t until);
/* A signal that came while the loop did not turn. */
void loop_check_signals(struct drill *d);

/* run_phase.c: each returns false when the drill ends here. */
bool phase_before(struct drill *d);
void phase_during(struct drill *d);
void phase_after(struct drill *d);
/* Nothing is asked any more. */
void phase_end(struct drill *d);
/* A sample of any phase; the callback of the prober. */
void phase_sample(void *ctx, const struct sample *s);
/* A second is over: say what it held. */
void phase_second(struct drill *d);

/* How long `during` is: never less than the faults. */
usec_t phase_during_span(const struct drill *d);

/* run_judge.c */
/* Is every probe steady, and can it be judged by its baseline?  The judge is ready then. */
bool judging_begin(struct drill *d);
/* One answer of `during`: the one place where a bad one becomes an undo. */
void judging_answer(struct drill *d, const struct sample *s);
/* One of `during` that was known only when its time was up. */
void judging_late_answer(struct drill *d, const struct sample *s);

/* run_evidence.c */
/* Say what led to a breach; never before abort_now. */
void evidence_decision(struct drill *d);
void evidence_late_decision(struct drill *d);
/* Each probe, when the drill has come to its end: by how much later phases differ from the
 * first, what share of the error budget was spent, and from when on it was good again. */
void evidence_shifts(struct drill *d);
void evidence_budgets(struct drill *d);
void evidence_recovery(struct drill *d);

/* run_load.c */
bool load_is(const struct drill *d, size_t check);
/* What it sent in each phase, and whether that was what the file says. */
void load_report(struct drill *d);

/* run_timing.c */
void timing_init(struct drill *d);
/* What the prober has measured since the last time; what is not of `after` is of p. */
void timing_take(struct drill *d, size_t check, enum phase p);
void timing_report(struct drill *d, size_t check, enum phase p);

/* run_party.c */
void parties_init(struct drill *d);
void parties_release(struct drill *d);
/* Callbacks of the fleet; ctx is the drill. */
void parties_answer(void *ctx, const struct fleet_answer *a);
void parties_lost(void *ctx, size_t host, const struct err *why);
/* Turn the loop until every party has answered the step, something stops the drill, or the
 * time has come: who has not answered by then has not done it. */
void parties_await(struct drill *d, enum step s, usec_t patience);
/* False when somebody failed in the step that was awaited: each has its say. */
bool parties_agree(struct drill *d);
void parties_renew(struct drill *d);
bool party_is_live(const struct party *p); /* armed, not over, and to be heard of */
size_t parties_live(const struct drill *d);
size_t parties_armed(const struct drill *d);

/* run_find.c */
bool parties_find(struct drill *d);
void party_status_answer(struct party *p, const struct fleet_answer *a);
/* The end: our own agent left in order, or what it left undone by stormd-undo. */
void parties_leave(struct drill *d);

/* run_arm.c */
bool parties_preview(struct drill *d);
bool parties_arm(struct drill *d);
bool parties_try(struct drill *d);
void party_arm_answer(struct party *p, const struct fleet_answer *a);
void party_warm_answer(struct party *p, const struct fleet_answer *a);
void party_try_answer(struct party *p, const struct fleet_answer *a);

/* run_fire.c */
usec_t parties_moment(const struct drill *d);
void parties_fire(struct drill *d);
void party_fire_answer(struct party *p, const struct fleet_answer *a);
/* It has said when its timeline began. */
void party_fired(struct party *p);
usec_t parties_next_renewal(const struct drill *d);

/* run_faults.c */
/* Take in what an agent says; new states become events. */
void party_view(struct party *p, const struct drill_view *v);
/* "30 hosts", or the name of the only one. */
const char *fault_hosts(const struct drill *d, size_t fault, char *buf, size_t size);
/* Faults that did nothing, were lost or are stuck: what the drill has found. */
void parties_judge_faults(struct drill *d);

/* run_abort.c */
/* Put the undo on every wire: the first thing done after any decision. */
void abort_now(struct drill *d, enum stop stop);
/* Wait until the agents have undone and swept everything. */
void abort_finish(struct drill *d);
void party_undo_answer(struct party *p, const struct fleet_answer *a);

/* run_undo.c: the moments of the undo, of one host or of the last one. */
void undo_say(struct drill *d, const char *how_far);
/* A host has come further with it: said when there are others. */
void party_undo_progress(struct party *p);

/* run_lost.c */
void party_lost(struct party *p, const char *why);
/* It was asked to reboot: not hearing of it is what was meant. */
bool party_goes_down(const struct party *p);
/* It was asked to arm and never said whether it did. */
void party_seek(struct party *p);
void party_look_answer(struct party *p, const struct fleet_answer *a);
void lost_look(struct drill *d); /* its time has come */
bool lost_are_sought(const struct drill *d);
/* Wait for those that may still come back, and say what has become of each. */
void lost_settle(struct drill *d);

/* run_report.c */
/* It shows nothing, and why: the first reason is told in the verdict. */
void drill_doubt(struct drill *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum verdict report_verdict(struct drill *d);
void report_targets(struct drill *d);
/* Of all probes and guards. */
void report_totals(struct drill *d, enum phase p);
/* Of one check. */
void report_total(struct drill *d, enum event_type t, size_t check, enum phase p);
void report_last_words(struct drill *d, enum verdict v);

/* run_result.c: into the options' result, when they have one. */
void result_fill(const struct drill *d, enum verdict v);

/* run_event.c: events, stamped now or at a moment of CLOCK_BOOTTIME. */
struct event drill_event(struct drill *d, enum event_type t, const char *subject,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
struct event party_event(const struct party *p, enum event_type t, const char *subject,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void drill_emit(struct drill *d, const struct event *v);
void drill_say(struct drill *d, enum event_type t, const char *subject, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
void party_say(const struct party *p, enum event_type t, const char *subject,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void drill_stamp(struct drill *d, struct event *v, usec_t at);

#endif
