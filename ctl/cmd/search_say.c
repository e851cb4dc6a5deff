/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person sees who watches a search: one line for each drill, and on a terminal, while
 * it runs, which phase it is in.  Lines of a running drill are written from the loop that
 * judges, which must not wait for a terminal: what does not fit is left out.
 */
#include "cleanup.h"
#include "event.h"
#include "fdio.h"
#include "search_job.h"
#include "xalloc.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define LABEL 9 /* columns */

static bool
is_shown(const struct search_job *j)
{
	return !j->quiet && !j->json;
}

/* From within a drill. */
static void
show(const char *text)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (poll(&pfd, 1, 0) == 1)
		(void)write_all(STDOUT_FILENO, text, strlen(text));
}

void
search_say_start(const struct search_job *j)
{
	const struct experiment *x = j->x;
	usec_t faults = experiment_faults_end(x),
	       during = faults > x->steady.during ? faults : x->steady.during;
	char from[VARY_TEXT], to[VARY_TEXT], most[32];

	if (!is_shown(j))
		return;
	(void)printf("%-*s%s from %s to %s, %s; %s\n", LABEL, "search:", j->vary.name,
	    vary_format(&j->vary, j->vary.from, from, sizeof(from)),
	    vary_format(&j->vary, j->vary.to, to, sizeof(to)),
	    j->search.plan.by == SEARCH_RAISE ? "raised" : "bisected", x->name);
	(void)printf(
	    "%-*sup to %zu drills of at most %s, each undone and recovered before the "
	    "next\n",
	    LABEL, "", search_most(&j->search.plan),
	    format_usec(x->steady.before + during + x->steady.after, most, sizeof(most)));
	(void)fflush(stdout);
}

/* "  3  270ms   " */
static char *
head_of(const struct search_job *j, size_t number, int64_t value)
{
	char text[VARY_TEXT];

	return xasprintf(
	    "step %-4zu%-9s ", number, vary_format(&j->vary, value, text, sizeof(text)));
}

static void
show_progress(struct search_job *j, int64_t value, const char *what)
{
	if (!is_shown(j) || !j->is_terminal)
		return;
	_cleanup_free_ char *head = head_of(j, j->count + 1, value);
	_cleanup_free_ char *line = xasprintf("\r\033[K%s%s…", head, what);
	show(line);
	j->is_line_open = true;
}

static void
close_line(struct search_job *j)
{
	if (j->is_line_open)
		show("\r\033[K");
	j->is_line_open = false;
}

void
search_say_try(struct search_job *j, int64_t value)
{
	j->is_undo_said = false;
	show_progress(j, value, "begins");
}

void
search_say_event(void *job, const struct event *v)
{
	struct search_job *j = job;

	if (v->type == EVENT_PHASE)
		show_progress(j, j->step[j->count].value, v->subject);
	if (v->type != EVENT_UNDO || strcmp(v->subject, "asked") != 0 ||
	    j->is_undo_said || j->json)
		return;
	j->is_undo_said = true;
	close_line(j);
	show("stormctl search: asked to end: undoing\n");
}

void
search_say_step(struct search_job *j, const struct search_step *s)
{
	char text[1000], took[32];

	if (!is_shown(j))
		return;
	close_line(j);
	_cleanup_free_ char *head = head_of(j, j->count, s->value);
	search_step_words(s, j->x, text, sizeof(text));
	text[strcspn(text, ";")] = '\0'; /* the evidence is in the files */
	(void)printf("%s%-7s %s [%s]\n", head, search_step_end(s), text,
	    format_usec(s->took / (100 * USEC_PER_MSEC) * (100 * USEC_PER_MSEC), took,
		sizeof(took)));
	(void)fflush(stdout);
}

void
search_say_end(const struct search_job *j)
{
	struct search_word w[SEARCH_WORDS_MAX];
	size_t n = search_words(j, w);

	if (j->json)
		return;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *label = xasprintf("%s:", w[i].label);
		(void)printf("%-*s%s\n", LABEL, label, w[i].text);
	}
	(void)printf("%-*s%s/search.md\n", LABEL, "results:", j->dir);
}
