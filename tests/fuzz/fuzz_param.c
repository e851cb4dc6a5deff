/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every parser of parse.h, then every parameter of every kind, over one text.  What was
 * taken must be in range and, written by us, must be taken again and mean the same.
 */
#include "cleanup.h"
#include "fuzz.h"
#include "kind.h"
#include "parse.h"
#include "spec.h"

#define PARSED(call) fuzz_parsed((call), &e)

static bool
fuzz_parsed(int rc, struct err *e)
{
	if (rc != 0)
		fuzz_refused(rc, e);
	else
		MUST(e->code == 0 && e->msg[0] == '\0');
	*e = (struct err){ 0 };
	return rc == 0;
}

static void
numbers(const char *text)
{
	struct err e = { 0 };
	char buf[64];
	usec_t usec, again;
	uint64_t u = 0, u_again;
	int64_t i = 0, i_again;
	uint16_t port;
	int number, same;

	if (PARSED(parse_usec(text, &usec, &e)))
		MUST(parse_usec(format_usec(usec, buf, sizeof(buf)), &again, &e) == 0 &&
		     again == usec);
	if (PARSED(parse_offset(text, &i, &e)))
		MUST(
		    parse_offset(format_offset(i, buf, sizeof(buf)), &i_again, &e) == 0 &&
		    i_again == i);
	if (PARSED(parse_ppm(text, &i, &e)))
		MUST(parse_ppm(format_ppm(i, buf, sizeof(buf)), &i_again, &e) == 0 &&
		     i_again == i);
	if (PARSED(parse_signal(text, &number, &e)))
		MUST(number > 0 && number <= 64 &&
		     parse_signal(format_signal(number, buf, sizeof(buf)), &same, &e) ==
			 0 &&
		     same == number);
	if (PARSED(parse_i64(text, &i, &e)) && PARSED(parse_u64(text, &u, &e)))
		MUST(i >= 0 && u == (uint64_t)i);
	if (PARSED(parse_port(text, &port, &e)))
		MUST(port > 0);
	if (PARSED(parse_percent(text, &i, &e)))
		MUST(i >= 0 && i <= 100000);
	if (PARSED(parse_size(text, &u, &e)))
		MUST(u <= INT64_MAX && format_size(u, buf, sizeof(buf))[0] != '\0');
	if (PARSED(parse_rate(text, &u, &e)))
		MUST(u > 0);
	if (PARSED(parse_bits(text, &u, &e)))
		MUST(parse_bits(format_bits(u, buf, sizeof(buf)), &u_again, &e) == 0 &&
		     u_again == u);
}

static void
pairs(const char *text)
{
	struct err e = { 0 };
	struct port_range range;
	usec_t on, off;
	bool is_true;

	if (PARSED(parse_port_range(text, &range, &e)))
		MUST(range.from > 0 && range.from <= range.to);
	if (PARSED(parse_cycle(text, &on, &off, &e)))
		MUST(on >= 10 * USEC_PER_MSEC && off >= 10 * USEC_PER_MSEC);
	(void)PARSED(parse_bool(text, &is_true, &e));
}

static void
names(const char *text)
{
	struct err e = { 0 };
	struct net net, same;
	char buf[64], name[16];

	if (PARSED(parse_net(text, &net, &e))) {
		MUST(parse_net(format_net(&net, buf, sizeof(buf)), &same, &e) == 0);
		MUST(memcmp(&net, &same, sizeof(net)) == 0);
	}
	if (PARSED(parse_ifname(text, name, &e)))
		MUST(strcmp(name, text) == 0);
	if (PARSED(parse_name(text, &e)))
		MUST(strchr(text, '/') == NULL && strcmp(text, "..") != 0);
	(void)PARSED(parse_cpus(text, &e));
	(void)PARSED(parse_uuid(text, &e));
}

static void
parameter(const struct kind *k, const struct param *p, const char *text)
{
	static struct spec s, again;
	static char written[64 * 1024], twice[64 * 1024];
	struct err e = { 0 };

	spec_init(&s, k);
	if (!PARSED(spec_set(&s, p->name, text, &e)))
		return;
	spec_init(&again, k);
	(void)spec_format(&s, p->name, written, sizeof(written));
	MUST(spec_set(&again, p->name, written, &e) == 0);
	MUST(spec_num(&s, p->name) == spec_num(&again, p->name));
	MUST(strcmp(written, spec_format(&again, p->name, twice, sizeof(twice))) == 0);
	MUST(s.nets_count == again.nets_count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);

	numbers(text);
	pairs(text);
	names(text);
	FOR_EACH_KIND(k) {
		for (const struct param *p = (*k)->params; p->name != NULL; p++)
			parameter(*k, p, text);
	}
	return 0;
}
