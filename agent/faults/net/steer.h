/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEER_H
#define STEER_H
/*
 * Sending chosen packets to a verdict by firewall rules: net.partition (drop, reject), the
 * nfqueue engine and net.dns (to a queue), net.ports (too many connections).
 *
 * Stage makes rules that match on a set of networks, which is empty; apply fills the set in
 * one message per family, disarm empties it in one.  What no fault may cut (flows.h)
 * passes before any verdict.  Two backends do it: iptables with ipset, and nf_tables raw.
 */
#include "fault.h"
#include "flows.h"

enum { STEER_V4, STEER_V6, STEER_FAMILIES };

enum steer_verdict {
	STEER_DROP,
	STEER_REJECT,      /* TCP by a reset, the rest by "port unreachable" */
	STEER_UNREACHABLE, /* everything by "host unreachable" */
	STEER_QUEUE,       /* to a queue of ours; passes when nobody holds it */
};
enum steer_engine { STEER_ENGINE_AUTO, STEER_ENGINE_IPTABLES, STEER_ENGINE_NFTABLES };

struct steer_backend;

struct steer {
	/* Filled in by the fault before steer_prepare. */
	const struct flows *flows;
	enum steer_verdict verdict;
	uint16_t queue;         /* of STEER_QUEUE */
	bool keeps_established; /* packets of connections that exist already pass */
	/* Only new TCP connections beyond so many at a time to the local ports; 0: all */
	uint32_t connections;
	uint32_t
	    pass_mark; /* what we send ourselves, marked with this, passes; 0: none */
	enum steer_engine engine;

	/* steer's own, in prepare */
	const struct steer_backend *backend;
	bool is_used[STEER_FAMILIES];
	struct net nets[STEER_FAMILIES][2 * SPEC_NETS_MAX]; /* distinct, none of /0 */
	size_t count[STEER_FAMILIES];
	/* the same of what is excluded, for the families that are used */
	struct net excludes[STEER_FAMILIES][2 * FLOWS_EXCLUDES_MAX];
	size_t excludes_count[STEER_FAMILIES];
	const char *remark; /* for the note: what will not be as one might think; or "" */
	void *own;          /* the backend's */
};

/* -EOPNOTSUPP naming what is missing when no backend can. */
int steer_supported(struct err *e);
/* The same for STEER_QUEUE, which not every nf_tables has. */
int steer_queue_supported(struct err *e);
/* For doctor: "engine iptables", "engine nftables: iptables-restore is not installed". */
void steer_how(char *buf, size_t size);
/* Reads only: chooses the backend, sorts the networks; fills undo and ops of the run, and
 * begins r->note with the engine. */
int steer_prepare(struct fault_run *r, struct steer *s, struct err *e);
int steer_stage(struct fault_run *r, struct steer *s, struct err *e);
int steer_apply(struct fault_run *r, struct steer *s, struct err *e);
/* Are all networks in the sets and do the rules match on them?  Fills r->effect. */
int steer_verify(struct fault_run *r, struct steer *s, struct err *e);
/* Packets matched so far, into r->effect; r->lost and a note when a third party took the
 * rules or the networks away.  While it rests only the effect counts on. */
int steer_hold(struct fault_run *r, struct steer *s, struct err *e);
/* Out of force, and in force again: the off and on of a flap. */
int steer_rest(struct fault_run *r, struct steer *s, bool rests, struct err *e);

int steer_version(int family); /* 4 or 6 */

/* One way to do it.  Each is called as the function of the same name above. */
struct steer_backend {
	const char *name;
	int (*supported)(struct err *e);
	/* Can it do this one?  Asked before prepare. */
	int (*can_do)(const struct steer *s, struct err *e);
	int (*prepare)(struct fault_run *r, struct steer *s, struct err *e);
	int (*stage)(struct fault_run *r, struct steer *s, struct err *e);
	int (*apply)(struct fault_run *r, struct steer *s, struct err *e);
	int (*verify)(struct fault_run *r, struct steer *s, struct err *e);
	int (*hold)(struct fault_run *r, struct steer *s, struct err *e);
	int (*rest)(struct fault_run *r, struct steer *s, bool rests, struct err *e);
};

extern const struct steer_backend steer_backend_iptables;
extern const struct steer_backend steer_backend_nftables;

#endif
