/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes are meant.  One walk over /proc.  For each process the cheapest selector is asked first and the rest
 * only if it held; what it is (start time, parent, kernel thread) is read only of those
 * that matched.  A process is protected by who it is, never by what it is called, except
 * for the names that policy lists.
 */
#include "match.h"
#include "cleanup.h"
#include "err.h"
#include "proc.h"
#include "protect.h"
#include "spec.h"
#include "xalloc.h"
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTENERS_MAX 1024
#define ANCESTORS_MAX 64
#define CMDLINE_MAX   (128 * 1024)
#define EXE_MAX       4096

struct search {
	const struct spec *spec;
	const struct protect *protect;
	const char *name, *cmdline, *exe; /* "" when not asked for */
	pid_t pid;                        /* 0 when not asked for */
	bool by_port;
	pid_t listeners[LISTENERS_MAX];
	size_t listeners_count;
	pid_t stop_button[ANCESTORS_MAX]; /* the controller and its ancestors */
	size_t stop_button_count;
	struct {
		pid_t pid;
		bool is_ours;
	} parent; /* the last one looked at: siblings come in rows */
	struct target *found;
	size_t found_count;
	size_t excluded;
	size_t protected_count;
	char protected_names[128];
	char line[CMDLINE_MAX];
	char path[EXE_MAX];
};

static bool
list_has(const pid_t *list, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i] == pid)
			return true;
	}
	return false;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* The executable's path, "" for a kernel thread; a replaced binary (an upgrade that has
 * not been restarted) is still meant by its path. */
static const char *
read_exe(struct search *s, int dir)
{
	static const char deleted[] = " (deleted)";
	ssize_t len = proc_exe(dir, s->path, sizeof(s->path));
	const size_t tail = sizeof(deleted) - 1;

	if (len < 0)
		return "";
	if ((size_t)len > tail && strcmp(s->path + (size_t)len - tail, deleted) == 0)
		s->path[(size_t)len - tail] = '\0';
	return s->path;
}

static bool
is_called(struct search *s, const char *name, const char *comm, int dir)
{
	return strcmp(comm, name) == 0 || strcmp(base_name(read_exe(s, dir)), name) == 0;
}

static bool
is_asked_for(struct search *s, pid_t pid, int dir)
{
	char comm[16];

	if (s->by_port && !list_has(s->listeners, s->listeners_count, pid))
		return false;
	if (s->name[0] != '\0' &&
	    (proc_comm(dir, comm) < 0 || !is_called(s, s->name, comm, dir)))
		return false;
	if (s->exe[0] != '\0' && strcmp(read_exe(s, dir), s->exe) != 0)
		return false;
	if (s->cmdline[0] == '\0')
		return true;
	return proc_cmdline(dir, s->line, sizeof(s->line)) > 0 &&
	       fnmatch(s->cmdline, s->line, 0) == 0;
}

static bool
is_excluded(struct search *s, const struct proc *p, int dir)
{
	const char *name;

	for (size_t i = 0; (name = spec_string(s->spec, "exclude", i)) != NULL; i++) {
		if (is_called(s, name, p->comm, dir))
			return true;
	}
	return false;
}

/* Up the line of parents: is it of the agent's or of our own making? */
static bool
is_of_the_agent(struct search *s, pid_t pid)
{
	const pid_t self = getpid();
	struct proc p;

	while (pid > 0) {
		if (pid == self || pid == s->protect->agent_pid)
			return true;
		pid = proc_read(pid, &p) < 0 ? 0 : p.ppid;
	}
	return false;
}

static const char *
protected_by_policy(struct search *s, const struct proc *p, int dir)
{
	for (const char *n = s->protect->processes; *n != '\0'; n += strlen(n) + 1) {
		if (is_called(s, n, p->comm, dir))
			return "protected by policy";
	}
	return NULL;
}

/* Why this process must not be touched; NULL when it may be. */
static const char *
why_protected(struct search *s, const struct proc *p, int dir)
{
	if (p->id.pid == 1)
		return "pid 1";
	if (p->is_kernel)
		return "a kernel thread";
	if (p->id.pid == getpid() || p->id.pid == s->protect->agent_pid)
		return "of the agent";
	if (p->ppid != s->parent.pid) {
		s->parent.pid = p->ppid;
		s->parent.is_ours = is_of_the_agent(s, p->ppid);
	}
	if (s->parent.is_ours)
		return "of the agent";
	if (list_has(s->stop_button, s->stop_button_count, p->id.pid))
		return "the controller or a parent of it";
	return protected_by_policy(s, p, dir);
}

static void
note_protected(struct search *s, const struct proc *p, const char *why)
{
	size_t used = strlen(s->protected_names);
	size_t room = sizeof(s->protected_names) - used;
	int n;

	s->protected_count++;
	n = snprintf(s->protected_names + used, room, "%s%s %d (%s)",
	    used == 0 ? "" : ", ", p->comm, p->id.pid, why);
	if (n < 0 || (size_t)n >= room)
		s->protected_names[used] = '\0'; /* whole entries only */
}

static int
visit(void *ctx, pid_t pid, int dir)
{
	struct search *s = ctx;
	struct proc p;
	const char *why;

	if (!is_asked_for(s, pid, dir) || proc_read_at(pid, dir, &p) < 0)
		return 0;
	if (p.state == 'Z' || p.state == 'X')
		return 0; /* dead already; only its parent has not looked */
	if (is_excluded(s, &p, dir)) {
		s->excluded++;
		return 0;
	}
	why = why_protected(s, &p, dir);
	if (why != NULL) {
		note_protected(s, &p, why);
		return 0;
	}
	if ((s->found_count & (s->found_count - 1)) == 0) /* a power of two: full */
		s->found =
		    xrealloc(s->found, (s->found_count * 2 + 1) * sizeof(*s->found));
	s->found[s->found_count] = (struct target){ .id = p.id, .pidfd = -1 };
	memcpy(s->found[s->found_count].comm, p.comm, sizeof(p.comm));
	s->found_count++;
	return 0;
}

/* The drill's stop button: stormctl, the shell it was typed into, and so on upwards. */
static void
find_stop_button(struct search *s)
{
	pid_t pid = s->protect->controller_pid;
	struct proc p;

	while (pid > 1 && s->stop_button_count < ARRAY_LEN(s->stop_button)) {
		s->stop_button[s->stop_button_count++] = pid;
		pid = proc_read(pid, &p) < 0 ? 0 : p.ppid;
	}
}

static int
find_listeners(struct search *s, struct err *e)
{
	int n;

	if (!spec_has(s->spec, "port"))
		return 0;
	s->by_port = true;
	n = proc_listeners((uint16_t)spec_num(s->spec, "port"), s->listeners,
	    ARRAY_LEN(s->listeners), e);
	if (n < 0)
		return n;
	if ((size_t)n > ARRAY_LEN(s->listeners))
		return err_set(e, -E2BIG,
		    "%d processes listen on port %d: too many to choose among", n,
		    (int)spec_num(s->spec, "port"));
	s->listeners_count = (size_t)n;
	return 0;
}

/* "name=nginx port=80": the selectors as they were asked. */
static const char *
describe_selectors(const struct spec *spec, char *buf, size_t size)
{
	static const char *const names[] = { "name", "cmdline", "exe", "pid", "port" };
	char value[100];
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(names) && used < size; i++) {
		if (!spec_has(spec, names[i]))
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s=%s",
		    used == 0 ? "" : " ", names[i],
		    spec_format(spec, names[i], value, sizeof(value)));
	}
	return buf;
}

static int
nothing_found(const struct search *s, struct err *e)
{
	char selectors[120];
	const char *asked = describe_selectors(s->spec, selectors, sizeof(selectors));

	if (s->protected_count > 0)
		return err_refused(e, "%s matches only what must not be touched: %s",
		    asked, s->protected_names);
	if (s->excluded > 0)
		return err_set(
		    e, -ESRCH, "%s matches only processes that are excluded", asked);
	return err_set(e, -ESRCH, "no process matches %s", asked);
}

static void
search_freep(struct search **s)
{
	if (*s != NULL)
		free((*s)->found);
	free(*s);
}

static int
walk(struct search *s, struct err *e)
{
	_cleanup_close_ int dir = -1;

	if (s->pid == 0)
		return proc_each_pid(visit, s, e);
	dir = proc_open(s->pid);
	return dir < 0 ? 0 : visit(s, s->pid, dir);
}

int
match_processes(const struct spec *spec, const struct protect *protect,
    struct target **ret, size_t *ret_count, struct err *e)
{
	_cleanup_(search_freep) struct search *s = xcalloc(1, sizeof(*s));
	int rc;

	s->spec = spec;
	s->protect = protect;
	s->name = spec_text(spec, "name");
	s->cmdline = spec_text(spec, "cmdline");
	s->exe = spec_text(spec, "exe");
	s->pid = (pid_t)spec_num(spec, "pid");
	find_stop_button(s);
	rc = find_listeners(s, e);
	if (rc == 0)
		rc = walk(s, e);
	if (rc < 0)
		return rc;
	if (s->found_count == 0)
		return nothing_found(s, e);
	*ret = steal_ptr(&s->found);
	*ret_count = s->found_count;
	return 0;
}
