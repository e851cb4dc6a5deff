/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTIONS_H
#define OPTIONS_H
/* stormd's command line (stormd(8)). */
#include "bounds.h"
#include <stdbool.h>

/* Exit codes that stormd shares with stormctl. */
enum {
	EXIT_IS_USAGE = 2,
	EXIT_IS_REFUSED = 9,
	EXIT_IS_STUCK = 20,
	EXIT_IS_INTERNAL = 70
};

struct options {
	const char *instance, *host_dir, *state_dir, *policy;
	char run_dir[PATH_LEN_MAX];
	bool is_ephemeral, is_verbose;
	int lifeline_fd, ready_fd; /* -1: none */
};

/* -1 to go on, else the exit status (usage and --version have been printed). */
int options_parse(int argc, char **argv, struct options *ret);

#endif
