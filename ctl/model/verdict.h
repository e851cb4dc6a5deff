/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERDICT_H
#define VERDICT_H
/* How a drill ended; the values are the exit codes of `stormctl run` (design §9). */
#include <stdbool.h>
#include <stddef.h>

enum verdict {
	VERDICT_HELD = 0,
	VERDICT_REFUTED = 1, /* ran to its end, objective missed */
	VERDICT_USAGE = 2,
	VERDICT_INVALID = 3,  /* file invalid */
	VERDICT_UNSTEADY = 4, /* no steady state before; nothing injected */
	VERDICT_BREACHED = 5, /* budget or guard: aborted, undone */
	VERDICT_INCONCLUSIVE =
	    6, /* too few samples, prober late, no effect, fault lost */
	VERDICT_NOT_RECOVERED = 7,
	VERDICT_STOPPED = 8, /* by a person; undone */
	VERDICT_REFUSED =
	    9, /* policy, lock, unsupported, unreachable; nothing injected */
	VERDICT_UNDO_FAILED = 20,
	VERDICT_AGENT_LOST = 30, /* lease and guardian undo */
	VERDICT_INTERNAL = 70,
};

/* What happened, each a fact; several can be true. */
struct findings {
	bool undo_failed, agent_lost, internal, not_recovered, breached, stopped, missed,
	    inconclusive, unsteady, refused;
};
/* The worst of them: 20 30 70 7 5 8 1 6 4 9, else held. */
enum verdict verdict_of(const struct findings *f);
const char *verdict_name(enum verdict v);     /* "held" "refuted" … */
const char *verdict_sentence(enum verdict v); /* for people */

#endif
