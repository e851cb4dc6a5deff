/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_PARAMS_H
#define NET_PARAMS_H
/*
 * The parameters that network kinds share, so that each has one meaning in all of them:
 * which packets, and what is done to those.  The six impairments take all of the latter,
 * and differ in which they must have; a parameter of another's is `of` that kind, by which
 * policy sees through it.
 */
#include "clock.h"
#include "kind.h"
#include "net_check.h"
#include "process.h"
#include <linux/capability.h>

#define NET_CAPS        (CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_NET_RAW))
/* SYS_PTRACE only to see which connections sshd holds: no login is ever cut. */
#define NET_PACKET_CAPS (NET_CAPS | CAP_BIT(CAP_SYS_PTRACE))
/* BPF for netem's filters by user and cgroup. */
#define NET_IMPAIR_CAPS (NET_PACKET_CAPS | CAP_BIT(CAP_BPF))

/* --- which packets -------------------------------------------------------------------- */

static const char *const net_protocols[]
    __attribute__((unused)) = { "tcp", "udp", "icmp", NULL };
static const char *const net_ways[]
    __attribute__((unused)) = { "egress", "ingress", "both", NULL };

#define NET_PARAM_TO                                                            \
 {                                                                              \
  .name = "to", .type = PARAM_NETS, .required = true, .group = "which packets", \
  .help = "the far side: addresses, networks and host names; "                  \
	  "everybody is any, and must be written",                              \
 }
#define NET_PARAM_PORT                                           \
 {                                                               \
  .name = "port", .type = PARAM_PORTS, .group = "which packets", \
  .help = "only these ports of the far side, such as 80 or "     \
	  "8000-8100: tcp and udp, unless protocol says which",  \
 }
#define NET_PARAM_LOCAL_PORT                                           \
 {                                                                     \
  .name = "local_port", .type = PARAM_PORTS, .group = "which packets", \
  .help = "only these ports of this side",                             \
 }
#define NET_PARAM_EXCLUDE                                           \
 {                                                                  \
  .name = "exclude", .type = PARAM_ADDRS, .group = "which packets", \
  .help = "never these addresses, networks and host names of the "  \
	  "far side, whatever to says",                             \
 }
#define NET_PARAM_EXCLUDE_PORT                                           \
 {                                                                       \
  .name = "exclude_port", .type = PARAM_PORTS, .group = "which packets", \
  .help = "never these ports, of either side",                           \
 }
#define NET_PARAM_USER(what)                                      \
 {                                                                \
  .name = "user", .type = PARAM_STRING, .group = "which packets", \
  .help = "only " what ", by name or number",                     \
 }
#define NET_PARAM_CGROUP(what)                                     \
 {                                                                 \
  .name = "cgroup", .type = PARAM_PATH, .group = "which packets",  \
  .help = "only " what " of processes in this cgroup (v2) and "    \
	  "below it: its path from the root of the cgroups, such " \
	  "as /system.slice/nginx.service",                        \
 }
/* Whose network: at most one of the two. */
#define NET_PARAM_PID                                                                   \
 {                                                                                      \
  .name = "pid", .type = PARAM_INT, .min = 1, .max = 4194304, .group = "which packets", \
  .help = "in the network namespace of this process, which must live "                  \
	  "as long as the fault",                                                       \
 }
#define NET_PARAM_CONTAINER                                            \
 {                                                                     \
  .name = "container", .type = PARAM_STRING, .group = "which packets", \
  .help = "in the network of this container: its id, or the first "    \
	  "12 or more digits of it",                                   \
 }
#define NET_PARAM_SEED                                                           \
 {                                                                               \
  .name = "seed", .type = PARAM_INT, .min = 0, .max = INT64_MAX, .group = "how", \
  .help = "makes chance choose the same again, where the engine "                \
	  "can",                                                                 \
 }
/* `ways` are the kind's words for direction: in them in, out and both are told by their
 * first letter. */
#define NET_PARAMS_PACKETS(ways, usual, verb)                                         \
 NET_PARAM_TO, NET_PARAM_PORT, NET_PARAM_LOCAL_PORT,                                  \
     {                                                                                \
	     .name = "protocol",                                                      \
	     .type = PARAM_ENUM,                                                      \
	     .choices = net_protocols,                                                \
	     .group = "which packets",                                                \
	     .help = "only this protocol; icmp is ICMPv6, too (default: every "       \
		     "one)",                                                          \
     },                                                                               \
     {                                                                                \
	     .name = "interface",                                                     \
	     .type = PARAM_IFNAMES,                                                   \
	     .group = "which packets",                                                \
	     .help = "only on these interfaces (default: wherever the route "         \
		     "leads; loopback only when to names an address that is "         \
		     "reached over it)",                                              \
     },                                                                               \
     {                                                                                \
	     .name = "direction",                                                     \
	     .type = PARAM_ENUM,                                                      \
	     .choices = (ways),                                                       \
	     .def = usual,                                                            \
	     .group = "which packets",                                                \
	     .help = verb " what leaves, what arrives, or both",                      \
     },                                                                               \
     NET_PARAM_EXCLUDE, NET_PARAM_EXCLUDE_PORT,                                       \
     {                                                                                \
	     .name = "share",                                                         \
	     .type = PARAM_PERCENT,                                                   \
	     .min = 1,                                                                \
	     .max = 100000,                                                           \
	     .group = "which packets",                                                \
	     .help = "only this share of the connections, drawn by a hash: a "        \
		     "connection is in or out for as long as it lives",               \
     },                                                                               \
     NET_PARAM_USER("what processes of this user send"), NET_PARAM_CGROUP("traffic"), \
     NET_PARAM_PID, NET_PARAM_CONTAINER

/* --- what is done to them ------------------------------------------------------------- */

#define NET_PARAM_SHARE_OF(param, whose, must, text)                                 \
 {                                                                                   \
  .name = param, .type = PARAM_PERCENT, .min = 1, .max = 100000, .required = (must), \
  .of = whose, .group = whose, .help = text,                                         \
 }
#define NET_PARAM_CORRELATION(param, whose)                                         \
 {                                                                                  \
  .name = param "_correlation", .type = PARAM_PERCENT, .of = whose, .group = whose, \
  .help = "how much chance here depends on the packet before "                      \
	  "(default: not at all)",                                                  \
 }
#define NET_PARAM_BYTES(param, least, most, text)                                    \
 {                                                                                   \
  .name = param, .type = PARAM_INT, .min = (least), .max = (most), .of = "net.rate", \
  .group = "net.rate", .help = text,                                                 \
 }

#define NET_PARAMS_DELAY(must)                                                           \
 {                                                                                       \
	 .name = "delay",                                                                \
	 .type = PARAM_USEC,                                                             \
	 .required = (must),                                                             \
	 .min = 100,                                                                     \
	 .max = 60 * USEC_PER_SEC,                                                       \
	 .of = "net.delay",                                                              \
	 .group = "net.delay",                                                           \
	 .help = "how long each matched packet is held, each way",                       \
 },                                                                                      \
     {                                                                                   \
	     .name = "jitter",                                                           \
	     .type = PARAM_USEC,                                                         \
	     .min = 0,                                                                   \
	     .max = 60 * USEC_PER_SEC,                                                   \
	     .of = "net.delay",                                                          \
	     .group = "net.delay",                                                       \
	     .help = "vary the delay by up to this much, up and down; at most "          \
		     "delay; packets may overtake each other",                           \
     },                                                                                  \
     NET_PARAM_CORRELATION("delay", "net.delay"),                                        \
 {                                                                                       \
  .name = "distribution", .type = PARAM_STRING, .of = "net.delay", .group = "net.delay", \
  .help = "how delays spread, jitter being the standard deviation: "                     \
	  "normal, pareto, paretonormal, or the path of a table as "                     \
	  "tc(8) has them (default: evenly)",                                            \
 }

#define NET_PARAMS_LOSS                                                                \
 NET_PARAM_SHARE_OF(                                                                   \
     "loss", "net.loss", false, "the share of packets that are lost, each by itself"), \
     NET_PARAM_CORRELATION("loss", "net.loss"),                                        \
     {                                                                                 \
	     .name = "loss_state",                                                     \
	     .type = PARAM_PERCENTS,                                                   \
	     .min = 1,                                                                 \
	     .max = 5,                                                                 \
	     .of = "net.loss",                                                         \
	     .group = "net.loss",                                                      \
	     .help = "loss in bursts by a Markov chain of four states: p13, "          \
		     "p31, p32, p23, p14 (default of those left out: 100% "            \
		     "less p13, 0%, 100%, 0%)",                                        \
     },                                                                                \
     {                                                                                 \
	     .name = "loss_gemodel",                                                   \
	     .type = PARAM_PERCENTS,                                                   \
	     .min = 1,                                                                 \
	     .max = 4,                                                                 \
	     .of = "net.loss",                                                         \
	     .group = "net.loss",                                                      \
	     .help = "loss in bursts by Gilbert and Elliott: chance to turn "          \
		     "bad, to turn good, loss while bad, loss while good "             \
		     "(default of those left out: 100% less the first, 100%, "         \
		     "0%)",                                                            \
     },                                                                                \
 {                                                                                     \
  .name = "ecn", .type = PARAM_BOOL, .of = "net.loss", .group = "net.loss",            \
  .help = "mark packets as having met congestion, where they can "                     \
	  "be marked, in place of losing them",                                        \
 }

#define NET_PARAMS_DUPLICATE(must)                                                  \
 NET_PARAM_SHARE_OF(                                                                \
     "duplicate", "net.duplicate", must, "the share of packets that arrive twice"), \
     NET_PARAM_CORRELATION("duplicate", "net.duplicate")

#define NET_PARAMS_CORRUPT(must)                                   \
 NET_PARAM_SHARE_OF("corrupt", "net.corrupt", must,                \
     "the share of packets that have one bit flipped: what has a " \
     "checksum is thrown away by who gets it"),                    \
     NET_PARAM_CORRELATION("corrupt", "net.corrupt")

#define NET_PARAMS_REORDER(must)                                                   \
 NET_PARAM_SHARE_OF("reorder", "net.reorder", must,                                \
     "the share of packets that are sent at once, past those that "                \
     "are delayed"),                                                               \
     NET_PARAM_CORRELATION("reorder", "net.reorder"),                              \
 {                                                                                 \
  .name = "gap", .type = PARAM_INT, .min = 1, .max = 1000000, .of = "net.reorder", \
  .group = "net.reorder",                                                          \
  .help = "only each packet of this number may overtake: 5 is each "               \
	  "fifth (default: any)",                                                  \
 }

#define NET_PARAMS_RATE(must)                                                            \
 {                                                                                       \
	 .name = "rate",                                                                 \
	 .is_worse_below = true,                                                         \
	 .type = PARAM_RATE,                                                             \
	 .required = (must),                                                             \
	 .min = 8000,                                                                    \
	 .max = INT64_C(100000000000),                                                   \
	 .of = "net.rate",                                                               \
	 .group = "net.rate",                                                            \
	 .help = "how fast packets go out, all that match together",                     \
 },                                                                                      \
     NET_PARAM_BYTES(                                                                    \
	 "packet_overhead", -1500, 1500, "bytes that each packet counts more, or less"), \
     NET_PARAM_BYTES(                                                                    \
	 "cell_size", 1, 65535, "packets count as whole cells of so many bytes"),        \
     NET_PARAM_BYTES(                                                                    \
	 "cell_overhead", -1500, 1500, "bytes that each cell counts more, or less")

#define NET_PARAMS_SLOT                                                  \
 {                                                                       \
	 .name = "slot",                                                 \
	 .type = PARAM_USEC,                                             \
	 .min = 100,                                                     \
	 .max = 60 * USEC_PER_SEC,                                       \
	 .of = "net.delay",                                              \
	 .group = "slots",                                               \
	 .help = "let packets go in bunches, this long apart, as radio " \
		 "links do",                                             \
 },                                                                      \
     {                                                                   \
	     .name = "slot_max",                                         \
	     .type = PARAM_USEC,                                         \
	     .min = 100,                                                 \
	     .max = 60 * USEC_PER_SEC,                                   \
	     .of = "net.delay",                                          \
	     .group = "slots",                                           \
	     .help = "or at random between slot and this",               \
     },                                                                  \
     {                                                                   \
	     .name = "slot_packets",                                     \
	     .type = PARAM_INT,                                          \
	     .min = 1,                                                   \
	     .max = 1000000,                                             \
	     .of = "net.delay",                                          \
	     .group = "slots",                                           \
	     .help = "at most so many packets in a bunch (default: any " \
		     "number)",                                          \
     },                                                                  \
 {                                                                       \
  .name = "slot_bytes", .type = PARAM_SIZE, .min = 64, .max = INT32_MAX, \
  .of = "net.delay", .group = "slots",                                   \
  .help = "at most so much in a bunch (default: any amount)",            \
 }

/* --- over time, and how --------------------------------------------------------------- */

#define NET_PARAM_FLAP                                             \
 {                                                                 \
  .name = "flap", .type = PARAM_CYCLE, .group = "over time",       \
  .help = "on and off in turn: 5s/2s is five seconds on, two off", \
 }
/* from is what the kind's own parameter is at first. */
#define NET_PARAMS_COURSE(own, from_type, least, most)                \
 {                                                                    \
	 .name = "from",                                              \
	 .type = (from_type),                                         \
	 .min = (least),                                              \
	 .max = (most),                                               \
	 .group = "over time",                                        \
	 .help = own " at first: it goes from this to its own value", \
 },                                                                   \
     {                                                                \
	     .name = "ramp",                                          \
	     .type = PARAM_USEC,                                      \
	     .min = 100 * USEC_PER_MSEC,                              \
	     .max = 24 * 3600 * USEC_PER_SEC,                         \
	     .group = "over time",                                    \
	     .help = "how long that takes, in a straight line",       \
     },                                                               \
     NET_PARAM_FLAP
#define NET_PARAMS_SHARE_COURSE(own) NET_PARAMS_COURSE(own, PARAM_PERCENT, 0, 100000)

static const char *const net_engines[]
    __attribute__((unused)) = { "auto", "netem", "nfqueue", NULL };

#define NET_PARAMS_MEANS                                                   \
 {                                                                         \
	 .name = "engine",                                                 \
	 .type = PARAM_ENUM,                                               \
	 .def = "auto",                                                    \
	 .choices = net_engines,                                           \
	 .group = "how",                                                   \
	 .help = "the kernel's netem, or user space where the kernel has " \
		 "none or cannot",                                         \
 },                                                                        \
     {                                                                     \
	     .name = "limit",                                              \
	     .type = PARAM_INT,                                            \
	     .min = 1,                                                     \
	     .max = 10000000,                                              \
	     .group = "how",                                               \
	     .help = "packets held at most, beyond which they are lost "   \
		     "(default: enough for what is asked)",                \
     },                                                                    \
     NET_PARAM_SEED

/* What happens to the six on an agent's death, and what a person does: one body. */
#define NET_IMPAIRMENT_UNDONE_BY                                             \
 "With the nfqueue engine packets pass untouched the moment the fault's "    \
 "holder ends (the queue is made with bypass); the rules that fed it are "   \
 "then removed by the record.  With the netem engine the agent, or its "     \
 "guardian, closes the gate that all filters lead through, in one message "  \
 "however many they are; filters and links are swept afterwards, when what " \
 "was held has gone its way.  The interface's own queueing discipline is "   \
 "never touched."
#define NET_IMPAIRMENT_BY_HAND                                                \
 "The fault's record names the objects and the commands.  With netem, close " \
 "the gate (tc actions change action continue index N cookie C), then "       \
 "delete the filters and the link, in this order (tc filter del dev IFACE "   \
 "egress pref N; ip link del sd<id>e).  With nfqueue, ipset flush sd-<id>-4 " \
 "and ipset flush sd-<id>-6 end it; then delete the jumps to SD-<id>-I and "  \
 "SD-<id>-O in the mangle table and the chains with iptables and ip6tables, " \
 "and destroy the sets."

#endif
