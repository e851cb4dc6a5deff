/* SPDX-License-Identifier: Apache-2.0 */
/* How a drill ended: which of several true things is the one to report, and its words. */
#include "verdict.h"

enum verdict
verdict_of(const struct findings *f)
{
	const struct {
		bool found;
		enum verdict verdict;
	} worst_first[] = {
		{ f->undo_failed, VERDICT_UNDO_FAILED },
		{ f->agent_lost, VERDICT_AGENT_LOST },
		{ f->internal, VERDICT_INTERNAL },
		{ f->not_recovered, VERDICT_NOT_RECOVERED },
		{ f->breached, VERDICT_BREACHED },
		{ f->stopped, VERDICT_STOPPED },
		{ f->missed, VERDICT_REFUTED },
		{ f->inconclusive, VERDICT_INCONCLUSIVE },
		{ f->unsteady, VERDICT_UNSTEADY },
		{ f->refused, VERDICT_REFUSED },
	};

	for (size_t i = 0; i < sizeof(worst_first) / sizeof(worst_first[0]); i++) {
		if (worst_first[i].found)
			return worst_first[i].verdict;
	}
	return VERDICT_HELD;
}

static const struct words {
	enum verdict verdict;
	const char *name, *sentence;
} words[] = {
	{ VERDICT_HELD, "held",
	    "The hypothesis held: the objective was met throughout." },
	{ VERDICT_REFUTED, "refuted",
	    "The hypothesis is refuted: the drill ran to its end, the objective was missed." },
	{ VERDICT_USAGE, "usage", "The command line is wrong; nothing was done." },
	{ VERDICT_INVALID, "invalid", "The experiment file is wrong; nothing was done." },
	{ VERDICT_UNSTEADY, "unsteady",
	    "There was no steady state before the faults; nothing was injected." },
	{ VERDICT_BREACHED, "breached",
	    "The budget or a guard was breached: the drill was aborted and undone." },
	{ VERDICT_INCONCLUSIVE, "inconclusive",
	    "The drill shows nothing: too few samples, a late prober, or a fault without "
	    "effect." },
	{ VERDICT_NOT_RECOVERED, "not recovered",
	    "The system did not return to its objective in time after the faults were undone." },
	{ VERDICT_STOPPED, "stopped",
	    "A person stopped the drill; everything is undone." },
	{ VERDICT_REFUSED, "refused", "The drill was refused; nothing was injected." },
	{ VERDICT_UNDO_FAILED, "undo failed",
	    "Something may be left behind: an undo failed or could not be verified." },
	{ VERDICT_AGENT_LOST, "agent lost",
	    "An agent was lost during the drill; its lease and its guardian undo the faults." },
	{ VERDICT_INTERNAL, "internal error", "stormctl itself failed." },
};

static const struct words *
words_of(enum verdict v)
{
	static const struct words unknown = { VERDICT_INTERNAL, "?", "?" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].verdict == v)
			return &words[i];
	}
	return &unknown;
}

const char *
verdict_name(enum verdict v)
{
	return words_of(v)->name;
}

const char *
verdict_sentence(enum verdict v)
{
	return words_of(v)->sentence;
}
