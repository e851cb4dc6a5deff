/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of ours in the real kernel, in a network namespace of the test's own, read back
 * both by our code and by nft(8) where that is installed; and the bytes of a rule, as nft
 * sends them.
 */
#include "nft_table.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "nl.h"
#include "parse.h"
#include "pidns.h"
#include "spawn.h"
#include "test.h"

TEST_WITHOUT_LEAK_CHECK

#define TABLE "sd-7b1c09aa"

static const struct nft_set to4 = { TABLE, NFT_SET_TO4, NFT_KEY_NET4 };
static const struct nft_set to6 = { TABLE, NFT_SET_TO6, NFT_KEY_NET6 };

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
	(void)state;
	nl_free(nl); /* and with it what the test has made */
	return 0;
}

static void
nft(const char *const *argv, char *out, size_t size)
{
	const struct run_tool t = { .argv = argv,
		.out = out,
		.out_size = size,
		.keep_fd = -1,
		.timeout_ms = 20000 };

	assert_ok(run_tool(&t, &e), e);
}

static void
list_table(char *out, size_t size)
{
	static const char *const argv[] = { "/usr/sbin/nft", "-nn", "list", "table",
		"inet", TABLE, NULL };

	nft(argv, out, size);
}

/* --- bytes ---------------------------------------------------------------------------- */

/* What the socket would send, without its batch's edges and its header: the attributes. */
static size_t
sent(uint8_t *buf, size_t size)
{
	const struct timeval soon = { .tv_usec = 1 }; /* nobody answers */
	const size_t edge = NLMSG_HDRLEN + 4;
	int pair[2];
	ssize_t len;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(
	    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
	assert_true(dup2(pair[0], nl_fd(nl)) >= 0);
	assert_int_equal(nl_ask_batch(nl, 0), -ETIMEDOUT);
	len = recv(pair[1], buf, size, 0);
	(void)close(pair[0]);
	(void)close(pair[1]);
	assert_true(len >= (ssize_t)(3 * edge) && (size_t)len < size);
	memmove(buf, buf + 2 * edge, (size_t)len - 3 * edge);
	return (size_t)len - 3 * edge;
}

static void
assert_sent(const char *expected, size_t expected_len)
{
	static uint8_t bytes[4096];
	size_t len = sent(bytes, sizeof(bytes));

	assert_int_equal(len, expected_len);
	assert_memory_equal(bytes, expected, len);
}

/* clang-format off */
#define IN_TABLE "\x10\x00\x01\x00" "sd-7b1c09aa\0"
#define IN_CHAIN "\x07\x00\x02\x00" "in\0\0"
#define META(key) "\x24\x00\x01\x80\x09\x00\x01\x00meta\0\0\0\0\x14\x00\x02\x80" \
	"\x08\x00\x02\x00\x00\x00\x00" key "\x08\x00\x01\x00\x00\x00\x00\x01"
#define CMP(op, len, data) "\x2c\x00\x01\x80\x08\x00\x01\x00" "cmp\0\x20\x00\x02\x80" \
	"\x08\x00\x01\x00\x00\x00\x00\x01\x08\x00\x02\x00\x00\x00\x00" op \
	"\x0c\x00\x03\x80" len "\x00\x01\x00" data
#define PAYLOAD(base, offset, len) "\x34\x00\x01\x80\x0c\x00\x01\x00payload\0\x24\x00\x02\x80" \
	"\x08\x00\x01\x00\x00\x00\x00\x01\x08\x00\x02\x00\x00\x00\x00" base \
	"\x08\x00\x03\x00\x00\x00\x00" offset "\x08\x00\x04\x00\x00\x00\x00" len
#define IMMEDIATE_DROP "\x30\x00\x01\x80\x0e\x00\x01\x00immediate\0\0\0\x1c\x00\x02\x80" \
	"\x08\x00\x01\x00\x00\x00\x00\x00\x10\x00\x02\x80\x0c\x00\x02\x80" \
	"\x08\x00\x01\x00\x00\x00\x00\x00"
/* clang-format on */

/* As strace(1) shows it of: nft add rule … ip saddr … tcp sport 5000-6000 drop */
static void
a_rule_is_what_nft_8_would_send(void **state)
{
	static const char expected[] = IN_TABLE IN_CHAIN "\x60\x01\x04\x80" META("\x0f")
	    CMP("\x00", "\x05", "\x02\0\0\0") META("\x10")
		CMP("\x00", "\x05", "\x06\0\0\0") PAYLOAD("\x02", "\x00", "\x02")
		    CMP("\x05", "\x06", "\x13\x88\0\0")
			CMP("\x03", "\x06", "\x17\x70\0\0") IMMEDIATE_DROP;
	struct nft_rule r;

	(void)state;
	r = nft_rule_begin(nl, NFT_IN, TABLE, "in");
	nft_match_family(&r, 4);
	nft_match_protocol(&r, IPPROTO_TCP);
	nft_match_remote_port(&r, 5000, 6000);
	nft_drop(&r);
	nft_rule_end(&r);
	assert_sent(expected, sizeof(expected) - 1);
}

/* --- ranges --------------------------------------------------------------------------- */

static size_t
merged(const char *text, struct range *ret, size_t len)
{
	_cleanup_free_ char *copy = strdup(text);
	size_t count = 0;

	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
		struct net net;

		assert_ok(parse_net(word, &net, &e), e);
		ret[count++] = range_of_net(&net);
	}
	return ranges_merge(ret, count, len);
}

static void
networks_that_overlap_or_touch_are_one_range(void **state)
{
	static const struct {
		const char *nets;
		size_t len, count;
		uint8_t first[16], last[16]; /* of the first range */
	} cases[] = {
		{ "10.0.0.0/8", 4, 1, { 10 }, { 10, 255, 255, 255 } },
		{ "10.0.0.0/8 10.1.0.0/16", 4, 1, { 10 }, { 10, 255, 255, 255 } },
		{ "10.1.0.0/16 10.0.0.0/8", 4, 1, { 10 }, { 10, 255, 255, 255 } },
		{ "192.0.3.0/24 192.0.2.0/24", 4, 1, { 192, 0, 2 }, { 192, 0, 3, 255 } },
		{ "192.0.4.0/24 192.0.2.0/24", 4, 2, { 192, 0, 2 }, { 192, 0, 2, 255 } },
		{ "192.0.2.1 192.0.2.1", 4, 1, { 192, 0, 2, 1 }, { 192, 0, 2, 1 } },
		{ "255.255.255.255 255.255.255.254", 4, 1, { 255, 255, 255, 254 },
		    { 255, 255, 255, 255 } },
		{ "0.0.0.0/1 128.0.0.0/1 10.0.0.0/8", 4, 1, { 0 },
		    { 255, 255, 255, 255 } },
		{ "fd00::/9 fd80::/9 fd00::1", 16, 1, { 0xfd },
		    { 0xfd, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
			255, 255, 255 } },
		{ "fd00::1 fd00::3", 16, 2, { 0xfd, [15] = 1 }, { 0xfd, [15] = 1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct range r[8];

		if (merged(cases[i].nets, r, cases[i].len) != cases[i].count)
			fail_msg("%s", cases[i].nets);
		assert_memory_equal(r[0].first, cases[i].first, 16);
		assert_memory_equal(r[0].last, cases[i].last, 16);
	}
}

/* --- the kernel ----------------------------------------------------------------------- */

static void
begin_table(void)
{
	nl_batch(nl);
	nft_put_table(nl, TABLE);
	nft_put_set(nl, &to4, 1);
	nft_put_set(nl, &to6, 2);
}

static void
fill(const struct nft_set *set, const char *nets)
{
	struct range r[8];
	size_t count = merged(nets, r, set == &to4 ? 4 : 16);

	nft_put_ranges(nl, set, r, count);
}

static void
assert_listed(const char *line)
{
	static char text[16384];

	list_table(text, sizeof(text));
	if (strstr(text, line) == NULL)
		fail_msg("no '%s' in: %s", line, text);
}

static void
sets_are_filled_and_emptied_as_one(void **state)
{
	(void)state;
	begin_table();
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	assert_int_equal(nft_set_count(nl, &to4, &e), 0);
	nl_batch(nl);
	fill(&to4, "10.0.0.0/8 192.0.2.7 255.0.0.0/8 0.0.0.0/8");
	fill(&to6, "::/1 8000::/1");
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	assert_int_equal(nft_set_count(nl, &to4, &e), 4);
	assert_int_equal(nft_set_count(nl, &to6, &e), 1);
	assert_listed("elements = { 0.0.0.0/8, 10.0.0.0/8,");
	assert_listed("192.0.2.7, 255.0.0.0/8 }");
	assert_listed("elements = { ::/0 }");
	assert_ok(nft_table_flush(nl, TABLE, &e), e);
	assert_int_equal(nft_set_count(nl, &to4, &e), 0);
	assert_int_equal(nft_set_count(nl, &to6, &e), 0);
	assert_ok(nft_table_flush(nl, TABLE, &e), e); /* empty already */
}

static void
as_many_networks_as_a_fault_may_have(void **state)
{
	static struct range four[512], six[512];

	(void)state;
	for (unsigned i = 0; i < 512; i++) {
		const struct net a = { .family = 4,
			.prefix = 24,
			.addr = { 10, (uint8_t)(i >> 7), (uint8_t)(i << 1) } };
		const struct net b = { .family = 6,
			.prefix = 128,
			.addr = {
			    0xfd, [14] = (uint8_t)(i >> 7), [15] = (uint8_t)(i << 1) } };

		four[i] = range_of_net(&a);
		six[i] = range_of_net(&b);
	}
	begin_table();
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	nl_batch(nl);
	nft_put_ranges(nl, &to4, four, 512);
	nft_put_ranges(nl, &to6, six, 512);
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	assert_int_equal(nft_set_count(nl, &to4, &e), 512);
	assert_int_equal(nft_set_count(nl, &to6, &e), 512);
}

static void
put_matches(enum nft_way way)
{
	static const struct sock_filter yes[] = { BPF_STMT(BPF_RET | BPF_K, 1) };
	struct nft_rule r = nft_rule_begin(nl, way, TABLE, way == NFT_IN ? "in" : "out");

	nft_match_family(&r, 4);
	nft_match_protocol(&r, IPPROTO_TCP);
	nft_match_interface(&r, "eth0");
	nft_match_mark(&r, 77);
	nft_match_remote_port(&r, 22, 22);
	nft_match_local_port(&r, 1024, 2048);
	nft_match_tcp_flags(&r, 4, 4);
	nft_match_interface_in(&r, "devices");
	nft_match_remote_port_in(&r, "ports");
	nft_match_login_in(&r, 4, "logins");
	nft_match_established(&r);
	nft_match_remote_in(&r, 4, NFT_SET_TO4);
	nft_return(&r);
	nft_rule_end(&r);
	r = nft_rule_begin(nl, way, TABLE, way == NFT_IN ? "in" : "out");
	nft_match_family(&r, 6);
	nft_match_protocol(&r, IPPROTO_ICMPV6);
	nft_match_icmp(&r, 133, 137);
	nft_match_icmp_code(&r, 0);
	nft_match_cgroup(&r, 1, 1);
	nft_match_connections(&r, 10);
	nft_match_bpf(&r, yes, ARRAY_LEN(yes));
	if (way == NFT_OUT)
		nft_match_user(&r, 100);
	nft_match_remote_in(&r, 6, NFT_SET_TO6);
	nft_goto(&r, "hit");
	nft_rule_end(&r);
}

static void
put_verdicts(void)
{
	struct nft_rule r = nft_rule_begin(nl, NFT_OUT, TABLE, "hit");

	nft_count(&r);
	nft_match_protocol(&r, IPPROTO_TCP);
	nft_match_syn(&r);
	nft_match_no_syn(&r);
	nft_reject_tcp(&r);
	nft_rule_end(&r);
	r = nft_rule_begin(nl, NFT_OUT, TABLE, "hit");
	nft_reject(&r, NFT_HOST_UNREACHABLE);
	nft_rule_end(&r);
	r = nft_rule_begin(nl, NFT_OUT, TABLE, "hit");
	nft_reject(&r, NFT_PORT_UNREACHABLE);
	nft_rule_end(&r);
	r = nft_rule_begin(nl, NFT_OUT, TABLE, "hit");
	nft_drop(&r);
	nft_rule_end(&r);
}

static void
put_everything(void)
{
	static const struct nft_set sets[] = {
		{ TABLE, "ports", NFT_KEY_PORT },
		{ TABLE, "devices", NFT_KEY_INTERFACE },
		{ TABLE, "logins", NFT_KEY_LOGIN4 },
	};
	static const char *const devices[] = { "eth0", "a-name-of-15-by" };
	static const struct ssh_session login = {
		.remote = { .family = 4, .prefix = 32, .addr = { 192, 0, 2, 9 } },
		.remote_port = 50000,
		.local_port = 22,
	};
	struct range ports = range_of_ports(&(struct port_range){ 100, 200 });

	begin_table();
	nft_put_set(nl, &sets[0], 3);
	nft_put_ranges(nl, &sets[0], &ports, 1);
	nft_put_set(nl, &sets[1], 4);
	nft_put_interfaces(nl, &sets[1], devices, ARRAY_LEN(devices));
	nft_put_set(nl, &sets[2], 5);
	nft_put_logins(nl, &sets[2], &login, 1);
	nft_put_chain(nl, TABLE, "hit");
	nft_put_base_chain(nl, NFT_IN, TABLE, "in", NFT_BEFORE_ALL);
	nft_put_base_chain(nl, NFT_OUT, TABLE, "out", NFT_AFTER_CONNTRACK);
	put_matches(NFT_IN);
	put_matches(NFT_OUT);
	put_verdicts();
}

static void
nft_8_reads_what_we_wrote(void **state)
{
	static const char *const lines[] = {
		"flags owner",
		"comment \"stormdrill " TABLE "\"",
		"elements = { 100-200 }",
		"elements = { \"eth0\",",
		"\"a-name-of-15-by\" }",
		"elements = { 192.0.2.9 . 50000 . 22 }",
		"type filter hook input priority -310; policy accept;",
		"type filter hook output priority -190; policy accept;",
		"iifname \"eth0\" meta mark 0x0000004d tcp sport 22 tcp dport 1024-2048 "
		"tcp flags & 0x4 == 0x4 iifname @devices tcp sport @ports "
		"ip saddr . tcp sport . tcp dport @logins ct state 0x2,0x4 "
		"ip saddr @to4 return",
		"oifname \"eth0\" meta mark 0x0000004d tcp dport 22 tcp sport 1024-2048 "
		"tcp flags & 0x4 == 0x4 oifname @devices tcp dport @ports "
		"ip daddr . tcp dport . tcp sport @logins ct state 0x2,0x4 "
		"ip daddr @to4 return",
		"icmpv6 type 133-137 icmpv6 code 0 socket cgroupv2 level 1 1 "
		"ct count over 10 xt match bpf ip6 saddr @to6 goto hit",
		"xt match bpf meta skuid 100 ip6 daddr @to6 goto hit",
		"counter packets 0 bytes 0 tcp flags 0x2 / 0x1,0x2,0x4,0x10 "
		"tcp flags != 0x2 / 0x1,0x2,0x4,0x10 reject with tcp reset",
		"reject with icmpx 2\n",
		"reject\n",
		"drop\n",
	};

	(void)state;
	if (access("/usr/sbin/nft", X_OK) != 0)
		skip_test("nft(8) is not installed");
	(void)nft_has_match(nl, "bpf"); /* loads it */
	put_everything();
	if (nl_try_batch(nl) == -ENOENT)
		skip_test("this kernel lacks one of the expressions");
	put_everything();
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_listed(lines[i]);
}

/* Only what passes every match is counted, and only where a rule asks for it. */
static void
packets_are_counted_and_dropped(void **state)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct nft_chain_info info;
	struct nft_rule r;

	(void)state;
	begin_table();
	nft_put_base_chain(nl, NFT_OUT, TABLE, "out", NFT_BEFORE_ALL);
	r = nft_rule_begin(nl, NFT_OUT, TABLE, "out");
	nft_match_family(&r, 4);
	nft_match_remote_in(&r, 4, NFT_SET_TO4);
	nft_count(&r);
	nft_drop(&r);
	nft_rule_end(&r);
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (const void *)&to, sizeof(to)), 1);
	nl_batch(nl);
	fill(&to4, "127.0.0.0/8");
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    sendto(fd, "x", 1, 0, (const void *)&to, sizeof(to)), -1);
	assert_ok(nft_chain_read(nl, TABLE, "out", &info, &e), e);
	assert_int_equal(info.rules, 1);
	assert_int_equal(info.packets, 3);
	(void)close(fd);
}

static void
a_batch_is_done_whole_or_not_at_all(void **state)
{
	bool is_ours = false;

	(void)state;
	begin_table();
	nft_put_flush(nl, &(struct nft_set){ TABLE, "no-such-set", NFT_KEY_PORT });
	nft_put_chain(nl, TABLE, "hit");
	assert_int_equal(nl_ask_batch(nl, 0), -ENOENT);
	assert_int_equal(nft_table_find(nl, TABLE, &is_ours), -ENOENT);
	begin_table();
	assert_int_equal(nl_try_batch(nl), 0);
	assert_int_equal(nft_table_find(nl, TABLE, &is_ours), -ENOENT);
	begin_table();
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	assert_int_equal(nft_table_find(nl, TABLE, &is_ours), 0);
	assert_true(is_ours);
	begin_table();
	assert_int_equal(nl_ask_batch(nl, 0), -EEXIST);
}

static void
a_table_belongs_to_its_socket(void **state)
{
	static const char *const flush[] = { "/usr/sbin/nft", "flush", "ruleset", NULL };
	struct nl *other = NULL;
	bool is_ours;

	(void)state;
	begin_table();
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	assert_ok(nl_open(&other, NETLINK_NETFILTER, &e), e);
	assert_int_equal(nft_table_delete(other, TABLE, &e), -EPERM);
	assert_string_equal(e.msg,
	    "delete table '" TABLE
	    "': it belongs to a process that is alive, and ends with "
	    "it");
	assert_int_equal(nft_table_flush(other, TABLE, &e), -EPERM);
	if (access(flush[0], X_OK) == 0)
		nft(flush, NULL, 0);
	assert_int_equal(nft_table_find(other, TABLE, &is_ours), 0);
	nl_free(nl);
	nl = other;
	assert_int_equal(nft_table_find(nl, TABLE, &is_ours), -ENOENT);
	assert_int_equal(nft_table_delete(nl, TABLE, &e), -ENOENT);
	assert_int_equal(nft_table_flush(nl, TABLE, &e), -ENOENT);
}

static void
a_table_that_has_the_name_alone_is_not_ours(void **state)
{
	static const char *const add[] = { "/usr/sbin/nft", "add", "table", "inet", TABLE,
		NULL };
	bool is_ours = true;

	(void)state;
	if (access(add[0], X_OK) != 0)
		skip_test("nft(8) is not installed");
	nft(add, NULL, 0);
	assert_int_equal(nft_table_find(nl, TABLE, &is_ours), 0);
	assert_false(is_ours);
	assert_ok(nft_table_delete(nl, TABLE, &e), e);
}

static int
count_ours(void *ctx, const char *name)
{
	*(int *)ctx += strcmp(name, TABLE) == 0;
	return 0;
}

static void
every_table_is_listed(void **state)
{
	int count = 0;

	(void)state;
	assert_int_equal(nft_table_each(nl, count_ours, &count, &e), 0);
	assert_int_equal(count, 0);
	begin_table();
	assert_int_equal(nl_ask_batch(nl, 0), 0);
	assert_int_equal(nft_table_each(nl, count_ours, &count, &e), 0);
	assert_int_equal(count, 1);
}

static void
what_the_kernel_knows_is_asked_without_making_anything(void **state)
{
	uint32_t before = 0, after = 0;

	(void)state;
	assert_int_equal(nft_generation(nl, &before), 0);
	assert_ok(nft_table_supported(nl, &e), e);
	assert_true(nft_has_expression(nl, "counter"));
	assert_true(nft_has_expression(nl, "reject"));
	assert_false(nft_has_expression(nl, "no-such-thing"));
	if (nft_has_expression(nl, "match"))
		assert_true(nft_has_match(nl, "bpf"));
	assert_false(nft_has_match(nl, "no-such-thing"));
	assert_int_equal(nft_generation(nl, &after), 0);
	assert_int_equal(before, after);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_socket, close_socket)

int
main(void)
{
	static const char *const up[] = { "/sbin/ip", "link", "set", "lo", "up", NULL };
	const struct run_tool loopback_up = {
		.argv = up, .keep_fd = -1, .timeout_ms = 20000
	};
	const struct CMUnitTest tests[] = {
		T(a_rule_is_what_nft_8_would_send),
		T(networks_that_overlap_or_touch_are_one_range),
		T(sets_are_filled_and_emptied_as_one),
		T(as_many_networks_as_a_fault_may_have),
		T(nft_8_reads_what_we_wrote),
		T(packets_are_counted_and_dropped),
		T(a_batch_is_done_whole_or_not_at_all),
		T(a_table_belongs_to_its_socket),
		T(a_table_that_has_the_name_alone_is_not_ours),
		T(every_table_is_listed),
		T(what_the_kernel_knows_is_asked_without_making_anything),
	};

	pidns_enter();
	if (nl_open(&nl, NETLINK_NETFILTER, &e) != 0 || nft_table_supported(nl, &e) != 0)
		skip_all("%s", e.msg);
	nl_free(nl);
	if (run_tool(&loopback_up, &e) != 0)
		skip_all("%s", e.msg);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
