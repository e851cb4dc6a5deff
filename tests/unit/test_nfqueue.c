/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real queue in a network namespace of this program's own: UDP on its loopback, which
 * iptables sends to the queue, comes through when the test says so.
 */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "nfqueue.h"
#include "nl.h"
#include "spawn.h"

enum { QUEUE = 4711, PORT = 5353, WAIT_MS = 30000 };

static struct err e;
static int receiver, sender;

static void
run(const char *const *argv)
{
	const struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 10000 };

	assert_ok(run_tool(&t, &e), e);
}

static void
iptables(const char *how)
{
	const char *const argv[] = { "/usr/sbin/iptables", "-w", "-t", "mangle", how,
		"OUTPUT", "-p", "udp", "--dport", "5353", "-j", "NFQUEUE", "--queue-num",
		"4711", "--queue-bypass", NULL };

	run(argv);
}

static int
set_up(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct nl *n = NULL;

	(void)state;
	assert_ok(nl_open(&n, NETLINK_ROUTE, &e), e);
	assert_ok(link_up(n, 1, &e), e);
	nl_free(n);
	receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(receiver, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(connect(sender, (struct sockaddr *)&a, sizeof(a)), 0);
	iptables("-A");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close(receiver);
	close(sender);
	return 0;
}

static void
send_numbers(uint8_t first, uint8_t count)
{
	for (uint8_t i = 0; i < count; i++) {
		uint8_t v = (uint8_t)(first + i);

		assert_int_equal(send(sender, &v, 1, 0), 1);
	}
}

static int
receive_number(int wait_ms)
{
	struct pollfd p = { .fd = receiver, .events = POLLIN };
	uint8_t v;

	if (poll(&p, 1, wait_ms) <= 0)
		return -1;
	assert_int_equal(recv(receiver, &v, 1, 0), 1);
	return v;
}

static size_t
read_ids(struct nfqueue *q, uint32_t *ids, size_t want)
{
	struct nfqueue_packet some[NFQUEUE_READ_MAX];
	size_t have = 0;

	while (have < want) {
		struct pollfd p = { .fd = nfqueue_fd(q), .events = POLLIN };
		int got;

		if (poll(&p, 1, WAIT_MS) <= 0)
			break;
		got = nfqueue_read(q, some);
		assert_true(got >= 0);
		for (int i = 0; i < got; i++)
			ids[have++] = some[i].id;
	}
	return have;
}

static struct nfqueue *
open_queue(uint32_t room, enum nfqueue_copy copy)
{
	const struct nfqueue_options o = { .number = QUEUE, .room = room, .copy = copy };
	struct nfqueue *q = NULL;

	assert_ok(nfqueue_open(&q, &o, &e), e);
	return q;
}

/* The next packet: it stays valid until the next read. */
static struct nfqueue_packet
read_one(struct nfqueue *q)
{
	struct nfqueue_packet some[NFQUEUE_READ_MAX];
	struct pollfd p = { .fd = nfqueue_fd(q), .events = POLLIN };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(nfqueue_read(q, some), 1);
	return some[0];
}

static void
held_packets_go_when_they_are_let_go(void **state)
{
	struct nfqueue *q = open_queue(100, NFQUEUE_NUMBERS);
	uint32_t ids[16];

	(void)state;
	send_numbers(0, 10);
	assert_int_equal(read_ids(q, ids, 10), 10);
	assert_int_equal(receive_number(50), -1);

	assert_int_equal(nfqueue_accept_upto(q, ids[3]), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(receive_number(WAIT_MS), i);
	assert_int_equal(nfqueue_accept(q, ids[8]), 0);
	assert_int_equal(nfqueue_accept(q, ids[5]), 0);
	assert_int_equal(receive_number(50), -1);
	assert_int_equal(nfqueue_flush(q), 0);
	assert_int_equal(receive_number(WAIT_MS), 8);
	assert_int_equal(receive_number(WAIT_MS), 5);
	assert_int_equal(nfqueue_accept_upto(q, ids[9]), 0);
	assert_int_equal(receive_number(WAIT_MS), 4);
	assert_int_equal(receive_number(WAIT_MS), 6);
	assert_int_equal(receive_number(WAIT_MS), 7);
	assert_int_equal(receive_number(WAIT_MS), 9);
	nfqueue_close(q);
}

static void
a_packet_that_is_gone_already_harms_nothing(void **state)
{
	struct nfqueue *q = open_queue(100, NFQUEUE_NUMBERS);
	uint32_t ids[16];

	(void)state;
	assert_int_equal(nfqueue_accept(q, 12345), 0);
	assert_int_equal(nfqueue_flush(q), 0);
	send_numbers(1, 1);
	assert_int_equal(read_ids(q, ids, 1), 1);
	assert_int_equal(nfqueue_accept_upto(q, ids[0]), 0);
	assert_int_equal(receive_number(WAIT_MS), 1);
	nfqueue_close(q);
}

static void
a_full_queue_and_no_queue_let_traffic_pass(void **state)
{
	struct nfqueue *q = open_queue(3, NFQUEUE_NUMBERS);
	uint32_t ids[16];

	(void)state;
	send_numbers(0, 5);
	assert_int_equal(receive_number(WAIT_MS), 3);
	assert_int_equal(receive_number(WAIT_MS), 4);
	assert_int_equal(read_ids(q, ids, 3), 3);
	nfqueue_close(q);
	send_numbers(7, 1);
	assert_int_equal(receive_number(WAIT_MS), 7);
}

static void
a_queue_has_one_holder(void **state)
{
	const struct nfqueue_options o = { .number = QUEUE, .room = 3 };
	struct nfqueue *q = NULL, *other = NULL;

	(void)state;
	assert_false(nfqueue_taken(QUEUE));
	assert_ok(nfqueue_open(&q, &o, &e), e);
	assert_true(nfqueue_taken(QUEUE));
	assert_false(nfqueue_taken(QUEUE + 1));
	assert_int_equal(nfqueue_open(&other, &o, &e), -EBUSY);
	nfqueue_close(q);
	assert_false(nfqueue_taken(QUEUE));
}

static void
dropped_packets_do_not_come(void **state)
{
	struct nfqueue *q = open_queue(100, NFQUEUE_NUMBERS);
	uint32_t ids[16];

	(void)state;
	send_numbers(0, 4);
	assert_int_equal(read_ids(q, ids, 4), 4);
	assert_int_equal(nfqueue_drop(q, ids[0]), 0);
	assert_int_equal(nfqueue_drop(q, ids[2]), 0);
	/* what waits goes before the others are let go */
	assert_int_equal(nfqueue_accept_upto(q, ids[3]), 0);
	assert_int_equal(receive_number(WAIT_MS), 1);
	assert_int_equal(receive_number(WAIT_MS), 3);
	assert_int_equal(receive_number(50), -1);
	nfqueue_close(q);
}

/* What the sender sent, as it is seen from the IP header on. */
static void
copies_say_as_much_as_was_asked_for(void **state)
{
	enum { SENT = 1000, LEN = sizeof(struct iphdr) + sizeof(struct udphdr) + SENT };
	static const struct {
		enum nfqueue_copy copy;
		uint32_t len, payload_len;
	} cases[] = {
		{ NFQUEUE_NUMBERS, 0, 0 },
		{ NFQUEUE_HEADERS, LEN, NFQUEUE_HEADER_LEN },
		{ NFQUEUE_WHOLE, LEN, LEN },
	};
	uint8_t bytes[SENT] = { 0x42 }, got[SENT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nfqueue *q = open_queue(100, cases[i].copy);
		struct nfqueue_packet p;

		assert_int_equal(send(sender, bytes, SENT, 0), SENT);
		p = read_one(q);
		assert_int_equal(p.hook, NF_INET_LOCAL_OUT);
		assert_int_equal(p.family, 4);
		assert_int_equal(p.out, 1);
		assert_int_equal(p.in, 0);
		assert_int_equal(p.len, cases[i].len);
		assert_int_equal(p.payload_len, cases[i].payload_len);
		if (p.payload_len > 0) {
			assert_int_equal(p.payload[0], 0x45);
			assert_int_equal(p.payload[LEN - SENT], 0x42);
		}
		assert_int_equal(nfqueue_accept_upto(q, p.id), 0);
		assert_int_equal(recv(receiver, got, SENT, 0), SENT);
		nfqueue_close(q);
	}
}

/* The checksum of a header of which one field grew by this much. */
static void
add_to_sum(uint8_t sum[static 2], uint32_t more)
{
	uint32_t v = ((uint32_t)(uint8_t)~sum[0] << 8 | (uint8_t)~sum[1]) + more;

	v = (v & 0xffff) + (v >> 16);
	sum[0] = (uint8_t)(~v >> 8);
	sum[1] = (uint8_t)~v;
}

/* As an answer of another length, too; UDP without a checksum takes it. */
static void
a_changed_packet_arrives_changed(void **state)
{
	static const char text[] = "quite another text than was sent";
	const size_t head = sizeof(struct iphdr) + sizeof(struct udphdr);
	struct nfqueue *q = open_queue(100, NFQUEUE_WHOLE);
	struct nfqueue_packet p;
	uint8_t packet[256] = { 0 };
	struct udphdr udp;
	char got[256];

	(void)state;
	for (size_t len = 1; len <= sizeof(text); len += sizeof(text) - 1) {
		send_numbers(7, 1);
		p = read_one(q);
		assert_int_equal(p.payload_len, head + 1);
		memcpy(packet, p.payload, head);
		memcpy(&udp, packet + sizeof(struct iphdr), sizeof(udp));
		udp.check = 0;
		udp.len = htons((uint16_t)(sizeof(udp) + len));
		memcpy(packet + sizeof(struct iphdr), &udp, sizeof(udp));
		memcpy(packet + head, text, len);
		packet[3] = (uint8_t)(head + len);
		add_to_sum(packet + 10, (uint32_t)(len - 1));
		assert_int_equal(nfqueue_accept_changed(q, p.id, packet, head + len), 0);
		assert_int_equal(recv(receiver, got, sizeof(got), 0), len);
		assert_memory_equal(got, text, len);
	}
	nfqueue_close(q);
}

/* Let go what comes until so many bytes are through: the longest packet there was. */
static uint32_t
longest_of(struct nfqueue *q, int from, ssize_t left)
{
	static char bytes[65536];
	struct nfqueue_packet some[NFQUEUE_READ_MAX];
	uint32_t longest = 0;

	while (left > 0) {
		struct pollfd p[] = { { nfqueue_fd(q), POLLIN, 0 }, { from, POLLIN, 0 } };
		ssize_t got;
		int n;

		assert_true(poll(p, 2, WAIT_MS) > 0);
		n = nfqueue_read(q, some);
		for (int i = 0; i < n; i++)
			longest = some[i].len > longest ? some[i].len : longest;
		if (n > 0)
			assert_int_equal(nfqueue_accept_upto(q, some[n - 1].id), 0);
		got = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);
		left -= got > 0 ? got : 0;
	}
	return longest;
}

static void
tcp_pair(int ret[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 1), 0);
	ret[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ret[0], (struct sockaddr *)&a, sizeof(a)), 0);
	ret[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ret[1] >= 0);
	(void)close(listener);
}

/* What TCP hands down in one piece is cut to the size of the wire, unless we say so. */
static void
large_packets_are_cut_or_kept(void **state)
{
	enum { SENT = 200000, MTU = 1500 };
	static const char *const mtu[] = { "/sbin/ip", "link", "set", "lo", "mtu", "1500",
		NULL };
	static const char *const rule[] = { "/usr/sbin/iptables", "-w", "-t", "mangle",
		"-A", "OUTPUT", "-p", "tcp", "--dport", "5353", "-j", "NFQUEUE",
		"--queue-num", "4711", "--queue-bypass", NULL };
	static const char bytes[SENT];

	(void)state;
	run(mtu);
	run(rule);
	for (int keeps = 0; keeps < 2; keeps++) {
		const struct nfqueue_options o = { .number = QUEUE,
			.room = 1000,
			.copy = NFQUEUE_HEADERS,
			.keeps_large = keeps };
		struct nfqueue *q = NULL;
		uint32_t longest;
		ssize_t sent;
		int ends[2];

		tcp_pair(ends);
		assert_ok(nfqueue_open(&q, &o, &e), e);
		sent = send(ends[0], bytes, SENT, MSG_DONTWAIT);
		assert_true(sent > 20 * MTU);
		longest = longest_of(q, ends[1], sent);
		assert_true(keeps ? longest > MTU : longest <= MTU);
		nfqueue_close(q);
		(void)close(ends[0]);
		(void)close(ends[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(held_packets_go_when_they_are_let_go),
		cmocka_unit_test(a_packet_that_is_gone_already_harms_nothing),
		cmocka_unit_test(a_full_queue_and_no_queue_let_traffic_pass),
		cmocka_unit_test(a_queue_has_one_holder),
		cmocka_unit_test(dropped_packets_do_not_come),
		cmocka_unit_test(copies_say_as_much_as_was_asked_for),
		cmocka_unit_test(a_changed_packet_arrives_changed),
		cmocka_unit_test(large_packets_are_cut_or_kept),
	};

	if (geteuid() != 0)
		skip_all("needs root, for a network namespace of its own");
	if (access("/usr/sbin/iptables", X_OK) < 0)
		skip_all("no /usr/sbin/iptables");
	if (unshare(CLONE_NEWNET) < 0)
		skip_all("cannot make a network namespace");
	if (nfqueue_supported(&e) < 0)
		skip_all("%s", e.msg);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
