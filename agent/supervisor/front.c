/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the front, and what follows when it lies or dies: it is killed, the drills it
 * carried are undone, new ones are refused for ten seconds, and a new front starts.  stormd
 * stays.  Whatever a front was made to send, it can do no more than that.
 */
#include "front.h"
#include "account.h"
#include "api.h"
#include "chan.h"
#include "child.h"
#include "cleanup.h"
#include "dispatch.h"
#include "err.h"
#include "log.h"
#include "super.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FRONT_GROUP     "stormdrill"
#define REFUSE_FOR      (10 * USEC_PER_SEC)
#define RESTART_AFTER   (1 * USEC_PER_SEC)
#define MESSAGES_A_TURN 64
#define FINISH_MS       200
#define BACKLOG         64

static void on_channel(void *ctx);
static void on_death(void *ctx);

static int
bind_socket(struct front *f, const char *path, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct err none = { 0 };
	mode_t old;
	gid_t gid;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_invalid(e, "'%s' is too long for a socket", path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	(void)unlink(path); /* ours by the lock on run-dir; absent is fine */
	old = umask(0117);  /* before bind: there is no moment with another mode */
	rc = bind(f->listen_fd, (struct sockaddr *)&addr, sizeof(addr));
	(void)umask(old);
	if (rc != 0)
		return err_errno(e, "bind '%s'", path);
	if (account_gid(FRONT_GROUP, &gid, &none) == 0 &&
	    chown(path, (uid_t)-1, gid) != 0)
		return err_errno(e, "give '%s' to group " FRONT_GROUP, path);
	return 0;
}

/* One socket for both families at "::", and for one address otherwise. */
int
front_open_tcp(struct front *f, const struct listen_at *l, struct err *e)
{
	int on = 1, off = 0, fd;

	if (l->len == 0)
		return 0;
	fd = socket(l->addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, "make a TCP socket");
	f->tls_fd = fd;
	/* after a restart the port of old connections is ours still */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (l->addr.any.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &l->addr.any, l->len) != 0 || listen(fd, BACKLOG) != 0)
		return err_errno(e, "listen on %s", l->text);
	return 0;
}

int
front_read_pki(struct front *f, const struct options *o, struct err *e)
{
	f->pki.dir = o->pki;
	return o->listen.len != 0 ? hostpki_read(&f->pki, e) : 0;
}

int
front_open(struct front *f, struct super *s, struct err *e)
{
	char path[PATH_LEN_MAX + 16];

	*f = (struct front){
		.super = s,
		.channel = { .fd = -1, .ready = on_channel, .ctx = f },
		.death = { .fd = -1, .ready = on_death, .ctx = f },
		.pki = f->pki,
		.restart_at = 1,
	};
	snprintf(path, sizeof(path), "%s/" API_SOCKET, s->opt.run_dir);
	f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->listen_fd < 0)
		return err_errno(e, "make a socket");
	if (bind_socket(f, path, e) != 0)
		return e->code;
	if (listen(f->listen_fd, BACKLOG) != 0)
		return err_errno(e, "listen on '%s'", path);
	return 0;
}

static int
start(struct front *f, struct err *e)
{
	struct super *s = f->super;
	const char *const argv[] = { "stormd-front", "--empty-dir", s->rundir.empty_path,
		f->tls_fd > 0 ? "--tls" : NULL, NULL };
	struct child_start start = { .path = s->programs.front,
		.argv = argv,
		.second_fd = f->listen_fd,
		.third_fd = f->tls_fd };
	struct child c;

	if (child_start(&start, &c, e) != 0)
		return e->code;
	if (loop_add(&s->loop, &f->death, c.pidfd, e) != 0 ||
	    loop_add(&s->loop, &f->channel, c.channel, e) != 0) {
		child_kill(c.pidfd);
		return e->code;
	}
	if (f->tls_fd > 0 && hostpki_send(&f->pki, c.channel, e) != 0)
		front_broken(f, "does not take its pki");
	return 0;
}

int
front_serves(const struct front *f, struct err *e)
{
	if (f->tls_fd <= 0 || hostpki_is_used(&f->pki))
		return 1;
	if (f->pki.is_asked || f->pki.why.code == 0)
		return 0;
	*e = f->pki.why;
	return e->code;
}

void
front_reload(struct front *f)
{
	struct err e = { 0 };

	if (f->tls_fd <= 0)
		return;
	if (hostpki_read(&f->pki, &e) != 0)
		log_error("%s, keeping the pki as it was", e.msg);
	else if (f->channel.fd >= 0 && hostpki_send(&f->pki, f->channel.fd, &e) != 0)
		front_broken(f, "does not take its pki");
}

static int
on_pki_answer(struct front *f, const struct msg_answer *m)
{
	bool was_used = hostpki_is_used(&f->pki);
	int rc = hostpki_answered(&f->pki, m);

	if (rc != 0 || f->pki.is_asked)
		return rc;
	if (f->pki.why.code == 0)
		log_notice(was_used ? "%s: pki '%s' is read again" :
				      "listening on %s, with the certificate of '%s'",
		    f->super->opt.listen.text, f->pki.dir);
	else if (was_used)
		log_error(
		    "pki '%s': %s, keeping it as it was", f->pki.dir, f->pki.why.msg);
	else
		(void)err_wrap(&f->pki.why, "pki '%s'", f->pki.dir);
	return 0;
}

static int
hear(struct front *f, const union msg *m)
{
	if (m->head.type == MSG_ANSWER)
		return on_pki_answer(f, &m->answer);
	return dispatch(f->super, m, clock_boottime());
}

void
front_broken(struct front *f, const char *why)
{
	if (!f->is_broken)
		f->why = why;
	f->is_broken = true;
}

static void
on_channel(void *ctx)
{
	static union msg m;
	struct front *f = ctx;
	struct err e = { 0 };
	int rc = 1;

	/* bounded: what is left makes the next turn, after deadlines had theirs */
	for (int i = 0; i < MESSAGES_A_TURN && rc > 0 && !f->is_broken; i++) {
		rc = chan_recv(f->channel.fd, &m, &e);
		if (rc > 0 && hear(f, &m) != 0)
			rc = -EBADMSG;
	}
	if (rc == -EPIPE)
		front_broken(f, "is gone");
	else if (rc < 0)
		front_broken(f, "broke the protocol");
}

static void
on_death(void *ctx)
{
	struct front *f = ctx;
	int pidfd = f->death.fd;
	char how[64];

	if (!child_reap(pidfd, how, sizeof(how)))
		return;
	loop_drop(&f->super->loop, &f->death);
	(void)close(pidfd);
	if (f->channel.fd < 0)
		return; /* we have ended it ourselves */
	log_error("the front %s", how);
	front_broken(f, "is gone");
}

static void
drop_channel(struct front *f)
{
	int fd = f->channel.fd;

	loop_drop(&f->super->loop, &f->channel);
	if (fd >= 0)
		(void)close(fd);
}

static void
end_broken(struct front *f, usec_t now)
{
	struct super *s = f->super;

	super_undo_all(s, UNDO_FRONT, now);
	log_error("the front %s: undoing its drills, no new ones for %llu s", f->why,
	    (unsigned long long)(REFUSE_FOR / USEC_PER_SEC));
	if (f->death.fd >= 0)
		child_kill(f->death.fd);
	drop_channel(f);
	waiters_forget(s);
	inquiry_forget(&s->inquiry);
	dispatch_forget(s);
	hostpki_unanswered(&f->pki);
	s->refuse_until = now + REFUSE_FOR;
	f->is_broken = false;
	f->restart_at = now - f->started < RESTART_AFTER ? now + RESTART_AFTER : now;
}

void
front_turn(struct front *f, usec_t now)
{
	struct err e = { 0 };

	if (f->is_broken)
		end_broken(f, now);
	if (f->restart_at == 0 || now < f->restart_at || f->death.fd >= 0 ||
	    f->super->is_stopping)
		return;
	f->restart_at = 0;
	f->started = now;
	if (start(f, &e) != 0) {
		log_error("%s, will retry", e.msg);
		f->restart_at = now + RESTART_AFTER;
	}
}

usec_t
front_next(const struct front *f)
{
	/* until the old one is reaped its death makes the turn */
	return f->restart_at == 0 || f->death.fd >= 0 ? USEC_INFINITY : f->restart_at;
}

/* EOF on its channel ends it, after what it still has to write to its clients. */
static void
let_finish(struct front *f)
{
	struct pollfd end = { .fd = f->death.fd, .events = POLLIN };

	drop_channel(f);
	if (end.fd < 0)
		return;
	(void)poll(&end, 1, FINISH_MS);
	child_kill(end.fd);
}

void
front_close(struct front *f)
{
	char path[PATH_LEN_MAX + 16];

	let_finish(f);
	hostpki_release(&f->pki);
	if (f->listen_fd < 0)
		return;
	snprintf(path, sizeof(path), "%s/" API_SOCKET, f->super->opt.run_dir);
	(void)unlink(path); /* a later stormd would replace it */
	(void)close(f->listen_fd);
	f->listen_fd = -1;
}
