/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors, the cheapest first: most processes are turned away by one small file.  What is
 * read is read by its path below /proc; whoever takes a match further asks again with the
 * process's own directory, which never comes to mean another process.
 */
#include "wanted.h"
#include "cleanup.h"
#include "container.h"
#include "ere.h"
#include "err.h"
#include "glob.h"
#include "proc.h"
#include "spec.h"
#include "user.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define EXE_MAX    4096
#define REGEX_TIME (2 * USEC_PER_SEC) /* of one look at all processes */

/* --- what is asked for ------------------------------------------------------------------ */

static void
read_unit(struct wanted *w, const char *unit)
{
	static const char *const suffixes[] = { ".service", ".scope", ".slice", ".socket",
		".mount", ".swap" };
	const char *dot = strrchr(unit, '.');
	bool has_suffix = unit[0] == '\0';

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		has_suffix |= dot != NULL && strcmp(dot, suffixes[i]) == 0;
	(void)snprintf(
	    w->unit, sizeof(w->unit), "%s%s", unit, has_suffix ? "" : ".service");
}

static void
read_cgroup(struct wanted *w, const char *path)
{
	size_t len;

	(void)snprintf(w->cgroup, sizeof(w->cgroup), "%s", path);
	len = strlen(w->cgroup);
	while (len > 1 && w->cgroup[len - 1] == '/')
		w->cgroup[--len] = '\0';
}

static int
read_pid(struct wanted *w, const struct spec *s, struct err *e)
{
	pid_t pid = (pid_t)spec_num(s, "pid");

	if (pid == 0 || process_id_get(pid, &w->process) == 0)
		return 0;
	return err_set(e, -ESRCH, "there is no process %d", pid);
}

int
wanted_read(struct wanted *w, const struct spec *s, struct err *e)
{
	w->name = spec_text(s, "name");
	w->cmdline = spec_text(s, "cmdline");
	w->exe = spec_text(s, "exe");
	read_unit(w, spec_text(s, "unit"));
	read_cgroup(w, spec_text(s, "cgroup"));
	if (spec_has(s, "cmdline_regex")) {
		if (ere_compile(spec_text(s, "cmdline_regex"), &w->regex, e) < 0)
			return e->code;
		w->by_regex = true;
	}
	if (spec_has(s, "user")) {
		if (user_find(USER_PASSWD, spec_text(s, "user"), &w->uid, e) < 0)
			return e->code;
		w->by_user = true;
	}
	if (spec_has(s, "container") &&
	    container_members_open(spec_text(s, "container"), &w->container, e) < 0)
		return e->code;
	return read_pid(w, s, e);
}

int
wanted_refresh(struct wanted *w, const struct spec *s, struct err *e)
{
	int n;

	w->regex_took = 0;
	if (!spec_has(s, "port"))
		return 0;
	w->by_port = true;
	n = proc_listeners(
	    (uint16_t)spec_num(s, "port"), w->listeners, WANTED_LISTENERS_MAX, e);
	if (n < 0)
		return n;
	if (n > WANTED_LISTENERS_MAX)
		return err_set(e, -E2BIG,
		    "%d processes listen on port %d: too many to choose among", n,
		    (int)spec_num(s, "port"));
	w->listeners_count = (size_t)n;
	return 0;
}

void
wanted_release(struct wanted *w)
{
	if (w->by_regex)
		regfree(&w->regex);
	container_members_free(w->container);
}

/* --- a process -------------------------------------------------------------------------- */

/* The executable's path, "" for a kernel thread; a replaced binary (an upgrade that has
 * not been restarted) is still meant by its path. */
static const char *
read_exe(int dir, const char *prefix, char buf[static EXE_MAX])
{
	static const char deleted[] = " (deleted)";
	const size_t tail = sizeof(deleted) - 1;
	char path[PROC_PATH_MAX];
	ssize_t len = proc_link(dir, proc_path(path, prefix, "exe"), buf, EXE_MAX);

	if (len < 0)
		return "";
	if ((size_t)len > tail && strcmp(buf + (size_t)len - tail, deleted) == 0)
		buf[(size_t)len - tail] = '\0';
	return buf;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

bool
is_called(const char *name, int dir, const char *prefix)
{
	char path[PROC_PATH_MAX], comm[32], exe[EXE_MAX];
	ssize_t len = proc_file(dir, proc_path(path, prefix, "comm"), comm, sizeof(comm));

	if (len > 0 && comm[len - 1] == '\n')
		comm[len - 1] = '\0';
	return (len > 0 && strcmp(comm, name) == 0) ||
	       strcmp(base_name(read_exe(dir, prefix, exe)), name) == 0;
}

static bool
has_listener(const struct wanted *w, pid_t pid)
{
	for (size_t i = 0; i < w->listeners_count; i++) {
		if (w->listeners[i] == pid)
			return true;
	}
	return false;
}

/* The directory is the effective user's even where its files are root's (a daemon that has
 * dropped its privileges): the kernel keeps it so for who only looks at that. */
static bool
is_of_user(uint32_t uid, int dir, const char *prefix)
{
	struct stat st;

	return fstatat(dir, prefix, &st, AT_EMPTY_PATH) == 0 && st.st_uid == uid;
}

static bool
is_in_cgroup(const char *path, const char *cgroup)
{
	size_t len = strlen(cgroup);

	return strncmp(path, cgroup, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* systemd writes a '_' before a name that the kernel could take for a file of its own. */
static bool
is_in_unit(const char *path, const char *unit)
{
	const size_t len = strlen(unit);

	while ((path = strchr(path, '/')) != NULL) {
		path++;
		path += *path == '_' && *unit != '_';
		if (strncmp(path, unit, len) == 0 &&
		    (path[len] == '\0' || path[len] == '/'))
			return true;
	}
	return false;
}

/* "4:memory:/x", "0::/x": a line for each tree, of which any will do. */
static bool
has_group(struct wanted *w, char *text)
{
	bool in_cgroup = w->cgroup[0] == '\0', in_unit = w->unit[0] == '\0';
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *path = strchr(line, ':');

		path = path != NULL ? strchr(path + 1, ':') : NULL;
		if (path == NULL)
			continue;
		in_cgroup |= w->cgroup[0] != '\0' && is_in_cgroup(path + 1, w->cgroup);
		in_unit |= w->unit[0] != '\0' && is_in_unit(path + 1, w->unit);
	}
	return in_cgroup && in_unit;
}

static bool
is_in_group(struct wanted *w, int dir, const char *prefix)
{
	char path[PROC_PATH_MAX];

	if (w->cgroup[0] == '\0' && w->unit[0] == '\0')
		return true;
	return proc_file(dir, proc_path(path, prefix, "cgroup"), w->text,
		   sizeof(w->text)) > 0 &&
	       has_group(w, w->text);
}

bool
wanted_is_slow(const struct wanted *w)
{
	return w->regex_took > REGEX_TIME;
}

static bool
has_expression(struct wanted *w, size_t len)
{
	const usec_t begin = clock_boottime();
	bool found;

	if (wanted_is_slow(w))
		return false;
	found = ere_matches(&w->regex, w->text, len);
	w->regex_took += clock_boottime() - begin;
	return found;
}

static bool
has_line(struct wanted *w, int dir, const char *prefix)
{
	char path[PROC_PATH_MAX];
	ssize_t len;

	if (w->cmdline[0] == '\0' && !w->by_regex)
		return true;
	len = proc_cmdline_at(
	    dir, proc_path(path, prefix, "cmdline"), w->text, sizeof(w->text));
	return len > 0 &&
	       (w->cmdline[0] == '\0' ||
		   glob_matches(w->cmdline, w->text, (size_t)len)) &&
	       (!w->by_regex || has_expression(w, (size_t)len));
}

bool
wanted_has(struct wanted *w, pid_t pid, int dir, const char *prefix)
{
	char exe[EXE_MAX];

	if ((w->process.pid != 0 && w->process.pid != pid) ||
	    (w->by_port && !has_listener(w, pid)) ||
	    (w->by_user && !is_of_user(w->uid, dir, prefix)))
		return false;
	if (w->name[0] != '\0' && !is_called(w->name, dir, prefix))
		return false;
	if (w->exe[0] != '\0' && strcmp(read_exe(dir, prefix, exe), w->exe) != 0)
		return false;
	return has_line(w, dir, prefix) && is_in_group(w, dir, prefix) &&
	       (w->container == NULL || container_members_has(w->container, dir, prefix));
}

const char *
describe_wanted(const struct spec *s, char *buf, size_t size)
{
	static const char *const names[] = { "name", "cmdline", "cmdline_regex", "exe",
		"pid", "port", "user", "unit", "cgroup", "container" };
	char value[100];
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(names) && used < size; i++) {
		if (!spec_has(s, names[i]))
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s=%s",
		    used == 0 ? "" : " ", names[i],
		    spec_format(s, names[i], value, sizeof(value)));
	}
	return buf;
}
