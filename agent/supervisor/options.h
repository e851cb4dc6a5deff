/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTIONS_H
#define OPTIONS_H
/* stormd's command line (stormd(8)). */
#include "bounds.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Exit codes that stormd shares with stormctl. */
enum {
	EXIT_IS_USAGE = 2,
	EXIT_IS_REFUSED = 9,
	EXIT_IS_STUCK = 20,
	EXIT_IS_INTERNAL = 70
};

struct err;

/* Where TCP is served, if it is. */
struct listen_at {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} addr;
	socklen_t len; /* 0: nowhere */
	uint16_t port;
	char text[64]; /* "10.0.0.1:7433", "[fd00::1]:7433" */
};

struct options {
	const char *instance, *host_dir, *policy, *pki;
	struct listen_at listen;
	char run_dir[PATH_LEN_MAX], state_dir[PATH_LEN_MAX];
	bool is_ephemeral, is_verbose;
	int lifeline_fd, ready_fd; /* -1: none */
};

/* "10.0.0.1", "10.0.0.1:7433", "[::]:7433", "fd00::1"; addresses only. */
int listen_parse(const char *text, struct listen_at *ret, struct err *e);
/* -1 to go on, else the exit status (usage and --version have been printed). */
int options_parse(int argc, char **argv, struct options *ret);

#endif
