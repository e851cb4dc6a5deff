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
	flows = (struct flows){ .egress = true, .ingress = true };
	own = (struct iptables_steer){
		.table = "filter",
		.set = { "sd-7b1c09aa-4", "sd-7b1c09aa-6" },
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
		lines++;
	assert_int_equal(sets, lines);
}

static void
dhcp_passes_on_ipv4(void **state)
{
	const struct steer s = steer();

	(void)state;
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    "-A SD-7b1c09aa-O -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
	    "-A SD-7b1c09aa-O -p tcp -m set --match-set sd-7b1c09aa-4 dst -j DROP\n"
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
	    "-A SD-7b1c09aa-I -p tcp -m set --match-set sd-7b1c09aa-6 src -j DROP\n"
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
a_port_without_protocol_is_tcp_and_udp_of_the_far_side(void **state)
{
	const struct steer s = steer();

	(void)state;
	flows.ports[0] = (struct port_range){ 5432, 5432 };
	flows.ports_count = 1;
	flows.interfaces_count = 1;
	(void)snprintf(flows.interfaces[0], sizeof(flows.interfaces[0]), "eth0");
	assert_rules(&s, STEER_V4, HOOK_IN,
	    "-A SD-7b1c09aa-I -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
	    "-A SD-7b1c09aa-I -i eth0 -p tcp --sport 5432 -m set --match-set "
	    "sd-7b1c09aa-4 src -j DROP\n"
	    "-A SD-7b1c09aa-I -i eth0 -p udp --sport 5432 -m set --match-set "
	    "sd-7b1c09aa-4 src -j DROP\n");
}

static void
answers_of_a_reject_pass(void **state)
{
	struct steer s = steer();

	(void)state;
	flows.protocol = IPPROTO_UDP;
	s.verdict = STEER_REJECT;
	assert_rules(&s, STEER_V4, HOOK_OUT,
	    "-A SD-7b1c09aa-O -p udp --sport 67:68 --dport 67:68 -j RETURN\n"
	    "-A SD-7b1c09aa-O -p tcp --tcp-flags RST RST -j RETURN\n"
	    "-A SD-7b1c09aa-O -p icmp --icmp-type port-unreachable -j RETURN\n"
	    "-A SD-7b1c09aa-O -p udp -m set --match-set sd-7b1c09aa-4 dst "
	    "-j REJECT --reject-with icmp-port-unreachable\n");
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
		cmocka_unit_test(answers_of_a_reject_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
