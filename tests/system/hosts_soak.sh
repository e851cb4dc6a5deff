#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Thirty hosts over mutual TLS, one drill after another, and in most of them something dies
# or is cut off at a random moment: agents, their children, stormctl, cables.  After each,
# nothing is owed, no rule, set, link or process of a fault is left on any host, and no
# drill ends in a way that no drill should (20, 70, a hang).
#
# SOAK=MINUTES   how long (2)        SEED=N   the same dice again        HOSTS_N=N  (30)
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
# shellcheck source=tests/system/hosts_lib.sh
. "$(dirname "$0")/hosts_lib.sh"
SEED=${SEED:-$((($(date +%s) * 7919) % 30011))}
RANDOM=$SEED
N=${HOSTS_N:-30}
echo "SEED=$SEED"

stage
for ((i = 1; i <= N; i++)); do
	TAGS[h$i]="zone: z$((i % 3))"
	add_host h$i
done
enrol
take_inventory
for name in "${HOSTS[@]}"; do start_agent "$name"; done

# pick WORD…: one of them, into $PICKED.  (Dice in a subshell would always fall alike.)
pick() { PICKED=${*:RANDOM % $# + 1:1}; }
FAULTS=("net.partition: {to: [10.77.0.250]}" "net.delay: {delay: 20ms, to: [10.77.0.250]}"
	"disk.fill: {path: /mnt, size: 64KiB}" "disk.fill: {path: /mnt, size: 4KiB}")
TARGETS=("where: zone" "where: 'zone=z1', pick: 50%" "where: 'zone in (z0, z2)', pick: 5"
	"where: zone, pick: minority, spread: zone")
EVENTS=(none none stormctl stormd stormd stormd-front stormd-guardian stormd-fault freeze cable)

# A host that has a fault, or now and then any host.
pick_host() {
	local owing
	mapfile -t owing < <(obligations | sed "s|^$T/||; s|/.*||" | sort -u)
	pick "${HOSTS[@]}"
	[ ${#owing[@]} -eq 0 ] || [ $((RANDOM % 4)) -eq 0 ] || pick "${owing[@]}"
}
# happens WHAT: as somebody out of our control would do it.
happens() {
	local pid
	pick_host
	case $1 in
	stormctl) kill -KILL $RUN 2>/dev/null ;;
	stormd) signal_agent "$PICKED" KILL 2>/dev/null ;;
	freeze) signal_agent "$PICKED" STOP 2>/dev/null ;;
	cable) unplug "$PICKED" ;;
	*)
		pid=$(process_of "$PICKED" "$1")
		[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
		;;
	esac
	echo "  $1 $PICKED"
}
# No agent lacks one of its three processes, none has one too many.
whole() { [ "$(pgrep -c '^stormd')" -eq $((3 * N)) ]; }
settled() { owes_nothing && whole; }
# Each host that took part is as it was; after every fifth drill, and the last, all of them.
compare() {
	local name
	if [ $((drills % 5)) -eq 0 ] || [ $SECONDS -ge $LAST ]; then
		snapshot_all >"$T/after"
		same "$T/before" "$T/after" "$1"
		return
	fi
	for name in $(events -r 'select(.host != null) | .host' | sort -u); do
		[ -n "${NUMBER[$name]:-}" ] || continue # our own name
		snapshot_host "$name" >"$T/$name/after"
		same "$T/$name/before" "$T/$name/after" "$1, on $name"
	done
}

wait_for 30 whole || fail "not every agent came up whole"
snapshot_all >"$T/before"
for name in "${HOSTS[@]}"; do snapshot_host "$name" >"$T/$name/before"; done
LAST=$((SECONDS + ${SOAK:-2} * 60))
declare -A TALLY
drills=0 in_force=0
# Nothing dies until one drill has shown that faults come into force here at all.
while [ $SECONDS -lt $LAST ] || { [ $in_force -eq 0 ] && [ $drills -lt 10 ]; }; do
	drills=$((drills + 1))
	echo "drill $drills"
	pick "${TARGETS[@]}"
	target=$PICKED
	pick "${FAULTS[@]}"
	drill "n$drills" --seed $((drills + SEED)) <<-Y
	lease: 3s
	targets: {some: {$target}}
	faults:
	  - $PICKED
	    id: one
	    target: some
	    for: 3s
	Y
	pick "${EVENTS[@]}"
	[ $in_force -gt 0 ] || PICKED=none
	what=$PICKED
	for ((i = RANDOM % 3; i >= 0; i--)); do
		sleep "$((RANDOM % 2)).$((RANDOM % 10))"
		[ "$what" = none ] || happens "$what"
	done
	rc=0
	wait_for 120 is_over $RUN || fail "drill $drills: stormctl hangs"
	wait $RUN 2>/dev/null || rc=$?
	TALLY[$rc]=$((${TALLY[$rc]:-0} + 1))
	grep -q '"text":"active' "$T/out.$DRILL/events.ndjson" && in_force=$((in_force + 1))
	echo "  exit $rc"
	[[ " 0 6 8 9 30 137 " == *" $rc "* ]] || fail "drill $drills ($what): exit $rc"
	mend
	wait_for 60 settled || fail "drill $drills ($what): $(obligations)"
	compare "drill $drills ($what, exit $rc)"
	rm -rf "$T/out.n$drills" "$T/n$drills.log"
done
for rc in "${!TALLY[@]}"; do echo "ok: ${TALLY[$rc]} drills ended with $rc"; done
echo "ok: in $in_force of $drills a fault came into force"
[ $in_force -gt 0 ] || fail "no fault ever came into force: the soak looked at nothing"
for name in "${HOSTS[@]}"; do signal_agent "$name" TERM; done
for name in "${HOSTS[@]}"; do
	wait_for 60 agent_is_gone "$name" || fail "left running on $name: $(processes "$name")"
done
exit 0
