# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by system tests, the demo and the benchmarks.  Gives each its own world: a pid,
# mount and network namespace that vanish with it, real nginx servers on hosts of its own,
# and snapshots of everything a fault could leave behind.
#
#	. "$(dirname "$0")/lib.sh"; sandbox "$0" "$@"
#
# After `sandbox` the script runs again as pid 1 of a fresh pid namespace, in a fresh
# network namespace that is the "host" under test, with $T as its scratch directory.

BUILD=${BUILD:-build}
BIN=$(cd "${BIN:-$BUILD/bin}" && pwd)
# shellcheck disable=SC2034
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin

skip() {
	echo "skip: $*"
	exit 77
}

fail() {
	echo "FAIL: $*" >&2
	[ -z "${T:-}" ] || for f in "$T"/*.log; do
		[ -s "$f" ] && { echo "--- $f"; tail -n 40 "$f"; }
	done >&2
	exit 1
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

cgroup_tree() { # where the cgroup v2 tree is mounted, if it is
	findmnt -t cgroup2 -n -o TARGET | head -n 1
}

sandbox() {
	need_root
	if [ -z "${STORM_SANDBOX:-}" ]; then
		T=$(mktemp -d "${TMPDIR:-/tmp}/storm.XXXXXX") || exit 1
		export T STORM_SANDBOX=1 BIN BUILD
		local rc=0 cgroup
		cgroup=$(cgroup_tree)
		[ -z "$cgroup" ] || cgroup=$cgroup/storm-test-$$
		[ -z "$cgroup" ] || mkdir "$cgroup"
		# shellcheck disable=SC2016
		bash -c '[ -z "$0" ] || echo $$ >"$0/cgroup.procs"; exec "$@"' "$cgroup" \
			unshare --mount --net --cgroup --pid --fork --kill-child --mount-proc \
			bash "$@" || rc=$?
		[ -z "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} +
		[ $rc -eq 0 ] && [ -z "${KEEP:-}" ] && rm -rf "$T"
		exit $rc
	fi
	# The files of `ip netns` must not outlive us on the machine's /run.
	mkdir -p /run/netns
	mount -t tmpfs tmpfs /run/netns
	ip link set lo up
	# Our own part of the cgroup v2 tree where the machine's was: other tests are not seen.
	local tree
	tree=$(cgroup_tree)
	[ -z "$tree" ] || { umount "$tree" && mount -t cgroup2 cgroup2 "$tree"; } ||
		fail "no cgroup tree of our own at $tree"
	export XTABLES_LOCKFILE=$T/xtables.lock
	# shellcheck disable=SC2034
	DIRS=(--host-dir "$T/host" --run-dir "$T/host/test" --state-dir "$T/state")
	mkdir -p "$T/host" "$T/state"
}

# A host of our own: namespace NAME joined to us by a veth pair, ADDRESS on its side.
# host b1 10.1.1.2 → we are 10.1.1.1 and fd01:1::1, it is 10.1.1.2 and fd01:1::2
host() {
	local name=$1 address=$2 net=${2%.*}
	local v6="fd${net//./:}"
	ip netns add "$name"
	ip link add "v-$name" type veth peer name eth0 netns "$name"
	ip address add "$net.1/24" dev "v-$name"
	ip address add "$v6::1/64" dev "v-$name" nodad
	ip link set "v-$name" addrgenmode none up # no address that appears by itself later
	ip -n "$name" address add "$address/24" dev eth0
	ip -n "$name" address add "$v6::2/64" dev eth0 nodad
	ip -n "$name" link set eth0 addrgenmode none up
	ip -n "$name" link set lo up
}
host_v6() { # the v6 address of the host whose v4 address is given
	local net=${1%.*}
	echo "fd${net//./:}::2"
}

# nginx_conf NAME CONF: the configuration of one process, in $T/NAME; CONF goes into `http`.
nginx_conf() {
	local name=$1 conf=$2
	mkdir -p "$T/$name"
	cat >"$T/$name/nginx.conf" <<C
daemon off;
master_process off;
worker_rlimit_nofile 4096;
pid $T/$name/nginx.pid;
error_log $T/$name/error.log warn;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path $T/$name/body;
	proxy_temp_path $T/$name/proxy;
	fastcgi_temp_path $T/$name/fastcgi;
	uwsgi_temp_path $T/$name/uwsgi;
	scgi_temp_path $T/$name/scgi;
	$conf
}
C
}
# nginx_start NAME CONF: here, or in the namespace $NETNS; its pid in $T/NAME.pid.
nginx_start() {
	local name=$1
	nginx_conf "$@"
	if [ -n "${NETNS:-}" ]; then
		nsenter --net="/run/netns/$NETNS" nginx -p "$T/$name" -c "$T/$name/nginx.conf" \
			>"$T/$name.log" 2>&1 &
	else
		nginx -p "$T/$name" -c "$T/$name/nginx.conf" >"$T/$name.log" 2>&1 &
	fi
	echo $! >"$T/$name.pid"
}
backend() { # backend NAME ADDRESS: a host with an nginx that answers 200 with its name
	host "$1" "$2"
	NETNS=$1 nginx_start "$1" "server { listen 80; listen [::]:80;
		location / { return 200 \"hello from $1\\n\"; } }"
}
# balancer PORT ADDRESS…: nginx before backends, routing round one that is dead, or silent
# for $PATIENCE.
balancer() {
	local port=$1 upstream='' address
	shift
	for address in "$@"; do
		upstream="$upstream server $address:80 max_fails=1 fail_timeout=1s;"
	done
	nginx_start lb "upstream shop { $upstream keepalive 16; }
		server { listen 127.0.0.1:$port; location / {
			proxy_pass http://shop; proxy_http_version 1.1;
			proxy_set_header Connection '';
			proxy_connect_timeout ${PATIENCE:-150ms}; proxy_read_timeout ${PATIENCE:-400ms};
			proxy_next_upstream error timeout; } }"
}
wait_http() { # wait_http URL [SECONDS]
	local i
	for ((i = 0; i < ${2:-60} * 20; i++)); do
		curl -s -o /dev/null --max-time 5 "$1" && return 0
		sleep 0.05
	done
	fail "no answer from $1"
}
wait_for() { # wait_for SECONDS COMMAND…: until it succeeds
	local i n=$1
	shift
	for ((i = 0; i < n * 20; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}

# The tool's own words, in this log, for a machine that was too busy for the drill to show
# anything: then it is run again.  Whatever else is not as expected is a failure at once.
was_starved() { # was_starved LOG
	grep -qE "our own prober was late|30 are needed|$AGENT_GAVE_UP" "$1"
}
AGENT_GAVE_UP='no renewal got through|did not hear from us in time'
# shellcheck disable=SC2034
ATTEMPTS=8

# An experiment of one fault, for a minute unless told, with a lease that no standstill
# outlasts.
one_fault() { # one_fault 'KIND: {PARAMETERS}' [FOR]
	printf 'version: 1\nname: one\nlease: 15s\nfaults: [{%s, for: %s}]\n' "$1" "${2:-60s}"
}

# Everything a fault could leave behind in this namespace, without counters.  Names and
# rules only: what differs between two of these is residue.
snapshot() {
	echo "# links"
	ip -o link show | sed -E 's/ (qlen|state|mode|group) [^ ]+//g; s/^[0-9]+: //'
	echo "# addresses"
	ip -o address show | sed -E 's/^[0-9]+: //; s/(valid|preferred)_lft [^ ]+//g'
	echo "# routes and rules"
	ip route show table all | sort
	ip -6 route show table all | sed -E 's/expires [^ ]+//' | sort
	ip rule show
	echo "# qdiscs and filters"
	tc qdisc show | sort
	local link
	for link in $(ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).*/\1/'); do
		tc filter show dev "$link" ingress 2>/dev/null
		tc filter show dev "$link" egress 2>/dev/null
	done
	echo "# nftables"
	nft list ruleset 2>/dev/null
	echo "# iptables"
	# The legacy tools print what nft above does not know; -c is not asked for.
	iptables-legacy-save 2>/dev/null | grep -v '^#' | sed -E 's/\[[0-9:]+\]//'
	ip6tables-legacy-save 2>/dev/null | grep -v '^#' | sed -E 's/\[[0-9:]+\]//'
	echo "# sets"
	ipset save 2>/dev/null | sed -E 's/ (packets|bytes) [0-9]+//g'
	echo "# queues"
	sed -E 's/^ *([0-9]+).*/queue \1/' /proc/net/netfilter/nfnetlink_queue 2>/dev/null
	echo "# cgroups"
	# In a v1 tree, which all tests of a machine share, what is below another test's group
	# is that one's.
	find /sys/fs/cgroup -maxdepth 4 -type d \( -name 'storm-*' -o -name 'stormdrill-test-*' \
		-o -name 'stormdrill-contract-*' \) -prune -o -type d -name 'stormdrill*' -print 2>/dev/null
	echo "# processes"
	pgrep -l '^stormd|tables' | sed 's/^[0-9]* //' | sort
	echo "# obligations"
	find "$T/host" -path '*/undo/*' -o -path '*/shared/*' -type f 2>/dev/null | sort
	return 0
}
same() { # same BEFORE AFTER WHAT
	diff -u "$1" "$2" >"$T/diff" || {
		cat "$T/diff" >&2
		fail "residue after $3"
	}
}
storm_gone() { # no agent process is left in our pid namespace
	! pgrep '^stormd' >/dev/null
}
