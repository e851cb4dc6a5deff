/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spec from a hostile peer: every lie is found, and nothing outside the struct is read
 * (the sanitizer build and a page without access behind the struct see to that).
 */
#include "err.h"
#include "kind.h"
#include "spec.h"
#include "test.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct spec *s; /* ends where a page without access begins */
static struct err e;

static int
map_spec(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (sizeof(struct spec) + page - 1) / page * page;
	char *at;

	(void)state;
	at = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);
	if (at == MAP_FAILED || mprotect(at + size, page, PROT_NONE) < 0)
		return -1;
	s = (struct spec *)(void *)(at + (size - sizeof(struct spec)) / 8 * 8);
	return 0;
}

static void
good_kill(void)
{
	spec_init(s, kind_find("process.kill"));
	assert_int_equal(spec_set(s, "name", "nginx", &e), 0);
	assert_int_equal(spec_set(s, "exclude", "a,bb", &e), 0);
	assert_int_equal(spec_finish(s, &e), 0);
	assert_int_equal(spec_verify(s, &e), 0);
}

static void
good_delay(void)
{
	spec_init(s, kind_find("net.delay"));
	assert_int_equal(spec_set(s, "delay", "1s", &e), 0);
	assert_int_equal(spec_set(s, "to", "10.0.0.0/8,fd00::/8", &e), 0);
	s->duration = USEC_PER_SEC;
	assert_int_equal(spec_finish(s, &e), 0);
	assert_int_equal(spec_verify(s, &e), 0);
}

static void
good_lists(void)
{
	spec_init(s, kind_find("net.delay"));
	assert_int_equal(spec_set(s, "delay", "1s", &e), 0);
	assert_int_equal(spec_set(s, "to", "any", &e), 0);
	assert_int_equal(spec_set(s, "port", "80,90-99", &e), 0);
	assert_int_equal(spec_set(s, "interface", "eth0,eth1", &e), 0);
	assert_int_equal(spec_set(s, "exclude", "10.0.0.1,fd00::/8", &e), 0);
	assert_int_equal(spec_set(s, "loss_gemodel", "1%,2%", &e), 0);
	assert_int_equal(spec_set(s, "flap", "5s/2s", &e), 0);
	assert_int_equal(spec_set(s, "rate", "1mbit", &e), 0);
	s->duration = 60 * USEC_PER_SEC;
	assert_int_equal(spec_finish(s, &e), 0);
	assert_int_equal(spec_verify(s, &e), 0);
}

static struct arg *
arg(const char *name)
{
	for (size_t i = 0; i < s->args_count; i++) {
		if (strcmp(s->args[i].name, name) == 0)
			return &s->args[i];
	}
	fail_msg("no argument %s", name);
	return NULL;
}

/* Break a good spec by `lie`: it must be refused as invalid. */
#define REFUSES(good, lie)                      \
 do {                                           \
  good();                                       \
  lie;                                          \
  memset(&e, 0, sizeof(e));                     \
  if (spec_verify(s, &e) == 0)                  \
   fail_msg("verified after: %s", #lie);        \
  assert_int_equal(e.outcome, OUTCOME_INVALID); \
  assert_true(e.msg[0] != '\0');                \
 } while (0)

static void
counts_out_of_bounds_are_refused(void **state)
{
	(void)state;
	REFUSES(good_kill, s->args_count = SPEC_ARGS_MAX + 1);
	REFUSES(good_kill, s->args_count = UINT16_MAX);
	REFUSES(good_delay, s->nets_count = SPEC_NETS_MAX + 1);
	REFUSES(good_delay, s->nets_count = UINT16_MAX);
	REFUSES(good_kill, s->text_used = SPEC_TEXT_MAX + 1);
	REFUSES(good_kill, s->args_count++);
}

static void
texts_outside_or_without_end_are_refused(void **state)
{
	(void)state;
	REFUSES(good_kill, arg("name")->text = SPEC_TEXT_MAX);
	REFUSES(good_kill, arg("name")->text = UINT16_MAX);
	REFUSES(good_kill, arg("name")->len = UINT16_MAX);
	REFUSES(good_kill, arg("name")->len = 0);
	REFUSES(good_kill, arg("name")->len--);
	REFUSES(good_kill, arg("name")->len++);
	REFUSES(good_kill, s->text[arg("name")->text + 2] = '\0');
	REFUSES(good_kill, s->text[arg("name")->text + 2] = '\n');
	REFUSES(good_kill, s->text[arg("exclude")->text] = '\0');
	REFUSES(good_kill, memset(s->text, 'x', sizeof(s->text)));
	REFUSES(good_kill, s->text_used = 2);
}

static void
names_without_end_are_refused(void **state)
{
	(void)state;
	REFUSES(good_kill, memset(s->id, 'a', sizeof(s->id)));
	REFUSES(good_kill, memset(s->kind, 'a', sizeof(s->kind)));
	REFUSES(good_kill, memset(s->name, 'a', sizeof(s->name)));
	REFUSES(good_kill, memset(arg("name")->name, 'a', ARG_NAME_MAX));
	REFUSES(good_kill, memcpy(s->id, "../../e", 8));
	REFUSES(good_kill, memcpy(s->name, "../x", 5));
	REFUSES(good_kill, memcpy(s->kind, "net.nothing", 12));
}

static void
values_out_of_range_are_refused(void **state)
{
	(void)state;
	REFUSES(good_kill, arg("signal")->num = 65);
	REFUSES(good_kill, arg("signal")->num = 32);
	REFUSES(good_kill, arg("signal")->num = -1);
	REFUSES(good_kill, arg("pick")->num = 3);
	REFUSES(good_kill, arg("pick")->num = -1);
	REFUSES(good_kill, arg("pick")->num = INT64_MAX);
	REFUSES(good_kill, arg("count")->num = -1);
	REFUSES(good_kill, arg("name")->num = 1);
	REFUSES(good_delay, arg("delay")->num = 0);
	REFUSES(good_delay, arg("delay")->num = INT64_MIN);
	REFUSES(good_delay, arg("delay")->len = 1);
	REFUSES(good_delay, arg("to")->num = 1);
}

/* The bytes of a list, in place of those that were there. */
static void
put_list(const char *name, const char *bytes, size_t len)
{
	assert_true(s->text_used + len <= SPEC_TEXT_MAX);
	arg(name)->text = s->text_used;
	arg(name)->len = (uint16_t)len;
	memcpy(s->text + s->text_used, bytes, len);
	s->text_used = (uint16_t)(s->text_used + len);
}
#define PUT_LIST(name, bytes) put_list(name, bytes, sizeof(bytes))

static void
lists_are_checked_by_item_and_by_count(void **state)
{
	(void)state;
	good_lists();
	PUT_LIST("port", "1\0002\0003\0004\0005\0006\0007");
	assert_int_equal(spec_verify(s, &e), 0);
	REFUSES(good_lists, PUT_LIST("port", "1\0002\0003\0004\0005\0006\0007\0008"));
	REFUSES(good_lists, PUT_LIST("port", "80\00070-90"));
	REFUSES(good_lists, PUT_LIST("port", "80\00080"));
	REFUSES(good_lists, PUT_LIST("port", "80\000"));
	REFUSES(good_lists, PUT_LIST("port", "90-80"));
	REFUSES(good_lists, PUT_LIST("port", "http"));
	REFUSES(good_lists, PUT_LIST("interface", "eth0\000eth0"));
	REFUSES(good_lists, PUT_LIST("interface", "a/b"));
	REFUSES(good_lists,
	    PUT_LIST("interface", "a\000b\000c\000d\000e\000f\000g\000h\000i"));
	REFUSES(good_lists, PUT_LIST("exclude", "10.0.0.1/8"));
	REFUSES(good_lists, PUT_LIST("exclude", "db.internal"));
	REFUSES(good_lists, PUT_LIST("loss_gemodel", "1\0001\0001\0001\0001"));
	REFUSES(good_lists, PUT_LIST("loss_gemodel", "101"));
	REFUSES(good_lists, PUT_LIST("flap", "5s\0002s"));
	REFUSES(good_lists, PUT_LIST("flap", "5s/2s/1s"));
	REFUSES(good_lists, PUT_LIST("flap", "1ms/2s"));
	REFUSES(good_lists, arg("rate")->num = 1);
	REFUSES(good_lists, arg("rate")->num = INT64_MAX);
	REFUSES(good_lists, arg("port")->num = 80);
}

static void
times_must_fit_the_kind(void **state)
{
	(void)state;
	REFUSES(good_kill, s->duration = UINT64_MAX);
	REFUSES(good_delay, s->duration = 0);
	REFUSES(good_delay, s->duration = UINT64_MAX);
	REFUSES(good_delay, s->at = UINT64_MAX);
}

static void
arguments_are_complete_known_and_there_once(void **state)
{
	(void)state;
	REFUSES(good_kill, memcpy(arg("name")->name, "mane", 5));
	REFUSES(good_kill, memcpy(arg("name")->name, "exe", 4));
	REFUSES(good_kill, *arg("exclude") = *arg("name"));
	REFUSES(good_kill, s->args_count--);
	REFUSES(good_kill, s->nets_count = 1);
	REFUSES(good_delay, s->nets_count = 0);
	REFUSES(good_delay, s->args_count = 0);
}

static void
networks_must_be_networks(void **state)
{
	(void)state;
	REFUSES(good_delay, s->nets[0].family = 0);
	REFUSES(good_delay, s->nets[0].family = 7);
	REFUSES(good_delay, s->nets[0].prefix = 33);
	REFUSES(good_delay, s->nets[1].prefix = 129);
	REFUSES(good_delay, s->nets[0].addr[3] = 1);
	REFUSES(good_delay, s->nets[0].addr[15] = 1);
	REFUSES(good_delay, s->nets[0].pad[0] = 1);
	REFUSES(good_delay, s->nets[1].addr[15] = 1);
}

static void
kinds_check_again(void **state)
{
	(void)state;
	good_delay();
	assert_int_equal(spec_set(s, "jitter", "1s", &e), 0);
	assert_int_equal(spec_verify(s, &e), 0);
	arg("jitter")->num++;
	assert_true(spec_verify(s, &e) < 0);
}

/* What passed may be read by everything: the readers must stay inside too. */
static void
read_all(void)
{
	char buf[300];

	(void)spec_describe(s, buf, sizeof(buf));
	for (size_t i = 0; i < s->args_count; i++) {
		(void)spec_format(s, s->args[i].name, buf, sizeof(buf));
		(void)spec_string(s, s->args[i].name, 1000);
	}
}

static void
random_bytes_never_pass_and_never_hurt(void **state)
{
	unsigned char *bytes = (unsigned char *)s;

	(void)state;
	srandom(1);
	for (int round = 0; round < 300; round++) {
		for (size_t i = 0; i < sizeof(*s); i++)
			bytes[i] = (unsigned char)random();
		if ((round & 1) != 0) {
			memcpy(s->kind, "process.kill", 13);
			memset(s->id, 0, sizeof(s->id));
			memset(s->name, 0, sizeof(s->name));
			s->at = s->duration = 0;
		}
		assert_true(spec_verify(s, &e) < 0);
	}
}

static void
flipped_bits_are_refused_or_readable(void **state)
{
	unsigned char *bytes = (unsigned char *)s;
	const size_t head = offsetof(struct spec, nets);

	(void)state;
	srandom(2);
	for (int round = 0; round < 20000; round++) {
		if ((round & 1) != 0)
			good_kill();
		else
			good_delay();
		for (int flips = 0; flips < 3; flips++)
			bytes[(size_t)random() % head] ^=
			    (unsigned char)(1 << random() % 8);
		if (spec_verify(s, &e) == 0)
			read_all();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_out_of_bounds_are_refused),
		cmocka_unit_test(texts_outside_or_without_end_are_refused),
		cmocka_unit_test(names_without_end_are_refused),
		cmocka_unit_test(values_out_of_range_are_refused),
		cmocka_unit_test(lists_are_checked_by_item_and_by_count),
		cmocka_unit_test(times_must_fit_the_kind),
		cmocka_unit_test(arguments_are_complete_known_and_there_once),
		cmocka_unit_test(networks_must_be_networks),
		cmocka_unit_test(kinds_check_again),
		cmocka_unit_test(random_bytes_never_pass_and_never_hurt),
		cmocka_unit_test(flipped_bits_are_refused_or_readable),
	};

	return cmocka_run_group_tests(tests, map_spec, NULL);
}
