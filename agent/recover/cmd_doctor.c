/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --doctor: is anything of ours here that nobody will take away?  Objects are looked for by
 * name, in this network namespace and the whole cgroup tree, and held against the records:
 * residue is what no record speaks of.  Changes nothing.
 */
#include "recover.h"

#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "log.h"
#include "snapshot.h"
#include "store.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define RESIDUE_TEXT_MAX 65536
#define KNOWN_MAX        256

/* Faults that have a record: that has been said, and their objects are no news. */
static struct {
	size_t count;
	char fault[KNOWN_MAX][FAULT_ID_LEN];
} known;

struct look {
	const struct instance *instance;
	int problems;
};

static int
look_at_record(void *ctx, const char *name, const struct record *r, const struct err *why)
{
	struct look *l = ctx;
	char where[64], option[PATH_LEN_MAX + 16];

	if (r == NULL) {
		l->problems++;
		(void)printf("damaged: %s/" UNDO_DIR "/%s: %s\n",
		    instance_name(l->instance), name, why->msg);
		return 0;
	}
	if (known.count < KNOWN_MAX)
		memcpy(known.fault[known.count++], r->fault, FAULT_ID_LEN);
	if (!record_is_of_earlier_boot(r) && process_id_alive(r->holder)) {
		(void)printf("in force: fault %s, %s%s, held by process %d\n", r->fault,
		    r->summary, other_place(r, where, sizeof(where)), r->holder.pid);
		return 0;
	}
	l->problems++;
	(void)printf("outstanding: fault %s, %s%s, its holder is gone%s; undo it: "
		     "stormd-undo %s --all\n",
	    r->fault, r->summary, other_place(r, where, sizeof(where)),
	    record_outlives_boot(r) ? " and it outlives a reboot" : "",
	    instance_option(l->instance, option, sizeof(option)));
	return 0;
}

static bool
is_marked_ephemeral(const char *run_dir)
{
	char path[PATH_LEN_MAX];
	int n = snprintf(path, sizeof(path), "%s/" EPHEMERAL_FILE, run_dir);

	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

static int
look_at_instance(const struct recover *o, const struct instance *in)
{
	struct look l = { .instance = in };
	struct store store;
	struct err e = { 0 };
	int lock;

	(void)o;
	if (instance_open_records(in, &store, &e) < 0 ||
	    store_each(&store, look_at_record, &l, &e) < 0) {
		log_error("%s", e.msg);
		return 1;
	}
	store_close(&store);
	lock = is_marked_ephemeral(in->run_dir) ? instance_lock(in->run_dir, &e) : -1;
	if (lock >= 0) {
		(void)close(lock); /* only asked whether it is free */
		(void)printf("stale: %s, whose drill is over; remove it: "
			     "stormd-undo --run-dir %s --all\n",
		    in->run_dir, in->run_dir);
	}
	return l.problems;
}

static bool
is_known(const char *line)
{
	for (size_t i = 0; i < known.count; i++) {
		if (strstr(line, known.fault[i]) != NULL)
			return true;
	}
	return false;
}

static int
print_residue(char *text)
{
	char *rest = NULL;
	int count = 0;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (is_known(line))
			continue;
		count++;
		(void)printf("residue: %s\n", line);
	}
	return count;
}

static int
look_for_residue(struct err *e)
{
	static char text[RESIDUE_TEXT_MAX];
	struct undo_ctx *ctx = NULL;
	int r;

	r = undo_ctx_open(&ctx, -1, false, e);
	if (r < 0)
		return r;
	r = residue_list(ctx, NULL, text, sizeof(text), e);
	undo_ctx_free(ctx);
	return r < 0 ? r : print_residue(text);
}

/* An agent that ends in order takes its directory along: no news to a doctor. */
static bool
has_no_agent(const struct recover *o)
{
	struct instance in;

	instance_asked(o, &in);
	return o->run_dir[0] != '\0' && access(o->run_dir, F_OK) < 0 && errno == ENOENT &&
	       !instance_is_there(&in);
}

int
cmd_doctor_host(const struct recover *o)
{
	struct err e = { 0 };
	int problems, residue;

	problems = has_no_agent(o) ? 0 : instance_each(o, look_at_instance, &e);
	residue = problems < 0 ? 0 : look_for_residue(&e);
	if (problems < 0 || residue < 0) {
		log_error("%s", e.msg);
		return EXIT_DIRTY;
	}
	if (residue > 0)
		(void)printf("remove in this order: chains, sets, links, cgroups "
			     "(stormd-undo(8) has the commands)\n");
	if (problems + residue == 0)
		(void)printf(
		    "clean: nothing of ours is left in this network namespace\n");
	return problems + residue == 0 ? EXIT_CLEAN : EXIT_DIRTY;
}
