/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATUS_H
#define STATUS_H
/* What an agent says of its drills and faults: flat PODs, the same on every boundary. */
#include "bounds.h"
#include "clock.h"
#include "err.h"
#include "ident.h"
#include "spec.h"
#include <stdbool.h>
#include <stdint.h>

/* A fault's life.  STUCK can follow any state; from GONE nothing does. */
enum fault_state {
	FAULT_ARMED,    /* a holder is being prepared; nothing was touched */
	FAULT_RECORDED, /* the promise to undo is on disk */
	FAULT_STAGED,   /* slow writes done; no effect yet */
	FAULT_ACTIVE,   /* in force, verified */
	FAULT_DISARMED, /* without effect, verified */
	FAULT_GONE,     /* swept and compared: clean */
	FAULT_STUCK,    /* undo failed or not verified; retried with backoff */
	FAULT_STATES
};
const char *fault_state_name(enum fault_state s); /* "armed" … */
int fault_state_parse(const char *name, enum fault_state *ret);

/* Why a fault or a drill was undone. */
enum undo_cause {
	UNDO_NOT_YET,
	UNDO_END,         /* its time was up */
	UNDO_ASKED,       /* the controller asked: end of drill, Ctrl-C */
	UNDO_BREACH,      /* the controller asked because of a budget or guard */
	UNDO_LEASE,       /* the controller was not heard of in time */
	UNDO_UNCONFIRMED, /* commit-confirm: no renewal after a network fault */
	UNDO_HALT,        /* stormctl halt */
	UNDO_ERROR,       /* another fault of the drill could not be applied */
	UNDO_FRONT,       /* the front broke the protocol or died */
	UNDO_SHUTDOWN,    /* stormd was told to stop, or its embedding stormctl died */
	UNDO_CAUSES
};
const char *undo_cause_name(enum undo_cause c); /* "end" "asked" … */
int undo_cause_parse(const char *name, enum undo_cause *ret);

/* No user of this host: somebody who came over TCP with a certificate. */
#define UID_REMOTE 0xfffffffeu
/* "uid 1000", "by certificate"; returns buf. */
const char *format_uid(uint32_t uid, char *buf, size_t size);

struct fault_status {
	char id[FAULT_ID_LEN];
	char kind[KIND_NAME_MAX];
	char name[NAME_MAX_LEN];
	char summary[200]; /* spec_describe */
	char note[160]; /* what it matched: "3 processes: nginx 812, …"; engine used */
	enum fault_state state;
	enum outcome outcome;
	struct err err;    /* set when outcome is not done, or with lost */
	uint8_t lost;      /* a third party took it away, or its holder died */
	uint8_t dirty;     /* clean compared and found residue: err says what */
	uint8_t no_effect; /* in force for NO_EFFECT_MS, and nothing matched so far */
	uint8_t pad;
	int32_t holder_pid;
	/* CLOCK_BOOTTIME stamps, 0 = not yet */
	usec_t at, until; /* planned: fire + at, and its end (hard deadline) */
	usec_t staged, active, told, disarmed, undone, clean;
	/* told: stormd decided; disarmed: out of force; undone: that was read back */
	uint64_t effect;      /* packets matched, processes killed, bytes held, … */
	char effect_unit[24]; /* "packets", "processes", "bytes", "% of CPU × 1000" */
};

/* What a fault has done, for people: "17 packets", "8 MiB", "29.98 % of CPU"; returns buf. */
const char *format_effect(uint64_t effect, const char *unit, char *buf, size_t size);
/* Of one that has done nothing: "met no packets", "came to 0.00 % of CPU"; returns buf. */
const char *format_no_effect(const char *unit, char *buf, size_t size);
/* "packets" → "packet", "processes" → "process"; returns buf. */
const char *format_one_of(const char *unit, char *buf, size_t size);

struct drill_status {
	char drill[UUID_LEN];
	char name[NAME_MAX_LEN];
	/* "alice@ops1 (uid 1000)"; over TCP "alice (by certificate), alice@ops1 …", of which
	 * only what stands before the comma is known */
	char who[WHO_MAX];
	char reason[REASON_MAX];
	uint32_t uid; /* UID_REMOTE: by certificate */
	uint32_t fault_count;
	uint8_t fired, ended; /* ended: every fault is gone */
	uint8_t cause;        /* enum undo_cause */
	uint8_t rehearse;
	uint32_t lease_ms;
	usec_t armed_at, fired_at, lease_until, ends_at, undo_told;
};

struct agent_status {
	char version[16];
	char instance[NAME_MAX_LEN];
	int32_t pid;
	uint8_t halted, ephemeral;
	uint16_t drill_count;
	usec_t now, started;
	uint64_t slow_turns; /* loop turns over 10 ms */
	uint32_t records;    /* obligations on disk right now */
	uint32_t pad;
	/* which machine this is: two agents with both of these equal stand on one host */
	char boot_id[UUID_LEN];
	char pad2[3];
	char node[NAME_MAX_LEN]; /* its own name for itself */
	uint64_t netns;          /* netns_inode() */
	usec_t wall;             /* CLOCK_REALTIME, for what its clock is off by */
};

#endif
