/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inventories that are no file: what Ansible's JSON gives, how the program that prints it
 * is run, and whose the addresses are.  (A real ansible-inventory and a real DNS server:
 * tests/system/inventory.sh.)
 */
#include "cleanup.h"
#include "inventory_ansible.h"
#include "inventory_host.h"
#include "inventory_source.h"
#include "test.h"
#include "xalloc.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err e;
static struct inventory *v;
static char said[16 * 1024];

static int
read_json(const char *text)
{
	inventory_free(v);
	v = xcalloc(1, sizeof(*v));
	memset(&e, 0, sizeof(e));
	return inventory_read_ansible(text, v, &e);
}

static void
is_tag(const char *host, const char *tag, const char *value)
{
	const struct host *h = inventory_find(v, host);

	assert_non_null(h);
	if (value == NULL)
		assert_null(host_tag(h, tag));
	else if (host_tag(h, tag) == NULL)
		fail_msg("%s has no tag %s", host, tag);
	else
		assert_string_equal(host_tag(h, tag), value);
}

static void
refuses(const char *text, const char *message)
{
	assert_int_equal(read_json(text), -EINVAL);
	assert_string_equal(e.msg, message);
}

static void
groups_are_tags_also_through_children(void **state)
{
	(void)state;
	assert_ok(
	    read_json("{\"web\": {\"hosts\": [\"web2\", \"web1\"]}, \"db\": [\"db1\"],"
		      " \"shop\": {\"children\": [\"web\", \"db\", \"none\"]},"
		      " \"all\": {\"children\": [\"shop\"]}, \"no name\": [\"db1\"]}"),
	    e);
	assert_int_equal(v->count, 3);
	assert_string_equal(v->hosts[0].name, "db1"); /* sorted */
	assert_string_equal(v->hosts[2].name, "web2");
	assert_string_equal(v->hosts[2].address, "web2");
	is_tag("web1", "web", "true");
	is_tag("web1", "shop", "true");
	is_tag("web1", "db", NULL);
	is_tag("db1", "shop", "true");
	is_tag("db1", "all", NULL);
	assert_int_equal(inventory_find(v, "db1")->tag_count, 2);
}

static void
the_innermost_variable_wins(void **state)
{
	(void)state;
	assert_ok(
	    read_json(
		"{\"a\": {\"hosts\": [\"h\"], \"vars\": {\"x\": 1, \"y\": 1, \"z\": 1}},"
		" \"b\": {\"children\": [\"a\"], \"vars\": {\"x\": 2, \"w\": 2}},"
		" \"all\": {\"vars\": {\"x\": 3, \"v\": 3, \"a\": \"no group\"}},"
		" \"_meta\": {\"hostvars\": {\"h\": {\"z\": 4}}}}"),
	    e);
	is_tag("h", "x", "1");
	is_tag("h", "y", "1");
	is_tag("h", "z", "4");
	is_tag("h", "w", "2");
	is_tag("h", "v", "3");
	is_tag("h", "a", "no group");
	is_tag("h", "b", "true");
}

static void
variables_become_address_port_and_tags(void **state)
{
	(void)state;
	assert_ok(
	    read_json(
		"{\"g\": [\"h\", \"localhost\"], \"_meta\": {\"hostvars\": {\"h\": {"
		"\"ansible_host\": \"fd00::1\", \"stormdrill_port\": \"7500\","
		"\"ansible_user\": \"root\", \"t\": true, \"f\": false, \"i\": -3,"
		"\"r\": 1.5, \"n\": null, \"o\": {\"a\": 1}, \"l\": [1], \"name\": \"x\","
		"\"db_password\": \"x\", \"in\": \"x\", \"e\": \"\", \"c\": \"a\\nb\","
		"\"long\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaäz\""
		"}, \"gone\": {\"a\": 1}}}}"),
	    e);
	assert_int_equal(v->count, 1);
	assert_string_equal(v->hosts[0].address, "fd00::1");
	assert_int_equal(v->hosts[0].port, 7500);
	is_tag("h", "t", "true");
	is_tag("h", "f", "false");
	is_tag("h", "i", "-3");
	is_tag("h", "r", "1.5");
	is_tag("h", "c", "a?b");
	is_tag("h", "long",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	is_tag("h", "name", "h");
	assert_int_equal(v->hosts[0].tag_count, 7); /* and g */
}

static void
what_is_no_inventory_is_refused(void **state)
{
	(void)state;
	refuses("",
	    "line 1 of what it printed is no JSON: '[' or '{' expected near end of file");
	refuses("[]", "it printed JSON, but no object of groups");
	refuses("{\"a\": 3}", "group 'a' is neither an object nor a list");
	refuses("{\"a\": {\"hosts\": \"h\"}}", "group 'a': 'hosts' is not a list");
	refuses("{\"a\": [1]}", "group 'a': 'hosts' has something that is no name");
	refuses("{\"a\": {\"children\": [\"b\"]}, \"b\": {\"children\": [\"a\"]}}",
	    "groups that are children of themselves, or nested deeper than 32 levels");
	refuses("{\"a\": [\"h 1\"]}",
	    "group 'a': 'h 1' is not a name: letters, digits, '.', '_' and '-', not "
	    "starting with '.' or '-'");
	refuses(
	    "{\"a\": {\"hosts\": [\"h\"], \"vars\": {\"ansible_host\": \"{{ x }}\"}}}",
	    "host 'h': ansible_host is a template, '{{ x }}', which Ansible's --list does "
	    "not fill in");
	refuses("{\"a\": {\"hosts\": [\"h\"], \"vars\": {\"ansible_host\": \"1.2.3\"}}}",
	    "host 'h': ansible_host: '1.2.3' is neither a host name nor an address");
	refuses("{\"a\": {\"hosts\": [\"h\"], \"vars\": {\"stormdrill_port\": 0}}}",
	    "host 'h': stormdrill_port: '0' is not a port: write a number from 1 to 65535");
}

static void
too_many_groups_hosts_and_tags_are_refused(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	(void)fprintf(f, "{\"a\": {\"hosts\": [\"h\"");
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		(void)fprintf(f, ", \"h%u\"", i);
	(void)fprintf(f, "]}}");
	(void)fclose(f);
	refuses(text, "group 'a': more than 1024 hosts");
	free(text);
	f = open_memstream(&text, &size);
	(void)fprintf(f, "{\"a\": {\"hosts\": [\"h\"], \"vars\": {\"x\": 0");
	for (unsigned i = 0; i < HOST_TAGS_MAX; i++)
		(void)fprintf(f, ", \"v%u\": 1", i);
	(void)fprintf(f, "}}}");
	(void)fclose(f);
	refuses(text, "host 'h' has more than 256 tags");
	free(text);
	f = open_memstream(&text, &size);
	(void)fprintf(f, "{\"a\": []");
	for (unsigned i = 0; i < 4096; i++)
		(void)fprintf(f, ", \"g%u\": []", i);
	(void)fprintf(f, "}");
	(void)fclose(f);
	refuses(text, "more than 4096 groups");
	free(text);
}

/* --- programs ------------------------------------------------------------------------ */

static char program[] = "/tmp/test_inventory_exec.XXXXXX";

static void
say(void *ctx, const char *text)
{
	(void)ctx;
	(void)snprintf(said, sizeof(said), "%s", text);
}

/* `words` behind a script of this body. */
static int
run_script(const char *body, const char *words)
{
	const struct inventory_options o = { .say = say };
	_cleanup_free_ char *source = xasprintf("exec: %s %s", program, words);
	FILE *f = fopen(program, "we");

	assert_non_null(f);
	(void)fprintf(f, "#!/bin/sh\n%s\n", body);
	(void)fclose(f);
	inventory_free(v);
	v = NULL;
	said[0] = '\0';
	memset(&e, 0, sizeof(e));
	return inventory_load(source, &o, &v, &e);
}

static void
a_program_gets_its_words_and_our_environment(void **state)
{
	(void)state;
	(void)setenv("INVENTORY_TEST", "from us", 1);
	assert_ok(
	    run_script("test \"$#\" = 3 && test \"$1\" = '*' && test \"$2\" = '$(x)' && "
		       "test \"$3\" = --list || exit 1\n"
		       "echo note >&2\n"
		       "echo \"{\\\"g\\\": {\\\"hosts\\\": [\\\"h1\\\"], \\\"vars\\\": "
		       "{\\\"x\\\": \\\"$INVENTORY_TEST\\\"}}}\"",
		"*  $(x) "),
	    e);
	assert_int_equal(v->count, 1);
	is_tag("h1", "x", "from us");
	assert_string_equal(said, ""); /* it did not fail */
}

static void
what_a_failing_program_wrote_is_shown(void **state)
{
	_cleanup_free_ char *expected = NULL;

	(void)state;
	assert_true(
	    run_script("echo 'warning: old' >&2; echo 'ERROR! no such file' >&2; exit 3",
		"") < 0);
	expected = xasprintf(
	    "inventory 'exec: %s ': %s: ERROR! no such file", program, program + 5);
	assert_string_equal(e.msg, expected);
	assert_string_equal(said, "warning: old\nERROR! no such file");
	assert_true(run_script("exit 3", "") < 0);
	assert_non_null(strstr(e.msg, "failed with exit code 3"));
	assert_true(run_script("echo '{}'", "") < 0);
	assert_non_null(strstr(e.msg, "has no host in it"));
	assert_true(run_script("head -c 9000000 /dev/zero | tr '\\0' x", "") < 0);
	assert_non_null(strstr(e.msg, "printed more than 8 MiB"));
}

static void
a_program_that_is_not_there_is_said(void **state)
{
	(void)state;
	assert_int_equal(inventory_load("exec:no-such-program x", NULL, &v, &e), -ENOENT);
	assert_string_equal(e.msg, "there is no program 'no-such-program' in $PATH");
	assert_int_equal(inventory_load("exec: ", NULL, &v, &e), -EINVAL);
	assert_int_equal(inventory_load("exec:./no/such", NULL, &v, &e), -ENOENT);
	assert_int_equal(inventory_load("srv:", NULL, &v, &e), -EINVAL);
}

/* --- addresses ----------------------------------------------------------------------- */

static struct inventory *
hosts_at(const char *const *addresses)
{
	struct inventory *made = xcalloc(1, sizeof(*made));
	struct host *h;
	char name[32];

	for (size_t i = 0; addresses[i] != NULL; i++) {
		(void)snprintf(name, sizeof(name), "h%zu", i);
		assert_ok(inventory_add(made, name, &h, &e), e);
		assert_ok(host_set_address(h, addresses[i], &e), e);
	}
	return made;
}

static bool
is_second(const struct host *h, void *ctx)
{
	(void)ctx;
	return strcmp(h->name, "h1") == 0;
}

static void
names_are_resolved_numbers_are_left(void **state)
{
	static const char *const addresses[] = { "192.0.2.1", "localhost",
		"no-such.invalid", "2001:db8::1", NULL };
	struct inventory *made = hosts_at(addresses);

	(void)state;
	assert_ok(inventory_resolve(made, is_second, NULL, &e), e);
	assert_string_equal(made->hosts[0].address, "192.0.2.1");
	assert_true(strcmp(made->hosts[1].address, "127.0.0.1") == 0 ||
		    strcmp(made->hosts[1].address, "::1") == 0);
	assert_string_equal(made->hosts[2].address, "no-such.invalid");
	assert_int_equal(inventory_resolve(made, NULL, NULL, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "host 'h2': cannot look up 'no-such.invalid'"));
	inventory_free(made);
}

static void
our_own_addresses_are_known(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "192.0.2.1", "::1",
		"127.9.9.9", "0.0.0.0", "::ffff:127.0.0.1", "2001:db8::1", NULL };
	struct inventory *made = hosts_at(addresses);
	const char **own = NULL;

	(void)state;
	assert_ok(inventory_self(made, &own, &e), e);
	assert_string_equal(own[0], "h0");
	assert_string_equal(own[1], "h2");
	assert_string_equal(own[2], "h3");
	assert_string_equal(own[3], "h4");
	assert_string_equal(own[4], "h5");
	assert_null(own[5]);
	free(own);
	inventory_free(made);
}

static int
clean_up(void **state)
{
	(void)state;
	inventory_free(v);
	return unlink(program);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_tags_also_through_children),
		cmocka_unit_test(the_innermost_variable_wins),
		cmocka_unit_test(variables_become_address_port_and_tags),
		cmocka_unit_test(what_is_no_inventory_is_refused),
		cmocka_unit_test(too_many_groups_hosts_and_tags_are_refused),
		cmocka_unit_test(a_program_gets_its_words_and_our_environment),
		cmocka_unit_test(what_a_failing_program_wrote_is_shown),
		cmocka_unit_test(a_program_that_is_not_there_is_said),
		cmocka_unit_test(names_are_resolved_numbers_are_left),
		cmocka_unit_test(our_own_addresses_are_known),
	};
	int fd = mkstemp(program);

	if (fd < 0 || fchmod(fd, 0700) < 0)
		return 1;
	(void)close(fd);
	return cmocka_run_group_tests(tests, NULL, clean_up);
}
