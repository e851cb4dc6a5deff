#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The kill matrix: {stormctl, stormd, front, guardian, holder, the program a holder runs} ×
# {KILL; STOP for stormd and holder} × every fault.  Whatever dies in the middle of a drill,
# the namespace ends exactly as it was, every process of ours is gone, and stormctl, where it
# lives, says how it ended.
#
# On a machine that stalls a victim may be gone before it is met, and the agent may have
# given up on a controller that did not get to run: then the one case is tried again.
#
# usage: matrix.sh            all faults, side by side
#        matrix.sh FAULT      one of them
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
FAULTS="process.kill net.partition net.partition+nftables net.delay net.dns net.ports cpu.load disk.fill disk.freeze disk.readonly disk.inodes disk.throttle disk.load memory.fill process.pause process.pause+freezer host.fds host.pids"

if [ $# -eq 0 ]; then
	need_root
	logs=$(mktemp -d)
	trap 'rm -rf "$logs"' EXIT
	for fault in $FAULTS; do
		bash "$0" "$fault" >"$logs/$fault" 2>&1 &
		echo $! >"$logs/$fault.pid"
	done
	bad=0
	for fault in $FAULTS; do
		rc=0
		wait "$(cat "$logs/$fault.pid")" || rc=$?
		cat "$logs/$fault"
		[ $rc -eq 0 ] || bad=1
	done
	exit $bad
fi
FAULT=$1
sandbox "$0" "$@"

arguments() {
	case $FAULT in
	process.kill) echo '{name: sleep, count: 1}' ;;
	net.partition) echo '{to: [10.1.1.0/24, "fd10:1:1::/64"]}' ;;
	net.partition+nftables)
		echo '{to: [10.1.1.0/24, "fd10:1:1::/64"], engine: nftables}'
		;;
	net.delay) echo '{delay: 50ms, to: [10.1.1.0/24, "fd10:1:1::/64"], direction: both}' ;;
	net.dns) echo '{mode: delay, delay: 1s}' ;;
	net.ports) echo '{mode: exhaust, leave: 100}' ;;
	cpu.load) echo '{percent: 30%, cpus: "0", mode: add}' ;;
	disk.fill) echo "{path: $T/disk, size: 16MiB}" ;;
	disk.inodes) echo "{path: $T/disk, count: 500}" ;;
	disk.throttle) echo "{path: $T/disk, cgroup: /$GROUP, write_rate: 1MiB}" ;;
	disk.load) echo "{path: $T/disk, operation: write, size: 4MiB, rate: 1MiB, direct: false}" ;;
	host.fds) echo '{leave: 0, cmdline: "sleep 600"}' ;;
	host.pids) echo "{leave: 0, cgroup: /$GROUP}" ;;
	memory.fill) echo '{size: 64MiB}' ;;
	process.pause) echo '{cmdline: "sleep 600"}' ;;
	process.pause+freezer) echo "{cgroup: /$GROUP, how: freezer}" ;;
	disk.freeze | disk.readonly) echo "{path: $T/disk}" ;;
	esac
}
# Long where the victim's end is the drill's; where somebody waits for the time to pass (a
# drill without its guardian goes on, a stopped holder is missed when it is to act) short.
timing() { # timing VICTIM SIGNAL
	case $FAULT:$1:$2 in
	process.kill:guardian:* | process.kill:holder:STOP) echo 'at: 5s' ;;
	process.kill:*) echo 'at: 50s' ;;
	*:guardian:*) echo 'for: 5s' ;;
	*) echo 'for: 50s' ;;
	esac
}

host b1 10.1.1.2
truncate -s 64M "$T/disk.img"
mkfs.ext4 -q -F "$T/disk.img"
mkdir "$T/disk"
mount -o loop "$T/disk.img" "$T/disk"
[ "$(stat -c %d "$T/disk")" != "$(stat -c %d /)" ] || fail "the test disk is the machine's"
ping -q -i 0.05 10.1.1.2 >"$T/ping.out" 2>&1 &
TRAFFIC=$!
# A query for www.example.com ten times a second, to where nobody answers.
while sleep 0.1; do
	printf '\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1' >/dev/udp/10.1.1.2/53
done 2>/dev/null &
QUERIES=$!
limit_of() { awk '/^Max open files/ {print $4}' "/proc/$1/limits"; }
sleeps() { ps -o stat= -p "$1" | grep -q '^S'; }
# A group of ours in the tree whose controller the fault needs; what it may have of disks and
# processes is part of the world.
group_in() { # group_in CONTROLLER
	local tree
	for tree in "/sys/fs/cgroup/$1" "$(cgroup_tree)"; do
		if [ "$tree" = "$(cgroup_tree)" ] && [ "$1" != freezer ]; then
			echo "+$1" >"$tree/cgroup.subtree_control" 2>/dev/null || continue
		elif [ "$1" = freezer ] && [ "$tree" != "$(cgroup_tree)" ]; then
			continue
		fi
		GROUP_DIR=$tree/$GROUP
		mkdir "$GROUP_DIR" 2>/dev/null && return
	done
	skip "no cgroup tree here has the controller $1"
}
GROUP=storm-matrix-$BASHPID-$RANDOM
GROUP_DIR=
trap '[ -z "$GROUP_DIR" ] || rmdir "$GROUP_DIR"' EXIT
case $FAULT in
*+freezer) group_in freezer ;;
disk.throttle) [ -d /sys/fs/cgroup/blkio ] && group_in blkio || group_in io ;;
host.pids) group_in pids ;;
esac
write_drill() { # write_drill VICTIM SIGNAL
	cat >"$T/drill.yaml" <<Y
version: 1
name: matrix
faults:
  - ${FAULT%+*}: $(arguments)
    id: f
    $(timing "$@")
Y
}

state() { # the fault's state as the agent tells it, or nothing
	curl -s --max-time 1 --unix-socket "$T/host/test/api.sock" http://agent/v1/status |
		jq -r '.. | objects | .state? // empty' 2>/dev/null | head -n 1
}
child_of() { # child_of COMM: the one that stormd started itself
	local stormd
	stormd=$(pgrep -x stormd | head -n 1)
	[ -z "$stormd" ] || pgrep -x "$1" -P "$stormd" | head -n 1
}
pid_of() {
	case $1 in
	stormctl) echo "$CTL" ;;
	stormd) pgrep -x stormd | head -n 1 ;;
	front) child_of stormd-front ;;
	guardian) pgrep -x stormd-guardian | head -n 1 ;;
	holder) child_of stormd-fault ;;
	tool) pgrep -x 'iptables-restor|ip6tables-resto' | head -n 1 ;;
	esac
}
free_blocks() { stat -f -c %f "$T/disk"; }
# Where a change would hang, who tries it hangs too, and cannot be killed.
takes_changes() {
	(! LC_ALL=C rmdir "$T/disk/none" 2>&1 | grep -q Read-only) &
	wait_for 20 not_running $! && wait $!
}
world() {
	snapshot
	takes_changes || echo "# disk: stands still, or is read-only"
	[ -z "$GROUP_DIR" ] || find "$GROUP_DIR" -mindepth 1 -type d
	[ -z "$GROUP_DIR" ] || (cd "$GROUP_DIR" && grep -s . io.max pids.max blkio.throttle.*_device)
	echo "# disk: $(stat -f -c %d "$T/disk") inodes free"
	echo "# disk: $(free_blocks) blocks free; $(find "$T/disk" -mindepth 1 | sort | tr '\n' ' ')"
}

not_running() { ! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= -p "$1" | cut -c1)" = Z ]; }
reached() { # reached MOMENT: or it never will be
	if [ "$1" = running ]; then
		[ -n "$(pid_of tool)" ]
	else
		[ "$(state)" = "$1" ]
	fi || not_running "$CTL"
}
# strike VICTIM SIGNAL MOMENT: false when it was not met
strike() {
	local pid
	wait_for 60 reached "$3" || fail "$what: never $3"
	pid=$(pid_of "$1")
	rm -f "$T/slow"
	[ -n "$pid" ] && ! not_running "$CTL" && kill "-$2" "$pid"
}
# one VICTIM SIGNAL MOMENT ALLOWED-EXITS
one() {
	local i what="$FAULT: $2 $1 while $3"
	for ((i = 0; i < ATTEMPTS; i++)); do
		try_one "$@" && return
	done
	fail "$what: the victim was not met, or the machine too busy, $ATTEMPTS times"
}
try_one() {
	local victim=$1 signal=$2 moment=$3 allowed=$4 rc=0 met=1 sleeper
	write_drill "$victim" "$signal"
	touch "$T/slow"
	rm -rf "$T/out.$victim.$signal.$moment"
	sleep 600 &
	sleeper=$!
	case $FAULT in
	*+freezer) echo $sleeper >"$GROUP_DIR/cgroup.procs" ;;
	esac
	world >"$T/before"
	"$BIN/stormctl" run "$T/drill.yaml" --out "$T/out.$victim.$signal.$moment" \
		"${DIRS[@]}" --embedded >"$T/ctl.log" 2>&1 &
	CTL=$!
	strike "$victim" "$signal" "$moment" || met=0
	wait_for 120 not_running "$CTL" || fail "$what: stormctl hangs"
	wait "$CTL" || rc=$?
	wait_for 60 storm_gone || fail "$what: left running: $(pgrep -l stormd | tr '\n' ' ')"
	case $FAULT in
	host.fds) [ "$(limit_of "$sleeper")" = "$(limit_of $$)" ] ||
		fail "$what: its process has a limit of $(limit_of "$sleeper")" ;;
	process.pause*) sleeps "$sleeper" || fail "$what: its process is still stopped" ;;
	esac
	kill "$sleeper" 2>/dev/null
	wait "$sleeper" 2>/dev/null
	world >"$T/after"
	same "$T/before" "$T/after" "$what"
	kill -0 $TRAFFIC || fail "$what: the traffic stopped"
	ping -q -c 1 -W 20 10.1.1.2 >/dev/null || fail "$what: the network is still cut"
	[ $met -eq 1 ] || return 1
	case " $allowed " in
	*" $rc "*) ;;
	*)
		was_starved "$T/ctl.log" && return 1
		fail "$what: stormctl exited $rc, one of '$allowed' was expected"
		;;
	esac
	echo "ok: $what (exit $rc)"
}

moment=active
[ "$FAULT" != process.kill ] || moment=staged
one stormctl KILL $moment 137
one stormd KILL $moment 30
one front KILL $moment "30 6 8"
one guardian KILL $moment 0
one holder KILL $moment "6 30"
one stormd STOP $moment 30
one holder STOP $moment 6

case $FAULT in
net.ports) ;; # it runs no program but keepers, who end with it
*+nftables) ;; # nor does this
net.*)
	# A slow iptables-restore, in our private mount namespace only, and until the victim
	# is struck: the many runs of an undo are as fast as ever.
	real=$(readlink -f "$(command -v iptables-restore)")
	cp "$real" "$T/real-tool"
	"${CC:-cc}" -O1 -DDELAY_MS=1500 -DWHILE="\"$T/slow\"" -DREAL="\"$T/real-tool\"" -o "$T/slow-tool" \
		"$HERE/tests/system/tools/slow_tool.c" || skip "no compiler for the slow tool"
	mount --bind "$T/slow-tool" "$real"
	for victim in tool holder stormd stormctl; do
		case $victim in
		tool | holder) allowed=9 ;;
		stormd) allowed="9 30" ;;
		stormctl) allowed=137 ;;
		esac
		one $victim KILL running "$allowed"
	done
	umount "$real"
	;;
esac
kill $TRAFFIC $QUERIES
umount "$T/disk"
exit 0
