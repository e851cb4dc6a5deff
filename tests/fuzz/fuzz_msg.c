/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a front that was taken over may send.  The input is a list of messages: a type, how
 * much longer or shorter than right, and damage to one that was good.  stormd answers it,
 * or ends its sender; what it keeps of it is sound.
 */
#include "front_world.h"
#include "holder.h"
#include "kind.h"
#include <sys/socket.h>

static void
make_good(union msg *m, uint32_t type, bool is_remote)
{
	static const char drill[] = WORLD_DRILL;
	struct err e = { 0 };

	memset(m, 0, sizeof(*m));
	m->head = (struct msg_head){ .type = type, .seq = 7 };
	if (is_remote) {
		m->head.role = ROLE_OPERATOR;
		m->head.uid = UID_REMOTE;
		memcpy(m->head.name, "alice", 6);
	}
	if (type == MSG_ARM) {
		memcpy(m->arm.drill, drill, sizeof(drill));
		memcpy(m->arm.name, "x", 2);
		m->arm.count = 1;
		m->arm.lease_ms = LEASE_DEFAULT_MS;
	} else if (type == MSG_ARM_FAULT || type == MSG_HOLD) {
		struct spec *s = type == MSG_HOLD ? &m->hold.spec : &m->spec.spec;

		spec_init(s, kind_find("net.partition"));
		memcpy(s->name, "cut", 4);
		s->duration = USEC_PER_SEC;
		MUST(spec_set(s, "to", "10.0.0.0/8", &e) == 0 && spec_finish(s, &e) == 0);
	} else {
		memcpy(m->drill_verb.drill, drill, sizeof(drill));
		m->drill_verb.cause = UNDO_ASKED;
	}
}

/* A holder judges what it is told by the same rules. */
static void
tell_holder(const struct msg_hold *m)
{
	struct err e = { 0 };
	int rc = hold_check(m, "net.partition", "", &e);

	if (rc != 0)
		fuzz_refused(rc, &e);
	else
		MUST(strcmp(m->spec.kind, "net.partition") == 0);
}

static void
drills_are_sound(void)
{
	struct err e = { 0 };

	FOR_EACH_DRILL(&world, d) {
		MUST(d->count == d->status.fault_count && d->count <= DRILL_FAULTS_MAX);
		for (size_t i = 0; i < d->count; i++)
			MUST(spec_verify(&d->fault[i].spec, &e) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union msg m[2]; /* room to be too long */
	struct bytes b = { data, size };
	int rc = 0;

	world_open();
	world_reset();
	while (b.left > 0 && rc == 0) {
		uint32_t type = fuzz_byte(&b) % (MSG_TYPES + 1);
		size_t len = msg_size(type) + (size_t)(int8_t)fuzz_byte(&b);

		if (type == MSG_DOCTOR)
			continue; /* asks a child */
		make_good(m, type, size % 2 == 0);
		fuzz_damage(&b, fuzz_byte(&b) % 8, m, sizeof(m[0]));
		if (type == MSG_HOLD)
			tell_holder(&m->hold);
		if (len > 0 && len < sizeof(m))
			MUST(send(world_front, m, len, 0) == (ssize_t)len);
		rc = world_turn();
		drills_are_sound();
	}
	return 0;
}
