/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: replay_TARGET [FILE|DIRECTORY]...
 *
 * Runs a fuzz target over its corpus without a fuzzer, so that whatever was found once is
 * tried on every build.  Without arguments: tests/fuzz/corpus/TARGET.
 */
#include "fuzz.h"
#include <dirent.h>
#include <err.h>

#define INPUT_MAX (1 << 20)

static unsigned replayed;

static void
replay_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *f = fopen(path, "re");
	size_t size;

	if (f == NULL)
		err(1, "%s", path);
	size = fread(data, 1, sizeof(data), f);
	(void)fclose(f); /* read only */
	(void)printf("%s: %zu bytes\n", path, size);
	(void)fflush(stdout); /* the last line names what ended us */
	(void)LLVMFuzzerTestOneInput(data, size);
	replayed++;
}

static void
replay(const char *path)
{
	DIR *d = opendir(path);
	char name[4096];

	if (d == NULL) {
		replay_file(path);
		return;
	}
	for (const struct dirent *de; (de = readdir(d)) != NULL;) {
		(void)snprintf(name, sizeof(name), "%s/%s", path, de->d_name);
		if (de->d_name[0] != '.')
			replay_file(name);
	}
	(void)closedir(d);
}

int
main(int argc, char **argv)
{
	const char *target = strrchr(argv[0], '_');
	char corpus[256];

	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc == 1 && target != NULL) {
		(void)snprintf(
		    corpus, sizeof(corpus), "tests/fuzz/corpus/%s", target + 1);
		replay(corpus);
	}
	if (replayed == 0)
		errx(1, "there is nothing to replay");
	return 0;
}
