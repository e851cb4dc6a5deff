/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program at a time.  Its pidfd and what it writes are in an epoll of their own, which
 * the prober's loop watches as one descriptor.  When it ends, its group is killed before it
 * is reaped: until then its number, and so the group's, is still ours, and nothing it left
 * in the background outlives the probe.  It may hang in exec itself, on storage that is
 * gone, so that nothing here waits for that either.
 */
#include "exec_child.h"
#include "cleanup.h"
#include "printable.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CHUNK         16384
#define CHUNKS_A_TURN 4   /* while it runs: others have their turn, too */
#define CHUNKS_AT_END 128 /* a process that got away may go on writing */
#define DEATHS_MS     1000

int
exec_child_open(struct exec_child *c, char *const *argv, bool keeps_text, struct err *e)
{
	c->out = c->err = -1;
	c->now = (struct spawned){ 0, -1, -1 };
	c->spawn = (struct spawn){
		.path = argv[0],
		.argv = (const char *const *)argv,
		.out = keeps_text ? -1 : 0,
		.role = SPAWN_TOOL,
		.keep_env = true,
	};
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	return c->epoll < 0 ? err_errno(e, "make epoll") : 0;
}

void
exec_child_release(struct exec_child *c)
{
	cleanup_close(&c->epoll);
	free(c->text);
}

/* --- its descriptors ------------------------------------------------------------------ */

static int
watch(struct exec_child *c, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev);
}

/* Forgotten before it is closed: a child that is being forked may hold a copy. */
static void
drop(struct exec_child *c, int *fd)
{
	if (*fd < 0)
		return;
	(void)epoll_ctl(c->epoll, EPOLL_CTL_DEL, *fd, NULL);
	(void)close(*fd);
	*fd = -1;
}

static int
open_pipe(struct exec_child *c, int *ret_read, int *ret_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*ret_read = ends[0];
	*ret_write = ends[1];
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
		return -1;
	return watch(c, ends[0]);
}

static void
close_all(struct exec_child *c)
{
	drop(c, &c->out);
	drop(c, &c->err);
	drop(c, &c->now.pidfd);
	cleanup_close(&c->now.report);
	c->now = (struct spawned){ 0, -1, -1 };
}

/* --- what it writes ------------------------------------------------------------------- */

static void
take_text(struct exec_child *c, const char *chunk, size_t len)
{
	size_t take = len;

	if (c->first_byte == 0)
		c->first_byte = clock_boottime();
	c->received += len;
	if (take > EXEC_OUTPUT_KEPT - c->kept)
		take = EXEC_OUTPUT_KEPT - c->kept;
	if (c->kept + take > c->room) {
		c->room = (c->kept + take) * 2;
		c->text = xrealloc(c->text, c->room);
	}
	if (take > 0)
		memcpy(c->text + c->kept, chunk, take);
	c->kept += take;
}

static void
take_words(struct exec_child *c, const char *chunk, size_t len)
{
	const size_t room = sizeof(c->words) - 1;
	size_t keep;

	if (len > room) {
		chunk += len - room;
		len = room;
	}
	keep = c->words_len + len > room ? room - len : c->words_len;
	memmove(c->words, c->words + c->words_len - keep, keep);
	memcpy(c->words + keep, chunk, len);
	c->words_len = keep + len;
	c->words[c->words_len] = '\0';
}

static void
listen_to(struct exec_child *c, int *fd, int chunks)
{
	char chunk[CHUNK];

	for (int i = 0; i < chunks && *fd >= 0; i++) {
		ssize_t n = read(*fd, chunk, sizeof(chunk));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			drop(c, fd);
		else if (fd == &c->out)
			take_text(c, chunk, (size_t)n);
		else
			take_words(c, chunk, (size_t)n);
	}
}

const char *
exec_child_last_words(struct exec_child *c)
{
	char *line;

	while (c->words_len > 0 && strchr(" \t\r\n", c->words[c->words_len - 1]) != NULL)
		c->words[--c->words_len] = '\0';
	line = strrchr(c->words, '\n');
	line = line != NULL ? line + 1 : c->words;
	text_make_printable(line);
	return line;
}

/* --- beginning and end ---------------------------------------------------------------- */

static void
forget_last(struct exec_child *c)
{
	if (c->room > CHUNK) {
		free(c->text);
		c->text = NULL;
		c->room = 0;
	}
	c->kept = 0;
	c->received = 0;
	c->words_len = 0;
	c->words[0] = '\0';
	c->first_byte = 0;
	c->has_begun = false;
	c->failure.code = 0;
}

static int
begin(struct exec_child *c, struct err *e)
{
	_cleanup_close_ int out = -1, err = -1;
	struct spawn s = c->spawn;

	if (c->family->count >= EXEC_DYING_MAX)
		return err_set(e, -EBUSY, "%zu that were killed have not died yet",
		    c->family->count);
	if ((s.out != 0 && open_pipe(c, &c->out, &out) < 0) ||
	    open_pipe(c, &c->err, &err) < 0)
		return err_errno(e, "pipe");
	s.out = s.out != 0 ? out : 0;
	s.err = err;
	int r = spawn_begin(&s, &c->now, e);
	if (r == 0 && watch(c, c->now.pidfd) < 0)
		r = err_errno(e, "watch it");
	return r;
}

/* No process, no memory, no descriptor: that is ours, and the drill may be what took them.
 * It is no reason to end the drill. */
void
exec_child_start(struct exec_child *c)
{
	exec_family_reap(c->family);
	forget_last(c);
	c->began = clock_boottime();
	if (begin(c, &c->failure) == 0)
		return;
	exec_child_kill(c);
	(void)watch(c, c->family->ready); /* else it ends when it is overdue */
}

bool
exec_child_has_begun(struct exec_child *c)
{
	if (!c->has_begun && c->now.pid != 0 &&
	    spawn_outcome(&c->spawn, c->now.report, NULL) == 0)
		c->has_begun = true;
	return c->has_begun;
}

/* True when it is no more. */
static bool
reap(const struct spawned *s, siginfo_t *ret)
{
	siginfo_t info = { 0 };
	int r = waitid(P_PIDFD, (id_t)s->pidfd, &info, WEXITED | WNOHANG);

	if (r == 0 && info.si_pid == 0)
		return false;
	*ret = info;
	return r == 0 || errno == ECHILD;
}

/* Whoever is in its group is of its making, and the group's number is ours until it is
 * reaped. */
static void
kill_group(const struct spawned *s)
{
	/* by itself, too: it may not have come to make the group */
	(void)syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	(void)kill(-s->pid, SIGKILL);
}

static bool
has_ended(const struct exec_child *c)
{
	struct pollfd p = { .fd = c->now.pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

enum child_state
exec_child_serve(struct exec_child *c)
{
	bool is_over;

	if (c->now.pid == 0)
		return CHILD_NONE;
	is_over = has_ended(c);
	if (is_over)
		(void)kill(-c->now.pid, SIGKILL);
	listen_to(c, &c->out, is_over ? CHUNKS_AT_END : CHUNKS_A_TURN);
	listen_to(c, &c->err, is_over ? CHUNKS_AT_END : CHUNKS_A_TURN);
	if (is_over && reap(&c->now, &c->end)) {
		(void)spawn_outcome(&c->spawn, c->now.report, &c->failure);
		close_all(c);
		return CHILD_ENDED;
	}
	return c->received > EXEC_OUTPUT_READ ? CHILD_FLOODS : CHILD_RUNS;
}

/* --- dying ---------------------------------------------------------------------------- */

static void
dying_add(struct exec_family *f, const struct spawned *s)
{
	if (f->count == f->room) {
		f->room = f->room > 0 ? 2 * f->room : 8;
		f->dying = xrealloc(f->dying, f->room * sizeof(*f->dying));
	}
	f->dying[f->count++] = *s;
}

/* Whatever there is of it: it may never have come to run. */
void
exec_child_kill(struct exec_child *c)
{
	struct spawned s = c->now;

	(void)epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->family->ready, NULL);
	if (s.pid != 0) {
		kill_group(&s);
		(void)epoll_ctl(c->epoll, EPOLL_CTL_DEL, s.pidfd, NULL);
		c->now.pidfd = -1;
		dying_add(c->family, &s);
	}
	close_all(c);
}

int
exec_family_open(struct exec_family *f, struct err *e)
{
	*f = (struct exec_family){ .ready = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK) };
	return f->ready < 0 ? err_errno(e, "make eventfd") : 0;
}

void
exec_family_reap(struct exec_family *f)
{
	for (size_t i = 0; i < f->count;) {
		siginfo_t ignored;

		if (reap(&f->dying[i], &ignored)) {
			(void)close(f->dying[i].pidfd);
			f->dying[i] = f->dying[--f->count];
		} else {
			i++;
		}
	}
}

void
exec_family_release(struct exec_family *f)
{
	usec_t end = clock_boottime() + DEATHS_MS * USEC_PER_MSEC;

	exec_family_reap(f);
	while (f->count > 0 && clock_boottime() < end) {
		struct pollfd p = { .fd = f->dying[0].pidfd, .events = POLLIN };

		(void)poll(&p, 1, DEATHS_MS / 10);
		exec_family_reap(f);
	}
	for (size_t i = 0; i < f->count; i++)
		(void)close(f->dying[i].pidfd);
	free(f->dying);
	cleanup_close(&f->ready);
}
