/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.dns against real resolvers: dnsmasq on another host and on loopback.  What is asked
 * there is answered by them or in their place, as each mode says, over both families and
 * both protocols, whoever asks; what is not meant passes.  How it ends: net_dns_life.c.
 */
#include "dns_world.h"

/* --- what is answered ------------------------------------------------------------------- */

/* A query in each form that clients send, to each resolver. */
static const struct form {
	bool tcp, edns;
	uint16_t type;
} forms[] = {
	{ .type = TYPE_A },
	{ .type = TYPE_AAAA },
	{ .edns = true, .type = TYPE_A },
	{ .edns = true, .type = TYPE_AAAA },
	{ .tcp = true, .type = TYPE_A },
	{ .tcp = true, .edns = true, .type = TYPE_AAAA },
};

struct expected {
	const char *args;
	enum came came;
	int code;
	const char *addr4, *addr6; /* NULL: the resolver's own */
	double ms;                 /* at least */
};

static void
assert_form(const struct expected *x, const char *to, const struct form *f)
{
	const struct question q = { .to = to,
		.name = "www.example.com",
		.type = f->type,
		.tcp = f->tcp,
		.edns = f->edns,
		.wait_ms = x->came == CAME ? 0 : NO_ANSWER_MS };
	_cleanup_free_ char *what = xasprintf("%s: %s over %s%s, type %u", x->args, to,
	    f->tcp ? "TCP" : "UDP", f->edns ? " with EDNS" : "", f->type);
	struct reply r = dns_ask(&q);

	if (x->came != CAME) {
		if (r.came != x->came)
			fail_msg("%s: an answer", what);
		return;
	}
	assert_answered(r, x->code, f->type == TYPE_A ? x->addr4 : x->addr6, what);
	assert_true(r.edns == f->edns);
	if (r.ms < x->ms)
		fail_msg("%s: after %.1f ms", what, r.ms);
	assert_true(r.by_us == (x->ms == 0));
}

static void
lead_mode(const struct expected *x)
{
	_cleanup_free_ char *before = held_look_around();
	struct held_fault h = held_new("net.dns", x->args);

	held_step(&h, 's');
	assert_untouched(FAR4, "www.example.com", "staged");
	held_step(&h, 'a');
	for (size_t i = 0; i < ARRAY_LEN(ways_to); i++) {
		for (size_t k = 0; k < ARRAY_LEN(forms); k++)
			assert_form(x, ways_to[i], &forms[k]);
		assert_untouched(ways_to[i], "other.test", x->args);
	}
	held_step(&h, 'h');
	assert_true(h.state->run.effect >= ARRAY_LEN(ways_to) * ARRAY_LEN(forms));
	assert_false(h.state->run.lost);
	held_off(&h);
	for (size_t i = 0; i < ARRAY_LEN(ways_to); i++)
		assert_untouched(ways_to[i], "www.example.com", "undone");
	assert_as_before(before);
}

static void
nxdomain_says_that_there_is_no_such_name(void **state)
{
	(void)state;
	lead_mode(&(struct expected){ .args = "mode=nxdomain names=www.example.com",
	    .code = NXDOMAIN,
	    .addr4 = "",
	    .addr6 = "" });
}

static void
servfail_says_that_the_resolver_failed(void **state)
{
	(void)state;
	lead_mode(&(struct expected){ .args = "mode=servfail names=*.example.com",
	    .code = SERVFAIL,
	    .addr4 = "",
	    .addr6 = "" });
}

static void
redirect_gives_the_addresses_of_each_family(void **state)
{
	(void)state;
	lead_mode(&(struct expected){
	    .args = "mode=redirect names=*.example.com answer=10.9.9.9,fd09::9",
	    .code = NOERROR,
	    .addr4 = "10.9.9.9",
	    .addr6 = "fd09::9" });
}

static void
redirect_to_one_family_leaves_the_other_empty(void **state)
{
	(void)state;
	lead_mode(&(struct expected){
	    .args = "mode=redirect names=*.example.com answer=10.9.9.9",
	    .code = NOERROR,
	    .addr4 = "10.9.9.9",
	    .addr6 = "" });
}

static void
drop_gives_no_answer(void **state)
{
	(void)state;
	lead_mode(&(struct expected){
	    .args = "mode=drop names=www.example.com", .came = NOTHING_CAME });
}

static void
delay_holds_a_query_and_then_it_is_answered(void **state)
{
	(void)state;
	lead_mode(&(struct expected){
	    .args = "mode=delay delay=100ms names=www.example.com", .ms = 100 });
}

/* --- which queries ---------------------------------------------------------------------- */

static void
names_are_whole_or_all_below_one(void **state)
{
	static const struct {
		const char *names, *name;
		bool is_meant;
	} cases[] = {
		{ "*.example.com", "www.example.com", true },
		{ "*.example.com", "a.b.WWW.Example.COM", true },
		{ "*.example.com", "example.com", false },
		{ "example.com", "www.example.com", false },
		{ "example.com", "example.com", true },
		{ "other.test,*.example.com", "other.test", true },
		{ "*.ample.com", "www.example.com", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_free_ char *args =
		    xasprintf("mode=nxdomain names=%s", cases[i].names);
		struct held_fault h = held_on("net.dns", args);
		struct reply r = ask(FAR4, cases[i].name, TYPE_A);

		assert_int_equal(r.came, CAME);
		assert_true(r.echoes);
		if ((r.code == NXDOMAIN) != cases[i].is_meant)
			fail_msg("%s: %s is answered %d", args, cases[i].name, r.code);
		held_off(&h);
	}
}

static void
without_names_every_name_is_meant(void **state)
{
	struct held_fault h = held_on("net.dns", "mode=servfail");

	(void)state;
	assert_answered(ask(FAR4, "other.test", TYPE_A), SERVFAIL, "", "other.test");
	assert_answered(ask(FAR6, "a", TYPE_MX), SERVFAIL, "", "a, MX");
	held_off(&h);
}

/* Mail goes where it went; browsers are not led past the redirect by HTTPS records. */
static void
redirect_is_for_addresses(void **state)
{
	struct held_fault h =
	    held_on("net.dns", "mode=redirect names=www.example.com answer=10.9.9.9");
	struct reply r = ask(FAR4, "www.example.com", TYPE_MX);

	(void)state;
	assert_int_equal(r.came, CAME);
	assert_int_equal(r.count, 1);
	assert_false(r.by_us);
	r = ask(FAR4, "www.example.com", TYPE_HTTPS);
	assert_answered(r, NOERROR, "", "HTTPS");
	assert_true(r.by_us);
	held_off(&h);
}

static void
resolvers_are_told_apart_by_address_and_port(void **state)
{
	struct held_fault h = held_on("net.dns", "mode=nxdomain to=" STUB4);

	(void)state;
	assert_answered(ask(STUB4, "other.test", TYPE_A), NXDOMAIN, "", "the stub");
	assert_untouched(STUB6, "other.test", "by 127.0.0.53 alone");
	assert_untouched(FAR4, "other.test", "by 127.0.0.53 alone");
	held_off(&h);
	h = held_on("net.dns", "mode=nxdomain to=10.99.0.0/24 port=5300-5400");
	assert_untouched(FAR4, "other.test", "by another port");
	held_off(&h);
}

/* Queries of one user: the child asks as nobody. */
static int
code_for_user(uid_t uid)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct reply r;

		if (setuid(uid) < 0)
			_exit(99);
		r = ask(FAR4, "other.test", TYPE_A);
		_exit(r.came == CAME ? r.code : 98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void
only_the_queries_of_a_user_are_meant(void **state)
{
	struct held_fault h = held_on("net.dns", "mode=nxdomain user=65534");

	(void)state;
	assert_int_equal(code_for_user(65534), NXDOMAIN);
	assert_int_equal(code_for_user(0), NOERROR);
	held_off(&h);
}

/* --- who asks --------------------------------------------------------------------------- */

/* The C library itself, by a resolv.conf that only we see. */
static void
the_hosts_own_resolver_is_affected(void **state)
{
	const char *const lookup[] = { "/usr/bin/getent", "ahosts", "www.example.com",
		NULL };
	struct held_fault h;
	char text[1024] = "";

	(void)state;
	h = held_on("net.dns", "mode=redirect names=*.example.com answer=10.9.9.9");
	assert_int_equal(tool(lookup, NULL, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "10.9.9.9"));
	assert_null(strstr(text, "10.5.5"));
	assert_null(strchr(text, ':'));
	held_off(&h);
	assert_int_equal(tool(lookup, NULL, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "10.5.5.1"));
	assert_non_null(strstr(text, "fd05::1"));
}

/* Resolvers like systemd's bind their sockets to the interface that they ask over. */
static void
answers_reach_sockets_that_are_bound_to_an_interface(void **state)
{
	struct question q = { .to = FAR4, .name = "other.test", .device = "near0" };
	struct held_fault h = held_on("net.dns", "mode=nxdomain");

	(void)state;
	assert_answered(dns_ask(&q), NXDOMAIN, "", "bound, IPv4");
	q.tcp = true;
	assert_answered(dns_ask(&q), NXDOMAIN, "", "bound, IPv4 over TCP");
	q.to = FAR6;
	assert_answered(dns_ask(&q), NXDOMAIN, "", "bound, IPv6 over TCP");
	q.tcp = false;
	assert_answered(dns_ask(&q), NXDOMAIN, "", "bound, IPv6");
	held_off(&h);
}

static void
a_link_local_resolver_is_stood_in_for(void **state)
{
	struct question q = {
		.to = link_local, .name = "other.test", .scope = if_nametoindex("near0")
	};
	struct held_fault h;

	(void)state;
	assert_answered(dns_ask(&q), NOERROR, "10.6.6.1", "link-local, no fault");
	h = held_on("net.dns", "mode=nxdomain");
	assert_answered(dns_ask(&q), NXDOMAIN, "", "link-local");
	q.tcp = true;
	assert_answered(dns_ask(&q), NXDOMAIN, "", "link-local over TCP");
	held_off(&h);
}

/* One connection, two questions: what is not meant goes on over it as if nothing were. */
static void
a_connection_goes_on_for_names_that_are_not_meant(void **state)
{
	struct question q = { .to = FAR4, .name = "other.test", .tcp = true };
	struct held_fault h = held_on("net.dns", "mode=nxdomain names=*.example.com");
	int fd = dns_socket(&q);
	struct reply r = { 0 };
	uint8_t m[2048];

	(void)state;
	for (int i = 0; i < 3; i++) {
		size_t len;

		q.name = i < 2 ? "other.test" : "www.example.com";
		len = dns_query_write(&q, m + 2);
		m[0] = (uint8_t)(len >> 8);
		m[1] = (uint8_t)len;
		/* the last with its length apart, as some clients write it */
		if (i == 2)
			assert_int_equal(send(fd, m, 2, 0), 2);
		assert_true(send(fd, m + (i < 2 ? 0 : 2), len + (i < 2 ? 2 : 0), 0) > 0);
		assert_true(dns_receive(fd, true, ANSWER_MS, m) > 12);
		dns_reply_read(&q, m, sizeof(m), &r);
		assert_int_equal(r.code, i < 2 ? NOERROR : NXDOMAIN);
	}
	assert_true(
	    dns_receive(fd, true, ANSWER_MS, m) < 0); /* it ends with the answer */
	(void)close(fd);
	held_off(&h);
	assert_untouched(FAR4, "www.example.com", "undone");
}

/* Connections to port 53 that are neither listening nor waiting out their time, as the
 * network namespace of a process has them. */
static size_t
connections_of(pid_t pid)
{
	char path[64], line[256];
	size_t count = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/net/tcp", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned local, remote, state;

		if (sscanf(line, " %*u: %*x:%x %*x:%x %x", &local, &remote, &state) ==
			3 &&
		    (local == 53 || remote == 53) && state != TCP_LISTEN &&
		    state != TCP_TIME_WAIT)
			count++;
	}
	(void)fclose(f);
	return count;
}

static void
neither_end_keeps_a_connection_that_was_answered(void **state)
{
	struct question q = { .to = FAR4, .name = "other.test", .tcp = true };
	struct held_fault h = held_on("net.dns", "mode=nxdomain");
	double end = dns_clock() + ANSWER_MS;

	(void)state;
	for (int i = 0; i < 10; i++) {
		q.to = i % 2 == 0 ? FAR4 : STUB4;
		assert_answered(dns_ask(&q), NXDOMAIN, "", q.to);
	}
	while (
	    connections_of(getpid()) + connections_of(far_pid) > 0 && dns_clock() < end)
		(void)poll(NULL, 0, 10);
	assert_int_equal(connections_of(getpid()), 0);
	assert_int_equal(connections_of(far_pid), 0);
	held_off(&h);
}

/* --- what is no query ------------------------------------------------------------------- */

/* The far side's echo shows what comes through. */
static void
what_is_no_plain_query_passes_untouched(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} strange[] = {
#define STRANGE(literal) { literal, sizeof(literal) - 1 }
		STRANGE("x"),
		STRANGE("\xab\xcd\1\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1\1b\0\0\1\0\1"),
		STRANGE("\xab\xcd\1\0\0\1\0\0\0\0\0\0\xc0\xc\0\1\0\1"),
		STRANGE("\xab\xcd\1\0\0\1\0\0\0\0\0\0\77www\0\0\1\0\1"),
		STRANGE("\xab\xcd\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\3"),
		STRANGE("\xab\xcd\x81\x80\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"),
		STRANGE("\xab\xcd\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1more"),
	};
	struct held_fault h = held_on("net.dns", "mode=nxdomain port=4001");
	const struct question q = { .to = FAR4, .name = "a", .port = ECHO_PORT };
	int fd = echo_socket(FAR4, ECHO_PORT);
	char back[600];

	(void)state;
	assert_answered(dns_ask(&q), NXDOMAIN, "", "a plain one");
	for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		assert_true(send(fd, strange[i].bytes, strange[i].len, 0) > 0);
		assert_int_equal(poll(&p, 1, ECHO_WAIT_MS), 1);
		assert_int_equal(recv(fd, back, sizeof(back), 0), strange[i].len);
		assert_memory_equal(back, strange[i].bytes, strange[i].len);
	}
	(void)close(fd);
	held_off(&h);
}

enum { FLOOD = 5000, FLOOD_EVERY = 10 };

/* Among queries that are answered in the resolver's place as fast as they can be sent,
 * every other one gets there and back. */
static void
a_flood_of_queries_loses_no_others(void **state)
{
	struct held_fault h = held_on("net.dns", "mode=nxdomain names=*.com port=4001");
	const struct question meant = { .to = FAR4, .name = "www.example.com" };
	const struct question other = { .to = FAR4, .name = "other.test" };
	int flood = echo_socket(FAR4, ECHO_PORT), fd = echo_socket(FAR4, ECHO_PORT);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t m[2048], o[600];
	size_t len = dns_query_write(&meant, m), other_len = dns_query_write(&other, o);

	(void)state;
	for (unsigned i = 0, back = 0; i < FLOOD; i++) {
		assert_true(send(flood, m, len, 0) > 0);
		if (i % FLOOD_EVERY != 0)
			continue;
		o[0] = (uint8_t)(back >> 8);
		o[1] = (uint8_t)back;
		assert_true(send(fd, o, other_len, 0) > 0);
		assert_int_equal(poll(&p, 1, ECHO_WAIT_MS), 1);
		assert_int_equal(recv(fd, m, sizeof(m), 0), other_len);
		assert_memory_equal(m, o, other_len);
		len = dns_query_write(&meant, m);
		back++;
		while (recv(flood, m + 600, 600, MSG_DONTWAIT) > 0)
			continue;
	}
	for (int i = 0; i < ANSWER_MS && h.state->run.effect < FLOOD; i++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(h.state->run.effect, FLOOD);
	(void)close(flood);
	(void)close(fd);
	held_off(&h);
}

/* --- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nxdomain_says_that_there_is_no_such_name),
		cmocka_unit_test(servfail_says_that_the_resolver_failed),
		cmocka_unit_test(redirect_gives_the_addresses_of_each_family),
		cmocka_unit_test(redirect_to_one_family_leaves_the_other_empty),
		cmocka_unit_test(drop_gives_no_answer),
		cmocka_unit_test(delay_holds_a_query_and_then_it_is_answered),
		cmocka_unit_test(names_are_whole_or_all_below_one),
		cmocka_unit_test(without_names_every_name_is_meant),
		cmocka_unit_test(redirect_is_for_addresses),
		cmocka_unit_test(resolvers_are_told_apart_by_address_and_port),
		cmocka_unit_test(only_the_queries_of_a_user_are_meant),
		cmocka_unit_test(the_hosts_own_resolver_is_affected),
		cmocka_unit_test(answers_reach_sockets_that_are_bound_to_an_interface),
		cmocka_unit_test(a_link_local_resolver_is_stood_in_for),
		cmocka_unit_test(a_connection_goes_on_for_names_that_are_not_meant),
		cmocka_unit_test(neither_end_keeps_a_connection_that_was_answered),
		cmocka_unit_test(what_is_no_plain_query_passes_untouched),
		cmocka_unit_test(a_flood_of_queries_loses_no_others),
	};

	return dns_world_run(tests, sizeof(tests) / sizeof(tests[0]));
}
