/* SPDX-License-Identifier: Apache-2.0 */
/* Inventory files: what they give, and what is said of wrong ones. */
#include "cleanup.h"
#include "inventory_source.h"
#include "test.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static char said[16 * 1024], path[] = "/tmp/test_inventory.XXXXXX";
static struct err e;

static void
say(void *ctx, const char *text)
{
	size_t used = strlen(said);

	(void)ctx;
	/* without the name of the file, which is another each time */
	if (strncmp(text, path, strlen(path)) == 0)
		text += strlen(path) + 1;
	(void)snprintf(said + used, sizeof(said) - used, "%s\n", text);
}

static struct inventory *
read_text(const char *text, bool with_say)
{
	const struct inventory_options o = { .say = say };
	struct inventory *v = NULL;
	FILE *f = fopen(path, "we");
	int r;

	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
	said[0] = '\0';
	memset(&e, 0, sizeof(e));
	r = inventory_load(path, with_say ? &o : NULL, &v, &e);
	assert_int_equal(r == 0, v != NULL);
	assert_int_equal(r, e.code);
	return v;
}

/* Diagnostics without the lines that show the place. */
static void
says(const char *text, const char *expected)
{
	char lines[sizeof(said)] = "", *rest = said, *line;

	assert_null(read_text(text, true));
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strstr(line, " | ") == NULL && *line != '\0')
			(void)snprintf(lines + strlen(lines),
			    sizeof(lines) - strlen(lines), "%s\n", line);
	}
	assert_string_equal(lines, expected);
}

static void
a_file_gives_hosts_in_its_order(void **state)
{
	struct inventory *v =
	    read_text("version: 1\n"
		      "hosts:\n"
		      "  web2: {address: 10.0.0.9, port: 7000}\n"
		      "  db1: {address: 'fd00::1', tags: {role: db, canary: true}}\n"
		      "  web1.example.org:\n"
		      "defaults: {port: 7500, tags: {zone: a, role: none}}\n"
		      "limits: {max_hosts: 3, max_percent: 50}\n",
		true);

	(void)state;
	assert_non_null(v);
	assert_int_equal(v->count, 3);
	assert_string_equal(v->hosts[0].name, "web2");
	assert_string_equal(v->hosts[0].address, "10.0.0.9");
	assert_int_equal(v->hosts[0].port, 7000);
	assert_string_equal(host_tag(&v->hosts[0], "role"), "none");
	assert_string_equal(v->hosts[1].address, "fd00::1");
	assert_int_equal(v->hosts[1].port, 7500);
	assert_string_equal(host_tag(&v->hosts[1], "role"), "db");
	assert_string_equal(host_tag(&v->hosts[1], "zone"), "a");
	assert_string_equal(host_tag(&v->hosts[1], "canary"), "true");
	assert_int_equal(v->hosts[1].tag_count, 3);
	assert_int_equal(v->hosts[1].place.line, 4);
	assert_string_equal(v->hosts[2].address, "web1.example.org");
	assert_string_equal(host_tag(&v->hosts[2], "name"), "web1.example.org");
	assert_int_equal(v->max_hosts, 3);
	assert_int_equal(v->max_percent, 50);
	inventory_free(v);
}

static void
every_problem_is_said_at_its_place(void **state)
{
	(void)state;
	says("version: 1\n"
	     "default: {}\n"
	     "hosts:\n"
	     "  db1: {adress: 10.0.0.1}\n"
	     "  db2: {address: '10.0.0.1:7433'}\n"
	     "  db3: {address: '[fd00::1]', port: 70000}\n"
	     "  db4: {address: 10.0.0.300, tags: {name: x, in: y, 'a b': z, zone: }}\n"
	     "  DB1: {tags: [a]}\n"
	     "  localhost: {}\n"
	     "  '17': {}\n"
	     "  db5: {tags: {canary: yes, ssd: True, word: 'no', empty: ''}}\n"
	     "  db6: 10.0.0.8\n"
	     "limits: {max_host: 3, max_percent: 101}\n",
	    "2:1: error: unknown key 'default' in an inventory (did you mean 'defaults'?)\n"
	    "4:9: error: unknown key 'adress' in host 'db1' (did you mean 'address'?)\n"
	    "5:18: error: address: '10.0.0.1:7433': write the port apart, as 'port: 7433'\n"
	    "6:18: error: address: '[fd00::1]': write an IPv6 address without brackets\n"
	    "6:37: error: port: '70000' is not a port: write a number from 1 to 65535\n"
	    "7:18: error: address: '10.0.0.300' is neither a host name nor an address\n"
	    "7:37: error: the tag 'name' is the host's own name\n"
	    "7:46: error: no tag can be called 'in': 'where' needs the word\n"
	    "7:53: error: 'a b' is not a name: letters, digits, '.', '_' and '-', not "
	    "starting with '.' or '-'\n"
	    "7:63: error: 'zone' has no value\n"
	    "8:3: error: hosts 'db1' and 'DB1' differ only in case\n"
	    "9:3: error: 'localhost' is always this host: give it another name\n"
	    "10:3: error: host '17' needs an address: its name is not one that can be "
	    "looked up\n"
	    "11:24: error: canary: write true or false, or \"yes\" in quotes for the word\n"
	    "11:34: error: ssd: write true or false, or \"True\" in quotes for the word\n"
	    "11:59: error: empty: the value of a tag must not be empty\n"
	    "12:8: error: host 'db6' takes keys and values, not a single value\n"
	    "13:10: error: unknown key 'max_host' in 'limits' (did you mean 'max_hosts'?)\n"
	    "13:36: error: max_percent: 101 is out of range: it takes 1 to 100\n");
}

static void
a_file_needs_a_version_and_hosts(void **state)
{
	(void)state;
	says("{}",
	    "1:1: error: 'version' is missing: write 'version: 1'\n"
	    "1:1: error: 'hosts' is missing: such as 'hosts: {db1: {address: 10.0.0.7}}'\n");
	says("version: 2\nhosts: {}\n",
	    "1:10: error: version '2': this version of stormctl reads version 1\n"
	    "2:1: error: 'hosts' is empty\n");
	says("version: 1\nhosts: [db1]\n",
	    "2:8: error: 'hosts' takes keys and values, not a list\n");
	says("version: 1\nhosts: {a: {}, a: {}}\n",
	    "2:16: error: key 'a' is there twice: first in line 2\n");
}

static void
without_a_listener_the_first_problem_is_the_error(void **state)
{
	char expected[200];

	(void)state;
	assert_null(read_text("version: 1\nhost: {}\nhosts: {a: [], b: []}\n", false));
	(void)snprintf(expected, sizeof(expected),
	    "%s:2:1: error: unknown key 'host' in an inventory (did you mean 'hosts'?)",
	    path);
	assert_string_equal(e.msg, expected);
	assert_int_equal(inventory_load("/nowhere/x.yaml", NULL, NULL, &e), -ENOENT);
	assert_string_equal(e.msg, "open '/nowhere/x.yaml': No such file or directory");
	assert_int_equal(inventory_load("consul:x", NULL, NULL, &e), -EINVAL);
	assert_string_equal(e.msg,
	    "'consul:' is no kind of inventory: there are FILE, exec:PROGRAM and "
	    "srv:NAME");
}

/* A file with this many hosts of eight tags each. */
static char *
write_hosts(unsigned count)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	(void)fputs("version: 1\nhosts:\n", f);
	for (unsigned i = 0; i < count; i++)
		(void)fprintf(f,
		    "  h%u: {address: 10.0.0.1, port: 7433, tags: {a: 1, b: 2, c: 3, "
		    "d: 4, e: 5, f: 6, g: 7, h: 8}}\n",
		    i);
	(void)fclose(f);
	return text;
}

static void
a_thousand_hosts_are_enough(void **state)
{
	_cleanup_free_ char *full = write_hosts(HOSTS_MAX);
	_cleanup_free_ char *over = write_hosts(HOSTS_MAX + 1);
	struct inventory *v = read_text(full, true);

	(void)state;
	if (v == NULL)
		fail_msg("%s", said);
	assert_int_equal(v->count, HOSTS_MAX);
	assert_string_equal(host_tag(&v->hosts[1023], "h"), "8");
	inventory_free(v);
	says(over, "1027:3: error: more than 1024 keys in one map\n");
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_gives_hosts_in_its_order),
		cmocka_unit_test(every_problem_is_said_at_its_place),
		cmocka_unit_test(a_file_needs_a_version_and_hosts),
		cmocka_unit_test(without_a_listener_the_first_problem_is_the_error),
		cmocka_unit_test(a_thousand_hosts_are_enough),
	};
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	(void)close(fd);
	return cmocka_run_group_tests(tests, NULL, remove_file);
}
