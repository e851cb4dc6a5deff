#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job, end to end, on real parts: an nginx before a backend on another host, a
# partition of the backend (breach: exit 5) and of a bystander (held: exit 0), Ctrl-C
# (exit 8), status and halt by a second person.  After each the host is exactly as before.
#
# An answer has ten seconds, so that a second of this machine standing still makes it late,
# and not a tenth.
set -u -o pipefail
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"

command -v nginx >/dev/null || skip "nginx is not installed (package nginx-light)"
command -v ipset >/dev/null || skip "ipset is not installed (package ipset)"

backend b1 10.1.1.2
backend bystander 10.1.2.2
PATIENCE=1s balancer 8080 10.1.1.2
wait_http http://127.0.0.1:8080/
wait_http http://10.1.2.2/

# experiment NAME CUT-OFF-ADDRESS FOR
experiment() {
	cat >"$T/$1.yaml" <<Y
version: 1
name: $1
hypothesis: The shop answers without $2.
probes:
  shop:
    http: {url: "http://127.0.0.1:8080/", timeout: 10s}
    rate: 100/s
    good: {status: 200, within: 10s, body: "hello from b1"}
    objective: 95%
    abort_at: 50%
steady: {before: 1s, during: 3s, after: 30s}
faults:
  - net.partition: {to: [$2]}
    id: cut
    for: $3
Y
}
# repeat NAME EXPECTED FUNCTION: look at its exit code and at what is left
repeat() {
	local i
	for ((i = 0; i < ATTEMPTS; i++)); do
		code=0
		rm -rf "$T/out-$1"
		"$3" "$1"
		clean "$1"
		was_starved "$T/$1.log" || break
	done
	[ "$code" -eq "$2" ] || fail "$1: exit $code, expected $2"
}
storm() { # storm NAME EXPECTED
	repeat "$1" "$2" run
}
run() {
	"$BIN/stormctl" run "$T/$1.yaml" --out "$T/out-$1" --embedded "${DIRS[@]}" \
		>"$T/$1.log" 2>&1 || code=$?
}
# begin NAME COMMAND…: its pid in $ctl, once its timeline has started or all is over
begin() {
	local name=$1
	shift
	"$@" --out "$T/out-$name" --embedded "${DIRS[@]}" >"$T/$name.log" 2>&1 &
	ctl=$!
	wait_for 60 fired_or_over "$name" || fail "$name: no fire"
}
fired_or_over() {
	grep -q '"type":"fired"' "$T/out-$1/events.ndjson" || ! kill -0 "$ctl"
}
clean() {
	wait_for 60 storm_gone || fail "$1: an agent process is left: $(pgrep -l stormd)"
	snapshot >"$T/after"
	same "$T/before" "$T/after" "$1"
}
event() { # event NAME TYPE KEY: a number of the last event of that type
	sed -n "s/.*\"type\":\"$2\".*\"$3\":\(-\{0,1\}[0-9.]*\).*/\1/p" "$T/out-$1/events.ndjson" |
		tail -n 1
}

snapshot >"$T/before"

# --- held: nobody misses the bystander, though there is traffic to it
experiment held 10.1.2.2 2s
(while :; do curl -s -o /dev/null --max-time 0.5 http://10.1.2.2/; sleep 0.05; done) &
traffic=$!
storm held 0
kill "$traffic"
[ "$(event held fault effect)" -gt 0 ] || fail "held: no packet was counted"
grep -q 'The hypothesis held' "$T/out-held/summary.md" || fail "held: summary.md"

# --- no effect: the same without traffic proves nothing
experiment idle 10.1.2.3 1s
storm idle 6
grep -q 'no effect: it was in force, but met no packets' "$T/idle.log" || fail "idle: not said"

# --- breach: the shop cannot do without its backend
experiment breach 10.1.1.2 60s
storm breach 5
grep -q 'The abort in numbers' "$T/out-breach/summary.md" || fail "breach: summary.md"
[ -n "$(event breach undo clean_us)" ] || fail "breach: no figure for clean"
wait_http http://127.0.0.1:8080/

# --- Ctrl-C
experiment ctrl-c 10.1.2.2 60s
interrupt() {
	# A script's background jobs ignore SIGINT; env gives it back.
	begin "$1" env --default-signal=INT "$BIN/stormctl" run "$T/$1.yaml"
	kill -INT "$ctl"
	wait "$ctl" || code=$?
}
repeat ctrl-c 8 interrupt

# --- one fault by hand, seen by status and stopped by halt
look_and_halt() {
	begin "$1" "$BIN/stormctl" inject net.partition to=10.1.2.2 --for 60s --reason "a test"
	status=0 halt=0
	"$BIN/stormctl" status "${DIRS[@]}" >"$T/status.log" 2>&1 || status=$?
	"$BIN/stormctl" halt "${DIRS[@]}" >"$T/halt.log" 2>&1 || halt=$?
	wait "$ctl" || code=$?
	"$BIN/stormctl" resume --host-dir "$T/host" --state-dir "$T/state" >"$T/resume.log" 2>&1 ||
		fail "resume: exit $?"
}
repeat inject 8 look_and_halt
[ "$status" -eq 0 ] || fail "status: exit $status"
grep -q 'a test' "$T/status.log" || fail "status does not say why"
[ "$halt" -eq 0 ] || fail "halt: exit $halt"
echo "held, idle, breach, ctrl-c, inject and halt: the host is as before"
