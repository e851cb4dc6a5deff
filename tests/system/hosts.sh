#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One drill on several hosts, through real agents over mutual TLS: a balancer and two web
# servers, each a host of its own.  Whatever dies, and whenever, nothing is left on any host,
# and stormctl says how it ended.
#
# Answers of the shop have ten seconds: a machine that stands still for one makes them late.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
# shellcheck source=tests/system/hosts_lib.sh
. "$(dirname "$0")/hosts_lib.sh"

stage
TAGS=([web1]="role: web, zone: a" [web2]="role: web, zone: b" [lb]="role: lb, zone: a")
for name in web1 web2 lb; do add_host $name; done
enrol
take_inventory
for name in "${HOSTS[@]}"; do start_agent $name; done
web web1
web web2
web lb "upstream shop { server $(address web1) max_fails=1 fail_timeout=1s;
		server $(address web2) max_fails=1 fail_timeout=1s; }
	server { listen 80; location / { proxy_pass http://shop;
		proxy_connect_timeout 500ms; proxy_read_timeout 1s; } }"
wait_http "http://$(address lb)/"
snapshot_all >"$T/before"

PROBE="probes:
  shop: {http: {url: 'http://$(address lb)/', timeout: 10s}, rate: 50/s,
         good: {status: 200, within: 10s}, objective: 90%, abort_at: 60%}"
TARGETS="targets:
  web: {where: 'role=web'}
  zone-b: {where: 'role=web and zone=b'}
  lb: {hosts: [lb]}
  all: {where: 'role'}"
FILL="$TARGETS
faults:
  - disk.fill: {path: /mnt, size: 64KiB}
    id: fill
    target: all
    for: 100s"
ALL=(web1 web2 lb)

# --- a drill ----------------------------------------------------------------------------------
has_been_active() { # has_been_active HOST FAULT
	[ -n "$(events "select(.type == \"fault\" and .host == \"$1\" and .subject == \"$2\" and
		(.text | startswith(\"active\")))")" ] || fail "no event says that $2 was active on $1"
}
holds() {
	drill holds <<-Y
	$PROBE
	steady: {before: 1s, during: 3s, after: 30s}
	$TARGETS
	faults:
	  - net.partition: {}
	    id: cut
	    target: zone-b
	    against: lb
	    for: 2s
	  - net.delay: {delay: 20ms, to: [$OURS]}
	    id: slow
	    target: lb
	    for: 2s
	Y
	ends 0 "one zone of two is cut off" || return 1
	has_been_active web2 cut
	has_been_active lb slow
	[ -z "$(events 'select(.host == "web1" and .type == "fault")')" ] ||
		fail "web1 had no fault, and an event says otherwise"
}
again holds

is_called_off() {
	drill is_called_off <<-Y
	$PROBE
	steady: {before: 1s, during: 50s, after: 30s}
	$TARGETS
	faults:
	  - net.partition: {}
	    id: cut
	    target: lb
	    against: web
	    for: 100s
	  - disk.fill: {path: /mnt, size: 64KiB}
	    id: fill
	    target: web
	    for: 100s
	Y
	ends 5 "both zones are cut off" || return 1
	because breach "${ALL[@]}" || return 1
	[ "$(events 'select(.type == "undo" and .host == null) | .hosts' | tail -n 1)" = 3 ] ||
		fail "no event says that all three were undone"
}
again is_called_off

is_stopped() {
	drill is_stopped <<<"$FILL"
	active "${ALL[@]}" || return 1
	kill -INT $RUN
	ends 8 "Ctrl-C" && because asked "${ALL[@]}"
}
again is_stopped

is_halted() {
	drill is_halted <<<"$FILL"
	active "${ALL[@]}" || return 1
	"$CTL" halt >"$T/halt.log" 2>&1 || fail "halt: exit $?"
	ends 8 "a halt of all hosts" && because halt "${ALL[@]}" || return 1
	drill is_halted <<<"$FILL"
	ends 9 "a drill on hosts that are halted"
}
again is_halted
"$CTL" resume >"$T/halt.log" 2>&1 || fail "resume: exit $?"

# --- an agent is killed -----------------------------------------------------------------------
# Each of these restarts the dead agent, as systemd would, and stormctl hears from itself what
# has become of the fault; the last one waits in vain.
revive() {
	signal_agent "$1" KILL
	restart_agent "$1"
}

# A slow iptables-restore on one host holds its agent in the middle of arming.
slow_tool() {
	local real
	real=$(readlink -f "$(command -v iptables-restore)")
	cp "$real" "$T/real-tool"
	"${CC:-cc}" -O1 -DDELAY_MS=1500 -DWHILE="\"$T/slow\"" -DREAL="\"$T/real-tool\"" \
		-o "$T/slow-tool" "$HERE/tests/system/tools/slow_tool.c" || fail "no slow tool"
	nsenter --mount --target "${INIT[$1]}" mount --bind "$T/slow-tool" "$real"
}
runs_tool() { [ -n "$(process_of web2 'ip6?tables-rest')" ]; }
slow_tool web2
dies_at_arm() {
	touch "$T/slow"
	drill dies_at_arm <<-Y
	$TARGETS
	faults:
	  - net.partition: {to: [10.77.0.250]}
	    target: all
	    for: 100s
	Y
	reached "arming on web2" runs_tool || return 1
	signal_agent web2 KILL
	rm -f "$T/slow"
	restart_agent web2
	ends 9 30 "an agent killed while it arms" || return 1
	[ -z "$(events 'select(.type == "fired")')" ] || fail "fired all the same"
}
again dies_at_arm

dies_at_fire() {
	drill dies_at_fire <<<"$FILL
    at: 2s"
	reached "staged everywhere" in_state staged "${ALL[@]}" || return 1
	signal_agent web2 STOP
	sleep 0.5
	revive web2
	ends 9 30 "an agent killed before its fault begins" && because "asked error" web1 lb
}
again dies_at_fire

dies_when_active() {
	drill dies_when_active <<<"$FILL"
	active "${ALL[@]}" || return 1
	revive web2
	ends 30 "an agent killed in the middle" && because asked web1 lb
}
again dies_when_active

dies_at_undo() {
	drill dies_at_undo <<<"$FILL"
	active "${ALL[@]}" || return 1
	signal_agent web2 STOP # it is told to undo and does not hear it
	kill -INT $RUN
	sleep 0.3
	revive web2
	ends 30 "an agent killed before it undoes" && because asked web1 lb
}
again dies_at_undo

stays_dead() {
	drill stays_dead <<<"lease: 2s
$FILL"
	active "${ALL[@]}" || return 1
	signal_agent web2 KILL
	ends 30 "an agent killed for good" && because asked web1 lb
}
again stays_dead

# --- the controller is killed -------------------------------------------------------------------
controller_dies() {
	drill controller_dies <<<"lease: 1s
$FILL"
	active "${ALL[@]}" || return 1
	kill -KILL $RUN
	ends 137 "stormctl killed in the middle" && because lease "${ALL[@]}"
}
again controller_dies

for name in "${HOSTS[@]}"; do stop_agent $name; done
exit 0
