/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WANTED_H
#define WANTED_H
/* The selectors of a spec, made ready to be asked about many processes. */
#include "clock.h"
#include "ident.h"
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct container_members;
struct err;
struct spec;

#define WANTED_LISTENERS_MAX 1024
#define WANTED_TEXT_MAX      (128 * 1024) /* a command line */

struct wanted {
	const char *name, *cmdline, *exe; /* "" when not asked for */
	bool by_regex, by_port, by_user;
	regex_t regex;
	usec_t regex_took;         /* in all: an expression may be made to be slow */
	struct process_id process; /* pid 0 when not asked for */
	pid_t listeners[WANTED_LISTENERS_MAX];
	size_t listeners_count;
	uint32_t uid;
	char unit[272];   /* with its suffix */
	char cgroup[256]; /* with its first '/' and without its last */
	struct container_members *container;
	char text[WANTED_TEXT_MAX];
};

/* Names become numbers and a pid becomes a process: the one of this moment, not whoever has
 * the pid later. */
int wanted_read(struct wanted *w, const struct spec *s, struct err *e);
/* Who listens where, as of now. */
int wanted_refresh(struct wanted *w, const struct spec *s, struct err *e);
/* Has the expression had more time than it may?  What it says then is worth nothing. */
bool wanted_is_slow(const struct wanted *w);
void wanted_release(struct wanted *w);
/* Is it asked for?  `dir` is /proc with prefix "812/", or /proc/812 with "". */
bool wanted_has(struct wanted *w, pid_t pid, int dir, const char *prefix);
/* Is it so called: its comm, or its executable's file? */
bool is_called(const char *name, int dir, const char *prefix);
/* "name=nginx port=80": the selectors as they were asked; returns buf. */
const char *describe_wanted(const struct spec *s, char *buf, size_t size);

#endif
