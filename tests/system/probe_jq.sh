#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# jq filters on a real nginx, by the real run: a body that turns wrong stops the drill and
# says what the filter said; a worker that is killed does not; a filter that loops, is wrong
# or has no program is seen before anything is injected.  Nothing of them is left.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
CTL="$BIN/stormctl"
nginx_start shop "server { listen 127.0.0.1:8080; default_type application/json; location / {
	if (-f $T/sold-out) { return 200 '{\"items\": []}'; }
	return 200 '{\"items\": [1, 2]}'; } }"
wait_http http://127.0.0.1:8080/

# drill FILTER: its exit code in $rc, its words in $T/drill.log; $DURING is run meanwhile
drill() {
	local i
	cat >"$T/drill.yaml" <<-Y
		version: 1
		name: filtered
		lease: 15s
		probes:
		  shop:
		    http: {url: "http://127.0.0.1:8080/", timeout: 5s}
		    rate: 50/s
		    good: {within: 2s, jq: '$1'}
		steady: {before: 1s, during: 2s, after: 10s}
		budget: {stall: 100ms}
		faults: [{disk.fill: {path: $T, size: 1MiB}, for: 2s}]
	Y
	for ((i = 0; i < ATTEMPTS; i++)); do
		rm -rf "$T/out" "$T/sold-out" "$T/drill.log"
		rc=0
		"$CTL" run "$T/drill.yaml" "${DIRS[@]}" --out "$T/out" >"$T/drill.log" 2>&1 &
		ctl=$!
		${DURING:-true}
		wait $ctl || rc=$?
		was_starved "$T/drill.log" || break
	done
	! pgrep -x stormctl-jq >/dev/null || fail "$1: a stormctl-jq is left"
	wait_for 30 storm_gone || fail "$1: an agent is left"
}
says() { grep -qF -- "$1" "$T/drill.log" || fail "'$1' is not said: $(cat "$T/drill.log")"; }
has_fired() { grep -qE '^ *\+[0-9.]+s +fired ' "$T/drill.log"; }
fired_or_over() { has_fired || ! kill -0 "$ctl"; }

drill '.items | length > 0'
[ $rc -eq 0 ] || fail "held: exit $rc: $(cat "$T/drill.log")"
echo "ok: a filter that is met"

kill_jq() {
	wait_for 60 fired_or_over
	kill -KILL "$(pgrep -x stormctl-jq)" && wait_for 60 pgrep -x stormctl-jq >/dev/null && was_killed=1
}
was_killed=
DURING=kill_jq drill '.items | length > 0'
[ $rc -eq 0 ] || fail "killed: exit $rc: $(cat "$T/drill.log")"
[ -n "$was_killed" ] || fail "killed: it was not"
echo "ok: a stormctl-jq that is killed stops no drill"

stopped_or_over() { grep -q ' STOP ' "$T/drill.log" || ! kill -0 "$ctl"; }
sell_out() {
	wait_for 60 fired_or_over
	touch "$T/sold-out"
	wait_for 60 stopped_or_over
	rm "$T/sold-out"
}
DURING=sell_out drill '.items | length > 0'
[ $rc -eq 5 ] || fail "sold out: exit $rc: $(cat "$T/drill.log")"
says "the jq filter says false"
echo "ok: a body that turns wrong stops the drill"

ATTEMPTS=1 drill 'def f: f; f'
case $rc in 4 | 6) ;; *) fail "loop: exit $rc: $(cat "$T/drill.log")" ;; esac
# Or, on a machine that was too busy for it to loop, that.
grep -qE 'not done in time|no CPU in time' "$T/drill.log" || fail "loop: $(cat "$T/drill.log")"
! has_fired || fail "loop: something was injected"
echo "ok: a filter that loops is no steady state"

drill '.items ^ 2'
[ $rc -eq 3 ] || fail "wrong: exit $rc"
says "drill.yaml:8:28: error"
says "jq filter '.items ^ 2': syntax error"
echo "ok: a filter that is wrong is refused at its place"

mkdir "$T/bin"
cp "$BIN"/* "$T/bin" && rm "$T/bin/stormctl-jq"
[ ! -x /usr/local/libexec/stormdrill/stormctl-jq ] || { echo "skip: stormctl-jq is installed"; exit 0; }
CTL=$T/bin/stormctl drill '.items | length > 0'
[ $rc -eq 9 ] || fail "missing: exit $rc"
says "program 'stormctl-jq' is neither in"
"$T/bin/stormctl" check "$T/drill.yaml" || fail "check without stormctl-jq"
echo "ok: without stormctl-jq nothing is begun"
