/* SPDX-License-Identifier: Apache-2.0 */
/* The channel takes whole, known messages only, and holds the largest burst there is. */
#include "chan.h"
#include "cleanup.h"
#include "err.h"
#include "test.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	int fd[2];
};

static int
setup(void **state)
{
	static struct pair p;
	struct err e = { 0 };

	*state = &p;
	return chan_pair(p.fd, &e);
}

static int
teardown(void **state)
{
	struct pair *p = *state;

	for (size_t i = 0; i < 2; i++)
		if (p->fd[i] >= 0)
			(void)close(p->fd[i]);
	return 0;
}

static void
a_message_arrives_as_it_was_sent(void **state)
{
	struct pair *p = *state;
	struct msg_drill_verb v = {
		.head = { .type = MSG_UNDO, .seq = 7, .uid = 1000 },
		.drill = "0a0a0a0a-1111-4222-8333-444444444444",
		.cause = UNDO_BREACH,
	};
	union msg got;
	struct err e = { 0 };

	assert_int_equal(chan_send(p->fd[0], &v, &e), 0);
	assert_int_equal(chan_recv(p->fd[1], &got, &e), 1);
	assert_memory_equal(&got.drill_verb, &v, sizeof(v));
	assert_int_equal(chan_recv(p->fd[1], &got, &e), 0);
	assert_int_equal(e.code, 0);
}

static void
a_message_of_the_wrong_size_is_malformed(void **state)
{
	struct pair *p = *state;
	char room[sizeof(union msg) + 512];
	struct msg_head *head = (struct msg_head *)room;
	const size_t sizes[] = { 1, sizeof(*head) - 1, sizeof(struct msg_verb) + 1,
		sizeof(struct msg_hold), sizeof(room) };
	union msg got;

	memset(room, 0, sizeof(room));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct err e = { 0 };

		head->type = MSG_PING;
		assert_int_equal(send(p->fd[0], room, sizes[i], 0), sizes[i]);
		assert_int_equal(chan_recv(p->fd[1], &got, &e), -EBADMSG);
		assert_true(e.msg[0] != '\0');
	}
}

static void
an_unknown_type_is_malformed_and_never_sent(void **state)
{
	struct pair *p = *state;
	const uint32_t types[] = { 0, 13, 31, 63, MSG_TYPES, UINT32_MAX };
	union msg got;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct msg_verb v = { .head.type = types[i] };
		struct err e = { 0 };

		assert_int_equal(chan_send(p->fd[0], &v, &e), -EINVAL);
		assert_int_equal(send(p->fd[0], &v, sizeof(v), 0), sizeof(v));
		assert_int_equal(chan_recv(p->fd[1], &got, &e), -EBADMSG);
	}
}

static void
the_end_of_the_channel_is_told_apart_from_silence(void **state)
{
	struct pair *p = *state;
	struct msg_verb v = { .head.type = MSG_PING };
	union msg got;
	struct err e = { 0 };

	assert_int_equal(chan_recv(p->fd[1], &got, &e), 0);
	assert_int_equal(chan_send(p->fd[0], &v, &e), 0);
	(void)close(p->fd[0]);
	p->fd[0] = -1;
	/* what was sent before the end still counts */
	assert_int_equal(chan_recv(p->fd[1], &got, &e), 1);
	assert_int_equal(chan_recv(p->fd[1], &got, &e), -EPIPE);
	assert_int_equal(chan_send(p->fd[1], &v, &e), -EPIPE);
}

static void
an_end_with_unread_messages_is_an_end_too(void **state)
{
	struct pair *p = *state;
	struct msg_verb v = { .head.type = MSG_PING };
	union msg got;
	struct err e = { 0 };

	assert_int_equal(chan_send(p->fd[1], &v, &e), 0);
	(void)close(p->fd[0]);
	p->fd[0] = -1;
	assert_int_equal(chan_recv(p->fd[1], &got, &e), -EPIPE);
}

static void
the_largest_drill_fits_without_a_reader(void **state)
{
	struct pair *p = *state;
	static struct msg_arm arm = { .head.type = MSG_ARM, .count = DRILL_FAULTS_MAX };
	static struct msg_spec spec = { .head.type = MSG_ARM_FAULT };
	struct err e = { 0 };

	assert_int_equal(chan_send(p->fd[0], &arm, &e), 0);
	for (size_t i = 0; i < DRILL_FAULTS_MAX; i++)
		if (chan_send(p->fd[0], &spec, &e) != 0)
			fail_msg("fault %zu: %s", i, e.msg);
}

static void
a_full_buffer_is_an_answer_not_a_wait(void **state)
{
	struct pair *p = *state;
	static struct msg_hold hold = { .head.type = MSG_HOLD };
	struct err e = { 0 };
	int rc = 0;

	for (size_t i = 0; i < 10000 && rc == 0; i++)
		rc = chan_send(p->fd[0], &hold, &e);
	assert_int_equal(rc, -EAGAIN);
}

static void
every_message_has_a_size_that_fits_the_union(void **state)
{
	(void)state;
	for (uint32_t t = 0; t < MSG_TYPES + 2; t++)
		assert_true(msg_size(t) <= sizeof(union msg));
	assert_int_equal(msg_size(0), 0);
	assert_int_equal(msg_size(MSG_TYPES), 0);
	assert_int_equal(msg_size(MSG_ARM_FAULT), sizeof(struct msg_spec));
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PAIR(a_message_arrives_as_it_was_sent),
		WITH_PAIR(a_message_of_the_wrong_size_is_malformed),
		WITH_PAIR(an_unknown_type_is_malformed_and_never_sent),
		WITH_PAIR(the_end_of_the_channel_is_told_apart_from_silence),
		WITH_PAIR(an_end_with_unread_messages_is_an_end_too),
		WITH_PAIR(the_largest_drill_fits_without_a_reader),
		WITH_PAIR(a_full_buffer_is_an_answer_not_a_wait),
		cmocka_unit_test(every_message_has_a_size_that_fits_the_union),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
