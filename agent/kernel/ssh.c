/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which TCP connections are somebody's SSH login.  The kernel's table names no process, so
 * the sockets that processes called sshd hold are collected first, by inode, and matched.
 * A connection counts only when its local port also listens: an sshd that forwards a port
 * has outgoing connections too, and those are fair game.  Port 22 counts in any case, for
 * an sshd in a pid namespace that we cannot see.
 */
#include "ssh.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "proc.h"
#include "xalloc.h"

enum {
	SSH_PORT = 22,
	TCP_STATE_ESTABLISHED = 0x01,
	TCP_STATE_LISTEN = 0x0A,
	SOCKETS_MAX = 4096,
};

struct sshd_sockets {
	uint64_t inode[SOCKETS_MAX];
	size_t count;
};

static bool
is_sshd(const char *comm)
{
	/* since OpenSSH 9.8 the process of a session has a name of its own */
	return strcmp(comm, "sshd") == 0 || strcmp(comm, "sshd-session") == 0 ||
	       strcmp(comm, "sshd-auth") == 0 || strcmp(comm, "dropbear") == 0;
}

static void
note_socket(struct sshd_sockets *s, const char *target)
{
	uint64_t inode;

	if (s->count < SOCKETS_MAX && sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1)
		s->inode[s->count++] = inode;
}

static int
note_sockets(void *ctx, const struct proc *p, int dir)
{
	const struct dirent *d;
	char target[64];
	DIR *fds;
	int fd;

	if (!is_sshd(p->comm))
		return 0;
	fd = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds = fd < 0 ? NULL : fdopendir(fd);
	if (fds == NULL) {
		cleanup_close(&fd);
		return 0; /* gone, or not ours to read: port 22 still counts */
	}
	while ((d = readdir(fds)) != NULL) {
		ssize_t len =
		    readlinkat(dirfd(fds), d->d_name, target, sizeof(target) - 1);

		if (len > 0) {
			target[len] = '\0';
			note_socket(ctx, target);
		}
	}
	(void)closedir(fds); /* only read from */
	return 0;
}

struct tcp_row {
	struct net remote;
	unsigned state;
	uint16_t local_port, remote_port;
	uint64_t inode;
};

/* The kernel prints each 32-bit word of an address in its own byte order. */
static bool
parse_address(const char *hex, struct net *ret)
{
	size_t words = strlen(hex) / 8;
	uint32_t word[4];

	if (words != 1 && words != 4)
		return false;
	*ret =
	    (struct net){ .family = words == 1 ? 4 : 6, .prefix = words == 1 ? 32 : 128 };
	for (size_t i = 0; i < words; i++)
		if (sscanf(hex + 8 * i, "%8" SCNx32, &word[i]) != 1)
			return false;
	memcpy(ret->addr, word, words * sizeof(word[0]));
	return true;
}

static bool
parse_row(const char *line, struct tcp_row *ret)
{
	char local[33], remote[33];

	if (sscanf(line,
		" %*u: %32[0-9A-F]:%" SCNx16 " %32[0-9A-F]:%" SCNx16
		" %x %*x:%*x %*x:%*x "
		"%*x %*u %*u %" SCNu64,
		local, &ret->local_port, remote, &ret->remote_port, &ret->state,
		&ret->inode) != 6 ||
	    !parse_address(remote, &ret->remote))
		return false;
	net_unmap(&ret->remote);
	return true;
}

struct search {
	const struct sshd_sockets *sshd;
	bool listens[UINT16_MAX + 1];
	struct ssh_session *ret;
	size_t max, count;
};

static bool
is_session(const struct search *s, const struct tcp_row *r)
{
	if (r->state != TCP_STATE_ESTABLISHED)
		return false;
	if (r->local_port == SSH_PORT)
		return true;
	for (size_t i = 0; i < s->sshd->count; i++)
		if (s->sshd->inode[i] == r->inode)
			return s->listens[r->local_port];
	return false;
}

static void
note_session(struct search *s, const struct tcp_row *r)
{
	if (s->count < s->max && is_session(s, r))
		s->ret[s->count++] = (struct ssh_session){
			.remote = r->remote,
			.remote_port = r->remote_port,
			.local_port = r->local_port,
		};
}

static void
note_listener(struct search *s, const struct tcp_row *r)
{
	if (r->state == TCP_STATE_LISTEN)
		s->listens[r->local_port] = true;
}

static int
each_row(
    struct search *s, void (*fn)(struct search *, const struct tcp_row *), struct err *e)
{
	static const char *const tables[] = { "/proc/self/net/tcp",
		"/proc/self/net/tcp6" };
	struct tcp_row row;
	char line[512];

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		_cleanup_fclose_ FILE *f = fopen(tables[i], "re");

		if (f == NULL && errno == ENOENT)
			continue; /* no IPv6 */
		if (f == NULL)
			return err_errno(e, "open %s", tables[i]);
		while (fgets(line, sizeof(line), f) != NULL)
			if (parse_row(line, &row))
				fn(s, &row);
	}
	return 0;
}

int
ssh_sessions(struct ssh_session *ret, size_t max, struct err *e)
{
	_cleanup_free_ struct sshd_sockets *sshd = xcalloc(1, sizeof(*sshd));
	_cleanup_free_ struct search *s = xcalloc(1, sizeof(*s));
	int rc;

	s->sshd = sshd;
	s->ret = ret;
	s->max = max;
	rc = proc_each(note_sockets, sshd, e);
	if (rc == 0)
		rc = each_row(s, note_listener, e);
	if (rc == 0)
		rc = each_row(s, note_session, e);
	return rc < 0 ? rc : (int)s->count;
}
