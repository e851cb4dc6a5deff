/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEASURE_H
#define MEASURE_H
/*
 * Packets timed by the test itself: this process has sockets in two network namespaces joined
 * by a wire, sends numbered datagrams both ways by IPv4 and IPv6 at once, and writes down
 * when each came, how often, and what had become of it.  A fifth series, which no fault is
 * meant for, is the witness: when it is late, the machine stood still, and not the fault.
 *
 * The holder of a queue and this process share a CPU at real-time priority, so that whatever
 * keeps one from running keeps the witness waiting, too.
 */
#include "echo.h"
#include "held.h"

#include <fcntl.h>
#include <math.h>

enum { OUT4, OUT6, IN4, IN6, WITNESS, WAYS, FAULTY_WAYS = WITNESS };
enum {
	MEASURE_PORT = 4100,
	COUNT_MAX = 2000, /* packets of one way */
	COPIES_MAX = 3,
	SIZE_MAX_ = 1400,
	RECEIVE_ROOM = 32 * 1024 * 1024,
	TRIES = 6, /* while the machine stands still */
	PACE_EMULATED = 4,
	PACE_MAX = 8,
};

static const struct way {
	const char *name, *to;
	bool comes_in;
} ways[WAYS] = {
	{ "out, IPv4", FAR4, false },
	{ "out, IPv6", FAR6, false },
	{ "in, IPv4", NEAR4, true },
	{ "in, IPv6", NEAR6, true },
	{ "witness", OTHER4, false },
};

/* What is sent: `count` packets each way, `every` ms apart: times the pace, which is slower
 * where packets are dear. */
struct series {
	unsigned count;
	double every;
	size_t size;   /* of the IP packet; 0: 200 */
	double linger; /* ms to wait after the last one was sent */
	int ecn;       /* its two bits */
};

struct sample {
	double sent, got[COPIES_MAX]; /* ms of the monotonic clock */
	unsigned copies;
	bool is_changed, is_marked;
};

static struct measure {
	int far_ns, near_ns;
	int tx[WAYS], rx[WAYS];
	pid_t far_pid;
	const char *engine;
	int pace;
	unsigned run; /* counts the series: what is left of one is not of the next */
	struct series series; /* as it was sent */
	struct sample samples[WAYS][COUNT_MAX];
	unsigned flipped;   /* bits, in all */
	double stood_still; /* ms: the longest that the witness, or we, were late */
} measure;

/* How much later than asked packets may be at the median: under emulation (where netem is
 * measured) timers are late by milliseconds. */
static inline double
slack(void)
{
	return strcmp(measure.engine, "netem") == 0 ? 6 : 1;
}

/* --- sockets -------------------------------------------------------------------------- */

static inline void
enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

/* UDP without checksums, so that what was damaged comes all the same. */
static inline int
measure_socket(const char *local, uint16_t port)
{
	enum { NO_SUM6_TX = 101, NO_SUM6_RX = 102 };
	struct sockaddr_storage a;
	socklen_t len = address(&a, local, port);
	int fd = socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1, room = RECEIVE_ROOM;

	assert_true(fd >= 0);
	if (a.ss_family == AF_INET) {
		(void)setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	} else {
		(void)setsockopt(fd, IPPROTO_UDP, NO_SUM6_TX, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_UDP, NO_SUM6_RX, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	return fd;
}

static inline void
open_way(int w)
{
	bool is_six = strchr(ways[w].to, ':') != NULL;
	const char *from =
	    ways[w].comes_in ? (is_six ? FAR6 : FAR4) : (is_six ? NEAR6 : NEAR4);
	uint16_t port = (uint16_t)(MEASURE_PORT + w);
	struct sockaddr_storage a;
	socklen_t len = address(&a, ways[w].to, port);

	enter(ways[w].comes_in ? measure.far_ns : measure.near_ns);
	measure.tx[w] = measure_socket(from, (uint16_t)(port + WAYS));
	assert_int_equal(connect(measure.tx[w], (struct sockaddr *)&a, len), 0);
	enter(ways[w].comes_in ? measure.near_ns : measure.far_ns);
	measure.rx[w] = measure_socket(ways[w].to, port);
	enter(measure.near_ns);
}

static inline void
run_in_time(pid_t pid)
{
	const struct sched_param p = { .sched_priority = 10 };
	const int policy = SCHED_FIFO | SCHED_RESET_ON_FORK;
	cpu_set_t set;

	/* netem works in the kernel's own threads, which must get their turn: under
	 * emulation we would leave them none */
	if (strcmp(measure.engine, "netem") == 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	/* where it is refused the machine will be found to stand still more often */
	(void)sched_setaffinity(pid, sizeof(set), &set);
	(void)sched_setscheduler(pid, policy, &p);
}

static inline int
measure_start(void)
{
	char path[64];

	measure.far_pid = echo_start();
	if (measure.far_pid < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", measure.far_pid);
	measure.near_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	measure.far_ns = open(path, O_RDONLY | O_CLOEXEC);
	for (int w = 0; w < WAYS; w++)
		open_way(w);
	return 0;
}

/* --- a series ------------------------------------------------------------------------- */

static inline uint8_t
body_at(unsigned number, size_t at)
{
	return (uint8_t)((number ^ number >> 8) * 7 + at * 13 + at / 251);
}

/* Of the datagram, so that the IP packet has the size that was asked for. */
static inline size_t
body_size(int w)
{
	size_t headers = strchr(ways[w].to, ':') != NULL ? 48 : 28;

	return (measure.series.size > 0 ? measure.series.size : 200) - headers;
}

static inline void
send_numbered(int w, unsigned i)
{
	uint8_t body[SIZE_MAX_];
	size_t len = body_size(w);
	unsigned number = measure.run << 16 | i;

	for (size_t at = 0; at < len; at++)
		body[at] = body_at(number, at);
	/* twice, since either may get damaged */
	memcpy(body, &number, sizeof(number));
	memcpy(body + len - sizeof(number), &number, sizeof(number));
	measure.samples[w][i].sent = clock_ms();
	if (send(measure.tx[w], body, len, 0) < 0 && errno != EPERM)
		fail_msg("send: %s", strerror(errno));
}

static inline unsigned
bits_off(const uint8_t *body, size_t len, unsigned number)
{
	unsigned bits = 0;

	for (size_t i = 0; i < len; i++) {
		size_t in_number = i < 4 ? i : i >= len - 4 ? i - (len - 4) : 4;
		uint8_t want = in_number < 4 ? (uint8_t)(number >> (8 * in_number)) :
					       body_at(number, i);

		bits += (unsigned)__builtin_popcount(body[i] ^ want);
	}
	return bits;
}

static inline bool
is_marked(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		int v = 0;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			return (*CMSG_DATA(c) & 3) == 3;
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&v, CMSG_DATA(c), sizeof(v));
			return (v & 3) == 3;
		}
	}
	return false;
}

static inline bool
is_of_this_run(unsigned number)
{
	return number >> 16 == (measure.run & 0xffff) &&
	       (number & 0xffff) < measure.series.count;
}

/* The number that was sent, of which either copy may be damaged; false: of another run. */
static inline bool
find_number(const uint8_t *body, size_t len, unsigned *ret)
{
	unsigned first, last;

	memcpy(&first, body, sizeof(first));
	memcpy(&last, body + len - sizeof(last), sizeof(last));
	if (!is_of_this_run(first) ||
	    (is_of_this_run(last) &&
		bits_off(body, len, last) < bits_off(body, len, first)))
		first = last;
	*ret = first;
	return is_of_this_run(first);
}

/* One datagram; false when there is none. */
static inline bool
take_numbered(int w)
{
	uint8_t body[2048], control[128];
	struct iovec v = { body, sizeof(body) };
	struct msghdr m = { .msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t len = recvmsg(measure.rx[w], &m, 0);
	unsigned number, off;
	struct sample *s;

	if (len < 0)
		return false;
	if ((size_t)len != body_size(w) || !find_number(body, (size_t)len, &number))
		return true;
	off = bits_off(body, (size_t)len, number);
	s = &measure.samples[w][number & 0xffff];
	if (s->copies == COPIES_MAX)
		fail_msg(
		    "%s: a packet came more than %d times", ways[w].name, COPIES_MAX);
	s->got[s->copies++] = clock_ms();
	s->is_changed |= off > 0;
	s->is_marked |= is_marked(&m);
	measure.flipped += off;
	return true;
}

static inline void
wait_and_take(double until)
{
	struct pollfd fds[WAYS];
	double left = until - clock_ms();
	struct timespec t = { 0 };

	left = left > 0 ? left : 0;
	t.tv_sec = (time_t)(left / 1e3);
	t.tv_nsec = (long)(fmod(left, 1e3) * 1e6);
	for (int w = 0; w < WAYS; w++)
		fds[w] = (struct pollfd){ .fd = measure.rx[w], .events = POLLIN };
	if (ppoll(fds, WAYS, &t, NULL) <= 0)
		return;
	for (int w = 0; w < WAYS; w++)
		while (fds[w].revents != 0 && take_numbered(w))
			continue;
}

static inline void
set_ecn(int bits)
{
	for (int w = 0; w < WAYS; w++) {
		(void)setsockopt(measure.tx[w], IPPROTO_IP, IP_TOS, &bits, sizeof(bits));
		(void)setsockopt(
		    measure.tx[w], IPPROTO_IPV6, IPV6_TCLASS, &bits, sizeof(bits));
	}
}

/* Send the series every way and take what comes. */
static inline void
run_series(struct series s)
{
	double start = clock_ms(), next = start;

	assert_true(s.count <= COUNT_MAX);
	s.every *= measure.pace;
	s.linger *= measure.pace;
	next = start;
	memset(measure.samples, 0, sizeof(measure.samples));
	measure.series = s;
	measure.run++;
	measure.flipped = 0;
	measure.stood_still = 0;
	set_ecn(s.ecn);
	for (unsigned i = 0; i < s.count; i++, next += s.every) {
		while (clock_ms() < next)
			wait_and_take(next);
		measure.stood_still = fmax(measure.stood_still, clock_ms() - next);
		for (int w = 0; w < WAYS; w++)
			send_numbered(w, i);
	}
	for (next = clock_ms() + s.linger; clock_ms() < next;)
		wait_and_take(next);
	for (unsigned i = 0; i < s.count; i++) {
		const struct sample *one = &measure.samples[WITNESS][i];
		double late = one->copies > 0 ? one->got[0] - one->sent : 1e9;

		measure.stood_still = fmax(measure.stood_still, late);
	}
}

static inline bool
machine_stood_still(void)
{
	return measure.stood_still > (strcmp(measure.engine, "netem") == 0 ? 15 : 2);
}

/* --- what came of it ------------------------------------------------------------------- */

/* The packets of both families of a direction, in the order sent. */
static inline const struct sample *
in_turn(int way_in, unsigned i)
{
	return &measure.samples[2 * way_in + (int)(i % 2)][i / 2];
}

/* Delays in ms of a range of ways, in the order sent, without what was lost. */
static inline size_t
delays_of(int from, int to, double *ret)
{
	size_t n = 0;

	for (unsigned i = 0; i < measure.series.count; i++)
		for (int w = from; w <= to; w++)
			if (measure.samples[w][i].copies > 0)
				ret[n++] = measure.samples[w][i].got[0] -
					   measure.samples[w][i].sent;
	return n;
}

/* The delay that a share of them stays below; sorts them. */
static inline double
quantile(double *delays, size_t n, double share)
{
	size_t at = (size_t)(share * (double)n);

	qsort(delays, n, sizeof(delays[0]), by_value);
	return delays[at < n ? at : n - 1];
}

static inline double
mean_of(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	return sum / (double)n;
}

static inline double
spread_of(const double *v, size_t n)
{
	double mean = mean_of(v, n), sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (v[i] - mean) * (v[i] - mean);
	return sqrt(sum / (double)n);
}

/* What was wrong with the last series, if anything: the first thing that was. */
static char complaint[256];

static inline void __attribute__((format(printf, 1, 2))) complain(const char *fmt, ...)
{
	va_list ap;

	if (complaint[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(complaint, sizeof(complaint), fmt, ap);
	va_end(ap);
}

static inline void
expect(const char *what, const char *of, double got, double low, double high)
{
	print_message(
	    "         %-10s %-28s %10.4f in %.4f to %.4f\n", of, what, got, low, high);
	if (!(got >= low && got <= high))
		complain("%s, %s: %.4f is not in %.4f to %.4f", of, what, got, low, high);
}

/* A share of n packets that each are in by themselves: within five standard deviations. */
static inline void
expect_share(const char *what, const char *of, double got, double want, double n)
{
	double off = 5 * sqrt(want * (1 - want) / n);

	expect(what, of, got, want - off, want + off);
}

/* "ramp=@100ms rate=^8000kbit": times and rates that go with the pace, by it. */
static inline char *
paced(const char *args)
{
	char *text = xcalloc(1, strlen(args) + 64), *to = text;

	while (*args != '\0') {
		unsigned n = 0;
		char how = *args;
		int digits = 0;

		if ((how != '@' && how != '^') ||
		    sscanf(args + 1, "%u%n", &n, &digits) != 1) {
			*to++ = *args++;
			continue;
		}
		n = how == '@' ? n * (unsigned)measure.pace : n / (unsigned)measure.pace;
		to += snprintf(to, 12, "%u", n);
		args += 1 + digits;
	}
	return text;
}

static inline void
measure_once(const char *kind, const char *args, struct series s, void (*judge)(void))
{
	_cleanup_free_ char *own = paced(args);
	_cleanup_free_ char *all = xasprintf(
	    "%s to=" FAR4 "," FAR6 " direction=both engine=%s", own, measure.engine);
	struct held_fault h = held_on(kind, all);

	run_in_time(h.pid);
	print_message("         %s %s\n", kind, own);
	complaint[0] = '\0';
	run_series(s);
	judge();
	held_step(&h, 'h');
	if (h.state->run.effect == 0)
		complain("it says that it had no effect");
	held_off(&h);
}

/* Arm the fault, send the series, judge, disarm.  When something is wrong and the machine
 * stood still meanwhile, once more and slower; when it always does, nothing was measured. */
static inline void
measure_fault(const char *kind, const char *args, struct series s, void (*judge)(void))
{
	measure.pace = strcmp(measure.engine, "netem") == 0 ? PACE_EMULATED : 1;
	for (int i = 0; i < TRIES; i++) {
		measure_once(kind, args, s, judge);
		if (complaint[0] == '\0')
			return;
		print_message("         the witness, or we, were up to %.2f ms late\n",
		    measure.stood_still);
		if (!machine_stood_still())
			fail_msg("%s %s: %s", kind, args, complaint);
		if (i % 2 == 1 && measure.pace < PACE_MAX)
			measure.pace *= 2;
	}
	skip_test("the machine stood still each time: %s", complaint);
}

static inline bool
has_engine(const char *name)
{
	_cleanup_free_ char *args = xasprintf("delay=50ms to=" FAR4 " engine=%s", name);
	struct held_fault h = held_new("net.delay", args);
	bool has = held_try(&h, 's');

	if (!has)
		(void)printf("skip: engine %s: %s\n", name, h.state->e.msg);
	held_off(&h);
	return has;
}

/* With an argument only that engine; with another one only the tests of that pattern. */
static inline int
measure_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	static const char *const engines[] = { "netem", "nfqueue" };
	int failed = 0, ran = 0;

	if (geteuid() != 0)
		skip_all("needs root, for network namespaces of its own");
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		skip_all("cannot make a network namespace");
	if (held_world_make() < 0 || measure_start() < 0)
		return 1;
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
		if ((argc > 1 && strcmp(argv[1], engines[i]) != 0) ||
		    !has_engine(engines[i]))
			continue;
		ran++;
		measure.engine = engines[i];
		run_in_time(0);
		failed += _cmocka_run_group_tests(engines[i], tests, count, NULL, NULL);
	}
	(void)kill(measure.far_pid, SIGKILL);
	(void)waitpid(measure.far_pid, NULL, 0);
	(void)held_world_end();
	return failed > 0 ? 1 : ran > 0 ? 0 : 77;
}

#endif
