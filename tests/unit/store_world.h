/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_WORLD_H
#define STORE_WORLD_H
/* A store of the test's own, in namespaces of its own, and records to put there. */
#include "test.h"

#include "pidns.h"

#include "cgroup.h"
#include "cleanup.h"
#include "disk.h"
#include "fdio.h"
#include "ipset.h"
#include "nl.h"
#include "spawn.h"
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/stat.h>

#define ONE   "7e57ee01"
#define TWO   "7e57ee02"
#define THREE "7e57ee03"

static char dir[] = "/tmp/storm-store.XXXXXX";
static char run_dir[64], state_dir[64], host_dir[64];
static struct store store;
static struct undo_ctx *ctx;
static struct err e;

static inline int
shell(const char *command)
{
	const char *argv[] = { "/bin/sh", "-c", command, NULL };
	struct run_tool t = { .argv = argv, .keep_fd = -1, .timeout_ms = 20000 };
	struct err why = { 0 };

	return run_tool(&t, &why);
}

static inline struct nl *
netfilter(void)
{
	return undo_ctx_nl(ctx, NETLINK_NETFILTER);
}

static inline struct record
record_of(const char *fault)
{
	struct record r = {
		.kind = "toy.set", .summary = "toy.set", .netns = netns_inode()
	};
	struct undo u = { .op = UNDO_SET_DESTROY };

	(void)snprintf(r.fault, sizeof(r.fault), "%s", fault);
	uuid_make(r.drill);
	assert_ok(clock_boot_id(r.boot_id, &e), e);
	/* no process has this start time: the holder is dead */
	r.holder = (struct process_id){ .pid = 2, .start = 1 };
	(void)snprintf(u.name, sizeof(u.name), "sd-%s-4", fault);
	undo_add(&r.undo, u);
	return r;
}

static inline void
path_of_file(const char *fault, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/" DISK_NAME_PREFIX "%s", dir, fault);
}

static inline bool
has_file(const char *fault)
{
	char path[128];

	path_of_file(fault, path, sizeof(path));
	return access(path, F_OK) == 0;
}

/* As record_of, and a file as well, which is there. */
static inline struct record
lasting_record_of(const char *fault)
{
	struct record r = record_of(fault);
	struct undo u = { .op = UNDO_UNLINK_FILE };
	struct disk_place place;
	int fd = disk_open_dir(dir, &e);

	assert_true(fd >= 0);
	assert_ok(disk_place(fd, &place, &e), e);
	(void)close(fd);
	u.num[0] = place.inode;
	u.num[1] = place.fsid;
	path_of_file(fault, u.name, sizeof(u.name));
	undo_add(&r.undo, u);
	fd = open(u.name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	return r;
}

static inline void
put(const char *name, const char *text)
{
	assert_ok(replace_file_at(store.dir, name, text, strlen(text), &e), e);
}

static inline int
setup(void **state)
{
	char command[300];

	(void)state;
	(void)snprintf(command, sizeof(command),
	    "find %s -type f -delete; ipset destroy; tc qdisc del dev d0 clsact; "
	    "nft delete table ip filter; true",
	    dir);
	memset(&e, 0, sizeof(e));
	return shell(command);
}

struct seen {
	int good, bad;
	char order[128], why[400];
};

static inline int
look(void *arg, const char *name, const struct record *r, const struct err *why)
{
	struct seen *s = arg;
	size_t used = strlen(s->order);

	(void)snprintf(s->order + used, sizeof(s->order) - used, "%s ", name);
	if (r == NULL) {
		s->bad++;
		(void)snprintf(s->why, sizeof(s->why), "%s", why->msg);
	} else {
		s->good++;
	}
	return 0;
}

static inline struct seen
look_at_all(void)
{
	struct seen s = { 0 };

	assert_ok(store_each(&store, look, &s, &e), e);
	return s;
}

/* --- undoing --------------------------------------------------------------------------- */

static inline void
make_set(const char *fault)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "sd-%s-4", fault);
	assert_ok(ipset_create(netfilter(), name, 4, 16, &e), e);
}

static inline bool
has_set(const char *fault)
{
	struct ipset_info info;
	struct err why = { 0 };
	char name[32];

	(void)snprintf(name, sizeof(name), "sd-%s-4", fault);
	return ipset_info(netfilter(), name, &info, &why) == 0;
}

static inline bool
has_record(const char *fault)
{
	return faccessat(store.dir, fault, F_OK, 0) == 0;
}

/* main() of a test: makes the store, runs, and takes all away. */
static inline int
run_with_store(int (*run)(void))
{
	char command[64];
	int failed;

	pidns_enter();
	if (mkdtemp(dir) == NULL)
		skip_all("mkdtemp: %s", strerror(errno));
	(void)snprintf(host_dir, sizeof(host_dir), "%s/host", dir);
	(void)snprintf(run_dir, sizeof(run_dir), "%s/host/test", dir);
	(void)snprintf(state_dir, sizeof(state_dir), "%s/lib/test", dir);
	if (store_open(&store, run_dir, state_dir, host_dir, &e) < 0 ||
	    undo_ctx_open(&ctx, -1, false, &e) < 0)
		skip_all("%s", e.msg);
	if (shell(
		"ip link add d0 type veth peer name d1 && ipset list -n && iptables -S && "
		"nft list tables") < 0)
		skip_all("iproute2, ipset, iptables and nft are needed");
	failed = run();
	undo_ctx_free(ctx);
	store_close(&store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	(void)shell(command);
	return failed;
}

#endif
