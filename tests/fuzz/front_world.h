/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRONT_WORLD_H
#define FRONT_WORLD_H
/*
 * A stormd that has a front at the other end of a channel, a run-dir, and nothing else: it
 * takes every request as far as the moment when a holder would be started.
 */
#include "api.h"
#include "chan.h"
#include "dispatch.h"
#include "fuzz.h"
#include "log.h"
#include "super.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define WORLD_DRILL "9f0b6c1e-0000-4000-8000-00000000000a"

static struct super world;
static int world_front = -1;
static char world_dir[] = "/tmp/storm-fuzz.XXXXXX";

static void
world_close(void)
{
	(void)rmdir(world_dir);
}

static void
world_open(void)
{
	struct err e = { 0 };
	int fds[2];

	if (world_front >= 0)
		return;
	log_open("fuzz", LOG_L_ERROR);
	MUST(chan_pair(fds, &e) == 0 && mkdtemp(world_dir) != NULL);
	(void)atexit(world_close);
	world_front = fds[0];
	world.front.channel.fd = fds[1];
	world.rundir.dir = open(world_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	world.rundir.locks_dir = world.rundir.host_fd = world.rundir.dir;
	MUST(world.rundir.dir >= 0);
}

/* As it was at the start: no drills, nobody waiting, not halted. */
static void
world_reset(void)
{
	static union msg m;
	struct err e = { 0 };

	dispatch_forget(&world);
	waiters_forget(&world);
	for (size_t i = 0; i < DRILLS_KEPT; i++) {
		drill_free(world.drill[i]);
		world.drill[i] = NULL;
	}
	while (chan_recv(world_front, &m, &e) > 0 ||
	       chan_recv(world.front.channel.fd, &m, &e) > 0)
		continue;
	world.front.is_broken = false;
	world.rundir.is_unsaved = world.rundir.is_unwritten = false;
	(void)unlinkat(world.rundir.host_fd, HALTED_FILE, 0); /* if it was written */
	world.opt.listen.len = 1;                             /* TCP, too */
	world.policy.is_ephemeral = true;
	world.policy.allowed = world.policy.irreversible = UINT64_MAX;
	world.policy.max_duration = UINT32_MAX;
	world.policy.max_faults = FAULTS_MAX;
	world.guard.death.fd = world.front.channel.fd; /* there is one */
}

/* What waits on stormd's end goes the way it does in stormd: the code of the last one. */
static int
world_turn(void)
{
	static union msg m;
	struct err e = { 0 };
	int rc = 0;

	while (rc == 0 && (rc = chan_recv(world.front.channel.fd, &m, &e)) > 0) {
		rc = dispatch(&world, &m, USEC_PER_SEC);
		waiters_turn(&world, USEC_PER_SEC);
	}
	MUST(rc == 0 || rc == -EBADMSG);
	MUST(!world.front.is_broken);
	while (chan_recv(world_front, &m, &e) > 0)
		MUST(m.head.type >= MSG_AGENT && m.head.type <= MSG_ANSWER);
	return rc;
}

#endif
