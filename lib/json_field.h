/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_FIELD_H
#define JSON_FIELD_H
/*
 * Fields of a JSON object into fixed-size members and back.  Getters return 0 and leave
 * *ret alone when an optional field is absent; a wrong type, a string that does not fit or
 * a number out of range is -EINVAL and names the field.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* {…} or an error that says what `what` is. */
int json_want_object(const json_t *j, const char *what, struct err *e);
int json_get_text(
    const json_t *j, const char *key, char *ret, size_t size, struct err *e);
int json_get_num(
    const json_t *j, const char *key, int64_t max, int64_t *ret, struct err *e);
int json_get_u64(const json_t *j, const char *key, uint64_t *ret, struct err *e);
int json_get_u32(const json_t *j, const char *key, uint32_t *ret, struct err *e);
int json_get_pid(const json_t *j, const char *key, int32_t *ret, struct err *e);
int json_get_flag(const json_t *j, const char *key, uint8_t *ret, struct err *e);

/* Invalid UTF-8 becomes '?': a process may be called anything. */
void json_put_text(json_t *j, const char *key, const char *text);
void json_put_num(json_t *j, const char *key, uint64_t n); /* above 2^63: that */
void json_put_flag(json_t *j, const char *key, bool value);

#endif
