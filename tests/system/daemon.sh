#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The agent as a daemon: halt and resume, leases, commit-confirm, two drills on one
# resource, policy, who may do what, restart with work left over.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
CTL="$BIN/stormctl"
AT=(--host-dir "$T/host" --run-dir "$T/host/test")
host b1 10.1.1.2
wait_for 60 ping -q -c 1 -W 1 10.1.1.2 || fail "the test network does not work"
chmod 755 "$T" "$T/host"
truncate -s 64M "$T/disk.img"
mkfs.ext4 -q -F "$T/disk.img"
mkdir "$T/disk"
mount -o loop "$T/disk.img" "$T/disk"
ping -q -i 0.02 10.1.1.2 >/dev/null 2>&1 &
snapshot >"$T/before"

cat >"$T/policy" <<'P'
allow net.partition net.delay cpu.load disk.fill process.kill
irreversible process.kill
limit net.delay delay 200ms
max-duration 1m
max-faults 4
protect process precious
protect port 6443
P
chmod 644 "$T/policy"

start() {
	"$BIN/stormd" "${DIRS[@]}" --policy "$T/policy" >>"$T/stormd.log" 2>&1 &
	STORMD=$!
	wait_for 60 api status || fail "stormd does not answer"
}
api() { curl -sf --max-time 5 --unix-socket "$T/host/test/api.sock" "http://agent/v1/$1"; }
state() { api status | jq -r '.. | objects | .state? // empty' | grep -v gone | tail -n 1; }
in_state() { [ "$(state)" = "$1" ]; }
staged_or_active() { in_state staged || in_state active; }
free_of_faults() { [ -z "$(ls "$T/host/test/undo")" ]; }
cut() { ! ping -q -c 1 -W 1 10.1.1.2 >/dev/null; }
# drill FAULT: on its way, its pid in $ctl, once it is in force and is going to stay so
drill() {
	local i
	one_fault "$1" >"$T/drill.yaml"
	for ((i = 0; i < ATTEMPTS; i++)); do
		env --default-signal=INT "$CTL" run "$T/drill.yaml" "${AT[@]}" \
			--out "$T/out.$RANDOM$RANDOM" >"$T/drill.log" 2>&1 &
		ctl=$!
		wait_for 60 active_or_over || fail "never active"
		sleep 1.5 # longer than an unconfirmed one has
		kill -0 $ctl 2>/dev/null && return
		was_starved "$T/drill.log" || break
	done
	fail "never active"
}
active_or_over() { in_state active || ! kill -0 $ctl; }
inject() { "$CTL" inject "$@" "${AT[@]}" --out "$T/out.$RANDOM$RANDOM" >"$T/ctl.log" 2>&1; }
expect() { # expect EXIT WHAT, of the command before
	local rc=$?
	[ $rc -eq "$1" ] || fail "$2: exit $rc, expected $1"
	echo "ok: $2"
}
said() { grep -qE "$1" "$T/ctl.log" || fail "did not say '$1'"; }
start
# Keys pass through both.
for pid in "$STORMD" "$(pgrep -x stormd-front)"; do
	grep -q '^Max core file size  *0  *0 ' "/proc/$pid/limits" || fail "$pid may dump core"
done

# --- status, halt, resume -----------------------------------------------------------------
drill 'net.partition: {to: [10.1.1.0/24]}'
wait_for 30 cut || fail "the partition has no effect"
"$CTL" status "${AT[@]}" >"$T/ctl.log" 2>&1
expect 0 "status"
said 'net\.partition'
said 'halt'
"$CTL" halt "${AT[@]}" >"$T/ctl.log" 2>&1
expect 0 "halt"
ping -q -c 1 -W 20 10.1.1.2 >/dev/null || fail "still cut after halt"
wait $ctl
expect 8 "a halted drill ends as stopped"
inject cpu.load percent=5 cpus=0 --for 1s
expect 9 "a halted agent refuses drills"
said 'resume'
"$CTL" resume "${AT[@]}" >"$T/ctl.log" 2>&1
expect 0 "resume"
inject disk.fill path="$T/disk" size=8MiB --for 3s
! was_starved "$T/ctl.log" || inject disk.fill path="$T/disk" size=8MiB --for 3s
expect 0 "and takes them again"

# --- the controller freezes: the lease lapses ---------------------------------------------
inject disk.fill path="$T/disk" size=8MiB --for 1m &
wait_for 30 in_state active || fail "never active"
ctl=$(pgrep -x stormctl | head -n 1)
kill -STOP "$ctl"
wait_for 30 free_of_faults || fail "the lease did not undo"
echo "ok: a frozen controller's fault ends with its lease"
kill -CONT "$ctl"
wait $!
expect 30 "and the controller says that its agent gave up on it"

# --- commit-confirm: no renewal after a network fault ---------------------------------------
inject net.partition to=10.1.1.0/24 --for 1m &
wait_for 30 staged_or_active || fail "never staged"
ctl=$(pgrep -x stormctl | head -n 1)
kill -STOP "$ctl"
wait_for 30 free_of_faults || fail "an unconfirmed network fault stayed"
kill -KILL "$ctl"
wait $! 2>/dev/null
echo "ok: an unconfirmed network fault is undone"

# --- two drills on one resource -------------------------------------------------------------
drill "disk.fill: {path: $T/disk, size: 8MiB}"
inject disk.fill path="$T/disk" size=4MiB --for 1s
expect 9 "a second drill on the same disk is refused"
said 'disk'
kill -INT $ctl
wait $ctl
expect 8 "Ctrl-C ends the first"
wait_for 30 free_of_faults || fail "Ctrl-C left a record"

# --- policy ---------------------------------------------------------------------------------
inject net.delay delay=500ms to=10.1.1.2 --for 1s
expect 9 "policy's maximum"
said 'policy'
inject cpu.load percent=5 --for 2m
expect 9 "policy's longest duration"
cp "$(command -v sleep)" "$T/precious"
"$T/precious" 1000 &
precious=$!
inject process.kill name=precious
expect 9 "a protected process"
kill -0 $precious || fail "the protected process was killed"
inject net.partition to=10.1.1.2 port=6443 --for 1s
expect 9 "a protected port"

# --- restart with work left over ------------------------------------------------------------
inject disk.fill path="$T/disk" size=8MiB --for 1m &
wait_for 30 in_state active || fail "never active"
guardian=$(pgrep -x stormd-guardian)
kill -STOP "$guardian" # even the guardian cannot help
kill -KILL $STORMD
kill -KILL "$guardian"
wait $! 2>/dev/null
[ -n "$(ls "$T/host/test/undo")" ] || echo "note: nothing was left to sweep"
start
free_of_faults || fail "a new stormd did not sweep"
echo "ok: a new stormd sweeps what the last one left"

kill -TERM $STORMD
wait $STORMD
expect 0 "SIGTERM"
wait_for 60 storm_gone || fail "an agent process is still there"
kill $precious
umount "$T/disk"
rm -rf "$T/host/test"
snapshot >"$T/after"
same "$T/before" "$T/after" "the daemon's life"
exit 0
