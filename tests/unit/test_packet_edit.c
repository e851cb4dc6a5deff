/* SPDX-License-Identifier: Apache-2.0 */
/* Marks and flipped bits in packets made by hand, and packets kept for later. */
#include "test.h"

#include <string.h>

#include "contents.h"
#include "packet_edit.h"

enum { HEADER4 = 20, HEADER6 = 40, BODY = 30 };

/* Of a header with its checksum in it: 0xffff. */
static uint32_t
sum_of(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static size_t
make_packet(uint8_t *ret, int version, uint8_t ecn)
{
	size_t header = version == 4 ? HEADER4 : HEADER6;

	for (size_t i = 0; i < HEADER6 + BODY; i++)
		ret[i] = (uint8_t)(i * 37);
	if (version == 6) {
		ret[0] = 0x6b;
		ret[1] = (uint8_t)(0x0c | ecn << 4);
		return header + BODY;
	}
	ret[0] = 0x45;
	ret[1] = (uint8_t)(0xb8 | ecn);
	ret[10] = ret[11] = 0;
	{
		uint32_t sum = ~sum_of(ret, HEADER4);

		ret[10] = (uint8_t)(sum >> 8);
		ret[11] = (uint8_t)sum;
	}
	return header + BODY;
}

static void
marks_change_two_bits_and_keep_the_checksum(void **state)
{
	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		for (uint8_t ecn = 0; ecn < 4; ecn++) {
			uint8_t p[HEADER6 + BODY], before[HEADER6 + BODY];
			size_t len = make_packet(p, version, ecn);
			uint8_t bits = version == 4 ? 0x03 : 0x30;

			memcpy(before, p, sizeof(p));
			assert_int_equal(packet_takes_ecn(p, len), ecn != 0);
			packet_mark_ce(p, len);
			assert_int_equal(p[1], before[1] | bits);
			if (version == 4)
				assert_int_equal(sum_of(p, HEADER4), 0xffff);
			p[1] = before[1];
			if (version == 4)
				memcpy(p + 10, before + 10, 2);
			assert_memory_equal(p, before, sizeof(p));
		}
	}
}

static void
one_bit_is_flipped_behind_the_header(void **state)
{
	static const uint32_t where[] = { 0, 1, 0x7fffffff, 0x80000000, 0xfffffffe,
		0xffffffff };

	(void)state;
	for (int version = 4; version <= 6; version += 2) {
		size_t header = version == 4 ? HEADER4 : HEADER6;

		for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
			uint8_t p[HEADER6 + BODY], before[HEADER6 + BODY];
			size_t len = make_packet(p, version, 0);
			int flipped = 0;

			memcpy(before, p, sizeof(p));
			packet_flip_bit(p, len, where[i]);
			assert_memory_equal(p, before, header);
			assert_memory_equal(p + len, before + len, sizeof(p) - len);
			for (size_t k = header; k < len; k++)
				flipped += __builtin_popcount(p[k] ^ before[k]);
			assert_int_equal(flipped, 1);
			if (i == 0)
				assert_int_equal(p[header] ^ before[header], 1);
			if (where[i] == 0xffffffff)
				assert_int_equal(p[len - 1] ^ before[len - 1], 0x80);
		}
	}
}

static void
what_is_no_packet_stays_as_it_is(void **state)
{
	uint8_t p[HEADER6] = { 0x4f }, before[HEADER6];

	(void)state;
	memcpy(before, p, sizeof(p));
	for (size_t len = 0; len < sizeof(p); len++) { /* says that it has 60 bytes */
		assert_false(packet_takes_ecn(p, len));
		packet_mark_ce(p, len);
		packet_flip_bit(p, len, 5);
	}
	p[0] = before[0] = 0x60;
	packet_mark_ce(p, HEADER6 - 1);
	packet_flip_bit(p, HEADER6 - 1, 5);
	packet_flip_bit(p, HEADER6, 5); /* nothing behind it */
	assert_memory_equal(p, before, sizeof(p));
}

static void
what_was_kept_comes_back_whole(void **state)
{
	enum { CELLS = 40, BYTES = CELLS * 2048, N = 9 };
	static const uint32_t lens[N] = { 0, 1, 2047, 2048, 2049, 4096, 20000, 40, 1500 };
	static uint8_t in[CONTENTS_MAX], out[CONTENTS_MAX];
	struct contents *c = contents_new(BYTES);
	int32_t kept[N];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 31 + i / 256);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < N; i++) {
			struct parcel p = {
				.len = lens[i], .ifindex = i, .is_copy = i % 2
			};

			kept[i] = contents_keep(c, &p, in + i);
			assert_int_not_equal(kept[i], 0);
		}
		for (int k = 0; k < N; k++) {
			int i = (k * 4 + round) % N; /* in another order each time */
			struct parcel p = contents_take(c, kept[i], out);

			assert_int_equal(p.len, lens[i]);
			assert_int_equal(p.ifindex, i);
			assert_int_equal(p.is_copy, i % 2);
			assert_memory_equal(out, in + i, lens[i]);
		}
	}
	contents_free(c);
}

static void
without_room_nothing_is_kept(void **state)
{
	enum { CELLS = 4 };
	static uint8_t bytes[CONTENTS_MAX], out[CONTENTS_MAX];
	struct contents *c = contents_new(CELLS * 2048);
	const struct parcel small = { .len = 100 }, large = { .len = 3 * 2048 };
	int32_t first = contents_keep(c, &small, bytes), second;

	(void)state;
	second = contents_keep(c, &small, bytes);
	assert_true(first != 0 && second != 0 && first != second);
	assert_int_equal(contents_keep(c, &large, bytes), 0);
	(void)contents_take(c, first, out);
	assert_int_not_equal(contents_keep(c, &large, bytes), 0);
	assert_int_equal(contents_keep(c, &small, bytes), 0);
	contents_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_change_two_bits_and_keep_the_checksum),
		cmocka_unit_test(one_bit_is_flipped_behind_the_header),
		cmocka_unit_test(what_is_no_packet_stays_as_it_is),
		cmocka_unit_test(what_was_kept_comes_back_whole),
		cmocka_unit_test(without_room_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
