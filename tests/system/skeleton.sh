#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job, end to end, on real parts: an nginx before a backend on another host, a
# partition of the backend (breach: exit 5) and of a bystander (held: exit 0), Ctrl-C
# (exit 8), status and halt by a second person.  After each the host is exactly as before.
set -u -o pipefail
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"

command -v nginx >/dev/null || skip "nginx is not installed (package nginx-light)"
command -v ipset >/dev/null || skip "ipset is not installed (package ipset)"

backend b1 10.1.1.2
backend bystander 10.1.2.2
balancer 8080 10.1.1.2
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
    http: {url: "http://127.0.0.1:8080/", timeout: 2s}
    rate: 100/s
    good: {status: 200, within: 500ms, body: "hello from b1"}
    objective: 95%
    abort_at: 50%
steady: {before: 1s, during: 2s, after: 5s}
faults:
  - net.partition: {to: [$2]}
    id: cut
    for: $3
Y
}
# storm NAME EXPECTED: run the experiment, look at its exit code and at what is left
storm() {
	local code=0
	rm -rf "$T/out-$1"
	"$BIN/stormctl" run "$T/$1.yaml" --out "$T/out-$1" --embedded "${DIRS[@]}" \
		>"$T/$1.log" 2>&1 || code=$?
	[ "$code" -eq "$2" ] || fail "$1: exit $code, expected $2"
	clean "$1"
}
clean() {
	wait_for 5 storm_gone || fail "$1: an agent process is left: $(pgrep -l stormd)"
	snapshot >"$T/after"
	same "$T/before" "$T/after" "$1"
}
event() { # event NAME TYPE KEY: a number of the last event of that type
	sed -n "s/.*\"type\":\"$2\".*\"$3\":\(-\{0,1\}[0-9.]*\).*/\1/p" "$T/out-$1/events.ndjson" |
		tail -n 1
}

snapshot >"$T/before"

# --- held: nobody misses the bystander, though there is traffic to it
experiment held 10.1.2.2 1s
(while :; do curl -s -o /dev/null --max-time 0.2 http://10.1.2.2/; sleep 0.05; done) &
traffic=$!
storm held 0
kill "$traffic"
[ "$(event held fault effect)" -gt 0 ] || fail "held: no packet was counted"
grep -q 'The hypothesis held' "$T/out-held/summary.md" || fail "held: summary.md"

# --- no effect: the same without traffic proves nothing
experiment idle 10.1.2.3 1s
storm idle 6

# --- breach: the shop cannot do without its backend
experiment breach 10.1.1.2 20s
storm breach 5
grep -q 'The abort in numbers' "$T/out-breach/summary.md" || fail "breach: summary.md"
[ -n "$(event breach undo clean_us)" ] || fail "breach: no figure for clean"
wait_http http://127.0.0.1:8080/

# --- Ctrl-C
experiment ctrl-c 10.1.2.2 20s
rm -rf "$T/out-ctrl-c"
# A script's background jobs ignore SIGINT; env gives it back.
env --default-signal=INT "$BIN/stormctl" run "$T/ctrl-c.yaml" --out "$T/out-ctrl-c" --embedded \
	"${DIRS[@]}" >"$T/ctrl-c.log" 2>&1 &
ctl=$!
wait_for 10 grep -q '"type":"fired"' "$T/out-ctrl-c/events.ndjson" || fail "ctrl-c: no fire"
kill -INT "$ctl"
code=0
wait "$ctl" || code=$?
[ "$code" -eq 8 ] || fail "ctrl-c: exit $code, expected 8"
clean ctrl-c

# --- one fault by hand, seen by status and stopped by halt
"$BIN/stormctl" inject net.partition to=10.1.2.2 --for 30s --reason "a test" \
	--out "$T/out-inject" --embedded "${DIRS[@]}" >"$T/inject.log" 2>&1 &
ctl=$!
wait_for 10 grep -q '"type":"fired"' "$T/out-inject/events.ndjson" || fail "inject: no fire"
"$BIN/stormctl" status "${DIRS[@]}" >"$T/status.log" 2>&1 || fail "status: exit $?"
grep -q 'a test' "$T/status.log" || fail "status does not say why"
"$BIN/stormctl" halt "${DIRS[@]}" >"$T/halt.log" 2>&1 || fail "halt: exit $?"
code=0
wait "$ctl" || code=$?
[ "$code" -eq 8 ] || fail "inject: exit $code after a halt, expected 8"
clean inject
echo "held, idle, breach, ctrl-c, inject and halt: the host is as before"
