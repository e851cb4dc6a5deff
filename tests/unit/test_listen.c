/* SPDX-License-Identifier: Apache-2.0 */
/* stormd --listen: which addresses are taken, and what is said of the rest. */
#include "cleanup.h"
#include "options.h"
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static void
addresses_of_both_families_with_and_without_a_port(void **state)
{
	static const struct {
		const char *text;
		int family;
		uint16_t port;
		const char *whole;
	} cases[] = {
		{ "10.0.0.7", AF_INET, 7433, "10.0.0.7:7433" },
		{ "10.0.0.7:80", AF_INET, 80, "10.0.0.7:80" },
		{ "0.0.0.0", AF_INET, 7433, "0.0.0.0:7433" },
		{ "::", AF_INET6, 7433, "[::]:7433" },
		{ "fd00::1", AF_INET6, 7433, "[fd00::1]:7433" },
		{ "[fd00::1]", AF_INET6, 7433, "[fd00::1]:7433" },
		{ "[fd00::1]:65535", AF_INET6, 65535, "[fd00::1]:65535" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct listen_at l;
		struct err e = { 0 };
		uint16_t port;

		assert_ok(listen_parse(cases[i].text, &l, &e), e);
		assert_int_equal(l.addr.any.sa_family, cases[i].family);
		assert_int_equal(l.port, cases[i].port);
		port =
		    cases[i].family == AF_INET ? l.addr.v4.sin_port : l.addr.v6.sin6_port;
		assert_int_equal(ntohs(port), cases[i].port);
		assert_string_equal(l.text, cases[i].whole);
	}
}

static void
what_is_no_address_is_said_to_be_none(void **state)
{
	static const char *const wrong[] = { "", ":7433", "db1", "db1:7433", "10.0.0.7/8",
		"10.0.0", "[10.0.0.7", "[fd00::1]7433", "[]", "[]:7433", "fd00::1%eth0",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222:3333:4444" };
	static const char *const wrong_ports[] = { "10.0.0.7:0", "10.0.0.7:65536",
		"10.0.0.7:", "[::1]:", "[::1]:http", "10.0.0.7:-1" };
	struct listen_at l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = { 0 };

		assert_int_equal(listen_parse(wrong[i], &l, &e), -EINVAL);
		assert_non_null(strstr(e.msg, "is not an address of this host: write "));
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong_ports); i++) {
		struct err e = { 0 };

		assert_int_equal(listen_parse(wrong_ports[i], &l, &e), -EINVAL);
		assert_non_null(strstr(e.msg, "is not a port"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_both_families_with_and_without_a_port),
		cmocka_unit_test(what_is_no_address_is_said_to_be_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
