/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_WORLD_H
#define DNS_WORLD_H
/*
 * A host whose resolver is on another host, one more resolver on its loopback, and what is
 * expected of their answers.
 */
#include "dns_client.h"
#include "echo.h"
#include "held.h"
#include "pidns.h"

#include <sys/mount.h>

static pid_t far_pid, resolvers[2];
static char link_local[64]; /* of the far resolver */

/* Every resolver there is. */
static const char *const ways_to[] = { FAR4, FAR6, STUB4, STUB6 };

static inline struct reply
ask(const char *to, const char *name, uint16_t type)
{
	const struct question q = { .to = to, .name = name, .type = type };

	return dns_ask(&q);
}

static inline void
assert_answered(struct reply r, int code, const char *addr, const char *what)
{
	if (r.came != CAME)
		fail_msg("%s: %s", what, r.came == WAS_RESET ? "was reset" : "no answer");
	if (!r.echoes || r.code != code || (addr != NULL && strcmp(r.address, addr) != 0))
		fail_msg("%s: code %d, %d records, address '%s'%s; expected %d, '%s'",
		    what, r.code, r.count, r.address,
		    r.echoes ? "" : ", not our question", code,
		    addr != NULL ? addr : "any");
}

/* The resolvers themselves, as if there were no fault. */
static inline void
assert_untouched(const char *to, const char *name, const char *when)
{
	bool is_stub = strcmp(to, STUB4) == 0 || strcmp(to, STUB6) == 0;
	_cleanup_free_ char *addr = xasprintf(
	    "10.%s.%d", strcmp(name, "other.test") == 0 ? "6.6" : "5.5", is_stub ? 2 : 1);
	_cleanup_free_ char *what = xasprintf("%s: %s of %s", when, name, to);
	struct reply r = ask(to, name, TYPE_A);

	assert_answered(r, NOERROR, addr, what);
	assert_false(r.by_us);
}

/* --- */

/* The far side's address that comes with its interface. */
static inline void
find_link_local(void)
{
	char pid[16], text[256] = "", *end;
	const char *const argv[] = { "/usr/bin/nsenter", "-t", pid, "-n", "sh", "-c",
		"ip -6 -o addr show dev far0 scope link | sed 's/.*inet6 //; s/\\/.*//'",
		NULL };

	(void)snprintf(pid, sizeof(pid), "%d", far_pid);
	(void)tool(argv, NULL, text, sizeof(text));
	end = strchr(text, '\n');
	if (end != NULL)
		*end = '\0';
	(void)snprintf(link_local, sizeof(link_local), "%.60s", text);
}

static inline int
make_world(void **state)
{
	char path[64];
	FILE *f;

	(void)state;
	if (held_world_make() < 0)
		return -1;
	far_pid = echo_start();
	if (far_pid < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/resolv.conf", held_world.dir);
	f = fopen(path, "we");
	if (f == NULL || fprintf(f, "nameserver " FAR4 "\n") < 0 || fclose(f) != 0 ||
	    mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
		return -1;
	find_link_local();
	resolvers[0] = resolver_start(far_pid, FAR4, FAR6, link_local, "1");
	resolvers[1] = resolver_start(0, STUB4, STUB6, NULL, "2");
	for (size_t i = 0; i < ARRAY_LEN(ways_to); i++)
		if (resolver_wait(ways_to[i]) < 0)
			return -1;
	return 0;
}

static inline int
end_world(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(resolvers); i++)
		end_sleeper(resolvers[i]);
	end_sleeper(far_pid);
	return held_world_end();
}

/* All tests in one such world; what main returns. */
static inline int
dns_world_run(const struct CMUnitTest *tests, size_t count)
{
	struct err e = { 0 };

	pidns_enter();
	if (access("/usr/sbin/dnsmasq", X_OK) != 0)
		skip_all("dnsmasq is not installed");
	if (fault_find("net.dns")->supported(&e) < 0)
		skip_all("%s", e.msg);
	return _cmocka_run_group_tests("net.dns", tests, count, make_world, end_world);
}

#endif
