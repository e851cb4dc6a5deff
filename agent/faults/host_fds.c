/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.fds: of chosen processes (fds_limit.c), or of the host.  There fs.file-max is lowered
 * to what is open and `leave` more.  To hold so many files instead would be honest on no
 * host of today, whose file-max is in the millions or without an end; who has CAP_SYS_ADMIN
 * is exempt from it, the agent too, which therefore can undo it.
 *
 * Whether it bites is tried by a child of ours without that capability, which opens files
 * until the kernel refuses one, and is then ended with all of them.
 */
#include "child_group.h"
#include "cleanup.h"
#include "crew.h"
#include "fault.h"
#include "fdio.h"
#include "fds_limit.h"
#include "knob.h"
#include "leash.h"
#include "parse.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define START_PATIENCE (10 * USEC_PER_SEC)
#define TRY_PATIENCE   (10 * USEC_PER_SEC)
#define WATCH_MS       1000
#define TRY_MAX        4000 /* with more than that left it is not tried */
#define TRY_SLACK      2000 /* others may close theirs meanwhile */

enum { TRY_REFUSED = 1, TRY_NOT_REFUSED, TRY_OUR_LIMIT };

struct fds_page {
	_Atomic uint32_t is_going;
	_Atomic uint32_t result;
	uint32_t most; /* files to open */
	_Atomic uint32_t opened;
};

struct few_files {
	struct fds_limits *limits; /* of chosen processes; NULL: of the host */
	struct child_group group;
	struct crew crew;
	struct fds_page *page;
	struct undo knob;
	uint64_t now;
};

/* --- the one who tries ----------------------------------------------------------------- */

static int
try_files_main(struct member *m, struct err *e)
{
	struct fds_page *page = m->page;
	struct rlimit l;
	uint32_t result = TRY_NOT_REFUSED;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return err_errno(e, "read the limit of descriptors");
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l); /* or it is tried with fewer */
	crew_ready(m);
	while (atomic_load(&page->is_going) == 0)
		word_wait(&page->is_going, 0, 0);
	for (uint32_t i = 0; i < page->most && result == TRY_NOT_REFUSED; i++) {
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
			atomic_fetch_add(&page->opened, 1);
		else
			result = errno == ENFILE ? TRY_REFUSED : TRY_OUR_LIMIT;
	}
	atomic_store(&page->result, result);
	word_wake(&page->result);
	for (;;)
		(void)pause();
}

const struct crew_work work_try_files = {
	.name = "try_files",
	.comm = "stormd-files",
	.page_size = sizeof(struct fds_page),
	.run = try_files_main,
};

/* --- the holder ------------------------------------------------------------------------ */

static int
host_fds_supported(struct err *e)
{
	(void)e;
	return 0; /* fs.file-max and prlimit are always there */
}

/* "1075	0	2466183": open, unused, the limit */
static int
count_files(uint64_t *ret, struct err *e)
{
	char text[96];

	if (read_file_at(AT_FDCWD, "/proc/sys/fs/file-nr", text, sizeof(text)) < 0)
		return err_set(e, -EIO, "read /proc/sys/fs/file-nr");
	text[strcspn(text, "\t ")] = '\0';
	return parse_u64(text, ret, e);
}

static int
plan_host(struct few_files *f, struct fault_run *r, struct err *e)
{
	const uint64_t leave = (uint64_t)spec_num(r->spec, "leave");
	uint64_t open_now, was;

	if (count_files(&open_now, e) < 0)
		return e->code;
	f->now = open_now + leave;
	(void)snprintf(f->knob.now, sizeof(f->knob.now), "%" PRIu64, f->now);
	if (knob_plan(r->ctx, NULL, "fs/file-max", &f->knob, e) < 0)
		return e->code;
	if (parse_u64(f->knob.was, &was, e) < 0)
		return err_wrap(e, "fs.file-max");
	if (was <= f->now)
		return err_set(e, -EALREADY,
		    "no effect: fs.file-max is %s already, which leaves fewer",
		    f->knob.was);
	if (child_group_plan(&f->group, r, NULL, e) < 0 ||
	    crew_init(&f->crew, &work_try_files, 1, 0, e) < 0)
		return e->code;
	f->page = f->crew.page;
	f->page->most = leave > TRY_MAX ? 0 : (uint32_t)leave + TRY_SLACK;
	undo_add(
	    &r->undo, (struct undo){ .op = UNDO_DESCRIPTOR, .num = { f->crew.leash } });
	undo_add(&r->undo, f->knob);
	fault_op(r, "set fs.file-max from %s to %s: %" PRIu64 " files are open",
	    f->knob.was, f->knob.now, open_now);
	(void)snprintf(r->note, sizeof(r->note),
	    "%" PRIu64 " to be left; who has CAP_SYS_ADMIN is exempt", leave);
	return 0;
}

static int
host_fds_prepare(struct fault_run *r, struct err *e)
{
	static const char *const selectors[] = { "name", "cmdline", "cmdline_regex",
		"exe", "pid", "port", "user", "unit", "cgroup", "container" };
	struct few_files *f = xcalloc(1, sizeof(*f));

	r->state = f;
	r->wake_ms = -1;
	for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
		if (spec_has(r->spec, selectors[i])) {
			r->effect_unit = "processes";
			return fds_limits_plan(&f->limits, r, e);
		}
	}
	return plan_host(f, r, e);
}

static int
host_fds_stage(struct fault_run *r, struct err *e)
{
	struct few_files *f = r->state;

	if (f->limits != NULL)
		return 0;
	if (child_group_make(&f->group, r, e) < 0)
		return e->code;
	return crew_start(&f->crew, r->spec->id, &f->group, START_PATIENCE, e);
}

static int
host_fds_apply(struct fault_run *r, struct err *e)
{
	struct few_files *f = r->state;

	return f->limits != NULL ? fds_limits_apply(f->limits, e) :
				   knob_turn(r->ctx, &f->knob, e);
}

static int
look(struct fault_run *r, const struct few_files *f, struct err *e)
{
	uint64_t open_now;
	size_t alive;

	if (f->limits != NULL) {
		if (fds_limits_check(f->limits, &alive, e) < 0)
			return e->code;
		r->effect = alive;
		return 0;
	}
	if (knob_verify(r->ctx, &f->knob, e) < 0 || count_files(&open_now, e) < 0)
		return e->code;
	r->effect = open_now < f->now ? f->now - open_now : 0;
	(void)snprintf(r->note, sizeof(r->note),
	    "%" PRIu64 " left of %" PRIu64 "; who has CAP_SYS_ADMIN is exempt", r->effect,
	    f->now);
	return 0;
}

static int
try_to_exceed(struct few_files *f, struct err *e)
{
	const usec_t until = clock_boottime() + TRY_PATIENCE;
	uint32_t result;

	if (f->page->most == 0)
		return 0;
	atomic_store(&f->page->is_going, 1);
	word_wake(&f->page->is_going);
	while ((result = atomic_load(&f->page->result)) == 0) {
		if (clock_boottime() >= until)
			return err_set(
			    e, -ETIMEDOUT, "the process that tries gets no turn");
		word_wait(&f->page->result, 0, 20);
	}
	if (result == TRY_NOT_REFUSED)
		return err_set(e, -EIO, "no effect: %u files could be opened",
		    atomic_load(&f->page->opened));
	return 0; /* with TRY_OUR_LIMIT the kernel's word must do */
}

static int
host_fds_verify(struct fault_run *r, struct err *e)
{
	struct few_files *f = r->state;

	if (f->limits == NULL) {
		if (try_to_exceed(f, e) < 0)
			return e->code;
		crew_reap(&f->crew); /* its files are somebody's who needs them */
	}
	r->wake_ms = WATCH_MS;
	return look(r, f, e);
}

static int
host_fds_hold(struct fault_run *r, struct err *e)
{
	if (look(r, r->state, e) == 0)
		return 0;
	r->lost = true;
	return e->code;
}

static int
host_fds_release(struct fault_run *r, struct err *e)
{
	struct few_files *f = r->state;

	(void)e;
	if (f->limits == NULL)
		crew_reap(&f->crew);
	return 0;
}

static const int syscalls[] = {
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(futex),
	SCMP_SYS(kill),
	SCMP_SYS(memfd_create),
	SCMP_SYS(pause),
	SCMP_SYS(prctl),
	SCMP_SYS(prlimit64),
	SCMP_SYS(wait4),
	-1,
};

const struct fault fault_host_fds = {
	.kind = &kind_host_fds,
	.effect_unit = "left to open",
	.supported = host_fds_supported,
	.how = fault_how_plain,
	.prepare = host_fds_prepare,
	.stage = host_fds_stage,
	.apply = host_fds_apply,
	.verify = host_fds_verify,
	.hold = host_fds_hold,
	.release = host_fds_release,
	.syscalls = syscalls,
	.runs_tools = true, /* the one who tries is started by exec */
};
