/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file: what is understood, what is refused, and what nobody else may write. */
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "kind.h"
#include "policy.h"
#include "process.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/storm-policy.XXXXXX";
static char path[64];

static void
write_policy(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int
load(const char *text, struct policy *p, struct err *e)
{
	write_policy(text, 0644);
	return policy_load(path, false, p, e);
}

static struct spec
spec_of(const char *kind, const char *name, const char *value)
{
	struct spec s;
	struct err e = { 0 };

	spec_init(&s, kind_find(kind));
	if (name != NULL && spec_set(&s, name, value, &e) != 0)
		fail_msg("%s", e.msg);
	s.duration = 10 * USEC_PER_SEC;
	return s;
}

static void
assert_refused(const struct policy *p, const struct spec *s, const char *said)
{
	struct err e = { 0 };

	assert_int_not_equal(policy_check(p, s, &e), 0);
	assert_int_equal(e.outcome, OUTCOME_REFUSED);
	if (strstr(e.msg, said) == NULL)
		fail_msg("'%s' does not say '%s'", e.msg, said);
}

static void
assert_allowed(const struct policy *p, const struct spec *s)
{
	struct err e = { 0 };

	if (policy_check(p, s, &e) != 0)
		fail_msg("%s", e.msg);
}

static void
without_a_file_a_daemon_refuses_what_nothing_can_undo(void **state)
{
	struct spec load = spec_of("cpu.load", "percent", "5");
	struct spec kill = spec_of("process.kill", "name", "nginx");
	struct policy p;
	struct err e = { 0 };

	(void)state;
	(void)unlink(path);
	assert_int_equal(policy_load(path, false, &p, &e), 0);
	assert_allowed(&p, &load);
	assert_refused(&p, &kill, "irreversible process.kill");
	assert_int_equal(policy_load(path, true, &p, &e), 0);
	assert_allowed(&p, &kill);
}

static void
a_file_allows_only_what_it_names(void **state)
{
	struct spec load_ = spec_of("cpu.load", "percent", "5");
	struct spec delay = spec_of("net.delay", "delay", "10ms");
	struct spec kill = spec_of("process.kill", "name", "nginx");
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load("", &p, &e), 0);
	assert_refused(&p, &load_, "does not allow cpu.load");
	assert_int_equal(load("# only\nallow cpu.load process.kill # here\n", &p, &e), 0);
	assert_allowed(&p, &load_);
	assert_refused(&p, &delay, "does not allow net.delay");
	assert_refused(&p, &kill, "irreversible process.kill");
	assert_int_equal(load("irreversible process.kill", &p, &e), 0);
	assert_allowed(&p, &kill);
	/* the file counts for an embedded agent, too */
	assert_int_equal(policy_load(path, true, &p, &e), 0);
	assert_refused(&p, &load_, "does not allow");
}

static void
limits_are_read_by_the_parameters_own_parser(void **state)
{
	struct spec s;
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load("allow net.delay cpu.load\nirreversible process.kill\n"
			      "limit net.delay delay 200ms\n"
			      "limit cpu.load percent 50%\n"
			      "limit process.kill count 2\n"
			      "limit cpu.load for 5s\n",
			     &p, &e),
	    0);
	s = spec_of("net.delay", "delay", "200ms");
	assert_allowed(&p, &s);
	s = spec_of("net.delay", "delay", "201ms");
	assert_refused(&p, &s, "delay=201ms is more than the 200ms of policy");
	assert_refused(&p, &s, ":3");
	s = spec_of("cpu.load", "percent", "51");
	assert_refused(&p, &s, "percent");
	s = spec_of("cpu.load", "percent", "50");
	assert_refused(&p, &s, "for=10s is more than the 5s");
	s = spec_of("process.kill", "count", "all");
	assert_refused(&p, &s, "count=all");
	s = spec_of("process.kill", "count", "2");
	assert_allowed(&p, &s);
}

/* Neither the descendants of two, nor those that a share leaves out. */
static void
a_limit_on_how_many_processes_has_no_way_around(void **state)
{
	struct spec s = spec_of("process.pause", "count", "2");
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    load("allow process.pause\nlimit process.pause count 2\n", &p, &e), 0);
	assert_allowed(&p, &s);
	assert_int_equal(spec_set(&s, "children", "true", &e), 0);
	assert_refused(&p, &s, "limits count, which children are not part of");
	assert_int_equal(
	    load("allow process.pause\nlimit process.pause percent 20%\n", &p, &e), 0);
	s = spec_of("process.pause", "percent", "20%");
	assert_allowed(&p, &s);
	s = spec_of("process.pause", "percent", "21%");
	assert_refused(&p, &s, "percent=21%");
	s = spec_of("process.pause", "count", "3");
	assert_refused(&p, &s, "percent=100%");
}

static void
duration_and_ports_are_held(void **state)
{
	struct spec s = spec_of("net.partition", "port", "6443");
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load("allow net.partition\nmax-duration 1m\nmax-faults 3\n"
			      "protect port 22 6443\n",
			     &p, &e),
	    0);
	assert_int_equal(p.max_faults, 3);
	assert_refused(&p, &s, "port 6443 is protected");
	s = spec_of("net.partition", "port", "80,6000-7000");
	assert_refused(&p, &s, "port 6443 is protected");
	s = spec_of("net.partition", "port", "6444-7000,23,1-21");
	assert_allowed(&p, &s);
	s = spec_of("net.partition", "local_port", "80,22");
	assert_refused(&p, &s, "port 22 is protected");
	s = spec_of("net.partition", "exclude_port", "22");
	assert_allowed(&p, &s);
	s = spec_of("net.partition", "port", "80");
	assert_allowed(&p, &s);
	s.duration = 61 * USEC_PER_SEC;
	assert_refused(&p, &s, "for=61s is more than the 1m");
}

static struct spec
spec_with(const char *kind, const char *const (*args)[2], size_t count)
{
	struct spec s = spec_of(kind, NULL, NULL);
	struct err e = { 0 };

	for (size_t i = 0; i < count; i++)
		if (spec_set(&s, args[i][0], args[i][1], &e) != 0)
			fail_msg("%s", e.msg);
	return s;
}
#define SPEC(kind, ...)                                   \
 spec_with(kind, (const char *const[][2]){ __VA_ARGS__ }, \
     sizeof((const char *const[][2]){ __VA_ARGS__ }) / sizeof(char *[2]))

/* Every impairment takes the parameters of all: no name may be a way around a limit. */
static void
a_part_is_held_to_the_rules_of_its_own_kind(void **state)
{
	struct spec s;
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load("allow net.delay net.rate\nlimit net.delay delay 200ms\n"
			      "limit net.rate rate 1mbit\nlimit net.rate for 5s\n",
			     &p, &e),
	    0);
	s = SPEC("net.delay", { "delay", "100ms" });
	assert_allowed(&p, &s);
	s = SPEC("net.delay", { "delay", "100ms" }, { "loss", "1%" });
	assert_refused(&p, &s, "does not allow net.loss, and this net.delay takes its");
	s = SPEC("net.delay", { "delay", "100ms" }, { "rate", "1mbit" });
	assert_refused(&p, &s, "for=10s is more than the 5s");
	s.duration = 5 * USEC_PER_SEC;
	assert_allowed(&p, &s);
	s = SPEC("net.rate", { "rate", "500kbit" });
	s.duration = USEC_PER_SEC;
	assert_refused(&p, &s, "rate=500kbit is less than the 1mbit of policy");
	s = SPEC("net.rate", { "rate", "2mbit" }, { "delay", "300ms" });
	s.duration = USEC_PER_SEC;
	assert_refused(&p, &s, "delay=300ms is more than the 200ms");
	s = SPEC("net.delay", { "delay", "1ms" }, { "from", "1s" }, { "ramp", "1s" });
	assert_refused(&p, &s, "from=1s is more than the 200ms");
}

static void
a_limit_has_no_way_around(void **state)
{
	struct spec s;
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load("allow net.loss\nlimit net.loss loss 20%\n"
			      "limit net.loss share 50%\n",
			     &p, &e),
	    0);
	s = SPEC("net.loss", { "loss", "20%" }, { "share", "50%" });
	assert_allowed(&p, &s);
	s = SPEC("net.loss", { "loss", "20%" });
	assert_refused(&p, &s, "share=100% is more than the 50%");
	s = SPEC("net.loss", { "loss_gemodel", "1%" }, { "share", "1%" });
	assert_refused(&p, &s, "limits loss, and loss_gemodel has no such measure");
	s = SPEC("net.loss", { "loss", "21%" }, { "share", "1%" });
	assert_refused(&p, &s, "loss=21% is more than the 20%");
}

static void
another_way_to_say_how_much_is_none_around_a_limit(void **state)
{
	struct spec s;
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    load("allow memory.fill disk.fill\n"
		 "limit memory.fill size 1GiB\nlimit memory.fill leave 2GiB\n"
		 "limit memory.fill keep_free 1GiB\nlimit disk.fill size 1GiB\n",
		&p, &e),
	    0);
	s = SPEC("memory.fill", { "size", "1GiB" }, { "keep_free", "1GiB" });
	assert_allowed(&p, &s);
	s = SPEC("memory.fill", { "size", "2GiB" }, { "keep_free", "1GiB" });
	assert_refused(&p, &s, "size=2GiB is more than the 1GiB");
	s = SPEC("memory.fill", { "leave", "2GiB" }, { "keep_free", "1GiB" });
	assert_allowed(&p, &s);
	s = SPEC("memory.fill", { "leave", "1GiB" }, { "keep_free", "1GiB" });
	assert_refused(&p, &s, "leave=1GiB is less than the 2GiB");
	s = SPEC("memory.fill", { "percent", "2%" }, { "keep_free", "1GiB" });
	assert_refused(&p, &s, "and percent, which has no limit");
	s = SPEC("memory.fill", { "size", "1GiB" });
	assert_refused(&p, &s, "write a keep_free");
	s = SPEC("memory.fill", { "size", "1GiB" }, { "keep_free", "512MiB" });
	assert_refused(&p, &s, "keep_free=512MiB is less than the 1GiB");
	s = SPEC("disk.fill", { "path", "/srv" }, { "leave", "1GiB" });
	assert_refused(&p, &s, "and leave, which has no limit");
}

static void
what_is_protected_reaches_the_holder(void **state)
{
	struct spec s;
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load("protect process sshd etcd\nprotect process kubelet\n"
			      "protect path / /var/lib\nprotect interface eth0 wg0\n"
			      "disk-leave 1GiB\n",
			     &p, &e),
	    0);
	assert_memory_equal(p.protect.processes, "sshd\0etcd\0kubelet\0", 19);
	assert_memory_equal(p.protect.paths, "/\0/var/lib\0", 12);
	assert_memory_equal(p.protect.interfaces, "eth0\0wg0\0", 10);
	s = spec_of("net.partition", "interface", "wg0");
	p.allowed = UINT64_MAX;
	assert_refused(&p, &s, "interface 'wg0' is protected");
	s = spec_of("net.partition", "interface", "eth1,eth0");
	assert_refused(&p, &s, "interface 'eth0' is protected");
	s = spec_of("net.partition", "interface", "eth1,eth2");
	assert_allowed(&p, &s);
	assert_true(p.protect.disk_leave == UINT64_C(1) << 30);
}

static void
operators_are_root_and_who_is_named(void **state)
{
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load("operator daemon 4711\n", &p, &e), 0);
	assert_true(policy_is_operator(&p, 0));
	assert_true(policy_is_operator(&p, 1));
	assert_true(policy_is_operator(&p, 4711));
	assert_false(policy_is_operator(&p, 4712));
}

static void
remote_operators_are_all_or_who_is_named(void **state)
{
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load("operator daemon\n", &p, &e), 0);
	assert_true(policy_is_remote_operator(&p, "alice"));
	assert_int_equal(load("remote alice bob\nremote carol\n", &p, &e), 0);
	assert_true(policy_is_remote_operator(&p, "alice"));
	assert_true(policy_is_remote_operator(&p, "carol"));
	assert_false(policy_is_remote_operator(&p, "al"));
	assert_false(policy_is_remote_operator(&p, "daemon"));
	assert_false(policy_is_remote_operator(&p, ""));
}

static void
mistakes_name_file_and_line(void **state)
{
	static const struct {
		const char *text, *said;
	} bad[] = {
		{ "allow net.dely",
		    ":1: unknown fault 'net.dely' (did you mean 'net.delay'?)" },
		{ "\n\nalow net.delay",
		    ":3: unknown keyword 'alow' (did you mean 'allow'?)" },
		{ "allow", ":1: write: allow KIND" },
		{ "frobnicate now", "unknown keyword 'frobnicate'" },
		{ "limit net.delay delay", "write: limit KIND PARAM MAX" },
		{ "limit net.delay dellay 1s", "no parameter 'dellay'" },
		{ "limit net.delay delay 5", "duration" },
		{ "limit net.delay to 10.0.0.0/8", "no size to limit" },
		{ "limit net.delay for soon", "duration" },
		{ "max-duration 5", "duration" },
		{ "max-faults 0", "1 to" },
		{ "max-faults 33", "1 to" },
		{ "max-faults two", "two" },
		{ "operator no-such-user-here", "no user 'no-such-user-here'" },
		{ "operator 4294967295", "not a user" },
		{ "remote", "write: remote NAME" },
		{ "remote 'alice'", "is not a name" },
		{ "protect port 0", "port" },
		{ "protect port 70000", "70000" },
		{ "protect path tmp", "not absolute" },
		{ "protect interface a/b", "a/b" },
		{ "protect spoon here", "cannot protect a 'spoon'" },
		{ "disk-leave plenty", "plenty" },
		{ "disk-leave 1GiB 2GiB", "write: disk-leave SIZE" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct policy p = { .max_faults = 77 };
		struct err e = { 0 };

		assert_int_not_equal(load(bad[i].text, &p, &e), 0);
		if (strstr(e.msg, path) == NULL || strstr(e.msg, bad[i].said) == NULL)
			fail_msg(
			    "'%s' → '%s', not '%s'", bad[i].text, e.msg, bad[i].said);
		assert_int_equal(p.max_faults, 77); /* the result is untouched */
	}
}

static void
append(char *text, const char *line)
{
	memcpy(text + strlen(text), line, strlen(line) + 1);
}

static void
too_much_of_anything_is_an_error(void **state)
{
	char text[70000];
	struct policy p;
	struct err e = { 0 };

	(void)state;
	memset(text, 'x', 2000);
	text[2000] = '\0';
	assert_int_not_equal(load(text, &p, &e), 0);
	memset(text, ' ', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_not_equal(load(text, &p, &e), 0);
	text[0] = '\0';
	for (int i = 0; i < 40; i++)
		append(text, "protect process a-rather-long-name-of-a-process\n");
	assert_int_not_equal(load(text, &p, &e), 0);
	text[0] = '\0';
	for (int i = 0; i < 65; i++)
		append(text, "limit net.delay delay 1s\n");
	assert_int_not_equal(load(text, &p, &e), 0);
}

static void
a_file_that_others_may_write_is_not_believed(void **state)
{
	struct policy p;
	struct err e = { 0 };

	(void)state;
	if (geteuid() != 0) {
		print_message("skip: needs root to give a file away\n");
		skip();
	}
	write_policy("allow cpu.load\n", 0664);
	assert_int_not_equal(policy_load(path, false, &p, &e), 0);
	write_policy("allow cpu.load\n", 0646);
	assert_int_not_equal(policy_load(path, false, &p, &e), 0);
	write_policy("allow cpu.load\n", 0600);
	assert_int_equal(policy_load(path, false, &p, &e), 0);
	assert_int_equal(chown(path, 1, 0), 0);
	assert_int_not_equal(policy_load(path, false, &p, &e), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_not_equal(policy_load(path, false, &p, &e), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_not_equal(policy_load(path, false, &p, &e), 0);
	assert_int_equal(unlink(path), 0);
}

static void
capabilities_are_those_of_what_is_allowed(void **state)
{
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load("allow cpu.load", &p, &e), 0);
	assert_true((policy_caps(&p) & CAP_BIT(CAP_NET_ADMIN)) == 0);
	assert_int_equal(load("allow net.partition", &p, &e), 0);
	assert_true((policy_caps(&p) & CAP_BIT(CAP_NET_ADMIN)) != 0);
}

static void
other_networks_are_allowed_by_name(void **state)
{
	struct spec here = spec_of("net.partition", "to", "any");
	struct spec by_pid = spec_of("net.partition", "pid", "812");
	struct spec by_container = spec_of("net.partition", "container", "web");
	struct spec kill = spec_of("process.kill", "pid", "812");
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(policy_load("/nonexistent", false, &p, &e), 0);
	assert_allowed(&p, &by_pid);
	assert_allowed(&p, &by_container);
	assert_true((policy_caps(&p) & CAP_BIT(CAP_SYS_ADMIN)) != 0);
	assert_int_equal(
	    load("allow net.partition\nirreversible process.kill", &p, &e), 0);
	assert_allowed(&p, &here);
	assert_allowed(&p, &kill); /* there it says whom, not where */
	assert_refused(&p, &by_pid, "must say 'network-of pid'");
	assert_refused(&p, &by_container, "must say 'network-of container'");
	assert_true((policy_caps(&p) & CAP_BIT(CAP_SYS_ADMIN)) == 0);
	assert_int_equal(load("allow net.partition\nnetwork-of container", &p, &e), 0);
	assert_refused(&p, &by_pid, "must say 'network-of pid'");
	assert_allowed(&p, &by_container);
	assert_true((policy_caps(&p) & CAP_BIT(CAP_SYS_ADMIN)) != 0);
	assert_int_equal(load("allow cpu.load\nnetwork-of pid container", &p, &e), 0);
	assert_true((policy_caps(&p) & CAP_BIT(CAP_SYS_ADMIN)) == 0);
	assert_int_not_equal(load("network-of everything", &p, &e), 0);
	assert_non_null(strstr(e.msg, "write pid, container or both"));
}

/* What we ship must be understood; from wherever the tests are run. */
static void
the_sample_is_a_policy(void **state)
{
	char text[8192] = "", sample[256] = "";
	struct policy p = { 0 };
	struct err e = { 0 };

	(void)state;
	(void)snprintf(sample, sizeof(sample), "%s", __FILE__);
	*strstr(sample, "tests/unit") = '\0';
	(void)snprintf(sample + strlen(sample), sizeof(sample) - strlen(sample),
	    "packaging/policy.sample");
	assert_true(read_file_at(AT_FDCWD, sample, text, sizeof(text)) > 0);
	if (policy_parse(text, &p, &e) != 0)
		fail_msg("%s", e.msg);
	assert_true(p.allowed != 0 && p.irreversible == 0 && p.limit_count > 0);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/policy", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_a_daemon_refuses_what_nothing_can_undo),
		cmocka_unit_test(a_file_allows_only_what_it_names),
		cmocka_unit_test(limits_are_read_by_the_parameters_own_parser),
		cmocka_unit_test(a_limit_on_how_many_processes_has_no_way_around),
		cmocka_unit_test(duration_and_ports_are_held),
		cmocka_unit_test(a_part_is_held_to_the_rules_of_its_own_kind),
		cmocka_unit_test(a_limit_has_no_way_around),
		cmocka_unit_test(another_way_to_say_how_much_is_none_around_a_limit),
		cmocka_unit_test(what_is_protected_reaches_the_holder),
		cmocka_unit_test(operators_are_root_and_who_is_named),
		cmocka_unit_test(remote_operators_are_all_or_who_is_named),
		cmocka_unit_test(mistakes_name_file_and_line),
		cmocka_unit_test(too_much_of_anything_is_an_error),
		cmocka_unit_test(a_file_that_others_may_write_is_not_believed),
		cmocka_unit_test(other_networks_are_allowed_by_name),
		cmocka_unit_test(the_sample_is_a_policy),
		cmocka_unit_test(capabilities_are_those_of_what_is_allowed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
