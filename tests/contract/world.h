/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORLD_H
#define WORLD_H
/*
 * A small world to break: pid, network and mount namespaces of its own, a veth to a peer
 * that echoes and takes connections, an ext4 of 64 MiB, processes to kill.  Two views of it: the snapshot, what
 * is configured, which undo must restore to the letter; and the effects, what an
 * application would notice, which stage must leave alone and apply must change.
 */
#include "disk_world.h"
#include "err.h"
#include "fdio.h"
#include "ident.h"
#include "limits.h"
#include "pidns.h"
#include "spawn.h"
#include "test.h"
#include "ticker.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#define WORLD_PEER  "10.77.0.2"
#define WORLD_PEER6 "fd77::2"
#define WORLD_DRILL "0a0a0a0a-1111-4222-8333-444444444444"
#define VICTIM      "storm-victim"
#define ECHO_PORT   7777
#define ECHO_TRIES  5
#define TEXT_MAX    (256 * 1024)

static struct world {
	char base[32], disk[48], run_dir[48], state_dir[48], host_dir[48];
	char fault_id[FAULT_ID_LEN]; /* unique on the machine, as base is */
	pid_t peer;
} world = { .base = "/tmp/stormdrill-contract-XXXXXX" };

/* out may be NULL; a program that is not there says so in its place. */
static inline int
tool_into(char *out, size_t size, const char *const *args)
{
	const char *argv[24] = { "/usr/bin/env" };
	struct run_tool t = {
		.argv = argv,
		.out = out,
		.out_size = size,
		.keep_fd = -1,
		.timeout_ms = 30000,
	};
	struct err e = { 0 };
	int rc;

	for (size_t i = 0; args[i] != NULL; i++)
		argv[i + 1] = args[i];
	rc = run_tool(&t, &e);
	if (rc < 0 && out != NULL)
		(void)snprintf(out, size, "%s: failed\n", args[0]);
	else if (rc < 0)
		(void)fprintf(stderr, "%s: %s\n", args[0], e.msg);
	return rc;
}
#define TOOL(...) tool_into(NULL, 0, (const char *const[]){ __VA_ARGS__, NULL })
#define TOOL_INTO(out, size, ...) \
 tool_into(out, size, (const char *const[]){ __VA_ARGS__, NULL })

/* Every datagram goes back where it came from. */
static inline _Noreturn void
peer_main(int said, int heard)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(ECHO_PORT) };
	int fd, tcp;
	char c;

	(void)prctl(PR_SET_NAME, "peer");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) < 0 || write(said, "n", 1) != 1 ||
	    read(heard, &c, 1) != 1)
		_exit(1);
	if (TOOL("ip", "addr", "add", WORLD_PEER "/24", "dev", "v1") < 0 ||
	    TOOL("ip", "addr", "add", WORLD_PEER6 "/64", "dev", "v1", "nodad") < 0 ||
	    TOOL("ip", "link", "set", "v1", "up") < 0)
		_exit(1);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	tcp = socket(AF_INET, SOCK_STREAM, 0); /* connections may wait: nobody talks */
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    bind(tcp, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(tcp, 4096) < 0 ||
	    write(said, "r", 1) != 1)
		_exit(1);
	for (;;) {
		socklen_t len = sizeof(a);
		ssize_t n = recvfrom(fd, &c, 1, 0, (struct sockaddr *)&a, &len);

		if (n >= 0)
			(void)sendto(fd, &c, (size_t)n, 0, (struct sockaddr *)&a, len);
	}
}

static inline int
world_network(void)
{
	int said[2], heard[2];
	char pid[16], c;

	if (pipe(said) < 0 || pipe(heard) < 0)
		return -1;
	world.peer = fork();
	if (world.peer == 0)
		peer_main(said[1], heard[0]);
	(void)close(said[1]);
	(void)snprintf(pid, sizeof(pid), "%d", world.peer);
	if (read(said[0], &c, 1) != 1 || TOOL("ip", "link", "set", "lo", "up") < 0 ||
	    TOOL("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns",
		pid) < 0 ||
	    TOOL("ip", "link", "set", "v0", "addrgenmode", "none") < 0 ||
	    TOOL("ip", "addr", "add", "10.77.0.1/24", "dev", "v0") < 0 ||
	    TOOL("ip", "addr", "add", "fd77::1/64", "dev", "v0", "nodad") < 0 ||
	    TOOL("ip", "link", "set", "v0", "up") < 0)
		return -1;
	return write(heard[1], "g", 1) == 1 && read(said[0], &c, 1) == 1 ? 0 : -1;
}

static inline int
world_disk(void)
{
	char image[48];
	struct stat root, ours;
	int fd;

	(void)snprintf(image, sizeof(image), "%s/image", world.base);
	fd = open(image, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 64 << 20) < 0 || close(fd) < 0 ||
	    mkdir(world.disk, 0755) < 0 || TOOL("mkfs.ext4", "-q", "-F", image) < 0 ||
	    TOOL("mount", "-o", "loop", image, world.disk) < 0)
		return -1;
	return stat("/", &root) < 0 || stat(world.disk, &ours) < 0 ||
	       root.st_dev == ours.st_dev;
}

static inline int
world_make(void **state)
{
	char lock[64];

	(void)state;
	if (mkdtemp(world.base) == NULL)
		return -1;
	fault_id_make(WORLD_DRILL, world.base, 0, world.fault_id);
	(void)snprintf(world.disk, sizeof(world.disk), "%s/disk", world.base);
	(void)snprintf(world.run_dir, sizeof(world.run_dir), "%s/run", world.base);
	(void)snprintf(world.state_dir, sizeof(world.state_dir), "%s/state", world.base);
	(void)snprintf(world.host_dir, sizeof(world.host_dir), "%s/host", world.base);
	(void)snprintf(lock, sizeof(lock), "%s/xtables.lock", world.base);
	if (setenv("XTABLES_LOCKFILE", lock, 1) < 0 || mkdir(world.run_dir, 0700) < 0 ||
	    mkdir(world.host_dir, 0755) < 0)
		return -1;
	limits_group_make(strrchr(world.base, '/') + 1);
	if (world_network() < 0 || world_disk() < 0 || ticker_start() < 0)
		return -1;
	return disk_world_make(world.disk, world.fault_id);
}

static inline int
world_end(void **state)
{
	int rc;

	(void)state;
	disk_world_end();
	rc = umount(world.disk);
	end_sleeper(world.peer);
	ticker_end();
	limits_group_end();
	(void)TOOL("rm", "-rf", world.base);
	return rc;
}

/* A host in use: rules, sets, a queueing discipline and filters that somebody else made and
 * that have to be there afterwards, in this order.  What this host cannot do is left out. */
static inline void
world_furnish(void)
{
	(void)TOOL("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP");
	(void)TOOL("iptables", "-N", "THEIRS");
	(void)TOOL("iptables", "-I", "OUTPUT", "-d", "10.9.9.9", "-j", "THEIRS");
	(void)TOOL("ip6tables", "-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP");
	(void)TOOL("ipset", "create", "theirs", "hash:net");
	(void)TOOL("ipset", "add", "theirs", "10.9.0.0/16");
	(void)TOOL("tc", "qdisc", "add", "dev", "v0", "root", "handle", "7:", "tbf",
	    "rate", "1gbit", "burst", "1mb", "latency", "50ms");
	(void)TOOL("tc", "qdisc", "add", "dev", "v0", "clsact");
	(void)TOOL("tc", "filter", "add", "dev", "v0", "egress", "protocol", "ip", "u32",
	    "match", "ip", "dst", "10.9.9.9/32", "flowid", "1:1");
}

static inline void
world_clear(void)
{
	(void)TOOL("nft", "flush", "ruleset");
	(void)TOOL("ipset", "destroy", "theirs");
	(void)TOOL("tc", "qdisc", "del", "dev", "v0", "root");
	(void)TOOL("tc", "qdisc", "del", "dev", "v0", "clsact");
}

/* --- the snapshot --- */

/* Counters and dates are not state: "[12:3456]" and comment lines go. */
static inline void
append_plain(char *all, const char *title, char *text)
{
	size_t used = strlen(all);

	used += (size_t)snprintf(all + used, TEXT_MAX - used, "== %s\n", title);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char *counters = strstr(line, " [");

		if (line[0] == '#')
			continue;
		if (line[0] == ':' && counters != NULL)
			*counters = '\0';
		used += (size_t)snprintf(all + used, TEXT_MAX - used, "%s\n", line);
		assert_true(used < TEXT_MAX);
	}
}

#define SNAP(all, text, ...)                                        \
 do {                                                               \
  (void)TOOL_INTO(text, TEXT_MAX, __VA_ARGS__);                     \
  append_plain(all, (const char *const[]){ __VA_ARGS__ }[0], text); \
 } while (0)

/* Dead already, and only waiting for its parent: our init is in no hurry. */
static inline bool
is_zombie(const char *pid)
{
	char path[300], stat[512] = "";
	const char *name_end;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	(void)!read(fd, stat, sizeof(stat) - 1);
	(void)close(fd);
	name_end = strrchr(stat, ')');
	return name_end == NULL || name_end[1] == '\0' || name_end[2] == 'Z';
}

/* Names of processes, other than this program's and (with nothing to bring them back)
 * those of victims. */
static inline void
list_processes(char *text, bool with_victims)
{
	size_t used = 0;
	DIR *d = opendir("/proc");
	const struct dirent *entry;

	text[0] = '\0';
	while ((entry = readdir(d)) != NULL) {
		char path[300], comm[32];
		ssize_t n;
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		fd = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ?
			 open(path, O_RDONLY | O_CLOEXEC) :
			 -1;
		if (fd < 0)
			continue;
		n = read(fd, comm, sizeof(comm) - 1);
		(void)close(fd);
		comm[n > 0 ? n : 0] = '\0';
		if (strcmp(comm, "contract\n") != 0 && !is_zombie(entry->d_name) &&
		    (with_victims || strcmp(comm, VICTIM "\n") != 0))
			used +=
			    (size_t)snprintf(text + used, TEXT_MAX - used, "%s", comm);
	}
	(void)closedir(d);
}

/* The tree is the machine's: only what carries our fault's id is ours. */
static inline void
list_cgroups(char *text)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		DIR *d = opendir(roots[i]);
		const struct dirent *entry;

		while (d != NULL && (entry = readdir(d)) != NULL) {
			if (strstr(entry->d_name, world.fault_id) != NULL)
				used += (size_t)snprintf(
				    text + used, TEXT_MAX - used, "%s\n", entry->d_name);
		}
		if (d != NULL)
			(void)closedir(d);
	}
}

static inline void
describe_disk(char *text)
{
	struct statvfs v = { 0 };

	(void)statvfs(world.disk, &v);
	(void)snprintf(text, TEXT_MAX, "free %lu available %lu inodes %lu\n", v.f_bfree,
	    v.f_bavail, v.f_ffree);
}

/* What is configured, as text; the caller frees it. */
static inline char *
world_snapshot(bool with_victims)
{
	char *all = calloc(1, TEXT_MAX), *text = calloc(1, TEXT_MAX);

	SNAP(all, text, "ip", "-d", "link");
	SNAP(all, text, "ip", "addr");
	SNAP(all, text, "ip", "route", "show", "table", "all");
	SNAP(all, text, "tc", "qdisc");
	SNAP(all, text, "tc", "filter", "show", "dev", "v0", "egress");
	SNAP(all, text, "tc", "filter", "show", "dev", "v0", "ingress");
	SNAP(all, text, "ipset", "save");
	SNAP(all, text, "iptables-save");
	SNAP(all, text, "ip6tables-save");
	SNAP(all, text, "nft", "-s", "list", "ruleset");
	list_processes(text, with_victims);
	append_plain(all, "processes", text);
	list_cgroups(text);
	append_plain(all, "cgroups", text);
	describe_disk(text);
	append_plain(all, "disk", text);
	disk_world_limits(text, TEXT_MAX);
	append_plain(all, "limits of the disk", text);
	free(text);
	return all;
}

/* --- the effects --- */

static inline double
milliseconds(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The best of a few tries, so that a busy machine does not look like a slow network. */
static inline const char *
echo(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(ECHO_PORT) };
	struct timeval patience = { .tv_usec = 300000 };
	const char *best = "lost";

	(void)inet_pton(AF_INET, WORLD_PEER, &to.sin_addr);
	for (int i = 0; i < ECHO_TRIES; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		double begin = milliseconds(CLOCK_MONOTONIC);
		char c = 'x';

		(void)setsockopt(
		    fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		(void)sendto(fd, &c, 1, 0, (struct sockaddr *)&to, sizeof(to));
		if (recv(fd, &c, 1, 0) == 1)
			best = milliseconds(CLOCK_MONOTONIC) - begin < 25 ? "ok" : "slow";
		(void)close(fd);
		if (strcmp(best, "ok") == 0)
			break;
	}
	return best;
}

/* Ports of this host: one that nobody has, one of a service, and any to connect from. */
static inline const char *
ports(void)
{
	static const uint16_t free_port = 7070, service_port = 7071;
	static int service = -1;
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
		.sin6_port = htons(free_port) };
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(service_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int server = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int visitor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *found = "free";

	if (service < 0) {
		service = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (bind(service, (struct sockaddr *)&to, sizeof(to)) < 0 ||
		    listen(service, 64) < 0)
			abort();
	}
	if (bind(server, (struct sockaddr *)&any, sizeof(any)) < 0)
		found = "taken";
	else if (connect(visitor, (struct sockaddr *)&to, sizeof(to)) < 0)
		found = "refused";
	else if (connect(sender, (struct sockaddr *)&to, sizeof(to)) < 0)
		found = "exhausted";
	(void)close(accept(service, NULL, NULL));
	(void)close(server);
	(void)close(visitor);
	(void)close(sender);
	return found;
}

/* A connection to the peer that is kept; one that was cut is made anew. */
static inline const char *
connection(void)
{
	static int fd = -1;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(ECHO_PORT) };
	struct timeval patience = { .tv_sec = 1 };
	bool was_made = fd >= 0;
	char c;

	if (was_made && recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		return "whole";
	if (was_made)
		(void)close(fd);
	(void)inet_pton(AF_INET, WORLD_PEER, &to.sin_addr);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 && !was_made)
		return "whole";
	return "cut";
}

static inline unsigned
count_lines(const char *text, const char *line)
{
	unsigned count = 0;

	for (const char *p = text; (p = strstr(p, line)) != NULL; p++)
		count++;
	return count;
}

/* CPU time of all burners together; -1 with none. */
static inline double
burnt(void)
{
	DIR *d = opendir("/proc");
	const struct dirent *entry;
	double sum = 0;

	while ((entry = readdir(d)) != NULL) {
		char path[300], comm[32] = "";
		clockid_t clock;
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		(void)!read(fd, comm, sizeof(comm) - 1);
		(void)close(fd);
		if (strcmp(comm, "stormd-burner\n") == 0 &&
		    clock_getcpuclockid(
			(pid_t)strtoul(entry->d_name, NULL, 10), &clock) == 0)
			sum += milliseconds(clock);
	}
	(void)closedir(d);
	return sum;
}

/* MiB of memory that fillers have for themselves. */
static inline unsigned long
filled(void)
{
	DIR *d = opendir("/proc");
	const struct dirent *entry;
	unsigned long pages = 0;

	while ((entry = readdir(d)) != NULL) {
		char path[300], text[128] = "";
		unsigned long resident = 0, shared = 0;

		(void)snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (read_file_at(AT_FDCWD, path, text, sizeof(text)) < 0 ||
		    strcmp(text, "stormd-filler\n") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/statm", entry->d_name);
		if (read_file_at(AT_FDCWD, path, text, sizeof(text)) > 0 &&
		    sscanf(text, "%*u %lu %lu", &resident, &shared) == 2)
			pages += resident - shared;
	}
	(void)closedir(d);
	return pages >> 8;
}

/* Does a file system take changes?  Asked by unlinking what is not there, in a child: where
 * every write hangs it hangs, too, until that is over, whatever is sent to it. */
static inline const char *
writing(void)
{
	static pid_t waits; /* the one that hung the last time */
	char path[64];
	int status;
	pid_t pid;

	if (waits != 0 && waitpid(waits, &status, WNOHANG) == 0)
		return "hangs";
	waits = 0;
	(void)snprintf(path, sizeof(path), "%s/none", world.disk);
	pid = fork();
	if (pid == 0)
		_exit(unlink(path) < 0 && errno == ENOENT ? 0 : 1);
	for (int i = 0; i < 100; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status == 0 ? "works" : "fails";
		(void)usleep(2000);
	}
	(void)kill(pid, SIGKILL);
	waits = pid;
	return "hangs";
}

/* Does the wall clock agree with the clocks that no fault sets or steers?  "true" to 200 ms
 * since the first look. */
static inline const char *
wall_clock(void)
{
	static double first;
	double ahead = milliseconds(CLOCK_REALTIME) - milliseconds(CLOCK_MONOTONIC_RAW);

	if (first == 0)
		first = ahead;
	return ahead - first > -200 && ahead - first < 200 ? "true" : "wrong";
}

/* What an application would notice, as text; the caller frees it. */
static inline char *
world_effects(void)
{
	char *text = calloc(1, TEXT_MAX), *list = calloc(1, TEXT_MAX);
	struct statvfs v = { 0 };
	const unsigned long ticks = atomic_load(ticker.count);
	const unsigned long ios = disk_world_ios();
	double before = burnt();
	size_t used;
	bool is_busy;

	list_processes(list, true);
	(void)statvfs(world.disk, &v);
	(void)usleep(60000);
	is_busy = disk_world_ios() > ios + BUSY_IOS;
	(void)snprintf(text, TEXT_MAX,
	    "echo %s\nconnection %s\nports %s\nvictims %u\navailable %lu blocks, %s inodes\nburning %s\nfilled %s\n",
	    echo(), connection(), ports(), count_lines(list, VICTIM), v.f_bavail,
	    v.f_ffree < 1000 ? "few" : "enough", burnt() > before + 2 ? "yes" : "no",
	    filled() >= 16 ? "yes" : "no");
	used = strlen(text);
	(void)snprintf(text + used, TEXT_MAX - used, "writing %s\nticking %s\n",
	    writing(), ticker_ticked(ticks) ? "yes" : "no");
	used = strlen(text);
	(void)snprintf(text + used, TEXT_MAX - used, "disk %s, reading is %s\n",
	    is_busy ? "busy" : "idle", disk_world_read());
	used = strlen(text);
	(void)snprintf(text + used, TEXT_MAX - used, "forking %s\ndescriptors %lu\n",
	    limits_forking(), limits_descriptors(VICTIM));
	(void)snprintf(
	    text + strlen(text), TEXT_MAX - strlen(text), "clock %s\n", wall_clock());
	free(list);
	return text;
}

#endif
