/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of service.stop.  One unit, by its name: a pattern that stops more than was meant
 * is found out too late.
 */
#include "err.h"
#include "kind.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>
#include <string.h>

static const char *const modes[] = { "stop", "kill", NULL };

static const struct param params[] = {
	{
	    .name = "unit",
	    .type = PARAM_STRING,
	    .required = true,
	    .help =
		"the unit of systemd: nginx, or nginx.service; a socket, timer or path too",
	},
	{
	    .name = "mode",
	    .type = PARAM_ENUM,
	    .def = "stop",
	    .choices = modes,
	    .help = "stop it in order, or kill it and keep it down",
	},
	{
	    .name = "triggers",
	    .type = PARAM_BOOL,
	    .def = "false",
	    .help =
		"stop what would start it again as well: its sockets, timers and paths",
	},
	{ 0 },
};

static int
service_stop_check(const struct spec *s, struct err *e)
{
	const char *unit = spec_text(s, "unit");

	if (unit[0] == '-' || strpbrk(unit, "*?[]/ ") != NULL || strlen(unit) > 200)
		return err_invalid(e, "'%.60s' is not the name of one unit", unit);
	return 0;
}

const struct kind kind_service_stop = {
	.name = "service.stop",
	.summary = "stop a service, and keep it stopped",
	.params = params,
	.caps = CAP_BIT(CAP_SYS_ADMIN), /* systemd asks whoever asks it for it */
	.check = service_stop_check,
	.undone_by =
	    "Nothing starts the unit by itself: when the fault's holder dies the agent, and "
	    "when the agent dies its guardian, asks systemd to start it and waits until it "
	    "is up.  After a reboot systemd starts what is enabled.",
	.by_hand = "systemctl start UNIT; the fault's record has each unit's name.",
	.teaches = "failover, redundancy, retry with backoff, start-up order",
};
