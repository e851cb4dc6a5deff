/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_PARAMS_H
#define PROCESS_PARAMS_H
/*
 * The parameters that process kinds share, so that each has one meaning in all of them:
 * which processes are meant, and how many of those.  Selectors are joined by "and".
 */
#include "kind.h"
#include "process.h"
#include "process_check.h"
#include <linux/capability.h>

/* To look into anybody's /proc, and to hold on to or signal anybody. */
#define PROCESS_CAPS \
 (CAP_BIT(CAP_KILL) | CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_DAC_READ_SEARCH))

static const char *const process_picks[] = { "oldest", "newest", "random", NULL };

#define PROCESS_SELECTOR(called, kind_of, said)                                  \
 {                                                                               \
  .name = (called), .type = (kind_of), .group = "which processes", .help = said, \
 }

#define PROCESS_PARAMS_WHICH                                                           \
 PROCESS_SELECTOR(                                                                     \
     "name", PARAM_STRING, "the command name, or the file name of the executable"),    \
     PROCESS_SELECTOR("cmdline", PARAM_STRING,                                         \
	 "a glob over the whole command line, arguments joined by blanks"),            \
     PROCESS_SELECTOR("cmdline_regex", PARAM_STRING,                                   \
	 "a POSIX extended regular expression that matches somewhere in the "          \
	 "command line"),                                                              \
     PROCESS_SELECTOR("exe", PARAM_PATH, "the path of the executable"),                \
     {                                                                                 \
	     .name = "pid",                                                            \
	     .type = PARAM_INT,                                                        \
	     .min = 1, /* that 1 is never matched is the agent's to say */             \
	     .max = 4194304,                                                           \
	     .group = "which processes",                                               \
	     .help = "this process",                                                   \
     },                                                                                \
     {                                                                                 \
	     .name = "port",                                                           \
	     .type = PARAM_PORT,                                                       \
	     .min = 1,                                                                 \
	     .max = 65535,                                                             \
	     .group = "which processes",                                               \
	     .help = "the process that listens on this TCP or UDP port",               \
     },                                                                                \
     PROCESS_SELECTOR(                                                                 \
	 "user", PARAM_STRING, "processes of this user, by name or number"),           \
     PROCESS_SELECTOR("unit", PARAM_STRING,                                            \
	 "processes of this systemd unit; without a suffix it is a .service"),         \
     PROCESS_SELECTOR("cgroup", PARAM_PATH,                                            \
	 "processes in this cgroup and below it, in whichever tree: its path from "    \
	 "the root of the cgroups, such as /system.slice/nginx.service"),              \
     PROCESS_SELECTOR("container", PARAM_STRING,                                       \
	 "processes of this container: its id, or the first 12 or more digits of it"), \
     {                                                                                 \
	     .name = "children",                                                       \
	     .type = PARAM_BOOL,                                                       \
	     .def = "false",                                                           \
	     .group = "which processes",                                               \
	     .help = "with each that is chosen all its descendants, too",              \
     },                                                                                \
     {                                                                                 \
	     .name = "count",                                                          \
	     .type = PARAM_COUNT,                                                      \
	     .def = "all",                                                             \
	     .group = "which processes",                                               \
	     .help = "how many of those that match: a number, or all",                 \
     },                                                                                \
     {                                                                                 \
	     .name = "percent",                                                        \
	     .type = PARAM_PERCENT,                                                    \
	     .min = 1,                                                                 \
	     .max = 100000,                                                            \
	     .group = "which processes",                                               \
	     .help = "the share of those that match, rounded up to whole processes",   \
     },                                                                                \
     {                                                                                 \
	     .name = "pick",                                                           \
	     .type = PARAM_ENUM,                                                       \
	     .def = "oldest",                                                          \
	     .choices = process_picks,                                                 \
	     .group = "which processes",                                               \
	     .help = "which of them when that is less than all",                       \
     },                                                                                \
     {                                                                                 \
	     .name = "seed",                                                           \
	     .type = PARAM_INT,                                                        \
	     .min = 0,                                                                 \
	     .max = INT64_MAX,                                                         \
	     .group = "which processes",                                               \
	     .help = "makes pick=random choose the same ones again",                   \
     },                                                                                \
     PROCESS_SELECTOR("exclude", PARAM_STRINGS, "names never to match")

#endif
