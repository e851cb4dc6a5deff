/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line, one write(2), so that lines of several processes on one stderr do not mix.
 * What is not printable becomes '?': names from a request must not be able to forge a
 * line.  No syslog code: journald reads the <N>.
 */
#include "log.h"
#include "fdio.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static const char *log_name = "stormdrill";
static enum log_level log_max = LOG_L_INFO;
static bool log_plain, log_waits = true;

void
log_open(const char *name, enum log_level max)
{
	log_name = name;
	log_max = max;
	log_plain = isatty(STDERR_FILENO) == 1;
}

void
log_no_wait(void)
{
	log_waits = false;
}

/* A line fits into what poll calls writable: of a pipe at least PIPE_BUF bytes. */
static bool
is_writable(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	int saved_errno = errno, head, body;
	size_t len;
	va_list ap;

	if (level > log_max)
		return;
	head = log_plain ? snprintf(line, 128, "%s: ", log_name) :
			   snprintf(line, 128, "<%d>%s: ", (int)level, log_name);
	if (head < 0 || head > 127)
		head = 127;
	va_start(ap, fmt);
	body = vsnprintf(line + head, sizeof(line) - 1 - (size_t)head, fmt, ap);
	va_end(ap);
	len = (size_t)head + (body > 0 ? (size_t)body : 0);
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	for (size_t i = (size_t)head; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[len++] = '\n';
	if (log_waits || is_writable())
		(void)write_all(STDERR_FILENO, line, len); /* nowhere left to say so */
	errno = saved_errno;
}
