/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.stop with a systemctl of the test's own, which keeps each unit as a directory of
 * properties: what is refused and why, what goes down with a unit and comes up again.  The
 * real systemd is in tests/vm/service.sh.
 */
#include "test.h"

#include "cleanup.h"
#include "fault.h"
#include "fdio.h"
#include "systemctl.h"
#include "undo.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNITS "/run/units"

/* show … -- UNIT prints the unit's file; stop and start change its state, and that of what
 * is listed in its file "along". */
static const char script[] =
    "#!/bin/sh\n"
    "cd " UNITS " || exit 1\n"
    "verb=$1\n"
    "echo \"$*\" >>log\n"
    "while [ \"$1\" != -- ]; do shift; done\n"
    "shift\n"
    "for unit in \"$@\"; do\n"
    "	[ -e \"$unit\" ] || { echo Id=$unit; echo LoadState=not-found;"
    " echo ActiveState=inactive; exit 0; }\n"
    "	case $verb in\n"
    "	show) cat \"$unit\" ;;\n"
    "	stop) sed -i s/=active/=inactive/ \"$unit\" $(cat \"$unit.along\" 2>/dev/null) ;;\n"
    "	start) grep -q LoadState=masked \"$unit\" && { echo masked >&2; exit 1; }\n"
    "		grep -q Result=broken \"$unit\" || sed -i s/=inactive/=active/ \"$unit\" ;;\n"
    "	kill) ;;\n"
    "	esac\n"
    "done\n"
    "exit 0\n";

static struct err e;

static void
put(const char *name, mode_t mode, const char *text)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", UNITS, name);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

static void
put_unit(const char *name, const char *state, const char *more)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
	    "Id=%s\nLoadState=loaded\nActiveState=%s\nSubState=x\nResult=success\n"
	    "ControlGroup=\nMainPID=0\nJob=0\nCanStart=yes\nCanStop=yes\nTransient=no\n%s",
	    name, state, more);
	put(name, 0644, text);
}

static const char *
state_of(const char *name)
{
	static struct unit u;

	memset(&u, 0, sizeof(u));
	assert_ok(unit_show(name, -1, &u, &e), e);
	return u.active;
}

/* A mount namespace with another /run, and another systemctl. */
static int
make_world(void **state)
{
	static const char *const places[] = { "/usr/bin/systemctl", "/bin/systemctl" };
	const char *systemctl = NULL;

	(void)state;
	for (size_t i = 0; i < 2 && systemctl == NULL; i++)
		systemctl = access(places[i], F_OK) == 0 ? places[i] : NULL;
	if (systemctl == NULL || geteuid() != 0) {
		puts("skip: needs root and an installed systemctl to stand in for");
		exit(77);
	}
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 ||
	    mkdir("/run/systemd", 0755) < 0 || mkdir("/run/systemd/system", 0755) < 0 ||
	    mkdir(UNITS, 0755) < 0)
		return -1;
	put("systemctl", 0755, script);
	return mount(UNITS "/systemctl", systemctl, NULL, MS_BIND, NULL);
}

static int
make_units(void **state)
{
	(void)state;
	e = (struct err){ 0 };
	put_unit("db.service", "active",
	    "TriggeredBy=db.socket\nRequiredBy=shop.service idle.service\n");
	put("db.service.along", 0644, "shop.service");
	put_unit("db.socket", "active", "");
	put_unit("shop.service", "active", "");
	put_unit("idle.service", "inactive", "");
	return 0;
}

/* --- a fault, by its steps ------------------------------------------------------------- */

static struct spec spec;
static struct protect protect;
static struct undo_ctx *ctx;
static struct fault_run run;

static int
prepare(const char *unit, const char *name, const char *value)
{
	e = (struct err){ 0 };
	spec_init(&spec, &kind_service_stop);
	assert_ok(spec_set(&spec, "unit", unit, &e), e);
	if (name != NULL)
		assert_ok(spec_set(&spec, name, value, &e), e);
	assert_ok(spec_finish(&spec, &e), e);
	memset(&run, 0, sizeof(run));
	run.spec = &spec;
	run.protect = &protect;
	run.ctx = ctx;
	run.barrier_fd = -1;
	return fault_service_stop.prepare(&run, &e);
}

static int
open_ctx(void **state)
{
	protect = (struct protect){ .agent_pid = getpid() };
	return make_units(state) < 0 ? -1 : undo_ctx_open(&ctx, -1, true, &e);
}

static int
close_ctx(void **state)
{
	(void)state;
	undo_ctx_free(ctx);
	ctx = NULL;
	return 0;
}

static void
stop(void)
{
	assert_ok(fault_service_stop.stage(&run, &e), e);
	assert_ok(fault_service_stop.apply(&run, &e), e);
	assert_ok(fault_service_stop.verify(&run, &e), e);
}

static void
undo(void)
{
	assert_ok(undo_run(ctx, &run.undo, BEAT_DISARM, &e), e);
	assert_ok(undo_check(ctx, &run.undo, BEAT_DISARM, &e), e);
	assert_ok(undo_run(ctx, &run.undo, BEAT_SWEEP, &e), e);
	assert_ok(undo_check(ctx, &run.undo, BEAT_SWEEP, &e), e);
}

static void
what_goes_down_with_it_comes_up_with_it(void **state)
{
	(void)state;
	assert_ok(prepare("db", NULL, NULL), e);
	assert_string_equal(
	    run.note, "db.socket may start it again (triggers=true stops that, too)");
	assert_string_equal(state_of("db.service"), "active");
	stop();
	assert_int_equal(run.effect, 2);
	assert_string_equal(state_of("db.service"), "inactive");
	assert_string_equal(state_of("shop.service"), "inactive");
	assert_string_equal(state_of("db.socket"), "active");
	undo();
	undo(); /* twice is once */
	assert_string_equal(state_of("db.service"), "active");
	assert_string_equal(state_of("shop.service"), "active");
	assert_string_equal(state_of("idle.service"), "inactive");
}

static void
triggers_are_stopped_when_asked(void **state)
{
	(void)state;
	assert_ok(prepare("db.service", "triggers", "true"), e);
	stop();
	assert_string_equal(state_of("db.socket"), "inactive");
	undo();
	assert_string_equal(state_of("db.socket"), "active");
}

static void
refused(const char *unit, const char *why)
{
	assert_true(prepare(unit, NULL, NULL) < 0);
	if (strstr(e.msg, why) == NULL)
		fail_msg("%s: '%s', not '%s'", unit, e.msg, why);
}

static void
what_could_not_be_put_back_is_refused(void **state)
{
	(void)state;
	put_unit("fleeting.service", "active", "Transient=yes\n");
	put_unit("once.service", "active", "CanStart=no\n");
	put_unit("base.service", "active", "RequiredBy=all.target\n");
	put_unit("all.target", "active", "");
	put_unit("systemd-udevd.service", "active", "");
	refused("nobody", "there is no unit 'nobody.service' here");
	refused("idle", "idle.service is inactive: there is nothing to stop");
	refused("fleeting", "exists only as long as it runs");
	refused("once", "cannot be stopped and started again by hand");
	refused("base", "all.target, which stops with it, cannot be stopped");
	refused("systemd-udevd", "the host itself needs it");
}

static void
what_is_protected_is_refused(void **state)
{
	char text[64];

	(void)state;
	memcpy(protect.units, "shop.service\0", 14);
	refused("shop", "shop.service must not be stopped: it is protected by policy");
	refused("db", "shop.service, which stops with it, must not be stopped");
	memset(protect.units, 0, sizeof(protect.units));
	(void)snprintf(text, sizeof(text), "MainPID=%d\n", getpid());
	put_unit("ours.service", "active", text);
	refused("ours", "ours.service must not be stopped");
}

static void
a_unit_somebody_masked_is_left_at_that(void **state)
{
	(void)state;
	assert_ok(prepare("shop", NULL, NULL), e);
	stop();
	put("shop.service", 0644,
	    "Id=shop.service\nLoadState=masked\nActiveState=inactive\nResult=success\n");
	undo();
	assert_string_equal(state_of("shop.service"), "inactive");
}

static void
a_unit_that_does_not_come_up_is_not_clean(void **state)
{
	(void)state;
	assert_ok(prepare("shop", NULL, NULL), e);
	stop();
	put_unit("shop.service", "inactive", "Result=broken\n");
	assert_ok(undo_run(ctx, &run.undo, BEAT_DISARM, &e), e);
	assert_int_equal(undo_check(ctx, &run.undo, BEAT_DISARM, &e), -EBUSY);
	assert_int_equal(undo_run(ctx, &run.undo, BEAT_SWEEP, &e), -EIO);
	assert_non_null(strstr(e.msg, "journalctl -u shop.service says why"));
}

static void
names_of_units_are_checked(void **state)
{
	static const char *const good[] = { "a.service", "a@b.socket", "x-1.timer",
		"dev\\x2d.path" };
	static const char *const bad[] = { "", "a", ".service", "-a.service", "a.target",
		"a b.service", "a;b.service", "a/b.service", "*.service", "a.slice" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(unit_is_name(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(unit_is_name(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_goes_down_with_it_comes_up_with_it, open_ctx, close_ctx),
		cmocka_unit_test_setup_teardown(
		    triggers_are_stopped_when_asked, open_ctx, close_ctx),
		cmocka_unit_test_setup_teardown(
		    what_could_not_be_put_back_is_refused, open_ctx, close_ctx),
		cmocka_unit_test_setup_teardown(
		    what_is_protected_is_refused, open_ctx, close_ctx),
		cmocka_unit_test_setup_teardown(
		    a_unit_somebody_masked_is_left_at_that, open_ctx, close_ctx),
		cmocka_unit_test_setup_teardown(
		    a_unit_that_does_not_come_up_is_not_clean, open_ctx, close_ctx),
		cmocka_unit_test(names_of_units_are_checked),
	};

	return cmocka_run_group_tests_name("service.stop", tests, make_world, NULL);
}
