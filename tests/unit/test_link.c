/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces and routes in a network namespace of the test's own. */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "ident.h"
#include "nl.h"
#include "ns.h"
#include "parse.h"
#include "pidns.h"
#include "spawn.h"
#include "test.h"

TEST_WITHOUT_LEAK_CHECK

#define IFB "sd7b1c09aae"

static struct nl *nl;
static struct err e;

static int
open_socket(void **state)
{
	(void)state;
	memset(&e, 0, sizeof(e));
	return nl_open(&nl, NETLINK_ROUTE, &e);
}

static int
close_socket(void **state)
{
	(void)state;
	nl_free(nl);
	return 0;
}

static void
loopback_is_known_for_what_it_is(void **state)
{
	struct link l;

	(void)state;
	assert_int_equal(link_find(nl, "lo", &l, &e), 0);
	assert_string_equal(l.name, "lo");
	assert_int_equal(l.index, 1);
	assert_true(l.is_loopback);
	assert_false(l.is_up);
	assert_string_equal(l.kind, "");
}

static void
an_unknown_name_is_an_error_that_says_it(void **state)
{
	struct link l = { .index = 42 };

	(void)state;
	assert_int_equal(link_find(nl, "nosuch0", &l, &e), -ENODEV);
	assert_string_equal(e.msg, "no interface 'nosuch0'");
	assert_int_equal(l.index, 42);
	assert_int_equal(link_ask(nl, "nosuch0", &l, &e), -ENODEV);
	assert_non_null(strstr(e.msg, "no interface 'nosuch0': there are lo"));
	assert_int_equal(link_ask(nl, "lo", &l, &e), 0);
}

static void
an_ifb_is_made_and_deleted(void **state)
{
	struct link l;
	int index = 0, supported = link_supports_ifb(nl, &e);
	int rc = link_add_ifb(nl, IFB, &index, &e);

	(void)state;
	assert_int_equal(supported, rc); /* and nothing was in the way of making one */
	if (rc == -EOPNOTSUPP) {
		print_message("skip: %s\n", e.msg);
		skip();
	}
	assert_int_equal(rc, 0);
	assert_int_equal(link_add_ifb(nl, IFB, &index, &e), -EEXIST);
	assert_int_equal(link_up(nl, index, &e), 0);
	assert_int_equal(link_find(nl, IFB, &l, &e), 0);
	assert_int_equal(l.index, index);
	assert_string_equal(l.kind, "ifb");
	assert_true(l.is_up);
	assert_int_equal(link_delete(nl, IFB, "ifb", &e), 0);
	assert_int_equal(link_delete(nl, IFB, "ifb", &e), -ENODEV);
}

static void
a_link_of_another_kind_is_left_alone(void **state)
{
	struct link l;

	(void)state;
	assert_int_equal(link_delete(nl, "lo", "ifb", &e), -ENODEV);
	assert_string_equal(e.msg, "interface 'lo' is not of kind ifb");
	assert_int_equal(link_find(nl, "lo", &l, &e), 0);
}

static int
stop_at_lo(void *ctx, const struct link *l)
{
	++*(int *)ctx;
	return strcmp(l->name, "lo") == 0 ? 7 : 0;
}

static void
listing_ends_when_the_caller_has_seen_enough(void **state)
{
	int count = 0;

	(void)state;
	assert_int_equal(link_each(nl, stop_at_lo, &count, &e), 7);
	assert_true(count >= 1);
}

static void
routes_lead_to_an_interface_or_nowhere(void **state)
{
	struct net local, far, any = { .family = 4 };
	int index = 0;

	(void)state;
	assert_int_equal(parse_net("127.0.0.0/8", &local, &e), 0);
	assert_int_equal(parse_net("192.0.2.0/24", &far, &e), 0);
	assert_int_equal(link_up(nl, 1, &e), 0);
	assert_int_equal(link_route(nl, &local, &index, &e), 0);
	assert_int_equal(index, 1);
	assert_int_equal(link_route(nl, &far, &index, &e), -ENETUNREACH);
	assert_int_equal(link_route(nl, &any, &index, &e), -ENETUNREACH);
	assert_int_equal(index, 1);
}

static void
a_namespace_is_found_by_its_inode(void **state)
{
	uint64_t here = netns_inode(), there;
	pid_t pid = sleeper("elsewhere"); /* holds the namespace we leave */

	(void)state;
	assert_int_equal(ns_enter_net(here, &e), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	there = netns_inode();
	assert_true(here != there);
	assert_int_equal(ns_enter_net(here, &e), 0);
	assert_true(netns_inode() == here);
	assert_int_equal(ns_enter_net(there, &e), -ENOENT); /* nobody held it */
	end_sleeper(pid);
}

/* /sys is still that of the network we came from: a name there is none here. */
static void
speeds_are_those_of_the_network_we_are_in(void **state)
{
	static const char *const argv[] = { "/sbin/ip", "link", "add", "d0", "type",
		"veth", "peer", "name", "d1", NULL };
	struct run_tool ip = { .argv = argv, .keep_fd = -1, .timeout_ms = 60000 };

	(void)state;
	assert_int_equal(link_speed("lo"), 0);
	assert_int_equal(link_speed("nosuch0"), 0);
	assert_ok(run_tool(&ip, &e), e);
	assert_int_equal(link_speed("d0"), 10000);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(link_speed("d0"), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_socket, close_socket)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(loopback_is_known_for_what_it_is),
		T(an_unknown_name_is_an_error_that_says_it),
		T(an_ifb_is_made_and_deleted),
		T(a_link_of_another_kind_is_left_alone),
		T(listing_ends_when_the_caller_has_seen_enough),
		T(routes_lead_to_an_interface_or_nowhere),
		T(a_namespace_is_found_by_its_inode),
		T(speeds_are_those_of_the_network_we_are_in),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
