/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes of kernel objects that several faults share, in host-dir/shared: one file per
 * object and network namespace, in the manner of a record.  Whoever makes the object writes
 * the note first; whoever sweeps last takes both away.  A note whose writer still lives is
 * left to that writer: it may be between writing the note and making the object.
 */
#include "store.h"

#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "parse.h"
#include "shared.h"
#include "undo_table.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define MAGIC         "stormdrill-shared 1"
#define NOTE_TEXT_MAX 2048
#define LOCK_WAIT     (2 * USEC_PER_SEC)
#define LOCK_POLL     (2 * USEC_PER_MSEC)

struct note {
	char boot_id[BOOT_ID_LEN];
	uint64_t netns;
	struct process_id writer;
	struct undo undo;
};

/* The wait is bounded: a holder that was stopped in here must not stop every undo. */
static int
lock_notes(int dir, struct err *e)
{
	usec_t until = clock_boottime() + LOCK_WAIT;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "open the shared notes");
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || clock_boottime() >= until) {
			(void)err_errno(e, "lock the shared notes");
			(void)close(fd); /* only locked by */
			return e->code;
		}
		sleep_usec(LOCK_POLL);
	}
	return fd;
}

/* --- one note ⇄ text ------------------------------------------------------------------- */

static void
note_name(const struct note *n, char *buf, size_t size)
{
	const struct undo *u = &n->undo;
	const struct undo_row *row = &undo_table[u->op];

	(void)snprintf(buf, size, "%s.%" PRIu64 ".%" PRId64 "%s%s%s%.64s", row->name,
	    n->netns, u->num[0], u->op == UNDO_CLSACT ? "" : ".",
	    u->op == UNDO_CLSACT ? "" : u->dev,
	    u->dev[0] != '\0' && row->has_name ? "." : "", row->has_name ? u->name : "");
}

static int
note_format(const struct note *n, char *buf, size_t size)
{
	char line[UNDO_LINE_MAX], hand[UNDO_HAND_MAX];

	(void)undo_format(&n->undo, line, sizeof(line));
	undo_by_hand(&n->undo, hand, sizeof(hand));
	return snprintf(buf, size,
	    MAGIC "\n"
		  "boot %s\n"
		  "netns %" PRIu64 "\n"
		  "writer %d %" PRIu64 "\n"
		  "# by hand: %s\n"
		  "%s\n"
		  "end\n",
	    n->boot_id, n->netns, n->writer.pid, n->writer.start, hand, line);
}

/* Take "key value\n" off *text, passing over comments; NULL when it is not there. */
static char *
take(char **text, const char *key)
{
	size_t len = strlen(key);
	char *line, *end;

	do {
		line = *text;
		end = strchr(line, '\n');
		if (end == NULL)
			return NULL;
		*end = '\0';
		*text = end + 1;
	} while (line[0] == '#');
	return strncmp(line, key, len) == 0 ? line + len : NULL;
}

static int
note_parse(char *text, struct note *ret, struct err *e)
{
	struct note n = { 0 };
	char *magic = take(&text, MAGIC);
	char *boot = magic != NULL ? take(&text, "boot ") : NULL;
	char *netns = boot != NULL ? take(&text, "netns ") : NULL;
	char *writer = netns != NULL ? take(&text, "writer ") : NULL;
	char *line = writer != NULL ? take(&text, "shared ") : NULL;
	char *start = writer != NULL ? strchr(writer, ' ') : NULL;
	uint64_t pid;

	if (line == NULL || start == NULL || magic[0] != '\0' ||
	    strcmp(text, "end\n") != 0)
		return err_invalid(e, "not a whole '" MAGIC "'");
	*start++ = '\0';
	if (parse_uuid(boot, e) < 0 || parse_u64(netns, &n.netns, e) < 0 ||
	    parse_u64(writer, &pid, e) < 0 || parse_u64(start, &n.writer.start, e) < 0)
		return e->code;
	if (pid > INT32_MAX)
		return err_invalid(e, "%s is not a pid", writer);
	n.writer.pid = (pid_t)pid;
	memcpy(n.boot_id, boot, BOOT_ID_LEN);
	line -= strlen("shared ");
	if (undo_parse(line, NULL, &n.undo, e) < 0)
		return e->code;
	*ret = n;
	return 0;
}

static int
note_read(int dir, const char *name, struct note *ret, struct err *e)
{
	char text[NOTE_TEXT_MAX], expected[NAME_MAX + 1];
	ssize_t len;
	int r;

	len = read_file_at(dir, name, text, sizeof(text));
	if (len < 0)
		return err_set(
		    e, (int)len, "read shared note '%s': %s", name, strerror((int)-len));
	r = note_parse(text, ret, e);
	if (r < 0)
		return err_wrap(e, "shared note '%s'", name);
	note_name(ret, expected, sizeof(expected));
	if (strcmp(name, expected) != 0)
		return err_invalid(e, "shared note '%s' is about '%s'", name, expected);
	return 0;
}

/* Under the lock.  A note that is there already gets us as its writer: whoever sweeps
 * meanwhile leaves the object to us. */
static int
note_write(const struct store *s, const struct note *n, const char *name, struct err *e)
{
	char text[NOTE_TEXT_MAX];
	int len = note_format(n, text, sizeof(text));

	return replace_file_at(s->shared, name, text, (size_t)len, e);
}

static int
note_init(struct note *n, const struct undo *u, struct err *e)
{
	int r;

	if (undo_beat(u->op) != BEAT_SHARED || !undo_is_valid(u, NULL))
		return err_invalid(e, "'%s' is not a shared object", undo_op_name(u->op));
	*n = (struct note){ .netns = netns_inode(), .undo = *u };
	r = clock_boot_id(n->boot_id, e);
	if (r < 0)
		return r;
	r = process_id_get(getpid(), &n->writer);
	if (r < 0)
		return err_set(e, r, "read our own start time: %s", strerror(-r));
	return 0;
}

int
shared_note(struct store *s, const struct undo *u, struct err *e)
{
	_cleanup_close_ int lock = lock_notes(s->shared, e);
	char name[NAME_MAX + 1];
	struct note n;

	if (lock < 0)
		return lock;
	if (note_init(&n, u, e) < 0)
		return e->code;
	note_name(&n, name, sizeof(name));
	return note_write(s, &n, name, e);
}

/* By one of us, in this boot?  An older note says nothing of what is there now. */
static bool
is_noted(const struct store *s, const struct note *now, const char *name)
{
	struct err why = { 0 };
	struct note n;

	return note_read(s->shared, name, &n, &why) == 0 &&
	       strcmp(n.boot_id, now->boot_id) == 0;
}

int
shared_claim(struct store *s, struct undo_ctx *c, const struct undo *u, struct err *e)
{
	_cleanup_close_ int lock = lock_notes(s->shared, e);
	const struct undo_list one = { .count = 1, .op = { *u } };
	struct err in_use = { 0 };
	char name[NAME_MAX + 1];
	struct note n;

	if (lock < 0)
		return lock;
	if (note_init(&n, u, e) < 0)
		return e->code;
	note_name(&n, name, sizeof(name));
	if (undo_check(c, &one, BEAT_SHARED, &in_use) < 0 && !is_noted(s, &n, name))
		return 0;
	return note_write(s, &n, name, e);
}

/* --- all of them ----------------------------------------------------------------------- */

struct sweep {
	int dir;
	struct undo_ctx *ctx; /* NULL: the namespace is gone, only its notes are left */
	uint64_t netns;
	char boot_id[BOOT_ID_LEN];
};

static int
drop_note(const struct sweep *s, const char *name, struct err *e)
{
	if (unlinkat(s->dir, name, 0) < 0 && errno != ENOENT)
		return err_errno(e, "drop shared note '%s'", name);
	return 0;
}

static int
sweep_note(const struct sweep *s, const char *name, struct err *e)
{
	struct undo_list one = { .count = 1 };
	struct err why = { 0 };
	struct note n;
	int r;

	r = note_read(s->dir, name, &n, e);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (strcmp(n.boot_id, s->boot_id) != 0)
		return drop_note(s, name, e);
	if (n.netns != s->netns)
		return 0;
	if (s->ctx == NULL)
		return drop_note(s, name, e);
	if (n.writer.pid != getpid() && process_id_alive(n.writer))
		return 0;
	one.op[0] = n.undo;
	r = undo_run(s->ctx, &one, BEAT_SHARED, e);
	if (r < 0)
		return r;
	/* Still in use by somebody: the note stays, and names it. */
	return undo_check(s->ctx, &one, BEAT_SHARED, &why) < 0 ? 0 :
								 drop_note(s, name, e);
}

/* Chains before the tables they stand in: UNDO_NFT_CHAIN's name sorts first. */
static int
compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_note(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int
sweep_all(const struct sweep *s, struct err *e)
{
	struct dirent **names = NULL;
	int first = 0;
	int count = scandirat(s->dir, ".", &names, is_note, compare_names);

	if (count < 0)
		return err_errno(e, "list the shared notes");
	for (int i = 0; i < count; i++) {
		struct err why = { 0 };
		int r = sweep_note(s, names[i]->d_name, &why);

		if (r < 0 && first == 0) {
			first = r;
			*e = why;
		}
		free(names[i]);
	}
	free(names);
	return first;
}

static int
sweep_namespace(struct store *s, struct undo_ctx *c, uint64_t netns, struct err *e)
{
	_cleanup_close_ int lock = lock_notes(s->shared, e);
	struct sweep sweep = { .dir = s->shared, .ctx = c, .netns = netns };
	int r;

	if (lock < 0)
		return lock;
	r = clock_boot_id(sweep.boot_id, e);
	return r < 0 ? r : sweep_all(&sweep, e);
}

int
shared_sweep(struct store *s, struct undo_ctx *c, struct err *e)
{
	return sweep_namespace(s, c, netns_inode(), e);
}

int
shared_forget(struct store *s, uint64_t netns, struct err *e)
{
	return sweep_namespace(s, NULL, netns, e);
}
