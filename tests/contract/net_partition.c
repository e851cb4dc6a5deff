/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.partition against real traffic between two network namespaces: what is cut, what is
 * not, that staging changes nothing, that disarming ends it, and that the host's rules and
 * sets are afterwards, word for word, what they were.
 */
#include "control.h"
#include "exempt.h"
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
#define NEAR_LOCAL   8000 /* a service of this host's, for this host */

static struct protect protect; /* what of the host no fault may touch */
static struct farside *far_side;
static struct store store;
static struct undo_ctx *ctx;

/* --- the host as it is ----------------------------------------------------------------- */

/* Packets go on being counted: in what is compared every count is 0. */
static void
blank_counts(char *text)
{
	char *to = text;

	for (const char *p = text; *p != '\0';) {
		bool counts = strncmp(p, "packets ", 8) == 0 ||
			      strncmp(p, "bytes ", 6) == 0 || p[0] == '[' ||
			      (p[0] == ':' && to > text && to[-1] == '0');

		if (counts && p[0] != '[' && p[0] != ':')
			while (*p != ' ')
				*to++ = *p++;
		*to++ = *p++;
		if (!counts)
			continue;
		while (*p >= '0' && *p <= '9')
			p++;
		*to++ = '0';
	}
	*to = '\0';
}

/* The tools date their output in comments. */
static void
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

static char *
snapshot(void)
{
	static const char *const tools[][4] = {
		{ "/usr/sbin/iptables-save", NULL },
		{ "/usr/sbin/ip6tables-save", NULL },
		{ "/usr/sbin/ipset", "save", NULL },
		{ "/usr/sbin/nft", "list", "ruleset", NULL },
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

static void
assert_unchanged(const char *before)
{
	_cleanup_free_ char *after = snapshot();

	assert_string_equal(after, before);
}

static void
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
static struct drill *
drill_new(const char *id, const char *args)
{
	struct drill *d = xcalloc(1, sizeof(*d));
	_cleanup_free_ char *words = xstrdup(args);
	char *save = NULL;

	d->fault = fault_find("net.partition");
	assert_non_null(d->fault);
	spec_init(&d->spec, d->fault->kind);
	for (char *w = strtok_r(words, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		if (spec_set(&d->spec, w, value, &d->e) < 0)
			fail_msg("%s", d->e.msg);
	}
	d->spec.duration = USEC_PER_SEC;
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

static void
drill_free(struct drill *d)
{
	free(d->run.state);
	free(d);
}

static void
must(struct drill *d, int rc)
{
	if (rc < 0)
		fail_msg("%s", d->e.msg);
}

static void
drill_stage(struct drill *d)
{
	must(d, d->fault->supported(&d->e));
	must(d, d->fault->prepare(&d->run, &d->e));
	must(d, d->fault->stage(&d->run, &d->e));
}

static void
drill_apply(struct drill *d)
{
	must(d, d->fault->apply(&d->run, &d->e));
	must(d, d->fault->verify(&d->run, &d->e));
}

static void
drill_disarm(struct drill *d)
{
	must(d, undo_run(ctx, &d->run.undo, BEAT_DISARM, &d->e));
	must(d, undo_check(ctx, &d->run.undo, BEAT_DISARM, &d->e));
}

static void
drill_sweep(struct drill *d)
{
	must(d, undo_run(ctx, &d->run.undo, BEAT_SWEEP, &d->e));
	must(d, shared_sweep(&store, ctx, &d->e));
	must(d, undo_check(ctx, &d->run.undo, BEAT_SWEEP, &d->e));
}

static struct drill *
drill_on(const char *id, const char *args)
{
	struct drill *d = drill_new(id, args);

	drill_stage(d);
	drill_apply(d);
	return d;
}

static void
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

static void
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

static void
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

static const struct {
	const char *args;
	struct passes expected;
} cases[] = {
	{ "to=" FAR4, { CUT, UNCUT } },
	{ "to=" FAR6, { UNCUT, CUT } },
	{ "to=10.99.0.0/24,fd99::/64", { CUT, CUT } },
	{ "to=any", { CUT, CUT } },
	{ "to=10.98.0.0/16,fd98::/64", { UNCUT, UNCUT } },
	{ "to=any interface=near0", { CUT, CUT } },
	{ "to=any interface=lo", { UNCUT, UNCUT } },
	{ "to=any direction=in",
	    { { SILENT, SILENT, OPEN, SILENT }, { SILENT, SILENT, OPEN, SILENT } } },
	{ "to=any direction=out",
	    { { SILENT, SILENT, SILENT, OPEN }, { SILENT, SILENT, SILENT, OPEN } } },
	{ "to=any port=8080 protocol=tcp",
	    { { SILENT, OPEN, OPEN, OPEN }, { SILENT, OPEN, OPEN, OPEN } } },
	{ "to=any port=5353",
	    { { OPEN, OPEN, SILENT, SILENT }, { OPEN, OPEN, SILENT, SILENT } } },
	{ "to=any protocol=udp",
	    { { OPEN, OPEN, SILENT, SILENT }, { OPEN, OPEN, SILENT, SILENT } } },
	{ "to=any mode=reject", { REFUSES, REFUSES } },
	{ "to=" FAR4 " mode=reject direction=out",
	    { { REFUSED, REFUSED, REFUSED, OPEN }, UNCUT } },
	{ "to=" FAR6 " mode=reject port=8081 direction=out",
	    { UNCUT, { OPEN, REFUSED, OPEN, OPEN } } },
};

static void
life(const char *args, const struct passes *expected)
{
	_cleanup_free_ char *before = snapshot();
	struct drill *d = drill_new("7b1c09aa", args);

	must(d, d->fault->supported(&d->e));
	must(d, d->fault->prepare(&d->run, &d->e));
	assert_unchanged(before);
	must(d, d->fault->stage(&d->run, &d->e));
	assert_passes(&everything, "staged");
	drill_apply(d);
	assert_passes(expected, args);
	must(d, d->fault->hold(&d->run, &d->e));
	assert_false(d->run.lost);
	drill_disarm(d);
	assert_passes(&everything, "disarmed");
	drill_sweep(d);
	assert_unchanged(before);
	drill_disarm(d); /* undone twice is undone once */
	drill_sweep(d);
	assert_unchanged(before);
	drill_free(d);
}

static void
it_cuts_what_it_says_and_nothing_else(void **state)
{
	(void)state;
	assert_passes(&everything, "before");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		life(cases[i].args, &cases[i].expected);
}

static void
the_hosts_own_rules_stay_as_they_were(void **state)
{
	static const char *const programs[] = { "/usr/sbin/iptables-restore",
		"/usr/sbin/ip6tables-restore" };
	static const char *const rules[] = {
		"*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n",
		("*filter\n:mine - [0:0]\n-A INPUT -i near0 -j ACCEPT\n"
		 "-A OUTPUT -j mine\n-A mine -p tcp -j ACCEPT\n-A mine -j RETURN\nCOMMIT\n"),
		"*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		for (size_t f = 0; f < ARRAY_LEN(programs); f++)
			restore(programs[f], rules[i]);
		life(cases[2].args, &cases[2].expected);
		life("to=" FAR4 " direction=out",
		    &(struct passes){ { SILENT, SILENT, SILENT, OPEN }, UNCUT });
	}
}

static void
partitions_that_overlap_do_not_undo_each_other(void **state)
{
	static const struct passes six_only = { UNCUT, CUT }, none = { CUT, CUT };
	_cleanup_free_ char *before = snapshot();
	struct drill *both = drill_on("7b1c09aa", "to=any");
	struct drill *six = drill_on("7b1c09ab", "to=fd99::/64");

	(void)state;
	assert_passes(&none, "both in force");
	drill_off(both);
	assert_passes(&six_only, "the first one undone");
	drill_off(six);
	assert_passes(&everything, "both undone");
	assert_unchanged(before);
}

/* One that was only prepared, one only staged, one that got half-way through its stage. */
static void
undoing_without_or_after_half_a_stage_is_whole(void **state)
{
	static const char *const make_set[] = { "/usr/sbin/ipset", "create",
		"sd-7b1c09aa-4", "hash:net", NULL };
	_cleanup_free_ char *before = snapshot();
	struct drill *d = drill_new("7b1c09aa", "to=any");

	(void)state;
	must(d, d->fault->prepare(&d->run, &d->e));
	drill_off(d);
	assert_unchanged(before);

	d = drill_new("7b1c09aa", "to=any");
	drill_stage(d);
	drill_off(d);
	assert_unchanged(before);

	d = drill_new("7b1c09aa", "to=any");
	must(d, d->fault->prepare(&d->run, &d->e));
	assert_int_equal(tool(make_set, NULL, NULL, 0), 0);
	drill_off(d);
	assert_unchanged(before);
}

static void
a_name_that_is_taken_is_refused(void **state)
{
	struct drill *d = drill_new("7b1c09aa", "to=any");

	(void)state;
	restore(
	    "/usr/sbin/iptables-restore", "*filter\n:SD-7b1c09aa-O - [0:0]\nCOMMIT\n");
	assert_int_equal(d->fault->prepare(&d->run, &d->e), -EEXIST);
	assert_string_equal(d->e.msg, "chain 'SD-7b1c09aa-O' exists already");
	assert_int_equal(d->run.undo.count, 0);
	drill_free(d);
	restore("/usr/sbin/iptables-restore", "*filter\n-X SD-7b1c09aa-O\nCOMMIT\n");
}

static void
an_ssh_login_lives_through_it(void **state)
{
	struct drill *d = drill_on("7b1c09aa", "to=any");

	(void)state;
	assert_int_equal(try_in(far_side->ssh, PATIENCE_MS), OPEN);
	assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS), SILENT);
	drill_off(d);
}

/* A cut in the network parts no host from itself. */
static void
loopback_is_cut_only_by_name(void **state)
{
	static const struct {
		const char *args;
		enum reach four, six, own; /* own: an address of this host on the wire */
	} cases_here[] = {
		{ "to=any", OPEN, OPEN, OPEN },
		{ "to=any mode=reject", OPEN, OPEN, OPEN },
		{ "to=10.99.0.0/24", OPEN, OPEN, OPEN },
		{ "to=any direction=in", OPEN, OPEN, OPEN },
		{ "to=127.0.0.1", SILENT, OPEN, OPEN },
		{ "to=127.0.0.0/8 mode=reject", REFUSED, OPEN, OPEN },
		{ "to=::1", OPEN, SILENT, OPEN },
		{ "to=any,127.0.0.1", SILENT, SILENT, SILENT },
		{ "to=any interface=lo", SILENT, SILENT, SILENT },
	};
	int four = bound(AF_INET, SOCK_STREAM, NEAR_LOCAL);
	int six = bound(AF_INET6, SOCK_STREAM, NEAR_LOCAL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases_here); i++) {
		const char *args = cases_here[i].args;
		enum reach want[] = { cases_here[i].four, cases_here[i].six,
			cases_here[i].own };
		static const char *const to[] = { "127.0.0.1", "::1", NEAR4 };
		struct drill *d = drill_on("7b1c09aa", args);

		for (size_t k = 0; k < ARRAY_LEN(to); k++) {
			enum reach got = try_tcp(to[k], NEAR_LOCAL, patience(want[k]));

			if (got != want[k])
				fail_msg("%s: %s is %d, expected %d", args, to[k], got,
				    want[k]);
		}
		drill_off(d);
	}
	(void)close(four);
	(void)close(six);
}

/* Whoever armed it by TCP must be able to end it. */
static void
the_agents_own_port_lives_through_it(void **state)
{
	static const char *const args[] = { "to=any", "to=any mode=reject",
		"to=any protocol=tcp interface=near0" };

	(void)state;
	protect.control_port = NEAR_CONTROL;
	for (size_t i = 0; i < ARRAY_LEN(args); i++) {
		struct drill *d = drill_new("7b1c09aa", args[i]);
		struct control c;

		assert_int_equal(control_start(&c, far_side->pid), 0);
		drill_stage(d);
		for (int way = 0; way < CONTROL_WAYS; way++)
			assert_true(control_trip(&c, way, PATIENCE_MS) >= 0);
		drill_apply(d);
		assert_true(control_trip(&c, BY_CONTROL4, PATIENCE_MS) >= 0);
		assert_true(control_trip(&c, BY_CONTROL6, PATIENCE_MS) >= 0);
		assert_true(control_trip(&c, BY_OTHER, SILENCE_MS) < 0);
		assert_int_equal(try_tcp(FAR4, FAR_TCP, SILENCE_MS) == OPEN, false);
		assert_non_null(strstr(d->run.ops, "own TCP port 7433 is exempt"));
		drill_off(d);
		control_end(&c);
	}
	protect.control_port = 0;
}

/* Whoever cannot renew an address loses it, and the stop button with it. */
static void
dhcp_lives_through_it(void **state)
{
	static const struct {
		int family;
		uint16_t ports[2]; /* near, far */
		enum reach expected;
	} ways[] = {
		{ AF_INET, { 68, 67 }, OPEN },
		{ AF_INET, { 67, 68 }, OPEN },
		{ AF_INET, { 67, 67 }, OPEN }, /* a relay */
		{ AF_INET, { 68, 4067 }, SILENT },
		{ AF_INET, { 4068, 67 }, SILENT },
		{ AF_INET, { 69, 67 }, SILENT },
		{ AF_INET, { 546, 547 }, SILENT },
		{ AF_INET6, { 546, 547 }, OPEN },
		{ AF_INET6, { 547, 546 }, OPEN },
		{ AF_INET6, { 546, 4547 }, SILENT },
		{ AF_INET6, { 4546, 547 }, SILENT },
		{ AF_INET6, { 68, 67 }, SILENT },
	};
	struct drill *d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		assert_int_equal(
		    try_ports(far_side, ways[i].family, ways[i].ports, PATIENCE_MS),
		    OPEN);
	d = drill_on("7b1c09aa", "to=any");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		enum reach got = try_ports(
		    far_side, ways[i].family, ways[i].ports, patience(ways[i].expected));

		if (got != ways[i].expected)
			fail_msg("%u to %u by IPv%d: %d", ways[i].ports[0],
			    ways[i].ports[1], ways[i].family == AF_INET ? 4 : 6, got);
	}
	drill_off(d);
}

/* One side forgets the other and must find it anew for what is exempt.  Now and then the
 * other side happens to ask first. */
static bool
finds_neighbour(const struct control *c, bool is_far)
{
	enum { SOLICITATION = 135, ADVERTISEMENT = 136, ATTEMPTS = 20 };
	const char *asks = is_far ? "SD-7b1c09aa-I" : "SD-7b1c09aa-O";
	const char *answers = is_far ? "SD-7b1c09aa-O" : "SD-7b1c09aa-I";

	for (int i = 0; i < ATTEMPTS; i++) {
		assert_int_equal(
		    is_far ? far_forgets(far_side) : ip("-6 neigh flush dev near0"), 0);
		assert_true(control_trip(c, BY_CONTROL6, PATIENCE_MS) >= 0);
		if (icmp6_passed(asks, SOLICITATION) > 0 &&
		    icmp6_passed(answers, ADVERTISEMENT) > 0)
			return true;
	}
	return false;
}

static void
neighbours_are_found_through_it(void **state)
{
	struct control c;
	struct drill *d;

	(void)state;
	protect.control_port = NEAR_CONTROL;
	assert_int_equal(control_start(&c, far_side->pid), 0);
	d = drill_on("7b1c09aa", "to=any");
	assert_true(control_trip(&c, BY_OTHER, SILENCE_MS) < 0);
	assert_true(finds_neighbour(&c, false));
	assert_true(finds_neighbour(&c, true));
	drill_off(d);
	control_end(&c);
	protect.control_port = 0;
}

static void
the_effect_is_counted(void **state)
{
	struct drill *d = drill_on("7b1c09aa", "to=any");
	struct drill *idle = drill_on("7b1c09ab", "to=10.98.0.0/16");

	(void)state;
	for (int i = 0; i < PATIENCE_MS / TICK_MS && d->run.effect == 0; i++) {
		(void)poll(NULL, 0, TICK_MS);
		must(d, d->fault->hold(&d->run, &d->e));
	}
	assert_true(d->run.effect > 0);
	must(idle, idle->fault->hold(&idle->run, &idle->e));
	assert_true(idle->run.effect == 0);
	drill_off(idle);
	drill_off(d);
}

static void
what_somebody_else_takes_away_is_told_as_lost(void **state)
{
	static const char *const acts[][5] = {
		{ "/usr/sbin/iptables", "-F", NULL },
		{ "/usr/sbin/ipset", "flush", "sd-7b1c09aa-4", NULL },
		{ "/usr/sbin/iptables", "-F", "OUTPUT", NULL },
	};
	size_t count = ARRAY_LEN(acts);

	(void)state;
	if (iptables_is_legacy(4))
		count--; /* a missing jump goes unseen there */
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *before = snapshot();
		struct drill *d = drill_on("7b1c09aa", "to=" FAR4);

		must(d, d->fault->hold(&d->run, &d->e));
		assert_false(d->run.lost);
		assert_int_equal(tool(acts[i], NULL, NULL, 0), 0);
		must(d, d->fault->hold(&d->run, &d->e));
		assert_true(d->run.lost);
		assert_non_null(strstr(d->run.note, "somebody else"));
		drill_off(d);
		assert_unchanged(before);
	}
}

static void
without_effect_it_is_an_error(void **state)
{
	static const char *const flush[] = { "/usr/sbin/iptables", "-F", NULL };
	struct drill *d = drill_new("7b1c09aa", "to=" FAR4);

	(void)state;
	drill_stage(d);
	assert_int_equal(tool(flush, NULL, NULL, 0), 0);
	must(d, d->fault->apply(&d->run, &d->e));
	assert_true(d->fault->verify(&d->run, &d->e) < 0);
	assert_string_equal(
	    d->e.msg, "the fault has no effect on IPv4: its rules are gone");
	drill_off(d);
}

static void
an_interface_that_is_not_there_is_refused(void **state)
{
	struct drill *d = drill_new("7b1c09aa", "to=any interface=nosuch0");

	(void)state;
	assert_int_equal(d->fault->prepare(&d->run, &d->e), -ENODEV);
	assert_string_equal(d->e.msg, "no interface 'nosuch0'");
	assert_int_equal(d->run.undo.count, 0);
	drill_free(d);
}

/* --- */

static char dir[] = "/tmp/stormdrill-partition-XXXXXX";

/* iptables-legacy makes a table when it is first used, and nothing takes it away. */
static int
make_legacy_tables(void)
{
	static const char *const four[] = { "/usr/sbin/iptables", "-L", "-n", NULL };
	static const char *const six[] = { "/usr/sbin/ip6tables", "-L", "-n", NULL };

	if (!iptables_is_legacy(4))
		return 0;
	return tool(four, NULL, NULL, 0) | tool(six, NULL, NULL, 0);
}

static int
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
	    store_open(&store, run_dir, host_dir, &e) < 0 ||
	    undo_ctx_open(&ctx, -1, true, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	return 0;
}

static int
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_cuts_what_it_says_and_nothing_else),
		cmocka_unit_test(partitions_that_overlap_do_not_undo_each_other),
		cmocka_unit_test(undoing_without_or_after_half_a_stage_is_whole),
		cmocka_unit_test(a_name_that_is_taken_is_refused),
		cmocka_unit_test(an_ssh_login_lives_through_it),
		cmocka_unit_test(loopback_is_cut_only_by_name),
		cmocka_unit_test(the_agents_own_port_lives_through_it),
		cmocka_unit_test(dhcp_lives_through_it),
		cmocka_unit_test(neighbours_are_found_through_it),
		cmocka_unit_test(the_effect_is_counted),
		cmocka_unit_test(what_somebody_else_takes_away_is_told_as_lost),
		cmocka_unit_test(without_effect_it_is_an_error),
		cmocka_unit_test(an_interface_that_is_not_there_is_refused),
		cmocka_unit_test(the_hosts_own_rules_stay_as_they_were),
	};
	struct err e = { 0 };

	pidns_enter();
	if (fault_find("net.partition")->supported(&e) < 0) {
		(void)fprintf(stderr, "skip: %s\n", e.msg);
		return 77;
	}
	return cmocka_run_group_tests(tests, make_world, end_world);
}
