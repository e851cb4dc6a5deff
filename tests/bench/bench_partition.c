/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arming and disarming a partition beside the program it would otherwise be: exec of
 * iptables -I and -D for one network, of iptables-restore for 512, and of nft that fills
 * and flushes a set.  In a network namespace of its own, both sides in one run, one line
 * per row of tests/bench/bench.sh.
 */
#include "fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "pidns.h"
#include "process.h"
#include "spawn.h"
#include "xalloc.h"

enum { OUR_RUNS = 500, PEER_RUNS = 40, MANY = 512 };

/* In µs. */
struct timing {
	double p50, p99;
};

static const struct protect nothing_protected;

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static struct timing
summarize(double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), compare);
	return (struct timing){ samples[count / 2], samples[count * 99 / 100] };
}

static double
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
must(int rc, const struct err *e)
{
	if (rc >= 0)
		return;
	(void)fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

static void
row(const char *what, double ours, double peer, const char *peer_name, const char *target)
{
	char left[32], right[64], ratio[32];

	(void)snprintf(left, sizeof(left), "%.1f us", ours);
	(void)snprintf(right, sizeof(right), "%.0f us %s", peer, peer_name);
	if (ours < peer)
		(void)snprintf(ratio, sizeof(ratio), "1/%.0f", peer / ours);
	else
		(void)snprintf(ratio, sizeof(ratio), "%.1f", ours / peer);
	(void)printf(
	    "%-46s | %16s | %22s | %10s | %s\n", what, left, right, ratio, target);
}

struct both {
	struct timing on, off;
};

static struct both
measure_ours(struct fault_run *run, const struct fault *fault)
{
	static double on[OUR_RUNS], off[OUR_RUNS];
	struct err e = { 0 };

	for (size_t i = 0; i < OUR_RUNS; i++) {
		double a = now_us(), b, c;

		must(fault->apply(run, &e), &e);
		b = now_us();
		must(undo_run(run->ctx, &run->undo, BEAT_DISARM, &e), &e);
		c = now_us();
		on[i] = b - a;
		off[i] = c - b;
	}
	return (struct both){ summarize(on, OUR_RUNS), summarize(off, OUR_RUNS) };
}

static void
exec_tool(const char *const *argv, const char *input)
{
	struct err e = { 0 };
	const struct run_tool t = {
		.argv = argv, .input = input, .keep_fd = -1, .timeout_ms = 20000
	};

	must(run_tool(&t, &e), &e);
}

static struct both
measure_iptables(void)
{
	static const char *const insert[] = { "/usr/sbin/iptables", "-I", "OUTPUT", "-d",
		"10.98.0.0/16", "-j", "DROP", NULL };
	static const char *const delete[] = { "/usr/sbin/iptables", "-D", "OUTPUT", "-d",
		"10.98.0.0/16", "-j", "DROP", NULL };
	double on[PEER_RUNS], off[PEER_RUNS];

	for (size_t i = 0; i < PEER_RUNS; i++) {
		double a = now_us(), b;

		exec_tool(insert, NULL);
		b = now_us();
		exec_tool(delete, NULL);
		on[i] = b - a;
		off[i] = now_us() - b;
	}
	return (struct both){ summarize(on, PEER_RUNS), summarize(off, PEER_RUNS) };
}

/* No two of them touch: they would be one range. */
static void
name_net(unsigned i, char *buf, size_t size)
{
	(void)snprintf(buf, size, "10.%u.%u.0/24", i >> 7, i << 1 & 255);
}

/* One restore with a rule per network: what a careful script would do. */
static char *
many_rules(const char *verb)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		abort();
	(void)fprintf(f, "*filter\n");
	for (unsigned i = 0; i < MANY; i++) {
		char net[32];

		name_net(i, net, sizeof(net));
		(void)fprintf(f, "%s OUTPUT -d %s -j DROP\n", verb, net);
	}
	(void)fprintf(f, "COMMIT\n");
	if (fclose(f) != 0)
		abort();
	return text;
}

static struct both
measure_restore(void)
{
	static const char *const argv[] = { "/usr/sbin/iptables-restore", "--noflush",
		NULL };
	_cleanup_free_ char *insert = many_rules("-A");
	_cleanup_free_ char *delete = many_rules("-D");
	double on[PEER_RUNS], off[PEER_RUNS];

	for (size_t i = 0; i < PEER_RUNS; i++) {
		double a = now_us(), b;

		exec_tool(argv, insert);
		b = now_us();
		exec_tool(argv, delete);
		on[i] = b - a;
		off[i] = now_us() - b;
	}
	return (struct both){ summarize(on, PEER_RUNS), summarize(off, PEER_RUNS) };
}

/* A set that a rule drops by, as with us: what a careful script of today would do. */
static struct both
measure_nft(unsigned nets)
{
	static const char *const argv[] = { "/usr/sbin/nft", "-f", "-", NULL };
	static const char table[] =
	    "table inet peer {\n"
	    "set to4 { type ipv4_addr; flags interval; }\n"
	    "chain out { type filter hook output priority -310; ip daddr @to4 drop\n}\n}\n";
	_cleanup_free_ char *add = NULL;
	double on[PEER_RUNS], off[PEER_RUNS];
	size_t len = 0;
	FILE *f = open_memstream(&add, &len);

	if (f == NULL)
		abort();
	for (unsigned i = 0; i < nets; i++) {
		char net[32];

		name_net(i, net, sizeof(net));
		(void)fprintf(
		    f, "%s %s", i == 0 ? "add element inet peer to4 {" : ",", net);
	}
	(void)fprintf(f, " }\n");
	if (fclose(f) != 0)
		abort();
	exec_tool(argv, table);
	for (size_t i = 0; i < PEER_RUNS; i++) {
		double a = now_us(), b;

		exec_tool(argv, add);
		b = now_us();
		exec_tool(argv, "flush set inet peer to4\n");
		on[i] = b - a;
		off[i] = now_us() - b;
	}
	exec_tool(argv, "delete table inet peer\n");
	return (struct both){ summarize(on, PEER_RUNS), summarize(off, PEER_RUNS) };
}

struct targets {
	const char *arm, *disarm, *disarm_p99;
};

static void
report(const char *what, const struct both *ours, const struct both *peer,
    const char *name, const struct targets *targets)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "partition of %s: arm, p50", what);
	row(line, ours->on.p50, peer->on.p50, name, targets->arm);
	(void)snprintf(line, sizeof(line), "partition of %s: arm, p99", what);
	row(line, ours->on.p99, peer->on.p99, name, "");
	(void)snprintf(line, sizeof(line), "partition of %s: disarm, p50", what);
	row(line, ours->off.p50, peer->off.p50, name, targets->disarm);
	(void)snprintf(line, sizeof(line), "partition of %s: disarm, p99", what);
	row(line, ours->off.p99, peer->off.p99, name, targets->disarm_p99);
}

static void
run_ours(struct fault_run *run, const struct fault *fault, struct both *ret, double *ends)
{
	struct err e = { 0 };
	double start;

	must(fault->prepare(run, &e), &e);
	start = now_us();
	must(fault->stage(run, &e), &e);
	ends[0] = now_us() - start;
	*ret = measure_ours(run, fault);
	start = now_us();
	must(undo_run(run->ctx, &run->undo, BEAT_SWEEP, &e), &e);
	must(shared_sweep(run->store, run->ctx, &e), &e);
	ends[1] = now_us() - start;
	free(run->state);
}

struct place {
	struct undo_ctx *ctx;
	struct store store;
};

/* One partition of `nets` networks, made and measured; what stage and sweep took in ends. */
static struct both
partition(struct place *p, const char *engine, unsigned nets, double *ends)
{
	const struct fault *fault = fault_find("net.partition");
	struct spec *spec = xcalloc(1, sizeof(*spec));
	struct fault_run *run = xcalloc(1, sizeof(*run));
	struct err e = { 0 };
	struct both ours;
	char net[32];

	spec_init(spec, fault->kind);
	must(spec_set(spec, "direction", "out", &e), &e);
	must(spec_set(spec, "engine", engine, &e), &e);
	for (unsigned i = 0; i < nets; i++) {
		name_net(i, net, sizeof(net));
		must(spec_set(spec, "to", net, &e), &e);
	}
	spec->duration = USEC_PER_SEC;
	must(spec_finish(spec, &e), &e);
	memcpy(spec->id, "7b1c09aa", FAULT_ID_LEN);
	*run = (struct fault_run){ .protect = &nothing_protected,
		.spec = spec,
		.ctx = p->ctx,
		.store = &p->store,
		.barrier_fd = -1 };
	run_ours(run, fault, &ours, ends);
	free(run);
	free(spec);
	return ours;
}

static void
bench_iptables(struct place *p)
{
	static const struct targets one = { "1/20", "1/800", "1/200" };
	static const struct targets many = { "1/7, 1 ms", "1/500", "" };
	struct both ours, peer;
	double ends[2];

	ours = partition(p, "iptables", 1, ends);
	peer = measure_iptables();
	report("1 network", &ours, &peer, "iptables", &one);
	row("  staged beforehand (chain, set)", ends[0], peer.on.p50, "iptables", "");
	row("  swept afterwards", ends[1], peer.off.p50, "iptables", "");
	ours = partition(p, "iptables", MANY, ends);
	peer = measure_restore();
	report("512 networks", &ours, &peer, "-restore", &many);
}

static void
bench_nftables(struct place *p)
{
	static const struct targets none = { "", "", "" }, many = { "1 ms", "1 ms", "" };
	struct both ours, peer;
	double ends[2];

	ours = partition(p, "nftables", 1, ends);
	peer = measure_nft(1);
	report("1 network, nft", &ours, &peer, "nft", &none);
	row("  staged beforehand (table)", ends[0], peer.on.p50, "nft", "");
	row("  swept afterwards", ends[1], peer.off.p50, "nft", "");
	ours = partition(p, "nftables", MANY, ends);
	peer = measure_nft(MANY);
	report("512 networks, nft", &ours, &peer, "nft", &many);
}

int
main(void)
{
	char dir[] = "/tmp/stormdrill-bench-XXXXXX";
	const char *const remove[] = { "/bin/rm", "-rf", dir, NULL };
	static struct place place;
	struct err e = { 0 };

	pidns_enter();
	must(fault_find("net.partition")->supported(&e), &e);
	if (mkdtemp(dir) == NULL)
		return 1;
	process_fortify(); /* as a holder is */
	must(store_open(&place.store, dir, "", dir, &e), &e);
	must(undo_ctx_open(&place.ctx, -1, true, &e), &e);
	bench_iptables(&place);
	if (access("/usr/sbin/nft", X_OK) == 0)
		bench_nftables(&place);
	undo_ctx_free(place.ctx);
	store_close(&place.store);
	exec_tool(remove, NULL);
	return 0;
}
