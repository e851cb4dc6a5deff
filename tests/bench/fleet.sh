# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by bench.sh: many hosts.  Thirty agents in namespaces of their own, on one kernel:
# their CLOCK_BOOTTIME is the same clock, so that their own stamps can be compared as they
# are.  All of them share this machine's CPUs with stormctl, which a real fleet does not: as
# they are real-time processes, it is kept from telling the second host by what the first one
# does.  So the abort is measured twice: as it is, and with stormctl at real-time priority,
# too, which is nearer to a controller with a CPU of its own.
# shellcheck source=tests/system/hosts_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../system/hosts_lib.sh"
FLEET=${FLEET:-30}

fleet_stage() {
	local i
	stage
	for ((i = 1; i <= FLEET; i++)); do add_host h$i; done
	enrol
	take_inventory
	for ((i = 1; i <= FLEET; i++)); do start_agent h$i; done
	web h1
}
# A drill without probes: fleet_plain FILE TARGET FAULT
fleet_plain() {
	cat >"$1" <<-Y
	version: 1
	name: bench-fleet
	targets: {some: {$2}}
	faults:
	  - $3
	    id: one
	    target: some
	    for: 2s
	Y
}
CONTROLLER=() # how stormctl is started
fleet_run() { # fleet_run FILE NAME EXPECTED-EXIT…
	local rc=0
	rm -rf "$T/out.$2"
	"${CONTROLLER[@]}" "$CTL" run "$1" --out "$T/out.$2" >"$T/fleet.log" 2>&1 || rc=$?
	[[ " ${*:3} " == *" $rc "* ]] || {
		echo "  a drill ended with $rc: $(grep -E ' error |verdict:' "$T/fleet.log" | head -n 1)"
		mend # a busy machine may have cost us an agent
		return 1
	}
}
# The moments of the last drill by each agent's own clock: "active told disarmed undone".
fleet_stamps() {
	local name id
	for name in "${HOSTS[@]}"; do
		id=$(sed -n -E "s/.* fire: drill '[^']*' ([0-9a-f-]+) .*/\1/p" "$T/$name.agent.log" | tail -n 1)
		api "$name" "drills/$id" | jq -r '[.. | objects | select(has("active_us"))][0] |
			"\(.active_us) \(.told_us) \(.disarmed_us) \(.undone_us)"'
	done
}
# stormctl's own memory while it drills the hosts of this target, in KiB.
fleet_pss() {
	local pss
	fleet_plain "$T/pss.yaml" "$1" "net.partition: {to: [10.77.0.250]}"
	rm -rf "$T/out.pss"
	"$CTL" run "$T/pss.yaml" --out "$T/out.pss" >"$T/fleet.log" 2>&1 &
	RUN=$!
	wait_for 30 grep -q '"type": *"fired"' "$T/out.pss/events.ndjson"
	sleep 1
	pss=$(awk '/^Pss:/ { print $2 }' "/proc/$RUN/smaps_rollup" 2>/dev/null)
	wait $RUN
	echo "$pss"
}
fleet_memory() {
	local one all
	one=$(fleet_pss "hosts: [h1]")
	all=$(fleet_pss "where: name")
	row "  controller: PSS with 1 host / $FLEET hosts" "$one / $all KiB" "-" "-" ""
	row "  controller: memory for one more agent" \
		"$((${all:+(all - one) / (FLEET - 1)})) KiB" "-" "-" "≤ 64 KiB"
}
# From stormctl's start to armed everywhere: connections, handshakes, arm.
fleet_arm() {
	local fault i
	for fault in "net.partition: {to: [10.77.0.250]}" "disk.fill: {path: /mnt, size: 4KiB}"; do
		fleet_plain "$T/arm.yaml" "where: name" "$fault"
		rm -f "$T/fleet.arm"
		for ((i = 0; i < 10; i++)); do
			fleet_run "$T/arm.yaml" arm 0 6 || continue
			DRILL=arm events -r 'select(.type == "phase" and .subject == "armed") |
				.at_us / 1000' | head -n 1 >>"$T/fleet.arm"
		done
		row "  handshakes and arm: ${fault%%:*}" "$(p50_p99 "$T/fleet.arm") ms" "-" "-" "≤ 1000"
	done
}
p50_p99() { echo "$(percentile "$1" 50) / $(percentile "$1" 99)"; }
fleet_aborts() { # fleet_aborts HOW
	local i n=0 drills=${FLEET_DRILLS:-50}
	rm -f "$T"/fleet.{spread,undone,disarmed,clean}
	for ((i = 0; i < drills; i++)); do
		fleet_run "$T/fleet.yaml" fleet 5 || continue
		n=$((n + 1))
		fleet_stamps >"$T/stamps"
		awk '{ if (NR == 1 || $1 < low) low = $1; if ($1 > high) high = $1 }
			END { print (high - low) / 1000 }' "$T/stamps" >>"$T/fleet.spread"
		DRILL=fleet events 'select(.type == "undo" and .host == null)' >"$T/undo"
		jq -r 'select(.undone_us) | .undone_us / 1000' "$T/undo" | tail -n 1 >>"$T/fleet.undone"
		jq -r 'select(.disarmed_us) | .disarmed_us / 1000' "$T/undo" | tail -n 1 >>"$T/fleet.disarmed"
		jq -r 'select(.clean_us) | .clean_us / 1000' "$T/undo" | tail -n 1 >>"$T/fleet.clean"
	done
	echo "$FLEET hosts over mutual TLS, net.partition on each, full outage, $n drills, $1 (ms, p50 / p99):"
	row "  start spread: first to last host in force" "$(p50_p99 "$T/fleet.spread")" "-" "-" "≤ 20"
	row "  decision → last host disarmed" "$(p50_p99 "$T/fleet.disarmed")" "-" "-" ""
	row "  decision → last host undone (read back)" "$(p50_p99 "$T/fleet.undone")" "-" "-" "p99 ≤ 10"
	row "  decision → last host swept and compared" "$(p50_p99 "$T/fleet.clean")" "-" "-" ""
}
fleet_rows() {
	local i
	fleet_stage
	cat >"$T/fleet.yaml" <<-Y
	version: 1
	name: bench-fleet
	targets: {all: {where: name}}
	probes:
	  shop:
	    http: {url: "http://$(address h1)/"}
	    rate: 200/s
	    good: {status: 200, within: 100ms}
	    objective: 99%
	    abort_at: 50%
	steady: {before: 300ms, during: 3s, after: 3s}
	faults:
	  - net.partition: {to: [$OURS], mode: reject}
	    id: cut
	    target: all
	    for: 2s
	Y
	fleet_aborts "stormctl as it is"
	CONTROLLER=(chrt --fifo 60)
	fleet_aborts "stormctl at real-time priority"
	CONTROLLER=()
	fleet_arm
	fleet_memory
	for ((i = 1; i <= FLEET; i++)); do signal_agent h$i TERM; done
}
