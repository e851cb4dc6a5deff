/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_SHAPE_H
#define HTTP_SHAPE_H
/* What request and answer of one probe share. */
#include "http.h"
#include "pattern.h"
#include <stdbool.h>

struct http {
	const struct probe_def *def;
	struct curl_slist *headers, *resolve;
	char *agent; /* User-Agent */
	struct pattern *pattern;
};

#endif
