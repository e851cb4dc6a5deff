/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader makes of probes, guards and base load: load/probe-types.yaml has every key
 * of them.  Mistakes in them are told in load/NAME.expected, by test_load.
 */
#include "err.h"
#include "experiment.h"
#include "load_file.h"
#include "test.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void
say(void *ctx, const char *text)
{
	(void)ctx;
	fail_msg("%s", text);
}

static struct experiment *
load_types(void)
{
	const struct load_options o = { .say = say };
	struct experiment *x = NULL;
	struct err e = { 0 };

	assert_ok(load_experiment("tests/unit/load/probe-types.yaml", &o, &x, &e), e);
	return x;
}

static const struct probe_def *
probe(const struct experiment *x, const char *name)
{
	for (size_t i = 0; i < x->probe_count; i++) {
		if (strcmp(x->probes[i].name, name) == 0)
			return &x->probes[i];
	}
	fail_msg("no probe '%s'", name);
	return NULL;
}

static void
every_way_to_ask_arrives(void **state)
{
	struct experiment *x = load_types();
	const struct probe_def *p;

	(void)state;
	p = probe(x, "db");
	assert_int_equal(p->type, PROBE_TCP);
	assert_string_equal(p->tcp.host, "db.internal");
	assert_int_equal(p->tcp.port, 5432);
	assert_string_equal(p->tcp.send, "PING\r\n");
	assert_int_equal(probe_timeout(p), USEC_PER_SEC);
	assert_int_equal(p->good.within, USEC_PER_SEC);
	assert_int_equal(p->good.status_count, 0);
	assert_string_equal(probe(x, "db6")->tcp.host, "fd00::7");
	p = probe(x, "replica");
	assert_int_equal(p->type, PROBE_EXEC);
	assert_string_equal(p->exec.argv[2], "select 1");
	assert_string_equal(p->exec.argv[3], "");
	assert_null(p->exec.argv[4]);
	assert_int_equal(p->good.exit_status, 3);
	assert_string_equal(p->good.jq, ".ok");
	p = probe(x, "errors");
	assert_int_equal(p->type, PROBE_PROMETHEUS);
	assert_string_equal(p->http.url,
	    "http://prom:9090/api/v1/query"
	    "?query=rate%28errors%7Bjob%3D%22shop%22%7D%5B1m%5D%29");
	assert_string_equal(p->http.method, "GET");
	assert_true(p->good.at_most > 0.0499 && p->good.at_most < 0.0501);
	assert_true(p->good.at_least == -1 && p->good.may_be_empty);
	p = probe(x, "queue");
	assert_string_equal(p->http.url, "https://prom/x/api/v1/query?query=up");
	assert_true(isinf(p->good.at_most) && isinf(p->good.at_least));
	assert_false(p->good.may_be_empty);
	assert_int_equal(x->guards[0].type, PROBE_TCP);
	assert_string_equal(x->guards[0].name, "ssh");
	assert_int_equal(x->guards[1].type, PROBE_EXEC);
	assert_int_equal(x->guards[1].rate_mhz, 1000);
	assert_true(x->guards[2].good.at_least == 1);
	experiment_free(x);
}

static void
connections_and_base_load_arrive(void **state)
{
	struct experiment *x = load_types();
	const struct probe_def *p;

	(void)state;
	p = probe(x, "shop");
	assert_true(p->fresh > 0.0999 && p->fresh < 0.1001);
	assert_int_equal(p->max_in_flight, 100);
	assert_int_equal(p->good.header_count, 2);
	assert_string_equal(p->good.headers[1].name, "X-Id");
	assert_string_equal(p->good.headers[1].pattern, "^\\d+$");
	assert_string_equal(p->good.jq, ".items | length > 0");
	assert_true(probe(x, "db")->fresh == 0 && probe(x, "db")->max_in_flight == 0);
	assert_int_equal(x->load_count, 2);
	assert_string_equal(x->loads[0].name, "shoppers");
	assert_int_equal(x->loads[0].rate_mhz, 500000);
	assert_int_equal(x->loads[0].max_in_flight, 200);
	assert_int_equal(x->loads[1].type, PROBE_TCP);
	assert_int_equal(x->loads[1].rate_mhz, 20000000);
	experiment_free(x);
}

static void
slos_arrive_with_what_they_come_to(void **state)
{
	struct experiment *x = load_types();
	const struct probe_def *p;

	(void)state;
	p = probe(x, "shop");
	assert_true(p->slo.is_set);
	assert_int_equal(p->slo.window, 30 * 24 * 3600 * USEC_PER_SEC);
	/* 0.1 % of 200/s over 30 days is 518400, and 2 % of that, to the last answer */
	assert_true(probe_slice(p) == 10368);
	assert_int_equal(p->slo.burn_count, 2);
	assert_true(p->slo.burn[0].rate > 14.39 && p->slo.burn[0].rate < 14.41);
	assert_int_equal(p->slo.burn[0].longer, 30 * USEC_PER_SEC);
	assert_int_equal(p->slo.burn[0].shorter, 2 * USEC_PER_SEC);
	assert_int_equal(p->slo.burn[1].shorter, 2 * USEC_PER_SEC); /* a twelfth */
	p = probe(x, "queue");
	assert_true(p->slo.objective == p->objective && p->slo.spend == 1);
	assert_int_equal(p->slo.burn_count, 1);
	assert_true(probe_slice(probe(x, "db")) == 0);
	experiment_free(x);
}

static void
probes_are_described_in_one_line(void **state)
{
	struct experiment *x = load_types();
	char text[100], cut[24];

	(void)state;
	assert_string_equal(probe_describe(probe(x, "shop"), text, sizeof(text)),
	    "GET http://127.0.0.1:8080/");
	assert_string_equal(
	    probe_describe(probe(x, "db6"), text, sizeof(text)), "tcp [fd00::7]:5432");
	assert_string_equal(probe_describe(probe(x, "replica"), text, sizeof(text)),
	    "exec /bin/cat -c 'select 1' ''");
	assert_string_equal(probe_describe(probe(x, "queue"), text, sizeof(text)),
	    "prometheus up at https://prom/x/api/v1/query");
	(void)snprintf(x->probes[0].http.url, 16, "http://h/\nää");
	assert_string_equal(
	    probe_describe(&x->probes[0], text, sizeof(text)), "GET http://h/ ää");
	/* not within a character */
	assert_string_equal(probe_describe(&x->probes[0], cut, 16), "GET http://h/ ");
	experiment_free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_ask_arrives),
		cmocka_unit_test(connections_and_base_load_arrive),
		cmocka_unit_test(slos_arrive_with_what_they_come_to),
		cmocka_unit_test(probes_are_described_in_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
