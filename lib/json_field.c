/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reading of JSON objects.  jansson has already refused duplicate keys, bad UTF-8
 * and depth (the callers load with JSON_REJECT_DUPLICATES); what is left is types, sizes
 * and ranges.
 */
#include "json_field.h"
#include "cleanup.h"
#include "err.h"
#include "quote.h"
#include "xalloc.h"
#include <inttypes.h>
#include <string.h>

int
json_want_object(const json_t *j, const char *what, struct err *e)
{
	return json_is_object(j) ? 0 : err_invalid(e, "%s is not a JSON object", what);
}

int
json_get_text(const json_t *j, const char *key, char *ret, size_t size, struct err *e)
{
	const json_t *v = json_object_get(j, key);
	const char *text = json_string_value(v);

	if (v == NULL)
		return 0;
	if (text == NULL)
		return err_invalid(e, "'%s' is not a string", key);
	if (json_string_length(v) >= size)
		return err_invalid(e, "'%s' is longer than %zu bytes", key, size - 1);
	if (strlen(text) != json_string_length(v))
		return err_invalid(e, "'%s' has a NUL in it", key);
	memcpy(ret, text, json_string_length(v) + 1);
	return 0;
}

int
json_get_num(const json_t *j, const char *key, int64_t max, int64_t *ret, struct err *e)
{
	const json_t *v = json_object_get(j, key);

	if (v == NULL)
		return 0;
	if (!json_is_integer(v))
		return err_invalid(e, "'%s' is not a whole number", key);
	if (json_integer_value(v) < 0 || json_integer_value(v) > max)
		return err_invalid(e, "'%s' is not from 0 to %" PRId64, key, max);
	*ret = json_integer_value(v);
	return 0;
}

int
json_get_u64(const json_t *j, const char *key, uint64_t *ret, struct err *e)
{
	int64_t n = -1;
	int r = json_get_num(j, key, INT64_MAX, &n, e);

	if (r == 0 && n >= 0)
		*ret = (uint64_t)n;
	return r;
}

int
json_get_u32(const json_t *j, const char *key, uint32_t *ret, struct err *e)
{
	int64_t n = -1;
	int r = json_get_num(j, key, UINT32_MAX, &n, e);

	if (r == 0 && n >= 0)
		*ret = (uint32_t)n;
	return r;
}

int
json_get_pid(const json_t *j, const char *key, int32_t *ret, struct err *e)
{
	int64_t n = -1;
	int r = json_get_num(j, key, INT32_MAX, &n, e);

	if (r == 0 && n >= 0)
		*ret = (int32_t)n;
	return r;
}

int
json_get_flag(const json_t *j, const char *key, uint8_t *ret, struct err *e)
{
	const json_t *v = json_object_get(j, key);

	if (v == NULL)
		return 0;
	if (!json_is_boolean(v))
		return err_invalid(e, "'%s' is neither true nor false", key);
	*ret = json_is_true(v) ? 1 : 0;
	return 0;
}

/* Byte by byte where it is not ASCII: the one case where this happens is a name that is
 * not UTF-8 at all, and then its other bytes are no better. */
static void
put_ascii(json_t *j, const char *key, const char *text)
{
	_cleanup_free_ char *plain = xstrdup(text);

	for (char *c = plain; *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	(void)json_object_set_new(j, key, json_string(plain));
}

void
json_put_text(json_t *j, const char *key, const char *text)
{
	json_t *v = json_string(text);

	if (v != NULL)
		(void)json_object_set_new(j, key, v); /* fails only out of memory */
	else
		put_ascii(j, key, text);
}

void
json_put_num(json_t *j, const char *key, uint64_t n)
{
	json_int_t value = n > INT64_MAX ? INT64_MAX : (json_int_t)n;

	(void)json_object_set_new(j, key, json_integer(value));
}

void
json_put_flag(json_t *j, const char *key, bool value)
{
	(void)json_object_set_new(j, key, json_boolean(value));
}
