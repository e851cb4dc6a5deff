/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The holder's side of a crew: start, wait, watch, reap.  What its members do is in the
 * files of their work, what each does first in member.c.
 */
#include "crew.h"
#include "child_group.h"
#include "cleanup.h"
#include "crew_head.h"
#include "err.h"
#include "leash.h"
#include "spawn.h"
#include "xalloc.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 20 /* between two looks whether a member still lives */

static int
map_page(struct crew *c, struct err *e)
{
	const size_t size = CREW_PAGE_AT + c->page_size;
	void *at;

	c->page_fd = memfd_create("stormdrill-crew", MFD_CLOEXEC);
	if (c->page_fd < 0 || ftruncate(c->page_fd, (off_t)size) < 0)
		return err_errno(e, "make the page shared with %s", c->work->comm);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, c->page_fd, 0);
	if (at == MAP_FAILED)
		return err_errno(e, "map the page shared with %s", c->work->comm);
	c->head = at;
	c->page = (char *)at + CREW_PAGE_AT;
	c->head->page_at = CREW_PAGE_AT;
	c->head->page_size = c->page_size;
	c->head->count = c->count;
	return 0;
}

int
crew_init(struct crew *c, const struct crew_work *work, size_t count, size_t page_size,
    struct err *e)
{
	int leash[2];

	assert(count <= CREW_MAX);
	*c = (struct crew){
		.work = work,
		.page_size = page_size > 0 ? page_size : work->page_size,
		.count = count,
		.page_fd = -1,
		.leash_in = -1,
		.leash = -1,
	};
	c->pid = xcalloc(count > 0 ? count : 1, sizeof(*c->pid));
	if (map_page(c, e) < 0)
		return e->code;
	if (pipe2(leash, O_CLOEXEC) < 0)
		return err_errno(e, "make the leash of %s", work->comm);
	c->leash_in = leash[0];
	c->leash = leash[1];
	return 0;
}

static int
start_one(struct crew *c, size_t i, const char *fault, const struct child_group *g,
    struct err *e)
{
	char number[24];
	const char *const argv[] = { "stormd-fault", "--work", c->work->name, number,
		fault, NULL };
	const int fds[] = { c->page_fd, c->leash_in };
	const struct spawn s = {
		.path = "/proc/self/exe",
		.argv = argv,
		.fds = fds,
		.fds_count = ARRAY_LEN(fds),
		.role = SPAWN_BURNER,
	};
	int pidfd;

	(void)snprintf(number, sizeof(number), "%zu", i);
	if (spawn(&s, &c->pid[i], &pidfd, e) != 0)
		return e->code;
	(void)close(pidfd); /* it is our child: its pid is ours until we reap it */
	return child_group_join(g, c->pid[i], e);
}

static bool
has_ended(pid_t *pid, int *ret_status)
{
	if (*pid == 0 || waitpid(*pid, ret_status, WNOHANG) != *pid)
		return false;
	*pid = 0;
	return true;
}

static int
await_ready(struct crew *c, size_t i, usec_t until, struct err *e)
{
	struct crew_slot *s = &c->head->slot[i];
	int status;

	for (;;) {
		uint32_t state = atomic_load(&s->state);

		if (state == MEMBER_READY)
			return 0;
		if (state == MEMBER_FAILED)
			break;
		if (has_ended(&c->pid[i], &status))
			return err_set(
			    e, -ECHILD, "%s %zu could not start", c->work->comm, i);
		if (clock_boottime() >= until)
			return err_set(
			    e, -ETIMEDOUT, "%s %zu does not start", c->work->comm, i);
		word_wait(&s->state, state, LOOK_MS);
	}
	return err_set(e, s->why.code < 0 ? s->why.code : -ECHILD, "%.*s",
	    (int)sizeof(s->why.msg) - 1, s->why.msg);
}

int
crew_start(struct crew *c, const char *fault, const struct child_group *g,
    usec_t patience, struct err *e)
{
	const usec_t until = clock_boottime() + patience;

	for (size_t i = 0; i < c->count; i++) {
		if (start_one(c, i, fault, g, e) < 0)
			return e->code;
	}
	atomic_store(&c->head->may_work, 1);
	word_wake(&c->head->may_work);
	for (size_t i = 0; i < c->count; i++) {
		if (await_ready(c, i, until, e) < 0)
			return e->code;
	}
	return 0;
}

int
crew_lost(struct crew *c, int *ret_status)
{
	for (size_t i = 0; i < c->count; i++) {
		if (has_ended(&c->pid[i], ret_status))
			return (int)i;
	}
	return -1;
}

void
crew_reap(struct crew *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->pid[i] != 0)
			(void)kill(c->pid[i], SIGKILL); /* ours until we reap it */
	}
	for (size_t i = 0; i < c->count; i++) {
		if (c->pid[i] != 0)
			(void)waitpid(
			    c->pid[i], NULL, 0); /* how it ended tells nothing new */
		c->pid[i] = 0;
	}
}
