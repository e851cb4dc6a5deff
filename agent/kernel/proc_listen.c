/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who listens on a port: /proc/net names the sockets by inode, /proc/PID/fd who holds them.
 * Only of our own network namespace.  A socket held by several processes (a server and its
 * workers) is listened on by all of them.
 */
#include "cleanup.h"
#include "err.h"
#include "proc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INODES_MAX 256 /* a listener with SO_REUSEPORT has one socket per worker */

struct search {
	unsigned port;
	size_t inodes_count;
	unsigned long inodes[INODES_MAX];
	pid_t *ret;
	size_t max;
	size_t found;
};

static void
take_line(struct search *s, const char *line, bool is_tcp)
{
	unsigned local, remote, state;
	unsigned long inode;

	/* "  0: 0100007F:1F90 00000000:0000 0A tx:rx tr:when retr uid timeout inode" */
	if (sscanf(line,
		" %*u: %*[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%4x %2x %*s %*s %*s %*u %*u %lu",
		&local, &remote, &state, &inode) != 4)
		return;
	if (local != s->port || inode == 0 || s->inodes_count == INODES_MAX)
		return;
	/* A server of TCP is in LISTEN; one of UDP is bound and connected to nobody. */
	if (is_tcp ? state != 0x0A : remote != 0)
		return;
	s->inodes[s->inodes_count++] = inode;
}

static int
take_table(struct search *s, const char *path, struct err *e)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (f == NULL) /* no IPv6 in this kernel: no tcp6 */
		return errno == ENOENT ? 0 : err_errno(e, "open '%s'", path);
	while (getline(&line, &size, f) > 0)
		take_line(s, line, strstr(path, "tcp") != NULL);
	return 0;
}

static bool
is_wanted(const struct search *s, const char *target)
{
	unsigned long inode;

	if (sscanf(target, "socket:[%lu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < s->inodes_count; i++) {
		if (s->inodes[i] == inode)
			return true;
	}
	return false;
}

static bool
holds_socket(const struct search *s, DIR *fds)
{
	const struct dirent *d;
	char target[64];

	while ((d = readdir(fds)) != NULL) {
		ssize_t n = readlinkat(dirfd(fds), d->d_name, target, sizeof(target) - 1);

		if (n < 0)
			continue;
		target[n] = '\0';
		if (is_wanted(s, target))
			return true;
	}
	return false;
}

static int
look_at(void *ctx, pid_t pid, int dir)
{
	struct search *s = ctx;
	int fd = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *fds = fd < 0 ? NULL : fdopendir(fd);

	if (fds == NULL) {
		if (fd >= 0)
			(void)close(fd); /* only read */
		return 0;                /* gone, or not ours to look into */
	}
	if (holds_socket(s, fds)) {
		if (s->found < s->max)
			s->ret[s->found] = pid;
		s->found++;
	}
	(void)closedir(fds); /* only read */
	return 0;
}

int
proc_listeners(uint16_t port, pid_t *ret, size_t max, struct err *e)
{
	static const char *const tables[] = { "/proc/self/net/tcp", "/proc/self/net/tcp6",
		"/proc/self/net/udp", "/proc/self/net/udp6" };
	struct search s = { .port = port, .ret = ret, .max = max };
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(tables) && rc == 0; i++)
		rc = take_table(&s, tables[i], e);
	if (rc == 0 && s.inodes_count > 0)
		rc = proc_each_pid(look_at, &s, e);
	return rc < 0 ? rc : (int)s.found;
}
