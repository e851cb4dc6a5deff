/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEASH_H
#define LEASH_H
/*
 * What a holder and its children share besides memory.  The leash is a pipe whose write end
 * only the holder has: letting it go, or dying, kills every child that wears it, without a
 * fork, a look-up or a wait.  A word is a number in shared memory that one side changes
 * and the other sleeps on.
 */
#include <stdint.h>

/* In the child: be killed when the pipe behind this descriptor (its read end) has no writer
 * any more; the descriptor is closed.  0, or -1 with errno; ESRCH: let go already. */
int leash_wear(int fd);

/* Sleep while *word is `seen`, at most so long (0: for ever). */
void word_wait(_Atomic uint32_t *word, uint32_t seen, unsigned timeout_ms);
/* Wake everybody who sleeps on it. */
void word_wake(_Atomic uint32_t *word);

#endif
