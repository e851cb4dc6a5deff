/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROC_H
#define PROC_H
/*
 * Reading /proc: fast (getdents64 and openat, no stdio; 2,000 processes in about 10 ms).
 * Only what the caller asks for is read: comm first, cmdline and exe on demand.
 */
#include "ident.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct proc {
	struct process_id id;
	pid_t ppid;
	bool is_kernel; /* a kernel thread */
	char state;     /* 'R', 'S', 'Z', … */
	char comm[16];
};

/* Call fn for every process of our pid namespace until it returns non-zero; `dir` is
 * /proc/PID, which never comes to mean another process.  Processes that vanish meanwhile
 * are passed over.  0, fn's value, or a negative errno with `e`. */
int proc_each(
    int (*fn)(void *ctx, const struct proc *p, int dir), void *ctx, struct err *e);
/* The same before anything is read: twice as fast for who looks at few of them. */
int proc_each_pid(int (*fn)(void *ctx, pid_t pid, int dir), void *ctx, struct err *e);
/* The same before anything is opened: name is a pid, as text below procfs (/proc, open for
 * reading).  A file of it is best read by its path: half the work. */
typedef int proc_visit(void *ctx, int procfs, const char *name);
int proc_each_name(int procfs, proc_visit *fn, void *ctx, struct err *e);
pid_t proc_pid_of(const char *name);
/* A whole small file, as far as it fits, with a NUL: length, or a negative errno. */
ssize_t proc_file(int dir, const char *name, char *buf, size_t size);
#define PROC_PATH_MAX 48
/* "812/" and "comm" → "812/comm"; returns buf. */
const char *proc_path(
    char buf[static PROC_PATH_MAX], const char *prefix, const char *file);
int proc_open(pid_t pid); /* its directory, or -ESRCH */
int proc_open_at(int procfs, const char *name);
int proc_read(pid_t pid, struct proc *ret); /* -ESRCH */
int proc_read_at(pid_t pid, int dir, struct proc *ret);
int proc_comm(int dir, char ret[static 16]);
/* cmdline with NULs turned to spaces; exe as the link reads; length or negative errno */
ssize_t proc_cmdline(int dir, char *buf, size_t size);
ssize_t proc_exe(int dir, char *buf, size_t size);
/* The same by a path below dir. */
ssize_t proc_cmdline_at(int dir, const char *path, char *buf, size_t size);
ssize_t proc_link(int dir, const char *path, char *buf, size_t size);
pid_t proc_tracer(int dir); /* who traces it; 0: nobody */
/* Is this signal on its way to the process, and not taken yet? */
bool proc_is_pending(int dir, int signal);
/* Which processes listen on this TCP or UDP port: inodes from /proc/net, then fds.  Returns
 * how many there are; at most max are stored. */
int proc_listeners(uint16_t port, pid_t *ret, size_t max, struct err *e);
/* Bytes that could be had without swapping; UINT64_MAX when it cannot be told. */
uint64_t proc_memory_available(void);
uint64_t proc_memory_total(void); /* 0 when it cannot be told */
/* Bytes of a process in memory: its own, without pages of files and of shared memory. */
uint64_t proc_memory_own(pid_t pid);
/* Processes that the OOM killer has ended since boot, in whatever cgroup. */
uint64_t proc_oom_kills(void);
/* Share of the time that some process of the host waits for memory (avg10), in thousandths
 * of a percent; -EOPNOTSUPP with the reason where the kernel does not tell. */
int proc_memory_pressure(uint32_t *ret, struct err *e);
/* The same out of such a file's text: 0 or -EINVAL. */
int proc_pressure_parse(const char *text, uint32_t *ret);
/* Files that the host may open before fs.file-max; UINT64_MAX when it cannot be told. */
uint64_t proc_files_available(void);
/* Idle time (with iowait) of every CPU below max from /proc/stat, in microseconds to the
 * USER_HZ tick; PROC_CPU_OFFLINE for one that is not there.  Busy is the wall clock less
 * this: the kernel measures idle time, the other columns it samples by ticks. */
#define PROC_CPU_OFFLINE UINT64_MAX
int proc_cpu_idle(uint64_t *ret, size_t max, struct err *e);

#endif
