/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULT_H
#define FAULT_H
/*
 * What a kind does.  One file per kind, a const row at its end; the data of the kind is in
 * lib/kinds.  There is no ->undo: a fault *describes* its undo in prepare (undo.h), and
 * the holder runs that description, as the guardian would.
 *
 * Order: supported → prepare → (record stored) → stage → apply → verify → hold … → the
 * holder disarms and sweeps by the list.  All but hold are called once.
 */
#include "err.h"
#include "kind.h"
#include "protect.h"
#include "spec.h"
#include "store.h"
#include "undo.h"
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define FAULT_FDS_MAX 4

/* One fault in its holder.  A fault fills in what is marked, and owns `state`. */
struct fault_run {
	const struct spec *spec;
	const struct protect *protect;
	/* The agent's own directories, which no fault starves; of a state-dir that is not made
	 * yet, what is there above it. */
	const char *run_dir, *state_dir, *host_dir;
	struct undo_ctx *ctx;  /* open sockets, shared with undo_run */
	struct store *store;   /* for shared_note only */
	int barrier_fd;        /* pass to run_tool */
	struct undo_list undo; /* filled by prepare */
	char ops
	    [OPS_TEXT_MAX]; /* filled by prepare: what stage and apply will do, by line */
	char note[160];     /* filled by any: what was matched, which engine */
	uint64_t effect;    /* filled by hold and verify: see fault_status */
	/* the fault's own; filled by prepare when what is counted depends on what is asked */
	const char *effect_unit;
	int wake_ms; /* filled: call hold at least this often; -1 never */
	struct pollfd
	    fds[FAULT_FDS_MAX]; /* filled: call hold when one of these is ready */
	nfds_t fds_count;
	bool lost;   /* filled by hold: somebody else took the fault away */
	void *state; /* the fault's own, freed by the process's end */
};

struct fault {
	const struct kind *kind;
	const char *effect_unit;
	/* Can this host do it?  Reads only; -EOPNOTSUPP with what is missing and the package
	 * that has it, in `e`. */
	int (*supported)(struct err *e);
	/* How it would do it here, for doctor: "engine netem", "" when there is but one way.
	 * Asked only where it is supported. */
	void (*how)(char *buf, size_t size);
	/* Reads only.  Pins names to identities, fills undo, ops, note. */
	int (*prepare)(struct fault_run *r, struct err *e);
	/* Slow writes that affect no traffic and no process. */
	int (*stage)(struct fault_run *r, struct err *e);
	/* The few messages that arm. */
	int (*apply)(struct fault_run *r, struct err *e);
	/* Is it in force?  Reads back. */
	int (*verify)(struct fault_run *r, struct err *e);
	/* While active: move packets, count the effect, watch for third parties. */
	int (*hold)(struct fault_run *r, struct err *e);
	/* After disarm, before sweep: give back what is held (queued packets).  Also the place
	 * for a last look at the effect.  fault_release_nothing when there is none. */
	int (*release)(struct fault_run *r, struct err *e);
	const int *syscalls; /* beyond the holder's own; SCMP_SYS numbers, ends with -1 */
	bool runs_tools;     /* the filter leaves room for iptables-restore */
};

/* One line per fault: fault_<name>, in the file of that name. */
#define FAULT_LIST(X) \
 X(cpu_load)          \
 X(disk_fill)         \
 X(disk_freeze)       \
 X(disk_inodes)       \
 X(disk_load)         \
 X(disk_readonly)     \
 X(disk_throttle)     \
 X(host_clock)        \
 X(host_fds)          \
 X(host_pids)         \
 X(host_reboot)       \
 X(memory_fill)       \
 X(net_corrupt)       \
 X(net_delay)         \
 X(net_dns)           \
 X(net_duplicate)     \
 X(net_loss)          \
 X(net_partition)     \
 X(net_ports)         \
 X(net_rate)          \
 X(net_reorder)       \
 X(net_reset)         \
 X(process_kill)      \
 X(process_pause)     \
 X(service_stop)

#define FAULT_DECLARE(name) extern const struct fault fault_##name;
FAULT_LIST(FAULT_DECLARE)
#undef FAULT_DECLARE

extern const struct fault *const fault_table[]; /* NULL-terminated */
#define FOR_EACH_FAULT(f) \
 for (const struct fault *const *f = fault_table; *(f) != NULL; (f)++)
const struct fault *fault_find(const char *kind);

void fault_how_plain(char *buf, size_t size);
int fault_hold_nothing(struct fault_run *r, struct err *e);
int fault_release_nothing(struct fault_run *r, struct err *e);
/* Append one line to r->ops. */
void fault_op(struct fault_run *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
