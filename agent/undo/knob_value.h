/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KNOB_VALUE_H
#define KNOB_VALUE_H
/* The inside of knobs: which there are, and the values they have. */
#include <stdbool.h>
#include <stddef.h>

struct err;
struct undo;
struct undo_ctx;

#define KNOB_CGROUP2 "cgroup2"

enum knob_form {
	KNOB_NUMBER,  /* "65536" */
	KNOB_LIMIT,   /* "512", "max" */
	KNOB_DEVICE,  /* "8:0 1048576" */
	KNOB_DEVICES, /* "8:0 rbps=1048576 wiops=max" */
};

#define KNOB_ITEMS_MAX 4

struct knob_value {
	enum knob_form form;
	char dev[16]; /* "8:0" */
	size_t count;
	struct {
		char key[8];
		char text[24];
	} item[KNOB_ITEMS_MAX];
};

/* As it stands in u->was or u->now.  False: there is no such knob, or that is no value of
 * it. */
bool knob_value_parse(const struct undo *u, const char *text, struct knob_value *ret);
/* What the knob's file shows of the items that `asked` names. */
int knob_value_find(const char *file, const struct knob_value *asked,
    struct knob_value *ret, struct err *e);
const char *knob_value_format(const struct knob_value *v, char *buf, size_t size);
/* The same device and items with the same texts? */
bool knob_value_equal(const struct knob_value *a, const struct knob_value *b);

/* A descriptor of the knob: the caller closes it unless it was borrowed.  -ENOENT when it
 * is gone, -ESTALE when another has its name. */
int knob_open(
    struct undo_ctx *c, const struct undo *u, bool *ret_borrowed, struct err *e);
int knob_read(
    int fd, const struct knob_value *asked, struct knob_value *ret, struct err *e);
int knob_write(int fd, const char *text);

#endif
