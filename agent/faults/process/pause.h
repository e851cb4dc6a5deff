/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAUSE_H
#define PAUSE_H
/*
 * The ways to stop processes without ending them.  Each says in plan whether these can be
 * stopped so; what it then does is undone by operations that it has added by the time plan
 * returns.
 */
#include "cgroup_place.h"
#include "child_group.h"
#include "crew.h"
#include "fault.h"
#include "selection.h"

struct pause {
	const struct pause_way *way;
	struct selector *selector;
	struct selection chosen;
	size_t stopped_before;     /* matched, and left as they were */
	struct cgroup_place place; /* freezer */
	struct undo thaw;
	struct child_group group; /* ptrace */
	struct crew crew;
};

struct pause_way {
	const char *name; /* as the parameter has it */
	int (*supported)(struct err *e);
	/* -EALREADY: it is so already, and no other way is to be tried. */
	int (*plan)(struct fault_run *r, struct pause *p, struct err *e);
	int (*stage)(struct fault_run *r, struct pause *p, struct err *e);
	int (*apply)(struct fault_run *r, struct pause *p, struct err *e);
	int (*verify)(struct fault_run *r, struct pause *p, struct err *e);
	/* How many are stopped now; negative when the fault is lost, with why. */
	int (*look)(struct fault_run *r, struct pause *p, struct err *e);
	void (*release)(struct pause *p);
};

extern const struct pause_way pause_by_freezer, pause_by_ptrace, pause_by_stop;

/* Leave out those that are stopped already: nothing of ours would have stopped them, so
 * nothing of ours may continue them. */
int pause_drop_stopped(struct pause *p, struct err *e);
/* The state of a process as ps shows it; 0 when it is gone. */
char pause_state_of(struct process_id id);

#endif
