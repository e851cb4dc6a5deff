/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_DRILL_H
#define NET_DRILL_H
/*
 * Network faults against real traffic between two network namespaces (farside.h): a fault
 * led as its holder would lead it, what passes meanwhile, and the host's rules and sets,
 * which must afterwards be, word for word, what they were.
 */
#include "farside.h"
#include "fault.h"
#include "iptables.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "pidns.h"
#include "test.h"
#include "xalloc.h"

#define SNAPSHOT_MAX (256 * 1024)

static struct protect protect; /* what of the host no fault may touch */
static struct farside *far_side;
static struct store store;
static struct undo_ctx *ctx;
/* Of every fault of drill_new; NULL: a partition by the first there is.  With netem it is a
 * loss of everything in place of a partition, since a filter means the same in both. */
static const char *engine;

/* --- the host as it is ----------------------------------------------------------------- */

/* Packets go on being counted: in what is compared every count is 0. */
static inline void
blank_counts(char *text)
{
	char *to = text;

	for (const char *p = text; *p != '\0';) {
		size_t head = strncmp(p, "packets ", 8) == 0 ? 8 :
			      strncmp(p, "bytes ", 6) == 0   ? 6 :
			      p[0] == '['                    ? 1 :
					    p[0] == ':' && to > text && to[-1] == '0';

		if (head == 0 || p[head] < '0' || p[head] > '9') {
			*to++ = *p++;
			continue;
		}
		memmove(to, p, head);
		to += head;
		p += head;
		while (*p >= '0' && *p <= '9')
			p++;
		*to++ = '0';
	}
	*to = '\0';
}

/* The tools date their output in comments. */
static inline void
drop_comments(char *text)
{
	char *to = text;

	for (char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		len += line[len] == '\n';
		if (line[0] != '#') {
			memmove(to, line, len);
			to += len;
		}
		line += len;
	}
	*to = '\0';
}

static inline char *
snapshot(void)
{
	static const char *const tools[][4] = {
		{ "/usr/sbin/iptables-save", NULL },
		{ "/usr/sbin/ip6tables-save", NULL },
		{ "/usr/sbin/ipset", "save", NULL },
		{ "/usr/sbin/nft", "list", "ruleset", NULL },
		{ "/usr/sbin/tc", "qdisc", "show", NULL },
		{ "/usr/sbin/ip", "-br", "link", NULL },
	};
	char *text = xcalloc(1, SNAPSHOT_MAX);
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		if (access(tools[i][0], X_OK) != 0)
			continue;
		assert_int_equal(
		    tool(tools[i], NULL, text + used, SNAPSHOT_MAX - used), 0);
		used += strlen(text + used);
	}
	drop_comments(text);
	blank_counts(text);
	return text;
}

static inline void
assert_unchanged(const char *before)
{
	_cleanup_free_ char *after = snapshot();

	assert_string_equal(after, before);
}

static inline void
restore(const char *program, const char *rules)
{
	const char *const argv[] = { program, "--noflush", NULL };

	assert_int_equal(tool(argv, rules, NULL, 0), 0);
}

/* --- one fault, as its holder would lead it -------------------------------------------- */

struct drill {
	const struct fault *fault;
	struct spec spec;
	struct fault_run run;
	struct err e;
};

/* args: "to=10.0.0.0/8 port=80" */
static inline struct drill *
drill_of(const char *kind, const char *id, const char *args)
{
	struct drill *d = xcalloc(1, sizeof(*d));
	_cleanup_free_ char *words = xstrdup(args);
	char *save = NULL;

	d->fault = fault_find(kind);
	assert_non_null(d->fault);
	spec_init(&d->spec, d->fault->kind);
	for (char *w = strtok_r(words, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		if (spec_set(&d->spec, w, value, &d->e) < 0)
			fail_msg("%s", d->e.msg);
	}
	d->spec.duration = 60 * USEC_PER_SEC;
	if (spec_finish(&d->spec, &d->e) < 0)
		fail_msg("%s", d->e.msg);
	memcpy(d->spec.id, id, FAULT_ID_LEN);
	d->run = (struct fault_run){ .protect = &protect,
		.spec = &d->spec,
		.ctx = ctx,
		.store = &store,
		.barrier_fd = -1,
		.wake_ms = -1 };
	return d;
}

static inline bool
is_by_netem(void)
{
	return engine != NULL && strcmp(engine, "netem") == 0;
}

/* The words of a partition as those of a loss. */
static inline char *
words_of_loss(const char *args)
{
	static const struct {
		const char *partition, *loss;
	} directions[] = { { "direction=in", "ingress" }, { "direction=out", "egress" } };
	const char *direction = "both";
	const char *at = strstr(args, " direction=");
	size_t len = at != NULL ? strcspn(at + 1, " ") : 0;

	for (size_t i = 0; at != NULL && i < ARRAY_LEN(directions); i++)
		if (strlen(directions[i].partition) == len &&
		    strncmp(at + 1, directions[i].partition, len) == 0)
			direction = directions[i].loss;
	if (at == NULL)
		at = args + strlen(args);
	return xasprintf("%.*s%s loss=100%% direction=%s engine=netem", (int)(at - args),
	    args, len > 0 ? at + 1 + len : "", direction);
}

static inline struct drill *
drill_new(const char *id, const char *args)
{
	_cleanup_free_ char *all =
	    is_by_netem()  ? words_of_loss(args) :
	    engine == NULL ? xstrdup(args) :
			     xasprintf("%s engine=%s", args, engine);

	return drill_of(is_by_netem() ? "net.loss" : "net.partition", id, all);
}

static inline void
drill_free(struct drill *d)
{
	free(d->run.state);
	free(d);
}

static inline void
must(struct drill *d, int rc)
{
	if (rc < 0)
		fail_msg("%s", d->e.msg);
}

static inline void
drill_stage(struct drill *d)
{
	must(d, d->fault->supported(&d->e));
	must(d, d->fault->prepare(&d->run, &d->e));
	must(d, d->fault->stage(&d->run, &d->e));
}

static inline void
drill_apply(struct drill *d)
{
	must(d, d->fault->apply(&d->run, &d->e));
	must(d, d->fault->verify(&d->run, &d->e));
}

static inline void
drill_disarm(struct drill *d)
{
	must(d, undo_run(ctx, &d->run.undo, BEAT_DISARM, &d->e));
	must(d, undo_check(ctx, &d->run.undo, BEAT_DISARM, &d->e));
}

static inline void
drill_sweep(struct drill *d)
{
	must(d, undo_run(ctx, &d->run.undo, BEAT_SWEEP, &d->e));
	must(d, shared_sweep(&store, ctx, &d->e));
	must(d, undo_check(ctx, &d->run.undo, BEAT_SWEEP, &d->e));
}

static inline struct drill *
drill_on(const char *id, const char *args)
{
	struct drill *d = drill_new(id, args);

	drill_stage(d);
	drill_apply(d);
	return d;
}

static inline void
drill_off(struct drill *d)
{
	drill_disarm(d);
	drill_sweep(d);
	drill_free(d);
}

/* --- what passes ----------------------------------------------------------------------- */

struct traffic {
	enum reach tcp, tcp_2, out, in;
};

struct passes {
	struct traffic four, six;
};

static const struct passes everything; /* all OPEN */

static inline void
assert_traffic(
    const struct traffic *t, const char *far_address, int beacon, const char *what)
{
	enum reach tcp = try_tcp(far_address, FAR_TCP, patience(t->tcp));
	enum reach tcp_2 = try_tcp(far_address, FAR_TCP_2, patience(t->tcp_2));
	enum reach out = try_out(far_side, far_address, patience(t->out));
	enum reach in = try_in(beacon, patience(t->in));

	if (tcp != t->tcp || tcp_2 != t->tcp_2 || out != t->out || in != t->in)
		fail_msg("%s, %s: tcp %d, other port %d, udp out %d, in %d; expected "
			 "%d %d %d %d (0 open, 1 silent, 2 refused)",
		    what, far_address, tcp, tcp_2, out, in, t->tcp, t->tcp_2, t->out,
		    t->in);
}

static inline void
assert_passes(const struct passes *p, const char *what)
{
	assert_traffic(&p->four, FAR4, far_side->beacon4, what);
	assert_traffic(&p->six, FAR6, far_side->beacon6, what);
}

#define CUT                      \
 {                               \
  SILENT, SILENT, SILENT, SILENT \
 }
#define UNCUT            \
 {                       \
  OPEN, OPEN, OPEN, OPEN \
 }
#define REFUSES                     \
 {                                  \
  REFUSED, REFUSED, REFUSED, SILENT \
 }

/* --- the world ------------------------------------------------------------------------ */

static char dir[] = "/tmp/stormdrill-net-XXXXXX";

/* iptables-legacy makes a table when it is first used, and nothing takes it away. */
static inline int
make_legacy_tables(void)
{
	static const char *const four[] = { "/usr/sbin/iptables", "-L", "-n", NULL };
	static const char *const six[] = { "/usr/sbin/ip6tables", "-L", "-n", NULL };

	if (!iptables_is_legacy(4))
		return 0;
	return tool(four, NULL, NULL, 0) | tool(six, NULL, NULL, 0);
}

static inline int
make_world(void **state)
{
	char run_dir[64], host_dir[64];
	struct err e = { 0 };

	(void)state;
	if (mkdtemp(dir) == NULL || make_legacy_tables() < 0 ||
	    farside_start(&far_side) < 0)
		return -1;
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
	(void)snprintf(host_dir, sizeof(host_dir), "%s/host", dir);
	if (mkdir(run_dir, 0700) < 0 || mkdir(host_dir, 0700) < 0 ||
	    store_open(&store, run_dir, "", host_dir, &e) < 0 ||
	    undo_ctx_open(&ctx, -1, true, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	return 0;
}

static inline int
end_world(void **state)
{
	const char *const remove[] = { "/bin/rm", "-rf", dir, NULL };

	(void)state;
	undo_ctx_free(ctx);
	store_close(&store);
	if (far_side != NULL)
		farside_end(far_side);
	return tool(remove, NULL, NULL, 0);
}

/* Into namespaces of the test's own; ends the program where the fault is not to be had. */
static inline void
net_drill_enter(const char *kind)
{
	struct err e = { 0 };

	pidns_enter();
	if (fault_find(kind)->supported(&e) < 0)
		skip_all("%s", e.msg);
}

/* Does this host have the engine? */
static inline bool
has_engine(const char *name)
{
	struct drill *d;
	int rc;

	engine = name;
	d = drill_new("7b1c09aa", "to=" FAR4);
	rc = d->fault->prepare(&d->run, &d->e);
	if (rc < 0)
		(void)printf("skip: engine %s: %s\n", name, d->e.msg);
	drill_free(d);
	return rc == 0;
}

/* The same tests by each engine of these (NULL at the end) that there is, or by `only` one. */
static inline int
run_by_engines(const char *const *engines, const char *only, int (*run)(const char *name))
{
	int failed = 0, ran = 0;

	if (make_world(NULL) < 0)
		return 1;
	for (size_t i = 0; engines[i] != NULL; i++) {
		if ((only != NULL && strcmp(only, engines[i]) != 0) ||
		    !has_engine(engines[i]))
			continue;
		ran++;
		failed += run(engines[i]);
	}
	(void)end_world(NULL);
	return failed > 0 ? 1 : ran > 0 ? 0 : 77;
}

static inline int
run_by_engine(const char *only, int (*run)(const char *name))
{
	static const char *const engines[] = { "iptables", "nftables", NULL };

	return run_by_engines(engines, only, run);
}

#endif
