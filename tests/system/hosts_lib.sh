# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced after lib.sh by whatever drills many hosts at once.  Each host is a world of its
# own inside the sandbox: pid, mount, network, host name and cgroup namespaces, a directory
# $T/NAME with everything that is its own, an address on a bridge, and an agent that listens
# there.  We are the controller: one more address on that bridge.
#
#	stage; add_host h1; add_host h2; start_agent h1; start_agent h2
#
# Nothing here outlives the sandbox: with its first process every host ends.

PORT=7433
OURS=10.77.0.254
STAGE_LIB=${BASH_SOURCE[0]}
HOSTS=()
TREE= # where the cgroup v2 tree is
declare -A NUMBER INIT AGENT

# The bridge stands in a namespace of its own: a switch that no host can touch.
stage() {
	TREE=$(cgroup_tree)
	ip netns add wire
	ip -n wire link add bridge type bridge stp_state 0
	ip -n wire link set bridge addrgenmode none up
	ip link add wire0 type veth peer name us netns wire
	ip address add $OURS/24 dev wire0
	ip address add fd77::254/64 dev wire0 nodad
	ip link set wire0 addrgenmode none up
	ip -n wire link set us master bridge addrgenmode none up
	cat >"$T/policy" <<-P
		allow net.partition net.delay cpu.load disk.fill process.kill
		irreversible process.kill
	P
	chmod 644 "$T/policy"
}

address() { echo "10.77.0.${NUMBER[$1]}"; }
address6() { echo "fd77::${NUMBER[$1]}"; }

# add_host NAME [UNSHARE-OPTION…]
add_host() {
	local name=$1 keeper
	shift
	HOSTS+=("$name")
	NUMBER[$name]=${#HOSTS[@]}
	mkdir -p "$T/$name"/{host,state}
	[ -z "$TREE" ] || mkdir "$TREE/$name"
	(
		[ -z "$TREE" ] || echo "$BASHPID" >"$TREE/$name/cgroup.procs"
		exec unshare --mount --net --uts --ipc --cgroup --pid --fork --kill-child \
			--mount-proc "$@" bash "$STAGE_LIB" "$name" "$TREE"
	) >"$T/$name/init.log" 2>&1 &
	keeper=$!
	disown
	wait_for 60 test -e "$T/$name/is-up" || fail "$name did not start"
	INIT[$name]=$(pgrep -P $keeper)
	ip link add "p-$name" netns wire type veth peer name eth0 netns "${INIT[$name]}"
	ip -n wire link set "p-$name" master bridge addrgenmode none up
	on "$name" bash -c "ip address add $(address "$name")/24 dev eth0
		ip address add $(address6 "$name")/64 dev eth0 nodad
		ip link set eth0 addrgenmode none up"
}

# The first process of a host: adopts what is orphaned there, and reaps it.
host_main() {
	hostname "$1"
	mount --make-rprivate /
	[ -z "$2" ] || { umount "$2" && mount -t cgroup2 cgroup2 "$2"; } || exit 1
	ip link set lo up
	: >"$T/$1/is-up"
	while :; do
		sleep 1000 &
		wait $!
	done
}

# on NAME COMMAND…: there.  Never in the background; that is on_exec's.
on() { (on_exec "$@"); }
on_exec() {
	local name=$1
	shift
	[ -z "$TREE" ] || echo "$BASHPID" >"$TREE/$name/cgroup.procs"
	exec nsenter --all --target "${INIT[$name]}" env \
		XTABLES_LOCKFILE="$T/$name/xtables.lock" "$@"
}

# start_agent NAME [OPTION…]: with its pki directory, if it has one, on its address.
start_agent() {
	local name=$1 listen=()
	shift
	[ ! -d "$T/$name/pki" ] ||
		listen=(--listen "$(address "$name"):$PORT" --pki "$T/$name/pki")
	on_exec "$name" "$BIN/stormd" --host-dir "$T/$name/host" --run-dir "$T/$name/host/test" \
		--state-dir "$T/$name/state" --policy "$T/policy" "${listen[@]}" "$@" \
		>>"$T/$name/agent.log" 2>&1 &
	local keeper=$!
	disown
	AGENT[$name]=
	wait_for 60 agent_answers "$name" || {
		cat "$T/$name/agent.log" >&2
		fail "the agent of $name does not answer"
	}
	AGENT[$name]=$(pgrep -P $keeper)
}
api() { # api NAME PATH [CURL-OPTION…]
	local name=$1 path=$2
	shift 2
	curl -sf --max-time 5 --unix-socket "$T/$name/host/test/api.sock" "$@" \
		"http://agent/v1/$path"
}
agent_answers() { api "$1" status; }
agent_is_gone() { [ -z "$(processes "$1")" ]; }
# stop_agent NAME [SIGNAL], and wait until none of its processes is left.
stop_agent() {
	kill "-${2:-TERM}" "${AGENT[$1]}"
	wait_for 60 agent_is_gone "$1" || fail "left running on $1: $(processes "$1")"
}
# An agent that died may start again as it would under systemd.
restart_agent() {
	wait_for 60 agent_is_gone "$1" || fail "left running on $1: $(processes "$1")"
	start_agent "$1"
}
# Programs of ours that run on a host: pid and name, a line each; with NAME only those.
processes() {
	local only=${2:-^(stormd|.*tables)}
	pgrep --ns "${INIT[$1]}" --nslist pid -l "$only"
}
process_of() { processes "$1" "^$2" | awk 'NR == 1 { print $1 }'; }

# The cable of a host, as somebody else would pull it: nothing of ours notices directly.
unplug() { ip -n wire link set "p-$1" down; }
plug() { ip -n wire link set "p-$1" up; }

# What the agents still owe, on all hosts or on these.
obligations() {
	local name
	for name in "${@:-${HOSTS[@]}}"; do
		find "$T/$name/host" \( -path '*/undo/*' -o -path '*/shared/*' \) -type f
	done
}
owes_nothing() { [ -z "$(obligations "$@")" ]; }
owes() { [ -n "$(obligations "$@")" ]; }

# Everything a fault could leave behind on each host, and on the controller.
snapshot_all() {
	local name
	echo "=== the controller"
	snapshot
	for name in "${HOSTS[@]}"; do
		echo "=== $name"
		on "$name" env T="$T/$name" BIN="$BIN" bash -c ". '$HERE/tests/system/lib.sh'; snapshot"
	done
}

# A web server on a host, which says whose it is; CONF instead goes into `http`.
web() {
	local name=$1 hello="server { listen 80; listen [::]:80;
		location / { return 200 \"hello from $1\\n\"; } }"
	nginx_conf "$name/web" "${2:-$hello}"
	on_exec "$name" nginx -p "$T/$name/web" -c "$T/$name/web/nginx.conf" \
		>"$T/$name/web.log" 2>&1 &
	disown
	wait_for 60 on "$name" curl -so /dev/null --max-time 1 http://localhost/ ||
		fail "no web server on $name"
}

[ "${BASH_SOURCE[0]}" != "$0" ] || host_main "$@"
