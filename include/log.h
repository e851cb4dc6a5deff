/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_H
#define LOG_H
/*
 * Lines on stderr as "<N>name: message": journald reads N as the priority, a terminal
 * shows the line without it.  Only the loop that gave up logs; what is below returns a
 * struct err.  Never from a signal handler.
 */
struct err;

enum log_level { LOG_L_ERROR = 3, LOG_L_WARN, LOG_L_NOTICE, LOG_L_INFO, LOG_L_DEBUG };

/* name: "stormd"; kept, not copied.  Lines above `max` are not written. */
void log_open(const char *name, enum log_level max);
/* From now on a line that would have to wait (a full pipe, a stopped terminal) is lost: no
 * reader of ours may hold up an undo. */
void log_no_wait(void);
void log_line(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...)  log_line(LOG_L_ERROR, __VA_ARGS__)
#define log_warn(...)   log_line(LOG_L_WARN, __VA_ARGS__)
#define log_notice(...) log_line(LOG_L_NOTICE, __VA_ARGS__)
#define log_info(...)   log_line(LOG_L_INFO, __VA_ARGS__)
#define log_debug(...)  log_line(LOG_L_DEBUG, __VA_ARGS__)

#endif
