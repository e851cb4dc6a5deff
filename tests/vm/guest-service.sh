#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of tests/vm/service.sh, where systemd is the init.  A service with
# everything that may start it again or go down with it, stopped through the whole tool and
# up again whoever died; then our own unit: started, stopped in order, and killed.
set -u
[ -n "${IN_VM:-}" ] || {
	echo "guest-service.sh: only in the guest: use tests/vm/service.sh" >&2
	exit 2
}
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
T=$(mktemp -d)
DIRS=(--host-dir "$T/host" --run-dir "$T/host/test" --state-dir "$T/state")
mkdir -p "$T/host" "$T/state"

unit() { # unit NAME: its text from stdin
	cat >"/run/systemd/system/$1"
}
unit victim.service <<U
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sleep infinity
Restart=always
RestartSec=100ms
U
unit rider.service <<U
[Unit]
DefaultDependencies=no
Requires=victim.service
After=victim.service
[Service]
ExecStart=/bin/sleep infinity
U
unit caller.timer <<U
[Unit]
DefaultDependencies=no
[Timer]
OnActiveSec=1h
Unit=victim.service
U
unit stubborn.service <<U
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh -c 'trap : TERM; while :; do sleep 1; done'
TimeoutStopSec=1min
U
systemctl daemon-reload
systemctl start victim rider caller.timer stubborn || fail "no services here"

state() { systemctl show -P ActiveState -- "$1"; }
is() { [ "$(state "$1")" = "$2" ]; }
all_up() { is victim.service active && is rider.service active && is caller.timer active; }
inject() { # inject FOR PARAMETERS
	one_fault "service.stop: {$2}" "$1" >"$T/drill.yaml"
	rm -rf "$T/out"
	env --default-signal=INT "$BIN/stormctl" run "$T/drill.yaml" --out "$T/out" \
		"${DIRS[@]}" --embedded >"$T/ctl.log" 2>&1 &
	CTL=$!
}
active_or_over() { grep -q '"text":"active' "$T/out/events.ndjson" || ! kill -0 "$CTL"; }
# Each systemctl takes seconds under emulation, and an agent that waits for the CPU as long
# is given up: what has become of the service is looked at all the same.
is_slow() {
	grep -qE "no answer comes any more|$AGENT_GAVE_UP|did not answer in time|stands still" \
		"$T/ctl.log"
}
in_force() { # in_force FOR PARAMETERS: again where the machine was too slow for it
	local i
	for ((i = 0; i < ATTEMPTS; i++)); do
		inject "$@"
		wait_for 120 active_or_over
		grep -q '"text":"active' "$T/out/events.ndjson" && return
		is_slow || break
		wait_for 60 storm_gone
	done
	fail "never in force"
}
ends_with() { # ends_with CODE WHAT
	local rc
	wait $CTL
	rc=$?
	[ $rc -eq "$1" ] && return
	is_slow || fail "$2 ended with $rc, not $1"
	echo "note: $2 ended with $rc, not $1: a slow machine"
}
restored() {
	wait_for 60 all_up || fail "$1: $(systemctl list-units --all --no-pager | head -n 20)"
	wait_for 60 storm_gone || fail "$1: somebody of ours still runs"
	echo "ok: up again $1"
}

in_force 20s "unit: victim"
is victim.service inactive || fail "the victim is $(state victim.service)"
is rider.service inactive || fail "the rider is $(state rider.service)"
is caller.timer active || fail "the timer is $(state caller.timer)"
grep -q 'caller.timer may start it again' "$T/out/events.ndjson" || cat "$T/ctl.log"
ends_with 0 "a stopped service"
restored "after its time"

in_force 10m "unit: victim.service, triggers: true, mode: kill"
for name in victim.service rider.service caller.timer; do
	is $name active && fail "$name is active"
done
kill -KILL "$(pgrep -x stormd-fault)"
ends_with 6 "a killed holder"
restored "after the holder was killed"

in_force 10m "unit: victim"
kill -KILL "$(pgrep -x stormd | head -n 1)"
ends_with 30 "a killed agent"
restored "after stormd was killed"

in_force 10m "unit: victim"
systemctl start victim
kill -INT $CTL
wait $CTL
restored "after somebody else started it"

in_force 10m "unit: stubborn, mode: kill"
is stubborn.service active && fail "it is still up"
kill -INT $CTL
ends_with 8 "Ctrl-C"
wait_for 60 is stubborn.service active || fail "stubborn is $(state stubborn.service)"
echo "ok: what does not stop is killed, and up again"

refuse() { # refuse WHY PARAMETERS
	inject 5s "$2"
	wait $CTL && fail "not refused: $2"
	grep -q "$1" "$T/ctl.log" || fail "not refused for '$1': $2"
}
refuse "there is no unit" "unit: nobody"
systemctl stop rider
refuse "nothing to stop" "unit: rider"
refuse "must not be stopped: the agent runs in it" "unit: storm-job"
systemd-run --quiet --unit=fleeting -p DefaultDependencies=no sleep infinity
refuse "only as long as it runs" "unit: fleeting"
echo "ok: what could not be put back is refused"

# --- our own units ---

for name in stormd.service stormd-sweep.service; do
	sed "s,@SBINDIR@,$BIN,g" "packaging/systemd/$name" | unit $name
done
systemctl daemon-reload
systemd-analyze verify /run/systemd/system/stormd.service \
	/run/systemd/system/stormd-sweep.service >"$T/verify.log" 2>&1
grep -E 'stormd(-sweep)?\.service' "$T/verify.log" && fail "systemd-analyze finds fault with our units"
systemctl start stormd || fail "stormd does not start: $(systemctl status --no-pager -l stormd)"
is stormd.service active || fail "stormd is $(state stormd.service)"
main=$(systemctl show -P MainPID stormd)
[ "$(cat "/proc/$main/comm")" = stormd ] || fail "the main process is no stormd"
echo "ok: stormd is up as a service"

records() { find /run/stormdrill -path '*/undo/*' -type f; }
hold() { # a fault for long, by the daemon
	for ((i = 0; i < ATTEMPTS; i++)); do
		one_fault "service.stop: {unit: victim}" 10m >"$T/drill.yaml"
		rm -rf "$T/out"
		env --default-signal=INT "$BIN/stormctl" run "$T/drill.yaml" --out "$T/out" \
			>"$T/ctl.log" 2>&1 &
		CTL=$!
		wait_for 120 active_or_over
		grep -q '"text":"active' "$T/out/events.ndjson" && return
		is_slow || break
	done
	fail "never in force by the daemon"
}
hold
[ -n "$(records)" ] || fail "no record"
systemctl kill --kill-whom=main --signal=KILL stormd
wait $CTL
victim_up() { is victim.service active && [ -z "$(records)" ]; }
wait_for 90 victim_up || fail "after stormd was killed: $(state victim.service) $(records)"
wait_for 60 is stormd.service active || fail "stormd is $(state stormd.service) after it was killed"
echo "ok: stormd killed: undone, and up again"

hold
systemctl stop stormd || fail "stormd does not stop"
wait $CTL
wait_for 60 victim_up || fail "after stormd was stopped: $(state victim.service) $(records)"
is stormd.service inactive || fail "stormd is $(state stormd.service)"
echo "ok: stormd stopped: undone"
systemctl start stormd-sweep || fail "the sweep at boot fails"
echo "ok: nothing for the sweep at boot"
