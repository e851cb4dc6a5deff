/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the time of answers went, by phase: name, connection, TLS, first byte, all of it.
 * The prober measures, this keeps and says.  A part is of those answers in which it
 * happened, so that one slow handshake in a hundred does not vanish among the kept
 * connections.
 */
#include "drill.h"
#include "probe.h"
#include "xalloc.h"
#include <stdio.h>

void
timing_init(struct drill *d)
{
	d->timing = xcalloc(d->check_count, sizeof(*d->timing));
}

void
timing_take(struct drill *d, size_t check, enum phase p)
{
	prober_timing(d->prober, check, false, &d->timing[check][p]);
	prober_timing(d->prober, check, true, &d->timing[check][PHASE_AFTER]);
}

static void
part(struct event *v, const char *name, const struct hist *h)
{
	static const struct {
		const char *name;
		double q;
	} shown[] = { { "p50", 0.5 }, { "p99", 0.99 } };

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		char key[sizeof(v->num[0].key)];

		if (!hist_supports(h, shown[i].q))
			continue;
		(void)snprintf(key, sizeof(key), "%s_%s_us", name, shown[i].name);
		event_num(v, key, (double)hist_quantile(h, shown[i].q));
	}
}

void
timing_report(struct drill *d, size_t check, enum phase p)
{
	const struct timing_hists *t = &d->timing[check][p];

	if (t->total.count == 0)
		return;
	struct event v =
	    drill_event(d, EVENT_TIMING, d->checks[check].name, "%s", phase_name(p));
	event_num(&v, "n", (double)t->total.count);
	event_num(&v, "fresh", (double)t->fresh);
	event_num(&v, "connects", (double)t->connect.count);
	part(&v, "dns", &t->dns);
	part(&v, "connect", &t->connect);
	part(&v, "tls", &t->tls);
	part(&v, "first_byte", &t->first_byte);
	part(&v, "total", &t->total);
	drill_emit(d, &v);
}
