/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which knobs there are, what their values look like, and reading and writing them.  A
 * value is taken apart before it is compared: the kernel shows more than was written
 * ("8:0 rbps=1048576" comes back with the three other keys), and no line at all for a
 * device without limits.
 */
#include "knob.h"
#include "cgroup_place.h"
#include "cleanup.h"
#include "fdio.h"
#include "knob_value.h"
#include "parse.h"
#include "undo_table.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KNOB_TEXT_MAX 16384 /* a line per device */

/* --- the file -------------------------------------------------------------------------- */

static int
open_tree(const char *tree, struct err *e)
{
	int fd;

	if (strcmp(tree, KNOB_SYSCTL) != 0)
		return cgroup_tree(tree, e);
	fd = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(e, "open '/proc/sys'") : fd;
}

static int
open_beneath(int dir, const char *path, uint64_t flags)
{
	const struct open_how how = { .flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* Its directory is still the one that was meant. */
static int
open_in(int root, const struct undo *u, struct err *e)
{
	const char *file = strrchr(u->name, '/') + 1; /* every name has a directory */
	char above[PATH_LEN_MAX];
	_cleanup_close_ int dir = -1;
	struct stat st;
	int fd;

	(void)snprintf(above, sizeof(above), "%.*s", (int)(file - u->name - 1), u->name);
	dir = open_beneath(root, above, O_PATH | O_DIRECTORY);
	if (dir < 0)
		return err_set(e, dir, "open '%s': %s", above, strerror(-dir));
	if (u->num[0] != 0 && (fstat(dir, &st) < 0 || (int64_t)st.st_ino != u->num[0]))
		return err_set(e, -ESTALE, "cgroup '/%s' is not the one it was", above);
	fd = open_beneath(dir, file, O_RDWR);
	return fd < 0 ? err_set(e, fd, "open '%s': %s", u->name, strerror(-fd)) : fd;
}

static int
find_held(const struct undo_ctx *c, const struct undo *u)
{
	for (size_t i = 0; i < c->held_count; i++) {
		if (strcmp(c->held[i].tree, u->dev) == 0 &&
		    strcmp(c->held[i].name, u->name) == 0)
			return c->held[i].fd;
	}
	return -1;
}

/* One that is held is borrowed: a copy of it would need a descriptor. */
int
knob_open(struct undo_ctx *c, const struct undo *u, bool *ret_borrowed, struct err *e)
{
	_cleanup_close_ int opened = -1;
	int root, fd = find_held(c, u);

	*ret_borrowed = fd >= 0;
	if (fd >= 0)
		return fd;
	if (strcmp(u->dev, KNOB_CGROUP2) == 0)
		root = undo_ctx_cgroup(c, e);
	else
		root = opened = open_tree(u->dev, e);
	return root < 0 ? root : open_in(root, u, e);
}

int
knob_read(int fd, const struct knob_value *asked, struct knob_value *ret, struct err *e)
{
	char text[KNOB_TEXT_MAX];
	size_t used = 0;
	ssize_t n;

	while ((n = pread(fd, text + used, sizeof(text) - 1 - used, (off_t)used)) > 0)
		used += (size_t)n;
	if (n < 0)
		return err_errno(e, "read the knob");
	if (used == sizeof(text) - 1)
		return err_set(e, -EFBIG, "the knob has too many lines");
	text[used] = '\0';
	return knob_value_find(text, asked, ret, e);
}

int
knob_write(int fd, const char *text)
{
	ssize_t n = pwrite(fd, text, strlen(text), 0);

	return n < 0 ? -errno : 0;
}

/* --- turning --------------------------------------------------------------------------- */

static int
look(struct undo_ctx *c, const struct undo *u, struct knob_value *ret_asked,
    struct knob_value *ret_is, struct err *e)
{
	bool is_borrowed;
	int fd, rc;

	if (!knob_value_parse(u, u->now, ret_asked))
		return err_invalid(e, "'%s' is no value of '%s'", u->now, u->name);
	fd = knob_open(c, u, &is_borrowed, e);
	if (fd < 0)
		return fd;
	rc = knob_read(fd, ret_asked, ret_is, e);
	if (!is_borrowed)
		(void)close(fd);
	return rc < 0 ? err_wrap(e, "'%s'", u->name) : 0;
}

/* One byte stands for a device, so that two faults may turn knobs of one group for two
 * disks. */
static off_t
byte_of(const struct knob_value *v)
{
	char major[sizeof(v->dev)];
	const char *minor = strchr(v->dev, ':');
	uint64_t a = 0, b = 0;
	struct err e;

	if (minor == NULL)
		return 0;
	(void)snprintf(major, sizeof(major), "%.*s", (int)(minor - v->dev), v->dev);
	if (parse_u64(major, &a, &e) < 0 || parse_u64(minor + 1, &b, &e) < 0)
		return 0;
	return (off_t)(a << 32 | (b & UINT32_MAX)) & INT64_MAX;
}

/* Keep it open, and for ourselves: a fault that came after another would take what that
 * one has set for what is to be restored. */
static int
hold(struct undo_ctx *c, const struct undo *u, const struct knob_value *asked,
    struct err *e)
{
	struct undo_held *h = &c->held[c->held_count];
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = byte_of(asked),
		.l_len = 1 };
	_cleanup_close_ int fd = -1;
	bool is_borrowed;

	if (find_held(c, u) >= 0)
		return 0;
	if (c->held_count == ARRAY_LEN(c->held))
		return err_set(e, -E2BIG, "too many knobs for one fault");
	fd = knob_open(c, u, &is_borrowed, e);
	if (fd < 0)
		return fd;
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		(void)err_refused(e, "another fault has turned '%s'", u->name);
		return e->code = -EBUSY;
	}
	h->fd = steal_fd(&fd);
	(void)snprintf(h->tree, sizeof(h->tree), "%s", u->dev);
	(void)snprintf(h->name, sizeof(h->name), "%s", u->name);
	c->held_count++;
	return 0;
}

int
knob_plan(struct undo_ctx *c, const struct cgroup_place *place, const char *name,
    struct undo *ret, struct err *e)
{
	struct knob_value asked, is;
	struct undo u = *ret;
	int n;

	u.op = UNDO_KNOB;
	if (place == NULL) {
		(void)snprintf(u.dev, sizeof(u.dev), "%s", KNOB_SYSCTL);
		n = snprintf(u.name, sizeof(u.name), "%s", name);
	} else {
		if (place->path[0] == '\0')
			return err_refused(
			    e, "the root cgroup has no '%s': name a group", name);
		(void)snprintf(u.dev, sizeof(u.dev), "%s",
		    place->version == 2 ? KNOB_CGROUP2 : place->tree);
		n = snprintf(u.name, sizeof(u.name), "%s/%s", place->path, name);
		u.num[0] = (int64_t)place->inode;
	}
	if (n < 0 || (size_t)n >= sizeof(u.name))
		return err_set(e, -ENAMETOOLONG, "the path of '%s' is too long", name);
	if (!knob_value_parse(&u, u.now, &asked))
		return err_invalid(e, "'%s' is no value of '%s'", u.now, u.name);
	n = hold(c, &u, &asked, e);
	if (n == 0)
		n = look(c, &u, &asked, &is, e);
	if (n == -ENOENT)
		return err_unsupported(e, "there is no '%s' here", u.name);
	if (n < 0)
		return n;
	knob_value_format(&is, u.was, sizeof(u.was));
	if (!undo_is_valid(&u, NULL))
		return err_invalid(e, "'%s' of '%s' cannot be restored", u.was, u.name);
	if (strcmp(u.was, u.now) == 0)
		return err_set(e, -EALREADY, "'%s' is '%s' already", u.name, u.now);
	*ret = u;
	return 0;
}

int
knob_turn(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct knob_value asked, is, was;
	bool is_borrowed;
	int fd, rc;

	if (look(c, u, &asked, &is, e) < 0)
		return e->code;
	if (!knob_value_parse(u, u->was, &was) || !knob_value_equal(&is, &was)) {
		char now[UNDO_VALUE_MAX];

		return err_set(e, -EBUSY,
		    "'%s' has changed meanwhile: '%s' instead of '%s'", u->name,
		    knob_value_format(&is, now, sizeof(now)), u->was);
	}
	fd = knob_open(c, u, &is_borrowed, e);
	if (fd < 0)
		return fd;
	rc = knob_write(fd, u->now);
	if (!is_borrowed)
		(void)close(fd); /* what was written stands */
	return rc < 0 ? err_set(e, rc, "write '%s' to '%s': %s", u->now, u->name,
			    strerror(-rc)) :
			0;
}

int
knob_verify(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	struct knob_value asked, is;
	char text[UNDO_VALUE_MAX];
	int rc = look(c, u, &asked, &is, e);

	if (rc < 0)
		return rc == -ENODEV ? -ENOENT : rc;
	if (knob_value_equal(&is, &asked))
		return 0;
	return err_set(e, -ESTALE, "'%s' is '%s' instead of '%s'", u->name,
	    knob_value_format(&is, text, sizeof(text)), u->now);
}

uint64_t
knob_limit(const struct undo *u, const char *key)
{
	struct knob_value was;
	uint64_t n;
	struct err e;

	if (!knob_value_parse(u, u->was, &was))
		return UINT64_MAX;
	for (size_t i = 0; i < was.count; i++) {
		if (strcmp(was.item[i].key, key) == 0 &&
		    parse_u64(was.item[i].text, &n, &e) == 0)
			return n == 0 && was.form == KNOB_DEVICE ? UINT64_MAX : n;
	}
	return UINT64_MAX;
}
