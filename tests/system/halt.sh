#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A halt is the host's: drills that bring their own agent along are stopped by it and are
# refused after it, whether or not an agent was there to hear it, until resume.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
rmdir "$T/host"
AT=(--host-dir "$T/host" --state-dir "$T/state")

inject() {
	local i rc=0
	for ((i = 0; i < ATTEMPTS; i++)); do
		rc=0
		rm -rf "$T/out"
		"$BIN/stormctl" inject disk.fill path="$T" size=1MiB --for 3s "${AT[@]}" \
			--out "$T/out" >"$T/ctl.log" 2>&1 || rc=$?
		was_starved "$T/ctl.log" || break
	done
	return $rc
}
ctl() { "$BIN/stormctl" "$@" "${AT[@]}" >"$T/ctl.log" 2>&1; }
expect() { # expect EXIT WHAT, of the command before
	local rc=$?
	[ $rc -eq "$1" ] || fail "$2: exit $rc, expected $1"
	echo "ok: $2"
}
said() { grep -qE "$1" "$T/ctl.log" || fail "did not say '$1'"; }

one_fault "disk.fill: {path: $T, size: 1MiB}" >"$T/drill.yaml"
"$BIN/stormctl" run "$T/drill.yaml" "${AT[@]}" --out "$T/out" >"$T/ctl.log" 2>&1 &
wait_for 60 grep -q '"text":"active' "$T/out/events.ndjson" || fail "never active"
"$BIN/stormctl" halt "${AT[@]}"
expect 0 "halt"
wait $!
expect 8 "the drill that ran was stopped"
inject
expect 9 "a new one is refused"
said 'resume'
ctl status
said 'halted'
ctl resume
expect 0 "resume, with no agent there"
inject
expect 0 "drills run again"
[ ! -e "$T/host" ] || fail "a trace is left: $(find "$T/host")"
ctl halt
expect 0 "halt, with no agent there"
inject
expect 9 "new drills are refused all the same"
ctl resume
expect 0 "resume"
wait_for 60 storm_gone || fail "an agent process is still there"
[ ! -e "$T/host" ] || fail "a trace is left: $(find "$T/host")"
exit 0
