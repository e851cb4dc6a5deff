/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stormd-undo after a reboot: instances of which only a state-dir is left are found by their
 * place, those that run by what their run-dir says, and nobody's who is not meant.
 */
#include "test.h"

#include "pidns.h"

#include "disk.h"
#include "recover.h"
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define ONE  "7e57ab01"
#define TWO  "7e57ab02"
#define RUN  "/run/stormdrill"
#define KEPT "/var/lib/stormdrill"

static struct err e;

static int
run(const char *a, const char *b, const char *c)
{
	const char *argv[] = { "stormd-undo", a, b, c, NULL };
	int argc = 1;

	while (argv[argc] != NULL)
		argc++;
	optind = 0; /* getopt starts anew */
	return recover_main(argc, (char **)(uintptr_t)argv);
}

static void
path_of_file(const char *fault, char *ret, size_t size)
{
	(void)snprintf(ret, size, "/var/lib/" DISK_NAME_PREFIX "%s", fault);
}

static bool
has_file(const char *fault)
{
	char path[128];

	path_of_file(fault, path, sizeof(path));
	return access(path, F_OK) == 0;
}

/* A fault's file and its record, of this boot or of one before. */
static void
leave(const char *fault, const char *run_dir, const char *state_dir, bool is_earlier)
{
	struct record r = {
		.kind = "disk.fill", .summary = "disk.fill", .netns = netns_inode()
	};
	struct undo u = { .op = UNDO_UNLINK_FILE };
	struct disk_place place;
	struct store s;
	int fd = disk_open_dir("/var/lib", &e);

	assert_true(fd >= 0);
	assert_ok(disk_place(fd, &place, &e), e);
	(void)close(fd);
	u.num[0] = place.inode;
	u.num[1] = place.fsid;
	path_of_file(fault, u.name, sizeof(u.name));
	undo_add(&r.undo, u);
	(void)snprintf(r.fault, sizeof(r.fault), "%s", fault);
	uuid_make(r.drill);
	uuid_make(r.boot_id);
	if (!is_earlier)
		assert_ok(clock_boot_id(r.boot_id, &e), e);
	r.holder = (struct process_id){ .pid = 2, .start = 1 };
	assert_ok(store_open(&s, run_dir, state_dir, "/run/elsewhere", &e), e);
	assert_ok(store_put(&s, &r, &e), e);
	store_close(&s);
	fd = open(u.name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
}

static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static int
setup(void **state)
{
	(void)state;
	e = (struct err){ 0 };
	return mount("none", "/run", "tmpfs", 0, "size=1m") < 0 ||
		       mount("none", "/var/lib", "tmpfs", 0, "size=1m") < 0 ?
		   -1 :
		   0;
}

static int
teardown(void **state)
{
	(void)state;
	return umount2("/run", MNT_DETACH) < 0 || umount2("/var/lib", MNT_DETACH) < 0 ?
		   -1 :
		   0;
}

static void
what_a_reboot_left_is_found_and_undone_without_a_trace(void **state)
{
	(void)state;
	leave(ONE, "", KEPT "/default", true);
	leave(TWO, "", KEPT "/e812", true);
	assert_int_equal(run("--list", NULL, NULL), EXIT_CLEAN);
	assert_int_equal(run("--doctor", NULL, NULL), EXIT_DIRTY);
	assert_int_equal(run("--all", NULL, NULL), EXIT_CLEAN);
	assert_false(has_file(ONE));
	assert_false(has_file(TWO));
	assert_false(is_there(KEPT));
	assert_false(is_there(RUN));
}

static void
one_instance_is_meant_by_its_name_or_by_its_state_dir(void **state)
{
	(void)state;
	leave(ONE, "", KEPT "/default", true);
	leave(TWO, "", KEPT "/other", true);
	assert_int_equal(run("--instance=default", "--all", NULL), EXIT_CLEAN);
	assert_false(has_file(ONE));
	assert_true(has_file(TWO));
	assert_int_equal(run("--state-dir=" KEPT "/other", "--all", NULL), EXIT_CLEAN);
	assert_false(has_file(TWO));
}

static void
what_earlier_boots_left_goes_alone(void **state)
{
	(void)state;
	leave(ONE, "", KEPT "/e812", true);
	leave(TWO, "", KEPT "/e813", false);
	assert_int_equal(run("--earlier", NULL, NULL), EXIT_CLEAN);
	assert_false(has_file(ONE));
	assert_false(is_there(KEPT "/e812"));
	assert_true(has_file(TWO));
	assert_true(is_there(KEPT "/e813/undo/" TWO));
	assert_false(is_there(RUN));
}

static void
a_run_dir_says_where_its_state_is(void **state)
{
	FILE *f;

	(void)state;
	leave(ONE, RUN "/here", "/var/lib/there", false);
	assert_int_equal(run("--run-dir=" RUN "/here", "--all", NULL), EXIT_CLEAN);
	assert_true(has_file(ONE)); /* nobody has said so yet */
	f = fopen(RUN "/here/state", "w");
	assert_non_null(f);
	(void)fputs("/var/lib/there", f);
	(void)fclose(f);
	assert_int_equal(run("--run-dir=" RUN "/here", "--all", NULL), EXIT_CLEAN);
	assert_false(has_file(ONE));
	assert_true(is_there("/var/lib/there/undo")); /* no embedded one's */
}

static void
with_another_host_dir_the_default_state_is_not_ours(void **state)
{
	(void)state;
	leave(ONE, "", KEPT "/default", true);
	assert_int_equal(run("--host-dir=/run/elsewhere", "--all", NULL), EXIT_CLEAN);
	assert_true(has_file(ONE));
}

static void
the_state_of_a_live_agent_is_left_to_it(void **state)
{
	int fd;

	(void)state;
	leave(ONE, "", KEPT "/default", false);
	fd = open(KEPT "/default", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(run("--all", NULL, NULL), EXIT_DIRTY);
	assert_true(has_file(ONE));
	(void)close(fd);
	assert_int_equal(run("--all", NULL, NULL), EXIT_CLEAN);
	assert_false(has_file(ONE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_a_reboot_left_is_found_and_undone_without_a_trace, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    one_instance_is_meant_by_its_name_or_by_its_state_dir, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    what_earlier_boots_left_goes_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_run_dir_says_where_its_state_is, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    with_another_host_dir_the_default_state_is_not_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    the_state_of_a_live_agent_is_left_to_it, setup, teardown),
	};

	pidns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
