/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connections count as SSH logins: real sockets on the loopback of a namespace of the
 * test's own, held by a process that is called sshd, or not.
 */
#include "ssh.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "err.h"
#include "link.h"
#include "nl.h"
#include "pidns.h"
#include "test.h"

TEST_WITHOUT_LEAK_CHECK

enum { PORT = 2222 };

static struct err e;

struct pair {
	int listener, server, client;
	uint16_t client_port;
};

static struct pair
connect_on(uint16_t port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in self;
	socklen_t len = sizeof(self);
	struct pair p;
	int on = 1;

	p.listener = socket(AF_INET6, SOCK_STREAM, 0);
	(void)setsockopt(p.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(p.listener, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(p.listener, 1), 0);
	p.client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(p.client, (struct sockaddr *)&v4, sizeof(v4)), 0);
	p.server = accept(p.listener, NULL, NULL);
	assert_true(p.server >= 0);
	assert_int_equal(getsockname(p.client, (struct sockaddr *)&self, &len), 0);
	p.client_port = ntohs(self.sin_port);
	return p;
}

static void
end(struct pair *p)
{
	(void)close(p->client);
	(void)close(p->server);
	(void)close(p->listener);
}

static void
a_connection_to_an_sshd_counts_with_its_v4_address(void **state)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct ssh_session s[4];
	struct pair p = connect_on(PORT);
	pid_t pid = sleeper("sshd"); /* inherits both ends */

	(void)state;
	assert_int_equal(ssh_sessions(s, 4, &e), 1);
	assert_int_equal(s[0].local_port, PORT);
	assert_int_equal(s[0].remote_port, p.client_port);
	assert_int_equal(s[0].remote.family, 4);
	assert_int_equal(s[0].remote.prefix, 32);
	assert_memory_equal(s[0].remote.addr, loopback, sizeof(loopback));
	assert_int_equal(ssh_sessions(s, 0, &e), 0);
	end_sleeper(pid);
	end(&p);
}

static void
another_programs_connection_does_not(void **state)
{
	struct ssh_session s[4];
	struct pair p = connect_on(PORT);
	pid_t pid = sleeper("nginx");

	(void)state;
	assert_int_equal(ssh_sessions(s, 4, &e), 0);
	end_sleeper(pid);
	end(&p);
}

static void
port_22_counts_whoever_holds_it(void **state)
{
	struct ssh_session s[4];
	struct pair p = connect_on(22);

	(void)state;
	assert_int_equal(ssh_sessions(s, 4, &e), 1);
	assert_int_equal(s[0].local_port, 22);
	end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_to_an_sshd_counts_with_its_v4_address),
		cmocka_unit_test(another_programs_connection_does_not),
		cmocka_unit_test(port_22_counts_whoever_holds_it),
	};
	struct nl *nl;

	pidns_enter();
	if (nl_open(&nl, NETLINK_ROUTE, &e) != 0 || link_up(nl, 1, &e) != 0)
		return 99;
	nl_free(nl);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
