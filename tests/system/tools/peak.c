/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peak FILE COMMAND…: runs the command, ends as it does, and leaves in FILE the most memory
 * that it had resident, in KiB.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct rusage used;
	int status;
	pid_t pid;
	FILE *f;

	if (argc < 3)
		return 2;
	pid = fork();
	if (pid == 0) {
		(void)execv(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
		return 126;
	f = fopen(argv[1], "w");
	if (f == NULL || fprintf(f, "%ld\n", used.ru_maxrss) < 0 || fclose(f) != 0)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
