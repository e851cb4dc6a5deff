/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLEET_STATE_H
#define FLEET_STATE_H
/*
 * What the fleet*.c share; nobody else includes it.
 *
 *   fleet.c         the loop, hosts, the calls of fleet.h
 *   fleet_plain.c   plain requests: queue, retries, deadlines
 *   fleet_warm.c    the warm connection: connecting, sending, reading
 *   fleet_lost.c    when it is given up, and its host
 *   fleet_answer.c  bytes of an answer → struct fleet_answer
 *   fleet_clock.c   the other's clock, and views in ours (pure)
 *   fleet_break.c   backoff and circuit breaker (pure but for its dice)
 *   fleet_link.c    libcurl handles for a host, and what their failures mean
 *
 * Callbacks are called from fleet_run only.  They may call anything but fleet_free and
 * fleet_run; so whoever calls one looks again at what it was about to go on with.
 */
#include "curl_loop.h"
#include "fleet.h"
#include "http_reader.h"
#include <sys/queue.h>

#define CONNECT_TIMEOUT (2 * USEC_PER_SEC)
#define ANSWER_TIMEOUT  (60 * USEC_PER_SEC)
#define WHOLE_WITHIN    (5 * USEC_PER_SEC) /* an answer that has begun */
#define PLAIN_TRIES     3
#define WARM_BYTES_MAX  192
#define WARM_QUEUE_MAX  16
#define DRILL_BODY_MAX  (512 * 1024) /* a drill, its operations and then some */
#define RENEWS_MAX      8            /* without an answer */

/* --- fleet_break.c -------------------------------------------------------------------- */

#define BREAKER_AFTER 3 /* failed connects in a row */

struct breaker {
	unsigned failures;
	usec_t open_until; /* 0: closed */
};

/* A random time up to base · 2^(n-1), at most max: full jitter. */
usec_t backoff_jitter(usec_t base, usec_t max, unsigned n);
/* May a connection be tried?  Of those who ask an open one, one may when its time is up. */
bool breaker_allows(struct breaker *b, usec_t now);
void breaker_succeeded(struct breaker *b);
void breaker_failed(struct breaker *b, usec_t now);

/* --- fleet_clock.c -------------------------------------------------------------------- */

/* The four moments of an exchange: ours, theirs, theirs, ours. */
struct exchange_times {
	usec_t asked, received, finished, answered;
};

struct clock_offset {
	bool is_known;
	int64_t offset;    /* theirs minus ours */
	usec_t round_trip; /* without what they took to answer */
	usec_t at;
};

/* A better one replaces what is known; nonsense changes nothing. */
void clock_offset_learn(struct clock_offset *c, const struct exchange_times *t);
/* Every moment in it, from their clock to ours.  What they say has happened has happened
 * by `answered`. */
void clock_offset_apply(
    const struct clock_offset *c, struct drill_view *v, usec_t answered);

/* --- hosts ---------------------------------------------------------------------------- */

/* A transfer in libcurl's hands; the first member of whatever it belongs to. */
struct exchange {
	void (*on_done)(struct exchange *x, CURLcode code);
	char reason[CURL_ERROR_SIZE]; /* libcurl's */
	bool is_heard;                /* it has answered, on this connection */
	bool was_alerted;             /* TLS: it said that it will not */
};

struct warm_ask {
	enum fleet_ask what;
	usec_t asked; /* when it began to be sent */
};

enum warm_state {
	WARM_OFF,
	WARM_WAITING, /* for next_try */
	WARM_CONNECTING,
	WARM_OPEN
};

struct warm {
	struct exchange exchange;
	struct fleet_host *host;
	enum warm_state state;
	bool is_proven;    /* an answer has come since fleet_warm */
	unsigned life;     /* counts connections and their ends */
	unsigned failures; /* connects that failed in a row */
	CURL *easy;
	int fd;
	char drill[UUID_LEN];
	struct {
		char text[WARM_BYTES_MAX];
		size_t len;
	} bytes[FLEET_WARM_ASKS];
	usec_t fire_at; /* by our clock; 0: at once */
	struct http_reader reader;
	/* What has no answer yet, oldest first: answers come in this order.  The first
	 * `sent` of them are on the wire, and `offset` bytes of the next. */
	struct warm_ask queue[WARM_QUEUE_MAX];
	size_t count, sent, offset;
	usec_t part_since, next_try;
	struct err why; /* it broke, or was not to be had */
};

struct fleet_host {
	struct fleet *fleet;
	size_t index;
	char *socket; /* or NULL */
	char *where;  /* "'/run/…/api.sock'", "db2 (10.0.0.2:7433)": for messages */
	char *url;    /* scheme, name and port, without a path */
	struct curl_slist *connect_to;
	struct breaker breaker;
	struct err why; /* its last connect that failed */
	struct clock_offset clock;
	usec_t heard;
	struct warm warm;
};

struct plain {
	struct exchange exchange;
	TAILQ_ENTRY(plain) link;
	struct fleet_host *host;
	enum fleet_ask what;
	char drill[UUID_LEN]; /* "" */
	char *path, *upload;
	CURL *easy; /* NULL: waits for start_at, or is an error already */
	char *body;
	size_t body_len, body_room, head_len;
	unsigned tries;
	usec_t start_at, started, deadline;
	struct err err; /* code set: it is over, and this is said in the next turn */
};
TAILQ_HEAD(plains, plain);

struct fleet {
	struct curl_loop loop;
	struct fleet_options o;
	char *ca, *cert, *key, *crl; /* paths, or NULL */
	char own_fault[64]; /* what an agent may dislike about our certificate, or "" */
	struct fleet_host **hosts;
	size_t count;
	struct plains plains;
	struct drill_view view;
	bool is_running, is_connecting;
	usec_t wake_at; /* the next turn */
};

/* Something new is to be done by then: let there be another turn; 0: at once. */
void fleet_wake(struct fleet *f, usec_t at);

/* --- fleet_link.c --------------------------------------------------------------------- */

enum link_failure {
	LINK_REFUSED, /* nothing listens there, no way to it */
	LINK_SLOW,    /* no connection in time */
	LINK_TRUST,   /* TLS: we do not believe it, or it not us */
	LINK_BROKEN,  /* connected, and then gone */
	LINK_NONSENSE /* what answers is no agent */
};

/* A handle that reaches this host and no other, on behalf of `x`. */
CURL *link_new(const struct fleet_host *h, struct exchange *x);
/* After the first answer on this connection: give back what only its handshake needed. */
void link_forget_certificates(CURL *easy);
/* What a failed transfer means, with a sentence. */
enum link_failure link_judge(
    const struct fleet_host *h, CURL *easy, CURLcode code, struct err *e);
/* Tell the breaker. */
void link_count(struct fleet_host *h, enum link_failure what, const struct err *why);

/* --- fleet_answer.c ------------------------------------------------------------------- */

struct raw_answer {
	enum fleet_ask what;
	const char *drill; /* whose it must be; "" for any */
	unsigned status;
	const char *body;
	size_t len;
	usec_t asked, answered;
};

/* Read it, learn from it, hand it out.  False: it was no answer to this question. */
bool answer_deliver(struct fleet_host *h, const struct raw_answer *r);
/* An error of our own. */
void answer_fail(struct fleet_host *h, enum fleet_ask what, const struct err *why);

/* --- fleet_plain.c -------------------------------------------------------------------- */

void plain_ask(
    struct fleet_host *h, enum fleet_ask what, const char *drill, char *upload);
/* Do what is due; the moment of the next. */
usec_t plains_turn(struct fleet *f);
/* This host's are answered with an error, in the next turn. */
void plains_give_up(struct fleet_host *h, const struct err *why);
void plain_free(struct plain *p);

/* --- fleet_warm.c --------------------------------------------------------------------- */

void warm_open(struct fleet_host *h, const char *drill);
void warm_close(struct fleet_host *h);
int warm_ask(struct warm *w, enum fleet_ask what, struct err *e);
int warm_fire(struct warm *w, usec_t at, struct err *e);
void warm_ready(struct warm *w, uint32_t events);
void warm_connect(struct warm *w);
/* It is of no more use; calls nothing back: what follows is for the next turn. */
void warm_break(struct warm *w, enum link_failure how);

/* --- fleet_lost.c --------------------------------------------------------------------- */

/* Do what is due; the moment of the next. */
usec_t warm_turn(struct warm *w);
/* When to look after a question on the wire that has no answer. */
usec_t warm_look_at(const struct warm *w);

#endif
