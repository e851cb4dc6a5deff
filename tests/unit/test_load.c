/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The experiment loader.  Every load/NAME.yaml must give exactly the diagnostics of
 * load/NAME.expected (an empty one: it loads).  UPDATE=1 writes them, to be read before
 * they are committed.
 */
#include "bounds.h"
#include "cleanup.h"
#include "err.h"
#include "experiment.h"
#include "load_file.h"
#include "test.h"
#include "xalloc.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char said[64 * 1024];
static struct err e;

static void
say(void *ctx, const char *text)
{
	size_t used = strlen(said);

	(void)ctx;
	(void)snprintf(said + used, sizeof(said) - used, "%s\n", text);
}

static struct experiment *
load(const char *path, const char *const *vars)
{
	const struct load_options o = { .vars = vars, .say = say };
	struct experiment *x = NULL;
	int r;

	said[0] = '\0';
	memset(&e, 0, sizeof(e));
	r = load_experiment(path, &o, &x, &e);
	assert_int_equal(r == 0, x != NULL);
	assert_int_equal(r, e.code);
	return x;
}

static struct experiment *
load_text(const char *text, size_t len, const char *const *vars)
{
	char path[] = "/tmp/test_load.XXXXXX";
	int fd = mkstemp(path);
	struct experiment *x;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	(void)close(fd);
	x = load(path, vars);
	(void)unlink(path);
	return x;
}

static int
enter_directory(void **state)
{
	(void)state;
	return chdir("tests/unit/load");
}

static char *
read_expected(const char *path)
{
	static char text[64 * 1024];
	FILE *f = fopen(path, "r");

	memset(text, 0, sizeof(text));
	if (f != NULL) {
		(void)!fread(text, 1, sizeof(text) - 1, f);
		(void)fclose(f);
	}
	return text;
}

static void
check_golden(const char *name)
{
	char *expected_path = xstrndup(name, strlen(name) - strlen(".yaml"));
	char *path = xasprintf("%s.expected", expected_path);
	FILE *f;

	experiment_free(load(name, NULL));
	if (getenv("UPDATE") != NULL) {
		f = fopen(path, "w");
		assert_non_null(f);
		assert_true(fputs(said, f) >= 0 && fclose(f) == 0);
	}
	if (access(path, R_OK) < 0)
		fail_msg("%s is missing", path);
	if (strcmp(said, read_expected(path)) != 0)
		fail_msg("%s: said\n%sinstead of\n%s", name, said, read_expected(path));
	free(path);
	free(expected_path);
}

static void
every_file_gives_the_expected_diagnostics(void **state)
{
	DIR *d = opendir(".");
	struct dirent *entry;
	int count = 0;

	(void)state;
	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len < 5 || strcmp(entry->d_name + len - 5, ".yaml") != 0)
			continue;
		check_golden(entry->d_name);
		count++;
	}
	(void)closedir(d);
	assert_true(count >= 20);
}

static void
full_file_arrives_whole(void **state)
{
	struct experiment *x = load("full.yaml", NULL);
	const struct probe_def *p;
	char text[300];

	(void)state;
	assert_non_null(x);
	assert_string_equal(x->name, "checkout-survives");
	assert_int_equal(x->probe_count, 2);
	p = &x->probes[0];
	assert_string_equal(p->http.url, "http://127.0.0.1:8080/api/checkout");
	assert_string_equal(p->http.method, "POST");
	assert_string_equal(p->http.headers[0], "Content-Type: application/json");
	assert_string_equal(p->http.headers[1], "Host: shop.example");
	assert_null(p->http.headers[2]);
	assert_string_equal(p->http.resolve[1], "shop.example:443:::1");
	assert_int_equal(p->http.connect_timeout, 500000);
	assert_int_equal(p->http.redirects, 3);
	assert_int_equal(p->rate_mhz, 50000);
	assert_int_equal(p->good.status_count, 2);
	assert_int_equal(p->good.status[0].high, 299);
	assert_int_equal(p->good.status[1].low, 404);
	assert_int_equal(p->good.within, 800000);
	assert_true(p->objective > 0.99499 && p->objective < 0.99501);
	assert_true(x->budget.false_abort > 0.00199 && x->budget.false_abort < 0.00201);
	assert_int_equal(x->budget.max_bad, 500);
	assert_int_equal(x->budget.consecutive, 20);
	assert_int_equal(x->lease_ms, 1000);
	assert_int_equal(x->steady.during, 65 * USEC_PER_SEC); /* the last fault's end */
	assert_true(x->guards[0].http.insecure);
	assert_int_equal(x->guards[0].rate_mhz, 1000);
	assert_int_equal(x->fault_count, 4);
	assert_string_equal(spec_describe(&x->faults[0].spec, text, sizeof(text)),
	    "net.delay delay=100ms jitter=10ms to=10.0.0.0/8,192.0.2.1,192.0.2.2 port=5432");
	assert_string_equal(x->faults[0].spec.name, "slow-db");
	assert_int_equal(x->faults[0].spec.at, 5 * USEC_PER_SEC);
	assert_string_equal(x->faults[3].spec.name, "cpu.load-2");
	assert_string_equal(x->secrets[0], "hunter2hunter2");
	experiment_free(x);
}

static void
defaults_are_filled_in(void **state)
{
	struct experiment *x = load("full.yaml", NULL),
			  *bare = load("minimal.yaml", NULL);
	const struct probe_def *p;

	(void)state;
	assert_true(x != NULL && bare != NULL);
	p = &x->probes[1];
	assert_string_equal(p->http.method, "GET");
	assert_int_equal(p->rate_mhz, 10000);
	assert_int_equal(p->http.timeout, 2 * USEC_PER_SEC);
	assert_int_equal(p->good.within, 2 * USEC_PER_SEC);
	assert_int_equal(p->good.status[0].low, 200);
	assert_int_equal(p->good.status[0].high, 399);
	assert_true(p->abort_at > 0.0999 && p->abort_at < 0.1001);
	assert_int_equal(bare->steady.before, 0);
	assert_int_equal(bare->steady.during, 0);
	assert_int_equal(bare->lease_ms, LEASE_DEFAULT_MS);
	experiment_free(x);
	experiment_free(bare);
}

static void
targets_arrive_wherever_they_stand(void **state)
{
	struct experiment *x = load("many-hosts.yaml", NULL);
	const struct target_def *db, *few;

	(void)state;
	assert_non_null(x);
	assert_true(experiment_has_targets(x));
	db = experiment_target(x, "db");
	assert_string_equal(db->where, "role=database and not canary");
	assert_null(db->hosts);
	assert_int_equal(db->pick, PICK_PERCENT);
	assert_int_equal(db->pick_number, 50);
	assert_string_equal(db->spread, "zone");
	assert_string_equal(experiment_target(x, "web")->hosts[1], "web2");
	assert_int_equal(experiment_target(x, "web")->pick, PICK_COUNT);
	few = experiment_target(x, "few");
	assert_int_equal(few->pick, PICK_MINORITY);
	assert_true(target_is_local(experiment_target(x, "here")));
	assert_false(target_is_local(few));
	assert_int_equal(x->faults[0].topology, TOPOLOGY_HALVES);
	assert_true(fault_is_open(&x->faults[0]));
	assert_int_equal(x->faults[0].spec.nets_count, 0);
	assert_string_equal(x->faults[1].target, "web");
	assert_string_equal(x->faults[1].against, "db");
	assert_int_equal(x->faults[2].topology, TOPOLOGY_ONE_WAY);
	assert_false(fault_is_open(&x->faults[3]));
	experiment_free(x);
	x = load("full.yaml", NULL); /* its one target is localhost */
	assert_false(experiment_has_targets(x));
	experiment_free(x);
}

static void
faults_of_the_same_hosts_are_bounded(void **state)
{
	char text[8192] =
	    "version: 1\nname: x\ntargets: {db: {where: role=db}}\nfaults:\n";
	struct experiment *x;

	(void)state;
	for (int i = 0; i < 2 * DRILL_FAULTS_MAX; i++) {
		size_t used = strlen(text);

		(void)snprintf(text + used, sizeof(text) - used,
		    "  - cpu.load: {percent: 50}\n    for: 1s\n%s",
		    i % 2 == 0 ? "    target: db\n" : "");
	}
	x = load_text(text, strlen(text), NULL);
	assert_non_null(x);
	assert_int_equal(x->fault_count, 2 * DRILL_FAULTS_MAX);
	experiment_free(x);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
	    "  - cpu.load: {percent: 50}\n    for: 1s\n    target: db\n"
	    "  - cpu.load: {percent: 50}\n    for: 1s\n");
	assert_null(load_text(text, strlen(text), NULL));
	assert_non_null(strstr(said, "more than 16 faults on target 'db'"));
	assert_non_null(strstr(said, "more than 16 faults on the local host"));
}

#define WITH_VARS                                                         \
 "version: 1\nname: x\nvars:\n  to: {help: where}\n"                      \
 "  token: {env: STORMDRILL_TEST_TOKEN, secret: true}\n"                  \
 "probes:\n  p: {http: {url: 'http://h/', auth: {bearer: '${token}'}}}\n" \
 "faults:\n  - net.delay: {delay: 1s, to: '${to}'}\n    for: 1s\n"

static void
variables_come_from_the_command_line_and_the_environment(void **state)
{
	const char *const vars[] = { "to=10.0.0.1", "to=10.0.0.2,10.0.0.3", NULL };
	struct experiment *x;

	(void)state;
	(void)setenv("STORMDRILL_TEST_TOKEN", "s3cr3t-token", 1);
	x = load_text(WITH_VARS, strlen(WITH_VARS), vars);
	if (x == NULL)
		fail_msg("%s", said);
	assert_int_equal(x->faults[0].spec.nets_count, 2);
	assert_string_equal(x->probes[0].http.bearer, "s3cr3t-token");
	assert_string_equal(x->secrets[0], "s3cr3t-token");
	assert_string_equal(x->vars[0], "to=10.0.0.2,10.0.0.3");
	assert_string_equal(x->vars[1], "token=***");
	experiment_free(x);
}

static void
secrets_are_not_said(void **state)
{
	static const char text[] =
	    "version: 1\nname: x\nvars:\n  t: {env: STORMDRILL_TEST_TOKEN, secret: true}\n"
	    "faults:\n  - net.delay: {delay: '${t}', to: any}\n    for: 1s\n";

	(void)state;
	(void)setenv("STORMDRILL_TEST_TOKEN", "s3cr3t-token", 1);
	assert_null(load_text(text, strlen(text), NULL));
	assert_non_null(strstr(said, "'***' is not a duration"));
	assert_null(strstr(said, "s3cr3t"));
	(void)setenv("STORMDRILL_TEST_TOKEN", "s3cr3t\ttoken", 1);
	assert_null(load_text(text, strlen(text), NULL));
	assert_non_null(strstr(said, "'***' is not a duration"));
	(void)setenv("STORMDRILL_TEST_TOKEN",
	    "s3cr3t-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789",
	    1);
	assert_null(load_text(text, strlen(text), NULL));
	assert_non_null(strstr(said, "'***...' is not a duration"));
}

/* On few lines, so that a mistake has secrets beside it. */
#define WITH_SECRETS(more)                                                       \
 "version: 1\nname: x\nprobes:\n"                                                \
 "  a: {http: {url: 'http://h/?api_key=url-secret&x=1'" more ",\n"               \
 "    headers: {Authorization: Bearer head-secret, X-Api-Key: key-secret},\n"    \
 "    proxy: 'http://u:proxy-secret@p:1'}}\n"                                    \
 "  b: {exec: {command: [/bin/echo, --password, arg-secret, --token=opt-secret," \
 " 'postgres://u:dsn-secret@db/x']" more "}}\n"                                  \
 "faults:\n  - cpu.load: {percent: 50}\n    for: 1s\n"

static void
secrets_are_known_by_their_names(void **state)
{
	static const char *const expected[] = { "url-secret", "u:proxy-secret",
		"proxy-secret", "head-secret", "key-secret", "arg-secret", "opt-secret",
		"dsn-secret" };
	static const char right[] = WITH_SECRETS("");
	static const char wrong[] = WITH_SECRETS(", tmieout: 1s");
	struct experiment *x = load_text(right, strlen(right), NULL);

	(void)state;
	if (x == NULL)
		fail_msg("%s", said);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		char **at = x->secrets;

		while (*at != NULL && strcmp(*at, expected[i]) != 0)
			at++;
		if (*at == NULL)
			fail_msg("'%s' is not taken for a secret", expected[i]);
	}
	experiment_free(x);
	assert_null(load_text(wrong, strlen(wrong), NULL));
	assert_non_null(strstr(said, "unknown key 'tmieout' in 'http'"));
	assert_non_null(strstr(said, "unknown key 'tmieout' in 'exec'"));
	assert_null(strstr(said, "-secret"));
}

static void
unknown_variables_of_the_command_line_are_refused(void **state)
{
	const char *const vars[] = { "too=10.0.0.1", "to", NULL };

	(void)state;
	assert_null(load_text(WITH_VARS, strlen(WITH_VARS), vars));
	assert_non_null(strstr(
	    said, "--var too: the file has no such variable (did you mean 'to'?)"));
	assert_non_null(strstr(said, "--var to: write NAME=VALUE"));
}

static void
host_names_become_addresses(void **state)
{
	static const char text[] =
	    "version: 1\nname: x\nfaults:\n"
	    "  - net.partition: {to: [localhost, 10.0.0.1]}\n    for: 1s\n";
	static const char wrong[] =
	    "version: 1\nname: x\nfaults:\n"
	    "  - net.partition: {to: no-such-name.invalid}\n    for: 1s\n";
	struct experiment *x = load_text(text, strlen(text), NULL);

	(void)state;
	if (x == NULL)
		fail_msg("%s", said);
	assert_true(x->faults[0].spec.nets_count >= 2);
	assert_memory_equal(x->faults[0].resolved[0], "localhost is ", 13);
	assert_null(x->faults[0].resolved[1]);
	experiment_free(x);
	assert_null(load_text(wrong, strlen(wrong), NULL));
	assert_non_null(strstr(said, "cannot resolve 'no-such-name.invalid'"));
}

static void
lists_are_lists_values_or_values_with_commas(void **state)
{
	static const char text[] =
	    "version: 1\nname: x\nfaults:\n  - net.delay:\n      delay: 1s\n"
	    "      to: [10.0.0.0/8]\n      port: [80, 8000-8100, '443,8443']\n"
	    "      local_port: 1024-65535\n      interface: eth0,eth1\n"
	    "      exclude: [localhost, 10.0.0.1]\n      loss: 1%\n      ecn: true\n"
	    "      rate: 10mbit\n      flap: 5s/2s\n    for: 10s\n";
	static const char wrong[] =
	    "version: 1\nname: x\nfaults:\n  - net.delay:\n      delay: 1s\n"
	    "      to: any\n      port: [80, 443, 70-90]\n    for: 10s\n";
	struct experiment *x = load_text(text, strlen(text), NULL);
	const struct spec *s;

	(void)state;
	if (x == NULL)
		fail_msg("%s", said);
	s = &x->faults[0].spec;
	assert_string_equal(spec_string(s, "port", 1), "8000-8100");
	assert_string_equal(spec_string(s, "port", 3), "8443");
	assert_string_equal(spec_string(s, "interface", 1), "eth1");
	assert_int_equal(spec_num(s, "ecn"), 1);
	assert_int_equal(spec_num(s, "rate"), 10000000);
	assert_memory_equal(x->faults[0].resolved[0], "exclude localhost is ", 21);
	assert_non_null(spec_string(s, "exclude", 1));
	experiment_free(x);
	assert_null(load_text(wrong, strlen(wrong), NULL));
	assert_non_null(
	    strstr(said, ":7:23: error: port: '80' and '70-90' have ports in common"));
}

/* In libcurl's words, which differ by version. */
static void
what_libcurl_takes_for_no_url_is_refused(void **state)
{
	static const char *const wrong[] = { "http://h:99999/", "http://[fd00::7/",
		"http://h:http/" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char *text = xasprintf("version: 1\nname: x\nprobes:\n"
				       "  a: {http: '%s'}\n"
				       "faults:\n  - cpu.load: {percent: 50}\n"
				       "    for: 1s\n",
		    wrong[i]);

		assert_null(load_text(text, strlen(text), NULL));
		assert_non_null(strstr(said, ":4:13: error: url: 'http://"));
		assert_non_null(strstr(said, "' is not usable: "));
		free(text);
	}
}

static void
jq_says_itself_what_is_wrong_with_a_filter(void **state)
{
	static const char text[] =
	    "version: 1\nname: x\nprobes:\n"
	    "  a: {http: {url: 'http://h/', jq: '.a | | .b'}}\n"
	    "  b: {exec: {command: [/bin/true]}, good: {jq: nosuch}}\n"
	    "faults:\n  - cpu.load: {percent: 50}\n    for: 1s\n";

	(void)state;
	assert_null(load_text(text, strlen(text), NULL));
	assert_non_null(
	    strstr(said, ":4:36: error: jq filter '.a | | .b': syntax error"));
	assert_non_null(
	    strstr(said, ":5:48: error: jq filter 'nosuch': nosuch/0 is not"));
}

static void
missing_and_huge_files_are_errors(void **state)
{
	size_t size = FILE_SIZE_MAX + 2;
	char *text = xcalloc(1, size);

	(void)state;
	assert_null(load("no-such-file.yaml", NULL));
	assert_int_equal(e.code, -ENOENT);
	assert_null(load("/", NULL));
	memset(text, '#', size);
	assert_null(load_text(text, size, NULL));
	assert_int_equal(e.code, -EFBIG);
	assert_null(load_text(text, size - 2, NULL));
	assert_int_equal(e.code, -EINVAL);
	free(text);
}

static void
hostile_shapes_end_early(void **state)
{
	size_t size = FILE_SIZE_MAX - 1;
	char *text = xcalloc(1, size + 1);

	(void)state;
	memset(text, '[', size);
	assert_null(load_text(text, size, NULL));
	assert_non_null(strstr(said, "nested deeper than 16 levels"));
	for (size_t i = 0; i + 1 < size; i += 2)
		memcpy(text + i, i == 0 ? "[ " : "a,", 2);
	assert_null(load_text(text, size, NULL));
	assert_non_null(strstr(said, "more than 100000 values"));
	memset(text, 'a', size);
	assert_null(load_text(text, size, NULL));
	free(text);
}

/* Whatever bytes are changed, cut or doubled: an answer, never a crash. */
static void
damaged_files_are_answered(void **state)
{
	static char text[64 * 1024];
	size_t len;
	FILE *f = fopen("full.yaml", "r");

	(void)state;
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	srandom(3);
	for (int round = 0; round < 400; round++) {
		char *copy = xcalloc(1, len + 1);
		size_t cut = (round & 3) == 0 ? (size_t)random() % len : len;

		memcpy(copy, text, len);
		for (long n = random() % 4; n > 0; n--)
			copy[(size_t)random() % len] =
			    "{}[]:,'\"\\\n\t #&*!-x0\xff"[random() % 21];
		experiment_free(load_text(copy, cut, NULL));
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_gives_the_expected_diagnostics),
		cmocka_unit_test(full_file_arrives_whole),
		cmocka_unit_test(defaults_are_filled_in),
		cmocka_unit_test(targets_arrive_wherever_they_stand),
		cmocka_unit_test(faults_of_the_same_hosts_are_bounded),
		cmocka_unit_test(
		    variables_come_from_the_command_line_and_the_environment),
		cmocka_unit_test(secrets_are_not_said),
		cmocka_unit_test(secrets_are_known_by_their_names),
		cmocka_unit_test(unknown_variables_of_the_command_line_are_refused),
		cmocka_unit_test(host_names_become_addresses),
		cmocka_unit_test(lists_are_lists_values_or_values_with_commas),
		cmocka_unit_test(what_libcurl_takes_for_no_url_is_refused),
		cmocka_unit_test(jq_says_itself_what_is_wrong_with_a_filter),
		cmocka_unit_test(missing_and_huge_files_are_errors),
		cmocka_unit_test(hostile_shapes_end_early),
		cmocka_unit_test(damaged_files_are_answered),
	};

	return cmocka_run_group_tests(tests, enter_directory, NULL);
}
