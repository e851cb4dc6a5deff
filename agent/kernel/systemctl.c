/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemctl as a child, each time anew: libsystemd in a process that runs as root would be
 * one more protocol to trust, and what is asked here is asked a few times in a drill.
 */
#include "systemctl.h"

#include "cleanup.h"
#include "err.h"
#include "parse.h"
#include "spawn.h"
#include "xalloc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOW_MAX 16384
#define PATIENCE 10000 /* ms, of a systemd that has much to do */

static const char *
program(void)
{
	static const char *const places[] = { "/usr/bin/systemctl", "/bin/systemctl" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	return NULL;
}

int
systemctl_supported(struct err *e)
{
	if (access("/run/systemd/system", F_OK) < 0)
		return err_unsupported(e, "systemd is not the init of this host");
	if (program() == NULL)
		return err_unsupported(
		    e, "systemctl is neither in /usr/bin nor in /bin (package systemd)");
	return 0;
}

static int
run(const char **argv, char *out, size_t size, int barrier_fd, struct err *e)
{
	const struct run_tool t = {
		.argv = argv,
		.out = out,
		.out_size = size,
		.keep_fd = barrier_fd,
		.timeout_ms = PATIENCE,
	};

	argv[0] = program();
	if (argv[0] == NULL)
		return systemctl_supported(e);
	return run_tool(&t, e);
}

/* --- what systemctl show prints: KEY=VALUE, a line each ----------------------------------- */

static void
keep(char *to, size_t size, const char *value)
{
	(void)snprintf(to, size, "%s", value);
}

/* Several properties make one list. */
static void
add_names(char *list, size_t size, const char *names)
{
	size_t used = strlen(list);

	if (names[0] != '\0')
		(void)snprintf(
		    list + used, size - used, "%s%s", used > 0 ? " " : "", names);
}

static void
take_name(struct unit *u, const char *key, const char *value)
{
	static const char *const along[] = { "RequiredBy", "BoundBy", "ConsistsOf",
		"PropagatesStopTo" };

	if (strcmp(key, "TriggeredBy") == 0)
		add_names(u->triggers, sizeof(u->triggers), value);
	for (size_t i = 0; i < ARRAY_LEN(along); i++) {
		if (strcmp(key, along[i]) == 0)
			add_names(u->dependents, sizeof(u->dependents), value);
	}
}

static void
take(struct unit *u, const char *key, const char *value)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} texts[] = {
		{ "Id", u->id, sizeof(u->id) },
		{ "LoadState", u->load, sizeof(u->load) },
		{ "ActiveState", u->active, sizeof(u->active) },
		{ "SubState", u->sub, sizeof(u->sub) },
		{ "Result", u->result, sizeof(u->result) },
		{ "ControlGroup", u->cgroup, sizeof(u->cgroup) },
	};
	struct err none = { 0 };
	int64_t pid = 0;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (strcmp(key, texts[i].key) == 0)
			keep(texts[i].to, texts[i].size, value);
	}
	if (strcmp(key, "MainPID") == 0 && parse_i64(value, &pid, &none) == 0)
		u->main_pid = (pid_t)pid;
	if (strcmp(key, "Job") == 0)
		u->has_job = value[0] != '\0' && strcmp(value, "0") != 0;
	if (strcmp(key, "CanStart") == 0)
		u->can_start = strcmp(value, "yes") == 0;
	if (strcmp(key, "CanStop") == 0)
		u->can_stop = strcmp(value, "yes") == 0;
	if (strcmp(key, "Transient") == 0)
		u->is_transient = strcmp(value, "yes") == 0;
	take_name(u, key, value);
}

int
unit_show(const char *name, int barrier_fd, struct unit *ret, struct err *e)
{
	static const char wanted[] =
	    "--property=Id,LoadState,ActiveState,SubState,Result,ControlGroup,MainPID,Job,"
	    "CanStart,CanStop,Transient,TriggeredBy,RequiredBy,BoundBy,ConsistsOf,"
	    "PropagatesStopTo";
	const char *argv[] = { NULL, "show", "--no-pager", wanted, "--", name, NULL };
	_cleanup_free_ char *out = xcalloc(1, SHOW_MAX);
	struct unit u = { .main_pid = 0 };
	char *rest = NULL;

	if (run(argv, out, SHOW_MAX, barrier_fd, e) < 0)
		return e->code;
	for (char *line = strtok_r(out, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *value = strchr(line, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		take(&u, line, value);
	}
	if (u.id[0] == '\0' || u.active[0] == '\0')
		return err_set(e, -EBADMSG, "systemctl says nothing of unit '%s'", name);
	*ret = u;
	return 0;
}

int
unit_start(const char *name, int barrier_fd, struct err *e)
{
	const char *argv[] = { NULL, "start", "--no-block", "--no-ask-password", "--",
		name, NULL };

	return run(argv, NULL, 0, barrier_fd, e);
}

int
unit_stop(const char *const *names, int barrier_fd, struct err *e)
{
	const char *argv[24] = { NULL, "stop", "--no-block", "--no-ask-password", "--" };

	for (size_t n = 5; *names != NULL && n + 1 < ARRAY_LEN(argv); n++)
		argv[n] = *names++;
	return run(argv, NULL, 0, barrier_fd, e);
}

int
unit_kill(const char *name, int barrier_fd, struct err *e)
{
	const char *argv[] = { NULL, "kill", "--signal=KILL", "--no-ask-password", "--",
		name, NULL };

	return run(argv, NULL, 0, barrier_fd, e);
}

bool
unit_is_up(const struct unit *u)
{
	return strcmp(u->active, "active") == 0 || strcmp(u->active, "reloading") == 0;
}

bool
unit_is_coming(const struct unit *u)
{
	return unit_is_up(u) || strcmp(u->active, "activating") == 0 || u->has_job;
}

bool
unit_is_down(const struct unit *u)
{
	return strcmp(u->active, "inactive") == 0 || strcmp(u->active, "failed") == 0;
}

bool
unit_is_name(const char *name)
{
	static const char *const types[] = { ".service", ".socket", ".timer", ".path" };
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789:-_.\\@";
	const char *type = strrchr(name, '.');

	if (type == NULL || type == name || name[0] == '-' ||
	    strlen(name) >= UNIT_NAME_MAX || name[strspn(name, allowed)] != '\0')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(type, types[i]) == 0)
			return true;
	}
	return false;
}
