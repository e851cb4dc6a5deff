/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets in the real kernel, in a network namespace of the test's own, read back both by our
 * code and by ipset(8) where that is installed.
 */
#include "ipset.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "nl.h"
#include "parse.h"
#include "pidns.h"
#include "spawn.h"
#include "test.h"

TEST_WITHOUT_LEAK_CHECK

#define SET4 "sd-7b1c09aa-4"
#define SET6 "sd-7b1c09aa-6"

static struct nl *nl;
static struct err e;

static int
open_socket(void **state)
{
	(void)state;
	memset(&e, 0, sizeof(e));
	return nl_open(&nl, NETLINK_NETFILTER, &e);
}

static int
close_socket(void **state)
{
	struct err none = { 0 };

	(void)state;
	(void)ipset_destroy(nl, SET4, &none); /* most tests leave none */
	(void)ipset_destroy(nl, SET6, &none);
	nl_free(nl);
	return 0;
}

static struct net
net(const char *text)
{
	struct net n;

	assert_int_equal(parse_net(text, &n, &e), 0);
	return n;
}

static struct ipset_info
info(const char *name)
{
	struct ipset_info i;

	assert_int_equal(ipset_info(nl, name, &i, &e), 0);
	return i;
}

static void
create_add_flush_destroy(void **state)
{
	const struct net nets[] = { net("10.0.0.0/8"), net("192.0.2.7"),
		net("fd00::/8") };

	(void)state;
	assert_int_equal(ipset_create(nl, SET4, 4, 4, &e), 0);
	assert_int_equal(info(SET4).elements, 0);
	assert_int_equal(ipset_add(nl, SET4, nets, 2, &e), 2);
	assert_int_equal(info(SET4).elements, 2);
	assert_int_equal(info(SET4).references, 0);
	assert_int_equal(info(SET4).packets, 0);
	assert_int_equal(ipset_flush(nl, SET4, &e), 0);
	assert_int_equal(info(SET4).elements, 0);
	assert_int_equal(ipset_destroy(nl, SET4, &e), 0);
	assert_int_equal(e.code, 0);
}

static void
elements_already_there_are_fine(void **state)
{
	const struct net nets[] = { net("fd00::/8"), net("2001:db8::1") };

	(void)state;
	assert_int_equal(ipset_create(nl, SET6, 6, 4, &e), 0);
	assert_int_equal(ipset_add(nl, SET6, nets, 1, &e), 1);
	assert_int_equal(ipset_add(nl, SET6, nets, 2, &e), 2);
	assert_int_equal(info(SET6).elements, 2);
}

static void
everything_is_two_halves(void **state)
{
	const struct net nets[] = { net("0.0.0.0/0"), net("::/0") };

	(void)state;
	assert_int_equal(ipset_create(nl, SET4, 4, 2, &e), 0);
	assert_int_equal(ipset_create(nl, SET6, 6, 2, &e), 0);
	assert_int_equal(ipset_add(nl, SET4, &nets[0], 1, &e), 2);
	assert_int_equal(ipset_add(nl, SET6, &nets[1], 1, &e), 2);
	assert_int_equal(info(SET4).elements, 2);
	assert_int_equal(info(SET6).elements, 2);
}

static void
as_many_networks_as_a_fault_may_have(void **state)
{
	static struct net four[512], six[512];

	(void)state;
	for (unsigned i = 0; i < 512; i++) {
		four[i] = (struct net){ .family = 4,
			.prefix = 24,
			.addr = { 10, (uint8_t)(i >> 8), (uint8_t)i } };
		six[i] = (struct net){ .family = 6,
			.prefix = 128,
			.addr = { 0xfd, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i } };
	}
	assert_int_equal(ipset_create(nl, SET4, 4, 512, &e), 0);
	assert_int_equal(ipset_create(nl, SET6, 6, 512, &e), 0);
	assert_int_equal(ipset_add(nl, SET4, four, 512, &e), 512);
	assert_int_equal(ipset_add(nl, SET6, six, 512, &e), 512);
	assert_int_equal(info(SET4).elements, 512);
	assert_int_equal(info(SET6).elements, 512);
}

static void
a_full_set_says_so(void **state)
{
	const struct net nets[] = { net("192.0.2.1"), net("192.0.2.2") };

	(void)state;
	assert_int_equal(ipset_create(nl, SET4, 4, 1, &e), 0);
	assert_true(ipset_add(nl, SET4, nets, 2, &e) < 0);
	assert_string_equal(e.msg, "add to set '" SET4 "': the set is full");
}

static void
what_is_gone_is_told_as_gone(void **state)
{
	struct ipset_info i;

	(void)state;
	assert_int_equal(ipset_flush(nl, SET4, &e), -ENOENT);
	assert_int_equal(ipset_destroy(nl, SET4, &e), -ENOENT);
	assert_int_equal(ipset_info(nl, SET4, &i, &e), -ENOENT);
	assert_int_equal(e.code, -ENOENT);
}

static void
a_name_is_taken_once(void **state)
{
	(void)state;
	assert_int_equal(ipset_create(nl, SET4, 4, 1, &e), 0);
	assert_int_equal(ipset_create(nl, SET4, 4, 1, &e), -EEXIST);
}

static int
count_ours(void *ctx, const char *name)
{
	if (strcmp(name, SET4) == 0 || strcmp(name, SET6) == 0)
		++*(int *)ctx;
	return 0;
}

static void
every_set_is_listed(void **state)
{
	int count = 0;

	(void)state;
	assert_int_equal(ipset_each(nl, count_ours, &count, &e), 0);
	assert_int_equal(count, 0);
	assert_int_equal(ipset_create(nl, SET4, 4, 1, &e), 0);
	assert_int_equal(ipset_create(nl, SET6, 6, 1, &e), 0);
	assert_int_equal(ipset_each(nl, count_ours, &count, &e), 0);
	assert_int_equal(count, 2);
}

/* The other opinion. */
static void
ipset_8_reads_what_we_wrote(void **state)
{
	const char *const argv[] = { "/usr/sbin/ipset", "save", SET4, NULL };
	const struct net nets[] = { net("10.0.0.0/8"), net("0.0.0.0/0") };
	char out[2048];
	const struct run_tool t = { .argv = argv,
		.out = out,
		.out_size = sizeof(out),
		.keep_fd = -1,
		.timeout_ms = 10000 };

	(void)state;
	if (access(argv[0], X_OK) != 0) {
		print_message("skip: ipset(8) is not installed\n");
		skip();
	}
	assert_int_equal(ipset_create(nl, SET4, 4, 3, &e), 0);
	assert_int_equal(ipset_add(nl, SET4, nets, 2, &e), 3);
	assert_int_equal(run_tool(&t, &e), 0);
	assert_non_null(strstr(out, "create " SET4 " hash:net family inet"));
	assert_non_null(strstr(out, "counters"));
	assert_non_null(strstr(out, "add " SET4 " 10.0.0.0/8"));
	assert_non_null(strstr(out, "add " SET4 " 0.0.0.0/1"));
	assert_non_null(strstr(out, "add " SET4 " 128.0.0.0/1"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_socket, close_socket)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(create_add_flush_destroy),
		T(elements_already_there_are_fine),
		T(everything_is_two_halves),
		T(as_many_networks_as_a_fault_may_have),
		T(a_full_set_says_so),
		T(what_is_gone_is_told_as_gone),
		T(a_name_is_taken_once),
		T(every_set_is_listed),
		T(ipset_8_reads_what_we_wrote),
	};

	pidns_enter();
	if (nl_open(&nl, NETLINK_NETFILTER, &e) != 0 || ipset_supported(nl, &e) != 0) {
		(void)fprintf(stderr, "skip: %s\n", e.msg);
		return 77;
	}
	nl_free(nl);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
