/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEARCH_JOB_H
#define SEARCH_JOB_H
/*
 * One search under way, shared by the files of the command:
 *	cmd_search.c    options, and what the exit code is
 *	search_run.c    drill after drill
 *	search_words.c  what has come of it, in sentences
 *	search_say.c    for who watches
 *	search_file.c   search.json and search.md; an earlier search.json
 */
#include "hosts.h"
#include "run.h"
#include "search.h"
#include "search_vary.h"
#include "sha256.h"
#include "verdict.h"

struct event;
struct experiment;

struct search_step {
	int64_t value;
	bool is_counted; /* it held or broke, or showed nothing: the model knows of it */
	enum search_end end;
	double chance;
	enum verdict verdict;
	struct run_result result;
	usec_t began, took; /* wall; how long */
	char dir[16];       /* "step-01" */
};

/* An earlier search of the same. */
struct search_earlier {
	const char *path; /* NULL: none */
	struct search_answer answer;
	char began[40];
	char sha256[SHA256_HEX_LEN]; /* of its experiment; "" not known */
};

#define SEARCH_WHY 760

struct search_job {
	struct experiment *x; /* our own: each step changes it */
	struct vary vary;
	struct search search;
	struct search_step *step; /* SEARCH_DRILLS_MAX */
	size_t count;
	struct search_answer answer;
	struct run_options run;
	struct host_options hosts;
	char *dir;
	usec_t began; /* wall */
	struct search_earlier earlier;
	enum search_change change; /* against that */
	bool is_over;
	enum verdict ended;   /* what ended it before its time; held: nothing did */
	char why[SEARCH_WHY]; /* of that */
	bool quiet, json, is_terminal;
	bool is_line_open; /* the line of the step under way stands on the terminal */
	bool is_undo_said;
};

/* search_run.c */
void search_run(struct search_job *j);
int search_exit_code(const struct search_job *j);

/* search_words.c: one fact each. */
#define SEARCH_WORDS_MAX 8
struct search_word {
	const char *label; /* "answer", "sure", … */
	char text[1000];
};
size_t search_words(const struct search_job *j, struct search_word ret[SEARCH_WORDS_MAX]);
/* "after 3.2s: shop: 12 of the last 40 answers bad…", "600 answers, none bad" */
void search_step_words(
    const struct search_step *s, const struct experiment *x, char *buf, size_t size);
const char *search_step_end(
    const struct search_step *s);                  /* "held", "broke", "nothing", … */
double search_sure(const struct search_answer *a); /* 0–1; NAN: not known */

/* search_say.c */
void search_say_start(const struct search_job *j);
void search_say_try(struct search_job *j, int64_t value);
void search_say_event(void *job, const struct event *v); /* a callback of run.h */
void search_say_step(struct search_job *j, const struct search_step *s);
void search_say_end(const struct search_job *j);

/* search_file.c */
int search_open_dir(struct search_job *j, const char *asked, struct err *e);
void search_write_json(
    struct search_job *j); /* as far as it has come; what fails is said */
void search_write_markdown(struct search_job *j);
int search_print_json(const struct search_job *j); /* 0 or the exit code */
int search_load_earlier(struct search_job *j, const char *path, struct err *e);

#endif
