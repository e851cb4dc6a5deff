/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Not one unrelated packet is lost while faults come and go: 10,000 datagrams a second each
 * way between two addresses that no fault means, on the interface and under the rules of
 * faults that are armed and undone all the while, with traffic of their own to cut.
 */
#include "exempt.h"
#include "held.h"
#include "pidns.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define OTHER4 "10.99.0.3" /* the far side's, too */
#define OTHER6 "fd99::3"

enum { PER_SECOND = 10000, CYCLES = 8, STREAM_PORT = 9100, BUFFER = 32 << 20 };
enum { OUT4, IN4, OUT6, IN6, STREAMS };
static const char *const stream_names[STREAMS] = { "out by IPv4", "in by IPv4",
	"out by IPv6", "in by IPv6" };

static struct farside *far_side;

struct stream {
	int from, to;
	struct sockaddr_storage address;
	socklen_t len;
	uint64_t sent;
	_Atomic uint64_t came;
};

static struct streams {
	struct stream one[STREAMS];
	_Atomic bool ends;
	pthread_t sender, taker;
} streams;

/* --- the streams ------------------------------------------------------------------------ */

static uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* By the clock: IPv4 at the full rate, IPv6 at a tenth of it. */
static void *
send_all(void *data)
{
	struct streams *s = data;
	uint64_t begin = now_us();

	while (!atomic_load(&s->ends)) {
		uint64_t due = (now_us() - begin) * PER_SECOND / 1000000;

		for (int i = 0; i < STREAMS; i++) {
			struct stream *t = &s->one[i];
			uint64_t until = i >= OUT6 ? due / 10 : due;

			/* one that is dropped on the way out is an error here, and lost */
			for (; t->sent < until; t->sent++)
				(void)sendto(
				    t->from, "x", 1, 0, (void *)&t->address, t->len);
		}
		(void)usleep(100);
	}
	return NULL;
}

static void
take_what_came(struct streams *s)
{
	char c;

	for (int i = 0; i < STREAMS; i++)
		while (recv(s->one[i].to, &c, 1, MSG_DONTWAIT) == 1)
			atomic_fetch_add(&s->one[i].came, 1);
}

static void *
take_until_the_end(void *data)
{
	struct streams *s = data;

	while (!atomic_load(&s->ends)) {
		take_what_came(s);
		(void)usleep(500);
	}
	return NULL;
}

static void
make_stream(int i, int near_fd, int far_fd)
{
	static const char *const to[STREAMS] = { OTHER4, NEAR4, OTHER6, NEAR6 };
	struct stream *t = &streams.one[i];
	bool out = i == OUT4 || i == OUT6;
	int size = BUFFER;

	*t = (struct stream){ .from = out ? near_fd : far_fd,
		.to = out ? far_fd : near_fd };
	t->len = address(&t->address, to[i], STREAM_PORT);
	assert_int_equal(
	    setsockopt(t->to, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
}

/* What the far side sends on a connected socket of its other address comes from there. */
static int
far_other(int family)
{
	struct sockaddr_storage own, near_side;
	int here = far_enter(far_side);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = address(&own, family == AF_INET ? OTHER4 : OTHER6, STREAM_PORT);

	assert_int_equal(bind(fd, (struct sockaddr *)&own, len), 0);
	far_leave(here);
	len = address(&near_side, family == AF_INET ? NEAR4 : NEAR6, STREAM_PORT);
	assert_int_equal(connect(fd, (struct sockaddr *)&near_side, len), 0);
	return fd;
}

static void
streams_begin(void)
{
	int near4 = bound(AF_INET, SOCK_DGRAM, STREAM_PORT);
	int near6 = bound(AF_INET6, SOCK_DGRAM, STREAM_PORT);
	int far4 = far_other(AF_INET), far6 = far_other(AF_INET6);

	make_stream(OUT4, near4, far4);
	make_stream(IN4, near4, far4);
	make_stream(OUT6, near6, far6);
	make_stream(IN6, near6, far6);
	atomic_store(&streams.ends, false);
	assert_int_equal(pthread_create(&streams.sender, NULL, send_all, &streams), 0);
	assert_int_equal(
	    pthread_create(&streams.taker, NULL, take_until_the_end, &streams), 0);
}

/* How many are missing once nothing more comes; told apart by stream in `what`. */
static uint64_t
streams_end(char *what, size_t size)
{
	uint64_t missing = 0, before;
	size_t used = 0;

	atomic_store(&streams.ends, true);
	assert_int_equal(pthread_join(streams.sender, NULL), 0);
	assert_int_equal(pthread_join(streams.taker, NULL), 0);
	do {
		before = streams.one[OUT4].came + streams.one[IN4].came;
		(void)poll(NULL, 0, 50);
		take_what_came(&streams);
	} while (streams.one[OUT4].came + streams.one[IN4].came != before);
	for (int i = 0; i < STREAMS; i++) {
		const struct stream *t = &streams.one[i];

		missing += t->sent - t->came;
		used += (size_t)snprintf(what + used, size - used, "%s: %llu of %llu; ",
		    stream_names[i], (unsigned long long)(t->sent - t->came),
		    (unsigned long long)t->sent);
	}
	(void)close(streams.one[OUT4].from);
	(void)close(streams.one[OUT4].to);
	(void)close(streams.one[OUT6].from);
	(void)close(streams.one[OUT6].to);
	return missing;
}

/* --- faults that come and go ------------------------------------------------------------ */

static const struct {
	const char *kind, *args;
} faults[] = {
	{ "net.partition", "engine=iptables to=" FAR4 "," FAR6 },
	{ "net.partition", "engine=iptables to=any exclude=" OTHER4 "," OTHER6 },
	{ "net.partition", "engine=iptables mode=reject to=any exclude_port=9100" },
	{ "net.partition", "engine=iptables flap=100ms/100ms to=" FAR4 "," FAR6 },
	{ "net.partition", "engine=nftables to=" FAR4 "," FAR6 },
	{ "net.partition", "engine=nftables to=any exclude=" OTHER4 "," OTHER6 },
	{ "net.delay", "engine=nfqueue delay=20ms direction=both to=" FAR4 "," FAR6 },
	{ "net.loss", "engine=nfqueue loss=50% direction=both to=any "
		      "exclude=10.99.0.3,fd99::3" },
	{ "net.delay", "engine=netem delay=20ms direction=both to=" FAR4 "," FAR6 },
	{ "net.loss", "engine=netem loss=50% direction=both to=any "
		      "exclude=10.99.0.3,fd99::3" },
};

/* With a connection that the fault means, so that its rules have work. */
static bool
come_and_go(const char *kind, const char *args)
{
	for (int i = 0; i < CYCLES; i++) {
		struct held_fault h = held_new(kind, args);

		if (i == 0 && !held_try(&h, 's')) {
			(void)printf("skip: %s %s: %s\n", kind, args, h.state->e.msg);
			held_off(&h);
			return false;
		}
		if (i > 0)
			held_step(&h, 's');
		held_step(&h, 'a');
		(void)poll(NULL, 0, i == 0 ? 300 : TICK_MS);
		held_off(&h);
	}
	return true;
}

static void
no_unrelated_packet_is_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		_cleanup_free_ char *before = held_look_around();
		char what[256];
		uint64_t missing;
		bool done;

		streams_begin();
		done = come_and_go(faults[i].kind, faults[i].args);
		missing = streams_end(what, sizeof(what));
		if (done && missing != 0)
			fail_msg("%s %s: %s", faults[i].kind, faults[i].args, what);
		assert_as_before(before);
	}
}

/* The streams would tell. */
static void
packets_that_are_meant_are_lost(void **state)
{
	char what[256];

	(void)state;
	streams_begin();
	assert_true(come_and_go("net.partition", "to=" OTHER4 "," OTHER6));
	assert_true(streams_end(what, sizeof(what)) > 0);
	assert_null(strstr(what, ": 0 of "));
}

/* --- */

static int
unrelated_make(void **state)
{
	int here, rc;

	(void)state;
	if (farside_start(&far_side) < 0 || held_world_make() < 0)
		return -1;
	here = far_enter(far_side);
	rc = ip("addr add " OTHER4 "/24 dev far0") |
	     ip("addr add " OTHER6 "/64 dev far0 nodad");
	far_leave(here);
	return rc;
}

static int
unrelated_end(void **state)
{
	(void)state;
	farside_end(far_side);
	return held_world_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_that_are_meant_are_lost),
		cmocka_unit_test(no_unrelated_packet_is_lost),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, unrelated_make, unrelated_end);
}
