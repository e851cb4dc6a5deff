/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe that runs a program, without a shell: good when it exits as it should and writes
 * what it should.  It runs as we do and with our environment, since a user named it.  What
 * is dear here is the process: the probe's max_in_flight is the number of them, and what
 * comes due beyond it is skipped.
 */
#include "cleanup.h"
#include "err.h"
#include "exec_child.h"
#include "parse.h"
#include "pattern.h"
#include "printable.h"
#include "probe_type.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

struct exec {
	struct pattern *pattern;
	struct exec_family family;
};

static struct exec *
exec_of(const struct transfer *t)
{
	return *probe_keep(transfer_probe(t));
}

static struct exec_child *
child_of(struct transfer *t)
{
	return *transfer_keep(t);
}

/* --- life ----------------------------------------------------------------------------- */

static int
check_program(const struct probe_def *d, struct err *e)
{
	const char *program = d->exec.argv[0];
	const char *why = NULL;
	struct stat st;

	if (stat(program, &st) < 0 || access(program, X_OK) < 0)
		why = strerrordesc_np(errno);
	else if (!S_ISREG(st.st_mode))
		why = "it is no file";
	if (why == NULL)
		return 0;
	return err_invalid(
	    e, "probe '%s': cannot execute '%s': %s", d->name, program, why);
}

static void
exec_free(struct exec *x)
{
	pattern_free(x->pattern);
	exec_family_release(&x->family);
	free(x);
}

static int
exec_open(struct probe *b, struct err *e)
{
	const struct probe_def *d = probe_definition(b);
	int r = check_program(d, e);

	if (r < 0)
		return r;
	struct exec *x = xcalloc(1, sizeof(*x));
	r = exec_family_open(&x->family, e);
	if (r == 0 && d->good.body != NULL)
		r = pattern_compile(&x->pattern, d->good.body, e);
	if (r < 0) {
		exec_free(x);
		return err_wrap(e, "probe '%s'", d->name);
	}
	*probe_keep(b) = x;
	return 0;
}

static void
exec_release(struct probe *b)
{
	exec_free(*probe_keep(b));
}

static int
exec_make(struct transfer *t, struct err *e)
{
	const struct probe_def *d = probe_definition(transfer_probe(t));
	struct exec_child *c = xcalloc(1, sizeof(*c));

	c->family = &exec_of(t)->family;
	int r = exec_child_open(
	    c, d->exec.argv, d->good.body != NULL || d->good.jq != NULL, e);
	if (r < 0)
		free(c);
	else
		*transfer_keep(t) = c;
	return r;
}

static void
exec_unmake(struct transfer *t)
{
	exec_child_release(child_of(t));
	free(child_of(t));
}

static int
exec_start(struct transfer *t, struct err *e)
{
	struct exec_child *c = child_of(t);

	exec_child_start(c);
	if (transfer_watch(t, c->epoll, EPOLLIN) < 0)
		return err_errno(e, "watch '%s'", c->spawn.path);
	return 0;
}

static void
exec_stop(struct transfer *t)
{
	struct exec_child *c = child_of(t);

	(void)transfer_watch(t, c->epoll, 0); /* it may not be watched: never mind */
	exec_child_kill(c);
	exec_family_reap(c->family);
}

/* --- what its end means --------------------------------------------------------------- */

static enum sample_class
check_output(const struct exec *x, const struct exec_child *c, char *why, size_t size)
{
	if (x->pattern == NULL)
		return SAMPLE_OK;
	switch (pattern_find(x->pattern, c->text != NULL ? c->text : "", c->kept)) {
	case FOUND:
		return SAMPLE_OK;
	case FOUND_TOO_HARD:
		(void)snprintf(why, size, "body pattern gave up: too much backtracking");
		break;
	case FOUND_NOT:
		if (c->received > c->kept)
			(void)snprintf(why, size,
			    "no match in the first %d KiB of the output",
			    EXEC_OUTPUT_KEPT / 1024);
		else
			(void)snprintf(
			    why, size, "output does not match (%zu bytes)", c->kept);
	}
	return SAMPLE_BODY;
}

static void
say_end(struct exec_child *c, char *why, size_t size)
{
	const char *words = exec_child_last_words(c);
	char name[8];

	if (c->end.si_code == CLD_EXITED)
		(void)snprintf(why, size, "exit status %d%s%s", c->end.si_status,
		    words[0] != '\0' ? ": " : "", words);
	else
		(void)snprintf(why, size, "killed by SIG%s%s%s",
		    format_signal(c->end.si_status, name, sizeof(name)),
		    words[0] != '\0' ? ": " : "", words);
	text_make_printable(why); /* the last character may have been cut */
}

static enum sample_class
classify(struct transfer *t, char *why, size_t size)
{
	const struct probe_def *d = probe_definition(transfer_probe(t));
	struct exec_child *c = child_of(t);

	if (c->failure.code < 0) {
		(void)snprintf(why, size, "cannot be executed: %s",
		    strerrordesc_np(-c->failure.code));
		return SAMPLE_CONNECT;
	}
	if (c->end.si_code != CLD_EXITED || c->end.si_status != d->good.exit_status) {
		say_end(c, why, size);
		return SAMPLE_STATUS;
	}
	return check_output(exec_of(t), c, why, size);
}

static enum sample_class
exec_overdue(struct transfer *t, char *why, size_t size)
{
	const struct probe_def *d = probe_definition(transfer_probe(t));
	bool may_go_on = d->good.within < d->exec.timeout;
	char span[32];

	(void)snprintf(why, size, "%s %s",
	    !exec_child_has_begun(child_of(t)) ? "the program could not be read within" :
	    may_go_on                          ? "still running after" :
						 "not done within",
	    format_usec(d->good.within, span, sizeof(span)));
	return may_go_on ? SAMPLE_SLOW : SAMPLE_TIMEOUT;
}

static void
finish(struct transfer *t, const struct sample_timing *timing)
{
	const struct exec_child *c = child_of(t);
	char why[sizeof(((struct sample *)0)->why)] = "";
	enum sample_class class = classify(t, why, sizeof(why));

	if (class == SAMPLE_OK && probe_definition(transfer_probe(t))->good.jq != NULL) {
		const struct body body = { c->text, c->kept, c->received };

		transfer_ask_jq(t, &body, timing);
		return;
	}
	transfer_ended(t, class, why, timing);
}

static void
exec_ready(struct transfer *t, uint32_t events)
{
	struct exec_child *c = child_of(t);
	char why[sizeof(((struct sample *)0)->why)] = "";
	struct sample_timing timing = { 0 };

	(void)events;
	switch (exec_child_serve(c)) {
	case CHILD_RUNS:
		return;
	case CHILD_FLOODS:
		(void)snprintf(why, sizeof(why), "output longer than %d MiB",
		    EXEC_OUTPUT_READ >> 20);
		transfer_ended(t, SAMPLE_BODY, why, NULL);
		return;
	case CHILD_NONE: /* of our own doing, unless the program is what hangs */
		(void)snprintf(why, sizeof(why), "%s",
		    c->failure.code == -EBUSY ?
			"many before it were killed and do not die" :
			strerrordesc_np(-c->failure.code));
		transfer_ended(t,
		    c->failure.code == -EBUSY ? SAMPLE_TIMEOUT : SAMPLE_SKIPPED, why,
		    NULL);
		return;
	case CHILD_ENDED:
		timing.total = (uint32_t)(clock_boottime() - c->began);
		if (c->first_byte != 0)
			timing.first_byte = (uint32_t)(c->first_byte - c->began);
		finish(t, &timing);
	}
}

const struct probe_type_row probe_type_exec = {
	.open = exec_open,
	.release = exec_release,
	.make = exec_make,
	.unmake = exec_unmake,
	.start = exec_start,
	.stop = exec_stop,
	.overdue = exec_overdue,
	.ready = exec_ready,
};
