#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who hears whom: for every topology the table that `plan` shows is compared with what
# packets do between four hosts while the same seed's partition is in force; and a far side
# that is named.  Afterwards every host is as before.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
# shellcheck source=tests/system/hosts_lib.sh
. "$HERE/tests/system/hosts_lib.sh"
CTL="$BIN/stormctl"
NAMES=(h1 h2 h3 h4)

ok() { echo "ok: $*"; }
pki() { "$CTL" pki "$@" --dir "$T/pki" >"$T/pki.log" 2>&1 || fail "stormctl pki $*"; }

# --- the stage ------------------------------------------------------------------------------
stage
pki init
pki operator ann
pki operator vic --role viewer
{
	echo "version: 1"
	echo "hosts:"
} >"$T/hosts.yaml"
for name in "${NAMES[@]}"; do
	add_host "$name"
	pki host "$name"
	cp -r "$T/pki/hosts/$name" "$T/$name/pki"
	echo "  $name: {address: $(address "$name"), tags: {role: member}}" >>"$T/hosts.yaml"
done
echo "  us: {address: $OURS, tags: {role: controller}}" >>"$T/hosts.yaml"
for name in "${NAMES[@]}"; do
	start_agent "$name"
	web "$name"
done
for from in "${NAMES[@]}"; do # neighbours are known before anything is compared
	for to in "${NAMES[@]}"; do
		on "$from" ping -c 1 -W 5 -q "$(address "$to")" >>"$T/ping.log" 2>&1 ||
			fail "$from does not reach $to"
	done
done
snapshot_all >"$T/before" 2>&1
HOW=(--inventory "$T/hosts.yaml" --pki "$T/pki/operators/ann")

# --- what packets do ------------------------------------------------------------------------
# Echo requests that arrived on a host: counted behind its own firewall.
# shellcheck disable=SC2016
echoes() { on "$1" awk '/^Icmp: [0-9]/ { print $10 }' /proc/net/snmp; }

# hears TO FROM: does what FROM sends arrive?  One that is expected gets all the time a busy
# machine needs; one that is not is asked for three times.
hears() {
	local before i
	before=$(echoes "$1")
	for i in 1 2 3; do
		on "$2" ping -c 1 -W 0.3 -q "$(address "$1")" >>"$T/ping.log" 2>&1
		[ "$(echoes "$1")" -eq "$before" ] || return 0
	done
	return 1
}

# The table as `plan` draws it, from what is.
table() { # table NAME…, rows and columns in this order
	local to from line
	for to in "$@"; do
		line=$to
		for from in "$@"; do
			if [ "$to" = "$from" ]; then
				line="$line ."
			elif hears "$to" "$from"; then
				line="$line +"
			else
				line="$line x"
			fi
		done
		echo "$line"
	done
}

# A TCP connection needs both directions: tried for every pair of the table, all at once.
# What is not as the table says goes into $T/wrong.
try_tcp() { # try_tcp TABLE
	local a b both
	: >"$T/wrong"
	while read -r a b both; do
		{
			if [ "$both" = 1 ]; then
				on "$a" curl -so /dev/null --connect-timeout 20 "http://$(address "$b")/" ||
					echo "$a-$b is cut" >>"$T/wrong"
			else
				on "$a" curl -so /dev/null --connect-timeout 1 "http://$(address "$b")/" &&
					echo "$a-$b is not cut" >>"$T/wrong"
			fi
		} &
	done < <(awk '{ name[NR] = $1; for (i = 2; i <= NF; i++) hears[NR, i - 1] = $i }
		END { for (i = 1; i <= NR; i++) for (j = 1; j < i; j++)
			print name[i], name[j], hears[i, j] == "+" && hears[j, i] == "+" }' "$1")
	for a in $(jobs -p); do [ "$a" = "$RUN" ] || wait "$a"; done
}

state() { api "$1" status | jq -r '[.. | objects | .state? // empty] | last // ""'; }
in_force() { [ "$(state "$1")" = active ]; }

# inject_begin ARGUMENT…: in the background, until every host that takes part has its fault.
inject_begin() {
	"$CTL" plan --json --seed 7 "${HOW[@]}" "$T/plan.yaml" >"$T/plan.json" 2>"$T/plan.log" ||
		fail "plan: $(cat "$T/plan.log")"
	rm -rf "$T/out"
	"$CTL" run --seed 7 "${HOW[@]}" --out "$T/out" "$T/plan.yaml" >"$T/run.log" 2>&1 &
	RUN=$!
	for name in $(jq -r '.hosts[].name' "$T/plan.json"); do
		[ "$(jq -r --arg n "$name" '.hosts[] | select(.name == $n).agent' \
			"$T/plan.json")" = answered ] || fail "$name was not asked"
		wait_for 60 in_force_or_over "$name" || fail "no fault on $name"
	done
}
in_force_or_over() { in_force "$1" || ! kill -0 $RUN; }
# inject_end: its exit code
inject_end() {
	local rc=0
	kill -INT $RUN
	wait $RUN || rc=$?
	# shellcheck disable=SC2119
	wait_for 60 owes_nothing || fail "left behind: $(obligations)"
	return $rc
}
# find_table NAME…: the table of these while the plan is in force, into $T/found, and what
# TCP says against it, into $T/wrong
find_table() {
	local i rc
	for ((i = 0; i < ATTEMPTS; i++)); do
		rc=0
		inject_begin
		table "$@" >"$T/found"
		try_tcp "$T/found"
		inject_end || rc=$?
		was_starved "$T/run.log" || break
	done
	[ $rc -eq 8 ] || fail "stopped by us is exit $rc"
}

# --- topologies -----------------------------------------------------------------------------
for topology in halves isolate ring bridge one-way; do
	cat >"$T/plan.yaml" <<-Y
		version: 1
		name: $topology
		lease: 15s
		targets: {members: {where: role=member}}
		faults:
		  - net.partition: {}
		    target: members
		    topology: $topology
		    for: 120s
	Y
	"$CTL" plan --offline --seed 7 "${HOW[@]}" "$T/plan.yaml" >"$T/plan.txt" 2>"$T/plan.log" ||
		fail "plan of $topology"
	# rows "      h1  .  +  x  +" of the table
	awk '$1 ~ /^h[0-9]$/ && NF == 5 && $2 ~ /^[.+x]$/ { $1 = $1; print }' \
		"$T/plan.txt" >"$T/planned"
	[ "$(wc -l <"$T/planned")" -eq 4 ] || fail "no table of $topology"
	mapfile -t order < <(cut -d ' ' -f 1 "$T/planned")
	find_table "${order[@]}"
	diff "$T/planned" "$T/found" >"$T/diff.log" || fail "$topology is not as planned"
	[ ! -s "$T/wrong" ] || fail "$topology: TCP disagrees: $(tr '\n' ' ' <"$T/wrong")"
	ok "$topology: each hears whom the plan says"
done

# --- against --------------------------------------------------------------------------------
cat >"$T/plan.yaml" <<'Y'
version: 1
name: against
lease: 15s
targets:
  some: {hosts: [h1, h2]}
  far: {hosts: [h3]}
faults:
  - net.partition: {}
    target: some
    against: far
    for: 120s
Y
find_table h1 h2 h3 h4
diff "$T/found" - <<'TABLE' >"$T/diff.log" || fail "against is not as written"
h1 . + x +
h2 + . x +
h3 x x . +
h4 + + + .
TABLE
ok "against: the target alone holds the fault, and both sides are cut off"

# --- what is refused ------------------------------------------------------------------------
rc=0
"$CTL" inject net.partition --for 1s --target 'role=*' --topology halves --max-hosts 3 \
	"${HOW[@]}" --out "$T/none" >"$T/inject.log" 2>&1 || rc=$?
[ $rc -eq 9 ] || fail "one host too many is exit $rc"
grep -q 'the drill is on 4 hosts, and --max-hosts allows 3' "$T/inject.log" ||
	fail "one host too many is not said, or we were chosen ourselves"
rc=0
"$CTL" inject net.partition --for 1s --target role=controller --against role=member \
	"${HOW[@]}" --out "$T/none" >"$T/inject.log" 2>&1 || rc=$?
[ $rc -eq 9 ] || fail "our own host is exit $rc"
grep -q 'include-self' "$T/inject.log" || fail "our own host is not named"
ok "too many hosts and our own are refused"

# --- plans that not everybody answers -------------------------------------------------------
planned() { # planned CODE OPERATOR: what a plan of the last experiment says
	local rc=0
	"$CTL" plan --seed 7 --inventory "$T/hosts.yaml" --pki "$T/pki/operators/$2" \
		"$T/plan.yaml" >"$T/plan.txt" 2>"$T/plan.log" || rc=$?
	[ $rc -eq "$1" ] || fail "plan is exit $rc: $(cat "$T/plan.txt" "$T/plan.log")"
}
planned 9 vic
grep -q 'the agent of h1 would refuse this drill' "$T/plan.log" ||
	fail "a viewer's plan is not refused"
stop_agent h1
planned 0 ann
sed -n '/^hosts, 2 in all$/,$p' "$T/plan.txt" >"$T/planned"
grep -A 1 '^  h1$' "$T/planned" | grep -q '^      not asked: ' || fail "a dead agent was asked"
grep -A 20 '^  h2$' "$T/planned" | grep -q '^          undo: ' ||
	fail "a dead agent kept another from being asked"
start_agent h1
ok "plan says who would refuse and who does not answer"

# --- one fault without a file ---------------------------------------------------------------
for ((i = 0; i < ATTEMPTS; i++)); do
	rc=0
	rm -rf "$T/one"
	"$CTL" inject net.partition --for 1s --target role=member --topology isolate --seed 3 \
		"${HOW[@]}" --out "$T/one" >"$T/inject.log" 2>&1 || rc=$?
	was_starved "$T/inject.log" || break
done
# nobody sent anything: whoever held a fault that met nothing says so
[ $rc -eq 0 ] || [ $rc -eq 6 ] || fail "inject on hosts is exit $rc"
grep -q 'on 4 hosts' "$T/inject.log" || fail "inject was not on 4 hosts"
ok "inject runs on hosts"

snapshot_all >"$T/after" 2>&1
diff "$T/before" "$T/after" >"$T/diff.log" || fail "something is left behind"
ok "every host is as before"
