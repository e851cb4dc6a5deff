/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the matching processes, and holding on to them.  Sorted by age before anything
 * is chosen, so that a seed gives the same answer twice.
 */
#include "selection.h"
#include "cleanup.h"
#include "err.h"
#include "match.h"
#include "spec.h"
#include "splitmix.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PICK_OLDEST, PICK_NEWEST, PICK_RANDOM };

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

/* Bring those to be taken to the front, oldest first; how many they are. */
static size_t
pick(struct selection *ret, struct target *found, const struct spec *spec)
{
	const size_t count = ret->matched;
	const int64_t asked = spec_num(spec, "count");
	size_t wanted = asked == 0 || (uint64_t)asked > count ? count : (size_t)asked;

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

static int
open_targets(struct selection *ret, struct target *found, size_t count, struct err *e)
{
	raise_descriptor_limit();
	for (size_t i = 0; i < count; i++) {
		int fd = process_id_open(found[i].id);

		if (fd == -ESRCH)
			continue; /* ended since it was seen */
		if (fd < 0)
			return err_set(e, fd, "hold on to process %d (%s): %s",
			    found[i].id.pid, found[i].comm, strerror(-fd));
		ret->targets[ret->count] = found[i];
		ret->targets[ret->count++].pidfd = fd;
	}
	return 0;
}

int
selection_make(struct selection *ret, const struct spec *spec,
    const struct protect *protect, struct err *e)
{
	_cleanup_free_ struct target *found = NULL;
	size_t wanted;
	int rc;

	*ret = (struct selection){ 0 };
	rc = match_processes(spec, protect, &found, &ret->matched, e);
	if (rc < 0)
		return rc;
	wanted = pick(ret, found, spec);
	ret->targets = xcalloc(wanted, sizeof(*ret->targets));
	rc = open_targets(ret, found, wanted, e);
	if (rc == 0 && ret->count == 0)
		rc = err_set(
		    e, -ESRCH, "every process that matched ended while it was looked at");
	if (rc < 0)
		selection_release(ret);
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
