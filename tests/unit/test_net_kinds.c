/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules between the parameters of the network kinds, in the words that a user reads,
 * and good arguments next to bad ones: a rule that refuses everything would pass half of
 * this.
 */
#include "cleanup.h"
#include "kind.h"
#include "spec.h"
#include "test.h"
#include <errno.h>
#include <string.h>

static struct spec s;
static struct err e;

/* "delay=1s to=any for=10s": 0, or how it was refused. */
static int
build(const char *kind, const char *args)
{
	char text[1024], *rest = NULL;
	int r = 0;

	memset(&e, 0, sizeof(e));
	spec_init(&s, kind_find(kind));
	(void)snprintf(text, sizeof(text), "%s", args);
	for (char *word = strtok_r(text, " ", &rest); r == 0 && word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');

		assert_non_null(value);
		*value++ = '\0';
		if (strcmp(word, "for") == 0)
			r = parse_usec(value, &s.duration, &e);
		else
			r = spec_set(&s, word, value, &e);
	}
	return r == 0 ? spec_finish(&s, &e) : r;
}

/* What is built must pass a boundary; what is not must be refused there, too. */
static void
takes(const char *kind, const char *args)
{
	if (build(kind, args) < 0)
		fail_msg("%s %s: %s", kind, args, e.msg);
	if (s.duration == 0 && kind_needs_for(kind_find(kind)))
		s.duration = 60 * USEC_PER_SEC;
	assert_ok(spec_verify(&s, &e), e);
}

static void
refuses(const char *kind, const char *args, const char *why)
{
	if (build(kind, args) == 0)
		fail_msg("%s %s was taken", kind, args);
	assert_int_equal(e.outcome, OUTCOME_INVALID);
	if (strcmp(e.msg, why) != 0)
		fail_msg("%s %s: '%s' is not '%s'", kind, args, e.msg, why);
}

struct bad {
	const char *args, *why;
};

static void
refuses_all(const char *kind, const struct bad *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		refuses(kind, rows[i].args, rows[i].why);
}
#define REFUSES_ALL(kind, ...)                       \
 do {                                                \
  static const struct bad rows_[] = { __VA_ARGS__ }; \
  refuses_all(kind, rows_, ARRAY_LEN(rows_));        \
 } while (0)

static const char *const impairments[] = { "net.corrupt", "net.delay", "net.duplicate",
	"net.loss", "net.rate", "net.reorder" };
static const char all[] =
    "delay=100ms jitter=10ms delay_correlation=25% distribution=normal loss=1% "
    "loss_correlation=25% ecn=yes duplicate=1% duplicate_correlation=10% corrupt=0.1% "
    "corrupt_correlation=10% reorder=5% reorder_correlation=50% gap=5 rate=10mbit "
    "packet_overhead=-14 cell_size=53 cell_overhead=5 slot=5ms slot_max=10ms "
    "slot_packets=32 slot_bytes=64KiB seed=7 limit=5000 ramp=10s flap=5s/2s for=1m "
    "engine=netem to=10.0.0.0/8,fd00::/8 port=80,8000-8100 local_port=1024-65535 "
    "protocol=tcp interface=eth0,eth1 direction=egress exclude=10.1.0.0/16 "
    "exclude_port=22 share=50% user=www-data cgroup=/system.slice/nginx.service pid=4711 ";

static void
every_impairment_takes_every_parameter(void **state)
{
	char args[sizeof(all) + 32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(impairments); i++) {
		const char *kind = impairments[i], *from = "50%";

		if (strcmp(kind, "net.delay") == 0)
			from = "1s";
		if (strcmp(kind, "net.rate") == 0)
			from = "100mbit";
		(void)snprintf(args, sizeof(args), "%sfrom=%s", all, from);
		takes(kind, args);
		for (const struct param *p = kind_find(kind)->params; p->name != NULL;
		     p++)
			assert_true(spec_has(&s, p->name) ||
				    strcmp(p->name, "container") == 0 ||
				    strncmp(p->name, "loss_", 5) == 0);
	}
}

static void
each_needs_its_own(void **state)
{
	static const char *const own[] = { "corrupt", "delay", "duplicate", NULL, "rate",
		"reorder" };
	char begin[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(impairments); i++) {
		if (own[i] == NULL)
			continue;
		assert_true(build(impairments[i], "to=any") < 0);
		(void)snprintf(
		    begin, sizeof(begin), "%s needs %s: ", impairments[i], own[i]);
		if (strncmp(e.msg, begin, strlen(begin)) != 0)
			fail_msg("'%s' does not begin with '%s'", e.msg, begin);
	}
}

static void
what_has_no_effect_is_refused(void **state)
{
	(void)state;
	takes("net.delay", "delay=10ms jitter=10ms to=any");
	takes("net.delay", "delay=10ms loss_gemodel=1%,10%,70%,0.1% to=any");
	takes("net.delay", "delay=10ms loss_state=1% ecn=true to=any");
	takes("net.delay", "delay=10ms ecn=no to=any");
	takes(
	    "net.delay", "delay=10ms distribution=/usr/lib/tc/x.dist jitter=1ms to=any");
	REFUSES_ALL("net.delay",
	    { "delay=10ms jitter=11ms to=any",
		"jitter 11ms is more than the delay 10ms: a packet cannot be early" },
	    { "delay=10ms delay_correlation=5% to=any",
		"delay_correlation needs jitter: without it all delays are alike" },
	    { "delay=10ms distribution=normal to=any",
		"distribution needs jitter: it is what is spread" },
	    { "delay=10ms jitter=1ms distribution=gauss to=any",
		"distribution: 'gauss' is none of normal, pareto, paretonormal, nor the "
		"absolute path of a table" },
	    { "delay=10ms loss=1% loss_gemodel=1% to=any",
		"loss and loss_gemodel are two ways to lose packets: leave one out" },
	    { "delay=10ms loss_state=1% loss_gemodel=1% to=any",
		"loss_state and loss_gemodel are two ways to lose packets: leave one out" },
	    { "delay=10ms loss_state=1% loss_correlation=1% to=any",
		"loss_correlation needs loss: the other models have their own memory" },
	    { "delay=10ms loss_state=60%,10%,0%,0%,50% to=any",
		"loss_state: p13 and p14 are more than 100% together" },
	    { "delay=10ms loss_state=60%,60%,50% to=any",
		"loss_state: p31 and p32 are more than 100% together" },
	    { "delay=10ms loss_state=0 to=any",
		"loss_state never loses a packet: p13 and p14 are 0" },
	    { "delay=10ms loss_state=1,1,1,1,1,1 to=any",
		"loss_state: more than 5 in one list" },
	    { "delay=10ms loss_gemodel=0 to=any", "loss_gemodel never loses a packet" },
	    { "delay=10ms loss=0 to=any",
		"loss: 0% is out of range: it takes 0.001% to 100%" },
	    { "delay=10ms ecn=yes to=any",
		"ecn needs one of loss, loss_state and loss_gemodel: it marks what they "
		"would lose" },
	    { "delay=10ms corrupt_correlation=1% to=any",
		"corrupt_correlation needs corrupt: it is what correlates" },
	    { "delay=10ms gap=5 to=any",
		"gap needs reorder: it says which packets may overtake" },
	    { "delay=10ms cell_size=53 to=any",
		"cell_size needs rate: it only makes packets count more" },
	    { "delay=10ms rate=1mbit cell_overhead=5 to=any",
		"cell_overhead needs cell_size: it is what each cell counts more" },
	    { "delay=10ms slot_bytes=4096 to=any",
		"slot_bytes needs slot: without it there are no bunches" },
	    { "delay=10ms slot=10ms slot_max=5ms to=any",
		"slot_max 5ms is less than slot 10ms" },
	    { "delay=10ms seed=1 to=any",
		"seed has no meaning here: nothing of this fault is left to chance" });
}

static void
packets_are_chosen_in_one_way(void **state)
{
	(void)state;
	takes("net.delay", "delay=10ms to=any user=33");
	takes("net.delay", "delay=10ms to=any container=3f2a9c0d1e4b direction=both");
	takes("net.delay", "delay=10ms to=any seed=1 share=10%");
	takes("net.partition", "to=any user=www-data direction=out");
	takes("net.partition", "to=any protocol=icmp exclude_port=22");
	REFUSES_ALL("net.partition",
	    { "to=any user=root",
		"user needs direction=out: only packets that leave have an owner" },
	    { "to=any user=a:b direction=out",
		"user: 'a:b' is neither a name nor a number" },
	    { "to=any pid=1 container=abc",
		"pid and container both say whose network is meant: one of them" },
	    { "to=any container=../../etc",
		"container '../../etc' cannot be the id of one: it is made of letters, digits, "
		"'_', '.', '+' and '-'" },
	    { "to=any cgroup=/",
		"cgroup: / is every process: leave it out to mean that" },
	    { "to=any cgroup=/sys/fs/cgroup/system.slice",
		"cgroup: write the path from the root of the cgroups, such as "
		"/system.slice/nginx.service" },
	    { "to=any cgroup=/a/../b",
		"cgroup: '/a/../b' has a '.' or '..' in it: write where it leads" },
	    { "to=any protocol=icmp port=80",
		"port has no meaning with protocol=icmp, which has no ports" },
	    { "to=any protocol=icmp local_port=80",
		"local_port has no meaning with protocol=icmp, which has no ports" },
	    { "to=any share=0", "share: 0% is out of range: it takes 0.001% to 100%" },
	    { "to=any seed=1",
		"seed has no meaning here: nothing of this fault is left to chance" },
	    { "to=any port=1,2,3,4,5,6,7,8", "port: more than 7 in one list" },
	    { "to=any port=80,70-90", "port: '80' and '70-90' have ports in common" },
	    { "to=any interface=a,b,c,d,e,f,g,h,i",
		"interface: more than 8 in one list" },
	    { "to=any interface=eth0,eth0", "interface: 'eth0' is there twice" },
	    { "to=any exclude=10.0.0.1/8",
		"exclude: '10.0.0.1/8' has bits set below its prefix: write 10.0.0.0/8 or "
		"10.0.0.1" });
	refuses("net.delay", "delay=10ms to=any user=root direction=both",
	    "user needs direction=egress: only packets that leave have an owner");
}

static void
courses_lead_somewhere(void **state)
{
	(void)state;
	takes("net.delay", "delay=100ms from=0 ramp=10s for=10s to=any");
	takes("net.delay", "delay=100ms from=1s ramp=100ms to=any");
	takes("net.partition", "to=any flap=5s/2s for=6s");
	REFUSES_ALL("net.delay",
	    { "delay=10ms from=1s to=any",
		"from needs ramp: how long delay takes to its own value" },
	    { "delay=10ms ramp=1s to=any",
		"ramp needs from: what delay is when the fault begins" },
	    { "delay=10ms from=10ms ramp=1s to=any",
		"from=10ms is what delay is anyway: there is no ramp" },
	    { "delay=10ms from=1s ramp=11s for=10s to=any",
		"ramp=11s is longer than the fault, which lasts 10s" },
	    { "delay=10ms flap=50ms/1s to=any",
		"flap: '50ms/1s' is too quick a cycle: at least 100ms each" },
	    { "delay=10ms flap=5s to=any",
		"flap: '5s' is not a cycle: write 5s/2s, time on and time off" },
	    { "delay=10ms flap=10s/1s for=10s to=any",
		"flap=10s/1s never turns it off: the fault lasts 10s" });
}

static void
loss_is_said_in_one_of_three_ways(void **state)
{
	(void)state;
	takes("net.loss", "loss=100% to=any");
	takes("net.loss", "loss_state=1%,10% to=any");
	takes("net.loss", "loss_gemodel=0,0,0,1% to=any");
	takes("net.loss", "loss=10% from=0 ramp=10s to=any");
	REFUSES_ALL("net.loss",
	    { "delay=10ms to=any",
		"net.loss needs one of loss, loss_state and loss_gemodel: how packets are "
		"lost" },
	    { "loss_state=1% from=0 ramp=10s to=any",
		"from needs loss: the value that it leads to" },
	    { "loss=1% reorder=5% to=any",
		"reorder needs delay: a packet overtakes those that are held" },
	    { "loss=1% jitter=5ms to=any", "jitter needs delay: it is what varies" });
}

static void
rates_are_in_bits(void **state)
{
	(void)state;
	takes("net.rate", "rate=1.5mbit to=any");
	REFUSES_ALL("net.rate",
	    { "rate=10mbps to=any",
		"rate: '10mbps' could mean bits or bytes: write it in bits, such as 10mbit" },
	    { "rate=0bit to=any",
		"rate: 0bit is out of range: it takes 8kbit to 100gbit" },
	    { "rate=1mbit from=1mbit ramp=1s to=any",
		"from=1mbit is what rate is anyway: there is no ramp" });
}

static void
connections_are_reset_once_or_for_a_time(void **state)
{
	(void)state;
	takes("net.reset", "to=10.0.0.7 port=5432");
	takes("net.reset", "to=10.0.0.7 user=www-data for=10s");
	assert_true(kind_takes_for(kind_find("net.reset")));
	refuses("net.reset", "to=any pid=1 container=a",
	    "pid and container both say whose network is meant: one of them");
}

static void
dns_modes_have_their_own_parameters(void **state)
{
	char text[256];

	(void)state;
	takes("net.dns", "names=db.internal,*.example.com");
	assert_string_equal(spec_describe(&s, text, sizeof(text)),
	    "net.dns names=db.internal,*.example.com");
	takes("net.dns", "mode=redirect names=db.internal answer=192.0.2.1,2001:db8::1");
	takes("net.dns", "mode=delay delay=2s to=10.0.0.53 port=53,5353");
	REFUSES_ALL("net.dns",
	    { "mode=redirect names=a",
		"mode=redirect needs answer: where names lead to" },
	    { "mode=redirect answer=10.0.0.1",
		"mode=redirect needs names: it does not redirect every name there is" },
	    { "mode=redirect names=a answer=10.0.0.0/8",
		"answer: 10.0.0.0/8 is a network: a name has addresses" },
	    { "answer=10.0.0.1", "answer has a meaning only with mode=redirect" },
	    { "mode=delay", "mode=delay needs delay: how long a query is held" },
	    { "delay=1s", "delay has a meaning only with mode=delay" },
	    { "names=a..b",
		"names: 'a..b' is not a name in DNS: write www.example.com, or "
		"*.example.com for all below it" },
	    { "names=*", "names: '*' is not a name in DNS: write www.example.com, or "
			 "*.example.com for all below it" },
	    { "names=db.internal.",
		"names: 'db.internal.' is not a name in DNS: write www.example.com, or "
		"*.example.com for all below it" },
	    { "mode=refuse", "mode: 'refuse' is none of drop, nxdomain, servfail, delay, "
			     "redirect" });
}

static void
port_modes_have_their_own_parameters(void **state)
{
	(void)state;
	takes("net.ports", "mode=occupy port=8080,9000-9010 address=127.0.0.1");
	takes("net.ports", "mode=limit port=443 connections=100 to=10.0.0.0/8");
	takes("net.ports", "mode=exhaust leave=10 protocol=udp");
	REFUSES_ALL("net.ports", { "mode=occupy", "mode=occupy needs port" },
	    { "mode=occupy port=80 connections=1",
		"connections has a meaning only with mode=limit" },
	    { "mode=occupy port=80 to=10.0.0.1",
		"to has a meaning only with mode=limit" },
	    { "mode=occupy port=80 address=10.0.0.0/8",
		"address: 10.0.0.0/8 is a network, not an address" },
	    { "mode=occupy port=1-5000",
		"5000 ports are too many to occupy: at most 4096" },
	    { "mode=limit port=80",
		"mode=limit needs connections: how many are let through" },
	    { "mode=limit port=80 connections=1 protocol=udp",
		"mode=limit counts connections, which udp has not" },
	    { "mode=limit port=80 connections=1 leave=1",
		"leave has a meaning only with mode=exhaust" },
	    { "mode=exhaust port=80",
		"port has no meaning with mode=exhaust: it takes the ports that the kernel "
		"gives to outgoing connections" });
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_impairment_takes_every_parameter),
		cmocka_unit_test(each_needs_its_own),
		cmocka_unit_test(what_has_no_effect_is_refused),
		cmocka_unit_test(packets_are_chosen_in_one_way),
		cmocka_unit_test(courses_lead_somewhere),
		cmocka_unit_test(loss_is_said_in_one_of_three_ways),
		cmocka_unit_test(rates_are_in_bits),
		cmocka_unit_test(connections_are_reset_once_or_for_a_time),
		cmocka_unit_test(dns_modes_have_their_own_parameters),
		cmocka_unit_test(port_modes_have_their_own_parameters),
	};

	return cmocka_run_group_tests_name("net kinds", tests, NULL, NULL);
}
