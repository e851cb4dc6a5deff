/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MSG_H
#define MSG_H
/*
 * The messages between the agent's processes, over SOCK_SEQPACKET pairs: one message, one
 * datagram, of exactly its struct's size.  Receivers check permit, size, then every field
 * (spec_verify, NUL termination, enum ranges) before acting; a malformed message ends the
 * process that sent it.  Verbs are intentions (arm, undo), never system calls.
 *
 *   front ⇄ stormd    requests carry `seq`; every answer repeats it.  A long answer is
 *                     several messages of one seq, numbered, the last being MSG_ANSWER.
 *   stormd ⇄ holder   one fault per channel, so `seq` is only for MSG_PING.
 */
#include "err.h"
#include "protect.h"
#include "spec.h"
#include "status.h"
#include <stddef.h>
#include <stdint.h>

enum msg_type {
	/* front → stormd */
	/* struct msg_arm; the next .count messages are MSG_ARM_FAULT of that seq */
	MSG_ARM = 1,
	MSG_ARM_FAULT, /* struct msg_spec */
	MSG_FIRE,      /* struct msg_drill_verb, and the next five too */
	MSG_RENEW,
	MSG_UNDO,     /* answered when every fault is DISARMED and read back */
	MSG_SELFTEST, /* goes to every holder and back */
	MSG_SHOW,     /* one drill */
	MSG_WAIT,     /* answered when the drill has ended (every fault GONE or STUCK) */
	MSG_HALT,     /* struct msg_verb; answered when everything is clean or stuck */
	MSG_RESUME,   /* struct msg_verb */
	MSG_STATUS,   /* struct msg_verb */
	MSG_DOCTOR,   /* struct msg_verb */
	/* stormd → front */
	MSG_AGENT = 32, /* struct msg_agent */
	MSG_DRILL,      /* struct msg_drill */
	MSG_FAULT,      /* struct msg_fault, belongs to the last MSG_DRILL */
	MSG_TEXT, /* struct msg_text: operations of the last MSG_FAULT, or doctor rows */
	MSG_ANSWER, /* struct msg_answer: the last message of every answer */
	MSG_PKI,    /* struct msg_pki: a piece of a pki file, for TLS */
	/* stormd → holder */
	MSG_HOLD = 64, /* struct msg_hold: prepare, record, and stage unless rehearsing */
	MSG_APPLY,     /* struct msg_verb, and the next two too */
	MSG_DISARM,    /* disarm, answer, then sweep without being told */
	MSG_PING,      /* self-test */
	/* holder → stormd */
	MSG_STATE, /* struct msg_fault: a new state or a new effect count */
	MSG_PONG,  /* struct msg_verb */
	MSG_TYPES
};

/* front → stormd: as what somebody asks. */
enum role {
	ROLE_LOCAL,    /* by the Unix socket: uid decides */
	ROLE_VIEWER,   /* by certificate; uid is UID_REMOTE, name the certificate's */
	ROLE_OPERATOR, /* the same */
	ROLES
};

/* What says who asks goes from front to stormd; everywhere else it is zero. */
struct msg_head {
	uint32_t type;
	uint32_t seq;
	uint32_t uid;            /* by SO_PEERCRED, or UID_REMOTE (status.h) */
	uint32_t role;           /* enum role */
	char name[NAME_MAX_LEN]; /* of the certificate; "" for ROLE_LOCAL */
};

struct msg_verb {
	struct msg_head head;
};

struct msg_arm {
	struct msg_head head;
	char drill[UUID_LEN];
	char name[NAME_MAX_LEN];
	char who[NAME_MAX_LEN]; /* as the client says; stormd puts what is known first */
	char reason[REASON_MAX];
	int32_t pid; /* of the asking stormctl, by SO_PEERCRED; 0 unknown */
	uint32_t lease_ms;
	uint16_t count;
	uint8_t rehearse;
	uint8_t pad;
};

struct msg_spec {
	struct msg_head head;
	struct spec spec;
};

struct msg_drill_verb {
	struct msg_head head;
	char drill[UUID_LEN];
	uint8_t cause; /* MSG_UNDO: enum undo_cause, UNDO_ASKED or UNDO_BREACH */
	uint8_t pad[2];
	usec_t at; /* MSG_FIRE: CLOCK_BOOTTIME to begin at; 0, or past: now */
};

struct msg_agent {
	struct msg_head head;
	struct agent_status agent;
};

struct msg_drill {
	struct msg_head head;
	struct drill_status drill;
};

struct msg_fault {
	struct msg_head head;
	struct fault_status fault;
};

struct msg_text {
	struct msg_head head;
	uint32_t len; /* bytes used; lines end with '\n' */
	char text[OPS_TEXT_MAX];
};

/*
 * Codes with a meaning of their own beside the outcome: -ENOENT no such drill, -EBUSY
 * another drill has the resource, -EALREADY not in this state (fired, over), -ESHUTDOWN
 * halted or stopping, -EUSERS too many drills or faults.
 * What comes before the answer: ARM, SHOW: drill, each fault with its text · FIRE, RENEW,
 * UNDO, SELFTEST, WAIT: drill, faults · HALT, STATUS: agent, each drill with its faults ·
 * RESUME: agent · DOCTOR: one text for each kind.  The drill is there beside an error too,
 * unless there is none.
 */
struct msg_answer {
	struct msg_head head;
	struct err err; /* code 0: done */
	usec_t received, finished;
};

/*
 * stormd → front: the four pki files, as bytes (the front can open no file, and no root
 * process parses PEM).  Sent when the front starts, before any connection can be accepted
 * on TCP, and again at every reload: PKI_BEGIN, the pieces of each file, PKI_USE.  The
 * front answers a PKI_USE with MSG_ANSWER of that seq; on an error it goes on with what it
 * had, and without any it does not serve TCP.
 */
enum pki_part { PKI_PART_CA, PKI_PART_CERT, PKI_PART_KEY, PKI_PART_CRL, PKI_PARTS };
enum pki_step { PKI_BEGIN, PKI_PIECE, PKI_USE };

struct msg_pki {
	struct msg_head head;
	uint8_t step; /* enum pki_step */
	uint8_t part; /* enum pki_part, of a piece */
	uint16_t len; /* bytes of this piece */
	uint8_t bytes[8192];
	uint8_t pad[4];
};

struct msg_hold {
	struct msg_head head;
	char drill[UUID_LEN];
	uint8_t rehearse;
	uint8_t ephemeral;
	usec_t
	    hard_deadline; /* for the record: latest CLOCK_BOOTTIME it may live until */
	struct protect protect;
	struct spec spec;
};

/* The largest message; receive into a buffer of this size. */
union msg {
	struct msg_head head;
	struct msg_verb verb;
	struct msg_arm arm;
	struct msg_spec spec;
	struct msg_drill_verb drill_verb;
	struct msg_agent agent;
	struct msg_drill drill;
	struct msg_fault fault;
	struct msg_text text;
	struct msg_answer answer;
	struct msg_pki pki;
	struct msg_hold hold;
};

/* The exact size of a message of this type, 0 for an unknown one. */
size_t msg_size(uint32_t type);

#endif
