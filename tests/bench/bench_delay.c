/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.delay in a network namespace of this program's own, on its loopback, by the engine
 * the kernel has: how exact it is, how many packets a second the user-space one holds and
 * lets go without loss, and how long arming and disarming take beside a program.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "link.h"
#include "nl.h"
#include "process.h"

#define TARGET "127.0.0.2"

enum {
	PORT = 4001,
	DELAY_MS = 20,
	SAMPLES = 200,
	ARMS = 100,
	PEER_ARMS = 20,
	BATCH = 16,
	BUFFER = 512 * 1024 * 1024,
	RATE_TRIES = 20,
};
#define RATE_UNLIMITED 1e9
#define LOAD_MS        400.0

static struct store store;
static char dir[] = "/tmp/stormdrill-bench-XXXXXX";

/* What a child has to tell. */
struct result {
	double p50, p99;
	uint64_t sent, received;
};

/* To a CPU of its own, before whoever else wants to run there: what is measured is the
 * fault, not how busy the machine is. */
static void
pin(int cpu)
{
	const struct sched_param p = { .sched_priority = 1 };
	const int policy = SCHED_FIFO | SCHED_RESET_ON_FORK;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* one CPU only: they share it */
	(void)sched_setscheduler(0, policy, &p);
}

static struct sockaddr_in
target(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	(void)inet_pton(AF_INET, TARGET, &a.sin_addr);
	return a;
}

static void
open_pair(int *ret_from, int *ret_to)
{
	const struct sockaddr_in a = target();
	const int size = BUFFER;

	*ret_to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*ret_from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(*ret_to, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
	    connect(*ret_from, (const struct sockaddr *)&a, sizeof(a)) < 0)
		exit(1);
	(void)setsockopt(*ret_to, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)setsockopt(*ret_from, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
}

/* One way, in µs. */
static struct result
measure_delay(void)
{
	double us[SAMPLES];
	struct result r = { 0 };
	int from, to;
	char c;

	open_pair(&from, &to);
	for (int i = 0; i < SAMPLES; i++) {
		double start = now_ms();

		if (send(from, "x", 1, 0) != 1 || recv(to, &c, 1, 0) != 1)
			exit(1);
		us[i] = (now_ms() - start) * 1e3;
	}
	r.p50 = median(us, SAMPLES);
	r.p99 = us[SAMPLES * 99 / 100];
	return r;
}

static uint64_t
count_received(int to)
{
	struct timeval patience = { .tv_usec = 200000 };
	uint64_t n = 0;
	char c;

	(void)setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (recv(to, &c, 1, 0) == 1)
		n++;
	return n;
}

/* Packets at this rate for LOAD_MS: how many were sent, how many came. */
static struct result
send_at(double per_sec)
{
	char byte = 'x';
	struct iovec v = { .iov_base = &byte, .iov_len = 1 };
	struct mmsghdr m[BATCH];
	struct result r = { 0 };
	double start, now;
	int from, to;

	open_pair(&from, &to);
	for (int i = 0; i < BATCH; i++)
		m[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &v, .msg_iovlen = 1 } };
	start = now_ms();
	while ((now = now_ms() - start) < LOAD_MS) {
		int got;

		if ((double)r.sent > now * per_sec / 1e3)
			continue;
		got = sendmmsg(from, m, BATCH, 0);
		r.sent += got > 0 ? (uint64_t)got : 0;
	}
	r.received = count_received(to);
	(void)close(from);
	(void)close(to);
	return r;
}

/* Run a child on another CPU and hold the fault meanwhile, as its holder would. */
static struct result
hold_while(struct lone *l, double per_sec)
{
	struct result r = { 0 };
	struct err e = { 0 };
	int ends[2];

	if (pipe(ends) < 0)
		exit(1);
	pid_t pid = fork();
	if (pid == 0) {
		pin(1);
		r = per_sec > 0 ? send_at(per_sec) : measure_delay();
		_exit(write(ends[1], &r, sizeof(r)) != sizeof(r));
	}
	(void)close(ends[1]);
	for (;;) {
		struct pollfd fds[1 + FAULT_FDS_MAX] = { { .fd = ends[0],
		    .events = POLLIN } };

		memcpy(fds + 1, l->run.fds, sizeof(l->run.fds));
		(void)poll(fds, 1 + l->run.fds_count, l->run.wake_ms);
		if (fds[0].revents != 0)
			break;
		must(l->fault->hold(&l->run, &e), "hold", &e);
	}
	if (read(ends[0], &r, sizeof(r)) != sizeof(r))
		exit(1);
	(void)close(ends[0]);
	(void)waitpid(pid, NULL, 0);
	return r;
}

static void
arm_with(struct lone *l, const char *kind, const char *const args[4], const char *engine)
{
	struct err e = { 0 };

	if (args[2] == NULL)
		LONE(l, kind, "to", TARGET, "engine", engine, args[0], args[1]);
	else
		LONE(l, kind, "to", TARGET, "engine", engine, args[0], args[1], args[2],
		    args[3]);
	l->run.store = &store;
	must(l->fault->stage(&l->run, &e), "stage", &e);
	must(l->fault->apply(&l->run, &e), "apply", &e);
	must(l->fault->verify(&l->run, &e), "verify", &e);
}

static void
arm(struct lone *l, const char *engine, const char *delay)
{
	arm_with(l, "net.delay", (const char *const[4]){ "delay", delay }, engine);
}

static void
disarm(struct lone *l)
{
	struct err e = { 0 };
	struct undo_ctx *kept = l->run.ctx;

	lone_undo(l);
	must(undo_ctx_open(&kept, -1, true, &e), "sweep", &e);
	must(shared_sweep(&store, kept, &e), "sweep", &e);
	undo_ctx_free(kept);
}

static void
bench_accuracy(const char *engine)
{
	struct lone l;
	struct figure f = { .peer_name = "asked for", .unit = "ms", .peer = DELAY_MS };
	struct result r;
	char name[64];

	arm(&l, engine, "20ms");
	r = hold_while(&l, 0);
	disarm(&l);
	(void)snprintf(name, sizeof(name), "delay %s, one way, p50", engine);
	f.name = name;
	f.target = "x1.0";
	f.ours = r.p50 / 1e3;
	print_row(&f);
	(void)snprintf(name, sizeof(name), "delay %s, one way, p99", engine);
	f.target = "";
	f.ours = r.p99 / 1e3;
	print_row(&f);
}

/* What comes of a packet at the far end, on the average; off: by how much it may differ. */
struct load {
	const char *name, *kind, *args[4];
	double each, off;
};

static const struct load loads[] = {
	{ "delay nfqueue, held and let go, none lost", "net.delay", { "delay", "50ms" },
	    1, 0 },
	{ "jitter nfqueue, each by itself, none lost", "net.delay",
	    { "delay", "50ms", "jitter", "10ms" }, 1, 0 },
	{ "loss nfqueue, a tenth and no other lost", "net.loss", { "loss", "10%" }, 0.9,
	    0.01 },
	{ "rate nfqueue, a wire of 100gbit, none lost", "net.rate", { "rate", "100gbit" },
	    1, 0 },
	{ "duplicate nfqueue, a tenth twice, none lost", "net.duplicate",
	    { "duplicate", "10%" }, 1.1, 0.01 },
};

static bool
is_as_asked(const struct load *l, const struct result *r, uint64_t effect)
{
	double each = (double)r->received / (double)r->sent;

	return effect == r->sent && each >= l->each - l->off && each <= l->each + l->off;
}

/* As fast as one sender can, and slower until every packet met its fate and no other. */
static void
bench_load(const struct load *load)
{
	struct figure f = { .name = load->name, .peer_name = "untouched", .unit = "/s" };
	double rate = RATE_UNLIMITED;
	struct lone l;
	struct result r;

	f.target = load == loads ? "2.5e5" : "";
	for (int i = 0; i < RATE_TRIES && f.ours <= 0; i++) {
		arm_with(&l, load->kind, load->args, "nfqueue");
		r = hold_while(&l, rate);
		disarm(&l);
		if (is_as_asked(load, &r, l.run.effect))
			f.ours = (double)r.sent / LOAD_MS * 1e3;
		rate = (double)r.sent / LOAD_MS * 1e3 * 0.9;
	}
	f.peer = (double)send_at(RATE_UNLIMITED).sent / LOAD_MS * 1e3;
	print_row(&f);
}

/* Armed and disarmed again and again, staged once: apply is repeatable after a disarm. */
static void
bench_arming(const char *engine, bool (*exec_on)(void), bool (*exec_off)(void),
    const char *peer_name)
{
	double on[ARMS], off[ARMS], peer_on[PEER_ARMS], peer_off[PEER_ARMS];
	struct figure f = { .peer_name = peer_name, .unit = "us", .target = "1/50" };
	struct err e = { 0 };
	struct lone l;
	char name[64];

	arm(&l, engine, "20ms");
	for (int i = 0; i < ARMS; i++) {
		double start = now_ms(), middle;

		must(undo_run(l.run.ctx, &l.run.undo, BEAT_DISARM, &e), "disarm", &e);
		middle = now_ms();
		must(l.fault->apply(&l.run, &e), "apply", &e);
		off[i] = (middle - start) * 1e3;
		on[i] = (now_ms() - middle) * 1e3;
	}
	disarm(&l);
	for (int i = 0; i < PEER_ARMS; i++) {
		double start = now_ms(), middle;

		if (!exec_on())
			return;
		middle = now_ms();
		(void)exec_off();
		peer_on[i] = (middle - start) * 1e3;
		peer_off[i] = (now_ms() - middle) * 1e3;
	}
	(void)snprintf(name, sizeof(name), "delay %s, arm", engine);
	f.name = name;
	f.ours = median(on, ARMS);
	f.peer = median(peer_on, PEER_ARMS);
	print_row(&f);
	(void)snprintf(name, sizeof(name), "delay %s, disarm", engine);
	f.ours = median(off, ARMS);
	f.peer = median(peer_off, PEER_ARMS);
	print_row(&f);
}

static bool
iptables_on(void)
{
	return PEER("iptables", "-w", "-t", "mangle", "-I", "OUTPUT", "-d", TARGET, "-j",
		   "NFQUEUE", "--queue-num", "1", "--queue-bypass") == 0;
}

static bool
iptables_off(void)
{
	return PEER("iptables", "-w", "-t", "mangle", "-D", "OUTPUT", "-d", TARGET, "-j",
		   "NFQUEUE", "--queue-num", "1", "--queue-bypass") == 0;
}

static bool
tc_on(void)
{
	return PEER("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay",
		   "20ms") == 0;
}

static bool
tc_off(void)
{
	return PEER("tc", "qdisc", "del", "dev", "lo", "root") == 0;
}

static bool
has_engine(const char *engine)
{
	static const struct protect nothing_protected;
	struct spec spec;
	struct fault_run run = {
		.spec = &spec, .protect = &nothing_protected, .barrier_fd = -1
	};
	struct err e = { 0 };
	bool has;

	spec_init(&spec, kind_find("net.delay"));
	must(spec_set(&spec, "to", TARGET, &e), "to", &e);
	must(spec_set(&spec, "delay", "20ms", &e), "delay", &e);
	must(spec_set(&spec, "engine", engine, &e), "engine", &e);
	must(spec_finish(&spec, &e), "finish", &e);
	memcpy(spec.id, "00000001", FAULT_ID_LEN);
	must(undo_ctx_open(&run.ctx, -1, true, &e), "open", &e);
	has = fault_find("net.delay")->prepare(&run, &e) == 0;
	undo_ctx_free(run.ctx);
	if (!has)
		(void)printf("  %s\n", e.msg);
	return has;
}

static void
make_world(void)
{
	struct err e = { 0 };
	struct nl *n = NULL;

	if (unshare(CLONE_NEWNET) < 0 || mkdtemp(dir) == NULL) {
		(void)printf("skip: cannot make a network namespace\n");
		exit(77);
	}
	must(nl_open(&n, NETLINK_ROUTE, &e), "netlink", &e);
	must(link_up(n, 1, &e), "loopback", &e);
	nl_free(n);
	must(store_open(&store, dir, "", dir, &e), "store", &e);
}

int
main(void)
{
	make_world();
	pin(0);
	process_fortify(); /* as a holder does; its children do not inherit it */
	if (has_engine("netem")) {
		bench_accuracy("netem");
		bench_arming("netem", tc_on, tc_off, "tc");
	}
	if (has_engine("nfqueue")) {
		bench_accuracy("nfqueue");
		for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
			bench_load(&loads[i]);
		bench_arming("nfqueue", iptables_on, iptables_off, "iptables");
	}
	store_close(&store);
	return PEER("rm", "-rf", dir) == 0 ? 0 : 1;
}
