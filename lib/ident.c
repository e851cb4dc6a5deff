/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities.  A pid alone is never trusted: the start time tells a process from the next
 * one that got its number.  A process is opened first and looked at second, so that what
 * was looked at is what the pidfd holds.
 */
#include "ident.h"
#include "cleanup.h"
#include "clock.h"
#include "fdio.h"
#include "parse.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void
uuid_make(char ret[static UUID_LEN])
{
	unsigned char b[16];

	/* Up to 256 bytes come whole once the pool is ready; before, it waits. */
	while (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		continue;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	(void)snprintf(ret, UUID_LEN,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
	    b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
	    b[13], b[14], b[15]);
}

static uint32_t
fnv1a(uint32_t hash, const char *s)
{
	do {
		hash = (hash ^ (unsigned char)*s) * UINT32_C(16777619);
	} while (*s++ != '\0'); /* the NUL too: it parts the strings */
	return hash;
}

void
fault_id_make(
    const char *drill, const char *fault, unsigned attempt, char ret[static FAULT_ID_LEN])
{
	char number[12];
	uint32_t hash = UINT32_C(2166136261);

	(void)snprintf(number, sizeof(number), "%u", attempt);
	hash = fnv1a(fnv1a(fnv1a(hash, drill), fault), number);
	(void)snprintf(ret, FAULT_ID_LEN, "%08" PRIx32, hash);
}

bool
is_fault_id(const char *s)
{
	return strlen(s) == FAULT_ID_LEN - 1 &&
	       strspn(s, "0123456789abcdef") == FAULT_ID_LEN - 1;
}

/* State and start time from /proc/PID/stat; comm may hold blanks and parentheses, so the
 * fields are counted from the last ')'. */
static int
read_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	char path[32], text[1024], *p;
	ssize_t len;

	if (pid <= 0)
		return -ESRCH;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	len = read_file_at(AT_FDCWD, path, text, sizeof(text));
	if (len < 0)
		return len == -ENOENT ? -ESRCH : (int)len;
	p = strrchr(text, ')');
	if (p == NULL || p[1] != ' ' || p[2] == '\0')
		return -EBADMSG;
	*ret_state = p[2];
	for (int field = 2; field < 22; field++) {
		p = strchr(p + 1, ' ');
		if (p == NULL)
			return -EBADMSG;
	}
	p[1 + strspn(p + 1, "0123456789")] = '\0';
	return parse_u64(p + 1, ret_start, NULL) < 0 ? -EBADMSG : 0;
}

int
process_id_get(pid_t pid, struct process_id *ret)
{
	uint64_t start;
	char state;
	int rc = read_stat(pid, &state, &start);

	if (rc < 0)
		return rc;
	*ret = (struct process_id){ .pid = pid, .start = start };
	return 0;
}

int
process_id_open(struct process_id id)
{
	_cleanup_close_ int fd = -1;
	struct process_id now;
	int rc;

	if (id.pid <= 0)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, id.pid, 0);
	if (fd < 0)
		return -errno;
	rc = process_id_get(id.pid, &now);
	if (rc < 0)
		return rc;
	if (now.start != id.start)
		return -ESRCH;
	return steal_fd(&fd);
}

bool
process_id_alive(struct process_id id)
{
	uint64_t start;
	char state;

	return read_stat(id.pid, &state, &start) == 0 && start == id.start &&
	       state != 'Z' && state != 'X';
}

int
process_id_kill(struct process_id id, int wait_ms)
{
	_cleanup_close_ int fd = process_id_open(id);
	usec_t deadline = clock_boottime() + (usec_t)(wait_ms > 0 ? wait_ms : 0) * 1000;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	usec_t now;
	int n;

	if (fd < 0)
		return fd == -ESRCH ? 0 : fd;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
		return errno == ESRCH ? 0 : -errno;
	do {
		now = clock_boottime();
		n = poll(
		    &p, 1, now < deadline ? (int)((deadline - now + 999) / 1000) : 0);
	} while ((n < 0 && errno == EINTR) || (n == 0 && clock_boottime() < deadline));
	return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

uint64_t
netns_inode(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) == 0 ? (uint64_t)st.st_ino : 0;
}
