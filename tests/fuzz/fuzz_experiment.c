/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An experiment file.  It loads, or every problem is said in lines fit for a terminal; what
 * was loaded is whole: each fault is one that root will take, nothing it says is left open.
 */
#include "experiment.h"
#include "fuzz.h"
#include "jq_worker.h"
#include "load_file.h"
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* In place of libc's: a fuzzer's host names shall not become questions to a server. */
int
getaddrinfo(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
	(void)node;
	(void)service;
	(void)hints;
	*ret = NULL;
	return EAI_NONAME;
}

/* In place of ours: nor a process for each filter. */
int
jq_check(const char *filter, struct err *e)
{
	return strchr(filter, '"') == NULL ? 0 : err_invalid(e, "not a filter");
}

static unsigned said;

static void
say(void *ctx, const char *text)
{
	(void)ctx;
	said++;
	MUST(text[0] != '\0');
	for (; *text != '\0'; text++)
		MUST((unsigned char)*text >= ' ' ? *text != 0x7f :
						   *text == '\n' || *text == '\t');
}

static void
asks_something(const struct probe_def *p)
{
	switch (p->type) {
	case PROBE_TCP:
		MUST(p->tcp.host != NULL && p->tcp.port > 0);
		break;
	case PROBE_EXEC:
		MUST(p->exec.argv != NULL && p->exec.argv[0][0] == '/');
		break;
	case PROBE_PROMETHEUS:
		MUST(p->query != NULL && strstr(p->http.url, "/api/v1/query?query="));
		break;
	default:
		MUST(p->http.url != NULL && p->good.status_count > 0);
		break;
	}
}

static void
is_whole(struct experiment *x)
{
	struct err e = { 0 };

	MUST(x->name[0] != '\0' && x->fault_count > 0);
	MUST(x->probe_count <= PROBES_MAX && x->guard_count <= GUARDS_MAX);
	MUST(x->lease_ms >= LEASE_MIN_MS && x->lease_ms <= LEASE_MAX_MS);
	MUST(x->steady.during >= experiment_faults_end(x));
	MUST(x->steady.before < USEC_INFINITY && x->steady.after < USEC_INFINITY);
	MUST(x->budget.false_abort > 0 && x->budget.false_abort < 1);
	for (size_t i = 0; i < x->fault_count; i++) {
		struct fault_def *f = &x->faults[i];

		if (fault_is_open(f)) /* as the roster does */
			MUST(spec_set(&f->spec, "to", "192.0.2.1", &e) == 0 &&
			     spec_finish(&f->spec, &e) == 0);
		MUST(spec_verify(&f->spec, &e) == 0 && f->spec.name[0]);
	}
	for (size_t i = 0; i < x->target_count; i++)
		MUST((x->targets[i].hosts != NULL) != (x->targets[i].where != NULL));
	for (size_t i = 0; i < x->probe_count; i++) {
		const struct probe_def *p = &x->probes[i];

		MUST(p->name[0] != '\0' && p->rate_mhz > 0);
		MUST(p->good.within > 0 && p->good.within <= probe_timeout(p));
		asks_something(p);
		MUST(p->objective >= 0 && p->objective <= 1 && p->abort_at > 0);
	}
	experiment_free(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct load_options o = { .say = say };
	struct experiment *x = NULL;
	int fd = memfd_create("fuzz", MFD_CLOEXEC), rc;
	struct err e = { 0 };
	char path[64];

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	said = 0;
	rc = load_experiment(path, &o, &x, &e);
	(void)close(fd);
	MUST((rc == 0) == (x != NULL));
	if (rc == 0)
		is_whole(x);
	else
		fuzz_refused(rc, &e);
	MUST((rc == -EINVAL) == (said > 0));
	return 0;
}
