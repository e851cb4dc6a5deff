/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the matching processes, and holding on to them.  Sorted by age before anything
 * is chosen, so that a seed gives the same answer twice.
 */
#include "selection.h"
#include "cleanup.h"
#include "err.h"
#include "match.h"
#include "selector.h"
#include "spec.h"
#include "splitmix.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PICK_OLDEST, PICK_NEWEST, PICK_RANDOM };

#define SHARE_ALL 100000 /* 100 % */

static int
by_age(const void *a, const void *b)
{
	const struct process_id *x = &((const struct target *)a)->id;
	const struct process_id *y = &((const struct target *)b)->id;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->pid - y->pid;
}

static void
shuffle_first(struct target *t, size_t count, size_t wanted, uint64_t seed)
{
	for (size_t i = 0; i < wanted; i++) {
		size_t j = i + (size_t)(splitmix_next(&seed) % (count - i));
		struct target taken = t[j];

		t[j] = t[i];
		t[i] = taken;
	}
}

static uint64_t
seed_of(const struct spec *spec)
{
	uint64_t seed = 0;

	if (spec_has(spec, "seed"))
		return (uint64_t)spec_num(spec, "seed");
	(void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK); /* any will do */
	return seed >> 33; /* short enough to be typed again */
}

/* How many of those that match.  A share is rounded up: of few, some. */
static size_t
how_many(const struct spec *spec, size_t matched)
{
	const uint64_t share = (uint64_t)spec_num(spec, "percent");
	const uint64_t asked = (uint64_t)spec_num(spec, "count");

	if (spec_has(spec, "percent"))
		return (size_t)((matched * share + SHARE_ALL - 1) / SHARE_ALL);
	return asked == 0 || asked > matched ? matched : (size_t)asked;
}

/* Bring those to be taken to the front, oldest first; how many they are. */
static size_t
pick(struct selection *ret, struct target *found, const struct spec *spec)
{
	const size_t count = ret->matched;
	const size_t wanted = how_many(spec, count);

	qsort(found, count, sizeof(*found), by_age);
	if (wanted == count)
		return wanted;
	switch (spec_num(spec, "pick")) {
	case PICK_NEWEST:
		memmove(found, found + (count - wanted), wanted * sizeof(*found));
		break;
	case PICK_RANDOM:
		ret->seed = seed_of(spec);
		shuffle_first(found, count, wanted, ret->seed);
		qsort(found, wanted, sizeof(*found), by_age);
		break;
	default: /* the oldest are there */
		break;
	}
	return wanted;
}

/* One descriptor each: as many as the hard limit allows. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* opening will tell */
}

/* 1 held, 0 when it has ended since it was seen. */
static int
hold_on(struct target *t, struct err *e)
{
	int fd = process_id_open(t->id);

	if (fd == -ESRCH)
		return 0;
	if (fd < 0)
		return err_set(e, fd, "hold on to process %d (%s): %s", t->id.pid,
		    t->comm, strerror(-fd));
	t->pidfd = fd;
	return 1;
}

static int
open_targets(struct selection *ret, struct target_list *found, struct err *e)
{
	raise_descriptor_limit();
	ret->targets = xcalloc(found->count, sizeof(*ret->targets));
	for (size_t i = 0; i < found->count; i++) {
		int rc = hold_on(&found->targets[i], e);

		if (rc < 0)
			return rc;
		if (rc > 0)
			ret->targets[ret->count++] = found->targets[i];
	}
	return 0;
}

/* --- selectors -------------------------------------------------------------------------- */

int
selector_open(struct selector **ret, const struct spec *spec,
    const struct protect *protect, struct err *e)
{
	struct selector *s = xcalloc(1, sizeof(*s));

	s->spec = spec;
	s->protect = protect;
	s->procfs = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->procfs < 0)
		(void)err_errno(e, "open '/proc'");
	if (s->procfs < 0 || wanted_read(&s->wanted, spec, e) < 0) {
		selector_free(s);
		return e->code;
	}
	*ret = s;
	return 0;
}

void
selector_free(struct selector *s)
{
	if (s == NULL)
		return;
	wanted_release(&s->wanted);
	cleanup_close(&s->procfs);
	free(s);
}

int
selector_fd(const struct selector *s)
{
	return s->procfs;
}

static int
choose(
    struct selector *s, struct selection *ret, struct target_list *found, struct err *e)
{
	int rc = match_all(s, found, &ret->spared, e);

	if (rc < 0)
		return rc;
	ret->matched = found->count;
	found->count = pick(ret, found->targets, s->spec);
	if (spec_num(s->spec, "children") != 0)
		rc = match_children(s, found, &ret->spared, e);
	if (rc == 0)
		rc = open_targets(ret, found, e);
	if (rc == 0 && ret->count == 0)
		rc = err_set(
		    e, -ESRCH, "every process that matched ended while it was looked at");
	return rc;
}

int
selector_choose(struct selector *s, struct selection *ret, struct err *e)
{
	struct target_list found = { 0 };
	int rc;

	*ret = (struct selection){ 0 };
	rc = choose(s, ret, &found, e);
	target_list_free(&found);
	if (rc < 0)
		selection_release(ret);
	return rc;
}

bool
selector_takes(struct selector *s, pid_t pid, struct target *ret)
{
	struct err none = { 0 };

	return match_one(s, pid, ret) && hold_on(ret, &none) == 1;
}

int
selection_make(struct selection *ret, const struct spec *spec,
    const struct protect *protect, struct err *e)
{
	struct selector *s = NULL;
	int rc = selector_open(&s, spec, protect, e);

	if (rc == 0)
		rc = selector_choose(s, ret, e);
	selector_free(s);
	return rc;
}

void
selection_release(struct selection *s)
{
	for (size_t i = 0; i < s->count; i++)
		(void)close(s->targets[i].pidfd); /* a pidfd has nothing to lose */
	free(s->targets);
	*s = (struct selection){ 0 };
}

const char *
selection_describe(const struct selection *s, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(
	    buf, size, "%zu process%s: ", s->count, s->count == 1 ? "" : "es");

	for (size_t i = 0; i < s->count; i++) {
		char one[40];
		int n = snprintf(one, sizeof(one), "%s%s %d", i == 0 ? "" : ", ",
		    s->targets[i].comm, s->targets[i].id.pid);

		if (used + (size_t)n + sizeof(", …") > size) {
			(void)snprintf(buf + used, size - used, ", …");
			break;
		}
		(void)snprintf(buf + used, size - used, "%s", one);
		used += (size_t)n;
	}
	return buf;
}

const char *
selection_remarks(
    const struct selection *s, const struct spec *spec, char *buf, size_t size)
{
	const int64_t asked = spec_num(spec, "count");
	size_t used = 0;

	buf[0] = '\0';
	if (s->seed != 0 && !spec_has(spec, "seed"))
		used = (size_t)snprintf(
		    buf, size, "; seed=%llu", (unsigned long long)s->seed);
	else if (asked > 0 && s->matched < (uint64_t)asked)
		used = (size_t)snprintf(
		    buf, size, "; %lld were asked for", (long long)asked);
	if (s->spared > 0 && used < size)
		(void)snprintf(
		    buf + used, size - used, "; %zu protected passed over", s->spared);
	return buf;
}
