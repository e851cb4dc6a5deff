/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_H
#define API_H
/*
 * The HTTP API between stormctl and stormd-front, on a Unix socket (TCP with mutual TLS is
 * to come).  JSON both ways; its shapes are lib/json_*.c, used by both sides.
 *
 *   GET  /v1/status                 agent, drills and their faults
 *   POST /v1/drills                 arm; body: arm request; answer: drill with operations
 *   GET  /v1/drills/ID              one drill; with ?wait=clean answers once it has ended
 *   POST /v1/drills/ID/selftest     a no-op abort down the real path; answers like undo
 *   POST /v1/drills/ID/fire         start the timeline
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

/* Below run-dir */
#define UNDO_DIR       "undo"  /* one readable record per live fault */
#define LOCK_FILE      "lock"  /* flock: one stormd, or one stormd-undo */
#define EMPTY_DIR      "empty" /* the front's root */
/* Written by stormd --ephemeral: whoever leaves the run-dir empty removes it. */
#define EPHEMERAL_FILE "ephemeral"
/* Below host-dir: shared by every instance of the host */
#define LOCKS_DIR      "locks"
#define HALTED_FILE    "halted" /* no drills on this host until resume or reboot */
#define SHARED_DIR     "shared" /* records of kernel objects several faults share */

#endif
