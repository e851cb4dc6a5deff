/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undoing all records of one instance.  First every fault is disarmed, then each is undone
 * whole; and then once more, since a holder that was being killed may have written a record
 * meanwhile.  What is still there after that is said aloud, with the commands that remain.
 */
#include "recover.h"

#include "cleanup.h"
#include "clock.h"
#include "err.h"
#include "log.h"
#include "store.h"
#include <stdio.h>
#include <string.h>

#define PASSES 2

struct pass {
	struct store store;
	const char *instance;
	int barrier_fd;
	bool only_earlier; /* boots */
	bool is_last;
	int left;
};

void
print_by_hand(FILE *to, const struct record *r)
{
	char hand[UNDO_HAND_MAX];
	struct undo_list l = r->undo;

	if (record_is_of_earlier_boot(r))
		record_after_boot(r, &l);
	for (int beat = BEAT_DISARM; beat <= BEAT_SWEEP; beat++) {
		for (size_t i = l.count; i-- > 0;) {
			if (undo_beat(l.op[i].op) != (enum undo_beat)beat)
				continue;
			undo_by_hand(&l.op[i], hand, sizeof(hand));
			if (hand[0] != '\0')
				(void)fprintf(to, "    %s\n", hand);
		}
	}
}

const char *
other_place(const struct record *r, char *buf, size_t size)
{
	if (record_is_of_earlier_boot(r))
		(void)snprintf(buf, size, ", of an earlier boot");
	else if (r->netns == netns_inode())
		(void)snprintf(buf, size, "%s", "");
	else
		(void)snprintf(buf, size, ", in network namespace %llu",
		    (unsigned long long)r->netns);
	return buf;
}

void
say_undone(const struct record *r)
{
	log_notice("undone: fault %s, %s", r->fault, r->summary);
}

void
say_left(const struct record *r, const struct err *why)
{
	log_error("fault %s (%s) is not undone: %s", r->fault, r->summary, why->msg);
	if (record_is_of_earlier_boot(r))
		(void)fprintf(stderr, "  by hand:\n");
	else
		(void)fprintf(stderr, "  by hand, in network namespace %llu:\n",
		    (unsigned long long)r->netns);
	print_by_hand(stderr, r);
}

static int
undo_one(void *ctx, const char *name, const struct record *r, const struct err *unread)
{
	struct pass *p = ctx;
	struct err why = { 0 };

	if (p->only_earlier && (r == NULL || !record_is_of_earlier_boot(r)))
		return 0;
	if (r == NULL) {
		p->left++;
		if (p->is_last)
			log_error(
			    "'%s/undo/%s' cannot be obeyed: %s; look for its objects "
			    "with stormd-undo --doctor, then delete it",
			    p->instance, name, unread->msg);
		return 0;
	}
	if (store_undo(&p->store, r, p->barrier_fd, &why) < 0) {
		p->left++;
		if (p->is_last)
			say_left(r, &why);
		return 0;
	}
	say_undone(r);
	return 0;
}

static int
sweep(struct pass *p, const struct instance *in, const char *host_dir)
{
	struct err e = { 0 };

	p->instance = instance_name(in);
	if (store_open(&p->store, in->run_dir, in->state_dir, host_dir, &e) < 0) {
		log_error("%s", e.msg);
		return 1;
	}
	if (!p->only_earlier)
		store_disarm_all(&p->store, p->barrier_fd);
	for (int i = 1; i <= PASSES; i++) {
		p->is_last = i == PASSES;
		p->left = 0;
		if (store_each(&p->store, undo_one, p, &e) < 0) {
			log_error("%s", e.msg);
			p->left = 1;
		}
	}
	store_close(&p->store);
	return p->left;
}

int
sweep_records(const struct instance *in, const char *host_dir, int barrier_fd)
{
	struct pass p = { .barrier_fd = barrier_fd };

	return sweep(&p, in, host_dir);
}

int
sweep_earlier(const struct instance *in, const char *host_dir)
{
	struct pass p = { .barrier_fd = -1, .only_earlier = true };

	return sweep(&p, in, host_dir);
}
