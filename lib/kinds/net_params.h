/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_PARAMS_H
#define NET_PARAMS_H
/* The parameters by which every network kind chooses its packets: one meaning in all. */
#include "kind.h"

static const char *const net_protocols[] = { "tcp", "udp", NULL };

#define NET_PARAM_TO                                                \
 {                                                                  \
  .name = "to", .type = PARAM_NETS, .required = true,               \
  .help = "the far side: addresses, networks, or any when written", \
 }
#define NET_PARAM_PORT                                                  \
 {                                                                      \
  .name = "port", .type = PARAM_PORT, .min = 1, .max = 65535,           \
  .help = "only the service on this port of the far side; tcp and udp " \
	  "unless protocol says which",                                 \
 }
#define NET_PARAM_PROTOCOL                                          \
 {                                                                  \
  .name = "protocol", .type = PARAM_ENUM, .choices = net_protocols, \
  .help = "only this protocol (default: every one)",                \
 }
/* Whose network: at most one of the two. */
#define NET_PARAM_PID                                                  \
 {                                                                     \
  .name = "pid", .type = PARAM_INT, .min = 1, .max = 4194304,          \
  .help = "in the network namespace of this process, which must live " \
	  "as long as the fault",                                      \
 }
#define NET_PARAM_CONTAINER                                         \
 {                                                                  \
  .name = "container", .type = PARAM_STRING,                        \
  .help = "in the network of this container: its id, or the first " \
	  "12 or more digits of it",                                \
 }

struct spec;
struct err;
/* Only one of pid and container, and a container's name that can be one. */
int net_check_network(const struct spec *s, struct err *e);

#endif
