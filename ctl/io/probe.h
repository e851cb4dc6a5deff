/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBE_H
#define PROBE_H
/*
 * The prober: an open loop on absolute times.  A request goes out when its moment comes
 * whether or not earlier ones were answered; latency counts from the intended start; one
 * that is outstanding past `within` is bad at that moment and judged once.  Built on
 * libcurl's multi interface with epoll (curl_multi_socket_action).
 */
#include "clock.h"
#include "experiment.h"
#include "hist.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct prober;

enum sample_class {
	SAMPLE_OK,
	SAMPLE_SLOW, /* not answered, or not finished, `within` the time given */
	SAMPLE_STATUS,
	SAMPLE_BODY,
	SAMPLE_CONNECT, /* refused, reset, unreachable */
	SAMPLE_DNS,
	SAMPLE_TLS,
	SAMPLE_TIMEOUT, /* not answered within the request's own timeout */
	SAMPLE_SKIPPED, /* by us: too many in flight; counts neither good nor bad */
	SAMPLE_CLASSES
};
const char *sample_class_name(enum sample_class c);

/* Where the time of a request went, in µs; 0: did not happen, as connecting on a connection
 * that was kept. */
struct sample_timing {
	uint32_t dns, connect, tls; /* each by itself */
	uint32_t first_byte;        /* from having sent the request */
	/* From when anything left or a connection was begun, not from when it was due. */
	uint32_t total;
	uint32_t setup; /* what we needed before that, on a kept connection */
};

struct sample {
	size_t probe;
	enum sample_class class;
	bool bad;        /* neither ok nor skipped */
	usec_t intended; /* CLOCK_BOOTTIME */
	usec_t known;    /* when it was judged */
	usec_t latency;  /* from intended; for a sample judged at `within`, that */
	usec_t late;     /* how late we sent it ourselves */
	struct sample_timing timing; /* of an answer; all 0 when there was none */
	bool is_fresh;               /* asked for a connection of its own */
	char why[96];                /* "status 503", "connection refused"; "" when ok */
};

struct prober_options {
	const struct probe_def *probes; /* outlive the prober */
	size_t count;
	/* Called from prober_run, once per sample, as soon as it is known; may stop the
	 * prober but not free it. */
	void (*on_sample)(void *ctx, const struct sample *s);
	void *ctx;
};
int prober_open(struct prober **ret, const struct prober_options *o, struct err *e);
void prober_free(struct prober *p);
/* Its one descriptor for the caller's epoll: readable when prober_run has work. */
int prober_fd(const struct prober *p);
/* Probes send from `from` on; nothing is sent before.  Those that do already go on. */
void prober_start(struct prober *p, usec_t from);
/* No new requests; what is outstanding is forgotten (it was not judged). */
void prober_stop(struct prober *p);
/* The same for the first `count` probes; the others go on.  Not from on_sample. */
void prober_pause(struct prober *p, size_t count);
int prober_run(struct prober *p, struct err *e);
/* Is any request of the first `count` probes not judged yet that was due before the last
 * prober_mark? */
bool prober_awaits(const struct prober *p, size_t count);
/* Latencies since the last call, late answers included (they change nothing else), moved
 * into *into.  Requests due from `from` on, of the last prober_mark, are counted apart. */
void prober_mark(struct prober *p, usec_t from);
void prober_hist(struct prober *p, size_t probe, bool marked, struct hist *into);
/* The same for where the time of answers went.  A part counts only those in which it
 * happened: connect.count is how many connections were made. */
struct timing_hists {
	uint64_t fresh; /* answers on a connection that was asked to be new */
	struct hist dns, connect, tls, first_byte, total;
};
void prober_timing(
    struct prober *p, size_t probe, bool marked, struct timing_hists *into);

#endif
