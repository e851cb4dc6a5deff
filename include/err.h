/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ERR_H
#define ERR_H
/*
 * One error: a code and a sentence a person can act on.  A fixed buffer, so that it works
 * out of memory and crosses a message as it is.
 *
 * A fallible function returns 0 or a negative errno and takes `struct err *` last; it
 * never touches it on success.  Messages are lower case, without a full stop, user
 * strings in 'ticks': "create set 'sd-7b1c09aa-4': Operation not permitted".
 */
#define ERR_MSG_MAX 240

/* Why something did not happen; decides the exit code (stormctl(1)). */
enum outcome {
	OUTCOME_DONE,
	OUTCOME_UNSUPPORTED, /* this host cannot: kernel feature, program or mount is absent */
	OUTCOME_REFUSED, /* policy, lock, protection: it could, it must not */
	OUTCOME_INVALID, /* the request itself is wrong */
	OUTCOME_FAILED,  /* it was tried and did not work; nothing is left */
	OUTCOME_STUCK,   /* undo did not succeed or could not be verified */
	OUTCOMES
};

struct err {
	int code;             /* negative errno; 0 = unset */
	enum outcome outcome; /* OUTCOME_FAILED unless said otherwise */
	char msg[ERR_MSG_MAX];
};

/* All return the (negative) code, so that `return err_set(…)` reads as one step. */
int err_set(struct err *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* code = -errno; appends ": " and the text of errno; ENOSYS is OUTCOME_UNSUPPORTED. */
int err_errno(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prefixes what is there with "fmt: "; keeps code and outcome. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* OUTCOME_UNSUPPORTED with -EOPNOTSUPP. */
int err_unsupported(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* OUTCOME_REFUSED with -EPERM. */
int err_refused(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* OUTCOME_INVALID with -EINVAL. */
int err_invalid(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#if defined(__clang_analyzer__) && !defined(ERR_IMPLEMENTATION)
/* All of the above return a negative number, which the analyzer cannot see from here. */
static inline int
err_is_negative(int code)
{
	if (code >= 0)
		__builtin_unreachable();
	return code;
}
# define err_set(...)         err_is_negative(err_set(__VA_ARGS__))
# define err_errno(...)       err_is_negative(err_errno(__VA_ARGS__))
# define err_wrap(...)        err_is_negative(err_wrap(__VA_ARGS__))
# define err_unsupported(...) err_is_negative(err_unsupported(__VA_ARGS__))
# define err_refused(...)     err_is_negative(err_refused(__VA_ARGS__))
# define err_invalid(...)     err_is_negative(err_invalid(__VA_ARGS__))
#endif

const char *outcome_name(enum outcome o);               /* "done" "unsupported" … "?" */
int outcome_parse(const char *name, enum outcome *ret); /* 0 or -EINVAL */

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
