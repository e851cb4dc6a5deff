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
N=0

inject() {
	N=$((N + 1))
	"$BIN/stormctl" inject disk.fill path="$T" size=1MiB --for "$1" "${AT[@]}" \
		--out "$T/out.$N" >"$T/ctl.log" 2>&1
}
ctl() { "$BIN/stormctl" "$@" "${AT[@]}" >"$T/ctl.log" 2>&1; }
expect() { # expect EXIT WHAT, of the command before
	local rc=$?
	[ $rc -eq "$1" ] || fail "$2: exit $rc, expected $1"
	echo "ok: $2"
}
said() { grep -qE "$1" "$T/ctl.log" || fail "did not say '$1'"; }
is_active() { grep -q '"text":"active' "$T/out.1/events.ndjson"; }

inject 1m &
wait_for 60 is_active || {
	N=1
	fail "never active"
}
"$BIN/stormctl" halt "${AT[@]}"
expect 0 "halt"
wait $!
expect 8 "the drill that ran was stopped"
N=1
inject 3s
expect 9 "a new one is refused"
said 'resume'
ctl status
said 'halted'
ctl resume
expect 0 "resume, with no agent there"
inject 3s
expect 0 "drills run again"
[ ! -e "$T/host" ] || fail "a trace is left: $(find "$T/host")"
ctl halt
expect 0 "halt, with no agent there"
inject 3s
expect 9 "new drills are refused all the same"
ctl resume
expect 0 "resume"
wait_for 60 storm_gone || fail "an agent process is still there"
[ ! -e "$T/host" ] || fail "a trace is left: $(find "$T/host")"
exit 0
