/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our chains by the host's iptables, and the base tables it leaves, in a network namespace
 * of the test's own.  Judged by iptables-save and, where it is installed, nft.
 */
#include "iptables.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "nft.h"
#include "nl.h"
#include "pidns.h"
#include "spawn.h"
#include "test.h"

TEST_WITHOUT_LEAK_CHECK

#define IN  "SD-7b1c09aa-I"
#define OUT "SD-7b1c09aa-O"

static struct nl *nl;
static struct err e;
static char *saved;
static char text[4096];

static int
run(const char *const *argv, const char *input, char *out, size_t size)
{
	const struct run_tool t = { .argv = argv,
		.input = input,
		.out = out,
		.out_size = size,
		.keep_fd = -1,
		.timeout_ms = 20000 };

	return run_tool(&t, &e);
}

/* Rules of the host's own, as a person would have typed them. */
static void
restore(const char *tool, const char *input)
{
	const char *const argv[] = { tool, "--noflush", NULL };

	assert_int_equal(run(argv, input, NULL, 0), 0);
}

static int
setup(void **state)
{
	const char *const argv[] = { "/usr/sbin/nft", "flush", "ruleset", NULL };

	(void)state;
	memset(&e, 0, sizeof(e));
	if (access(argv[0], X_OK) == 0 && run(argv, NULL, NULL, 0) != 0)
		return -1;
	return nl_open(&nl, NETLINK_NETFILTER, &e);
}

/* What nft does not see: iptables-legacy keeps its tables elsewhere. */
static void
flush_legacy(void)
{
	static const char *const tools[] = { "/usr/sbin/iptables",
		"/usr/sbin/ip6tables" };
	static const char *const tables[] = { "filter", "mangle" };

	for (size_t i = 0; i < 4; i++) {
		const char *flush[] = { tools[i / 2], "-t", tables[i % 2], "-F", NULL };
		const char *delete[] = { tools[i / 2], "-t", tables[i % 2], "-X", NULL };

		assert_int_equal(run(flush, NULL, NULL, 0), 0);
		assert_int_equal(run(delete, NULL, NULL, 0), 0);
	}
}

static int
teardown(void **state)
{
	(void)state;
	if (iptables_is_legacy(4))
		flush_legacy();
	free(saved);
	saved = NULL;
	nl_free(nl);
	return 0;
}

static const char *
save(int family, const char *table)
{
	free(saved);
	saved = NULL;
	assert_int_equal(iptables_save(family, table, -1, &saved, &e), 0);
	return saved;
}

static void
need_nft(void)
{
	if (!iptables_is_legacy(4))
		return;
	print_message("skip: iptables-legacy makes no tables of nf_tables\n");
	skip();
}

static void
reading_makes_no_table(void **state)
{
	const char *const argv[] = { "/usr/sbin/iptables-save", NULL };

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_null(strstr(save(4, "filter"), "-A"));
	assert_int_equal(iptables_remove(4, "filter", OUT, -1, &e), 0);
	assert_int_equal(run(argv, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void
add(int family, const char *chain, int hook)
{
	char rules[128];
	struct iptables_chain c = { family, "filter", chain, hook, rules };

	(void)snprintf(
	    rules, sizeof(rules), "-A %s -p tcp --dport 5432 -j DROP\n", chain);
	assert_int_equal(iptables_add(&c, 1, -1, &e), 0);
}

static void
one_family_twice(int family)
{
	add(family, IN, HOOK_IN);
	add(family, OUT, HOOK_OUT);
	assert_int_equal(iptables_chain_exists(family, "filter", OUT, -1, &e), 1);
	assert_non_null(strstr(save(family, "filter"), "-A INPUT -j " IN "\n"));
	assert_non_null(strstr(save(family, "filter"), "-A OUTPUT -j " OUT "\n"));
	add(family, OUT, HOOK_OUT); /* a second jump */
	assert_int_equal(iptables_remove(family, "filter", OUT, -1, &e), 0);
	assert_null(strstr(save(family, "filter"), OUT));
	assert_non_null(strstr(save(family, "filter"), "-A INPUT -j " IN "\n"));
	assert_int_equal(iptables_remove(family, "filter", OUT, -1, &e), 0);
	assert_int_equal(iptables_remove(family, "filter", IN, -1, &e), 0);
	assert_int_equal(iptables_chain_exists(family, "filter", IN, -1, &e), 0);
}

static void
v4_chains_come_and_go_however_often(void **state)
{
	(void)state;
	one_family_twice(4);
}

static void
v6_chains_come_and_go_however_often(void **state)
{
	(void)state;
	one_family_twice(6);
}

static void
both_chains_go_in_at_once_and_first(void **state)
{
	const struct iptables_chain chains[] = {
		{ 4, "mangle", IN, HOOK_IN, "-A " IN " -j RETURN\n" },
		{ 4, "mangle", OUT, HOOK_OUT, "-A " OUT " -j RETURN\n" },
	};

	(void)state;
	restore("/usr/sbin/iptables-restore",
	    "*mangle\n-A OUTPUT -p udp -j ACCEPT\nCOMMIT\n");
	assert_int_equal(iptables_add(chains, 2, -1, &e), 0);
	assert_non_null(strstr(
	    save(4, "mangle"), "-A OUTPUT -j " OUT "\n-A OUTPUT -p udp -j ACCEPT\n"));
	assert_non_null(strstr(saved, "-A INPUT -j " IN "\n"));
	assert_int_equal(iptables_remove(4, "mangle", IN, -1, &e), 0);
	assert_int_equal(iptables_remove(4, "mangle", OUT, -1, &e), 0);
	assert_non_null(strstr(save(4, "mangle"), "-A OUTPUT -p udp -j ACCEPT\n"));
	assert_null(strstr(saved, "SD-"));
}

static void
a_chain_with_a_longer_name_is_not_ours(void **state)
{
	(void)state;
	restore("/usr/sbin/iptables-restore",
	    "*filter\n:" OUT "x - [0:0]\n-A OUTPUT -j " OUT "x\nCOMMIT\n");
	assert_int_equal(iptables_chain_exists(4, "filter", OUT, -1, &e), 0);
	assert_int_equal(iptables_remove(4, "filter", OUT, -1, &e), 0);
	assert_non_null(strstr(save(4, "filter"), "-A OUTPUT -j " OUT "x\n"));
}

static void
a_jump_that_somebody_narrowed_goes_too(void **state)
{
	(void)state;
	add(4, OUT, HOOK_OUT);
	restore("/usr/sbin/iptables-restore",
	    "*filter\n-A FORWARD -s 10.0.0.0/8 -p tcp -j " OUT "\nCOMMIT\n");
	assert_int_equal(iptables_remove(4, "filter", OUT, -1, &e), 0);
	assert_null(strstr(save(4, "filter"), "SD-"));
}

static void
what_the_tool_says_is_in_the_error(void **state)
{
	const struct iptables_chain c = { 4, "filter", OUT, HOOK_OUT,
		"-A " OUT " --nonsense -j DROP\n" };

	(void)state;
	assert_true(iptables_add(&c, 1, -1, &e) < 0);
	assert_non_null(strstr(e.msg, "iptables-restore"));
	assert_non_null(strstr(e.msg, "nonsense"));
	assert_null(strstr(save(4, "filter"), "SD-"));
}

static void
an_empty_base_table_goes(void **state)
{
	(void)state;
	add(4, OUT, HOOK_OUT);
	need_nft();
	assert_int_equal(nft_table_remove_empty(nl, 4, "filter", &e), 0);
	assert_true(nft_table_exists(nl, 4, "filter"));
	assert_int_equal(iptables_remove(4, "filter", OUT, -1, &e), 0);
	assert_int_equal(nft_table_remove_empty(nl, 4, "filter", &e), 1);
	assert_false(nft_table_exists(nl, 4, "filter"));
	assert_int_equal(nft_table_remove_empty(nl, 4, "filter", &e), 0);
	assert_int_equal(e.code, 0);
}

/* What a person put there, each of which alone must keep the table. */
static void
a_table_that_somebody_uses_stays(void **state)
{
	static const char *const uses[] = {
		"*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n",
		"*filter\n:mine - [0:0]\nCOMMIT\n",
		"*filter\n:INPUT DROP [0:0]\nCOMMIT\n",
	};

	(void)state;
	need_nft();
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		(void)teardown(NULL);
		assert_int_equal(setup(NULL), 0);
		restore("/usr/sbin/iptables-restore", uses[i]);
		assert_int_equal(nft_table_remove_empty(nl, 4, "filter", &e), 0);
		assert_true(nft_table_exists(nl, 4, "filter"));
	}
}

static void
a_base_chain_goes_only_while_empty(void **state)
{
	(void)state;
	restore("/usr/sbin/iptables-restore", "*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n");
	need_nft();
	assert_false(nft_chain_exists(nl, 4, "filter", "OUTPUT"));
	add(4, OUT, HOOK_OUT);
	assert_true(nft_chain_exists(nl, 4, "filter", "OUTPUT"));
	assert_int_equal(nft_chain_use(nl, 4, "filter", OUT), 2); /* its rule, the jump */
	assert_int_equal(nft_chain_remove_empty(nl, 4, "filter", "OUTPUT", &e), 0);
	assert_int_equal(iptables_remove(4, "filter", OUT, -1, &e), 0);
	assert_int_equal(nft_chain_remove_empty(nl, 4, "filter", "OUTPUT", &e), 1);
	assert_false(nft_chain_exists(nl, 4, "filter", "OUTPUT"));
	assert_non_null(strstr(save(4, "filter"), "-A FORWARD -j ACCEPT\n"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(reading_makes_no_table),
		T(v4_chains_come_and_go_however_often),
		T(v6_chains_come_and_go_however_often),
		T(both_chains_go_in_at_once_and_first),
		T(a_chain_with_a_longer_name_is_not_ours),
		T(a_jump_that_somebody_narrowed_goes_too),
		T(what_the_tool_says_is_in_the_error),
		T(an_empty_base_table_goes),
		T(a_table_that_somebody_uses_stays),
		T(a_base_chain_goes_only_while_empty),
	};

	if (iptables_supported(4, &e) != 0 || iptables_supported(6, &e) != 0) {
		(void)fprintf(stderr, "skip: %s\n", e.msg);
		return 77;
	}
	pidns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
