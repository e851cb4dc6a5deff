/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The share of flows: the program says of a packet what the function says of its flow, in
 * an interpreter of classic BPF here and in the kernel behind iptables -m bpf; shares are
 * what was asked for, and other seeds choose other flows.
 */
#include "flows.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "pidns.h"
#include "spawn.h"
#include "test.h"

TEST_WITHOUT_LEAK_CHECK

enum { PACKET_MAX = 128, FLOWS = 10000, SOME = 500 };

struct packet {
	size_t len;
	uint8_t data[PACKET_MAX];
};

/* --- an interpreter -------------------------------------------------------------------- */

struct machine {
	const struct packet *packet;
	uint32_t a, x, mem[BPF_MEMWORDS];
	bool failed;
};

static uint32_t
load(struct machine *m, uint32_t code, uint32_t at)
{
	size_t size = BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
	uint32_t v = 0;

	at -= (uint32_t)SKF_NET_OFF;
	if (at > m->packet->len || m->packet->len - at < size) {
		m->failed = true;
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		v = v << 8 | m->packet->data[at + i];
	return v;
}

static uint32_t
alu(uint32_t a, uint32_t code, uint32_t by)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return a + by;
	case BPF_MUL:
		return a * by;
	case BPF_RSH:
		return a >> by;
	case BPF_LSH:
		return a << by;
	case BPF_XOR:
		return a ^ by;
	default:
		fail_msg("an operation that this machine does not know: %#x", code);
	}
	return 0;
}

static bool
holds(uint32_t a, uint32_t code, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JA:
		return true;
	case BPF_JEQ:
		return a == k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return (a & k) != 0;
	default:
		fail_msg("a jump that this machine does not know: %#x", code);
	}
	return false;
}

static uint32_t
loaded(struct machine *m, const struct sock_filter *f)
{
	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		return f->k;
	case BPF_MEM:
		return m->mem[f->k];
	case BPF_MSH:
		return 4 * (load(m, BPF_B, f->k) & 0xf);
	case BPF_IND:
		return load(m, f->code, f->k + m->x);
	default:
		return load(m, f->code, f->k);
	}
}

/* One instruction that is no return; how many to skip behind it. */
static uint32_t
step(struct machine *m, const struct sock_filter *f)
{
	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
		m->a = loaded(m, f);
		return 0;
	case BPF_LDX:
		m->x = loaded(m, f);
		return 0;
	case BPF_ST:
		m->mem[f->k] = m->a;
		return 0;
	case BPF_ALU:
		m->a = alu(m->a, f->code, BPF_SRC(f->code) == BPF_X ? m->x : f->k);
		return 0;
	case BPF_JMP:
		if (BPF_OP(f->code) == BPF_JA)
			return f->k;
		return holds(m->a, f->code, f->k) ? f->jt : f->jf;
	default:
		m->x = m->a; /* TAX, the only one of its class here */
		return 0;
	}
}

static uint32_t
run(const struct sock_filter *program, size_t len, const struct packet *packet)
{
	struct machine m = { .packet = packet };

	for (size_t at = 0; at < len && !m.failed; at++) {
		if (BPF_CLASS(program[at].code) == BPF_RET)
			return program[at].k;
		at += step(&m, &program[at]);
	}
	assert_true(m.failed); /* a program never runs off its end */
	return 0;
}

/* --- packets --------------------------------------------------------------------------- */

static void
put(struct packet *p, const void *data, size_t len)
{
	assert_true(p->len + len <= sizeof(p->data));
	memcpy(p->data + p->len, data, len);
	p->len += len;
}

static void
put_ports(struct packet *p, uint16_t from, uint16_t to)
{
	const uint16_t ports[4] = { htons(from), htons(to), htons(8), 0 };

	put(p, ports, sizeof(ports));
}

enum { FRAGMENT_NONE = -1 };

/* Options are words of four bytes; a fragment is given by its offset in words of eight. */
static struct packet
packet4(const struct flow *f, bool is_answer, size_t options, int fragment)
{
	uint8_t head[60] = { (uint8_t)(0x45 + options), [8] = 64, [9] = f->protocol };
	struct packet p = { 0 };

	if (fragment != FRAGMENT_NONE) {
		head[6] = (uint8_t)(0x20 | fragment >> 8);
		head[7] = (uint8_t)fragment;
	}
	memcpy(head + 12, is_answer ? f->remote.addr : f->local.addr, 4);
	memcpy(head + 16, is_answer ? f->local.addr : f->remote.addr, 4);
	put(&p, head, 20 + 4 * options);
	put_ports(&p, is_answer ? f->remote_port : f->local_port,
	    is_answer ? f->local_port : f->remote_port);
	return p;
}

static struct packet
packet6(const struct flow *f, bool is_answer, uint8_t extension)
{
	uint8_t head[40] = { 0x60, [6] = f->protocol, [7] = 64 };
	const uint8_t next[8] = { f->protocol, 0, 1, 1 };
	struct packet p = { 0 };

	if (extension != 0)
		head[6] = extension;
	memcpy(head + 8, is_answer ? f->remote.addr : f->local.addr, 16);
	memcpy(head + 24, is_answer ? f->local.addr : f->remote.addr, 16);
	put(&p, head, sizeof(head));
	if (extension != 0)
		put(&p, next, sizeof(next));
	put_ports(&p, is_answer ? f->remote_port : f->local_port,
	    is_answer ? f->local_port : f->remote_port);
	return p;
}

static uint32_t
dice(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static struct net
some_address(uint8_t family)
{
	struct net n = { .family = family, .prefix = family == 4 ? 32 : 128 };

	for (size_t i = 0; i < (family == 4 ? 4 : 16); i++)
		n.addr[i] = (uint8_t)dice();
	return n;
}

static struct flow
some_flow(uint8_t family)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP,
		IPPROTO_GRE };

	return (struct flow){
		.local = some_address(family),
		.remote = some_address(family),
		.local_port = (uint16_t)dice(),
		.remote_port = (uint16_t)dice(),
		.protocol = protocols[dice() % ARRAY_LEN(protocols)],
	};
}

static bool
is_in(const struct flow *f, uint32_t seed, uint32_t share)
{
	return flow_hash_is_in(seed, share, f);
}

static bool
fragment_is_in(const struct flow *f, uint32_t seed, uint32_t share)
{
	struct flow without_ports = *f;

	without_ports.local_port = without_ports.remote_port = 0;
	return flow_hash_is_in(seed, share, &without_ports);
}

/* --- the program ----------------------------------------------------------------------- */

struct share {
	uint32_t seed, share;
	struct sock_filter program[FLOW_HASH_MAX];
	size_t len;
};

static struct share
share_of(uint8_t family)
{
	struct share s = { .seed = dice(), .share = dice() % FLOWS_SHARE_ALL };

	s.len = flow_hash_program(family, s.seed, s.share, s.program);
	assert_true(s.len > 0 && s.len <= FLOW_HASH_MAX);
	return s;
}

static void
assert_answer(const struct share *s, struct packet p, bool expected, const char *what)
{
	uint32_t got = run(s->program, s->len, &p);

	if (got != expected)
		fail_msg("%s: the program says %u, the function %d", what, got, expected);
}

static void
the_program_agrees_with_the_function_on_ipv4(void **state)
{
	(void)state;
	for (int i = 0; i < SOME; i++) {
		struct share s = share_of(4);
		struct flow f = some_flow(4);
		bool in = is_in(&f, s.seed, s.share);
		bool part = fragment_is_in(&f, s.seed, s.share);

		assert_answer(&s, packet4(&f, false, 0, FRAGMENT_NONE), in, "plain");
		assert_answer(&s, packet4(&f, true, 0, FRAGMENT_NONE), in, "answer");
		assert_answer(&s, packet4(&f, false, 10, FRAGMENT_NONE), in, "options");
		assert_answer(&s, packet4(&f, true, 1, FRAGMENT_NONE), in, "an option");
		assert_answer(&s, packet4(&f, false, 0, 0), part, "first fragment");
		assert_answer(&s, packet4(&f, true, 0, 185), part, "later fragment");
		assert_answer(&s, packet4(&f, false, 3, 8000), part, "far fragment");
	}
}

static void
the_program_agrees_with_the_function_on_ipv6(void **state)
{
	(void)state;
	for (int i = 0; i < SOME; i++) {
		struct share s = share_of(6);
		struct flow f = some_flow(6), routed = f;
		bool part = fragment_is_in(&f, s.seed, s.share);

		routed.protocol = IPPROTO_ROUTING;
		assert_answer(&s, packet6(&f, false, 0), is_in(&f, s.seed, s.share), "");
		assert_answer(
		    &s, packet6(&f, true, 0), is_in(&f, s.seed, s.share), "answer");
		assert_answer(&s, packet6(&f, false, IPPROTO_FRAGMENT), part, "fragment");
		assert_answer(
		    &s, packet6(&f, true, IPPROTO_FRAGMENT), part, "its answer");
		assert_answer(&s, packet6(&f, false, IPPROTO_ROUTING),
		    fragment_is_in(&routed, s.seed, s.share), "an extension header");
	}
}

static void
nothing_of_the_other_family_and_no_stump_is_in_it(void **state)
{
	struct flow four = some_flow(4), six = some_flow(6);
	struct packet p4 = packet4(&four, false, 0, FRAGMENT_NONE);
	struct packet p6 = packet6(&six, false, 0), none = { 0 };
	struct sock_filter program[FLOW_HASH_MAX];
	size_t len = flow_hash_program(4, 1, FLOWS_SHARE_ALL, program);

	(void)state;
	assert_int_equal(run(program, len, &p4), 1);
	assert_int_equal(run(program, len, &p6), 0);
	assert_int_equal(run(program, len, &none), 0);
	len = flow_hash_program(6, 1, FLOWS_SHARE_ALL - 1, program);
	assert_int_equal(run(program, len, &p4), 0);
	p6.len = 39;
	assert_int_equal(run(program, len, &p6), 0);
}

/* --- the share ------------------------------------------------------------------------- */

/* Five standard deviations: what chance does once in millions. */
static void
assert_share(size_t in, double share, const char *what)
{
	double expected = FLOWS * share;

	if (fabs((double)in - expected) > 5 * sqrt(FLOWS * share * (1 - share)))
		fail_msg(
		    "%s: %zu of %d flows, not about %.0f", what, in, FLOWS, expected);
}

/* Flows as they come: a client's next port, the next client, a stranger. */
static struct flow
next_flow(int pattern, uint8_t family, uint32_t i)
{
	struct flow f = { .local = { .family = family },
		.remote = { .family = family },
		.remote_port = 443,
		.local_port = 40000,
		.protocol = IPPROTO_TCP };
	uint8_t *host = f.remote.addr + (family == 4 ? 2 : 14);

	if (pattern == 0)
		return some_flow(family);
	f.local.addr[0] = f.remote.addr[0] = family == 4 ? 10 : 0xfd;
	if (pattern == 1) {
		f.local_port = (uint16_t)(32768 + i);
		return f;
	}
	host[0] = (uint8_t)(i >> 8);
	host[1] = (uint8_t)i;
	return f;
}

static void
shares_are_what_was_asked_for(void **state)
{
	static const uint32_t shares[] = { 0, 100, 1000, 10000, 50000, 90000, 99900,
		FLOWS_SHARE_ALL };
	static const char *const patterns[] = { "strangers", "ports", "clients" };

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(shares); s++) {
		for (int pattern = 0; pattern < 6; pattern++) {
			uint8_t family = pattern < 3 ? 4 : 6;
			uint32_t seed = dice();
			size_t in = 0;

			for (uint32_t i = 0; i < FLOWS; i++) {
				struct flow f = next_flow(pattern % 3, family, i);

				in += is_in(&f, seed, shares[s]);
			}
			assert_share(in, shares[s] / (double)FLOWS_SHARE_ALL,
			    patterns[pattern % 3]);
		}
	}
}

static void
another_seed_chooses_other_flows(void **state)
{
	(void)state;
	for (int pattern = 0; pattern < 3; pattern++) {
		size_t both = 0;

		for (uint32_t i = 0; i < FLOWS; i++) {
			struct flow f = next_flow(pattern, 4, i);

			both += is_in(&f, 1, 50000) && is_in(&f, 2, 50000);
		}
		assert_share(both, 0.25, "in both");
	}
}

static void
a_larger_share_holds_the_smaller_one(void **state)
{
	(void)state;
	for (int i = 0; i < SOME; i++) {
		struct flow f = some_flow(4);

		if (is_in(&f, 7, 20000))
			assert_true(is_in(&f, 7, 30000));
	}
}

/* --- in the kernel --------------------------------------------------------------------- */

enum { SHARE = 30000, SEED = 4711, SERVER = 9000, CLIENTS = 200, CLIENT = 20000 };

static int
tool(const char *const *argv, const char *input)
{
	const struct run_tool t = {
		.argv = argv, .input = input, .keep_fd = -1, .timeout_ms = 20000
	};
	struct err e = { 0 };
	int rc = run_tool(&t, &e);

	if (rc < 0)
		print_message("%s: %s\n", argv[0], e.msg);
	return rc;
}

/* On the way out in one family, in the other one on the way in: both must do. */
static int
drop_share(int family)
{
	_cleanup_free_ char *rules = NULL;
	struct sock_filter program[FLOW_HASH_MAX];
	size_t len = flow_hash_program((uint8_t)family, SEED, SHARE, program), size = 0;
	const char *const argv[] = { family == 4 ? "/usr/sbin/iptables-restore" :
						   "/usr/sbin/ip6tables-restore",
		NULL };
	FILE *f = open_memstream(&rules, &size);

	(void)fprintf(f, "*filter\n-A %s -p udp -m bpf --bytecode \"%zu",
	    family == 4 ? "OUTPUT" : "INPUT", len);
	for (size_t i = 0; i < len; i++)
		(void)fprintf(f, ",%u %u %u %u", program[i].code, program[i].jt,
		    program[i].jf, program[i].k);
	(void)fprintf(f, "\" -j DROP\nCOMMIT\n");
	assert_int_equal(fclose(f), 0);
	return tool(argv, rules);
}

static int
udp_socket(int family, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(ret, 0, sizeof(*ret));
	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	six.sin6_addr = in6addr_loopback;
	*ret_len = family == 4 ? sizeof(four) : sizeof(six);
	memcpy(ret, family == 4 ? (void *)&four : (void *)&six, *ret_len);
	assert_int_equal(bind(fd, (struct sockaddr *)ret, *ret_len), 0);
	return fd;
}

/* Over loopback, a packet has arrived or is lost when the call returns. */
static void
assert_kernel_agrees(int family)
{
	struct sockaddr_storage server_at, client_at;
	socklen_t len;
	int server = udp_socket(family, SERVER, &server_at, &len);
	struct flow flow = { .remote_port = SERVER, .protocol = IPPROTO_UDP };
	struct err e = { 0 };
	size_t lost = 0;

	assert_ok(parse_net(family == 4 ? "127.0.0.1" : "::1", &flow.local, &e), e);
	flow.remote = flow.local;
	for (uint16_t port = CLIENT; port < CLIENT + CLIENTS; port++) {
		int client = udp_socket(family, port, &client_at, &len);
		bool expected, came;
		char c = 'x';

		flow.local_port = port;
		expected = flow_hash_is_in(SEED, SHARE, &flow);
		(void)sendto(client, &c, 1, 0, (struct sockaddr *)&server_at, len);
		came = recv(server, &c, 1, MSG_DONTWAIT) == 1;
		if (came == expected)
			fail_msg("port %u by IPv%d: came %d", port, family, came);
		lost += expected;
		/* and back, the same answer */
		(void)sendto(server, &c, 1, 0, (struct sockaddr *)&client_at, len);
		assert_int_equal(recv(client, &c, 1, MSG_DONTWAIT) == 1, !expected);
		(void)close(client);
	}
	(void)close(server);
	assert_in_range(lost, CLIENTS / 6, CLIENTS / 2);
}

static void
the_kernel_agrees_with_the_function(void **state)
{
	static const char *const lo_up[] = { "/usr/bin/env", "ip", "link", "set", "lo",
		"up", NULL };

	static const char *const any_bpf[] = { "/usr/sbin/iptables", "-A", "FORWARD",
		"-m", "bpf", "--bytecode", "1,6 0 0 0", NULL };

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip_test("needs root for a network namespace");
	assert_int_equal(tool(lo_up, NULL), 0);
	if (tool(any_bpf, NULL) < 0)
		skip_test("no xt_bpf in this kernel, or no iptables");
	assert_int_equal(drop_share(4), 0);
	assert_int_equal(drop_share(6), 0);
	assert_kernel_agrees(4);
	assert_kernel_agrees(6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_program_agrees_with_the_function_on_ipv4),
		cmocka_unit_test(the_program_agrees_with_the_function_on_ipv6),
		cmocka_unit_test(nothing_of_the_other_family_and_no_stump_is_in_it),
		cmocka_unit_test(shares_are_what_was_asked_for),
		cmocka_unit_test(another_seed_chooses_other_flows),
		cmocka_unit_test(a_larger_share_holds_the_smaller_one),
		cmocka_unit_test(the_kernel_agrees_with_the_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
