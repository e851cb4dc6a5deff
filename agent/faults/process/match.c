/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes are meant.  One walk over /proc.  A process that the selectors want by its
 * path is opened, and asked again by that descriptor: from there on it is one process,
 * whoever gets its pid.  What it is (start time, parent, kernel thread) is read only of
 * those that matched.
 */
#include "match.h"
#include "cleanup.h"
#include "err.h"
#include "proc.h"
#include "selector.h"
#include "spec.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct search {
	struct selector *s;
	struct target_list *found;
	size_t excluded, spared;
	char spared_names[128];
};

void
target_list_add(struct target_list *l, const struct target *t)
{
	if ((l->count & (l->count - 1)) == 0) /* a power of two: full */
		l->targets =
		    xrealloc(l->targets, (l->count * 2 + 1) * sizeof(*l->targets));
	l->targets[l->count++] = *t;
}

void
target_list_free(struct target_list *l)
{
	free(l->targets);
	*l = (struct target_list){ 0 };
}

static bool
is_excluded(const struct selector *s, int dir)
{
	const char *name;

	for (size_t i = 0; (name = spec_string(s->spec, "exclude", i)) != NULL; i++) {
		if (is_called(name, dir, ""))
			return true;
	}
	return false;
}

static void
note_spared(struct search *s, const struct proc *p, const char *why)
{
	size_t used = strlen(s->spared_names);
	size_t room = sizeof(s->spared_names) - used;
	int n;

	s->spared++;
	n = snprintf(s->spared_names + used, room, "%s%s %d (%s)", used == 0 ? "" : ", ",
	    p->comm, p->id.pid, why);
	if (n < 0 || (size_t)n >= room)
		s->spared_names[used] = '\0'; /* whole entries only */
}

/* By its own directory.  A zombie is dead already; only its parent has not looked. */
static bool
is_meant(struct selector *s, pid_t pid, int dir, struct proc *ret)
{
	const struct process_id *only = &s->wanted.process;

	return wanted_has(&s->wanted, pid, dir, "") && proc_read_at(pid, dir, ret) == 0 &&
	       ret->state != 'Z' && ret->state != 'X' &&
	       (only->pid == 0 || only->start == ret->id.start);
}

static struct target
target_of(const struct proc *p)
{
	struct target t = { .id = p->id, .pidfd = -1 };

	memcpy(t.comm, p->comm, sizeof(t.comm));
	return t;
}

/* Excluded, protected, or taken. */
static void
sort_in(struct search *s, const struct proc *p, int dir)
{
	const char *why;

	if (is_excluded(s->s, dir)) {
		s->excluded++;
		return;
	}
	why = spared_why(&s->s->spared, p, dir);
	if (why != NULL) {
		note_spared(s, p, why);
	} else {
		const struct target t = target_of(p);

		target_list_add(s->found, &t);
	}
}

static int
visit(void *ctx, int procfs, const char *name)
{
	struct search *s = ctx;
	const pid_t pid = proc_pid_of(name);
	_cleanup_close_ int dir = -1;
	char prefix[24];
	struct proc p;

	(void)snprintf(prefix, sizeof(prefix), "%.20s/", name);
	if (!wanted_has(&s->s->wanted, pid, procfs, prefix))
		return 0;
	dir = proc_open_at(procfs, name);
	if (dir >= 0 && is_meant(s->s, pid, dir, &p))
		sort_in(s, &p, dir);
	return 0;
}

static int
nothing_found(const struct search *s, struct err *e)
{
	char selectors[120];
	const char *asked = describe_wanted(s->s->spec, selectors, sizeof(selectors));

	if (s->spared > 0)
		return err_refused(e, "%s matches only what must not be touched: %s",
		    asked, s->spared_names);
	if (s->excluded > 0)
		return err_set(
		    e, -ESRCH, "%s matches only processes that are excluded", asked);
	return err_set(e, -ESRCH, "no process matches %s", asked);
}

static int
walk(struct search *search, struct err *e)
{
	const pid_t only = search->s->wanted.process.pid;
	char name[16];

	spared_look(&search->s->spared, search->s->protect);
	if (wanted_refresh(&search->s->wanted, search->s->spec, e) < 0)
		return e->code;
	if (only == 0)
		return proc_each_name(search->s->procfs, visit, search, e);
	(void)snprintf(name, sizeof(name), "%d", only);
	return visit(search, search->s->procfs, name);
}

int
match_all(struct selector *s, struct target_list *ret, size_t *ret_spared, struct err *e)
{
	struct search search = { .s = s, .found = ret };
	int rc = walk(&search, e);

	*ret_spared = search.spared;
	if (rc == 0 && wanted_is_slow(&s->wanted))
		return err_set(e, -ETIMEDOUT,
		    "cmdline_regex takes too long on the command lines there are");
	if (rc == 0 && ret->count == 0)
		rc = nothing_found(&search, e);
	return rc;
}

bool
match_one(struct selector *s, pid_t pid, struct target *ret)
{
	_cleanup_close_ int dir = -1;
	char name[16];
	struct proc p;

	(void)snprintf(name, sizeof(name), "%d", pid);
	dir = proc_open_at(s->procfs, name);
	if (dir < 0 || !is_meant(s, pid, dir, &p) || is_excluded(s, dir))
		return false;
	spared_look(&s->spared, s->protect);
	if (spared_why(&s->spared, &p, dir) != NULL)
		return false;
	*ret = target_of(&p);
	return true;
}
