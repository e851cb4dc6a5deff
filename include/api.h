/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_H
#define API_H
/*
 * The HTTP API between stormctl and stormd-front, on a Unix socket, and on TCP only with
 * mutual TLS.  JSON both ways; its shapes are lib/json_*.c, used by both sides.
 *
 *   GET  /v1/status                 agent, drills and their faults
 *   POST /v1/drills                 arm; body: arm request; answer: drill with operations
 *   GET  /v1/drills/ID              one drill; with ?wait=clean answers once it has ended
 *   POST /v1/drills/ID/selftest     a no-op abort down the real path; answers like undo
 *   POST /v1/drills/ID/fire[?at=US] start the timeline, now or at this CLOCK_BOOTTIME of
 *                                   the agent's, at most FIRE_AHEAD_MAX ahead
 *   POST /v1/drills/ID/renew        renew the lease
 *   POST /v1/drills/ID/undo[?cause=breach]  disarm everything; answers when verified
 *   POST /v1/halt                   undo all, refuse new drills; answers when all is clean
 *   POST /v1/resume
 *   GET  /v1/doctor                 per kind: supported or why not
 *
 * An error is {"error": {"outcome": "refused", "code": -1, "message": "…"}} with status
 * 400 invalid · 403 refused · 404 no such drill · 409 conflict · 413 too large ·
 * 501 unsupported · 500 failed or stuck · 503 halted or no agent behind the front.
 */
#define API_SOCKET        "api.sock" /* below run-dir */
#define API_PREFIX        "/v1"
#define HOST_DIR_DEFAULT  "/run/stormdrill"
#define STATE_DIR_DEFAULT "/var/lib/stormdrill"
#define INSTANCE_DEFAULT  "default"
#define POLICY_DEFAULT    SYSCONFDIR "/stormdrill/policy"
#define API_PORT          7433 /* TCP, where none is given */
#define FIRE_AHEAD_MAX    (10 * USEC_PER_SEC)

/*
 * A pki directory, of a host or of an operator: what mutual TLS needs, as PEM files.
 * `stormctl pki` makes them.  The role of a client is the OU of its certificate's subject,
 * its name the CN; a host's certificate carries its inventory name as DNS name.
 */
#define PKI_CA             "ca.pem"   /* whom to believe */
#define PKI_CERT           "cert.pem" /* who we are */
#define PKI_KEY            "key.pem"
#define PKI_CRL            "crl.pem" /* who is believed no longer; may be absent */
#define PKI_HOST_DIR       SYSCONFDIR "/stormdrill/pki"
#define PKI_FILE_MAX       (64 * 1024)
#define ROLE_NAME_VIEWER   "viewer"   /* may look and stop */
#define ROLE_NAME_OPERATOR "operator" /* may arm, fire and resume, too */

/* Below run-dir */
#define UNDO_DIR       "undo" /* one readable record per live fault; below state-dir, too */
#define LOCK_FILE      "lock"  /* flock: one stormd, or one stormd-undo */
#define EMPTY_DIR      "empty" /* the front's root */
#define STATE_FILE     "state" /* the path of the instance's state-dir */
/* Written by stormd --ephemeral: whoever leaves the run-dir empty removes it. */
#define EPHEMERAL_FILE "ephemeral"
/* Below host-dir: shared by every instance of the host */
#define LOCKS_DIR      "locks"
#define HALTED_FILE    "halted" /* no drills on this host until resume or reboot */
#define SHARED_DIR     "shared" /* records of kernel objects several faults share */

#endif
