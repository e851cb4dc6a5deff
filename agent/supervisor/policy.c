/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the policy.  A file that exists allows only what it names; that is also why an
 * empty one allows nothing.  The protected processes, paths and interfaces are not checked
 * here: only the holder knows what a selector matches, and it gets them with the spec.
 */
#include "policy.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "kind.h"
#include "process.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define POLICY_TEXT_MAX 65536

static void
policy_defaults(struct policy *p, const char *path, bool is_ephemeral)
{
	*p = (struct policy){
		.is_ephemeral = is_ephemeral,
		.max_duration = DURATION_MAX_SEC * USEC_PER_SEC,
		.max_faults = FAULTS_MAX,
	};
	snprintf(p->path, sizeof(p->path), "%s", path);
	p->allowed = UINT64_MAX;
	p->irreversible = is_ephemeral ? UINT64_MAX : 0;
	p->network_of_pid = p->network_of_container = true;
}

static int
check_owner(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno(e, "look at '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_invalid(e, "policy '%s' is not a regular file", path);
	if (st.st_uid != 0)
		return err_invalid(e, "policy '%s' belongs to uid %u: it must be root's",
		    path, st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_invalid(e,
		    "policy '%s' is writable by others than root: chmod go-w it", path);
	return 0;
}

int
policy_load(const char *path, bool is_ephemeral, struct policy *ret, struct err *e)
{
	_cleanup_free_ char *text = xcalloc(1, POLICY_TEXT_MAX);
	_cleanup_close_ int fd = -1;
	struct policy p;
	ssize_t n;

	policy_defaults(&p, path, is_ephemeral);
	/* O_NONBLOCK: a fifo in its place must not hold us up before we see what it is */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		*ret = p;
		return 0;
	}
	if (fd < 0 && errno == ELOOP)
		return err_invalid(e, "policy '%s' is a symbolic link", path);
	if (fd < 0)
		return err_errno(e, "open policy '%s'", path);
	if (check_owner(fd, path, e) != 0)
		return e->code;
	n = read(fd, text, POLICY_TEXT_MAX);
	if (n < 0)
		return err_errno(e, "read policy '%s'", path);
	if (n == POLICY_TEXT_MAX || memchr(text, '\0', (size_t)n) != NULL)
		return err_invalid(
		    e, "policy '%s' is not a text of less than 64 KiB", path);
	text[n] = '\0';
	p.has_file = true;
	p.allowed = 0;
	p.irreversible = 0;
	p.network_of_pid = p.network_of_container = false;
	if (policy_parse(text, &p, e) != 0)
		return e->code;
	*ret = p;
	return 0;
}

bool
policy_is_operator(const struct policy *p, uid_t uid)
{
	for (size_t i = 0; i < p->operator_count; i++) {
		if (p->operators[i] == uid)
			return true;
	}
	return uid == 0;
}

bool
policy_is_remote_operator(const struct policy *p, const char *name)
{
	return !p->has_remotes || protect_names(p->remotes, name);
}

/* The bit of a kind in the policy's sets; 0: unknown. */
static uint64_t
bit_of(const char *kind)
{
	uint64_t bit = 1;

	FOR_EACH_KIND(k) {
		if (strcmp((*k)->name, kind) == 0)
			return bit;
		bit <<= 1;
	}
	return 0;
}

static bool
allows(const struct policy *p, const struct kind *k)
{
	uint64_t bit = bit_of(k->name);

	if ((k->flags & KIND_IRREVERSIBLE) != 0 && (p->irreversible & bit) == 0)
		return false;
	return (p->allowed & bit) != 0;
}

/* What a fault does besides is allowed as the kind that is there for it. */
static int
check_parts(const struct policy *p, const struct spec *s, struct err *e)
{
	FOR_EACH_KIND(k) {
		if (policy_spec_uses(s, *k) && !allows(p, *k))
			return err_refused(e,
			    "policy %s does not allow %s, and this %s takes its parameters",
			    p->path, (*k)->name, s->kind);
	}
	return 0;
}

static int
check_kind(const struct policy *p, const struct spec *s, struct err *e)
{
	const struct kind *k = kind_find(s->kind);

	if (k == NULL)
		return err_invalid(e, "unknown fault '%s'", s->kind);
	if (allows(p, k))
		return check_parts(p, s, e);
	if ((p->allowed & bit_of(s->kind)) != 0)
		return err_refused(e,
		    "nothing can undo %s: policy %s must say 'irreversible %s'", s->kind,
		    p->path, s->kind);
	return err_refused(e, "policy %s does not allow %s", p->path, s->kind);
}

/* Which port of this parameter is protected; 0: none. */
static unsigned
protected_port(const struct policy *p, const struct spec *s, const struct param *param)
{
	struct port_range r[PORT_RANGES_MAX];
	size_t count = 0;

	if (param->type == PARAM_PORTS)
		count = spec_ports(s, param->name, r, PORT_RANGES_MAX);
	if (param->type == PARAM_PORT && spec_has(s, param->name)) {
		r[0].from = r[0].to = (uint16_t)spec_num(s, param->name);
		count = 1;
	}
	for (size_t i = 0; i < count * p->port_count; i++) {
		uint16_t port = p->port[i / count];

		if (port >= r[i % count].from && port <= r[i % count].to)
			return port;
	}
	return 0;
}

/* On either side: a service is as cut off by its own port as by that of its clients'. */
static int
check_ports(const struct policy *p, const struct spec *s, struct err *e)
{
	for (const struct param *m = kind_find(s->kind)->params; m->name != NULL; m++) {
		unsigned port = protected_port(p, s, m);

		if (port != 0 && strcmp(m->name, "exclude_port") != 0)
			return err_refused(
			    e, "port %u is protected by policy %s", port, p->path);
	}
	return 0;
}

/* Without a name the fault itself passes over those that are protected. */
static int
check_interface(const struct policy *p, const struct spec *s, struct err *e)
{
	const char *name;

	for (size_t i = 0; (name = spec_string(s, "interface", i)) != NULL; i++) {
		if (protect_names(p->protect.interfaces, name))
			return err_refused(
			    e, "interface '%s' is protected by policy %s", name, p->path);
	}
	return 0;
}

/* A rule of its own: whoever allows delays on this host has not thought of every container
 * on it. */
static int
check_network(const struct policy *p, const struct spec *s, struct err *e)
{
	if ((kind_find(s->kind)->flags & KIND_NETWORK) == 0)
		return 0;
	if (spec_has(s, "pid") && !p->network_of_pid)
		return err_refused(e,
		    "policy %s does not allow faults in the network of a process: it "
		    "must say 'network-of pid'",
		    p->path);
	if (spec_has(s, "container") && !p->network_of_container)
		return err_refused(e,
		    "policy %s does not allow faults in the network of a container: it "
		    "must say 'network-of container'",
		    p->path);
	return 0;
}

int
policy_check(const struct policy *p, const struct spec *s, struct err *e)
{
	char asked[64], most[64];

	if (check_kind(p, s, e) != 0)
		return e->code;
	if (s->duration > p->max_duration)
		return err_refused(e, "for=%s is more than the %s of policy %s",
		    format_usec(s->duration, asked, sizeof(asked)),
		    format_usec(p->max_duration, most, sizeof(most)), p->path);
	if (policy_check_limits(p, s, e) != 0)
		return e->code;
	if (check_network(p, s, e) != 0 || check_ports(p, s, e) != 0)
		return e->code;
	return check_interface(p, s, e);
}

/* To enter another network; a holder gives it up before it reads what it is to do. */
static uint64_t
entry_caps(const struct policy *p, const struct kind *k)
{
	if ((k->flags & KIND_NETWORK) == 0 ||
	    (!p->network_of_pid && !p->network_of_container))
		return 0;
	return CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_SYS_PTRACE);
}

uint64_t
policy_caps(const struct policy *p)
{
	uint64_t caps = 0;

	FOR_EACH_KIND(k) {
		if (allows(p, *k))
			caps |= (*k)->caps | entry_caps(p, *k);
	}
	return caps;
}
