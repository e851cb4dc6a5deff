/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SHAPE_H
#define HTTP_SHAPE_H
/* What request and answer of one probe share. */
#include "http.h"
#include <stdbool.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct http {
	const struct probe_def *def;
	struct curl_slist *headers, *resolve;
	char *agent; /* User-Agent */
	pcre2_code *pattern;
	pcre2_match_context *limits;
	pcre2_match_data *match;
};

#endif
