/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit started again.  Starting takes as long as the service takes, so it comes in two:
 * disarm asks systemd for it and returns, sweep waits until it is up, and if it will not
 * come up says so for as long as it takes.  A unit that somebody has masked or removed
 * since is somebody else's decision.
 */
#include "undo_table.h"

#include "clock.h"
#include "log.h"
#include "systemctl.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UP_WAIT   (20 * USEC_PER_SEC)
#define UP_PERIOD (200 * USEC_PER_MSEC)

static bool
is_taken_away(const struct unit *s)
{
	return strcmp(s->load, "masked") == 0 || strcmp(s->load, "not-found") == 0;
}

/* Asked at once, and looked at only if that failed: this is disarm. */
int
run_unit_start(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct err none = { 0 };
	struct unit s;

	if (unit_start(u->name, c->barrier, e) == 0)
		return 0;
	if (unit_show(u->name, c->barrier, &s, &none) < 0 || !is_taken_away(&s))
		return e->code;
	log_warn("%s is %s by somebody now: not started again", u->name, s.load);
	return 0;
}

int
check_unit_started(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct unit s;

	if (unit_show(u->name, c->barrier, &s, e) < 0)
		return e->code;
	if (unit_is_coming(&s) || is_taken_away(&s))
		return 0;
	return err_set(e, -EBUSY, "%s is %s (%s)", u->name, s.active, s.result);
}

int
run_unit_await(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	const usec_t until = clock_boottime() + UP_WAIT;
	struct unit s;

	do {
		if (unit_show(u->name, c->barrier, &s, e) < 0)
			return e->code;
		if (unit_is_up(&s) || is_taken_away(&s))
			return 0;
		if (!unit_is_coming(&s))
			return err_set(e, -EIO,
			    "%s was started and is %s (%s): journalctl -u %s says why",
			    u->name, s.active, s.result, u->name);
		sleep_usec(UP_PERIOD);
	} while (clock_boottime() < until);
	return err_set(e, -ETIMEDOUT, "%s is still starting", u->name);
}

int
check_unit_up(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct unit s;

	if (unit_show(u->name, c->barrier, &s, e) < 0)
		return e->code;
	if (unit_is_up(&s) || is_taken_away(&s))
		return 0;
	return err_set(e, -EBUSY, "%s is %s (%s)", u->name, s.active, s.result);
}

bool
ours_unit(const struct undo *u, const char *fault)
{
	(void)fault; /* any unit may be somebody's to stop, and starting it is no harm */
	return unit_is_name(u->name);
}

void
hand_unit_start(const struct undo *u, char *buf, size_t size)
{
	(void)snprintf(buf, size, "systemctl start -- '%s'", u->name);
}

void
hand_unit_await(const struct undo *u, char *buf, size_t size)
{
	(void)snprintf(buf, size, "systemctl status -- '%s'", u->name);
}
