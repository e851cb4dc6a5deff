/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JQ_LINE_H
#define JQ_LINE_H
/*
 * Those who wait for one filter, and the process that answers them.  What is answered goes
 * to a list of the owner's: nobody is called from here.
 */
#include "jq_process.h"
#include "jq_worker.h"
#include <stdbool.h>
#include <sys/queue.h>

struct jq_asked {
	TAILQ_ENTRY(jq_asked) link;
	char *text;
	size_t len;
	usec_t deadline;
	jq_answer_fn answer; /* NULL: forgotten */
	void *asker;
	bool is_second; /* the process died of it, or with it, once */
	enum jq_result result;
	char why[JQ_WHY_MAX];
};
TAILQ_HEAD(jq_asked_list, jq_asked);
void jq_asked_free(struct jq_asked *q);

enum jq_line_state {
	LINE_GONE,      /* no process; started at start_at */
	LINE_COMPILING, /* the filter was told */
	LINE_READY,
	LINE_BUSY,  /* `current` was told */
	LINE_DYING, /* killed, or it hung up: its death will be seen */
};

struct jq_line {
	/* Set by the owner: outlive the line. */
	const char *path;
	struct jq_asked_list *done;
	int epoll;
	uint64_t key; /* of the process' socket there; of its death: key + 1 */
	char *filter;

	enum jq_line_state state;
	struct jq_process process;
	bool has_compiled;        /* this process */
	char trouble[JQ_WHY_MAX]; /* why there is no process; "": there is, or will be */
	usec_t start_at;
	/* When BUSY, or DYING with it; NULL: it was answered. */
	struct jq_asked *current;
	char *told; /* its text, which may still be on its way */
	bool watches_out;
	usec_t cpu_before, look_at;
	struct jq_asked_list waiting;
	size_t count, bytes;
	usec_t due; /* nothing that waits has an earlier deadline */
};

void jq_line_init(struct jq_line *l);
void jq_line_release(struct jq_line *l);
int jq_line_start(struct jq_line *l, struct err *e);
void jq_line_ask(struct jq_line *l, const struct jq_question *asked);
void jq_line_forget(struct jq_line *l, const void *asker);
void jq_line_serve(struct jq_line *l, uint32_t events);
void jq_line_on_death(struct jq_line *l, usec_t now);
/* What time has brought. */
void jq_line_go_on(struct jq_line *l, usec_t now);
usec_t jq_line_next(const struct jq_line *l);

#endif
