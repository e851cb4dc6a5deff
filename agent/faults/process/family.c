/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descendants.  Every process is read once; whose they are is found by going up from each,
 * so that a child whose parent ended meanwhile is nobody's, as the kernel has it.
 */
#include "cleanup.h"
#include "err.h"
#include "match.h"
#include "proc.h"
#include "selector.h"
#include "spec.h"
#include "xalloc.h"
#include <stdlib.h>
#include <string.h>

enum { GENERATIONS_MAX = 256 };

struct family {
	struct proc *all; /* by pid, after the walk */
	size_t count, room;
};

static int
remember(void *ctx, const struct proc *p, int dir)
{
	struct family *f = ctx;

	(void)dir;
	if (f->count == f->room) {
		f->room = f->room == 0 ? 256 : 2 * f->room;
		f->all = xrealloc(f->all, f->room * sizeof(*f->all));
	}
	f->all[f->count++] = *p;
	return 0;
}

static int
by_pid(const void *a, const void *b)
{
	return ((const struct proc *)a)->id.pid - ((const struct proc *)b)->id.pid;
}

static const struct proc *
find(const struct family *f, pid_t pid)
{
	const struct proc key = { .id.pid = pid };

	return bsearch(&key, f->all, f->count, sizeof(key), by_pid);
}

static bool
has(const struct target_list *l, size_t count, struct process_id id)
{
	for (size_t i = 0; i < count; i++) {
		if (l->targets[i].id.pid == id.pid)
			return l->targets[i].id.start == id.start;
	}
	return false;
}

static bool
descends(const struct family *f, const struct proc *p, const struct target_list *l,
    size_t elders)
{
	for (int i = 0; p != NULL && i < GENERATIONS_MAX; i++) {
		p = find(f, p->ppid);
		if (p != NULL && has(l, elders, p->id))
			return true;
	}
	return false;
}

static bool
is_free(struct selector *s, const struct proc *p, size_t *spared)
{
	_cleanup_close_ int dir = proc_open(p->id.pid);
	const char *name;

	if (dir < 0 || p->state == 'Z' || p->state == 'X')
		return false;
	for (size_t i = 0; (name = spec_string(s->spec, "exclude", i)) != NULL; i++) {
		if (is_called(name, dir, ""))
			return false;
	}
	if (spared_why(&s->spared, p, dir) == NULL)
		return true;
	++*spared;
	return false;
}

int
match_children(
    struct selector *s, struct target_list *l, size_t *ret_spared, struct err *e)
{
	const size_t elders = l->count;
	struct family f = { 0 };
	int rc = proc_each(remember, &f, e);

	if (rc == 0 && f.count > 0)
		qsort(f.all, f.count, sizeof(*f.all), by_pid);
	for (size_t i = 0; rc == 0 && i < f.count; i++) {
		const struct proc *p = &f.all[i];
		struct target t = { .id = p->id, .pidfd = -1 };

		if (has(l, elders, p->id) || !descends(&f, p, l, elders) ||
		    !is_free(s, p, ret_spared))
			continue;
		memcpy(t.comm, p->comm, sizeof(t.comm));
		target_list_add(l, &t);
	}
	free(f.all);
	return rc;
}
