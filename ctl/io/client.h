/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_H
#define CLIENT_H
/*
 * One agent, as stormctl talks to it: the API of api.h over its Unix socket.  Two kinds of
 * call.  Plain ones are synchronous, for commands and for arming.  The *hot* connection is
 * opened and kept for the drill: renew and undo go out on it as bytes made beforehand, and
 * answers are read as they come, so that nothing blocks the loop that judges.
 */
#include "clock.h"
#include "spec_json.h"
#include <stdbool.h>
#include <stdint.h>

struct err;
struct client;

/* A drill as the agent describes it; free with drill_view_release. */
struct drill_view {
	struct drill_status drill;
	size_t count;
	struct fault_status fault[DRILL_FAULTS_MAX];
	char *ops[DRILL_FAULTS_MAX]; /* lines, or NULL */
};
void drill_view_release(struct drill_view *v);

/* Every call that fills in a drill_view clears it first, and fills in what the agent said
 * even when that was an error: release it in either case.
 *
 * -ENOENT or -ECONNREFUSED when no agent answers at that socket. */
int client_open(struct client **ret, const char *socket_path, struct err *e);
void client_free(struct client *c);

int client_arm(
    struct client *c, const struct arm_request *r, struct drill_view *ret, struct err *e);
int client_fire(
    struct client *c, const char *drill, struct drill_view *ret, struct err *e);
/* A no-op abort down the hot path, waited for; the round trip in *ret.  The hot connection
 * must be open. */
int client_selftest(struct client *c, const char *drill, usec_t *ret, struct err *e);
int client_show(struct client *c, const char *drill, bool wait_clean,
    struct drill_view *ret, struct err *e);
/* Synchronous undo, for commands. */
int client_undo(
    struct client *c, const char *drill, struct drill_view *ret, struct err *e);
/* The answer's JSON as it is, for halt, resume, status and doctor: caller decrefs. */
int client_get(struct client *c, const char *path, json_t **ret, struct err *e);
int client_post(struct client *c, const char *path, json_t **ret, struct err *e);

/* The hot connection of one drill: its descriptor for epoll (readable).  Opened and tried
 * with a question about the drill. */
int client_hot_open(struct client *c, const char *drill, struct err *e);
int client_hot_fd(const struct client *c);
/* Send the prepared request; 0 once the bytes are in the socket. */
int client_hot_renew(struct client *c, struct err *e);
int client_hot_undo(struct client *c, bool breach, struct err *e);
/* Read what is there; call until it returns 0.  1 with one complete answer (in *ret when it
 * was a drill, and *ret_was_undo), 0 when more must come, -ECONNRESET when the connection
 * is gone for good.  Any other negative value is the agent's answer: what was asked did not
 * work, *ret_was_undo and *ret are set, and the connection lives on. */
int client_hot_read(
    struct client *c, bool *ret_was_undo, struct drill_view *ret, struct err *e);

#endif
