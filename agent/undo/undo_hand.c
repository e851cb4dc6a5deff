/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command a person types when nothing of ours is at hand.  Records carry these lines,
 * and people paste them into a root shell: names that a shell would read otherwise are
 * quoted, and each command says the same as our operation, never more.
 */
#include "undo_table.h"

#include "tc.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *
hand_word(const char *s, char *buf)
{
	char *out = buf;
	bool is_plain = true;

	for (const char *c = s; *c != '\0'; c++)
		is_plain &= isalnum((unsigned char)*c) || strchr("._-/@:", *c) != NULL;
	if (is_plain)
		return s;
	*out++ = '\'';
	for (; *s != '\0'; s++) {
		if (*s == '\'') {
			memcpy(out, "'\\''", 4);
			out += 4;
		} else {
			*out++ = *s;
		}
	}
	memcpy(out, "'", 2);
	return buf;
}

static const char *
direction(int64_t d)
{
	return d == 1 ? "egress" : "ingress";
}

const char *
hand_cgroup_mount(void)
{
	return access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ?
		   "/sys/fs/cgroup/unified" :
		   "/sys/fs/cgroup";
}

void
hand_nothing(const struct undo *u, char *buf, size_t size)
{
	(void)u;
	if (size > 0)
		buf[0] = '\0';
}

void
hand_set_flush(const struct undo *u, char *buf, size_t size)
{
	(void)snprintf(buf, size, "ipset flush %s", u->name);
}

void
hand_set_destroy(const struct undo *u, char *buf, size_t size)
{
	(void)snprintf(buf, size, "ipset destroy %s", u->name);
}

void
hand_gate(const struct undo *u, char *buf, size_t size)
{
	char cookie[2 * FAULT_ID_LEN];

	for (size_t i = 0; i + 1 < FAULT_ID_LEN; i++)
		(void)snprintf(
		    cookie + 2 * i, sizeof(cookie) - 2 * i, "%02x", (uint8_t)u->name[i]);
	(void)snprintf(buf, size, "tc actions change action continue index %u cookie %s",
	    tc_gate_of(u->name), cookie);
}

void
hand_gate_delete(const struct undo *u, char *buf, size_t size)
{
	(void)snprintf(
	    buf, size, "tc actions del action gact index %u", tc_gate_of(u->name));
}

void
hand_filter(const struct undo *u, char *buf, size_t size)
{
	char q[HAND_WORD_MAX];

	(void)snprintf(buf, size, "tc filter del dev %s %s pref %lld",
	    hand_word(u->dev, q), direction(u->num[1]), (long long)u->num[2]);
}

void
hand_filter_chain(const struct undo *u, char *buf, size_t size)
{
	char q[HAND_WORD_MAX];

	(void)snprintf(buf, size, "tc filter del dev %s %s chain %lld",
	    hand_word(u->dev, q), direction(u->num[1]), (long long)u->num[2]);
}

/* Not by its cgroup.kill, which Linux has since 5.14. */
void
hand_cgroup_kill(const struct undo *u, char *buf, size_t size)
{
	char path[HAND_WORD_MAX];

	(void)snprintf(buf, size, "kill -KILL $(cat %s/%s/cgroup.procs)",
	    hand_cgroup_mount(), hand_word(u->name, path));
}

void
hand_cgroup_remove(const struct undo *u, char *buf, size_t size)
{
	char path[HAND_WORD_MAX];

	(void)snprintf(
	    buf, size, "rmdir %s/%s", hand_cgroup_mount(), hand_word(u->name, path));
}

void
hand_cgroup_v1(const struct undo *u, char *buf, size_t size)
{
	char path[HAND_WORD_MAX];

	(void)snprintf(
	    buf, size, "rmdir /sys/fs/cgroup/%s/%s", u->dev, hand_word(u->name, path));
}

void
hand_link(const struct undo *u, char *buf, size_t size)
{
	(void)snprintf(buf, size, "ip link del %s type ifb", u->name);
}

/* The record does not say which hook jumps here: one of the two deletions fails. */
void
hand_chain(const struct undo *u, char *buf, size_t size)
{
	const char *tool = u->num[0] == 6 ? "ip6tables -w -t" : "iptables -w -t";

	(void)snprintf(buf, size,
	    "for h in INPUT OUTPUT; do %s %s -D $h -j %s; done 2>/dev/null; "
	    "%s %s -F %s && %s %s -X %s",
	    tool, u->dev, u->name, tool, u->dev, u->name, tool, u->dev, u->name);
}

void
hand_clsact(const struct undo *u, char *buf, size_t size)
{
	char q[HAND_WORD_MAX];
	const char *dev = hand_word(u->dev, q);

	(void)snprintf(buf, size,
	    "test -z \"$(tc filter show dev %s ingress)$(tc filter show dev %s egress)\" && "
	    "tc qdisc del dev %s clsact",
	    dev, dev, dev);
}

static const char *
nft_family(int64_t family)
{
	return family == 6 ? "ip6" : "ip";
}

/* Only a person can see that a table is empty: show it, and say what then. */
void
hand_nft_table(const struct undo *u, char *buf, size_t size)
{
	const char *family = nft_family(u->num[0]);

	(void)snprintf(buf, size,
	    "nft list table %s %s  # if it is empty: nft delete table %s %s", family,
	    u->name, family, u->name);
}

void
hand_unlink_file(const struct undo *u, char *buf, size_t size)
{
	char path[HAND_WORD_MAX];

	(void)snprintf(buf, size, "rm -f -- %s", hand_word(u->name, path));
}

/* While its owner lives it is nobody else's to delete, and afterwards it is gone. */
void
hand_nft_own(const struct undo *u, char *buf, size_t size)
{
	(void)snprintf(buf, size, "nft delete table inet %s", u->name);
}

void
hand_nft_chain(const struct undo *u, char *buf, size_t size)
{
	const char *family = nft_family(u->num[0]);

	/* nft itself refuses to delete a chain that holds rules. */
	(void)snprintf(buf, size, "nft delete chain %s %s %s", family, u->dev, u->name);
}
