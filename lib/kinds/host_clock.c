/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of host.clock.  A step and a drift are two ways for a clock to go wrong, and what
 * software does about one says nothing of the other: exactly one of them is asked for.
 */
#include "clock.h"
#include "err.h"
#include "kind.h"
#include "process.h"
#include "spec.h"
#include <linux/capability.h>
#include <stdlib.h>

#define STEP_MIN  ((int64_t)(10 * USEC_PER_MSEC))
#define STEP_MAX  ((int64_t)(10 * 366 * 24 * 3600 * USEC_PER_SEC)) /* ten years */
#define DRIFT_MAX INT64_C(100000000) /* what the kernel can: a tenth */

static const char *const ntp_modes[] = { "leave", "pause", NULL };

static const struct param params[] = {
	{
	    .name = "step",
	    .type = PARAM_OFFSET,
	    .min = -STEP_MAX,
	    .max = STEP_MAX,
	    .help = "set the clock this much ahead (+1h) or back (-90s), at once",
	},
	{
	    .name = "drift",
	    .type = PARAM_PPM,
	    .min = -DRIFT_MAX,
	    .max = DRIFT_MAX,
	    .help = "let the clock run this much too fast (500ppm) or too slow (-500ppm)",
	},
	{
	    .name = "ntp",
	    .type = PARAM_ENUM,
	    .def = "leave",
	    .choices = ntp_modes,
	    .help = "leave NTP daemons alone, or pause them for the time",
	},
	{ 0 },
};

static int
host_clock_check(const struct spec *s, struct err *e)
{
	const int ways = spec_has(s, "step") + spec_has(s, "drift");

	if (ways != 1)
		return err_invalid(e, "host.clock needs exactly one of step and drift%s",
		    ways == 0 ? "" : ": both are given");
	if (spec_has(s, "step") && llabs(spec_num(s, "step")) < STEP_MIN)
		return err_invalid(e,
		    "a step of less than 10ms is lost in what an NTP daemon does every day");
	if (spec_has(s, "drift") && llabs(spec_num(s, "drift")) < 1000)
		return err_invalid(
		    e, "a drift of less than 1ppm is what every clock has by itself");
	return 0;
}

const struct kind kind_host_clock = {
	.name = "host.clock",
	.summary = "set the wall clock wrong, or let it run wrong",
	.params = params,
	.holds = HOLDS_HOST,
	.caps = CAP_BIT(CAP_SYS_TIME) | CAP_BIT(CAP_KILL),
	.check = host_clock_check,
	.undone_by =
	    "The fault's holder sets the clock to what it would show by now, reckoned from "
	    "CLOCK_BOOTTIME, which a step does not touch, and CLOCK_MONOTONIC_RAW, which a "
	    "drift does not touch.  If the holder dies, the agent, or its guardian, does so "
	    "by the record.  A reboot takes the time from the hardware clock, which the "
	    "kernel does not set as long as the fault is there.",
	.by_hand =
	    "The record has the command, date -s with what /proc/uptime and the noted "
	    "offset add up to; after a drift also adjtimex.  An NTP daemon does it too: "
	    "chronyc makestep, or systemctl restart systemd-timesyncd.",
	.teaches =
	    "expiry of certificates, tokens and leases; monotonic clocks; ordering",
};
