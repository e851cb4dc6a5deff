/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARSE_H
#define PARSE_H
/*
 * The one strict parser per unit.  Whole string or error; no locale, no leading blanks,
 * no sign surprises, overflow is an error.  0 on success, negative errno with a sentence
 * in `e` otherwise ("'5 s' is not a duration: write 5s, 200ms, 1m30s").
 */
#include "clock.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct net {            /* an address or network; addr in network order, host bits zero */
	uint8_t family; /* 4 or 6 */
	uint8_t prefix; /* 0–32 or 0–128 */
	uint8_t pad[2];
	uint8_t addr[16]; /* the first 4 bytes for family 4 */
};

struct port_range { /* from <= to, both included */
	uint16_t from, to;
};

int parse_u64(const char *s, uint64_t *ret, struct err *e);
int parse_i64(const char *s, int64_t *ret, struct err *e);
/* "150ms" "1.5s" "2m" "1h" "30d" "250us" "1m30s"; a bare number is an error, but "0" is
 * 0 */
int parse_usec(const char *s, usec_t *ret, struct err *e);
/* "0.05" "-3" "1.5e9": a finite number */
int parse_number(const char *s, double *ret, struct err *e);
/* "+1h", "-90s", "1.5s": a duration with a direction; "-0" is 0 */
int parse_offset(const char *s, int64_t *ret_usec, struct err *e);
const char *format_offset(int64_t usec, char *buf, size_t size); /* "+1h"; returns buf */
/* "500ppm", "-0.5ppm" → thousandths; at most a million of them */
int parse_ppm(const char *s, int64_t *ret, struct err *e);
const char *format_ppm(int64_t thousandths, char *buf, size_t size); /* "+500ppm" */
/* "99.9%" or "99.9" → thousandths of a percent (99900); 0–100 % */
int parse_percent(const char *s, int64_t *ret, struct err *e);
/* "512MiB" "10GB" "4096": bytes; KiB MiB GiB TiB (1024) and kB MB GB TB (1000) */
int parse_size(const char *s, uint64_t *ret, struct err *e);
/* "50/s" "600/m" "0.5/s" → millihertz */
int parse_rate(const char *s, uint64_t *ret, struct err *e);
int parse_port(const char *s, uint16_t *ret, struct err *e); /* 1–65535 */
/* "80" or "8000-8100" */
int parse_port_range(const char *s, struct port_range *ret, struct err *e);
/* "10mbit" "1.5gbit" "300kbit" "9600bit": bits per second, in powers of 1000 as everywhere
 * in networks; "bps" and "B/s" are errors that say so, since tools disagree on them */
int parse_bits(const char *s, uint64_t *ret, struct err *e);
/* "1500mbit": in the largest unit that divides it, so that it is exact; returns buf */
const char *format_bits(uint64_t bits, char *buf, size_t size);
/* "5s/2s": time on and time off, each at least 10ms */
int parse_cycle(const char *s, usec_t *ret_on, usec_t *ret_off, struct err *e);
/* true false yes no on off */
int parse_bool(const char *s, bool *ret, struct err *e);
/* 1–15 bytes, no '/', no white space, not "." or "..": what the kernel takes */
int parse_ifname(const char *s, char ret_name[static 16], struct err *e);
/* "10.0.0.0/8" "fe80::1"; host bits below the prefix are an error that names the
 * network meant; a v4-mapped v6 address is an error */
int parse_net(const char *s, struct net *ret, struct err *e);
const char *format_net(const struct net *n, char *buf, size_t size); /* returns buf */
/* Is the address, or the whole network, in `n`? */
bool net_covers(const struct net *n, const struct net *inner);
/* The address of a v4 peer of a v6 socket: on the wire it is v4.  Others stay as they are. */
void net_unmap(struct net *n);
/* "KILL", "SIGKILL", "9" → number, 1–64 without the runtime's own 32 and 33 */
int parse_signal(const char *s, int *ret, struct err *e);
const char *format_signal(int signal, char *buf, size_t size); /* "KILL"; returns buf */
/* A kernel CPU list "0,2-3": checked, not expanded; at most 4096 CPUs. */
int parse_cpus(const char *s, struct err *e);
/* A UUID in its 36-character lower-case form. */
int parse_uuid(const char *s, struct err *e);
/* [A-Za-z0-9._-]{1,63}, not starting with '.' or '-': names that may become a path. */
int parse_name(const char *s, struct err *e);
/* "www.example.com", or "*.example.com" for all that is below: labels of letters, digits,
 * '-' and '_', no dot at the end. */
int parse_domain(const char *s, struct err *e);

/* "512 MiB", "1.5 GiB": for people; returns buf. */
const char *format_size(uint64_t bytes, char *buf, size_t size);
/* The candidate nearest to `word` by edit distance, or NULL if none is near enough to be
 * what was meant.  `next(ctx, i)` gives the i-th candidate, NULL at the end. */
const char *nearest(
    const char *word, const char *(*next)(const void *ctx, size_t i), const void *ctx);

#endif
