/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers by what /proc shows of their processes, with texts as the engines leave them.
 * A real runc is in tests/system/netns.sh.
 */
#include "container.h"
#include "err.h"
#include "ident.h"
#include "test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ID    "4f6a2c9d1b7e8035aa41c6d2e9f0b7733c5d8e1f60a29b4c7d3e5f8091a2b3c4"
#define OTHER "4f6a2c9d1b7e9999aa41c6d2e9f0b7733c5d8e1f60a29b4c7d3e5f8091a2b3c4"

static bool
by_cgroup(const char *text, const char *name)
{
	struct container_mark mark = { 0 };

	if (!container_by_cgroup(text, name, &mark))
		return false;
	if (strspn(mark.id, "0123456789abcdef") == strlen(mark.id))
		assert_string_equal(mark.id, ID);
	return true;
}

static void
every_engines_cgroup_names_its_container(void **state)
{
	static const char *const texts[] = {
		/* docker, cgroup v1, by cgroupfs */
		"12:pids:/docker/" ID "\n11:memory:/docker/" ID "\n0::/\n",
		/* docker, v2, by systemd */
		"0::/system.slice/docker-" ID ".scope\n",
		/* podman: as root, rootless, by cgroupfs; it nests one more */
		"0::/machine.slice/libpod-" ID ".scope/container\n",
		"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
		".scope/container\n",
		"0::/libpod_parent/libpod-" ID "\n",
		/* containerd and CRI-O below a kubelet */
		"0::/kubepods.slice/kubepods-burstable.slice/"
		"kubepods-burstable-pod3f8e.slice/cri-containerd-" ID ".scope\n",
		"0::/kubepods.slice/kubepods-pod3f8e.slice/crio-" ID ".scope\n",
		"9:cpu,cpuacct:/kubepods/besteffort/pod2c48913c-b29f/" ID "\n",
		/* systemd's form of a path given to a runtime that uses cgroupfs */
		"3:devices:/system.slice/kubepods-pod3f8e.slice:cri-containerd:" ID "\n",
		/* ctr, nerdctl, crun, runc by systemd */
		"0::/default/" ID "\n",
		"0::/system.slice/nerdctl-" ID ".scope\n",
		"0::/system.slice/crun-" ID ".scope\n",
		"0::/system.slice/runc-" ID ".scope\n",
		/* an init system in it, and an agent in a cgroup namespace of its own */
		"0::/system.slice/docker-" ID ".scope/init.scope\n",
		"0::/../docker-" ID ".scope\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!by_cgroup(texts[i], ID) || !by_cgroup(texts[i], "4f6a2c9d1b7e") ||
		    by_cgroup(texts[i], OTHER) || by_cgroup(texts[i], "4f6a2c9d1b7"))
			fail_msg("misread: %s", texts[i]);
	}
}

static void
an_engines_helpers_are_not_in_the_container(void **state)
{
	static const char *const texts[] = {
		"0::/machine.slice/libpod-conmon-" ID ".scope\n",
		"0::/system.slice/crio-conmon-" ID ".scope\n",
		"0::/lxc.monitor." ID "\n",
		"0::/kubepods/burstable/pod" ID "\n",
		"0::/system.slice/" ID ".service\n",
		"0::/system.slice/docker-" ID ".mount\n",
		"0::/system.slice/x" ID "\n",
		"",
		"\n",
		"0::\n",
		"garbage " ID "\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (by_cgroup(texts[i], ID))
			fail_msg("taken for a container: %s", texts[i]);
	}
}

static void
a_word_names_a_container_only_where_a_path_ends(void **state)
{
	(void)state;
	assert_true(by_cgroup("0::/web\n", "web"));
	assert_true(by_cgroup("0::/user.slice/web\n", "web"));
	assert_true(by_cgroup("0::/system.slice/runc-web.scope\n", "web"));
	assert_true(by_cgroup("0::/lxc.payload.web/init.scope\n", "web"));
	assert_true(by_cgroup("0::/web/container\n", "web"));
	assert_false(by_cgroup("0::/docker/" ID "\n", "docker"));
	assert_false(by_cgroup("0::/system.slice/nginx.service\n", "nginx.service"));
	assert_false(by_cgroup("0::/user.slice\n", "user.slice"));
	assert_false(by_cgroup("0::/system.slice/session-1.scope\n", "session-1.scope"));
	assert_false(by_cgroup("0::/websites\n", "web"));
}

static void
mounts_tell_where_the_cgroup_does_not(void **state)
{
	static const char docker[] =
	    "611 610 0:50 / / rw,relatime - overlay overlay rw\n"
	    "640 611 8:1 /var/lib/docker/containers/" ID
	    "/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw\n";
	static const char podman[] =
	    "640 611 0:25 /overlay-containers/" ID
	    "/userdata/.containerenv /run/.containerenv rw - tmpfs tmpfs rw\n";
	static const char cgroup[] =
	    "642 611 0:30 /docker/" ID
	    " /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
	/* it reads everybody's files, or is the engine */
	static const char collector[] =
	    "640 611 8:1 /var/lib/docker/containers/" ID " /var/lib/docker/containers/" ID
	    " ro - ext4 /dev/sda1 rw\n";
	struct container_mark mark = { 0 };

	(void)state;
	assert_true(container_by_mounts(docker, "4f6a2c9d1b7e", &mark));
	assert_string_equal(mark.id, ID);
	assert_true(container_by_mounts(podman, ID, &mark));
	assert_true(container_by_mounts(cgroup, ID, &mark));
	assert_false(container_by_mounts(collector, ID, &mark));
	assert_false(container_by_mounts(docker, OTHER, &mark));
	assert_false(container_by_mounts(docker, "docker", &mark));
	assert_false(container_by_mounts("640 611\n\n", ID, &mark));
}

static void
see(struct container_search *s, pid_t pid, uint64_t start, const char *cgroup)
{
	struct process_id id = { .pid = pid, .start = start };
	struct container_mark mark = { 0 };

	if (container_by_cgroup(cgroup, s->name, &mark))
		container_search_see(s, &id, &mark);
}

static void
the_first_process_stands_for_the_container(void **state)
{
	struct container_search s = { .name = "4f6a2c9d1b7e" };
	struct container c = { 0 };
	struct err e = { 0 };

	(void)state;
	see(&s, 900, 51, "0::/docker/" ID "\n");
	see(&s, 812, 50, "0::/docker/" ID "\n");
	see(&s, 811, 51, "0::/docker/" ID "/docker/" OTHER "\n"); /* one within it */
	see(&s, 1, 1, "0::/init.scope\n");
	assert_int_equal(container_search_end(&s, &c, &e), 0);
	assert_int_equal(c.init.pid, 812);
	assert_string_equal(c.id, ID);
}

static void
two_containers_of_one_prefix_are_refused(void **state)
{
	struct container_search s = { .name = "4f6a2c9d1b7e" };
	struct container c = { 0 };
	struct err e = { 0 };

	(void)state;
	see(&s, 812, 50, "0::/docker/" ID "\n");
	see(&s, 900, 51, "0::/docker/" OTHER "\n");
	assert_true(container_search_end(&s, &c, &e) < 0);
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	assert_non_null(strstr(e.msg, "4f6a2c9d1b7e8035"));
	assert_non_null(strstr(e.msg, "4f6a2c9d1b7e9999"));
	assert_non_null(strstr(e.msg, "write more of its id"));
	assert_int_equal(c.init.pid, 0);
}

static void
one_word_in_two_places_is_refused(void **state)
{
	struct container_search s = { .name = "web" };
	struct container c;
	struct err e = { 0 };

	(void)state;
	see(&s, 812, 50, "0::/a.slice/web\n");
	see(&s, 813, 51, "0::/a.slice/web\n");
	assert_int_equal(container_search_end(&s, &c, &e), 0);
	see(&s, 900, 51, "0::/b.slice/web\n");
	assert_true(container_search_end(&s, &c, &e) < 0);
	assert_non_null(strstr(e.msg, "/a.slice/web and /b.slice/web"));
}

static void
what_is_not_there_is_said_so(void **state)
{
	char no_id[] = "00000000000000000000dead0000000000000000000000000000000000000000";
	struct container c;
	struct err e = { 0 };

	(void)state;
	(void)snprintf(no_id, sizeof(no_id), "%064x", (unsigned)getpid());
	assert_int_equal(container_find(no_id, &c, &e), -ESRCH);
	assert_non_null(strstr(e.msg, "runs here"));
	assert_int_equal(container_find("abc123", &c, &e), -ESRCH);
	assert_non_null(strstr(e.msg, "12 digits"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_engines_cgroup_names_its_container),
		cmocka_unit_test(an_engines_helpers_are_not_in_the_container),
		cmocka_unit_test(a_word_names_a_container_only_where_a_path_ends),
		cmocka_unit_test(mounts_tell_where_the_cgroup_does_not),
		cmocka_unit_test(the_first_process_stands_for_the_container),
		cmocka_unit_test(two_containers_of_one_prefix_are_refused),
		cmocka_unit_test(one_word_in_two_places_is_refused),
		cmocka_unit_test(what_is_not_there_is_said_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
