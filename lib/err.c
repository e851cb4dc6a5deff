/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: formatting and the names of outcomes.  A message that does not fit is cut, at a
 * character's border, because it may become JSON; the text of errno is what is kept, since
 * it is what a person acts on.  Control characters become '?', whoever they came from: a
 * message ends on somebody's terminal.  Arguments may point into e->msg itself.
 */
#define ERR_IMPLEMENTATION
#include "err.h"
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const outcome_names[OUTCOMES] = {
	[OUTCOME_DONE] = "done",
	[OUTCOME_UNSUPPORTED] = "unsupported",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_INVALID] = "invalid",
	[OUTCOME_FAILED] = "failed",
	[OUTCOME_STUCK] = "stuck",
};

/* Take away a UTF-8 sequence that was cut in two. */
static void
trim_cut_character(char *s)
{
	size_t len = strlen(s), tail = 0;
	unsigned char lead;
	size_t wants;

	while (
	    tail < 3 && tail < len && ((unsigned char)s[len - tail - 1] & 0xc0) == 0x80)
		tail++;
	if (tail == len)
		return;
	lead = (unsigned char)s[len - tail - 1];
	wants = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (wants > tail + 1)
		s[len - tail - 1] = '\0';
}

__attribute__((format(printf, 2, 0))) static void
format_into(char msg[static ERR_MSG_MAX], const char *fmt, va_list ap)
{
	if (vsnprintf(msg, ERR_MSG_MAX, fmt, ap) >= ERR_MSG_MAX)
		trim_cut_character(msg);
	for (char *c = msg; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
}

/* msg = msg + ": " + tail, cutting msg rather than tail. */
static void
append_tail(char msg[static ERR_MSG_MAX], const char *tail)
{
	size_t tail_len = strnlen(tail, ERR_MSG_MAX / 2), len = strlen(msg);

	if (len + 2 + tail_len >= ERR_MSG_MAX) {
		len = ERR_MSG_MAX - 1 - 2 - tail_len;
		msg[len] = '\0';
		trim_cut_character(msg);
		len = strlen(msg);
	}
	memcpy(msg + len, ": ", 2);
	memcpy(msg + len + 2, tail, tail_len);
	msg[len + 2 + tail_len] = '\0';
}

static int
fill(struct err *e, int code, enum outcome outcome, const char *msg)
{
	if (e != NULL) {
		e->code = code;
		e->outcome = outcome;
		memcpy(e->msg, msg, strlen(msg) + 1);
	}
	return code;
}

#define FORMAT_MESSAGE(msg, fmt) \
 do {                            \
  va_list ap_;                   \
  va_start(ap_, fmt);            \
  format_into(msg, fmt, ap_);    \
  va_end(ap_);                   \
 } while (0)

int
err_set(struct err *e, int code, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];

	FORMAT_MESSAGE(msg, fmt);
	return fill(e, code, OUTCOME_FAILED, msg);
}

int
err_errno(struct err *e, const char *fmt, ...)
{
	int number = errno;
	const char *text = strerrordesc_np(number);
	char msg[ERR_MSG_MAX], unknown[32];

	if (text == NULL) {
		(void)snprintf(unknown, sizeof(unknown), "error %d", number);
		text = unknown;
	}
	if (number == ENOSYS)
		text = "this kernel has no such call, Linux 5.10 or later is needed";
	FORMAT_MESSAGE(msg, fmt);
	append_tail(msg, text);
	errno = number;
	/* Callers return what we return: never 0 for a failure. */
	return fill(e, number != 0 ? -number : -EIO,
	    number == ENOSYS ? OUTCOME_UNSUPPORTED : OUTCOME_FAILED, msg);
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	size_t len, room;

	if (e == NULL)
		return -EIO;
	FORMAT_MESSAGE(msg, fmt);
	len = strlen(msg);
	/* The end of the old message is the cause: the prefix goes first if room is short. */
	room = ERR_MSG_MAX - 1 - strlen(e->msg);
	if (len + 2 > room && room < ERR_MSG_MAX / 3)
		return e->code;
	if (len + 2 > room) {
		msg[room - 2] = '\0';
		trim_cut_character(msg);
		len = strlen(msg);
	}
	memmove(e->msg + len + 2, e->msg, strlen(e->msg) + 1);
	memcpy(e->msg, msg, len);
	memcpy(e->msg + len, ": ", 2);
	return e->code;
}

int
err_unsupported(struct err *e, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];

	FORMAT_MESSAGE(msg, fmt);
	return fill(e, -EOPNOTSUPP, OUTCOME_UNSUPPORTED, msg);
}

int
err_refused(struct err *e, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];

	FORMAT_MESSAGE(msg, fmt);
	return fill(e, -EPERM, OUTCOME_REFUSED, msg);
}

int
err_invalid(struct err *e, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];

	FORMAT_MESSAGE(msg, fmt);
	return fill(e, -EINVAL, OUTCOME_INVALID, msg);
}

const char *
outcome_name(enum outcome o)
{
	return (unsigned)o < OUTCOMES ? outcome_names[o] : "?";
}

int
outcome_parse(const char *name, enum outcome *ret)
{
	for (unsigned i = 0; i < OUTCOMES; i++) {
		if (strcmp(name, outcome_names[i]) == 0) {
			*ret = (enum outcome)i;
			return 0;
		}
	}
	return -EINVAL;
}
