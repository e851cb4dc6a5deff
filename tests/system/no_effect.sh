#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A network fault that nothing met for a while says so, in status, events, the journal and
# the report, takes it back when something does, and is an error when it ends that way.  A
# fault that does not count has nothing to say.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
CTL="$BIN/stormctl"
AT=(--host-dir "$T/host" --run-dir "$T/host/test")
host near 10.1.1.2
ping -q -c 1 -W 5 10.1.1.2 >/dev/null || fail "the test network does not work"

cat >"$T/drill.yaml" <<Y
version: 1
name: quiet
lease: 15s
faults:
  - net.partition: {to: 10.1.1.2}
    id: quiet-one
    for: 300s
  - disk.fill: {path: $T, size: 1MiB}
    id: fill
    for: 300s
Y
"$BIN/stormd" "${DIRS[@]}" --policy "$T/none" >"$T/stormd.log" 2>&1 &
api() { curl -sf --max-time 5 --unix-socket "$T/host/test/api.sock" "http://agent/v1/$1"; }
wait_for 60 api status || fail "stormd does not answer"
flag() { api status | jq -e --arg n "$1" --argjson v "$2" \
	'.. | objects | select(.name? == $n and .state? == "active") | .no_effect == $v' >/dev/null; }
said() { grep -q "$1" "$T/drill.log"; }

# drill: in the background, until it has said what it has to
for ((i = 0; i < ATTEMPTS; i++)); do
	rm -rf "$T/out"
	"$CTL" run "$T/drill.yaml" "${AT[@]}" --out "$T/out" >"$T/drill.log" 2>&1 &
	ctl=$!
	said_or_over() { said 'quiet-one: no effect yet' || ! kill -0 $ctl; }
	wait_for 120 said_or_over || fail "nothing said"
	said 'quiet-one: no effect yet: it met no packets in 5s' && break
	was_starved "$T/drill.log" || fail "$(cat "$T/drill.log")"
done
flag quiet-one true || fail "the API does not say so"
flag fill false || fail "a fault that does not count has a say"
"$CTL" status "${AT[@]}" >"$T/status"
grep -q "0 packets so far: NO EFFECT yet" "$T/status" || fail "status: $(cat "$T/status")"
echo "ok: no effect yet, in status, API and events"

ping -q -c 1 -W 1 10.1.1.2 >/dev/null && fail "not cut"
wait_for 60 flag quiet-one false || fail "it is not taken back"
wait_for 60 said 'quiet-one: has an effect now' || fail "nothing said of it"
[ "$(grep -c 'no effect yet' "$T/stormd.log")" -eq 1 ] || fail "the journal: $(cat "$T/stormd.log")"
kill -INT $ctl
rc=0
wait $ctl || rc=$?
[ $rc -eq 8 ] || fail "exit $rc"
jq -e '.faults[] | select(.name == "quiet-one") | .effect > 0 and .no_effect == null' \
	"$T/out/journal.json" >/dev/null || fail "the journal of the drill"
grep -qE '^\| quiet.one .*\| [1-9][0-9]* packets?' "$T/out/summary.md" || fail "$(cat "$T/out/summary.md")"
echo "ok: taken back when a packet came"

for ((i = 0; i < ATTEMPTS; i++)); do
	rm -rf "$T/out"
	rc=0
	"$CTL" inject net.partition to=10.1.1.2 --for 1s "${AT[@]}" --out "$T/out" \
		>"$T/ctl.log" 2>&1 || rc=$?
	was_starved "$T/ctl.log" || break
done
[ $rc -eq 6 ] || fail "a fault without any effect: exit $rc: $(cat "$T/ctl.log")"
grep -q 'none (0 packets)' "$T/out/summary.md" || fail "$(cat "$T/out/summary.md")"
jq -e '.faults[0].no_effect' "$T/out/journal.json" >/dev/null || fail "the journal of the drill"
echo "ok: to its end without effect: exit 6"
exit 0
