#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make bench`: our figures beside a peer's, both sides in the same run, so that the ratio
# means something on any machine.  Not a test: nothing here passes or fails.
# usage: bench.sh BUILD [ROWS…]     rows: partition delay cpu fill disk disk_load select probe abort memory fleet
set -u
BUILD=${1:-build}
shift || true
export BUILD BIN=$BUILD/bin
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
sandbox "$0" "$BUILD" "$@"
ROWS=${*:-partition delay cpu fill disk disk_load select probe abort memory fleet}
DRILLS=${DRILLS:-100}

row() { printf '%-46s | %16s | %22s | %10s | %s\n' "$@"; }
wants() { case " $ROWS " in *" $1 "*) ;; *) return 1 ;; esac; }
program() { # program NAME: one of the C benchmarks, whose rows are as ours
	local p=$BUILD/tests/bench/bench_$1
	[ -x "$p" ] || return 0
	"$p" 2>"$T/bench.err" || {
		echo "bench_$1 ended with $?:"
		sed 's/^/  /' "$T/bench.err"
	}
}
# percentile FILE P: of one number a line
percentile() {
	sort -n "$1" | awk -v p="$2" '{v[NR]=$1} END {if (NR) {i=int(p/100*NR+0.999999); if (i<1) i=1; print v[i]} else print "-"}'
}

echo "stormdrill $("$BIN/stormctl" --version 2>/dev/null | awk '{print $NF}'), $(nproc) CPUs, kernel $(uname -r), $(date -u +%F)"
row "what" "ours" "peer, same run" "ratio" "target"
row "----" "----" "----" "----" "----"
for r in partition delay cpu fill disk disk_load select probe; do
	wants $r && program $r
done

# First bad answer known → decision → disarmed → undone → clean, over many drills.
# abort_file RATE BUDGET
abort_file() {
	cat >"$T/abort.yaml" <<-Y
	version: 1
	name: bench-abort
	probes:
	  shop:
	    http: {url: "http://127.0.0.1:8080/"}
	    rate: $1
	    good: {status: 200, within: 100ms}
	    objective: 99%
	    abort_at: 50%
	steady: {before: 400ms, during: 2s, after: 2s}
	budget: {$2}
	faults:
	  - net.partition: {to: [10.1.1.0/24], mode: reject}
	    id: cut
	    at: 50ms
	    for: 2s
	Y
}
# The moments of so many drills, in ms, one file each; their number in $drills.
abort_drills() {
	local i rc
	drills=0
	rm -f "$T"/stamp.*
	for ((i = 0; i < DRILLS; i++)); do
		rc=0
		rm -rf "$T/abort"
		"$BIN/stormctl" run "$T/abort.yaml" --out "$T/abort" "${DIRS[@]}" --embedded \
			>"$T/abort.log" 2>&1 || rc=$?
		[ $rc -eq 5 ] || { echo "  drill $i ended with $rc: $(tail -n 2 "$T/abort.log" | head -n 1)"; continue; }
		drills=$((drills + 1))
		jq -r '.decision.at_us as $decided | [.faults[0].states[] | select(.state == "active")][0].at_us as $active |
			.hosts[0].undo | . + {"evidence": (.disarmed_us - .first_bad_us),
				"in_force": ($decided - $active + .disarmed_us)} |
			to_entries[] | "\(.key | sub("_us$"; "")) \(.value / 1000)"' "$T/abort/journal.json" |
			while read -r key value; do echo "$value" >>"$T/stamp.$key"; done
	done
}
abort_row() { # abort_row WHAT STAMP TARGET
	row "  $1" "$(percentile "$T/stamp.$2" 50) / $(percentile "$T/stamp.$2" 99) ms" "-" "-" "$3"
}
abort_rows() {
	local drills
	backend b1 10.1.1.2
	balancer 8080 10.1.1.2
	wait_http http://127.0.0.1:8080/
	abort_file 200/s "false_abort: 0.1%"
	abort_drills
	echo "abort, one host, 200 probes/s, full outage, abort_at 50 %, $drills drills (p50 / p99):"
	abort_row "first bad answer known → disarmed" evidence "p50 ≤ 25, p99 ≤ 40"
	abort_row "fault in force → disarmed" in_force ""
	abort_row "decision → undo on the wire" sent ""
	abort_row "decision → received by stormd" received ""
	abort_row "decision → disarmed" disarmed "≤ 1"
	abort_row "decision → undone (read back)" undone "≤ 5"
	abort_row "decision → clean (swept, compared)" clean "≤ 250"
	abort_row "decision → first good answer" first_good ""
	abort_file 100/s "consecutive: 1"
	abort_drills
	echo "abort, one host, 100 probes/s, consecutive: 1, $drills drills (p50 / p99):"
	abort_row "first bad answer known → disarmed" evidence "≤ 12"
	abort_row "fault in force → disarmed" in_force "≤ 12"
	abort_row "decision → disarmed" disarmed "≤ 1"
	abort_row "decision → undone (read back)" undone "≤ 5"
}
wants abort && abort_rows

memory_rows() {
	"$BIN/stormctl" inject cpu.load percent=5 cpus=0 --for 4s "${DIRS[@]}" --embedded \
		--out "$T/memory" >"$T/memory.log" 2>&1 &
	local ctl=$! pid
	sleep 2
	for pid in $(pgrep '^stormd') $ctl; do
		[ -r "/proc/$pid/smaps_rollup" ] || continue
		row "PSS of $(tr '\0' ' ' <"/proc/$pid/cmdline" | awk '{print $1}' | sed 's|.*/||') ($(cat "/proc/$pid/comm"))" \
			"$(awk '/^Pss:/ {print $2 " KiB"}' "/proc/$pid/smaps_rollup")" \
			"toxiproxy idle 8148 KiB" "-" "agent ≤ 0.8 × toxiproxy"
	done
	wait $ctl
}
wants memory && memory_rows
# shellcheck source=tests/bench/fleet.sh
. "$HERE/tests/bench/fleet.sh"
wants fleet && fleet_rows
exit 0
