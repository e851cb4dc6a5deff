/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for iptables-restore in a private mount namespace: waits, if the file WHILE
 * exists, so that a test can kill it or the one who runs it in between, then becomes the
 * real program.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct timespec wait = { .tv_sec = DELAY_MS / 1000,
		.tv_nsec = DELAY_MS % 1000 * 1000000L };

	(void)argc;
	if (access(WHILE, F_OK) == 0)
		(void)nanosleep(&wait, NULL);
	execv(REAL, argv);
	return EXIT_FAILURE;
}
