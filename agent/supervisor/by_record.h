/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BY_RECORD_H
#define BY_RECORD_H
/*
 * Undoing a fault whose holder is dead or silent: a fresh stormd-undo reads the record and
 * does what the holder would have done.  Tried until it works.
 */
#include "clock.h"

struct active;

void by_record_start(struct active *a, usec_t now);
void by_record_ended(void *active); /* the child's source is ready */
void by_record_turn(struct active *a, usec_t now);
usec_t by_record_next(const struct active *a);

#endif
