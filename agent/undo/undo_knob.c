/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turning a knob back.  Each of its items is ours only while it stands where we turned it:
 * what somebody else has set since is left alone with a note, and what is as it was needs
 * nothing.  A knob that went with its cgroup took our value along.
 */
#include "cleanup.h"
#include "knob.h"
#include "knob_value.h"
#include "log.h"
#include "undo_table.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
undo_is_plain_path(const char *path)
{
	for (const char *c = path;; c++) {
		size_t len = strcspn(c, "/");

		if (len == 0 || (len <= 2 && strncmp(c, "..", len) == 0))
			return false;
		for (; len > 0; len--, c++) {
			if (iscntrl((unsigned char)*c))
				return false;
		}
		if (*c == '\0')
			return true;
	}
}

static bool
names_same_items(const struct knob_value *a, const struct knob_value *b)
{
	bool same = a->count == b->count && strcmp(a->dev, b->dev) == 0;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->item[i].key, b->item[i].key) == 0;
	return same;
}

/* Whose fault it is does not show: what can be written is bounded by the list of knobs. */
bool
ours_knob(const struct undo *u, const char *fault)
{
	struct knob_value was, now;

	(void)fault;
	return undo_is_plain_path(u->name) && knob_value_parse(u, u->was, &was) &&
	       knob_value_parse(u, u->now, &now) && names_same_items(&was, &now) &&
	       (strcmp(u->dev, KNOB_SYSCTL) == 0) == (u->num[0] == 0);
}

static bool
is_gone(int rc)
{
	return rc == -ENOENT || rc == -ESTALE || rc == -ENODEV;
}

struct knob_look {
	int fd;
	bool is_borrowed;
	struct knob_value was, now, is;
};

static void
look_end(struct knob_look *l)
{
	if (!l->is_borrowed)
		cleanup_close(&l->fd);
}

/* 1 with what stands there, 0 when the knob is gone. */
static int
look_at(struct undo_ctx *c, const struct undo *u, struct knob_look *l, struct err *e)
{
	struct err why = { 0 };
	int rc;

	*l = (struct knob_look){ .fd = -1 };
	if (!knob_value_parse(u, u->was, &l->was) ||
	    !knob_value_parse(u, u->now, &l->now))
		return err_invalid(e, "'%s' is no knob of ours", u->name);
	l->fd = knob_open(c, u, &l->is_borrowed, &why);
	rc = l->fd < 0 ? l->fd : knob_read(l->fd, &l->now, &l->is, &why);
	if (rc == -ESTALE)
		log_notice("%s: nothing to restore", why.msg);
	if (is_gone(rc))
		return 0;
	if (rc < 0) {
		*e = why;
		return err_wrap(e, "knob '%s'", u->name);
	}
	return 1;
}

/* Of those items that stand where we turned them, what they were. */
static struct knob_value
to_restore(const struct undo *u, const struct knob_look *l)
{
	struct knob_value v = { .form = l->was.form };

	memcpy(v.dev, l->was.dev, sizeof(v.dev));
	for (size_t i = 0; i < l->is.count; i++) {
		const char *is = l->is.item[i].text;

		if (strcmp(is, l->was.item[i].text) == 0)
			continue;
		if (strcmp(is, l->now.item[i].text) == 0) {
			v.item[v.count++] = l->was.item[i];
			continue;
		}
		log_notice("'%s': %s%s%s is neither what we set nor what was there: "
			   "somebody else's, left alone",
		    u->name, l->is.item[i].key, l->is.item[i].key[0] != '\0' ? "=" : "",
		    is);
	}
	return v;
}

int
run_knob(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_(look_end) struct knob_look l;
	char text[UNDO_VALUE_MAX];
	struct knob_value v;
	int rc = look_at(c, u, &l, e);

	if (rc <= 0)
		return rc;
	v = to_restore(u, &l);
	if (v.count == 0)
		return 0;
	rc = knob_write(l.fd, knob_value_format(&v, text, sizeof(text)));
	if (rc < 0 && !is_gone(rc))
		return err_set(
		    e, rc, "write '%s' to '%s': %s", text, u->name, strerror(-rc));
	return 0;
}

int
check_knob(struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_(look_end) struct knob_look l;
	int rc = look_at(c, u, &l, e);

	if (rc <= 0)
		return rc;
	for (size_t i = 0; i < l.is.count; i++) {
		const char *is = l.is.item[i].text;

		if (strcmp(is, l.now.item[i].text) == 0 &&
		    strcmp(is, l.was.item[i].text) != 0)
			return err_set(e, -EBUSY, "'%s' still has '%s'", u->name, u->now);
	}
	return 0;
}

void
hand_knob(const struct undo *u, char *buf, size_t size)
{
	char word[HAND_WORD_MAX], where[32];

	if (strcmp(u->dev, KNOB_SYSCTL) == 0)
		(void)snprintf(where, sizeof(where), "/proc/sys");
	else if (strcmp(u->dev, KNOB_CGROUP2) == 0)
		(void)snprintf(where, sizeof(where), "%s", hand_cgroup_mount());
	else
		(void)snprintf(where, sizeof(where), "/sys/fs/cgroup/%s", u->dev);
	(void)snprintf(
	    buf, size, "echo '%s' > %s/%s", u->was, where, hand_word(u->name, word));
}
