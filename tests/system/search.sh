#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `stormctl search` finds the delay that users of a real nginx stand who wait for 150 ms: half
# of it for who has to connect first.  Each step is undone before the next, and the last; the answer is kept and can be
# compared with; what breaks at once, what a person ends and what cannot be searched are told.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
CTL="$BIN/stormctl"
backend shop 10.1.1.2
wait_http http://10.1.1.2/
# What unit tests make meanwhile, on a machine that runs both, is theirs.
residue() { snapshot | grep -v stormdrill-test-; }
residue >"$T/before"

cat >"$T/shop.yaml" <<Y
version: 1
name: slow-shop
lease: 10s
probes:
  shop: {http: "http://10.1.1.2/", rate: 60/s, good: {within: 150ms}}
steady: {before: 700ms, during: 1500ms, after: 20s}
faults: [{net.delay: {delay: 1ms, to: 10.1.1.2, port: 80}, id: slow, for: 1500ms}]
Y

# search CODE OPTION...: into $T/out, again when the machine was too busy for it
search() {
	local want=$1 rc i
	shift
	for ((i = 0; i < ATTEMPTS; i++)); do
		rm -rf "$T/out"
		rc=0
		timeout 300 "$CTL" search "$T/shop.yaml" "${DIRS[@]}" --out "$T/out" "$@" \
			>"$T/search.log" 2>&1 || rc=$?
		residue >"$T/after"
		same "$T/before" "$T/after" "search $*"
		[ $rc -eq "$want" ] && return 0
		cat "$T"/out/step-*/events.ndjson >"$T/events" 2>/dev/null
		was_starved "$T/events" || break
	done
	fail "exit $rc in place of $want: search $*"
}
# said JQ-EXPRESSION: of search.json
said() { jq -e "$1" "$T/out/search.json" >/dev/null || fail "not so: $1 in $(cat "$T/out/search.json")"; }

search 2 --vary slow.delay
search 2 --vary slow.dealy=1ms..2s
grep -q "did you mean 'delay'" "$T/search.log" || fail "no suggestion"
search 2 --vary quick.delay=1ms..2s
grep -q "it has slow" "$T/search.log" || fail "no list of faults"
search 2 --vary slow.to=1ms..2s
search 2 --vary slow.delay=1ms..2h
search 2 --vary slow.delay=1ms..1s --steps 3 --until 2
[ ! -e "$T/out" ] || fail "a directory for nothing"
echo "ok: what cannot be searched is refused"

# Without a fault it is far below 150 ms; with 180 ms each answer is late.
search 0 --vary slow.delay=10ms..1s --until 2
grep -q '^answer: .* holds at .*ms, breaks at .*ms (95 %)$' "$T/search.log" || fail "no answer"
said '.answer.holds_num <= 150000 and .answer.breaks_num <= 180000'
said '.answer.holds_num * 2 >= .answer.breaks_num and .answer.sure > 0.95'
said '.is_over and .exit == 0 and .answer.is_monotone'
said '[.steps[] | select(.end == "broke") | .exit == 5 and .reason == "breach"] | all'
said '[.steps[].value_num] | max < 1000000'
for step in "$T"/out/step-*; do
	jq -e '.undo == null or .undo.clean_us > 0' "$step/journal.json" >/dev/null ||
		fail "$step is not clean"
done
grep -q 'wrong with a chance of at most' "$T/out/search.md" || fail "no chance in search.md"
grep -qF "step-01/summary.md" "$T/out/search.md" || fail "no steps in search.md"
echo "ok: $(grep ^answer: "$T/search.log")"
cp "$T/out/search.json" "$T/was.json"

# As if it had once stood twice as much.
jq '.answer.holds_num = 400000 | .answer.breaks_num = 500000' "$T/was.json" >"$T/strong.json"
search 1 --vary slow.delay=10ms..1s --steps 2 --against "$T/strong.json"
grep -q '^against: .*REGRESSION' "$T/search.log" || fail "no regression"
said '.against.change == "worse" and .answer.breaks == "400ms"'
search 2 --vary slow.jitter=10ms..1s --against "$T/was.json"
echo "ok: a regression has an exit code of its own"

search 5 --vary net.delay.delay=400ms..1s
grep -q 'breaks at 400ms already' "$T/search.log" || fail "not said"
said '.answer.holds == null and (.steps | length) == 1'
echo "ok: what breaks at the first value"

# A person ends it: undone, and no further step.
rm -rf "$T/out"
"$CTL" search "$T/shop.yaml" "${DIRS[@]}" --out "$T/out" --vary slow.for=30s..60s \
	>"$T/search.log" 2>&1 &
ctl=$!
is_active() { grep -q '"state":3\|"text":"active' "$T/out/step-01/events.ndjson"; }
wait_for 60 is_active || fail "nothing is injected"
kill -INT $ctl
rc=0
wait $ctl || rc=$?
[ $rc -eq 8 ] || fail "exit $rc after Ctrl-C"
grep -q 'asked to end: undoing' "$T/search.log" || fail "nothing said of it"
said '.exit == 8 and .is_over and (.steps | length) == 1'
residue >"$T/after"
same "$T/before" "$T/after" "Ctrl-C"
echo "ok: a person ends it"
