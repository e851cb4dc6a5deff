/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASK_HOSTS_H
#define ASK_HOSTS_H
/*
 * One question to many agents: the hosts of an inventory that --where and --host choose, or,
 * without an inventory, every instance of this host.  All are asked at once; who does not
 * answer delays nobody.
 */
#include "fleet.h"
#include "hosts.h"
#include "instances.h"
#include <stdbool.h>
#include <stddef.h>

struct err;
struct invocation;

/* The rows of a command that asks. */
#define OPTIONS_ASK                                                                 \
 { "inventory", "SOURCE", false, "ask its hosts: FILE, exec:PROGRAM or srv:NAME" }, \
     { "where", "EXPR", false, "of these, those it holds for: 'role=db'" },         \
     { "host", "NAME", true, "of these, the one of this name" },                    \
 {                                                                                  \
  "pki", "DIR", false, "our certificate and key (see stormctl pki)"                 \
 }

/* More than a drill's fleet allows: a host that a storm keeps busy is slow to shake hands,
 * and must still hear of a halt. */
#define ASK_CONNECT (5 * USEC_PER_SEC)

struct said {
	struct err err; /* code 0: none */
	json_t *json;   /* also beside the agent's own error; NULL: it was not reached */
};

#define SAID_KINDS (FLEET_ASKS - FLEET_STATUS)

struct asked {
	const char *name;
	const struct host *host;         /* NULL: an instance of this host */
	const struct instance *instance; /* NULL: a host of the inventory */
	struct said said[SAID_KINDS];
};

struct ask {
	const char *command; /* for messages */
	struct agent_options agent;
	struct host_options options;
	struct inventory *inventory; /* NULL: this host's instances are asked */
	struct instance found[INSTANCES_MAX];
	struct asked *asked;
	size_t count;
	struct fleet *fleet; /* its hosts are `asked`, in the same order */
	size_t waiting;
	void (*on_said)(struct ask *a, const struct asked *x, enum fleet_ask what);
	void *ctx;
};

/* Who is meant: 0, or the exit code with the reason said on stderr.  Nobody is asked yet. */
int ask_choose(struct ask *a, const struct invocation *v, const char *command);
/* Ready to ask.  Answers are waited for this long (0: as long as a fleet does). */
int ask_open(struct ask *a, usec_t patience);
void ask_all(struct ask *a, enum fleet_ask what);
void ask_wait(struct ask *a); /* until each has answered, or its time is over */
void ask_release(struct ask *a);

const struct said *said_of(const struct asked *x, enum fleet_ask what);
/* An agent answered, if only to refuse. */
bool said_is_agents(const struct said *s);
/* {"host": …}, or {"instance": …, "run_dir": …} */
json_t *asked_to_json(const struct asked *x);
/* The options by which a command reaches it alone, each after a blank; freed by the caller.
 * "" for an instance: a host has few, and a halt is for them all. */
char *asked_options(const struct ask *a, const struct asked *x);
/* Of two exit codes: 20 30 70 9 and others 0. */
int worse_code(int a, int b);
/* Print a list of answers and drop it. */
void print_answers(json_t *list);

/* One question to the agent behind a socket, waited for.  *ret: its answer, or NULL. */
int ask_socket(const char *socket, enum fleet_ask what, json_t **ret, struct err *e);

#endif
