/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSTEMCTL_H
#define SYSTEMCTL_H
/*
 * Units of systemd, by systemctl with an argument vector.  Root has systemd's own socket,
 * so that it works without a message bus.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

#define UNIT_NAME_MAX 256 /* with its NUL */
#define UNIT_LIST_MAX 1024

struct unit {
	char id[UNIT_NAME_MAX]; /* its name, where it was asked for by an alias */
	char load[24];          /* "loaded", "not-found", "masked" … */
	char active[24];        /* "active", "reloading", "inactive", "failed" … */
	char sub[32];
	char result[32];
	char cgroup[UNIT_NAME_MAX]; /* "/system.slice/x.service"; "" none */
	pid_t main_pid;             /* 0 none */
	bool has_job;               /* something is asked of it and not done yet */
	bool can_start, can_stop, is_transient;
	char triggers[UNIT_LIST_MAX]; /* what would start it: names with blanks between */
	char dependents[UNIT_LIST_MAX]; /* what stops when it stops */
};

/* -EOPNOTSUPP with the reason where systemd is not the init or systemctl is missing. */
int systemctl_supported(struct err *e);
/* A unit that there is not is no error: it is "not-found". */
int unit_show(const char *name, int barrier_fd, struct unit *ret, struct err *e);
/* `names` ends with NULL; asked, not awaited. */
int unit_start(const char *name, int barrier_fd, struct err *e);
int unit_stop(const char *const *names, int barrier_fd, struct err *e);
/* SIGKILL to all of its processes. */
int unit_kill(const char *name, int barrier_fd, struct err *e);

bool unit_is_up(const struct unit *u); /* active, or reloading */
/* It is up, comes up or will be: nothing has to be asked of it. */
bool unit_is_coming(const struct unit *u);
bool unit_is_down(const struct unit *u); /* inactive or failed, and stays so */
/* "nginx.service": the characters systemd allows, and a type that is started and stopped by
 * itself: service, socket, timer, path. */
bool unit_is_name(const char *name);

#endif
