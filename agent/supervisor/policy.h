/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_H
#define POLICY_H
/*
 * What root allows on this host (stormd-policy(5)).  Everything that comes from the front
 * is checked against it again, whatever the controller has checked.  Without a file an
 * embedded stormd allows what root asked for; a daemon refuses what nothing can undo.
 */
#include "protect.h"
#include "spec.h"
#include <stdbool.h>
#include <sys/types.h>

struct err;
struct param;

#define POLICY_LIMITS_MAX    64
#define POLICY_OPERATORS_MAX 32
#define POLICY_PORTS_MAX     64

struct policy_limit {
	const struct kind *kind;
	const struct param *param; /* NULL: `for`, the duration */
	int64_t max;
	unsigned line;
};

struct policy {
	char path[PATH_LEN_MAX];
	bool is_ephemeral; /* embedded: no file allows all that root asks */
	bool has_file;
	uint64_t allowed;      /* bit i: kind_table[i] */
	uint64_t irreversible; /* what nothing can undo must be here, too */
	bool network_of_pid, network_of_container; /* network faults in their networks */
	size_t limit_count;
	struct policy_limit limit[POLICY_LIMITS_MAX];
	usec_t max_duration;
	unsigned max_faults;
	size_t operator_count;
	uid_t operators[POLICY_OPERATORS_MAX];
	bool has_remotes;   /* only these certificates; without the rule all of our CA */
	char remotes[1024]; /* names, as a list of struct protect */
	size_t port_count;
	uint16_t port[POLICY_PORTS_MAX];
	struct protect protect; /* without its pids */
};

/* -ENOENT is no error: the policy of a host without one.  Otherwise the file must be
 * root's alone; the message names file and line. */
int policy_load(const char *path, bool is_ephemeral, struct policy *ret, struct err *e);
/* The same of a text; `path` is for messages. */
int policy_parse(const char *text, struct policy *p, struct err *e);

bool policy_is_operator(const struct policy *p, uid_t uid);
/* May this certificate do what an operator may?  Its role has been looked at. */
bool policy_is_remote_operator(const struct policy *p, const char *name);
/* 0, or OUTCOME_REFUSED naming the line that says so. */
int policy_check(const struct policy *p, const struct spec *s, struct err *e);
/* Its part that is limits: of the fault's own kind and of those whose parameters it takes. */
int policy_check_limits(const struct policy *p, const struct spec *s, struct err *e);
/* Is it a fault of this kind, or of another with one of its parameters? */
bool policy_spec_uses(const struct spec *s, const struct kind *k);
/* Every capability that a kind it allows may need. */
uint64_t policy_caps(const struct policy *p);

#endif
