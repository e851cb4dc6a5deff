/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JQ_WIRE_H
#define JQ_WIRE_H
/*
 * Between stormctl and stormctl-jq, on a pair of stream sockets.  What goes there is a
 * length and so many bytes: the filter first, then one text after the other.  Each is
 * answered by one struct jq_reply before the next is read, so that nothing has to say which
 * question an answer belongs to.
 */
#include <assert.h>
#include <stdint.h>

#define JQ_FD         3 /* of stormctl-jq */
#define JQ_FILTER_MAX (16 * 1024)
#define JQ_TEXT_MAX   (256 * 1024)
#define JQ_WHY_MAX    236
#define JQ_MEMORY_MIB 256 /* of address space, the program's own included */
#define JQ_CPU_SEC    2   /* for a filter's compilation, and for each question */

struct jq_length {
	uint32_t bytes;
};

struct jq_reply {
	uint32_t is_true;     /* the filter compiles; the text meets it */
	char why[JQ_WHY_MAX]; /* "" when it does */
};
static_assert(sizeof(struct jq_reply) == 240, "it crosses between programs");

#endif
