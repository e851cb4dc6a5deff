/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULSE_H
#define PULSE_H
/*
 * The page stormd shares with its guardian (a sealed memfd): proof that stormd's loop
 * turns, and by when it must have undone something.  The guardian kills a stormd whose
 * tick is PULSE_HANG old, or whose deadline passed by PULSE_OVERDUE, while faults are live.
 */
#include "clock.h"
#include <stdatomic.h>
#include <stdint.h>

#define PULSE_HANG    (1 * USEC_PER_SEC)
#define PULSE_OVERDUE (500 * USEC_PER_MSEC)

struct pulse {
	_Atomic uint64_t tick;     /* CLOCK_BOOTTIME µs of the last loop turn */
	_Atomic uint64_t deadline; /* earliest moment by which a fault must be undone */
	_Atomic uint32_t live;     /* faults that have a record */
	_Atomic uint32_t done;     /* stormd left in order: nothing to do */
};

/*
 * How stormd starts stormd-undo.  With --lock-fd the flock on run-dir is inherited: it is
 * neither asked for nor taken.  Exit 0: nothing is left.
 *
 *   stormd-undo --guard --run-dir D --state-dir S --host-dir H           descriptors below
 *   stormd-undo --all --lock-fd 3 --run-dir D …                   at start
 *   stormd-undo --fault ID --lock-fd 3 --run-dir D …              a holder has died
 *
 * The last two get the barrier's write end as descriptor 4, for the tools they run.
 */
/* Descriptors of the guardian, by number. */
enum {
	GUARD_PULSE_FD = 3,   /* struct pulse */
	GUARD_PARENT_FD = 4,  /* pidfd of stormd */
	GUARD_BARRIER_FD = 5, /* read end of the pipe every holder and tool keeps open */
	GUARD_LOCK_FD = 6, /* the flock on run-dir: held until the guardian is done too */
};

#endif
