/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KIND_H
#define KIND_H
/*
 * The row of a fault kind: data only, one file in lib/kinds.  stormctl (offline check,
 * help), stormd (policy) and the holder link the same row; what the kind *does* is in
 * agent/faults under the same name.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spec;
struct err;

enum param_type {
	PARAM_USEC,     /* duration; num in µs, min and max too */
	PARAM_OFFSET,   /* num in µs, of either sign: "+1h", "-90s" */
	PARAM_PPM,      /* num in thousandths of a millionth: "500ppm", "-0.5ppm" */
	PARAM_PERCENT,  /* num in thousandths of a percent */
	PARAM_SIZE,     /* num in bytes */
	PARAM_INT,      /* num */
	PARAM_COUNT,    /* "all" (num 0) or 1… */
	PARAM_PORT,     /* num */
	PARAM_SIGNAL,   /* num */
	PARAM_ENUM,     /* num = index into choices */
	PARAM_STRING,   /* text */
	PARAM_STRINGS,  /* text: NUL-separated list, each with its NUL */
	PARAM_IFNAMES,  /* the same, of interface names */
	PARAM_ADDRS,    /* the same, of addresses and networks; stormctl resolves names */
	PARAM_PORTS,    /* the same, of ports and ranges: "80", "8000-8100" */
	PARAM_PERCENTS, /* the same, of percentages; min and max: how many */
	PARAM_CYCLE,    /* text: "5s/2s", time on and time off */
	PARAM_RATE,     /* num in bits per second: "10mbit", "1.5gbit", "300kbit" */
	PARAM_BOOL,     /* num 0 or 1: true, false, yes, no, on, off */
	PARAM_PATH,     /* text: absolute, no "." or ".." component */
	PARAM_CPUS,     /* text: kernel CPU list */
	PARAM_NETS,     /* spec->nets; "any" is 0.0.0.0/0 and ::/0; one per kind */
};

struct param {
	const char *name;
	enum param_type type;
	bool required;
	const char *def;            /* as it would be written; NULL: absent */
	int64_t min, max;           /* of num; both 0: the type's own range */
	const char *const *choices; /* PARAM_ENUM, NULL-terminated */
	/* Policy's limit is the least it may be: a rate, what is left free. */
	bool is_worse_below;
	/* One of the ways to say how much, of which exactly one is chosen: a limit on one is
	 * not got around by another. */
	bool is_amount;
	/* The heading under which help shows it; NULL: what the kind is about. */
	const char *group;
	/* The kind whose own it is, where others take it, too: policy allows and limits it
	 * as that kind. */
	const char *of;
	const char *help; /* one line, lower case */
};

enum {
	KIND_ONESHOT = 1 << 0, /* happens once; takes no `for` */
	KIND_IRREVERSIBLE =
	    1 << 1,            /* nothing can undo it; a daemon needs policy to name it */
	KIND_NETWORK = 1 << 2, /* commit-confirm after it turns active */
	/* with KIND_ONESHOT: happens once without a `for`; with one it is held down, done
	 * again whenever what it ended comes back */
	KIND_REPEATS = 1 << 3,
	KIND_COUNTS = 1 << 4, /* its effect is counted from 0, as a network fault's is */
};

/* What a fault of a kind has for itself alone while it lives (resources.h). */
enum kind_holds {
	HOLDS_SAME,       /* nothing but itself: only its own double is refused */
	HOLDS_CPUS,       /* each CPU of `cpus`, but with mode=add or a target */
	HOLDS_DISK,       /* what this kind takes of the file system of `path` */
	HOLDS_DISK_ALONE, /* all that any kind takes of it */
	HOLDS_HOST,       /* what this kind takes of the host */
	HOLDS_TARGET, /* what this kind takes of `cgroup` or `container`, or of the host */
};

struct kind {
	const char *name;           /* "net.delay"; on the wire, never reused */
	const char *summary;        /* one line */
	const struct param *params; /* ends with { 0 } */
	unsigned flags;
	enum kind_holds holds;
	uint64_t caps; /* CAP_BIT(…): all its holder keeps */
	/* Rules between parameters; NULL-safe null object kind_check_nothing. */
	int (*check)(const struct spec *s, struct err *e);
	const char *undone_by; /* who undoes it when the agent dies: for faults(7) */
	const char *by_hand;   /* how a person undoes it */
	const char
	    *teaches; /* "timeout, retry with backoff": the patterns it exercises */
};

#define KIND_LIST(X) \
 X(cpu_load)         \
 X(disk_fill)        \
 X(disk_freeze)      \
 X(disk_inodes)      \
 X(disk_load)        \
 X(disk_readonly)    \
 X(disk_throttle)    \
 X(host_clock)       \
 X(host_fds)         \
 X(host_pids)        \
 X(host_reboot)      \
 X(memory_fill)      \
 X(net_corrupt)      \
 X(net_delay)        \
 X(net_dns)          \
 X(net_duplicate)    \
 X(net_loss)         \
 X(net_partition)    \
 X(net_ports)        \
 X(net_rate)         \
 X(net_reorder)      \
 X(net_reset)        \
 X(process_kill)     \
 X(process_pause)    \
 X(service_stop)

#define KIND_DECLARE(name) extern const struct kind kind_##name;
KIND_LIST(KIND_DECLARE)
#undef KIND_DECLARE

extern const struct kind *const kind_table[]; /* NULL-terminated, sorted by name */
#define FOR_EACH_KIND(k) \
 for (const struct kind *const *k = kind_table; *(k) != NULL; (k)++)

const struct kind *kind_find(const char *name); /* NULL: none */
const char *kind_nearest(const char *name);     /* a suggestion, or NULL */
const struct param *kind_param(const struct kind *k, const char *name);
const char *kind_param_nearest(const struct kind *k, const char *name);
/* Is no effect after a while worth a word, and none at all an error? */
bool kind_counts(const struct kind *k);
const char *param_type_name(enum param_type t); /* "duration", "address list", … */
/* The number as it would be written, and would be read again; returns buf. */
const char *param_format(const struct param *p, int64_t num, char *buf, size_t size);
/* "0s to 10m", "0 % to 100 %"; "" when the type's own range; returns buf. */
const char *param_range(const struct param *p, char *buf, size_t size);
/* May, and must, a fault of the kind have a `for`? */
bool kind_takes_for(const struct kind *k);
bool kind_needs_for(const struct kind *k);
int kind_check_nothing(const struct spec *s, struct err *e);

#endif
