/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing while a drill runs.  The loop that judges must never wait for a reader: a line
 * goes to stdout only when poll says that it fits, else it is counted as lost.  (Setting
 * O_NONBLOCK instead would change the terminal for the shell, too.)
 */
#include "output.h"
#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "fdio.h"
#include "redact.h"
#include "run.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define EVENTS_KEPT  20000 /* for the reports; events.ndjson has them all */
#define EVENTS_MAX   24000 /* the last ones are for what must not be missing there */
#define LINE_MAX_LEN 4096

/* --- the directory -------------------------------------------------------------------- */

/* "results/2026-11-22T02-13-05Z-name"; the n-th of that second when n > 0. */
static char *
default_dir(const char *name, unsigned n)
{
	char wall[32];

	(void)clock_iso8601(clock_wall(), wall, sizeof(wall));
	for (char *c = wall; *c != '\0'; c++)
		*c = *c == ':' ? '-' : *c;
	wall[19] = '\0'; /* no fraction */
	if (n == 0)
		return xasprintf("results/%sZ-%s", wall, name);
	return xasprintf("results/%sZ-%s.%u", wall, name, n);
}

int
results_dir(const char *asked, const char *name, char **ret, struct err *e)
{
	if (asked != NULL) {
		*ret = xstrdup(asked);
		return make_dirs(asked, 0755, e);
	}
	int r = make_dirs("results", 0755, e);
	for (unsigned n = 0; r == 0 && n < 100; n++) {
		free(*ret);
		*ret = default_dir(name, n);
		if (mkdir(*ret, 0755) == 0)
			return 0;
		if (errno != EEXIST)
			return err_errno(e, "create '%s'", *ret);
	}
	return r;
}

int
output_open(struct output *o, const struct experiment *x, const struct run_options *run,
    struct err *e)
{
	*o = (struct output){ .ndjson = -1,
		.quiet = run->quiet,
		.silent = run->silent,
		.on_event = run->on_event,
		.ctx = run->ctx,
		.json = run->json,
		.colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL,
		.secrets = x->secrets };
	int r = results_dir(run->out_dir, x->name, &o->dir, e);

	if (r < 0)
		return err_wrap(e, "results");
	_cleanup_free_ char *path = xasprintf("%s/events.ndjson", o->dir);
	o->ndjson = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
	if (o->ndjson < 0 && errno == EEXIST)
		return err_set(e, -EEXIST,
		    "results: '%s' already holds a drill; name another directory",
		    o->dir);
	if (o->ndjson < 0)
		return err_errno(e, "results: create '%s'", path);
	return 0;
}

/* --- writing -------------------------------------------------------------------------- */

static void
note_trouble(struct output *o, const char *what, int code)
{
	if (o->trouble[0] != '\0')
		return;
	(void)snprintf(o->trouble, sizeof(o->trouble), "%s: %s", what, strerror(code));
	(void)fprintf(stderr, "stormctl: %s, the drill goes on\n", o->trouble);
}

static void
show(struct output *o, const char *line, size_t len)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (o->is_out_lost || len == 0)
		return;
	if (poll(&pfd, 1, 0) != 1) {
		o->lines_lost++;
		return;
	}
	int r = write_all(STDOUT_FILENO, line, len);
	if (r < 0) {
		o->is_out_lost = true;
		note_trouble(o, "standard output", -r);
	}
}

static void
append_line(struct output *o, const char *line, size_t len)
{
	struct stat before;

	if (o->ndjson < 0 || fstat(o->ndjson, &before) < 0)
		return;
	int r = write_all(o->ndjson, line, len);
	if (r == 0)
		return;
	/* Half a line would spoil the file for every reader. */
	(void)!ftruncate(o->ndjson, before.st_size);
	note_trouble(o, "events.ndjson", -r);
}

static bool
is_kept(const struct output *o, const struct event *v)
{
	if (v->type == EVENT_SAMPLES || o->count >= EVENTS_MAX)
		return false;
	return o->count < EVENTS_KEPT || !(event_is_detail(v) || v->type == EVENT_BAD);
}

static void
keep(struct output *o, const struct event *v)
{
	size_t at;

	if (!is_kept(o, v))
		return;
	if (o->count == o->room) {
		o->room += o->room / 4 + 32;
		o->events = xrealloc(o->events, o->room * sizeof(*o->events));
	}
	/* Hosts are heard late; but what they say is not old: few places are passed. */
	for (at = o->count; at > 0 && o->events[at - 1].at > v->at; at--)
		;
	memmove(o->events + at + 1, o->events + at, (o->count - at) * sizeof(*v));
	o->events[at] = *v;
	o->count++;
}

/* Errors go to stderr, whatever was said of stdout; a stderr that nobody reads loses them. */
static void
show_error(const char *line, size_t len)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&pfd, 1, 0) == 1)
		(void)write_all(STDERR_FILENO, line, len);
}

static void
show_as_text(struct output *o, const struct event *v)
{
	char *line = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&line, &len);

	if (f == NULL)
		return;
	event_to_text(v, f, o->colour);
	if (fclose(f) == 0 && v->type == EVENT_ERROR)
		show_error(line, len);
	else
		show(o, line, len);
	free(line);
}

void
output_event(struct output *o, const struct event *v)
{
	struct event clean = *v;
	char line[LINE_MAX_LEN];

	redact_event(&clean, o->secrets);
	keep(o, &clean);
	if (o->on_event != NULL)
		o->on_event(o->ctx, &clean);
	int len = event_to_ndjson(&clean, line, sizeof(line));
	if (len > 0) {
		append_line(o, line, (size_t)len);
		if (o->json && !o->silent)
			show(o, line, (size_t)len);
	}
	if (o->silent || (o->has_many_hosts && event_is_detail(v)))
		return;
	if (v->type == EVENT_ERROR || (!o->quiet && !o->json))
		show_as_text(o, &clean);
}

void
output_say(struct output *o, const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	va_list ap;

	if (o->json || o->silent)
		return;
	va_start(ap, fmt);
	int len = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	redact(line, o->secrets);
	len = len < (int)sizeof(line) - 2 ? len : (int)sizeof(line) - 2;
	line[len++] = '\n';
	show(o, line, (size_t)len);
}

/* --- at the end ----------------------------------------------------------------------- */

static void
write_report(struct output *o, const struct report *r, const struct report_input *in)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", o->dir, r->file);
	FILE *f = fopen(path, "we");
	int code = f == NULL ? -errno : r->write(f, in);

	if (f != NULL && fclose(f) != 0 && code == 0)
		code = -errno;
	if (code < 0)
		note_trouble(o, r->file, -code);
}

void
output_reports(
    struct output *o, const struct experiment *x, const char *drill, enum verdict verdict)
{
	struct report_input in = {
		.experiment = x,
		.drill = drill,
		.events = o->events,
		.count = o->count,
		.verdict = verdict,
	};

	if (o->dir == NULL)
		return;
	write_report(o, &report_json, &in);
	write_report(o, &report_markdown, &in);
}

void
output_release(struct output *o)
{
	cleanup_close(&o->ndjson);
	free(o->events);
	free(o->dir);
	o->ndjson = -1;
	o->events = NULL;
	o->dir = NULL;
}
