/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOUNDS_H
#define BOUNDS_H
/* Every bound that two programs must agree on, in one place.  (Not limits.h: the compiler's
 * own <limits.h> would find that one in place of libc's.) */

#define FAULTS_MAX       32    /* live faults of one agent */
#define DRILLS_MAX       8     /* live drills of one agent */
#define DRILL_FAULTS_MAX 16    /* faults of one drill on one host */
#define FILE_FAULTS_MAX  64    /* faults of an experiment, over all its hosts */
#define SPEC_ARGS_MAX    46    /* parameters of one fault */
#define SPEC_TEXT_MAX    4096  /* bytes of string values of one fault */
#define SPEC_NETS_MAX    512   /* addresses and networks of one fault */
#define PORT_RANGES_MAX  7     /* of one parameter: what one rule can match on */
#define SPEC_IFNAMES_MAX 8     /* interfaces of one parameter */
#define SPEC_ADDRS_MAX   64    /* addresses of one parameter other than `to` */
#define DNS_ADDRS_MAX    8     /* addresses in one answer of net.dns */
#define SPEC_SIZE_MAX    16384 /* one fault as it crosses to root */
#define OPS_TEXT_MAX     8192  /* the operations of one fault, as text */
#define NAME_MAX_LEN     64    /* names of drills, faults, probes, hosts */
#define REASON_MAX       128
#define WHO_MAX          160 /* who armed a drill: a certificate's name, what it said */
#define PATH_LEN_MAX     256 /* run-dir and what lies below; sun_path is 108 */

#define LEASE_MIN_MS      200
#define LEASE_MAX_MS      60000
#define LEASE_DEFAULT_MS  2000
#define DURATION_MAX_SEC  (24 * 3600) /* a fault without a policy file */
#define SPEC_TIME_MAX_SEC 2592000     /* `at` and `for`, whatever policy says: 30 days */
#define NO_EFFECT_MS      5000        /* in force so long without any: worth a word */
#define CONFIRM_MAX_MS    1000        /* commit-confirm: min(lease, this) */

#define FILE_SIZE_MAX  (1024 * 1024) /* an experiment file */
#define BODY_SIZE_MAX  (512 * 1024)  /* an API request */
#define YAML_DEPTH_MAX 16
#define YAML_NODES_MAX 100000
#define PROBES_MAX     32
#define GUARDS_MAX     16
#define LOADS_MAX      16

#define IN_FLIGHT_LIMIT 1024 /* requests of one probe under way at once */

#endif
