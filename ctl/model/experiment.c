/* SPDX-License-Identifier: Apache-2.0 */
/* Owning an experiment; building one is ctl/io/load_file.c's. */
#include "experiment.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void
free_list(char **list)
{
	for (char **at = list; at != NULL && *at != NULL; at++)
		free(*at);
	free(list);
}

/* Tokens do not stay in freed memory. */
static void
free_secret(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

const char *
probe_type_name(enum probe_type t)
{
	static const char *const names[PROBE_TYPES] = {
		[PROBE_HTTP] = "http",
		[PROBE_TCP] = "tcp",
		[PROBE_EXEC] = "exec",
		[PROBE_PROMETHEUS] = "prometheus",
	};

	return t < PROBE_TYPES ? names[t] : "?";
}

usec_t
probe_timeout(const struct probe_def *p)
{
	switch (p->type) {
	case PROBE_TCP:
		return p->tcp.timeout;
	case PROBE_EXEC:
		return p->exec.timeout;
	default:
		return p->http.timeout;
	}
}

double
probe_slice(const struct probe_def *p)
{
	double allowed = (1 - p->slo.objective) * (double)p->slo.window /
			 (double)USEC_PER_SEC * (double)p->rate_mhz / 1000;

	if (!p->slo.is_set)
		return 0;
	/* 0.1 % is not exactly that: without this a slice of 10 takes 11 answers */
	return round(allowed * p->slo.spend * 1e6) / 1e6;
}

static void
probe_release(struct probe_def *p)
{
	for (size_t i = 0; i < p->good.header_count; i++) {
		free(p->good.headers[i].name);
		free(p->good.headers[i].pattern);
	}
	free(p->good.jq);
	free(p->tcp.host);
	free(p->tcp.send);
	free_list(p->exec.argv);
	free(p->query);
	free(p->http.method);
	free(p->http.url);
	free_list(p->http.headers);
	free(p->http.body);
	free(p->http.ca);
	free(p->http.cert);
	free(p->http.key);
	free_secret(p->http.bearer);
	free_secret(p->http.basic);
	free_list(p->http.resolve);
	free(p->http.proxy);
	free(p->http.unix_socket);
	free(p->good.body);
}

void
experiment_free(struct experiment *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < x->probe_count; i++)
		probe_release(&x->probes[i]);
	for (size_t i = 0; i < x->guard_count; i++)
		probe_release(&x->guards[i]);
	for (size_t i = 0; i < x->load_count; i++)
		probe_release(&x->loads[i]);
	for (size_t i = 0; i < x->fault_count; i++)
		free_list(x->faults[i].resolved);
	for (size_t i = 0; i < x->target_count; i++) {
		free_list(x->targets[i].hosts);
		free(x->targets[i].where);
	}
	free(x->targets);
	free(x->probes);
	free(x->guards);
	free(x->loads);
	free(x->faults);
	free(x->path);
	free(x->text);
	free(x->hypothesis);
	for (char **s = x->secrets; s != NULL && *s != NULL; s++)
		explicit_bzero(*s, strlen(*s));
	free_list(x->secrets);
	free_list(x->vars);
	free(x);
}

double
experiment_stall(const struct experiment *x, const struct probe_def *p)
{
	return (double)x->budget.stall / (double)USEC_PER_SEC * (double)p->rate_mhz /
	       1000;
}

usec_t
experiment_faults_end(const struct experiment *x)
{
	usec_t end = 0;

	for (size_t i = 0; i < x->fault_count; i++) {
		const struct spec *s = &x->faults[i].spec;

		if (s->at + s->duration > end)
			end = s->at + s->duration;
	}
	return end;
}

const struct target_def *
experiment_target(const struct experiment *x, const char *name)
{
	for (size_t i = 0; i < x->target_count; i++) {
		if (strcmp(x->targets[i].name, name) == 0)
			return &x->targets[i];
	}
	return NULL;
}

bool
fault_is_open(const struct fault_def *f)
{
	return f->against[0] != '\0' || f->topology != TOPOLOGY_NONE;
}

int
fault_finish(struct fault_def *f, bool is_open, struct err *e)
{
	struct spec trial;
	int r;

	if (!is_open)
		return spec_finish(&f->spec, e);
	trial = f->spec;
	r = spec_set(&trial, "to", "192.0.2.1", e);
	return r < 0 ? r : spec_finish(&trial, e);
}

static bool
is_remote(const struct experiment *x, const char *target)
{
	const struct target_def *t = experiment_target(x, target);

	return t != NULL && !target_is_local(t);
}

bool
experiment_has_targets(const struct experiment *x)
{
	for (size_t i = 0; i < x->fault_count; i++) {
		if (is_remote(x, x->faults[i].target) ||
		    is_remote(x, x->faults[i].against))
			return true;
	}
	return false;
}

static const char *const topology_names[TOPOLOGIES] = {
	[TOPOLOGY_NONE] = "none",
	[TOPOLOGY_HALVES] = "halves",
	[TOPOLOGY_ISOLATE] = "isolate",
	[TOPOLOGY_RING] = "ring",
	[TOPOLOGY_BRIDGE] = "bridge",
	[TOPOLOGY_ONE_WAY] = "one-way",
};

const char *
topology_name(enum topology t)
{
	return t < TOPOLOGIES ? topology_names[t] : "?";
}

int
topology_parse(const char *name, enum topology *ret)
{
	for (enum topology t = TOPOLOGY_HALVES; t < TOPOLOGIES; t++) {
		if (strcmp(name, topology_names[t]) == 0) {
			*ret = t;
			return 0;
		}
	}
	return -EINVAL;
}
