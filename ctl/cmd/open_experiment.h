/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPEN_EXPERIMENT_H
#define OPEN_EXPERIMENT_H
/* Reading the experiment a command was given, for check, plan and run alike. */
struct experiment;
struct invocation;

/* 0 with the experiment (experiment_free), else the exit code; what was wrong with the
 * file is on stderr.  --var is taken from the invocation. */
int open_experiment(
    const struct invocation *v, const char *path, struct experiment **ret);

#endif
