/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains of ours by iptables-restore and ip6tables-restore.  The programs are used, not the
 * kernel's interface, because only they know which backend the host's other rules live in;
 * they are slow, so nothing here is on the way of arming or disarming.
 *
 * Removal looks first (iptables-save) and then deletes exactly what it saw, in one
 * transaction: what is not there is never an error, and what is not ours is never named.
 */
#include "iptables.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "spawn.h"
#include "xalloc.h"
#include "xtables_lock.h"

/* Seconds that a program waits for the xtables lock; two of them, one for each family, must
 * fit into what stormd gives a stage (20 s). */
#define LOCK_WAIT "8"

enum {
	TOOL_TIMEOUT_MS = 15000, /* more than the wait for the lock */
	SAVE_FIRST = 32 * 1024,
	SAVE_MAX = SAVE_FIRST * 8 * 8 * 8, /* 16 MiB: some 200,000 rules */
	REMOVE_TRIES = 3,
};

static int
find_tool(int family, const char *verb, char *ret, size_t size, struct err *e)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin" };
	const char *stem = family == 4 ? "iptables" : "ip6tables";

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		(void)snprintf(ret, size, "%s/%s-%s", dirs[i], stem, verb);
		if (access(ret, X_OK) == 0)
			return 0;
	}
	return err_unsupported(e,
	    "%s-%s is not installed (Debian: iptables, Fedora: iptables-nft)", stem,
	    verb);
}

int
iptables_supported(int family, struct err *e)
{
	char path[64];
	int rc = find_tool(family, "restore", path, sizeof(path), e);

	return rc < 0 ? rc : find_tool(family, "save", path, sizeof(path), e);
}

static int
restore(int family, const char *input, int barrier_fd, struct err *e)
{
	char path[64];
	const char *argv[] = { path, "--noflush", "-w", LOCK_WAIT, NULL };
	const struct run_tool t = {
		.argv = argv,
		.input = input,
		.keep_fd = barrier_fd,
		.timeout_ms = TOOL_TIMEOUT_MS,
	};
	struct err why = { 0 };
	char holder[64];

	if (find_tool(family, "restore", path, sizeof(path), e) < 0)
		return e->code;
	if (run_tool(&t, &why) == 0)
		return 0;
	*e = why;
	if (!xtables_lock_is_why(why.msg))
		return e->code;
	(void)err_refused(e,
	    "the xtables lock (%s) was not to be had in " LOCK_WAIT " s: %s holds it",
	    xtables_lock_path(), xtables_lock_holder(holder, sizeof(holder)));
	e->code = -EBUSY;
	return e->code;
}

bool
iptables_is_legacy(int family)
{
	char path[64], real[PATH_MAX];
	struct err none = { 0 };

	if (find_tool(family, "save", path, sizeof(path), &none) < 0 ||
	    realpath(path, real) == NULL)
		return false;
	return strstr(strrchr(real, '/'), "legacy") != NULL;
}

/* iptables-legacy makes the table that it is asked to read, for good.  False only if it is
 * certain that there is nothing to read. */
static bool
may_have_table(int family, const char *table)
{
	char names[512], line[40];
	ssize_t len;

	if (!iptables_is_legacy(family))
		return true;
	names[0] = '\n';
	len = read_file_at(AT_FDCWD,
	    family == 4 ? "/proc/self/net/ip_tables_names" :
			  "/proc/self/net/ip6_tables_names",
	    names + 1, sizeof(names) - 1);
	if (len < 0)
		return len != -ENOENT;
	(void)snprintf(line, sizeof(line), "\n%s\n", table);
	return strstr(names, line) != NULL;
}

/* Most tables are small, and memory of ours is locked: begin with little. */
int
iptables_save(int family, const char *table, int barrier_fd, char **ret, struct err *e)
{
	char path[64];
	const char *argv[] = { path, "-t", table, NULL };
	int rc = find_tool(family, "save", path, sizeof(path), e);

	if (rc == 0 && !may_have_table(family, table)) {
		*ret = xstrdup("");
		return 0;
	}
	for (size_t size = SAVE_FIRST; rc == 0 && size <= SAVE_MAX; size *= 8) {
		_cleanup_free_ char *text = xcalloc(1, size);
		const struct run_tool t = {
			.argv = argv,
			.out = text,
			.out_size = size,
			.keep_fd = barrier_fd,
			.timeout_ms = TOOL_TIMEOUT_MS,
		};

		rc = run_tool(&t, e);
		if (rc < 0 || strlen(text) == size - 1)
			continue;
		*ret = steal_ptr(&text);
		return 0;
	}
	return rc < 0 ? rc : err_set(e, -EFBIG, "table '%s' is too large to read", table);
}

int
iptables_add(
    const struct iptables_chain *chains, size_t count, int barrier_fd, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return err_errno(e, "build rules");
	(void)fprintf(f, "*%s\n", chains[0].table);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(f, ":%s - [0:0]\n", chains[i].chain);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(f, "%s-I %s 1 -j %s\n", chains[i].rules,
		    chains[i].hook == HOOK_IN ? "INPUT" : "OUTPUT", chains[i].chain);
	(void)fprintf(f, "COMMIT\n");
	if (fclose(f) != 0)
		return err_errno(e, "build rules");
	return restore(chains[0].family, text, barrier_fd, e);
}

/* "-A INPUT … -j CHAIN": does this line lead to the chain? */
static bool
is_jump(const char *line, size_t len, const char *chain)
{
	char end[64];
	size_t end_len = (size_t)snprintf(end, sizeof(end), " -j %s", chain);

	return len > end_len && strncmp(line, "-A ", 3) == 0 &&
	       memcmp(line + len - end_len, end, end_len) == 0;
}

/* ":CHAIN - [0:0]" */
static bool
is_declaration(const char *line, size_t len, const char *chain)
{
	size_t name_len = strlen(chain);

	return len > name_len + 1 && line[0] == ':' &&
	       memcmp(line + 1, chain, name_len) == 0 && line[name_len + 1] == ' ';
}

/* From a table as saved, what removes our chain from it; NULL when it is not there. */
static char *
removal_of(const char *saved, const char *table, const char *chain)
{
	_cleanup_free_ char *text = NULL;
	bool is_there = false, is_declared = false;
	size_t text_len = 0;
	FILE *f = open_memstream(&text, &text_len);

	if (f == NULL)
		abort(); /* out of memory: the record is on disk, and will be tried again */
	(void)fprintf(f, "*%s\n", table);
	for (const char *line = saved; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		is_declared |= is_declaration(line, len, chain);
		if (is_jump(line, len, chain)) {
			(void)fprintf(f, "-D%.*s\n", (int)len - 2, line + 2);
			is_there = true;
		}
		line += len + (line[len] == '\n');
	}
	if (is_declared)
		(void)fprintf(f, "-F %s\n-X %s\n", chain, chain);
	(void)fprintf(f, "COMMIT\n");
	if (fclose(f) != 0)
		abort();
	return is_there || is_declared ? steal_ptr(&text) : NULL;
}

int
iptables_chain_exists(
    int family, const char *table, const char *chain, int barrier_fd, struct err *e)
{
	_cleanup_free_ char *saved = NULL;
	_cleanup_free_ char *text = NULL;
	int rc = iptables_save(family, table, barrier_fd, &saved, e);

	if (rc < 0)
		return rc;
	text = removal_of(saved, table, chain);
	return text != NULL;
}

int
iptables_remove(
    int family, const char *table, const char *chain, int barrier_fd, struct err *e)
{
	int rc = 0;

	/* Someone may change the table between our look and our change: look again. */
	for (int i = 0; i < REMOVE_TRIES; i++) {
		_cleanup_free_ char *saved = NULL;
		_cleanup_free_ char *text = NULL;
		int seen = iptables_save(family, table, barrier_fd, &saved, e);

		if (seen < 0)
			return err_wrap(e, "remove chain '%s'", chain);
		text = removal_of(saved, table, chain);
		if (text == NULL)
			return 0;
		rc = restore(family, text, barrier_fd, e);
		if (rc == 0)
			return 0;
		if (rc == -EBUSY)
			break; /* it has been waited for */
	}
	(void)err_wrap(e, "remove chain '%s'", chain);
	return rc;
}
