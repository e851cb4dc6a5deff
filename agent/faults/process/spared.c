/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process is spared for who it is, never for what it is called, except for the names that
 * policy lists: pid 1, the kernel's threads, ourselves with all that we and the agent
 * started, the controller and whoever would end with it.
 */
#include "spared.h"
#include "proc.h"
#include "protect.h"
#include "wanted.h"
#include <string.h>
#include <unistd.h>

/* The drill's stop button: stormctl, the shell it was typed into, and so on upwards. */
void
spared_look(struct spared *s, const struct protect *protect)
{
	pid_t pid = protect->controller_pid;
	struct proc p;

	*s = (struct spared){ .protect = protect };
	while (pid > 1 && s->stop_button_count < ANCESTORS_MAX) {
		s->stop_button[s->stop_button_count++] = pid;
		pid = proc_read(pid, &p) < 0 ? 0 : p.ppid;
	}
}

static bool
is_of_the_stop_button(const struct spared *s, pid_t pid)
{
	for (size_t i = 0; i < s->stop_button_count; i++) {
		if (s->stop_button[i] == pid)
			return true;
	}
	return false;
}

/* Up the line of parents: is it of the agent's or of our own making? */
static bool
is_of_the_agent(const struct spared *s, pid_t pid)
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

static bool
is_named_by_policy(const struct spared *s, int dir)
{
	for (const char *n = s->protect->processes; *n != '\0'; n += strlen(n) + 1) {
		if (is_called(n, dir, ""))
			return true;
	}
	return false;
}

const char *
spared_why(struct spared *s, const struct proc *p, int dir)
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
	if (is_of_the_stop_button(s, p->id.pid))
		return "the controller or a parent of it";
	return is_named_by_policy(s, dir) ? "protected by policy" : NULL;
}
