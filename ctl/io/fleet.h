/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLEET_H
#define FLEET_H
/*
 * The agents of a drill or a command, all in one loop: this host's by its Unix socket, the
 * others over TLS.  No call waits; answers come through a callback from fleet_run, and one
 * dead, slow or lying host never delays another.  fleet_wait is for commands, which have no
 * loop of their own.
 *
 * Each host has two ways.  A plain request opens a connection when there is none and may
 * take long (arm, wait).  The *warm* connection is opened beforehand and kept for the
 * drill: its requests are bytes made in advance, sent without a lookup, a handshake or an
 * allocation.  When it breaks it is made anew, with exponential backoff and full jitter,
 * and what is safe to ask twice is asked again; that is all of them.
 *
 * Moments in what agents say are by their own CLOCK_BOOTTIME; everything that leaves here
 * is by ours.  The difference is measured with every answer, as NTP does it: the exchange
 * with the shortest round trip wins.
 */
#include "bounds.h"
#include "clock.h"
#include "drill_view.h"
#include "err.h"
#include "spec_json.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fleet;

/* Where an agent is reached. */
struct endpoint {
	const char *name;    /* for messages; over TLS its certificate must carry it */
	const char *socket;  /* a Unix socket's path; else NULL and */
	const char *address; /* host name, IPv4 or IPv6 */
	uint16_t port;
};

enum fleet_ask {
	/* on the warm connection */
	FLEET_SHOW,
	FLEET_RENEW,
	FLEET_SELFTEST, /* a no-op abort down the real path */
	FLEET_FIRE,
	FLEET_UNDO,
	FLEET_BREACH, /* undo, because of a budget or guard */
	FLEET_WARM_ASKS,
	/* plain */
	FLEET_ARM = FLEET_WARM_ASKS,
	FLEET_LOOK, /* the drill, without a warm connection */
	FLEET_WAIT, /* the drill, once it has ended */
	FLEET_STATUS,
	FLEET_DOCTOR,
	FLEET_HALT,
	FLEET_RESUME,
	FLEET_ASKS
};

/* All of it is valid during the callback only. */
struct fleet_answer {
	size_t host;
	enum fleet_ask what;
	/* 0, the agent's own error, or ours: -ENOENT (no such socket), -ECONNREFUSED,
	 * -EHOSTUNREACH, -ETIMEDOUT, -ECONNRESET (it hung up), -EPROTO (it is no agent),
	 * -EACCES (TLS: we do not believe it, or it not us), -EAGAIN (circuit open: not
	 * even tried; says when it will be).  Ours name the host; json is NULL then. */
	struct err err;
	bool has_view;           /* there is a drill in it, even beside an error */
	struct drill_view *view; /* moments by our clock */
	const json_t *json; /* as it was said (moments by the agent's clock), or NULL */
	usec_t asked, answered; /* by our clock: about to be sent, answer read */
};

struct fleet_options {
	/* ca.pem, cert.pem, key.pem and, if it is there, crl.pem (api.h).  NULL: only Unix
	 * sockets can be added. */
	const char *pki_dir;
	usec_t connect_timeout; /* TCP and TLS together; 0: 2 s */
	usec_t answer_timeout;  /* of a plain request, FLEET_WAIT excepted; 0: 60 s */
	/* A host whose warm connection is broken and from which nothing was heard for this
	 * long is lost; 0: at once, as over a Unix socket always. */
	usec_t lost_after;
	void (*on_answer)(void *ctx, const struct fleet_answer *a);
	/* Called once for a host whose warm connection is lost; what was asked on it is
	 * forgotten, its plain requests are answered with an error. */
	void (*on_lost)(void *ctx, size_t host, const struct err *why);
	void *ctx;
};

int fleet_open(struct fleet **ret, const struct fleet_options *o, struct err *e);
void fleet_free(struct fleet *f); /* NULL is fine; sends nothing */
/* The index of the new host, from 0, or negative (names that cannot be looked up are said
 * when a request needs them).  Opens nothing. */
int fleet_add(struct fleet *f, const struct endpoint *p, struct err *e);

int fleet_fd(const struct fleet *f); /* one descriptor for epoll: readable → fleet_run */
void fleet_run(struct fleet *f);
/* fleet_run until `done` says so or the time (CLOCK_BOOTTIME) has come; done's value. */
bool fleet_wait(struct fleet *f, usec_t until, bool (*done)(void *ctx), void *ctx);

/* Plain requests: exactly one answer comes for each, in any order. */
void fleet_arm(struct fleet *f, size_t host, const struct arm_request *r);
void fleet_look(struct fleet *f, size_t host, const char *drill, bool wait_ended);
void fleet_get(struct fleet *f, size_t host, enum fleet_ask what); /* STATUS … RESUME */

/* Open the warm connection and try it with FLEET_SHOW, whose answer says that it is there,
 * or why not: it is cold again then, unless the error is the agent's own.  `drill` is
 * copied. */
void fleet_warm(struct fleet *f, size_t host, const char *drill);
/* Close it, and forget what was asked on it. */
void fleet_cool(struct fleet *f, size_t host);
/* Put it on the wire now, or as soon as the connection is there again.  Negative only when
 * it can never be sent: cooled or lost.  Never waits, never allocates.  Asked twice before
 * an answer has come: sent twice only for FLEET_RENEW. */
int fleet_ask(struct fleet *f, size_t host, enum fleet_ask what, struct err *e);
/* FLEET_FIRE at this moment of our clock: on every host the same one. */
int fleet_fire(struct fleet *f, size_t host, usec_t at, struct err *e);

/* When the agent was last heard of; 0: never. */
usec_t fleet_heard(const struct fleet *f, size_t host);
/* Its CLOCK_BOOTTIME minus ours, in µs, and how wrong that can be; false: not known yet. */
bool fleet_offset(
    const struct fleet *f, size_t host, int64_t *ret_offset, usec_t *ret_error);

#endif
