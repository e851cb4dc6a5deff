#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The kill matrix: {stormctl, stormd, front, guardian, holder, the program a holder runs} ×
# {KILL; STOP for stormd and holder} × every fault.  Whatever dies in the middle of a drill,
# the namespace ends exactly as it was, every process of ours is gone, and stormctl, where it
# lives, says how it ended.
#
# usage: matrix.sh            all faults, side by side
#        matrix.sh FAULT      one of them
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
FAULTS="process.kill net.partition net.delay cpu.load disk.fill"

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
	net.delay) echo '{delay: 50ms, to: [10.1.1.0/24, "fd10:1:1::/64"], direction: both}' ;;
	cpu.load) echo '{percent: 30%, cpus: "0"}' ;;
	disk.fill) echo "{path: $T/disk, size: 16MiB}" ;;
	esac
}
timing() {
	if [ "$FAULT" = process.kill ]; then echo 'at: 2s'; else echo 'for: 3s'; fi
}

host b1 10.1.1.2
truncate -s 64M "$T/disk.img"
mkfs.ext4 -q -F "$T/disk.img"
mkdir "$T/disk"
mount -o loop "$T/disk.img" "$T/disk"
[ "$(stat -c %d "$T/disk")" != "$(stat -c %d /)" ] || fail "the test disk is the machine's"
ping -q -i 0.05 10.1.1.2 >"$T/ping.out" 2>&1 &
TRAFFIC=$!
cat >"$T/drill.yaml" <<Y
version: 1
name: matrix
faults:
  - $FAULT: $(arguments)
    id: f
    $(timing)
Y

state() { # the fault's state as the agent tells it, or nothing
	curl -s --max-time 1 --unix-socket "$T/host/test/api.sock" http://agent/v1/status |
		jq -r '.. | objects | .state? // empty' 2>/dev/null | head -n 1
}
in_state() { [ "$(state)" = "$1" ]; }
child_of() { # child_of COMM: the one that stormd started itself
	pgrep -x "$1" -P "$(pgrep -x stormd | head -n 1)" | head -n 1
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
world() {
	snapshot
	echo "# disk: $(free_blocks) blocks free; $(find "$T/disk" -mindepth 1 | sort | tr '\n' ' ')"
}

# one VICTIM SIGNAL MOMENT ALLOWED-EXITS
one() {
	local victim=$1 signal=$2 moment=$3 allowed=$4 pid rc=0 sleeper
	local what="$FAULT: $signal $victim while $moment"
	sleep 300 &
	sleeper=$!
	world >"$T/before"
	"$BIN/stormctl" run "$T/drill.yaml" --out "$T/out.$victim.$signal.$moment" \
		"${DIRS[@]}" --embedded >"$T/ctl.log" 2>&1 &
	CTL=$!
	if [ "$moment" = running ]; then
		wait_for 10 pid_of_is tool || fail "$what: no tool was seen"
	else
		wait_for 10 in_state "$moment" || fail "$what: never $moment"
	fi
	pid=$(pid_of "$victim")
	[ -n "$pid" ] || fail "$what: no such process"
	kill "-$signal" "$pid" || fail "$what: could not signal $pid"
	wait_for 20 not_running "$CTL" || fail "$what: stormctl hangs"
	wait "$CTL" || rc=$?
	wait_for 15 storm_gone || fail "$what: left running: $(pgrep -l stormd | tr '\n' ' ')"
	case " $allowed " in
	*" $rc "*) ;;
	*) fail "$what: stormctl exited $rc, one of '$allowed' was expected" ;;
	esac
	kill "$sleeper" 2>/dev/null
	wait "$sleeper" 2>/dev/null
	world >"$T/after"
	same "$T/before" "$T/after" "$what"
	kill -0 $TRAFFIC || fail "$what: the traffic stopped"
	ping -q -c 1 -W 2 10.1.1.2 >/dev/null || fail "$what: the network is still cut"
	echo "ok: $what (exit $rc)"
}
pid_of_is() { [ -n "$(pid_of "$1")" ]; }
not_running() { ! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= -p "$1" | cut -c1)" = Z ]; }

moment=active
[ "$FAULT" != process.kill ] || moment=staged
one stormctl KILL $moment 137
one stormd KILL $moment 30
one front KILL $moment "30 6 8"
one guardian KILL $moment 0
one holder KILL $moment "6 30"
one stormd STOP $moment 30
one holder STOP $moment "0 6"

case $FAULT in
net.*)
	# A slow iptables-restore, in our private mount namespace only.
	real=$(readlink -f "$(command -v iptables-restore)")
	cp "$real" "$T/real-tool"
	"${CC:-cc}" -O1 -DDELAY_MS=500 -DREAL="\"$T/real-tool\"" -o "$T/slow-tool" \
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
kill $TRAFFIC
umount "$T/disk"
exit 0
