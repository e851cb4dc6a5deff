/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets taken from a wire, read and made again; and every way in which one can be cut
 * short or lie about its lengths.
 */
#include "test.h"

#include <netinet/in.h>
#include <string.h>

#include "cleanup.h"
#include "ip_packet.h"

/* 10.0.0.1:4660 → 10.0.0.2:53, "ab"; computed by hand, as the kernel sends it. */
static const uint8_t udp4[] = { 0x45, 0, 0, 30, 0, 0, 0x40, 0, 64, 17, 0x26, 0xcd, 10, 0,
	0, 1, 10, 0, 0, 2, 0x12, 0x34, 0, 53, 0, 10, 0x78, 0x0c, 'a', 'b' };

static const struct ip_packet answer = {
	.family = 6,
	.protocol = IPPROTO_TCP,
	.from = { { 0xfd, [15] = 2 }, 53 },
	.to = { { 0xfd, [15] = 1 }, 0x1234 },
	.seq = 0xfffffffe,
	.ack = 0x01020304,
	.flags = TCP_ACK | TCP_PSH | TCP_FIN,
	.data = (const uint8_t *)"odd",
	.len = 3,
};

static bool
read_exactly(const uint8_t *bytes, size_t len, struct ip_packet *ret)
{
	static uint8_t *exact; /* ret->data points into it */

	free(exact);
	exact = malloc(len > 0 ? len : 1);
	assert_non_null(exact);
	memcpy(exact, bytes, len);
	return ip_packet_read(exact, len, ret);
}

static void
a_datagram_is_read_and_written_byte_for_byte(void **state)
{
	struct ip_packet p;
	uint8_t again[64];

	(void)state;
	assert_true(read_exactly(udp4, sizeof(udp4), &p));
	assert_int_equal(p.family, 4);
	assert_int_equal(p.from.port, 0x1234);
	assert_int_equal(p.to.port, 53);
	assert_memory_equal(p.to.addr, ((uint8_t[]){ 10, 0, 0, 2 }), 4);
	assert_int_equal(p.len, 2);
	assert_memory_equal(p.data, "ab", 2);
	assert_int_equal(ip_packet_write(&p, again, sizeof(again)), sizeof(udp4));
	assert_memory_equal(again, udp4, sizeof(udp4));
}

/* The sum over everything that a checksum covers, the checksum too, is all ones. */
static uint16_t
sum_of(const uint8_t *packet, size_t len)
{
	uint32_t sum = (uint32_t)(len - 40) + packet[6];

	for (size_t i = 8; i < len; i++)
		sum += (uint32_t)packet[i] << (i % 2 == 0 ? 8 : 0);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void
a_segment_is_read_as_it_was_written(void **state)
{
	uint8_t bytes[IP_PACKET_HEADERS_MAX + 3];
	struct ip_packet p;

	(void)state;
	assert_int_equal(ip_packet_write(&answer, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(sum_of(bytes, sizeof(bytes)), 0xffff);
	assert_true(read_exactly(bytes, sizeof(bytes), &p));
	assert_int_equal(p.seq, answer.seq);
	assert_int_equal(p.ack, answer.ack);
	assert_int_equal(p.flags, answer.flags);
	assert_memory_equal(&p.from, &answer.from, sizeof(p.from));
	assert_memory_equal(&p.to, &answer.to, sizeof(p.to));
	assert_int_equal(p.len, 3);
	assert_memory_equal(p.data, "odd", 3);
	assert_int_equal(ip_packet_write(&answer, bytes, sizeof(bytes) - 1), 0);
}

static void
every_cut_of_a_packet_is_none(void **state)
{
	uint8_t six[IP_PACKET_HEADERS_MAX + 3];
	struct ip_packet p;

	(void)state;
	for (size_t len = 0; len < sizeof(udp4); len++)
		assert_false(read_exactly(udp4, len, &p));
	(void)ip_packet_write(&answer, six, sizeof(six));
	for (size_t len = 0; len < sizeof(six); len++)
		assert_false(read_exactly(six, len, &p));
}

/* The datagram above with one byte changed. */
static bool
reads_with(size_t at, uint8_t value)
{
	uint8_t bytes[sizeof(udp4)];
	struct ip_packet p;

	memcpy(bytes, udp4, sizeof(udp4));
	bytes[at] = value;
	return read_exactly(bytes, sizeof(bytes), &p);
}

static void
what_is_no_whole_packet_of_ours_is_none(void **state)
{
	(void)state;
	assert_true(reads_with(1, 0xb8));  /* another class of service */
	assert_false(reads_with(0, 0x55)); /* IPv5 */
	assert_false(reads_with(0, 0x44)); /* a header of 16 bytes */
	assert_false(reads_with(0, 0x4f)); /* one longer than the packet */
	assert_false(reads_with(3, 31));   /* longer than what there is */
	assert_false(reads_with(3, 19));   /* shorter than its header */
	assert_false(reads_with(6, 0x20)); /* a first fragment */
	assert_false(reads_with(7, 1));    /* a later one */
	assert_false(reads_with(9, IPPROTO_ICMP));
	assert_false(reads_with(25, 7));  /* a datagram shorter than its header */
	assert_false(reads_with(25, 11)); /* longer than the packet */
}

static void
options_are_skipped(void **state)
{
	uint8_t bytes[sizeof(udp4) + 4] = { 0 };
	struct ip_packet p;

	(void)state;
	memcpy(bytes, udp4, 20);
	memcpy(bytes + 24, udp4 + 20, sizeof(udp4) - 20);
	bytes[0] = 0x46;
	bytes[3] = sizeof(bytes);
	assert_true(read_exactly(bytes, sizeof(bytes), &p));
	assert_int_equal(p.to.port, 53);
	assert_memory_equal(p.data, "ab", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_is_read_and_written_byte_for_byte),
		cmocka_unit_test(a_segment_is_read_as_it_was_written),
		cmocka_unit_test(every_cut_of_a_packet_is_none),
		cmocka_unit_test(what_is_no_whole_packet_of_ours_is_none),
		cmocka_unit_test(options_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
