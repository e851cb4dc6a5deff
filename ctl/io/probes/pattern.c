/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that runs PCRE2 on what a system under test says.  Match data and limits
 * are made once: a sample allocates nothing.
 */
#include "pattern.h"
#include "err.h"
#include "xalloc.h"
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* 200,000 steps are a few milliseconds. */
#define PATTERN_STEPS 200000
#define PATTERN_KIB   4096

struct pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_match_data *match;
};

int
pattern_compile(struct pattern **ret, const char *text, struct err *e)
{
	int number;
	PCRE2_SIZE at;
	pcre2_code *code =
	    pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &number, &at, NULL);

	if (code == NULL) {
		PCRE2_UCHAR why[128];

		if (pcre2_get_error_message(number, why, sizeof(why)) < 0)
			why[0] = '\0';
		return err_invalid(e, "%s at character %zu", (char *)why, at + 1);
	}
	struct pattern *p = xcalloc(1, sizeof(*p));
	p->code = code;
	p->match = pcre2_match_data_create(1, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (p->match == NULL || p->limits == NULL)
		abort();
	(void)pcre2_set_match_limit(p->limits, PATTERN_STEPS); /* always 0 */
	(void)pcre2_set_heap_limit(p->limits, PATTERN_KIB);
	*ret = p;
	return 0;
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_match_data_free(p->match);
	pcre2_match_context_free(p->limits);
	pcre2_code_free(p->code);
	free(p);
}

enum found
pattern_find(const struct pattern *p, const char *text, size_t len)
{
	int r = pcre2_match(p->code, (PCRE2_SPTR)text, len, 0, 0, p->match, p->limits);

	if (r >= 0)
		return FOUND;
	return r == PCRE2_ERROR_NOMATCH ? FOUND_NOT : FOUND_TOO_HARD;
}
