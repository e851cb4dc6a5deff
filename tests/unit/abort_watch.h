/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ABORT_WATCH_H
#define ABORT_WATCH_H
/*
 * Watches a stretch of code that must do nothing but send: every system call in it but the
 * awaited sends, every allocation of anybody's and every rendering of text by ours is held
 * against it.  System calls are caught by the kernel (syscall user dispatch), so that it
 * does not matter which library makes them; allocations by defining malloc, which all
 * libraries then use; renderings by the linker (--wrap, see the Makefile).
 *
 * It is over when as many requests as were told have gone into send().
 */
#include "test.h"
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
# define PR_SET_SYSCALL_USER_DISPATCH 59
# define PR_SYS_DISPATCH_ON           1
#endif
#define DISPATCH_ALLOW 0
#define DISPATCH_BLOCK 1
/* A sanitizer has a malloc of its own. */
#if defined(__SANITIZE_ADDRESS__)
# define WATCHES_MALLOC 0
#elif defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define WATCHES_MALLOC 0
# endif
#endif
#ifndef WATCHES_MALLOC
# define WATCHES_MALLOC 1
#endif

static struct {
	volatile unsigned char selector; /* read by the kernel at every system call */
	volatile bool is_on;
	bool has_dispatch;
	const char *volatile struck; /* the first thing that should not have been */
	volatile int number;         /* of the system call */
	size_t sends_left;
	char sent[4][256];
	size_t sent_count;
} watch;

static inline void
watch_strike(const char *what)
{
	if (watch.is_on && watch.struck == NULL)
		watch.struck = what;
}

/* The kernel has not done it; from here on it does them all, so that we come to an end. */
static void
watch_on_call(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	watch.selector = DISPATCH_ALLOW;
	watch.number = info->si_syscall;
	watch_strike("a system call");
}

static inline void
watch_begin(size_t sends)
{
	struct sigaction a = { .sa_sigaction = watch_on_call, .sa_flags = SA_SIGINFO };

	(void)sigaction(SIGSYS, &a, NULL);
	watch.selector = DISPATCH_ALLOW;
	watch.has_dispatch = prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0,
				 &watch.selector) == 0;
	if (!watch.has_dispatch)
		(void)printf("system calls are not watched: this kernel cannot\n");
	watch.struck = NULL;
	watch.sends_left = sends;
	watch.sent_count = 0;
	watch.is_on = true;
	watch.selector = DISPATCH_BLOCK;
}

static inline void
watch_end(void)
{
	watch.selector = DISPATCH_ALLOW;
	watch.is_on = false;
}

/* What is allowed, and what is wanted. */
static inline bool
watch_pause(void)
{
	bool was_blocked = watch.is_on && watch.struck == NULL;

	watch.selector = DISPATCH_ALLOW;
	return was_blocked;
}

static inline void
watch_resume(bool was_blocked)
{
	watch.selector = was_blocked ? DISPATCH_BLOCK : DISPATCH_ALLOW;
}

/* Defined here, libcurl's calls come here, too. */
ssize_t
send(int fd, const void *buf, size_t len, int flags)
{
	bool was_blocked = watch_pause();

	if (watch.is_on && watch.sends_left > 0) {
		char *copy = watch.sent[watch.sent_count++];

		memcpy(copy, buf, len < 255 ? len : 255);
		copy[len < 255 ? len : 255] = '\0';
		if (--watch.sends_left == 0)
			watch_end();
	}
	ssize_t n = syscall(SYS_sendto, fd, buf, len, flags, NULL, 0);
	watch_resume(was_blocked && watch.is_on);
	return n;
}

#if WATCHES_MALLOC
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

void *
malloc(size_t size)
{
	watch_strike("malloc");
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	watch_strike("calloc");
	return __libc_calloc(count, size);
}

void *
realloc(void *p, size_t size)
{
	watch_strike("realloc");
	return __libc_realloc(p, size);
}
#endif

/* Three calls are no detour: with several hosts it goes first while it tells them, and after
 * the first it sets the timer by which a missing answer is noticed. */
int __real_sched_getscheduler(pid_t pid);
int __wrap_sched_getscheduler(pid_t pid);
int
__wrap_sched_getscheduler(pid_t pid)
{
	bool was_blocked = watch_pause();
	int policy = __real_sched_getscheduler(pid);

	watch_resume(was_blocked);
	return policy;
}

int __real_sched_setscheduler(pid_t pid, int policy, const struct sched_param *p);
int __wrap_sched_setscheduler(pid_t pid, int policy, const struct sched_param *p);
int
__wrap_sched_setscheduler(pid_t pid, int policy, const struct sched_param *p)
{
	bool was_blocked = watch_pause();
	int rc = __real_sched_setscheduler(pid, policy, p);

	watch_resume(was_blocked);
	return rc;
}

int __real_timerfd_settime(
    int fd, int flags, const struct itimerspec *new, struct itimerspec *old);
int __wrap_timerfd_settime(
    int fd, int flags, const struct itimerspec *new, struct itimerspec *old);
int
__wrap_timerfd_settime(
    int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	bool was_blocked = watch_pause();
	int rc = __real_timerfd_settime(fd, flags, new, old);

	watch_resume(was_blocked);
	return rc;
}

/* snprintf, under both of its names, hardened and not.  Who renders by a va_list makes a
 * line of it, which allocates. */
int __real_vsnprintf(char *s, size_t n, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
int __wrap_vsnprintf(char *s, size_t n, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
int
__wrap_vsnprintf(char *s, size_t n, const char *fmt, va_list ap)
{
	watch_strike("vsnprintf");
	return __real_vsnprintf(s, n, fmt, ap);
}

int __wrap_snprintf(char *s, size_t n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int
__wrap_snprintf(char *s, size_t n, const char *fmt, ...)
{
	va_list ap;

	watch_strike("snprintf");
	va_start(ap, fmt);
	int len = __real_vsnprintf(s, n, fmt, ap);
	va_end(ap);
	return len;
}

int __wrap___snprintf_chk(char *s, size_t n, int flag, size_t room, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
int
__wrap___snprintf_chk(char *s, size_t n, int flag, size_t room, const char *fmt, ...)
{
	va_list ap;

	(void)flag, (void)room;
	watch_strike("snprintf");
	va_start(ap, fmt);
	int len = __real_vsnprintf(s, n, fmt, ap);
	va_end(ap);
	return len;
}

#endif
