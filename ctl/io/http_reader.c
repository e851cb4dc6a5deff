/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader.  Content-Length and nothing else frames a body; a second one, a
 * Transfer-Encoding, a folded line or a bare line feed is an error, because whoever sends
 * that is not our front and we would only guess where its answer ends.
 */
#include "http_reader.h"
#include "err.h"
#include "parse.h"
#include "xalloc.h"
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEEP_ROOM 2048

void
http_reader_release(struct http_reader *r)
{
	free(r->buf);
	memset(r, 0, sizeof(*r));
}

static void
drop_taken(struct http_reader *r)
{
	r->used -= r->taken;
	memmove(r->buf, r->buf + r->taken, r->used);
	r->taken = 0;
	/* One long answer must not be paid for until the end. */
	if (r->used == 0 && r->room > KEEP_ROOM)
		http_reader_release(r);
}

int
http_reader_add(struct http_reader *r, const void *data, size_t len, struct err *e)
{
	if (r->taken > 0)
		drop_taken(r);
	if (len > HTTP_HEAD_MAX + HTTP_BODY_MAX - r->used)
		return err_set(e, -EPROTO, "the answer is too long");
	if (r->used + len > r->room) {
		r->room = 2 * (r->used + len);
		r->buf = xrealloc(r->buf, r->room);
	}
	if (len > 0)
		memcpy(r->buf + r->used, data, len);
	r->used += len;
	return 0;
}

/* "HTTP/1.1 200 OK" */
static int
read_status(const char *line, size_t len, unsigned *ret)
{
	static const char version[] = "HTTP/1.1 ";
	const char *p = line + sizeof(version) - 1;

	if (len < sizeof(version) + 2 || memcmp(line, version, sizeof(version) - 1) != 0)
		return -EPROTO;
	for (int i = 0; i < 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -EPROTO;
	}
	if (len > sizeof(version) + 2 && p[3] != ' ')
		return -EPROTO;
	*ret = (unsigned)((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
	return *ret >= 200 && *ret <= 599 ? 0 : -EPROTO;
}

static int
read_length(const char *value, size_t len, uint64_t *ret)
{
	char text[16];
	uint64_t v;

	while (len > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	if (len >= sizeof(text))
		return -EPROTO;
	memcpy(text, value, len);
	text[len] = '\0';
	if (parse_u64(text, &v, NULL) < 0 || v > HTTP_BODY_MAX)
		return -EPROTO;
	*ret = v;
	return 0;
}

static bool
is_named(const char *line, size_t name_len, const char *name)
{
	return name_len == strlen(name) && strncasecmp(line, name, name_len) == 0;
}

/* One header line; *length stays UINT64_MAX until there is one. */
static int
read_header(const char *line, size_t len, uint64_t *length)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon != NULL ? (size_t)(colon - line) : 0;

	if (name_len == 0 || line[0] == ' ' || line[0] == '\t' ||
	    line[name_len - 1] == ' ' || line[name_len - 1] == '\t' ||
	    memchr(line, '\0', len) != NULL)
		return -EPROTO;
	if (is_named(line, name_len, "Transfer-Encoding"))
		return -EPROTO;
	if (!is_named(line, name_len, "Content-Length"))
		return 0;
	if (*length != UINT64_MAX)
		return -EPROTO;
	return read_length(colon + 1, len - name_len - 1, length);
}

/* Every line of the head, which ends with an empty one at `len`. */
static int
read_head(const char *head, size_t len, unsigned *status, uint64_t *length)
{
	size_t at = 0;
	int rc;

	*length = UINT64_MAX;
	while (at < len) {
		const char *line = head + at;
		const char *end = memchr(line, '\n', len - at);
		size_t line_len;

		if (end == NULL || end == line || end[-1] != '\r')
			return -EPROTO;
		line_len = (size_t)(end - line) - 1;
		if (memchr(line, '\r', line_len) != NULL)
			return -EPROTO;
		rc = at == 0 ? read_status(line, line_len, status) :
			       read_header(line, line_len, length);
		if (rc < 0)
			return rc;
		at += line_len + 2;
	}
	return *length != UINT64_MAX ? 0 : -EPROTO;
}

int
http_reader_next(struct http_reader *r, struct http_response *ret, struct err *e)
{
	struct http_response found;
	uint64_t length;
	size_t head_len;
	const char *end;

	if (r->taken > 0)
		drop_taken(r);
	end = r->used > 0 ? memmem(r->buf, r->used, "\r\n\r\n", 4) : NULL;
	if (end == NULL ? r->used > HTTP_HEAD_MAX : end - r->buf > HTTP_HEAD_MAX)
		return err_set(e, -EPROTO, "the answer's head is too long");
	if (end == NULL)
		return 0;
	head_len = (size_t)(end - r->buf) + 4;
	if (read_head(r->buf, head_len - 2, &found.status, &length) < 0)
		return err_set(e, -EPROTO, "what answered does not speak our HTTP");
	if (r->used - head_len < length)
		return 0;
	found.body = r->buf + head_len;
	found.body_len = (size_t)length;
	r->taken = head_len + found.body_len;
	*ret = found;
	return 1;
}
