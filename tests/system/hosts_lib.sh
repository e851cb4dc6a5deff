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
STAGE_LIB=$HERE/tests/system/hosts_lib.sh
HOSTS=()
DRILLS=0
TREE= # where the cgroup v2 tree is
declare -A NUMBER INIT AGENT KEEPER
# By host, where it is not as usual: tags, what its agent listens on, what the inventory
# says of where that is.
declare -A TAGS LISTEN REACHED
# shellcheck disable=SC2034
CTL=$BIN/stormctl

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
	) >"$T/$name.init.log" 2>&1 &
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
	echo "$1" >/proc/sys/kernel/hostname
	mount --make-rprivate /
	[ -z "$2" ] || { umount "$2" && mount -t cgroup2 cgroup2 "$2"; } || exit 1
	mount -t tmpfs -o size=16m tmpfs /mnt # a disk for faults
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
	[ ! -e "$T/$name/pki" ] ||
		listen=(--listen "${LISTEN[$name]:-$(address "$name"):$PORT}" --pki "$T/$name/pki")
	on_exec "$name" "$BIN/stormd" --host-dir "$T/$name/host" --run-dir "$T/$name/host/test" \
		--state-dir "$T/$name/state" --policy "$T/policy" "${listen[@]}" "$@" \
		>>"$T/$name.agent.log" 2>&1 &
	KEEPER[$name]=$!
	disown
	wait_for 60 agent_answers "$name" || fail "the agent of $name does not answer"
	AGENT[$name]=$(pgrep -P "${KEEPER[$name]}")
}
# signal_agent NAME SIGNAL.  Who started it stops and goes on with it (see nsenter), and must
# go on to bury it.
signal_agent() {
	kill "-$2" "${AGENT[$1]}"
	[ "$2" = STOP ] || kill -CONT "${KEEPER[$1]}" 2>/dev/null
}
api() { # api NAME PATH [CURL-OPTION…]
	local name=$1 path=$2
	shift 2
	curl -sf --max-time 5 --unix-socket "$T/$name/host/test/api.sock" "$@" \
		"http://agent/v1/$path"
}
agent_answers() { api "$1" status >/dev/null; }
agent_is_gone() { [ -z "$(processes "$1")" ]; }
# stop_agent NAME [SIGNAL], and wait until none of its processes is left.
stop_agent() {
	signal_agent "$1" "${2:-TERM}"
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
	local names=("${@:-${HOSTS[@]}}")
	names=("${names[@]/%//host}")
	find "${names[@]/#/$T/}" \( -path '*/undo/*' -o -path '*/shared/*' \) -type f
}
owes_nothing() { [ -z "$(obligations "$@")" ]; }
owes() { [ -n "$(obligations "$@")" ]; }

# Everything a fault could leave behind on a host; on each of them, and on the controller.
snapshot_host() {
	echo "=== $1"
	on "$1" env T="$T/$1" BIN="$BIN" bash -c ". '$HERE/tests/system/lib.sh'; snapshot"
}
snapshot_all() {
	local name
	echo "=== the controller"
	snapshot
	for name in "${HOSTS[@]}"; do snapshot_host "$name"; done
}

# A web server on a host, which says whose it is; CONF instead goes into `http`.
web() {
	local name=$1 hello="server { listen 80; listen [::]:80;
		location / { return 200 \"hello from $1\\n\"; } }"
	nginx_conf "$name/web" "${2:-$hello}"
	on_exec "$name" nginx -p "$T/$name/web" -c "$T/$name/web/nginx.conf" \
		>"$T/$name.web.log" 2>&1 &
	disown
	wait_for 60 on "$name" curl -so /dev/null --max-time 1 http://localhost/ ||
		fail "no web server on $name"
}

# --- drills ---------------------------------------------------------------------------

# Certificates for these hosts and for us, by the tool itself.
enrol() {
	local name
	[ -d "$T/pki" ] || {
		"$CTL" pki init --dir "$T/pki" || fail "pki init"
		"$CTL" pki operator ops --dir "$T/pki" || fail "pki operator"
	} >"$T/pki.log" 2>&1
	for name in "${@:-${HOSTS[@]}}"; do
		"$CTL" pki host "$name" --dir "$T/pki" >>"$T/pki.log" 2>&1 || fail "pki host $name"
		ln -s "$T/pki/hosts/$name" "$T/$name/pki"
	done
	export STORMDRILL_PKI=$T/pki/operators/ops
}
# The inventory of these hosts, each with its TAGS; ours from now on.
take_inventory() {
	local name
	{
		printf 'version: 1\ndefaults: {port: %s}\nhosts:\n' $PORT
		for name in "${@:-${HOSTS[@]}}"; do
			printf '  %s: {%s, tags: {%s}}\n' "$name" \
				"${REACHED[$name]:-address: $(address "$name")}" "${TAGS[$name]:-}"
		done
	} >"$T/inventory.yaml"
	export STORMDRILL_INVENTORY=$T/inventory.yaml
}
# drill NAME [OPTION…] <BODY: stormctl runs in the background.
drill() {
	DRILL=$1
	shift
	DRILLS=$((DRILLS + 1))
	{ printf 'version: 1\nname: %s\n' "$DRILL-$DRILLS"; cat; } >"$T/$DRILL.yaml"
	rm -rf "$T/out.$DRILL"
	"$CTL" run "$T/$DRILL.yaml" --out "$T/out.$DRILL" "$@" >"$T/$DRILL.log" 2>&1 &
	RUN=$!
}
is_over() { ! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= -p "$1" | cut -c1)" = Z ]; }
# The machine was too busy for this drill to show anything, in the tool's own words.
was_too_busy() {
	was_starved "$T/$DRILL.log" ||
		grep -qE 'no connection within|was not heard of for' "$T/$DRILL.log"
}
# ends EXIT… WHAT: how the drill must end.  False when the machine was too busy for that.
ends() {
	local rc=0 what=${*: -1} allowed=" ${*:1:$#-1} "
	wait_for 120 is_over $RUN || fail "$what: stormctl hangs"
	wait $RUN || rc=$?
	if [[ $allowed == *" $rc "* ]]; then
		echo "ok: $what (exit $rc)"
	else
		was_too_busy || fail "$what: exit $rc, expected$allowed"
		return 1
	fi
}
# reached WHAT COMMAND…: until it succeeds or the drill is over; false when the machine was
# too busy.
reached() {
	local what=$1
	shift
	wait_for 60 over_or "$@" || fail "$DRILL: never $what"
	"$@" && return
	is_over $RUN && was_too_busy || fail "$DRILL: over, and never $what"
	return 1
}
over_or() { "$@" || is_over $RUN; }
active() { reached "active on all of: $*" in_state active "$@"; }
# again CASE: a function that drills; once more when it says that the machine was too busy.
# After it every host is as it was before.
again() {
	local i rc
	for ((i = 0; i < ATTEMPTS; i++)); do
		rc=0
		"$@" || rc=1
		is_over $RUN || kill -INT $RUN
		wait $RUN 2>/dev/null
		mend
		wait_for 60 owes_nothing || fail "$*: still owed: $(obligations)"
		snapshot_all >"$T/after"
		same "$T/before" "$T/after" "$*"
		[ $rc -ne 0 ] || return 0
		echo "note: the machine was too busy for $*, once more"
	done
	fail "$*: the machine was too busy, $ATTEMPTS times"
}
# Everybody is there again, as after somebody has been called.
mend() {
	local name
	for name in "${HOSTS[@]}"; do
		plug "$name" 2>/dev/null # unless it has another
		[ ! -e "/proc/${AGENT[$name]}" ] || signal_agent "$name" CONT
		agent_answers "$name" || restart_agent "$name"
	done
}
events() { jq -c "$@" "$T/out.$DRILL/events.ndjson"; }
said() { grep -qE "$1" "$T/$DRILL.log" || fail "$DRILL did not say '$1'"; }
# The state of what a host holds, by its own agent: staged, active, …
state() {
	api "$1" status | grep -oE '"state": ?"[a-z]+"' | cut -d'"' -f4 | grep -v gone | tail -n 1
}
in_state() { # in_state STATE HOST…: all of them
	local want=$1 name
	shift
	for name in "$@"; do
		[ "$(state "$name")" = "$want" ] || return 1
	done
}
# Why a host undid this drill, in its agent's own words.
undone_because() {
	sed -n -E "s/.*undo: drill '$DRILL-$DRILLS' .* cause ([a-z]+):.*/\1/p" "$T/$1.agent.log" |
		tail -n 1
}
# because CAUSES HOST…: all of them for one of these.  False when the machine was too busy.
because() {
	local want=$1 name
	shift
	for name in "$@"; do
		wait_for 60 has_undone "$name" || fail "$DRILL: $name did not undo"
		[[ " $want " == *" $(undone_because "$name") "* ]] && continue
		was_too_busy || fail "$DRILL: $name undid because of '$(undone_because "$name")', not '$want'"
		return 1
	done
}
has_undone() { [ -n "$(undone_because "$1")" ]; }

[ "${BASH_SOURCE[0]}" != "$0" ] || host_main "$@"
