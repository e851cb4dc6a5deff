/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed list of knobs, and their values taken apart.  The kernel shows more than was
 * written ("8:0 rbps=1048576" comes back with the three other keys) and no line at all for
 * a device without limits: so a value is compared item by item, and an item that is not
 * shown has the text that means "no limit".
 */
#include "knob_value.h"
#include "cleanup.h"
#include "err.h"
#include "knob.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct knob_row {
	const char *tree;
	const char *name; /* its whole name in /proc/sys, the last part elsewhere */
	enum knob_form form;
} knobs[] = {
	{ KNOB_SYSCTL, "fs/file-max", KNOB_NUMBER },
	{ KNOB_SYSCTL, "kernel/pid_max", KNOB_NUMBER },
	{ KNOB_SYSCTL, "kernel/threads-max", KNOB_NUMBER },
	{ KNOB_CGROUP2, "io.max", KNOB_DEVICES },
	{ KNOB_CGROUP2, "pids.max", KNOB_LIMIT },
	{ "pids", "pids.max", KNOB_LIMIT },
	{ "blkio", "blkio.throttle.read_bps_device", KNOB_DEVICE },
	{ "blkio", "blkio.throttle.read_iops_device", KNOB_DEVICE },
	{ "blkio", "blkio.throttle.write_bps_device", KNOB_DEVICE },
	{ "blkio", "blkio.throttle.write_iops_device", KNOB_DEVICE },
};

static const char *const io_keys[] = { "rbps", "wbps", "riops", "wiops" };

static const struct knob_row *
find_row(const struct undo *u)
{
	const char *slash = strrchr(u->name, '/');

	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		const struct knob_row *k = &knobs[i];

		if (strcmp(u->dev, k->tree) != 0)
			continue;
		if (strcmp(k->tree, KNOB_SYSCTL) == 0) {
			if (strcmp(u->name, k->name) == 0)
				return k;
		} else if (slash != NULL && strcmp(slash + 1, k->name) == 0) {
			return k; /* never that of the root: it has a directory */
		}
	}
	return NULL;
}

/* As the kernel writes it, without leading zeros: texts can be compared. */
static bool
is_number(const char *s, size_t len)
{
	return len > 0 && len < 20 && strspn(s, "0123456789") >= len &&
	       (s[0] != '0' || len == 1);
}

static bool
take_item(struct knob_value *v, const char *s, size_t len)
{
	const bool may_be_max = v->form == KNOB_LIMIT || v->form == KNOB_DEVICES;

	if (!is_number(s, len) && !(may_be_max && len == 3 && strncmp(s, "max", 3) == 0))
		return false;
	memcpy(v->item[v->count].text, s, len);
	v->item[v->count++].text[len] = '\0';
	return true;
}

/* "8:0 ": how long it is with its blank, or 0. */
static size_t
take_device(struct knob_value *v, const char *s)
{
	size_t major = strspn(s, "0123456789");
	size_t minor = s[major] == ':' ? strspn(s + major + 1, "0123456789") : 0;
	size_t len = major + 1 + minor;

	if (major == 0 || minor == 0 || len >= sizeof(v->dev) || s[len] != ' ')
		return 0;
	memcpy(v->dev, s, len);
	v->dev[len] = '\0';
	return len + 1;
}

static bool
take_key(struct knob_value *v, const char *s, size_t len)
{
	char *key = v->item[v->count].key;

	for (size_t i = 0; i < ARRAY_LEN(io_keys); i++) {
		if (strlen(io_keys[i]) != len || strncmp(s, io_keys[i], len) != 0)
			continue;
		for (size_t k = 0; k < v->count; k++) {
			if (strcmp(v->item[k].key, io_keys[i]) == 0)
				return false;
		}
		(void)snprintf(key, sizeof(v->item[0].key), "%s", io_keys[i]);
		return true;
	}
	return false;
}

/* "rbps=1 wiops=max" */
static bool
take_pairs(struct knob_value *v, const char *s)
{
	for (;;) {
		size_t len = strcspn(s, " "), key = strcspn(s, "=");

		if (v->count == KNOB_ITEMS_MAX || key >= len || !take_key(v, s, key) ||
		    !take_item(v, s + key + 1, len - key - 1))
			return false;
		if (s[len] == '\0')
			return true;
		s += len + 1;
	}
}

bool
knob_value_parse(const struct undo *u, const char *text, struct knob_value *ret)
{
	const struct knob_row *k = find_row(u);
	size_t skip = 0;

	if (k == NULL)
		return false;
	*ret = (struct knob_value){ .form = k->form };
	if (k->form == KNOB_DEVICE || k->form == KNOB_DEVICES) {
		skip = take_device(ret, text);
		if (skip == 0)
			return false;
	}
	if (k->form == KNOB_DEVICES)
		return take_pairs(ret, text + skip);
	return take_item(ret, text + skip, strlen(text + skip));
}

/* The line of our device, behind its name: its length, or 0 when there is none. */
static size_t
find_line(const char *file, const char *dev, const char **ret)
{
	size_t dev_len = strlen(dev);

	while (*file != '\0') {
		size_t len = strcspn(file, "\n");

		if (dev_len == 0 || (len > dev_len && strncmp(file, dev, dev_len) == 0 &&
					file[dev_len] == ' ')) {
			*ret = file + dev_len + (dev_len > 0);
			return len - dev_len - (dev_len > 0);
		}
		file += len + (file[len] == '\n');
	}
	return 0;
}

/* The value behind "key=" in a line, or the whole line without a key. */
static size_t
find_item(const char *line, size_t len, const char *key, const char **ret)
{
	size_t key_len = strlen(key);

	for (size_t at = 0; at < len;) {
		size_t word = strcspn(line + at, " \n");

		if (key_len == 0 ||
		    (word > key_len && strncmp(line + at, key, key_len) == 0 &&
			line[at + key_len] == '=')) {
			*ret = line + at + key_len + (key_len > 0);
			return word - key_len - (key_len > 0);
		}
		at += word + 1;
	}
	return 0;
}

int
knob_value_find(const char *file, const struct knob_value *asked, struct knob_value *ret,
    struct err *e)
{
	const char *line = "", *none = asked->form == KNOB_DEVICE ? "0" : "max";
	size_t len = find_line(file, asked->dev, &line);
	struct knob_value v = { .form = asked->form };

	memcpy(v.dev, asked->dev, sizeof(v.dev));
	for (size_t i = 0; i < asked->count; i++) {
		const char *text = none;
		size_t n = find_item(line, len, asked->item[i].key, &text);

		if (n == 0 && asked->dev[0] != '\0')
			n = strlen(none);
		memcpy(v.item[i].key, asked->item[i].key, sizeof(v.item[i].key));
		if (!take_item(&v, text, n))
			return err_set(e, -EINVAL, "it shows '%.*s', which is no value",
			    (int)(n < 40 ? n : 40), text);
	}
	*ret = v;
	return 0;
}

const char *
knob_value_format(const struct knob_value *v, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "%s", v->dev);

	for (size_t i = 0; i < v->count && used < size; i++) {
		const bool has_key = v->item[i].key[0] != '\0';

		used += (size_t)snprintf(buf + used, size - used, "%s%s%s%s",
		    used > 0 ? " " : "", v->item[i].key, has_key ? "=" : "",
		    v->item[i].text);
	}
	return buf;
}

bool
knob_value_equal(const struct knob_value *a, const struct knob_value *b)
{
	if (a->count != b->count || strcmp(a->dev, b->dev) != 0)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->item[i].key, b->item[i].key) != 0 ||
		    strcmp(a->item[i].text, b->item[i].text) != 0)
			return false;
	}
	return true;
}
