/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_H
#define FUZZ_H
/*
 * What the fuzz targets share.  A target is judged by what it claims, not only by whether
 * it survives: MUST() ends it like a crash, so that libFuzzer keeps the input.  Messages are
 * held to one rule everywhere: there is one, and it cannot speak to a terminal.
 */
#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(claim)                                                                      \
 do {                                                                                    \
  if (!(claim)) {                                                                        \
   (void)fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #claim); \
   abort();                                                                              \
  }                                                                                      \
 } while (0)

static inline bool
fuzz_is_printable(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

/* A refusal: a negative code, and a sentence that fits and is fit to be printed. */
static inline void
fuzz_refused(int rc, const struct err *e)
{
	MUST(rc < 0 && rc == e->code);
	MUST(memchr(e->msg, '\0', sizeof(e->msg)) != NULL && e->msg[0] != '\0');
	MUST(fuzz_is_printable(e->msg));
}

/* The input as a string: up to its first NUL, in memory of exactly that size. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* What is left of an input that is taken apart. */
struct bytes {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t
fuzz_byte(struct bytes *b)
{
	if (b->left == 0)
		return 0;
	b->left--;
	return *b->at++;
}

/* Damage a good object, as far as the next `count` of "offset, length, bytes" say. */
static inline void
fuzz_damage(struct bytes *b, unsigned count, void *object, size_t size)
{
	while (count-- > 0 && b->left > 0) {
		size_t offset = ((size_t)fuzz_byte(b) << 8 | fuzz_byte(b)) % size;

		for (unsigned n = fuzz_byte(b); n > 0 && b->left > 0; n--)
			((uint8_t *)object)[offset++ % size] = fuzz_byte(b);
	}
}

#endif
