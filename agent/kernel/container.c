/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers in /proc.  The name of its cgroup is what every engine gives a container:
 * /docker/ID, docker-ID.scope, libpod-ID.scope, kubepods/…/ID, /ID of a plain runc.  Only
 * where an agent is not shown them (a container whose cgroup is the root's) are the mounts
 * asked: engines bind files from a directory of the container's over its /etc.
 *
 * The marks of an engine's helpers (conmon, a shim, a log collector that mounts every
 * container's files) must not match: they live in other networks.
 */
#include "container.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "proc.h"
#include "quote.h"
#include "xalloc.h"

#define CGROUP_TEXT_MAX 16384
#define MOUNTS_TEXT_MAX (512 * 1024)

static const char hex_digits[] = "0123456789abcdef";

/* What stands before the id in the names that engines give their cgroups. */
static const char *const engines[] = { "docker-", "libpod-", "cri-containerd-", "crio-",
	"nerdctl-", "runc-", "crun-", "lxc.payload." };

/* systemd's own: a service is no container. */
static const char *const units[] = { ".slice", ".service", ".mount", ".socket", ".swap" };

static bool
is_hex(const char *name)
{
	size_t len = strlen(name);

	return len >= CONTAINER_PREFIX_MIN && strspn(name, hex_digits) == len;
}

static bool
ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), tail = strlen(end);

	return len >= tail && strcmp(s + len - tail, end) == 0;
}

static bool
is_named(const char *id, const char *name)
{
	if (!is_hex(name))
		return strcmp(id, name) == 0;
	return is_hex(id) && strncmp(id, name, strlen(name)) == 0;
}

/* Is this one component of a path the container's?  Cut to the id when it is. */
static bool
take_id(char *component, const char *name, char ret_id[static CONTAINER_ID_MAX])
{
	char *colon = strrchr(component, ':'); /* kubepods-….slice:cri-containerd:ID */
	char *id = colon != NULL ? colon + 1 : component;
	bool is_scope = ends_with(id, ".scope");

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (ends_with(id, units[i]))
			return false;
	}
	if (is_scope)
		id[strlen(id) - strlen(".scope")] = '\0';
	if (!is_scope && strlen(id) < CONTAINER_ID_MAX && is_named(id, name)) {
		(void)snprintf(ret_id, CONTAINER_ID_MAX, "%s", id);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
		size_t len = strlen(engines[i]);

		if (strncmp(id, engines[i], len) != 0 ||
		    strlen(id + len) >= CONTAINER_ID_MAX || !is_named(id + len, name))
			continue;
		(void)snprintf(ret_id, CONTAINER_ID_MAX, "%s", id + len);
		return true;
	}
	return false;
}

/* What a container makes below its own cgroup.  A word that is no hex number may name any
 * directory on the way: only at the end of it is it a container's. */
static bool
is_end(const char *rest)
{
	return *rest == '\0' || strcmp(rest, "/container") == 0 ||
	       strcmp(rest, "/init.scope") == 0;
}

static bool
take_path(const char *path, const char *name, struct container_mark *ret)
{
	const char *at = path;

	while (*at == '/') {
		char component[256];
		size_t len = strcspn(++at, "/");

		(void)snprintf(component, sizeof(component), "%.*s", (int)len, at);
		at += len;
		if (len >= sizeof(component) || !take_id(component, name, ret->id))
			continue;
		if (is_hex(name)) {
			ret->place[0] = '\0';
			return true;
		}
		if (!is_end(at) || (size_t)(at - path) >= sizeof(ret->place))
			continue;
		(void)snprintf(
		    ret->place, sizeof(ret->place), "%.*s", (int)(at - path), path);
		return true;
	}
	return false;
}

/* "4:memory:/docker/ID": one line for each hierarchy, of which any will do. */
bool
container_by_cgroup(const char *text, const char *name, struct container_mark *ret)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char line[4352];
		char *path;

		(void)snprintf(line, sizeof(line), "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
		path = strchr(line, ':');
		path = path != NULL ? strchr(path + 1, ':') : NULL;
		if (len < sizeof(line) && path != NULL && take_path(path + 1, name, ret))
			return true;
	}
	return false;
}

static bool
is_marked_mount(const char *point)
{
	static const char *const files[] = { "/etc/hostname", "/etc/hosts",
		"/etc/resolv.conf", "/run/.containerenv" };
	static const char cgroups[] = "/sys/fs/cgroup";

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (strcmp(point, files[i]) == 0)
			return true;
	}
	return strncmp(point, cgroups, strlen(cgroups)) == 0;
}

/* "36 35 98:0 /var/lib/docker/containers/ID/hostname /etc/hostname rw …" */
bool
container_by_mounts(const char *text, const char *name, struct container_mark *ret)
{
	if (!is_hex(name))
		return false; /* a word may stand anywhere in a path */
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char line[4352], *save = NULL, *root = NULL, *field = NULL;

		(void)snprintf(line, sizeof(line), "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
		for (int i = 0; i < 5; i++) {
			root = field;
			field = strtok_r(i == 0 ? line : NULL, " ", &save);
		}
		if (len < sizeof(line) && root != NULL && field != NULL &&
		    is_marked_mount(field) && take_path(root, name, ret))
			return true;
	}
	return false;
}

/* Ids of digits are unique by themselves; "web" is one container only in one place. */
static bool
is_same(const struct container_mark *a, const struct container_mark *b)
{
	return strcmp(a->id, b->id) == 0 && strcmp(a->place, b->place) == 0;
}

static bool
is_earlier(const struct process_id *a, const struct process_id *b)
{
	return a->start != b->start ? a->start < b->start : a->pid < b->pid;
}

void
container_search_see(struct container_search *s, const struct process_id *process,
    const struct container_mark *mark)
{
	if (s->is_found && !is_same(&s->mark, mark)) {
		s->is_several = true;
		s->other = *mark;
		return;
	}
	if (s->is_found && !is_earlier(process, &s->found.init))
		return;
	s->is_found = true;
	s->mark = *mark;
	s->found.init = *process;
	memcpy(s->found.id, mark->id, sizeof(s->found.id));
}

/* As much of two ids as it takes to tell them apart, and a little more. */
static int
telling(const char *a, const char *b)
{
	int n = 0;

	while (a[n] != '\0' && a[n] == b[n])
		n++;
	return n + 4;
}

int
container_search_end(
    const struct container_search *s, struct container *ret, struct err *e)
{
	const struct container_mark *a = &s->mark, *b = &s->other;
	int len = telling(a->id, b->id);

	if (s->is_several && strcmp(a->id, b->id) == 0)
		return err_refused(e,
		    "there is more than one container '%s': %.60s and %.60s; name a "
		    "process of the one that is meant with pid=",
		    quote(s->name).text, a->place, b->place);
	if (s->is_several)
		return err_refused(e,
		    "'%s' is more than one container: %.*s… and %.*s…; write more of its "
		    "id",
		    quote(s->name).text, len, a->id, len, b->id);
	if (s->is_found) {
		*ret = s->found;
		return 0;
	}
	if (strspn(s->name, hex_digits) == strlen(s->name) && !is_hex(s->name))
		return err_set(e, -ESRCH,
		    "no container '%s' runs here (a part of an id is its first %d digits "
		    "or more)",
		    quote(s->name).text, CONTAINER_PREFIX_MIN);
	return err_set(e, -ESRCH, "no container '%s' runs here", quote(s->name).text);
}

/* --- /proc ---------------------------------------------------------------------------- */

struct walk {
	struct container_search *search;
	const char *file;
	bool (*by)(const char *text, const char *name, struct container_mark *ret);
	bool spares_ours; /* pass over processes that see the same mounts as we do */
	uint64_t our_mounts;
	char *text;
	size_t size;
};

static uint64_t
mounts_of(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, 0) == 0 ? (uint64_t)st.st_ino : 0;
}

static int
look_at(void *ctx, pid_t pid, int dir)
{
	struct walk *w = ctx;
	struct container_mark mark;
	struct proc p;

	if (w->spares_ours && mounts_of(dir, "ns/mnt") == w->our_mounts)
		return 0;
	if (read_file_at(dir, w->file, w->text, w->size) <= 0 ||
	    !w->by(w->text, w->search->name, &mark))
		return 0;
	if (proc_read_at(pid, dir, &p) == 0 && p.state != 'Z' && p.state != 'X')
		container_search_see(w->search, &p.id, &mark);
	return 0;
}

static int
walk(struct walk *w, size_t size, struct err *e)
{
	_cleanup_free_ char *text = xcalloc(1, size);

	w->text = text;
	w->size = size;
	return proc_each_pid(look_at, w, e);
}

int
container_find(const char *name, struct container *ret, struct err *e)
{
	struct container_search search = { .name = name };
	struct walk by_cgroup = {
		.search = &search, .file = "cgroup", .by = container_by_cgroup
	};
	struct walk by_mounts = { .search = &search,
		.file = "mountinfo",
		.by = container_by_mounts,
		.spares_ours = true,
		.our_mounts = mounts_of(AT_FDCWD, "/proc/self/ns/mnt") };
	int rc = walk(&by_cgroup, CGROUP_TEXT_MAX, e);

	if (rc == 0 && !search.is_found && is_hex(name))
		rc = walk(&by_mounts, MOUNTS_TEXT_MAX, e);
	return rc < 0 ? rc : container_search_end(&search, ret, e);
}
