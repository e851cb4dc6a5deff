/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOAD_FILE_H
#define LOAD_FILE_H
/*
 * Experiment files (stormdrill-experiment(5)).  The only user of libyaml.  Every message
 * names the place and shows it:
 *
 *	slow.yaml:14:9: error: unknown parameter 'dellay' of net.delay (did you mean 'delay'?)
 *	   14 |       dellay: 100ms
 *	      |       ^
 */
#include <stddef.h>

struct err;
struct experiment;

struct load_options {
	const char *const *vars; /* "name=value" of --var, NULL-terminated, or NULL */
	/* Where diagnostics go, each a few lines without the last line's end; every problem
	 * found is said, up to 20.  No secret is in them. */
	void (*say)(void *ctx, const char *text);
	void *ctx;
};
/* 0 with the experiment (experiment_free), or a negative errno: -EINVAL for a file that
 * was read and is wrong (said through `say`), others with `e`. */
int load_experiment(const char *path, const struct load_options *o,
    struct experiment **ret, struct err *e);

#endif
