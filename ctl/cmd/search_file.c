/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a search.  search.json is written anew after every drill, so that a search
 * that dies has left what it knew; it is also what a later one is compared with.
 */
#include "cleanup.h"
#include "err.h"
#include "event_json.h"
#include "fdio.h"
#include "markdown.h"
#include "output.h"
#include "redact.h"
#include "search_job.h"
#include "xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FILE_JSON "search.json"
#define FILE_MD   "search.md"

/* --- the directory -------------------------------------------------------------------- */

int
search_open_dir(struct search_job *j, const char *asked, struct err *e)
{
	_cleanup_free_ char *name = xasprintf("search-%s", j->x->name);
	int r = results_dir(asked, name, &j->dir, e);

	if (r < 0)
		return err_wrap(e, "results");
	_cleanup_free_ char *path = xasprintf("%s/" FILE_JSON, j->dir);
	if (access(path, F_OK) == 0)
		return err_set(e, -EEXIST,
		    "results: '%s' already holds a search; name another directory",
		    j->dir);
	return 0;
}

/* --- search.json ---------------------------------------------------------------------- */

static void
put_value(json_t *o, const struct search_job *j, const char *key, int64_t value)
{
	_cleanup_free_ char *num = xasprintf("%s_num", key);
	char text[VARY_TEXT];

	json_put(o, key, json_string(vary_format(&j->vary, value, text, sizeof(text))));
	json_put(o, num, json_integer(value));
}

/* Not known is left out. */
static void
put_chance(json_t *o, const char *key, double chance)
{
	if (!isnan(chance))
		json_put(o, key, json_real(chance));
}

static json_t *
vary_object(const struct search_job *j)
{
	json_t *o = json_object();

	json_put(o, "fault", json_text(j->vary.fault->spec.name));
	json_put(o, "kind", json_text(j->vary.fault->spec.kind));
	json_put(o, "param", json_text(vary_param(&j->vary)));
	put_value(o, j, "from", j->vary.from);
	put_value(o, j, "to", j->vary.to);
	return o;
}

static json_t *
probes_of(const struct search_job *j, const struct run_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < j->x->probe_count; i++) {
		json_t *o = json_object();
		json_put(o, "name", json_text(j->x->probes[i].name));
		json_put(o, "n", json_integer((json_int_t)r->during[i].n));
		json_put(o, "bad", json_integer((json_int_t)r->during[i].bad));
		json_append(list, o);
	}
	return list;
}

static json_t *
step_object(const struct search_job *j, const struct search_step *s)
{
	json_t *o = json_object();
	char wall[40], words[1000];

	put_value(o, j, "value", s->value);
	json_put(o, "end", json_string(search_step_end(s)));
	json_put(o, "exit", json_integer(s->verdict));
	search_step_words(s, j->x, words, sizeof(words));
	json_put(o, "text", json_text(words));
	put_chance(o, "chance", s->chance);
	if (s->result.is_stopped) {
		json_put(o, "reason", json_string(judge_reason_name(s->result.reason)));
		json_put(o, "stopped_after_us",
		    json_integer((json_int_t)s->result.stopped_after));
	}
	json_put(o, "probes", probes_of(j, &s->result));
	json_put(o, "drill", json_text(s->result.drill));
	json_put(o, "dir", json_string(s->dir));
	json_put(o, "began", json_string(clock_iso8601(s->began, wall, sizeof(wall))));
	json_put(o, "took_us", json_integer((json_int_t)s->took));
	return o;
}

static json_t *
answer_object(const struct search_job *j)
{
	const struct search_answer *a = &j->answer;
	struct search_word w[SEARCH_WORDS_MAX];
	size_t n = search_words(j, w);
	json_t *o = json_object(), *list = json_array();

	if (a->has_held) {
		put_value(o, j, "holds", a->holds);
		put_chance(o, "holds_error", a->hold_error);
	}
	if (a->has_broken) {
		put_value(o, j, "breaks", a->breaks);
		put_chance(o, "breaks_error", a->break_error);
	}
	if (a->has_held || a->has_broken)
		put_chance(o, "sure", search_sure(a));
	json_put(o, "is_monotone", json_boolean(!a->is_crossed));
	json_put(o, "is_sharp", json_boolean(!a->is_mixed));
	for (size_t i = 0; i < n; i++)
		json_append(list, json_pack("{s:s, s:o}", "about", w[i].label, "text",
				      json_text(w[i].text)));
	json_put(o, "words", list);
	return o;
}

static json_t *
search_to_json(const struct search_job *j)
{
	static const char *const changes[] = {
		[SEARCH_SAME] = "same",
		[SEARCH_WORSE] = "worse",
		[SEARCH_BETTER] = "better",
		[SEARCH_UNSURE] = "unsure",
	};
	json_t *o = json_object(), *steps = json_array();
	char wall[40], hash[SHA256_HEX_LEN];

	sha256_hex(j->x->text, strlen(j->x->text), hash);
	json_put(o, "search", json_integer(1)); /* of this format */
	json_put(o, "experiment", json_text(j->x->name));
	json_put(o, "sha256", json_string(hash));
	json_put(o, "began", json_string(clock_iso8601(j->began, wall, sizeof(wall))));
	json_put(o, "vary", vary_object(j));
	json_put(
	    o, "by", json_string(j->search.plan.by == SEARCH_RAISE ? "raise" : "bisect"));
	for (size_t i = 0; i < j->count; i++)
		json_append(steps, step_object(j, &j->step[i]));
	json_put(o, "steps", steps);
	json_put(o, "is_over", json_boolean(j->is_over));
	json_put(o, "answer", answer_object(j));
	if (j->is_over && j->earlier.path != NULL)
		json_put(o, "against",
		    json_pack("{s:o, s:s}", "file", json_text(j->earlier.path), "change",
			changes[j->change]));
	if (j->is_over)
		json_put(o, "exit", json_integer(search_exit_code(j)));
	redact_json(o, j->x->secrets);
	return o;
}

static void
complain(const char *dir, const char *file, const char *why)
{
	(void)fprintf(stderr, "stormctl search: %s/%s: %s\n", dir, file, why);
}

void
search_write_json(struct search_job *j)
{
	_cleanup_close_ int dir = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	json_t *o = search_to_json(j);
	_cleanup_free_ char *text = json_dumps(o, JSON_INDENT(2));
	struct err e;

	json_decref(o);
	if (dir < 0 || text == NULL)
		complain(j->dir, FILE_JSON, dir < 0 ? strerror(errno) : "no memory");
	else if (replace_file_at(dir, FILE_JSON, text, strlen(text), &e) < 0)
		complain(j->dir, FILE_JSON, e.msg);
}

int
search_print_json(const struct search_job *j)
{
	json_t *o = search_to_json(j);
	int r = json_dumpf(o, stdout, JSON_INDENT(2));

	(void)putchar('\n');
	json_decref(o);
	return r == 0 ? 0 : VERDICT_INTERNAL;
}

/* --- search.md ------------------------------------------------------------------------ */

static void
write_steps(FILE *f, const struct search_job *j)
{
	char value[VARY_TEXT], words[1000];

	(void)fputs("\n| step | value | | what came of it |\n|---|---|---|---|\n", f);
	for (size_t i = 0; i < j->count; i++) {
		const struct search_step *s = &j->step[i];

		search_step_words(s, j->x, words, sizeof(words));
		(void)fprintf(f, "| [%zu](%s/summary.md) | %s | %s | ", i + 1, s->dir,
		    vary_format(&j->vary, s->value, value, sizeof(value)),
		    search_step_end(s));
		markdown_text(f, words);
		(void)fputs(" |\n", f);
	}
}

static void
write_markdown(FILE *f, const struct search_job *j)
{
	struct search_word w[SEARCH_WORDS_MAX];
	size_t n = search_words(j, w);
	char wall[40];

	(void)fputs("# How much it stands: ", f);
	markdown_text(f, j->x->name);
	(void)fputs("\n\n", f);
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(f, "- **%s**: ", w[i].label);
		markdown_text(f, w[i].text);
		(void)fputc('\n', f);
	}
	(void)fprintf(f, "\nBegan %s; each step is a drill of its own.\n",
	    clock_iso8601(j->began, wall, sizeof(wall)));
	write_steps(f, j);
	(void)fputs(
	    "\nAn answer from D drills is wrong with a chance of at most D · (β^m + α^k): "
	    "what holds has held m times and nothing else, what breaks has broken k times; β is "
	    "the chance that a system with `abort_at` bad answers shows as few of them, α that a "
	    "system which meets its objective is stopped (`budget.false_abort`) or misses it by "
	    "chance.  Between objective and `abort_at` either outcome is right.\n",
	    f);
}

void
search_write_markdown(struct search_job *j)
{
	_cleanup_free_ char *path = xasprintf("%s/" FILE_MD, j->dir);
	FILE *f = fopen(path, "we");

	if (f == NULL) {
		complain(j->dir, FILE_MD, strerror(errno));
		return;
	}
	write_markdown(f, j);
	if (fclose(f) != 0)
		complain(j->dir, FILE_MD, strerror(errno));
}

/* --- an earlier search ---------------------------------------------------------------- */

static int
want_same(const json_t *o, const char *key, const char *now, struct err *e)
{
	const char *was = json_string_value(json_object_get(o, key));

	if (was == NULL)
		return err_invalid(e, "it is no search.json: '%s' is missing", key);
	if (strcmp(was, now) != 0)
		return err_invalid(e,
		    "it is of another search: its %s is '%s', here it is '%s'", key, was,
		    now);
	return 0;
}

static bool
get_num(const json_t *o, const char *key, int64_t *ret)
{
	const json_t *n = json_object_get(o, key);

	if (!json_is_integer(n))
		return false;
	*ret = json_integer_value(n);
	return true;
}

static int
take_earlier(struct search_job *j, const json_t *o, struct err *e)
{
	const json_t *vary = json_object_get(o, "vary"),
		     *answer = json_object_get(o, "answer");
	const char *hash = json_string_value(json_object_get(o, "sha256"));
	const char *began = json_string_value(json_object_get(o, "began"));
	struct search_answer *a = &j->earlier.answer;
	int r = want_same(o, "experiment", j->x->name, e);

	if (r == 0)
		r = want_same(vary, "fault", j->vary.fault->spec.name, e);
	if (r == 0)
		r = want_same(vary, "kind", j->vary.fault->spec.kind, e);
	if (r == 0)
		r = want_same(vary, "param", vary_param(&j->vary), e);
	if (r < 0)
		return r;
	a->has_held = get_num(answer, "holds_num", &a->holds);
	a->has_broken = get_num(answer, "breaks_num", &a->breaks);
	if (!a->has_held && !a->has_broken)
		return err_invalid(e, "that search had no answer");
	(void)snprintf(j->earlier.sha256, SHA256_HEX_LEN, "%s", hash != NULL ? hash : "");
	(void)snprintf(
	    j->earlier.began, sizeof(j->earlier.began), "%s", began != NULL ? began : "");
	return 0;
}

int
search_load_earlier(struct search_job *j, const char *path, struct err *e)
{
	json_error_t why;
	json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	int r;

	if (o == NULL)
		return err_invalid(e, "--against %s: %s", path, why.text);
	r = take_earlier(j, o, e);
	json_decref(o);
	if (r < 0)
		return err_wrap(e, "--against %s", path);
	j->earlier.path = path;
	return 0;
}
