/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking /proc.  getdents64 and openat by hand, because readdir and stdio cost more than
 * the kernel does; nothing is kept between calls.  A process is handed on as a descriptor
 * of its directory: the pid may be reused, the descriptor then only says ESRCH.
 */
#include "proc.h"
#include "cleanup.h"
#include "err.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FLAG_KTHREAD 0x00200000u /* PF_KTHREAD, field 9 of stat */

/* What getdents64 writes: struct dirent64 of glibc, with a name that may be longer. */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

/* Digits to a number, and past them; 0 where there are none. */
static uint64_t
take_number(const char **p)
{
	uint64_t n = 0;

	while (isdigit((unsigned char)**p))
		n = n * 10 + (uint64_t)(*(*p)++ - '0');
	return n;
}

static const char *
skip_fields(const char *p, int count)
{
	while (count-- > 0) {
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	return p;
}

ssize_t
proc_file(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	do {
		n = read(fd, buf, size - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

/* "812 (a) b) S 1 812 …": comm may hold anything, so the last ')' counts. */
static int
parse_stat(const char *text, pid_t pid, struct proc *ret)
{
	const char *open = strchr(text, '(');
	const char *close = strrchr(text, ')');
	struct proc p = { .id.pid = pid };
	size_t len;

	if (open == NULL || close == NULL || close < open || close[1] != ' ')
		return -EPROTO;
	len = (size_t)(close - open - 1);
	if (len >= sizeof(p.comm))
		len = sizeof(p.comm) - 1; /* a kworker's work queue is appended here */
	memcpy(p.comm, open + 1, len);
	p.state = close[2];
	text = skip_fields(close + 2, 1); /* now field 4 */
	p.ppid = (pid_t)take_number(&text);
	text = skip_fields(text, 5);
	p.is_kernel = (take_number(&text) & FLAG_KTHREAD) != 0;
	text = skip_fields(text, 13);
	if (!isdigit((unsigned char)*text))
		return -EPROTO;
	p.id.start = take_number(&text);
	*ret = p;
	return 0;
}

int
proc_read_at(pid_t pid, int dir, struct proc *ret)
{
	char text[1024];
	ssize_t n = proc_file(dir, "stat", text, sizeof(text));

	return n < 0 ? (int)n : parse_stat(text, pid, ret);
}

int
proc_open_at(int procfs, const char *name)
{
	int dir = openat(procfs, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return dir;
}

int
proc_open(pid_t pid)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	return proc_open_at(AT_FDCWD, path);
}

int
proc_read(pid_t pid, struct proc *ret)
{
	_cleanup_close_ int dir = proc_open(pid);

	return dir < 0 ? dir : proc_read_at(pid, dir, ret);
}

int
proc_comm(int dir, char ret[static 16])
{
	char text[32];
	ssize_t n = proc_file(dir, "comm", text, sizeof(text));
	size_t len;

	if (n < 0)
		return (int)n;
	len = (size_t)n;
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 15)
		len = 15;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return 0;
}

ssize_t
proc_cmdline_at(int dir, const char *path, char *buf, size_t size)
{
	ssize_t n = proc_file(dir, path, buf, size);

	if (n < 0)
		return n;
	while (n > 0 && buf[n - 1] == '\0')
		n--;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\0')
			buf[i] = ' ';
	}
	buf[n] = '\0';
	return n;
}

ssize_t
proc_cmdline(int dir, char *buf, size_t size)
{
	return proc_cmdline_at(dir, "cmdline", buf, size);
}

ssize_t
proc_link(int dir, const char *path, char *buf, size_t size)
{
	ssize_t n = readlinkat(dir, path, buf, size - 1);

	if (n < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	buf[n] = '\0';
	return n;
}

ssize_t
proc_exe(int dir, char *buf, size_t size)
{
	return proc_link(dir, "exe", buf, size);
}

static int
visit_block(int procfs, const char *block, size_t len, proc_visit *fn, void *ctx)
{
	for (size_t at = 0; at < len;) {
		const struct entry *d = (const struct entry *)(block + at);
		int rc;

		at += d->len;
		if (!isdigit((unsigned char)d->name[0]))
			continue;
		rc = fn(ctx, procfs, d->name);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
proc_each_name(int procfs, proc_visit *fn, void *ctx, struct err *e)
{
	_Alignas(struct entry) char block[32768];

	if (lseek(procfs, 0, SEEK_SET) < 0)
		return err_errno(e, "list '/proc'");
	for (;;) {
		long n = syscall(SYS_getdents64, procfs, block, sizeof(block));
		int rc;

		if (n < 0)
			return err_errno(e, "list '/proc'");
		if (n == 0)
			return 0;
		rc = visit_block(procfs, block, (size_t)n, fn, ctx);
		if (rc != 0)
			return rc;
	}
}

const char *
proc_path(char buf[static PROC_PATH_MAX], const char *prefix, const char *file)
{
	size_t len = strnlen(prefix, PROC_PATH_MAX / 2);
	size_t rest = strnlen(file, PROC_PATH_MAX / 2 - 1);

	memcpy(buf, prefix, len);
	memcpy(buf + len, file, rest);
	buf[len + rest] = '\0';
	return buf;
}

pid_t
proc_pid_of(const char *name)
{
	return (pid_t)take_number(&name);
}

struct each_pid {
	int (*fn)(void *ctx, pid_t pid, int dir);
	void *ctx;
};

static int
each_open(void *ctx, int procfs, const char *name)
{
	const struct each_pid *each = ctx;
	_cleanup_close_ int dir = proc_open_at(procfs, name);

	if (dir < 0)
		return 0; /* gone between the listing and here */
	return each->fn(each->ctx, proc_pid_of(name), dir);
}

int
proc_each_pid(int (*fn)(void *ctx, pid_t pid, int dir), void *ctx, struct err *e)
{
	_cleanup_close_ int procfs = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct each_pid each = { fn, ctx };

	if (procfs < 0)
		return err_errno(e, "open '/proc'");
	return proc_each_name(procfs, each_open, &each, e);
}

struct each {
	int (*fn)(void *ctx, const struct proc *p, int dir);
	void *ctx;
};

static int
each_read(void *ctx, pid_t pid, int dir)
{
	const struct each *each = ctx;
	struct proc p;

	if (proc_read_at(pid, dir, &p) < 0)
		return 0;
	return each->fn(each->ctx, &p, dir);
}

int
proc_each(int (*fn)(void *ctx, const struct proc *p, int dir), void *ctx, struct err *e)
{
	struct each each = { fn, ctx };

	return proc_each_pid(each_read, &each, e);
}
