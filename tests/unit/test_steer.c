/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a fault's chains: what is exempt stands before any verdict. */
#include "steer_iptables.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "test.h"

static struct flows flows;
static struct iptables_steer own;

static struct steer
steer(void)
{
	flows =
	    (struct flows){ .egress = true, .ingress = true, .share = FLOWS_SHARE_ALL };
	own = (struct iptables_steer){
		.table = "filter",
		.set = { "sd-7b1c09aa-4", "sd-7b1c09aa-6" },
		.exclude_set = { "sd-7b1c09aa-4x", "sd-7b1c09aa-6x" },
		.chain_in = "SD-7b1c09aa-I",
		.chain_out = "SD-7b1c09aa-O",
	};
	return (struct steer){ .flows = &flows, .verdict = STEER_DROP, .own = &own };
}

static void
assert_rules(const struct steer *s, int family, int hook, const char *expected)
{
	uint32_t sets = 0, lines = 0;
	_cleanup_free_ char *text = steer_rules(s, family, hook, &sets);

	assert_string_equal(text, expected);
	for (const char *p = text; (p = strstr(p, "--match-set")) != NULL; p++)
		lines += p[strlen("--match-set sd-7b1c09aa-4")] == ' ';
	assert_int_equal(sets, lines);
}

#define DHCP_OUT "-A SD-7b1c09aa-O -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
#define DHCP_IN  "-A SD-7b1c09aa-I -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
#define TO_SET   " -m set --match-set sd-7b1c09aa-4 dst"
#define FROM_SET " -m set --match-set sd-7b1c09aa-4 src"

static void
dhcp_passes_on_ipv4(void **state)
{
	const struct steer s = steer();

	(void)state;
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    "-A SD-7b1c09aa-O -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
	    "-A SD-7b1c09aa-O -m set --match-set sd-7b1c09aa-4 dst -j DROP\n");
}

static void
neighbour_discovery_passes_on_ipv6(void **state)
{
	const struct steer s = steer();

	(void)state;
	assert_rules(&s, STEER_V6, HOOK_IN,
	    "-A SD-7b1c09aa-I -p ipv6-icmp --icmpv6-type 133 -j RETURN\n"
	    "-A SD-7b1c09aa-I -p ipv6-icmp --icmpv6-type 134 -j RETURN\n"
	    "-A SD-7b1c09aa-I -p ipv6-icmp --icmpv6-type 135 -j RETURN\n"
	    "-A SD-7b1c09aa-I -p ipv6-icmp --icmpv6-type 136 -j RETURN\n"
	    "-A SD-7b1c09aa-I -p ipv6-icmp --icmpv6-type 137 -j RETURN\n"
	    "-A SD-7b1c09aa-I -p udp --sport 546:547 --dport 546:547 -j RETURN\n"
	    "-A SD-7b1c09aa-I -m set --match-set sd-7b1c09aa-6 src -j DROP\n");
}

static void
ssh_logins_pass_by_both_their_ports(void **state)
{
	const struct steer s = steer();

	(void)state;
	flows.protocol = IPPROTO_TCP;
	flows.ssh_count = 2;
	flows.ssh[0] = (struct ssh_session){
		.remote = { .family = 4, .prefix = 32, .addr = { 192, 0, 2, 9 } },
		.remote_port = 50000,
		.local_port = 22,
	};
	flows.ssh[1] = flows.ssh[0];
	flows.ssh[1].remote.family = 6;
	flows.ssh[1].remote.prefix = 128;
	assert_rules(&s, STEER_V4, HOOK_IN,
	    "-A SD-7b1c09aa-I -s 192.0.2.9 -p tcp --sport 50000 --dport 22 "
	    "-j RETURN\n"
	    "-A SD-7b1c09aa-I -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
	    "-A SD-7b1c09aa-I -p tcp -m set --match-set sd-7b1c09aa-4 src -j DROP\n");
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    "-A SD-7b1c09aa-O -d 192.0.2.9 -p tcp --sport 22 --dport 50000 "
	    "-j RETURN\n"
	    "-A SD-7b1c09aa-O -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
	    "-A SD-7b1c09aa-O -p tcp -m set --match-set sd-7b1c09aa-4 dst -j DROP\n");
}

static void
the_agents_own_port_passes_whoever_is_at_the_other_end(void **state)
{
	const struct steer s = steer();

	(void)state;
	flows.protocol = IPPROTO_TCP;
	flows.control_port = 7433;
	assert_rules(&s, STEER_V4, HOOK_IN,
	    "-A SD-7b1c09aa-I -p tcp --dport 7433 -j RETURN\n"
	    "-A SD-7b1c09aa-I -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
	    "-A SD-7b1c09aa-I -p tcp -m set --match-set sd-7b1c09aa-4 src -j DROP\n");
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    "-A SD-7b1c09aa-O -p tcp --sport 7433 -j RETURN\n"
	    "-A SD-7b1c09aa-O -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
	    "-A SD-7b1c09aa-O -p tcp -m set --match-set sd-7b1c09aa-4 dst -j DROP\n");
}

static void
set_ports(struct port_range *to, size_t *count, const char *list)
{
	_cleanup_free_ char *words = strdup(list);
	char *rest = NULL;
	struct err e;

	*count = 0;
	for (char *w = strtok_r(words, ",", &rest); w != NULL;
	     w = strtok_r(NULL, ",", &rest))
		assert_ok(parse_port_range(w, &to[(*count)++], &e), e);
}

static void
a_port_without_protocol_is_tcp_and_udp_of_the_far_side(void **state)
{
	const struct steer s = steer();

	(void)state;
	set_ports(flows.ports, &flows.ports_count, "5432");
	assert_rules(&s, STEER_V4, HOOK_IN,
	    DHCP_IN
	    "-A SD-7b1c09aa-I -p tcp -m multiport --sports 5432" FROM_SET " -j DROP\n"
	    "-A SD-7b1c09aa-I -p udp -m multiport --sports 5432" FROM_SET " -j DROP\n");
}

static void
ports_of_both_sides_stand_in_one_rule(void **state)
{
	const struct steer s = steer();

	(void)state;
	flows.protocol = IPPROTO_TCP;
	set_ports(flows.ports, &flows.ports_count, "80,8000-8100,443");
	set_ports(flows.local_ports, &flows.local_ports_count, "1024-65535");
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    DHCP_OUT "-A SD-7b1c09aa-O -p tcp -m multiport --dports 80,8000:8100,443 "
		     "-m multiport --sports 1024:65535" TO_SET " -j DROP\n");
	assert_rules(&s, STEER_V4, HOOK_IN,
	    DHCP_IN "-A SD-7b1c09aa-I -p tcp -m multiport --sports 80,8000:8100,443 "
		    "-m multiport --dports 1024:65535" FROM_SET " -j DROP\n");
}

static void
each_interface_has_its_rule(void **state)
{
	const struct steer s = steer();

	(void)state;
	flows.interfaces_count = 2;
	(void)snprintf(flows.interfaces[0], sizeof(flows.interfaces[0]), "eth0");
	(void)snprintf(flows.interfaces[1], sizeof(flows.interfaces[1]), "bond1.7");
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    DHCP_OUT "-A SD-7b1c09aa-O -o eth0" TO_SET " -j DROP\n"
		     "-A SD-7b1c09aa-O -o bond1.7" TO_SET " -j DROP\n");
	assert_rules(&s, STEER_V4, HOOK_IN,
	    DHCP_IN "-A SD-7b1c09aa-I -i eth0" FROM_SET " -j DROP\n"
		    "-A SD-7b1c09aa-I -i bond1.7" FROM_SET " -j DROP\n");
}

static void
icmp_is_of_either_family(void **state)
{
	const struct steer s = steer();
	_cleanup_free_ char *six = NULL;
	uint32_t sets;

	(void)state;
	flows.protocol = IPPROTO_ICMP;
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    DHCP_OUT "-A SD-7b1c09aa-O -p icmp" TO_SET " -j DROP\n");
	six = steer_rules(&s, STEER_V6, HOOK_OUT, &sets);
	assert_non_null(strstr(six,
	    "-A SD-7b1c09aa-O -p ipv6-icmp -m set --match-set sd-7b1c09aa-6 dst "
	    "-j DROP\n"));
}

static void
what_is_excluded_passes_before_any_verdict(void **state)
{
	struct steer s = steer();

	(void)state;
	s.excludes_count[STEER_V4] = 3;
	set_ports(flows.exclude_ports, &flows.exclude_ports_count, "22,9000-9100");
	assert_rules(&s, STEER_V4, HOOK_IN,
	    DHCP_IN "-A SD-7b1c09aa-I -m set --match-set sd-7b1c09aa-4x src -j RETURN\n"
		    "-A SD-7b1c09aa-I -p tcp -m multiport --ports 22,9000:9100 "
		    "-j RETURN\n"
		    "-A SD-7b1c09aa-I -p udp -m multiport --ports 22,9000:9100 "
		    "-j RETURN\n"
		    "-A SD-7b1c09aa-I" FROM_SET " -j DROP\n");
	flows.protocol = IPPROTO_UDP;
	s.excludes_count[STEER_V4] = 0;
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    DHCP_OUT "-A SD-7b1c09aa-O -p udp -m multiport --ports 22,9000:9100 "
		     "-j RETURN\n"
		     "-A SD-7b1c09aa-O -p udp" TO_SET " -j DROP\n");
}

static void
owners_are_asked_before_the_set(void **state)
{
	const struct steer s = steer();

	(void)state;
	flows.has_user = flows.has_cgroup = true;
	flows.uid = 33;
	(void)snprintf(flows.cgroup, sizeof(flows.cgroup),
	    "system.slice/system-my\\x2dapp.slice/\"odd\"");
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    DHCP_OUT "-A SD-7b1c09aa-O -m owner --uid-owner 33 -m cgroup --path "
		     "\"system.slice/system-my\\\\x2dapp.slice/\\\"odd\\\"\"" TO_SET
		     " -j DROP\n");
}

static void
a_share_is_drawn_by_a_program_that_fits(void **state)
{
	const struct steer s = steer();

	(void)state;
	flows.share = 30000;
	for (int f = 0; f < STEER_FAMILIES; f++) {
		uint32_t sets;
		_cleanup_free_ char *text = steer_rules(&s, f, HOOK_OUT, &sets);
		const char *program = strstr(text, " -m bpf --bytecode \"");

		assert_non_null(program);
		assert_in_range(strtoul(strchr(program, '"') + 1, NULL, 10), 1, 64);
		assert_non_null(strstr(program, "\" -m set --match-set"));
	}
}

static void
established_connections_pass_when_they_are_kept(void **state)
{
	struct steer s = steer();

	(void)state;
	s.keeps_established = true;
	assert_rules(&s, STEER_V4, HOOK_IN,
	    DHCP_IN "-A SD-7b1c09aa-I -p tcp ! --syn -j RETURN\n"
		    "-A SD-7b1c09aa-I ! -p tcp -m conntrack --ctstate "
		    "ESTABLISHED,RELATED -j RETURN\n"
		    "-A SD-7b1c09aa-I" FROM_SET " -j DROP\n");
	/* tracking connections is not without cost: not for TCP alone */
	flows.protocol = IPPROTO_TCP;
	assert_rules(&s, STEER_V4, HOOK_IN,
	    DHCP_IN "-A SD-7b1c09aa-I -p tcp ! --syn -j RETURN\n"
		    "-A SD-7b1c09aa-I -p tcp" FROM_SET " -j DROP\n");
}

static void
answers_of_a_reject_pass(void **state)
{
	struct steer s = steer();

	(void)state;
	flows.protocol = IPPROTO_UDP;
	s.verdict = STEER_REJECT;
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    DHCP_OUT "-A SD-7b1c09aa-O -p tcp --tcp-flags RST RST -j RETURN\n"
		     "-A SD-7b1c09aa-O -p icmp --icmp-type port-unreachable -j RETURN\n"
		     "-A SD-7b1c09aa-O -p udp" TO_SET
		     " -j REJECT --reject-with icmp-port-unreachable\n");
}

static void
only_tcp_is_reset(void **state)
{
	struct steer s = steer();
	_cleanup_free_ char *text = NULL;
	uint32_t sets;

	(void)state;
	s.verdict = STEER_REJECT;
	text = steer_rules(&s, STEER_V4, HOOK_OUT, &sets);
	assert_non_null(strstr(text,
	    "-A SD-7b1c09aa-O -p tcp" TO_SET " -j REJECT --reject-with tcp-reset\n"
	    "-A SD-7b1c09aa-O" TO_SET
	    " -j REJECT --reject-with icmp-port-unreachable\n"));
}

static void
an_unreachable_host_is_so_for_every_protocol(void **state)
{
	struct steer s = steer();
	_cleanup_free_ char *six = NULL;
	uint32_t sets;

	(void)state;
	s.verdict = STEER_UNREACHABLE;
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    DHCP_OUT "-A SD-7b1c09aa-O -p icmp --icmp-type host-unreachable -j RETURN\n"
		     "-A SD-7b1c09aa-O" TO_SET
		     " -j REJECT --reject-with icmp-host-unreachable\n");
	six = steer_rules(&s, STEER_V6, HOOK_OUT, &sets);
	assert_non_null(
	    strstr(six, "-p ipv6-icmp --icmpv6-type address-unreachable -j RETURN\n"));
	assert_non_null(strstr(six, " -j REJECT --reject-with icmp6-addr-unreachable\n"));
}

static void
what_we_send_ourselves_passes_by_its_mark(void **state)
{
	struct steer s = steer();

	(void)state;
	s.verdict = STEER_QUEUE;
	s.queue = 7;
	s.pass_mark = 0xc0ffee;
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    "-A SD-7b1c09aa-O -m mark --mark 0xc0ffee -j RETURN\n" DHCP_OUT
	    "-A SD-7b1c09aa-O" TO_SET " -j NFQUEUE --queue-num 7 --queue-bypass\n");
}

static void
connections_beyond_a_number_are_told_by_their_first_packet(void **state)
{
	struct steer s = steer();
	_cleanup_free_ char *text = NULL;
	uint32_t sets;

	(void)state;
	s.verdict = STEER_REJECT;
	s.connections = 50;
	set_ports(flows.local_ports, &flows.local_ports_count, "443");
	text = steer_rules(&s, STEER_V4, HOOK_IN, &sets);
	assert_int_equal(sets, 1);
	assert_non_null(strstr(text,
	    "-A SD-7b1c09aa-I -p tcp -m multiport --dports 443 --syn -m connlimit "
	    "--connlimit-above 50 --connlimit-mask 0" FROM_SET
	    " -j REJECT --reject-with tcp-reset\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dhcp_passes_on_ipv4),
		cmocka_unit_test(neighbour_discovery_passes_on_ipv6),
		cmocka_unit_test(ssh_logins_pass_by_both_their_ports),
		cmocka_unit_test(the_agents_own_port_passes_whoever_is_at_the_other_end),
		cmocka_unit_test(a_port_without_protocol_is_tcp_and_udp_of_the_far_side),
		cmocka_unit_test(ports_of_both_sides_stand_in_one_rule),
		cmocka_unit_test(each_interface_has_its_rule),
		cmocka_unit_test(icmp_is_of_either_family),
		cmocka_unit_test(what_is_excluded_passes_before_any_verdict),
		cmocka_unit_test(owners_are_asked_before_the_set),
		cmocka_unit_test(a_share_is_drawn_by_a_program_that_fits),
		cmocka_unit_test(established_connections_pass_when_they_are_kept),
		cmocka_unit_test(answers_of_a_reject_pass),
		cmocka_unit_test(only_tcp_is_reset),
		cmocka_unit_test(an_unreachable_host_is_so_for_every_protocol),
		cmocka_unit_test(what_we_send_ourselves_passes_by_its_mark),
		cmocka_unit_test(
		    connections_beyond_a_number_are_told_by_their_first_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
