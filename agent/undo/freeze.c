/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two freezers.  v2: cgroup.freeze is what is asked for, "frozen" in cgroup.events what
 * has come of it, also by a group above.  v1: freezer.state is both, and looking at it is
 * what moves it on from FREEZING; freezer.self_freezing says whether it is our doing.
 */
#include "freeze.h"
#include "cgroup_place.h"
#include "cleanup.h"
#include "fdio.h"
#include "log.h"
#include "undo_table.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_PERIOD (1 * USEC_PER_MSEC)

static bool
is_v2(const struct undo *u)
{
	return strcmp(u->dev, FREEZE_CGROUP2) == 0;
}

static const char *
state_file(const struct undo *u)
{
	return is_v2(u) ? "cgroup.freeze" : "freezer.state";
}

bool
ours_cgroup_thaw(const struct undo *u, const char *fault)
{
	(void)fault; /* somebody's group: its inode is all there is to know it by */
	return undo_is_plain_path(u->name) &&
	       (is_v2(u) || strcmp(u->dev, FREEZE_V1) == 0);
}

/* --- the files -------------------------------------------------------------------------- */

static int
open_group(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	const struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	_cleanup_close_ int tree = is_v2(u) ? -1 : cgroup_tree(FREEZE_V1, e);
	_cleanup_close_ int dir = -1;
	int root = is_v2(u) ? undo_ctx_cgroup(c, e) : tree;
	struct stat st;

	if (root < 0)
		return root;
	dir = (int)syscall(SYS_openat2, root, u->name, &how, sizeof(how));
	if (dir < 0)
		return err_errno(e, "open cgroup '/%s'", u->name);
	if (fstat(dir, &st) < 0)
		return err_errno(e, "look at cgroup '/%s'", u->name);
	if ((int64_t)st.st_ino != u->num[0])
		return err_set(e, -ENOENT,
		    "cgroup '/%s' is gone: there is another of that name", u->name);
	return steal_fd(&dir);
}

static int
find_state_file(const struct undo_ctx *c, const struct undo *u)
{
	for (size_t i = 0; i < c->held_count; i++) {
		if (strcmp(c->held[i].tree, u->dev) == 0 &&
		    strcmp(c->held[i].name, u->name) == 0)
			return c->held[i].fd;
	}
	return -1;
}

static int
open_state_file(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int dir = open_group(c, u, e);
	int fd;

	if (dir < 0)
		return dir;
	fd = openat(dir, state_file(u), O_RDWR | O_CLOEXEC);
	return fd < 0 ? err_errno(e, "open %s of cgroup '/%s'", state_file(u), u->name) :
			fd;
}

/* kernfs says ENODEV for a file of a group that is gone. */
static bool
is_gone(int rc)
{
	return rc == -ENOENT || rc == -ENODEV;
}

/* A state file that is held is used as it is; else it is opened for this once. */
struct state {
	int fd, opened;
};

static void
state_end(struct state *s)
{
	cleanup_close(&s->opened);
}

static int
state_begin(struct undo_ctx *c, const struct undo *u, struct state *s, struct err *e)
{
	s->opened = -1;
	s->fd = find_state_file(c, u);
	if (s->fd < 0)
		s->fd = s->opened = open_state_file(c, u, e);
	return s->fd < 0 ? s->fd : 0;
}

static int
state_write(const struct undo *u, int fd, bool is_to_freeze)
{
	const char *text =
	    is_v2(u) ? (is_to_freeze ? "1" : "0") : (is_to_freeze ? "FROZEN" : "THAWED");

	return pwrite(fd, text, strlen(text), 0) < 0 ? -errno : 0;
}

/* What the file says, without its newline. */
static int
state_read(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

/* Has somebody asked for a group above to freeze, whatever has come of it so far? */
static bool
is_asked_above(struct undo_ctx *c, const struct undo *u)
{
	struct err why = { 0 };
	int root = undo_ctx_cgroup(c, &why);
	char path[PATH_LEN_MAX + sizeof("/cgroup.freeze")], text[8], *slash;

	(void)snprintf(path, sizeof(path), "%.*s", PATH_LEN_MAX - 1, u->name);
	while (root >= 0 && (slash = strrchr(path, '/')) != NULL) {
		(void)snprintf(slash, sizeof("/cgroup.freeze"), "/cgroup.freeze");
		if (read_file_at(root, path, text, sizeof(text)) > 0 && text[0] == '1')
			return true;
		*slash = '\0';
	}
	return false;
}

static int
look_v2(struct undo_ctx *c, const struct undo *u, const char *asked, struct err *e)
{
	_cleanup_close_ int dir = open_group(c, u, e);
	char events[256];

	if (dir < 0)
		return dir;
	if (read_file_at(dir, "cgroup.events", events, sizeof(events)) < 0)
		return err_set(
		    e, -ENOENT, "cgroup '/%s' went while it was looked at", u->name);
	if (strstr(events, "frozen 1") != NULL)
		return STATE_FROZEN;
	return strcmp(asked, "1") == 0 || is_asked_above(c, u) ? STATE_FREEZING :
								 STATE_THAWED;
}

int
freeze_look(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_(state_end) struct state s = { .opened = -1 };
	char text[32];
	int rc = state_begin(c, u, &s, e);

	if (rc == 0)
		rc = state_read(s.fd, text, sizeof(text));
	if (is_gone(rc))
		return err_set(e, -ENOENT, "cgroup '/%s' is gone", u->name);
	if (rc < 0)
		return err_set(e, rc, "read %s of cgroup '/%s': %s", state_file(u),
		    u->name, strerror(-rc));
	if (is_v2(u))
		return look_v2(c, u, text, e);
	if (strcmp(text, "THAWED") == 0)
		return STATE_THAWED;
	return strcmp(text, "FROZEN") == 0 ? STATE_FROZEN : STATE_FREEZING;
}

/* --- freezing --------------------------------------------------------------------------- */

static int
refuse_frozen(const struct undo *u, int state, struct err *e)
{
	if (state == STATE_THAWED)
		return 0;
	(void)err_refused(e,
	    "cgroup '/%s' is frozen already, itself or by one above it: whoever did that "
	    "has to thaw it",
	    u->name);
	return e->code = -EALREADY;
}

static int
hold(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct undo_held *h = &c->held[c->held_count];

	if (c->held_count == ARRAY_LEN(c->held))
		return err_set(e, -E2BIG, "too many cgroups for one fault");
	h->fd = open_state_file(c, u, e);
	if (h->fd < 0)
		return h->fd == -ENOENT ? err_unsupported(e,
					      "cgroup '/%s' has no %s: this kernel "
					      "cannot freeze it",
					      u->name, state_file(u)) :
					  h->fd;
	(void)snprintf(h->tree, sizeof(h->tree), "%s", u->dev);
	(void)snprintf(h->name, sizeof(h->name), "%s", u->name);
	c->held_count++;
	return 0;
}

int
freeze_plan(
    struct undo_ctx *c, const struct cgroup_place *place, struct undo *ret, struct err *e)
{
	struct undo u = { .op = UNDO_CGROUP_THAW, .num = { (int64_t)place->inode } };
	int state;

	(void)snprintf(
	    u.dev, sizeof(u.dev), "%s", place->version == 2 ? FREEZE_CGROUP2 : FREEZE_V1);
	(void)snprintf(u.name, sizeof(u.name), "%s", place->path);
	if (!undo_is_valid(&u, NULL))
		return err_refused(e, "cgroup '/%s' cannot be frozen", u.name);
	if (hold(c, &u, e) < 0)
		return e->code;
	state = freeze_look(c, &u, e);
	if (state < 0 || refuse_frozen(&u, state, e) < 0)
		return e->code;
	*ret = u;
	return 0;
}

int
freeze_begin(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_(state_end) struct state s = { .opened = -1 };
	int rc = freeze_look(c, u, e);

	if (rc < 0 || refuse_frozen(u, rc, e) < 0 || state_begin(c, u, &s, e) < 0)
		return e->code;
	rc = state_write(u, s.fd, true);
	return rc == 0 ?
		   0 :
		   err_set(e, rc, "freeze cgroup '/%s': %s", u->name, strerror(-rc));
}

int
freeze_await(struct undo_ctx *c, const struct undo *u, usec_t patience, struct err *e)
{
	const usec_t until = clock_boottime() + patience;
	int state;

	while (
	    (state = freeze_look(c, u, e)) == STATE_FREEZING && clock_boottime() < until)
		sleep_usec(LOOK_PERIOD);
	if (state < 0 || state == STATE_FROZEN)
		return state < 0 ? state : 0;
	return err_set(e, -ETIMEDOUT,
	    "cgroup '/%s' does not freeze: one of its processes does not leave the "
	    "kernel",
	    u->name);
}

/* --- thawing ---------------------------------------------------------------------------- */

int
run_cgroup_thaw(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_(state_end) struct state s = { .opened = -1 };
	int rc = state_begin(c, u, &s, e);

	if (rc == 0)
		rc = state_write(u, s.fd, false);
	if (is_gone(rc))
		return 0; /* and its processes with it: only an empty one can go */
	return rc == 0 ? 0 :
			 err_set(e, rc, "thaw cgroup '/%s': %s", u->name, strerror(-rc));
}

/* By its own wish, not by what a group above it does. */
static int
wants_frozen(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_(state_end) struct state s = { .opened = -1 };
	_cleanup_close_ int dir = -1;
	char text[32];
	int rc = state_begin(c, u, &s, e);

	if (rc == 0)
		rc = state_read(s.fd, text, sizeof(text));
	if (rc < 0 || is_v2(u) || strcmp(text, "THAWED") == 0)
		return rc < 0 ? rc : is_v2(u) && strcmp(text, "1") == 0;
	dir = open_group(c, u, e);
	if (dir < 0)
		return dir;
	rc = (int)read_file_at(dir, "freezer.self_freezing", text, sizeof(text));
	return rc < 0 ? rc : text[0] == '1';
}

int
check_cgroup_thaw(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	int rc = wants_frozen(c, u, e);

	if (is_gone(rc) || rc == 0)
		return 0;
	return err_set(e, rc < 0 ? rc : -EBUSY, "cgroup '/%s' is still frozen", u->name);
}

void
hand_cgroup_thaw(const struct undo *u, char *buf, size_t size)
{
	char word[HAND_WORD_MAX];

	if (is_v2(u))
		(void)snprintf(buf, size, "echo 0 > %s/%s/cgroup.freeze",
		    hand_cgroup_mount(), hand_word(u->name, word));
	else
		(void)snprintf(buf, size,
		    "echo THAWED > /sys/fs/cgroup/freezer/%s/freezer.state",
		    hand_word(u->name, word));
}
