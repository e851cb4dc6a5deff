/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three things end a question before its answer: its deadline, the process' death, and a
 * line that is full.
 *
 * What is bad about the answer of a system under test and what is our own trouble must not
 * be mixed up: a machine that is starved by the very fault of the drill would else stop it.
 * So a filter is blamed for its time only when it has used CPU (FILTER_TIME) for this text;
 * a process that dies is asked again, once, by its successor.
 */
#include "jq_line.h"
#include "cleanup.h"
#include "err.h"
#include "xalloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define LINE_MAX_COUNT 1024
#define LINE_MAX_BYTES (16 * 1024 * 1024)
#define FILTER_TIME    (25 * USEC_PER_MSEC) /* CPU, by its deadline */
#define AFTER_FAILURE  (200 * USEC_PER_MSEC)

/* --- questions ------------------------------------------------------------------------ */

void
jq_asked_free(struct jq_asked *q)
{
	free(q->text);
	free(q);
}

/* Answered in jq_worker_run. */
static void
finish(struct jq_line *l, struct jq_asked *q, enum jq_result result, const char *why)
{
	q->result = result;
	(void)snprintf(q->why, sizeof(q->why), "%s", why);
	TAILQ_INSERT_TAIL(l->done, q, link);
}

static void
put_in(struct jq_line *l, const struct jq_asked *q)
{
	l->count++;
	l->bytes += q->len;
	l->due = q->deadline < l->due ? q->deadline : l->due;
}

static void
take_out(struct jq_line *l, struct jq_asked *q)
{
	TAILQ_REMOVE(&l->waiting, q, link);
	l->count--;
	l->bytes -= q->len;
}

/* --- the process of a line ------------------------------------------------------------ */

static int
watch(struct jq_line *l, int op)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = l->key };

	l->watches_out = jq_process_has_unsent(&l->process);
	if (l->watches_out)
		ev.events |= EPOLLOUT;
	return epoll_ctl(l->epoll, op, l->process.sock, &ev);
}

int
jq_line_start(struct jq_line *l, struct err *e)
{
	struct epoll_event death = { .events = EPOLLIN, .data.u64 = l->key + 1 };
	int r = jq_process_start(&l->process, l->path, l->filter, e);

	if (r < 0)
		return r;
	if (watch(l, EPOLL_CTL_ADD) < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->process.pidfd, &death) < 0) {
		r = err_errno(e, "watch stormctl-jq");
		jq_process_release(&l->process);
		return r;
	}
	l->state = LINE_COMPILING;
	l->has_compiled = false;
	return 0;
}

static void
start_again(struct jq_line *l, usec_t now)
{
	struct err e;

	if (jq_line_start(l, &e) == 0)
		return;
	(void)snprintf(l->trouble, sizeof(l->trouble), "%.200s", e.msg);
	l->start_at = now + AFTER_FAILURE;
}

static void
give_up_on(struct jq_line *l)
{
	jq_process_kill(&l->process);
	l->state = LINE_DYING;
}

static void on_talk(struct jq_line *l);

static void
ask_next(struct jq_line *l)
{
	struct jq_asked *q = TAILQ_FIRST(&l->waiting);

	if (l->state != LINE_READY || q == NULL)
		return;
	take_out(l, q);
	l->current = q;
	l->state = LINE_BUSY;
	l->look_at = q->deadline;
	free(l->told);
	l->told = steal_ptr(&q->text);
	l->cpu_before = jq_process_cpu(&l->process);
	jq_process_tell(&l->process, l->told, q->len);
	on_talk(l);
}

static void
on_reply(struct jq_line *l)
{
	const struct jq_reply *reply = &l->process.reply;
	struct jq_asked *q = l->current;

	if (l->state == LINE_COMPILING && !reply->is_true) {
		(void)snprintf(l->trouble, sizeof(l->trouble), "%s", reply->why);
		give_up_on(l);
		return;
	}
	if (q != NULL)
		finish(l, q, reply->is_true ? JQ_TRUE : JQ_NOT_TRUE, reply->why);
	l->current = NULL;
	l->has_compiled = true;
	l->trouble[0] = '\0';
	l->state = LINE_READY;
	if (jq_process_has_unsent(&l->process)) /* it cannot know yet what was asked */
		give_up_on(l);
}

/* Say and hear what can be said and heard. */
static void
on_talk(struct jq_line *l)
{
	int r = jq_process_talk(&l->process);

	if (r < 0) {
		give_up_on(l);
		return;
	}
	if (jq_process_has_unsent(&l->process) != l->watches_out)
		(void)watch(l, EPOLL_CTL_MOD); /* it was added: cannot fail */
	if (r > 0)
		on_reply(l);
}

/* --- its end -------------------------------------------------------------------------- */

static void
say_death(const siginfo_t *death, char *why, size_t size)
{
	const char *name = sigdescr_np(death->si_status);

	if (death->si_code == CLD_EXITED)
		(void)snprintf(
		    why, size, "stormctl-jq ended by itself (%d)", death->si_status);
	else
		(void)snprintf(why, size, "stormctl-jq died: %s",
		    name != NULL ? name : "an unknown signal");
}

/* Once it may have been bad luck. */
static void
end_question(struct jq_line *l, const siginfo_t *death)
{
	struct jq_asked *q = l->current;
	char why[JQ_WHY_MAX];
	bool was_killed = death->si_code == CLD_KILLED && death->si_status == SIGKILL;

	l->current = NULL;
	if (q == NULL)
		return;
	if (q->answer == NULL) {
		jq_asked_free(q);
		return;
	}
	q->text = steal_ptr(&l->told);
	if (death->si_code == CLD_KILLED && death->si_status == SIGPROF) {
		(void)snprintf(why, sizeof(why),
		    "the jq filter takes more than %d s of CPU", JQ_CPU_SEC);
		finish(l, q, JQ_NOT_TRUE, why);
		return;
	}
	if (!q->is_second) {
		q->is_second = true;
		TAILQ_INSERT_HEAD(&l->waiting, q, link);
		put_in(l, q);
		return;
	}
	say_death(death, why, sizeof(why));
	finish(l, q, was_killed ? JQ_UNKNOWN : JQ_NOT_TRUE, why);
}

void
jq_line_on_death(struct jq_line *l, usec_t now)
{
	siginfo_t death;
	struct err e;

	if (!jq_process_reap(&l->process, &death, &e))
		return;
	l->state = LINE_GONE;
	l->start_at = l->has_compiled ? now : now + AFTER_FAILURE;
	if (e.code < 0)
		(void)snprintf(l->trouble, sizeof(l->trouble), "%.200s", e.msg);
	else if (!l->has_compiled && l->trouble[0] == '\0')
		say_death(&death, l->trouble, sizeof(l->trouble));
	end_question(l, &death);
}

/* --- deadlines ------------------------------------------------------------------------ */

static void
overdue_waiting(struct jq_line *l, usec_t now)
{
	struct jq_asked *q, *next;
	char why[JQ_WHY_MAX];

	if (l->due > now)
		return;
	l->due = USEC_INFINITY;
	if (l->trouble[0] != '\0')
		(void)snprintf(why, sizeof(why), "no stormctl-jq: %.200s", l->trouble);
	else
		(void)snprintf(why, sizeof(why),
		    "stormctl-jq was busy with other answers (%zu wait)", l->count);
	for (q = TAILQ_FIRST(&l->waiting); q != NULL; q = next) {
		next = TAILQ_NEXT(q, link);
		if (q->deadline <= now) {
			take_out(l, q);
			finish(l, q, JQ_UNKNOWN, why);
		} else if (q->deadline < l->due) {
			l->due = q->deadline;
		}
	}
}

static usec_t
cpu_used(const struct jq_line *l)
{
	usec_t cpu = jq_process_cpu(&l->process);

	return cpu > l->cpu_before ? cpu - l->cpu_before : 0;
}

/* A filter that goes on beyond its deadline is not waited for longer than it takes to see
 * whether it is the filter, or a machine that gives it no CPU. */
static void
overdue_current(struct jq_line *l, usec_t now)
{
	struct jq_asked *q = l->current;
	bool is_guilty = l->state == LINE_BUSY && cpu_used(l) >= FILTER_TIME;

	if (l->look_at > now || (l->state != LINE_BUSY && q == NULL))
		return;
	if (q != NULL && is_guilty)
		finish(l, q, JQ_NOT_TRUE, "the jq filter was not done in time");
	else if (q != NULL)
		finish(l, q, JQ_UNKNOWN, "stormctl-jq got no CPU in time");
	l->current = NULL;
	l->look_at = now + FILTER_TIME;
	if (is_guilty)
		give_up_on(l);
}

usec_t
jq_line_next(const struct jq_line *l)
{
	usec_t at = l->due;

	if (l->state == LINE_GONE && l->start_at < at)
		at = l->start_at;
	if ((l->state == LINE_BUSY || l->current != NULL) && l->look_at < at)
		at = l->look_at;
	return at;
}

void
jq_line_go_on(struct jq_line *l, usec_t now)
{
	overdue_current(l, now);
	overdue_waiting(l, now);
	if (l->state == LINE_GONE && l->start_at <= now)
		start_again(l, now);
	/* Several at once when the answer is there before we have looked away. */
	while (l->state == LINE_READY && !TAILQ_EMPTY(&l->waiting))
		ask_next(l);
}

void
jq_line_serve(struct jq_line *l, uint32_t events)
{
	if (l->state == LINE_COMPILING || l->state == LINE_BUSY)
		on_talk(l);
	else if (l->state == LINE_READY && (events & ~(uint32_t)EPOLLOUT) != 0)
		give_up_on(l); /* it hangs up, or talks without being asked */
}

/* --- who asks ------------------------------------------------------------------------- */

void
jq_line_ask(struct jq_line *l, const struct jq_question *asked)
{
	struct jq_asked *q = xcalloc(1, sizeof(*q));
	char why[JQ_WHY_MAX];

	q->deadline = asked->deadline;
	q->answer = asked->answer;
	q->asker = asked->asker;
	if (asked->len > JQ_TEXT_MAX) {
		(void)snprintf(why, sizeof(why), "the body is larger than %d KiB",
		    JQ_TEXT_MAX / 1024);
		finish(l, q, JQ_NOT_TRUE, why);
	} else if (l->count == LINE_MAX_COUNT || l->bytes + asked->len > LINE_MAX_BYTES) {
		(void)snprintf(why, sizeof(why),
		    "stormctl-jq was busy with other answers (%zu wait)", l->count);
		finish(l, q, JQ_UNKNOWN, why);
	} else {
		q->len = asked->len;
		q->text = xrealloc(NULL, asked->len + 1);
		memcpy(q->text, asked->text, asked->len);
		TAILQ_INSERT_TAIL(&l->waiting, q, link);
		put_in(l, q);
		ask_next(l);
	}
}

void
jq_line_forget(struct jq_line *l, const void *asker)
{
	struct jq_asked *q, *next;

	if (l->current != NULL && l->current->asker == asker)
		l->current->answer = NULL;
	for (q = TAILQ_FIRST(&l->waiting); q != NULL; q = next) {
		next = TAILQ_NEXT(q, link);
		if (q->asker != asker)
			continue;
		take_out(l, q);
		jq_asked_free(q);
	}
}

/* --- life ----------------------------------------------------------------------------- */

void
jq_line_init(struct jq_line *l)
{
	l->due = USEC_INFINITY;
	TAILQ_INIT(&l->waiting);
	jq_process_init(&l->process);
}

void
jq_line_release(struct jq_line *l)
{
	struct jq_asked *q;

	jq_process_release(&l->process);
	while ((q = TAILQ_FIRST(&l->waiting)) != NULL) {
		take_out(l, q);
		jq_asked_free(q);
	}
	if (l->current != NULL)
		jq_asked_free(l->current);
	l->current = NULL;
	free(l->told);
	free(l->filter);
}
