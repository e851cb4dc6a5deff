/* SPDX-License-Identifier: Apache-2.0 */
/* --list: what is outstanding, and by which commands a person undoes it.  Reads only. */
#include "recover.h"

#include "clock.h"
#include "err.h"
#include "log.h"
#include "store.h"

struct listing {
	const char *instance;
	int unreadable;
};

static const char *
time_left(const struct record *r, char *buf, size_t size)
{
	usec_t now = clock_boottime();
	char t[32];

	if (r->hard_deadline <= now)
		(void)snprintf(buf, size, "overdue");
	else
		(void)snprintf(buf, size, "until at most %s from now",
		    format_usec((r->hard_deadline - now) / USEC_PER_SEC * USEC_PER_SEC, t,
			sizeof(t)));
	return buf;
}

static int
list_one(void *ctx, const char *name, const struct record *r, const struct err *why)
{
	struct listing *l = ctx;
	char left[64], where[64];
	bool is_old = r != NULL && record_is_of_earlier_boot(r);

	if (r == NULL) {
		l->unreadable++;
		log_error("'%s/undo/%s': %s", l->instance, name, why->msg);
		return 0;
	}
	(void)printf("%s  %s%s  (%s%s, %s; drill %s; %s)\n", r->fault, r->summary,
	    other_place(r, where, sizeof(where)),
	    !is_old && process_id_alive(r->holder) ? "held" : "holder gone",
	    record_outlives_boot(r) ? ", outlives a reboot" : "",
	    is_old ? "overdue" : time_left(r, left, sizeof(left)), r->drill, l->instance);
	print_by_hand(stdout, r);
	return 0;
}

static int
list_instance(const struct recover *o, const struct instance *in)
{
	struct listing l = { .instance = instance_name(in) };
	struct store store;
	struct err e = { 0 };

	(void)o;
	if (instance_open_records(in, &store, &e) < 0 ||
	    store_each(&store, list_one, &l, &e) < 0) {
		log_error("%s", e.msg);
		return 1;
	}
	store_close(&store);
	return l.unreadable;
}

int
cmd_list(const struct recover *o)
{
	struct err e = { 0 };
	int unreadable = instance_each(o, list_instance, &e);

	if (unreadable < 0)
		log_error("%s", e.msg);
	return unreadable == 0 ? EXIT_CLEAN : EXIT_DIRTY;
}
