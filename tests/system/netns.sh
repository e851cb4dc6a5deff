#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Network faults in the network of a process, or of a container that a real runc runs: they
# act there and nowhere else, whoever dies undoes them there, and they end with the process
# whose network it was, which is then free to go.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
CTL="$BIN/stormctl"
AT=(--host-dir "$T/host" --run-dir "$T/host/test")
ok() { echo "ok: $*"; }

# --- the stage: us, a neighbour, and a process with a network of its own ---------------------
# nobody NAME NUMBER: the process $NAME, at 10.7.NUMBER.2 behind a pair v-NAME
nobody() {
	unshare --net sleep 3600 &
	eval "$1=$!"
	wait_for 60 is_apart $! || fail "no namespace for $1"
	join $! "v-$1" "10.7.$2"
}
is_apart() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
join() { # join PID LINK NET: a pair between its network and ours
	ip link add "$2" type veth peer name eth0 netns "$1"
	ip address add "$3.1/24" dev "$2"
	ip link set "$2" addrgenmode none up
	nsenter --net --target "$1" ip link set lo up
	nsenter --net --target "$1" ip address add "$3.2/24" dev eth0
	nsenter --net --target "$1" ip link set eth0 addrgenmode none up
	wait_for 60 ping -q -c 1 -W 1 "$3.2" || fail "$3.2 cannot be reached"
}
no_records() { [ -z "$(ls "$T/host/test/undo")" ]; }
is_gone() { ! ip link show "$1" >/dev/null 2>&1; } # with its namespace goes our end of a pair
inside() { nsenter --net --target "$1" "${@:2}"; }
state_of() { # state_of PID: everything a fault could leave there
	# shellcheck disable=SC2016
	inside "$1" bash -c '. "$0"; snapshot' "$HERE/tests/system/lib.sh" 2>/dev/null
}
snap() { # snap FILE PID…
	local file=$1 pid
	shift
	{
		snapshot
		for pid; do state_of "$pid"; done
	} | grep -vE '^stormd(-front|-guardian)?$' >"$file" # no holder is left, agents may be
}

host near 10.1.1.2
far='' further=''
nobody far 1
ping -q -c 1 -W 5 10.1.1.2 >/dev/null || fail "the test network does not work"

cat >"$T/policy" <<'P'
allow net.delay net.partition
network-of pid container
P
chmod 644 "$T/policy"
# The guardian and holders are adopted by us: pid 1 of the sandbox.
start() {
	"$BIN/stormd" "${DIRS[@]}" --policy "$T/policy" >>"$T/stormd.log" 2>&1 &
	STORMD=$!
	wait_for 60 api status || fail "stormd does not answer"
}
api() { curl -sf --max-time 5 --unix-socket "$T/host/test/api.sock" "http://agent/v1/$1"; }
stop() {
	kill "$STORMD"
	wait "$STORMD"
	wait_for 60 storm_gone || fail "an agent process is still there"
}
in_state() { api status | jq -e --arg s "$1" '[.. | objects | .state?] | index($s)' >/dev/null; }
active_or_over() { in_state active || ! kill -0 $ctl; }
# drill FAULT: on its way, its pid in $ctl, in force and confirmed
drill() {
	local i
	one_fault "$1" "${2:-60s}" >"$T/drill.yaml"
	for ((i = 0; i < ATTEMPTS; i++)); do
		"$CTL" run "$T/drill.yaml" "${AT[@]}" --out "$T/out.$RANDOM$RANDOM" >"$T/drill.log" 2>&1 &
		ctl=$!
		wait_for 60 active_or_over || fail "never active"
		sleep 1.5 # longer than an unconfirmed one has
		kill -0 $ctl 2>/dev/null && return
		was_starved "$T/drill.log" || break
	done
	fail "never active: $(cat "$T/drill.log")"
}
finish() { # finish EXIT WHAT: the drill in $ctl ends like this
	local rc=0
	wait "$ctl" || rc=$?
	[ $rc -eq "$1" ] || fail "$2: exit $rc, expected $1: $(cat "$T/drill.log")"
}
refused() { # refused WHAT WORDS KIND PARAMETER…
	local what=$1 words=$2 rc=0
	shift 2
	"$CTL" inject "$@" --for 5s "${AT[@]}" --out "$T/out.$RANDOM$RANDOM" >"$T/ctl.log" 2>&1 || rc=$?
	[ $rc -eq "${EXIT:-9}" ] || fail "$what: exit $rc: $(cat "$T/ctl.log")"
	grep -qE "$words" "$T/ctl.log" || fail "$what: did not say '$words': $(cat "$T/ctl.log")"
	ok "$what is refused"
}
# Milliseconds to an address, whole; nothing when there is no answer.
rtt() { ping -n -c 1 -W 2 "$1" | sed -n -E 's/.* time=([0-9]+)(\.[0-9]+)? ms/\1/p'; }
slow() { local t; t=$(rtt "$1"); [ -n "$t" ] && [ "$t" -ge 150 ]; }
quick() { local t; t=$(rtt "$1"); [ -n "$t" ] && [ "$t" -lt 150 ]; }
is_cut() { [ -z "$(rtt "$1")" ]; }

# --- a process --------------------------------------------------------------------------------
start
snap "$T/before" "$far"
drill "net.delay: {delay: 150ms, to: any, pid: $far}"
wait_for 60 slow 10.7.1.2 || fail "no delay in the process's network: $(rtt 10.7.1.2) ms"
wait_for 60 quick 10.1.1.2 || fail "a delay in ours"
"$CTL" status "${AT[@]}" >"$T/status"
grep -q "in the network of pid $far" "$T/status" || fail "status: $(cat "$T/status")"
"$BIN/stormd-undo" --doctor "${AT[@]}" >"$T/doctor"
grep -qE "in force: fault .*, in network namespace [0-9]+, held" "$T/doctor" ||
	fail "doctor: $(cat "$T/doctor")"
kill -INT $ctl
finish 8 "a delay in a process's network"
wait_for 60 quick 10.7.1.2 || fail "still delayed"
snap "$T/after" "$far"
same "$T/before" "$T/after" "a delay by pid"
ok "delay by pid: there, not here, and gone"

"$CTL" plan "$T/drill.yaml" "${AT[@]}" >"$T/plan" 2>&1
grep -q "in the network of pid $far (namespace [0-9]*)" "$T/plan" || fail "plan: $(cat "$T/plan")"
ok "plan names the network"

drill "net.partition: {to: 10.7.1.1, pid: $far}"
wait_for 60 is_cut 10.7.1.2 || fail "not cut"
kill -9 "$STORMD"
{ wait "$STORMD"; } 2>/dev/null
wait_for 60 quick 10.7.1.2 || fail "the guardian left the cut in the process's network"
kill -9 $ctl
{ wait $ctl; } 2>/dev/null
wait_for 60 storm_gone || fail "an agent process is still there"
snap "$T/after" "$far"
same "$T/before" "$T/after" "stormd killed"
ok "stormd killed: its guardian undoes in that network"

start
drill "net.partition: {to: 10.7.1.1, pid: $far}"
wait_for 60 is_cut 10.7.1.2 || fail "not cut"
kill -9 "$(api status | jq '[.. | .holder_pid? // empty] | max')"
finish 6 "holder killed"
wait_for 60 quick 10.7.1.2 || fail "the cut is left"
snap "$T/after" "$far"
same "$T/before" "$T/after" "a holder killed"
ok "holder killed: undone by record in that network"

# A controller that freezes before the fault is in force: its lease would last, but nothing
# says that it still reaches us.
printf 'version: 1\nname: frozen\nlease: 30s\nfaults: [{%s, at: 3s, for: 60s}]\n' \
	"net.partition: {to: any, pid: $far}" >"$T/drill.yaml"
unconfirmed() { grep -q "undo: drill 'frozen' .* cause unconfirmed" "$T/stormd.log"; }
frozen() {
	"$CTL" run "$T/drill.yaml" "${AT[@]}" --out "$T/out.$RANDOM$RANDOM" >"$T/drill.log" 2>&1 &
	ctl=$!
	wait_for 60 grep -q fired "$T/drill.log" || fail "never fired: $(cat "$T/drill.log")"
	kill -STOP $ctl
	! in_state active
}
for ((i = 0; i < ATTEMPTS; i++)); do # the machine may be so slow that it is in force by now
	frozen && break
	kill -KILL $ctl
	{ wait $ctl; } 2>/dev/null
	"$CTL" halt "${AT[@]}" >/dev/null 2>&1 && "$CTL" resume "${AT[@]}" >/dev/null 2>&1
done
wait_for 60 unconfirmed || fail "a network fault that nobody confirmed"
wait_for 60 quick 10.7.1.2 || fail "the cut is left"
kill -KILL $ctl
{ wait $ctl; } 2>/dev/null
wait_for 60 no_records || fail "a record is left"
ok "a fault in another network must be confirmed, too"

# the same fault in two networks is two faults
nobody further 2
drill "net.partition: {to: any, pid: $far}"
first=$ctl
drill "net.partition: {to: any, pid: $further}"
is_cut 10.7.1.2 && is_cut 10.7.2.2 || fail "not both are cut"
second=$ctl
drill "net.delay: {delay: 50ms, to: any, direction: both, pid: $further}"
inside "$further" ip link delete eth0
sleep 0.5 # a few turns of the holders
for ctl in "$ctl" "$second"; do
	kill -0 "$ctl" || fail "a drill ended with the interface: $(cat "$T/drill.log")"
	kill -INT "$ctl"
	finish 8 "an interface that vanished"
done
ok "interface gone in the middle: undone"
kill "$far"
ctl=$first
finish 6 "the process has ended"
ended='the process whose network it was has ended'
grep -rq "$ended" "$T"/out.*/events.ndjson || fail "did not say that $ended"
wait_for 60 is_gone v-far || fail "the namespace of a process that has ended is still alive"
no_records || fail "a record is left"
ok "process ended: the fault is lost and undone, its network free"

drill "net.partition: {to: 10.1.1.2, pid: $$}"
wait_for 60 is_cut 10.1.1.2 || fail "not cut"
"$CTL" status "${AT[@]}" | grep -q "pid $$, which is the agent's own" || fail "does not say whose it is"
kill -INT $ctl
finish 8 "our own network"
wait_for 60 quick 10.1.1.2 || fail "the cut is left"
ok "a process in the agent's own network"

refused "a pid that nobody has" "there is no process 4194000 here" \
	net.delay delay=1ms to=any pid=4194000
EXIT=2 refused "pid and container at once" "one of them" \
	net.delay delay=1ms to=any pid=1 container=web
EXIT=2 refused "what is no id" "cannot be the id" net.delay delay=1ms to=any container=a/b
refused "a container that nobody has" "no container 'web' runs here" \
	net.delay delay=1ms to=any container=web

# --- what policy says -------------------------------------------------------------------------
echo 'allow net.delay net.partition' >"$T/policy"
stop
start
refused "a process's network without a rule" "must say 'network-of pid'" \
	net.delay delay=1ms to=any "pid=$further"
refused "a container's network without a rule" "must say 'network-of container'" \
	net.delay delay=1ms to=any container=0123456789ab
# shellcheck disable=SC2046
grep -q CapBnd "/proc/$STORMD/status" || fail "no capabilities to be seen"
holds_sys_admin() { (((0x$(sed -n 's/^CapBnd:\t//p' "/proc/$STORMD/status") >> 21) & 1)); }
! holds_sys_admin || [ ! -w /sys/fs/cgroup/unified/cgroup.procs ] ||
	fail "stormd keeps CAP_SYS_ADMIN for nothing"
printf 'allow net.delay net.partition\nnetwork-of container\n' >"$T/policy"
stop
start
holds_sys_admin || fail "stormd gave up what its holders need"

# --- a container ------------------------------------------------------------------------------
no_containers() {
	stop
	echo "skip: the container part: $*"
	exit 77
}
command -v runc >/dev/null || no_containers "runc is not installed (packaging/deps.sh test)"
id=$(echo "$T" | sha256sum | cut -c 1-64)
other=${id:0:20}$(echo "$T/other" | sha256sum | cut -c 1-44) # told apart after 20 digits
runc() { command runc --root "$T/runc" "$@"; }
box() { # box ID: a container with a network of its own and nothing in it
	mkdir -p "$T/box/rootfs/bin"
	[ -x "$T/box/rootfs/bin/busybox" ] ||
		cp "$(command -v busybox)" "$T/box/rootfs/bin/busybox"
	(cd "$T/box" && rm -f config.json && command runc spec) || return 1
	jq '.process.terminal = false | .process.args = ["/bin/busybox", "sleep", "3600"]' \
		"$T/box/config.json" >"$T/box/new" && mv "$T/box/new" "$T/box/config.json"
	timeout 60 runc --root "$T/runc" run --detach --bundle "$T/box" "$1" \
		</dev/null >"$T/runc.log" 2>&1
}
pid_of() { runc state "$1" | jq .pid; }
unbox() { # unbox ID: and what is left of its cgroups, whatever happens
	runc delete --force "$1" >/dev/null 2>&1
	find /sys/fs/cgroup -depth -type d -name "$1" -exec rmdir {} + 2>/dev/null
}
trap 'unbox "$id"; unbox "$other"' EXIT
box "$id" || no_containers "runc cannot start one here: $(tail -n 1 "$T/runc.log")"
box_pid=$(pid_of "$id")
join "$box_pid" v-box 10.7.9

snap "$T/before" "$box_pid"
drill "net.delay: {delay: 150ms, to: any, container: $id}"
wait_for 60 slow 10.7.9.2 || fail "no delay in the container: $(rtt 10.7.9.2) ms"
wait_for 60 quick 10.1.1.2 || fail "a delay in ours"
"$CTL" status "${AT[@]}" >"$T/status"
grep -q "in the network of container ${id:0:12}, pid $box_pid" "$T/status" ||
	fail "status: $(cat "$T/status")"
kill -INT $ctl
finish 8 "a delay in a container"
wait_for 60 quick 10.7.9.2 || fail "still delayed"
snap "$T/after" "$box_pid"
same "$T/before" "$T/after" "a delay by container"
ok "delay by container id"

drill "net.partition: {to: any, container: ${id:0:12}}"
wait_for 60 is_cut 10.7.9.2 || fail "not cut"
box "$other" || fail "no second container: $(cat "$T/runc.log")"
refused "a prefix of two containers" "is more than one container" \
	net.partition to=any protocol=udp "container=${id:0:12}"
unbox "$other"
runc kill "$id" KILL
finish 6 "the container has ended"
wait_for 60 is_gone v-box || fail "the network of a container that has ended is still alive"
no_records || fail "a record is left"
ok "container ended in the middle: the fault is lost and undone, its network free"
stop
exit 0
