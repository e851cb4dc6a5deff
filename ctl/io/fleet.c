/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's loop and its hosts.  A turn serves what is ready, takes what libcurl has
 * finished, then does what is due; it asks every host for its next moment, which for a
 * thousand hosts costs microseconds and needs no heap of timers.
 */
#include "fleet.h"
#include "api.h"
#include "cleanup.h"
#include "err.h"
#include "fleet_state.h"
#include "pki_name.h"
#include "pki_own.h"
#include "xalloc.h"
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Warm connections are never closed for being many. */
#define CONNECTIONS_KEPT 100000L

/* --- the loop ------------------------------------------------------------------------- */

void
fleet_wake(struct fleet *f, usec_t at)
{
	if (at >= f->wake_at)
		return;
	f->wake_at = at;
	if (!f->is_running)
		curl_loop_arm(&f->loop, at);
}

static void
on_ready(void *ctx, uint32_t key, uint32_t events)
{
	struct fleet *f = ctx;

	if (key < f->count)
		warm_ready(&f->hosts[key]->warm, events);
}

static void
collect(struct fleet *f)
{
	struct CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->loop.multi, &left)) != NULL) {
		struct exchange *x = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		if (x != NULL)
			x->on_done(x, code);
	}
}

/* A handshake takes twice the memory that a connection keeps, and all of them come
 * together: when the last is over, what they left behind goes back to the system. */
static void
give_back_memory(struct fleet *f)
{
	bool was_connecting = f->is_connecting;

	f->is_connecting = !TAILQ_EMPTY(&f->plains);
	for (size_t i = 0; i < f->count && !f->is_connecting; i++)
		f->is_connecting = f->hosts[i]->warm.state != WARM_OFF &&
				   !f->hosts[i]->warm.exchange.is_heard;
	if (was_connecting && !f->is_connecting)
		(void)malloc_trim(0);
}

static usec_t
turn(struct fleet *f)
{
	usec_t next = USEC_INFINITY, at;

	/* Whatever libcurl's loop meets, each request has a deadline of its own. */
	(void)curl_loop_serve(&f->loop, NULL);
	(void)curl_loop_serve_timer(&f->loop, NULL);
	collect(f);
	for (size_t i = 0; i < f->count; i++) {
		at = warm_turn(&f->hosts[i]->warm);
		next = at < next ? at : next;
	}
	at = plains_turn(f);
	next = at < next ? at : next;
	/* A new request asks for a call at once: its bytes leave in this very turn. */
	(void)curl_loop_serve_timer(&f->loop, NULL);
	collect(f);
	return next;
}

void
fleet_run(struct fleet *f)
{
	usec_t next;

	if (f->is_running)
		return;
	f->is_running = true;
	f->wake_at = USEC_INFINITY;
	next = turn(f);
	f->wake_at = next < f->wake_at ? next : f->wake_at;
	give_back_memory(f);
	f->is_running = false;
	curl_loop_arm(&f->loop, f->wake_at);
}

bool
fleet_wait(struct fleet *f, usec_t until, bool (*done)(void *ctx), void *ctx)
{
	struct pollfd p = { .fd = fleet_fd(f), .events = POLLIN };

	while (!done(ctx)) {
		usec_t now = clock_boottime(), left;

		if (now >= until)
			return false;
		left = (until - now) / USEC_PER_MSEC + 1;
		(void)poll(&p, 1, left < INT32_MAX ? (int)left : INT32_MAX);
		fleet_run(f);
	}
	return true;
}

int
fleet_fd(const struct fleet *f)
{
	return f->loop.epoll;
}

/* --- life ----------------------------------------------------------------------------- */

static char *
pki_path(const char *dir, const char *file)
{
	return xasprintf("%s/%s", dir, file);
}

/* The CA's own directory has everybody's certificates, in directories below it. */
static int
no_pki(const char *dir, const char *file, struct err *e)
{
	_cleanup_free_ char *operators = pki_path(dir, "operators");

	if (errno != ENOENT && errno != ENOTDIR)
		return err_errno(e, "our certificate: '%s/%s'", dir, file);
	if (access(operators, F_OK) == 0)
		return err_set(e, -ENOENT,
		    "our certificate: '%s' is the CA's directory, --pki takes one of '%s'",
		    dir, operators);
	return err_set(e, -ENOENT,
	    "our certificate: there is no '%s/%s'; `stormctl pki operator NAME` makes such "
	    "a directory, --pki says where it is",
	    dir, file);
}

/* As ssh does it: only who owns the key can be told to mind it. */
static int
check_key(const char *key, struct err *e)
{
	struct stat st;

	if (stat(key, &st) < 0)
		return err_errno(e, "our certificate: '%s'", key);
	if (st.st_uid == geteuid() && (st.st_mode & 077) != 0)
		return err_set(e, -EPERM,
		    "our certificate: others than its owner can read '%s': chmod 600 it",
		    key);
	return 0;
}

static int
find_pki(struct fleet *f, const char *dir, struct err *e)
{
	static const char *const needed[] = { PKI_CA, PKI_CERT, PKI_KEY };
	char **const paths[] = { &f->ca, &f->cert, &f->key };

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		*paths[i] = pki_path(dir, needed[i]);
		if (access(*paths[i], R_OK) < 0)
			return no_pki(dir, needed[i], e);
	}
	if (check_key(f->key, e) < 0)
		return -EPERM;
	f->crl = pki_path(dir, PKI_CRL);
	if (access(f->crl, R_OK) < 0) {
		if (errno != ENOENT)
			return err_errno(e, "'%s'", f->crl);
		free(steal_ptr(&f->crl));
	}
	struct pki_own own = { .ca = f->ca, .cert = f->cert, .crl = f->crl };
	(void)pki_own_fault(&own, f->own_fault, sizeof(f->own_fault));
	return 0;
}

int
fleet_open(struct fleet **ret, const struct fleet_options *o, struct err *e)
{
	struct fleet *f = xcalloc(1, sizeof(*f));
	int rc;

	f->o = *o;
	f->o.pki_dir = NULL;
	f->o.connect_timeout =
	    o->connect_timeout > 0 ? o->connect_timeout : CONNECT_TIMEOUT;
	f->o.answer_timeout = o->answer_timeout > 0 ? o->answer_timeout : ANSWER_TIMEOUT;
	f->wake_at = USEC_INFINITY;
	TAILQ_INIT(&f->plains);
	f->loop.on_ready = on_ready;
	f->loop.ctx = f;
	rc = curl_loop_open(&f->loop, e);
	if (rc == 0)
		(void)curl_multi_setopt(
		    f->loop.multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	if (rc == 0 && o->pki_dir != NULL)
		rc = find_pki(f, o->pki_dir, e);
	if (rc < 0) {
		fleet_free(f);
		return rc;
	}
	*ret = f;
	return 0;
}

static void
host_free(struct fleet_host *h)
{
	warm_close(h);
	curl_slist_free_all(h->connect_to);
	free(h->socket);
	free(h->where);
	free(h->url);
	free(h);
}

void
fleet_free(struct fleet *f)
{
	if (f == NULL)
		return;
	while (!TAILQ_EMPTY(&f->plains))
		plain_free(TAILQ_FIRST(&f->plains));
	for (size_t i = 0; i < f->count; i++)
		host_free(f->hosts[i]);
	free(f->hosts);
	curl_loop_release(&f->loop);
	free(f->ca);
	free(f->cert);
	free(f->key);
	free(f->crl);
	free(f);
}

/* --- hosts ---------------------------------------------------------------------------- */

static void
place_tcp(struct fleet_host *h, const struct endpoint *p)
{
	const char *open = strchr(p->address, ':') != NULL ? "[" : "";
	const char *close = open[0] != '\0' ? "]" : "";
	char *to = xasprintf("::%s%s%s:%u", open, p->address, close, p->port);
	_cleanup_free_ char *in_tls = pki_name_in_tls(p->name);

	h->where = xasprintf("%s (%s)", p->name, to + 2);
	h->url = xasprintf("https://%s:%u", in_tls, p->port);
	h->connect_to = curl_slist_append(NULL, to);
	if (h->connect_to == NULL)
		abort(); /* out of memory */
	free(to);
}

static void
place_socket(struct fleet_host *h, const char *path)
{
	h->socket = xstrdup(path);
	h->where = xasprintf("'%s'", path);
	h->url = xstrdup("http://agent");
}

int
fleet_add(struct fleet *f, const struct endpoint *p, struct err *e)
{
	struct fleet_host *h;

	if (p->socket == NULL && f->ca == NULL)
		return err_invalid(e,
		    "%s is reached over TLS: that needs a directory with our certificate "
		    "(--pki)",
		    p->name);
	h = xcalloc(1, sizeof(*h));
	h->fleet = f;
	h->index = f->count;
	h->warm.host = h;
	h->warm.fd = -1;
	if (p->socket != NULL)
		place_socket(h, p->socket);
	else
		place_tcp(h, p);
	f->hosts = xrealloc(f->hosts, (f->count + 1) * sizeof(struct fleet_host *));
	f->hosts[f->count] = h;
	return (int)f->count++;
}

/* --- asking --------------------------------------------------------------------------- */

void
fleet_arm(struct fleet *f, size_t host, const struct arm_request *r)
{
	json_t *j = arm_request_to_json(r);
	char *upload = json_dumps(j, JSON_COMPACT);

	json_decref(j);
	if (upload == NULL)
		abort(); /* checked text alone is in it: only memory can be missing */
	plain_ask(f->hosts[host], FLEET_ARM, r->drill, upload);
}

void
fleet_look(struct fleet *f, size_t host, const char *drill, bool wait_ended)
{
	plain_ask(f->hosts[host], wait_ended ? FLEET_WAIT : FLEET_LOOK, drill, NULL);
}

void
fleet_get(struct fleet *f, size_t host, enum fleet_ask what)
{
	plain_ask(f->hosts[host], what, "", NULL);
}

void
fleet_warm(struct fleet *f, size_t host, const char *drill)
{
	warm_open(f->hosts[host], drill);
}

void
fleet_cool(struct fleet *f, size_t host)
{
	warm_close(f->hosts[host]);
	fleet_wake(f, 0); /* libcurl's next moment may be another now */
}

int
fleet_ask(struct fleet *f, size_t host, enum fleet_ask what, struct err *e)
{
	return what == FLEET_FIRE ? warm_fire(&f->hosts[host]->warm, 0, e) :
				    warm_ask(&f->hosts[host]->warm, what, e);
}

int
fleet_fire(struct fleet *f, size_t host, usec_t at, struct err *e)
{
	return warm_fire(&f->hosts[host]->warm, at, e);
}

usec_t
fleet_heard(const struct fleet *f, size_t host)
{
	return f->hosts[host]->heard;
}

bool
fleet_offset(const struct fleet *f, size_t host, int64_t *ret_offset, usec_t *ret_error)
{
	const struct fleet_host *h = f->hosts[host];

	if (h->socket == NULL && !h->clock.is_known)
		return false;
	*ret_offset = h->clock.offset;
	*ret_error = h->clock.round_trip / 2 + 2; /* stamps are cut to a µs */
	return true;
}
