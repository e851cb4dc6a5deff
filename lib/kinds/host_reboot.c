/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of host.reboot.  What users mean by "reboot" is the clean way; the other ways are
 * those in which hosts really go.
 */
#include "clock.h"
#include "err.h"
#include "kind.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>

static const char *const ways[] = { "reboot", "poweroff", "hard", "crash", NULL };

static const struct param params[] = {
	{
	    .name = "how",
	    .type = PARAM_ENUM,
	    .def = "reboot",
	    .choices = ways,
	    .help =
		"through the init: reboot or poweroff; at once, nothing written: hard, "
		"or crash, a kernel panic",
	},
	{
	    .name = "after",
	    .type = PARAM_USEC,
	    .def = "1s",
	    .min = (int64_t)(100 * USEC_PER_MSEC),
	    .max = (int64_t)(60 * USEC_PER_SEC),
	    .help = "wait so long first, so that the controller hears of it",
	},
	{ 0 },
};

const struct kind kind_host_reboot = {
	.name = "host.reboot",
	.summary = "reboot the host, switch it off, or let it crash",
	.params = params,
	.flags = KIND_ONESHOT | KIND_IRREVERSIBLE,
	.holds = HOLDS_HOST,
	/* systemd asks whoever asks it for SYS_ADMIN */
	.caps = CAP_BIT(CAP_SYS_BOOT) | CAP_BIT(CAP_SYS_ADMIN),
	.check = kind_check_nothing,
	.undone_by =
	    "Nothing: the host goes down with everything on it.  Whether it comes back, and "
	    "what comes back with it, is what the drill finds out.",
	.by_hand = "Switch it on.",
	.teaches = "redundancy, start-up order, crash safety, failover",
};
