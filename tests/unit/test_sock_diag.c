/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel lists of real sockets on the loopback of a namespace of the test's own,
 * and what becomes of one that is ended from outside.
 */
#include "sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "link.h"
#include "nl.h"
#include "pidns.h"
#include "test.h"

TEST_WITHOUT_LEAK_CHECK

enum { PORT = 5432, CALLER = 4711 };

static struct err e;
static struct nl *diag, *udp_diag;

struct pair {
	int listener, server, client;
};

/* `from` a socket of this family to the listener of every address. */
static struct pair
connect_from(int family)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = any;
	bool four = family == AF_INET;
	struct pair p;
	int on = 1;

	v6.sin6_addr = in6addr_loopback;
	p.listener = socket(AF_INET6, SOCK_STREAM, 0);
	(void)setsockopt(p.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(p.listener, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(p.listener, 1), 0);
	p.client = socket(family, SOCK_STREAM, 0);
	assert_int_equal(
	    connect(p.client, four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		four ? sizeof(v4) : sizeof(v6)),
	    0);
	p.server = accept(p.listener, NULL, NULL);
	assert_true(p.server >= 0);
	return p;
}

static void
end(struct pair *p)
{
	(void)close(p->client);
	(void)close(p->server);
	(void)close(p->listener);
}

struct found {
	struct socket_seen client, server;
	size_t count;
};

static int
take(void *ctx, const struct socket_seen *s)
{
	struct found *f = ctx;

	if (s->remote_port == PORT)
		f->client = *s;
	else if (s->local_port == PORT)
		f->server = *s;
	f->count++;
	return 0;
}

static struct found
find(void)
{
	struct found f = { 0 };

	assert_int_equal(sock_diag_each(diag, IPPROTO_TCP, SOCKET_STATE(TCP_ESTABLISHED),
			     take, &f, &e),
	    0);
	return f;
}

static int
error_of(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT) < 0 ? errno : 0;
}

static void
both_ends_are_listed_as_on_the_wire(void **state)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct pair p = connect_from(AF_INET);
	struct found f = find();

	(void)state;
	assert_int_equal(f.count, 2);
	assert_int_equal(f.client.family, AF_INET);
	assert_int_equal(f.server.family, AF_INET6); /* and yet it speaks IPv4 */
	assert_int_equal(f.server.remote.family, 4);
	assert_int_equal(f.server.remote.prefix, 32);
	assert_memory_equal(f.server.remote.addr, loopback, sizeof(loopback));
	assert_memory_equal(f.server.local.addr, loopback, sizeof(loopback));
	assert_int_equal(f.server.remote_port, f.client.local_port);
	assert_int_equal(f.client.state, TCP_ESTABLISHED);
	assert_true(f.client.inode != 0);
	end(&p);
}

static void
the_owner_of_a_socket_is_listed(void **state)
{
	struct found f;
	struct pair p;

	(void)state;
	assert_int_equal(seteuid(CALLER), 0);
	p = connect_from(AF_INET6);
	assert_int_equal(seteuid(0), 0);
	f = find();
	assert_int_equal(f.client.uid, CALLER);
	assert_int_equal(f.client.remote.family, 6);
	end(&p);
}

static void
destroyed_by_either_end(int family, bool by_server)
{
	struct pair p = connect_from(family);
	struct found f = find();
	const struct socket_seen *s = by_server ? &f.server : &f.client;

	assert_int_equal(sock_diag_destroy(diag, s), 0);
	assert_int_equal(error_of(by_server ? p.server : p.client), ECONNABORTED);
	assert_int_equal(error_of(by_server ? p.client : p.server), ECONNRESET);
	assert_int_equal(sock_diag_destroy(diag, s), -ENOENT);
	assert_int_equal(find().count, 0);
	end(&p);
}

static void
ending_one_resets_its_peer(void **state)
{
	(void)state;
	destroyed_by_either_end(AF_INET, false);
	destroyed_by_either_end(AF_INET, true); /* the mapped one */
	destroyed_by_either_end(AF_INET6, false);
	destroyed_by_either_end(AF_INET6, true);
}

static void
a_younger_socket_of_the_same_addresses_is_not_ended(void **state)
{
	struct pair p = connect_from(AF_INET);
	struct found f = find();

	(void)state;
	f.client.id.idiag_cookie[0]++;
	assert_int_equal(sock_diag_destroy(diag, &f.client), -ENOENT);
	assert_int_equal(error_of(p.client), EAGAIN);
	end(&p);
}

static void
a_connected_udp_socket_can_be_ended(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct found f = { 0 };

	(void)state;
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(sock_diag_each(udp_diag, IPPROTO_UDP,
			     SOCKET_STATE(TCP_ESTABLISHED), take, &f, &e),
	    0);
	assert_int_equal(f.count, 1);
	assert_int_equal(sock_diag_destroy(udp_diag, &f.client), 0);
	assert_int_equal(error_of(fd), ECONNABORTED);
	(void)close(fd);
}

static void
the_kernel_is_asked_whether_it_can(void **state)
{
	(void)state;
	assert_int_equal(sock_diag_can_destroy(diag, IPPROTO_TCP, &e), 0);
	assert_int_equal(sock_diag_can_destroy(udp_diag, IPPROTO_UDP, &e), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_are_listed_as_on_the_wire),
		cmocka_unit_test(the_owner_of_a_socket_is_listed),
		cmocka_unit_test(ending_one_resets_its_peer),
		cmocka_unit_test(a_younger_socket_of_the_same_addresses_is_not_ended),
		cmocka_unit_test(a_connected_udp_socket_can_be_ended),
		cmocka_unit_test(the_kernel_is_asked_whether_it_can),
	};
	struct nl *route;

	pidns_enter();
	if (nl_open(&route, NETLINK_ROUTE, &e) != 0 || link_up(route, 1, &e) != 0)
		return 99;
	nl_free(route);
	if (sock_diag_open(&diag, IPPROTO_TCP, &e) != 0 ||
	    sock_diag_open(&udp_diag, IPPROTO_UDP, &e) != 0 ||
	    sock_diag_can_destroy(diag, IPPROTO_TCP, &e) != 0) {
		(void)printf("skip: %s\n", e.msg);
		return e.outcome == OUTCOME_UNSUPPORTED ? 77 : 99;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
