/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host can do: every kind asked the question a drill would ask at arm.  A
 * process of its own, so that a kind's test cannot hold up stormd.
 */
#include "holder.h"
#include "log.h"
#include <stdio.h>

/* "kind<TAB>supported<TAB>how\n" or "kind<TAB>reason\n" */
static int
send_row(const struct fault *f, struct err *e)
{
	static struct msg_text m;
	struct err why = { 0 };
	bool is_supported = f->supported(&why) == 0;
	char how[ERR_MSG_MAX + 32] = "";

	if (is_supported)
		f->how(how, sizeof(how));
	m = (struct msg_text){ .head.type = MSG_TEXT };
	m.len = (uint32_t)snprintf(m.text, sizeof(m.text), "%s\t%s%s%s\n", f->kind->name,
	    is_supported ? "supported" : why.msg, how[0] != '\0' ? "\t" : "", how);
	return chan_send(CHAN_FD, &m, e);
}

int
doctor_main(void)
{
	struct msg_answer done = { .head.type = MSG_ANSWER };
	struct err e = { 0 };

	log_open("stormd-fault", LOG_L_NOTICE);
	FOR_EACH_FAULT(f) {
		if (send_row(*f, &e) != 0)
			return 1;
	}
	done.finished = clock_boottime();
	return chan_send(CHAN_FD, &done, &e) == 0 ? 0 : 1;
}
