/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering the network of a process: pinned first, left alone when it is ours, and found
 * again by its inode as long as anything holds it.  Containers are in tests/system/netns.sh.
 */
#include "cleanup.h"
#include "err.h"
#include "network.h"
#include "ns.h"
#include "pidns.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

TEST_WITHOUT_LEAK_CHECK

static uint64_t home;

static int
go_home(void **state)
{
	struct err e = { 0 };

	(void)state;
	return ns_enter_net(home, &e);
}

/* A process in a network of its own; this one is back at home afterwards. */
static pid_t
stranger(uint64_t *ret_inode)
{
	struct err e = { 0 };
	pid_t anchor = sleeper("home"), pid;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	*ret_inode = netns_inode();
	pid = sleeper("stranger");
	assert_ok(ns_enter_net(home, &e), e);
	end_sleeper(anchor);
	assert_true(netns_inode() == home && *ret_inode != home);
	return pid;
}

static bool
has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
nobody_named_means_to_stay(void **state)
{
	struct network n;
	struct err e = { 0 };
	char text[120];

	(void)state;
	assert_ok(network_enter(&n, 0, NULL, &e), e);
	assert_true(netns_inode() == home);
	assert_int_equal(n.pidfd, -1);
	assert_string_equal(network_describe(&n, text, sizeof(text)), "");
}

static void
a_process_leads_into_its_network_and_is_watched(void **state)
{
	uint64_t there;
	pid_t anchor = sleeper("home"), pid = stranger(&there);
	struct network n;
	struct err e = { 0 };
	char text[120], want[40];

	(void)state;
	assert_ok(network_enter(&n, pid, NULL, &e), e);
	assert_true(netns_inode() == there);
	assert_false(n.is_own);
	(void)snprintf(want, sizeof(want), "in the network of pid %d", pid);
	assert_string_equal(network_describe(&n, text, sizeof(text)), want);
	assert_false(has_ended(n.pidfd));
	end_sleeper(pid);
	assert_true(has_ended(n.pidfd));
	(void)close(n.pidfd);
	assert_ok(ns_enter_net(home, &e), e);
	end_sleeper(anchor);
	assert_int_equal(ns_enter_net(there, &e), -ENOENT); /* nothing of ours held it */
}

static void
a_process_at_home_is_watched_all_the_same(void **state)
{
	pid_t pid = sleeper("neighbour");
	struct network n;
	struct err e = { 0 };
	char text[120];

	(void)state;
	assert_ok(network_enter(&n, pid, NULL, &e), e);
	assert_true(n.is_own && netns_inode() == home);
	assert_non_null(
	    strstr(network_describe(&n, text, sizeof(text)), "which is the agent's own"));
	end_sleeper(pid);
	assert_true(has_ended(n.pidfd));
	(void)close(n.pidfd);
}

static void
who_is_not_there_leads_nowhere(void **state)
{
	struct network n;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(network_enter(&n, 4194000, NULL, &e), -ESRCH);
	assert_non_null(strstr(e.msg, "no process 4194000"));
	assert_int_equal(network_enter(&n, 0, "0123456789ab", &e), -ESRCH);
	assert_int_equal(n.pidfd, -1);
	assert_true(netns_inode() == home);
}

/* As container engines keep theirs: mounted somewhere, with no process in it. */
static void
a_namespace_is_found_by_its_mount(void **state)
{
	char path[] = "/tmp/storm-network.XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	struct err e = { 0 };
	char source[40];
	uint64_t there;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	pid = stranger(&there);
	(void)snprintf(source, sizeof(source), "/proc/%d/ns/net", pid);
	assert_int_equal(mount(source, path, NULL, MS_BIND, NULL), 0);
	end_sleeper(pid);
	pid = sleeper("home");
	assert_ok(ns_enter_net(there, &e), e);
	assert_true(netns_inode() == there);
	assert_ok(ns_enter_net(home, &e), e);
	end_sleeper(pid);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ns_enter_net(there, &e), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_named_means_to_stay),
		cmocka_unit_test_teardown(
		    a_process_leads_into_its_network_and_is_watched, go_home),
		cmocka_unit_test(a_process_at_home_is_watched_all_the_same),
		cmocka_unit_test(who_is_not_there_leads_nowhere),
		cmocka_unit_test_teardown(a_namespace_is_found_by_its_mount, go_home),
	};

	pidns_enter();
	home = netns_inode();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
