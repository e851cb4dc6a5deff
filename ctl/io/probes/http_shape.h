/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SHAPE_H
#define HTTP_SHAPE_H
/* What an HTTP probe's request and answer share. */
#include "http.h"
#include "pattern.h"
#include <stdbool.h>

#define LOOKUPS_MAX 64 /* at a time, in this process */

struct http {
	const struct probe_def *def;
	struct curl_slist *headers, *resolve;
	char *agent; /* User-Agent */
	struct pattern *pattern;
	struct pattern *header[HEADER_RULES_MAX]; /* by the definition's rule */
	bool keeps_body;
	/* A lookup of its name has begun, and none has succeeded since. */
	bool is_looking_up;
	/* What an answer that came whole means; NULL: what the definition says of status and
	 * body. */
	enum sample_class (*check)(
	    const struct http_answer *a, long status, char *why, size_t size);
};

#endif
