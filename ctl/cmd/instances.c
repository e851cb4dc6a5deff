/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the host's agents, alive or dead.  Reads directories and nothing else. */
#include "instances.h"
#include "api.h"
#include "ask_hosts.h"
#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "ident.h"
#include "parse.h"
#include "process.h"
#include "spawn.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
cleanup_dir(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d); /* it was only read */
}

static int
set_instance(struct instance *i, const char *host_dir, const char *run_dir,
    const char *name, struct err *e)
{
	int n = run_dir != NULL ?
		    snprintf(i->run_dir, sizeof(i->run_dir), "%s", run_dir) :
		    snprintf(i->run_dir, sizeof(i->run_dir), "%s/%s", host_dir, name);

	if (n < 0 || (size_t)n >= sizeof(i->run_dir) ||
	    strlen(host_dir) >= sizeof(i->host_dir))
		return err_set(
		    e, -ENAMETOOLONG, "the name of a run directory is too long");
	(void)snprintf(i->host_dir, sizeof(i->host_dir), "%s", host_dir);
	(void)snprintf(i->name, sizeof(i->name), "%.63s", name);
	return 1;
}

static bool
is_instance(const char *name)
{
	struct err e;

	return parse_name(name, &e) == 0 && strcmp(name, LOCKS_DIR) != 0 &&
	       strcmp(name, SHARED_DIR) != 0;
}

int
instances_find(
    const struct agent_options *o, struct instance *ret, size_t max, struct err *e)
{
	const char *host_dir = o->host_dir != NULL ? o->host_dir : HOST_DIR_DEFAULT;
	const struct dirent *entry;
	size_t count = 0;

	if (o->run_dir != NULL) {
		const char *base = strrchr(o->run_dir, '/');
		const char *name =
		    base != NULL && base[1] != '\0' ? base + 1 : o->run_dir;

		return set_instance(ret, host_dir, o->run_dir,
		    o->instance != NULL ? o->instance : name, e);
	}
	if (o->instance != NULL)
		return set_instance(ret, host_dir, NULL, o->instance, e);
	_cleanup_(cleanup_dir) DIR *dir = opendir(host_dir);
	if (dir == NULL)
		return errno == ENOENT ? 0 : err_errno(e, "read '%s'", host_dir);
	while (count < max && (entry = readdir(dir)) != NULL) {
		if (entry->d_type != DT_DIR || !is_instance(entry->d_name))
			continue;
		int r = set_instance(&ret[count], host_dir, NULL, entry->d_name, e);
		if (r < 0)
			return r;
		count++;
	}
	return (int)count;
}

bool
host_is_halted(const struct agent_options *o)
{
	char path[PATH_LEN_MAX];

	(void)snprintf(path, sizeof(path), "%s/" HALTED_FILE,
	    o->host_dir != NULL ? o->host_dir : HOST_DIR_DEFAULT);
	return access(path, F_OK) == 0;
}

static int
count_records(const char *parent)
{
	char path[PATH_LEN_MAX + sizeof(UNDO_DIR) + 1];
	const struct dirent *entry;
	int count = 0;

	(void)snprintf(path, sizeof(path), "%s/" UNDO_DIR, parent);
	_cleanup_(cleanup_dir) DIR *dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		count += is_fault_id(entry->d_name);
	return count;
}

/* The run-dir says where the rest of its records is. */
int
instance_left(const struct instance *i)
{
	char path[PATH_LEN_MAX + sizeof(STATE_FILE) + 1], state_dir[PATH_LEN_MAX];

	(void)snprintf(path, sizeof(path), "%s/" STATE_FILE, i->run_dir);
	if (read_file_at(AT_FDCWD, path, state_dir, sizeof(state_dir)) < 0)
		return count_records(i->run_dir);
	return count_records(i->run_dir) + count_records(state_dir);
}

int
instance_undo(const struct instance *i, const char *verb, bool quiet, struct err *e)
{
	char path[PATH_LEN_MAX];
	_cleanup_close_ int pidfd = -1;
	pid_t pid;
	int status = 0;
	int r = program_path("stormd-undo", path, sizeof(path), e);

	if (r < 0)
		return r;
	const char *argv[] = { path, verb, "--host-dir", i->host_dir, NULL, NULL, NULL };
	if (i->run_dir[0] != '\0') {
		argv[4] = "--run-dir";
		argv[5] = i->run_dir;
	}
	const struct spawn s = { .path = path,
		.argv = argv,
		.out = quiet ? 0 : STDOUT_FILENO,
		.err = STDERR_FILENO,
		.role = SPAWN_TOOL };

	(void)fflush(stdout); /* our words before its own */
	r = spawn(&s, &pid, &pidfd, e);
	if (r < 0)
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "wait for stormd-undo");
	if (!WIFEXITED(status))
		return err_set(e, -ECHILD, "stormd-undo was killed");
	return WEXITSTATUS(status);
}

int
instance_embed(const struct agent_options *o, enum fleet_ask what, struct err *e)
{
	struct agent_options own = {
		.host_dir = o->host_dir, .state_dir = o->state_dir, .embedded = true
	};
	json_t *answer = NULL;
	struct err left = { 0 };
	struct agent a;
	int r = agent_find(&a, &own, e);

	if (r < 0)
		return r;
	r = ask_socket(a.socket, what, &answer, e);
	json_decref(answer);
	if (agent_leave(&a, &left) < 0 && r == 0) {
		*e = left;
		r = left.code;
	}
	return r;
}
