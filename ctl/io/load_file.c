/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file as a whole: reading it, its top level, and what can only be checked when all
 * parts are known.  An experiment leaves here valid and with every default filled in, or
 * not at all.
 */
#include "load_file.h"
#include "bounds.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "loader.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEFORE_DEFAULT (10 * USEC_PER_SEC)
#define DURING_LEAST   (30 * USEC_PER_SEC)
#define AFTER_DEFAULT  (30 * USEC_PER_SEC)
#define PHASE_MAX      ((usec_t)SPEC_TIME_MAX_SEC * USEC_PER_SEC)

void
load_version(struct loader *l, const struct item *i, void *object)
{
	const char *text = load_text(l, i);

	(void)object;
	if (text != NULL && strcmp(text, "1") != 0)
		diag_error(&l->diag, i->value->place,
		    "version '%s': this version of stormctl reads version 1", text);
}

static const struct field steady_fields[] = {
	{ "before", FIELD_USEC, offsetof(struct experiment, steady.before), 0,
	    PHASE_MAX },
	{ "during", FIELD_USEC, offsetof(struct experiment, steady.during), 0,
	    PHASE_MAX },
	{ "after", FIELD_USEC, offsetof(struct experiment, steady.after), 0, PHASE_MAX },
	{ 0 },
};

static void
set_steady(struct loader *l, const struct item *i, void *object)
{
	load_fields(l, i->value, steady_fields, object, "'steady'");
}

static void
set_max_bad(struct loader *l, const struct item *i, void *object)
{
	static const struct field count[] = {
		{ "max_bad", FIELD_COUNT, 0, 1, UINT32_MAX },
		{ 0 },
	};
	struct item copy = *i;
	struct node one = {
		.type = NODE_MAP, .place = i->place, .count = 1, .items = &copy
	};
	struct experiment *x = object;
	uint32_t n = 0;

	load_fields(l, &one, count, &n, "'budget'");
	x->budget.max_bad = n;
}

static const struct field budget_fields[] = {
	{ "false_abort", FIELD_SHARE, offsetof(struct experiment, budget.false_abort), 1,
	    50000 },
	{ "max_bad", FIELD_OWN, .own = set_max_bad },
	{ "consecutive", FIELD_COUNT, offsetof(struct experiment, budget.consecutive), 1,
	    1000000 },
	{ "stall", FIELD_USEC, offsetof(struct experiment, budget.stall), USEC_PER_MSEC,
	    60 * USEC_PER_SEC },
	{ 0 },
};

static void
set_budget(struct loader *l, const struct item *i, void *object)
{
	load_fields(l, i->value, budget_fields, object, "'budget'");
}

static void
set_lease(struct loader *l, const struct item *i, void *object)
{
	struct experiment *x = object;
	usec_t lease;

	if (load_usec(
		l, i, LEASE_MIN_MS * USEC_PER_MSEC, LEASE_MAX_MS * USEC_PER_MSEC, &lease))
		x->lease_ms = (uint32_t)(lease / USEC_PER_MSEC);
}

static void
leave_alone(struct loader *l, const struct item *i, void *object)
{
	(void)l; /* load_vars has read it */
	(void)i;
	(void)object;
}

static const struct field top_fields[] = {
	{ "version", FIELD_OWN, .own = load_version },
	{ "name", FIELD_NAME, offsetof(struct experiment, name) },
	{ "hypothesis", FIELD_TEXT, offsetof(struct experiment, hypothesis) },
	{ "vars", FIELD_OWN, .own = leave_alone },
	{ "targets", FIELD_OWN, .own = load_targets },
	{ "probes", FIELD_OWN, .own = load_probes },
	{ "steady", FIELD_OWN, .own = set_steady },
	{ "budget", FIELD_OWN, .own = set_budget },
	{ "guards", FIELD_OWN, .own = load_guards },
	{ "load", FIELD_OWN, .own = load_loads },
	{ "faults", FIELD_OWN, .own = load_faults },
	{ "lease", FIELD_OWN, .own = set_lease },
	{ 0 },
};

void
load_require(struct loader *l, const struct node *root, const char *key, const char *hint)
{
	const struct item *i = node_find(root, key);

	if (i == NULL)
		diag_error(
		    &l->diag, (struct place){ 1, 1 }, "'%s' is missing: %s", key, hint);
	else if (i->value->type == NODE_LIST && i->value->count == 0)
		diag_error(&l->diag, i->place, "'%s' is empty: %s", key, hint);
}

/* Without probes nothing is waited for: the file is a plain timed fault. */
static void
fill_phases(struct experiment *x)
{
	usec_t end = experiment_faults_end(x);
	bool probes = x->probe_count > 0;

	if (x->steady.before == USEC_INFINITY)
		x->steady.before = probes ? BEFORE_DEFAULT : 0;
	if (x->steady.after == USEC_INFINITY)
		x->steady.after = probes ? AFTER_DEFAULT : 0;
	if (x->steady.during == USEC_INFINITY)
		x->steady.during = probes ? DURING_LEAST : 0;
	if (x->steady.during < end)
		x->steady.during = end;
}

static void
read_experiment(struct loader *l, size_t len, const struct load_options *o)
{
	struct node *root = yaml_read(l->x->text, len, &l->diag);

	if (root == NULL)
		return;
	if (load_is_map(l, root, "an experiment")) {
		load_require(l, root, "version", "write 'version: 1'");
		load_require(
		    l, root, "name", "a short name for reports, such as 'slow-database'");
		load_require(l, root, "faults",
		    "an experiment injects something, such as "
		    "'- net.delay: {delay: 100ms, to: [10.0.0.0/8]}'");
		load_vars(l, root, o->vars);
		load_secrets(l, root);
		l->targets = node_find(root, "targets");
		load_fields(l, root, top_fields, l->x, "an experiment");
		fill_phases(l->x);
		if (l->diag.count == 0)
			load_probes_check(l, root);
	}
	node_free(root);
}

int
load_read_text(const char *path, char **ret, size_t *ret_len, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return err_errno(e, "open '%s'", path);
	text = xcalloc(1, FILE_SIZE_MAX + 2);
	do {
		n = read(fd, text + len, FILE_SIZE_MAX + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return err_errno(e, "read '%s'", path);
	if (len > FILE_SIZE_MAX)
		return err_set(
		    e, -EFBIG, "'%s' is larger than %d KiB", path, FILE_SIZE_MAX / 1024);
	text[len] = '\0';
	*ret = steal_ptr(&text);
	*ret_len = len;
	return 0;
}

int
load_experiment(const char *path, const struct load_options *o, struct experiment **ret,
    struct err *e)
{
	struct loader l = { 0 };
	size_t len;
	char *text;
	int r = load_read_text(path, &text, &len, e);

	if (r < 0)
		return r;
	l.x = xcalloc(1, sizeof(*l.x));
	l.x->path = xstrdup(path);
	l.x->text = text;
	l.x->lease_ms = LEASE_DEFAULT_MS;
	l.x->budget.false_abort = 0.001;
	l.x->steady.before = l.x->steady.during = l.x->steady.after = USEC_INFINITY;
	l.diag =
	    (struct diag){ .path = path, .text = text, .say = o->say, .ctx = o->ctx };
	read_experiment(&l, len, o);
	load_vars_free(&l);
	if (l.diag.count == 0) {
		*ret = l.x;
		return 0;
	}
	experiment_free(l.x);
	return err_invalid(
	    e, "'%s' has %u problem%s", path, l.diag.count, l.diag.count == 1 ? "" : "s");
}
