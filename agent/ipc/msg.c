/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The size of every message, in one table.  The sizes are also asserted as numbers: the
 * programs are built together, but a struct that grows by accident, or that gets
 * padding where a neighbour's memory could leak, should be seen in review.
 */
#include "msg.h"
#include "cleanup.h"

#define HEAD (16 + NAME_MAX_LEN)
_Static_assert(sizeof(struct msg_head) == HEAD, "every message starts alike");
_Static_assert(sizeof(struct msg_verb) == HEAD, "a bare verb is its head");
_Static_assert(sizeof(struct msg_arm) % 4 == 0, "no tail padding");
_Static_assert(sizeof(struct msg_spec) == HEAD + sizeof(struct spec), "no padding");
_Static_assert(sizeof(struct msg_text) == HEAD + 4 + OPS_TEXT_MAX, "no padding");
_Static_assert(sizeof(struct msg_pki) == HEAD + 8200, "no padding");
_Static_assert(
    sizeof(struct msg_agent) == HEAD + sizeof(struct agent_status), "no padding");
_Static_assert(
    sizeof(struct msg_drill) == HEAD + sizeof(struct drill_status), "no padding");
_Static_assert(
    sizeof(struct msg_fault) == HEAD + sizeof(struct fault_status), "no padding");
_Static_assert(
    sizeof(union msg) < 32768, "one datagram, far below what a socket buffer takes");

static const size_t msg_sizes[MSG_TYPES] = {
	[MSG_ARM] = sizeof(struct msg_arm),
	[MSG_ARM_FAULT] = sizeof(struct msg_spec),
	[MSG_FIRE] = sizeof(struct msg_drill_verb),
	[MSG_RENEW] = sizeof(struct msg_drill_verb),
	[MSG_UNDO] = sizeof(struct msg_drill_verb),
	[MSG_SELFTEST] = sizeof(struct msg_drill_verb),
	[MSG_SHOW] = sizeof(struct msg_drill_verb),
	[MSG_WAIT] = sizeof(struct msg_drill_verb),
	[MSG_HALT] = sizeof(struct msg_verb),
	[MSG_RESUME] = sizeof(struct msg_verb),
	[MSG_STATUS] = sizeof(struct msg_verb),
	[MSG_DOCTOR] = sizeof(struct msg_verb),
	[MSG_AGENT] = sizeof(struct msg_agent),
	[MSG_DRILL] = sizeof(struct msg_drill),
	[MSG_FAULT] = sizeof(struct msg_fault),
	[MSG_TEXT] = sizeof(struct msg_text),
	[MSG_ANSWER] = sizeof(struct msg_answer),
	[MSG_PKI] = sizeof(struct msg_pki),
	[MSG_HOLD] = sizeof(struct msg_hold),
	[MSG_APPLY] = sizeof(struct msg_verb),
	[MSG_DISARM] = sizeof(struct msg_verb),
	[MSG_PING] = sizeof(struct msg_verb),
	[MSG_STATE] = sizeof(struct msg_fault),
	[MSG_PONG] = sizeof(struct msg_verb),
};

size_t
msg_size(uint32_t type)
{
	return type < ARRAY_LEN(msg_sizes) ? msg_sizes[type] : 0;
}
