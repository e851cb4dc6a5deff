/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets made by hand in a network namespace of this program's own, sent to sockets on its
 * loopback: they arrive from whom they say, marked, in one piece even when the link takes
 * only pieces.
 */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "nl.h"
#include "raw_ip.h"
#include "spawn.h"

enum { PORT = 5353, FROM_PORT = 53, MARK = 0x5d001234, WAIT_MS = 30000, LOOPBACK = 1 };

/* <linux/udp.h> and <netinet/udp.h> do not go together. */
enum { UDP_TAKES_NO_SUM6 = 102 };

#define FAR4 "198.51.100.7" /* nobody here has it */
#define FAR6 "2001:db8::7"

static struct err e;

union any_address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static void
run(const char *const *argv)
{
	const struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 10000 };

	assert_ok(run_tool(&t, &e), e);
}

static int
open_receiver(int family)
{
	union any_address a = { 0 };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	a.sa.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		a.v4.sin_port = htons(PORT);
	} else {
		a.v6.sin6_port = htons(PORT);
		assert_int_equal(
		    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
		/* the packets here have no checksum */
		on = 1;
		assert_int_equal(
		    setsockopt(fd, IPPROTO_UDP, UDP_TAKES_NO_SUM6, &on, sizeof(on)), 0);
	}
	assert_int_equal(bind(fd, &a.sa, sizeof(a)), 0);
	return fd;
}

/* UDP from `from` to `to` with `len` bytes that can be told apart. */
static size_t
make_packet(uint8_t *ret, const char *from, const char *to, size_t len)
{
	struct udphdr u = { .source = htons(FROM_PORT),
		.dest = htons(PORT),
		.len = htons((uint16_t)(sizeof(u) + len)) };
	struct ip6_hdr h6 = { .ip6_plen = u.len, .ip6_nxt = IPPROTO_UDP, .ip6_hlim = 64 };
	struct iphdr h4 = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
	size_t at = strchr(from, ':') != NULL ? sizeof(h6) : sizeof(h4);

	h6.ip6_vfc = 0x60;
	h4.tot_len = htons((uint16_t)(sizeof(h4) + sizeof(u) + len));
	if (at == sizeof(h6)) {
		assert_int_equal(inet_pton(AF_INET6, from, &h6.ip6_src), 1);
		assert_int_equal(inet_pton(AF_INET6, to, &h6.ip6_dst), 1);
		memcpy(ret, &h6, at);
	} else {
		assert_int_equal(inet_pton(AF_INET, from, &h4.saddr), 1);
		assert_int_equal(inet_pton(AF_INET, to, &h4.daddr), 1);
		memcpy(ret, &h4, at);
	}
	memcpy(ret + at, &u, sizeof(u));
	at += sizeof(u);
	for (size_t i = 0; i < len; i++)
		ret[at + i] = (uint8_t)(i / 251 + i);
	return at + len;
}

static void
assert_received(int fd, const char *from, const uint8_t *packet, size_t len, size_t body)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static uint8_t got[65536];
	union any_address a = { 0 };
	socklen_t size = sizeof(a);
	char name[64];

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(recvfrom(fd, got, sizeof(got), 0, &a.sa, &size), body);
	assert_memory_equal(got, packet + len - body, body);
	if (a.sa.sa_family == AF_INET)
		(void)inet_ntop(AF_INET, &a.v4.sin_addr, name, sizeof(name));
	else
		(void)inet_ntop(AF_INET6, &a.v6.sin6_addr, name, sizeof(name));
	assert_string_equal(name, from);
}

static void
packets_arrive_from_whom_they_say(void **state)
{
	static const size_t bodies[] = { 1, 1000, 9000, 60000 };
	struct raw_ip *r = NULL;
	int fd4 = open_receiver(AF_INET), fd6 = open_receiver(AF_INET6);
	static uint8_t packet[65536];

	(void)state;
	assert_ok(raw_ip_open(&r, MARK, &e), e);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		size_t len = make_packet(packet, FAR4, "127.0.0.1", bodies[i]);

		assert_int_equal(raw_ip_deliver(r, packet, len, 0), 0);
		assert_received(fd4, FAR4, packet, len, bodies[i]);
		len = make_packet(packet, FAR6, "::1", bodies[i]);
		assert_int_equal(raw_ip_deliver(r, packet, len, 0), 0);
		assert_received(fd6, FAR6, packet, len, bodies[i]);
		len = make_packet(packet, "127.0.0.1", "127.0.0.1", bodies[i]);
		assert_int_equal(raw_ip_send(r, packet, len, LOOPBACK), 0);
		assert_received(fd4, "127.0.0.1", packet, len, bodies[i]);
	}
	raw_ip_close(r);
	(void)close(fd4);
	(void)close(fd6);
}

/* A rule that drops all but the mark lets them through. */
static void
packets_carry_the_mark(void **state)
{
	static const char *const block[] = { "/usr/sbin/iptables", "-w", "-A", "OUTPUT",
		"-m", "mark", "!", "--mark", "0x5d001234", "-j", "DROP", NULL };
	static const char *const open_again[] = { "/usr/sbin/iptables", "-w", "-F",
		NULL };
	uint8_t packet[128];
	struct raw_ip *r = NULL;
	int fd = open_receiver(AF_INET);
	size_t len = make_packet(packet, FAR4, "127.0.0.1", 5);

	(void)state;
	if (access(block[0], X_OK) < 0)
		skip_test("no /usr/sbin/iptables");
	run(block);
	assert_ok(raw_ip_open(&r, MARK, &e), e);
	assert_int_equal(raw_ip_deliver(r, packet, len, 0), 0);
	assert_received(fd, FAR4, packet, len, 5);
	raw_ip_close(r);
	assert_ok(raw_ip_open(&r, MARK + 1, &e), e);
	assert_int_equal(raw_ip_deliver(r, packet, len, 0), -EPERM);
	raw_ip_close(r);
	run(open_again);
	(void)close(fd);
}

static void
what_is_no_packet_or_for_many_is_refused(void **state)
{
	uint8_t packet[128];
	struct raw_ip *r = NULL;
	size_t len = make_packet(packet, FAR4, "127.0.0.1", 5);

	(void)state;
	assert_ok(raw_ip_open(&r, MARK, &e), e);
	assert_int_equal(raw_ip_send(r, packet, 0, 0), -EBADMSG);
	assert_int_equal(raw_ip_send(r, packet, 19, 0), -EBADMSG);
	packet[0] = 0x4f; /* a header of 60 bytes */
	assert_int_equal(raw_ip_send(r, packet, len, 0), -EBADMSG);
	packet[0] = 0x44;
	assert_int_equal(raw_ip_send(r, packet, len, 0), -EBADMSG);
	packet[0] = 0x60; /* too short for IPv6 */
	assert_int_equal(raw_ip_send(r, packet, len, 0), -EBADMSG);
	len = make_packet(packet, FAR4, "224.0.0.1", 5);
	assert_int_equal(raw_ip_deliver(r, packet, len, 0), -EADDRNOTAVAIL);
	len = make_packet(packet, FAR4, "255.255.255.255", 5);
	assert_int_equal(raw_ip_deliver(r, packet, len, 0), -EADDRNOTAVAIL);
	len = make_packet(packet, FAR6, "ff02::1", 5);
	assert_int_equal(raw_ip_deliver(r, packet, len, 0), -EADDRNOTAVAIL);
	raw_ip_close(r);
}

static int
set_up(void **state)
{
	static const char *const mtu[] = { "/sbin/ip", "link", "set", "lo", "mtu", "1500",
		NULL };
	struct nl *n = NULL;

	(void)state;
	assert_ok(nl_open(&n, NETLINK_ROUTE, &e), e);
	assert_ok(link_up(n, LOOPBACK, &e), e);
	nl_free(n);
	run(mtu);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_arrive_from_whom_they_say),
		cmocka_unit_test(packets_carry_the_mark),
		cmocka_unit_test(what_is_no_packet_or_for_many_is_refused),
	};

	if (geteuid() != 0)
		skip_all("needs root, for a network namespace of its own");
	if (unshare(CLONE_NEWNET) < 0)
		skip_all("cannot make a network namespace");
	return cmocka_run_group_tests(tests, set_up, NULL);
}
