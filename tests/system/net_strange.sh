#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What stands in the way of a network fault: words that make no sense, an interface that
# goes, somebody else's clsact, a rule manager that flushes everything, and the xtables lock
# in somebody's hand.  Each has a sane end, and none leaves anything behind.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
CTL="$BIN/stormctl"
ok() { echo "ok: $*"; }
host b1 10.1.1.2
host b2 10.1.2.2
reaches() { ping -q -c 1 -W 1 "$1" >/dev/null; }
cut() { ! reaches "$1"; }
wait_for 60 reaches 10.1.1.2 || fail "the test network does not work"
wait_for 60 reaches 10.1.2.2 || fail "the test network does not work"

# refuse EXIT TEXT KIND PARAMETER…
refuse() {
	local want=$1 text=$2 rc=0
	shift 2
	timeout 120 "$CTL" inject "$@" --for 10s "${DIRS[@]}" --embedded --out "$T/r.$RANDOM$RANDOM" \
		>"$T/ctl.log" 2>&1 </dev/null || rc=$?
	[ $rc -eq "$want" ] || fail "exit $rc, expected $want: $*"
	grep -qE "$text" "$T/ctl.log" || fail "did not say '$text': $*"
	ok "$want $text"
}
# drill FAULT [FOR]: in force and confirmed, its pid in $ctl
drill() {
	local i
	one_fault "$1" "${2:-60s}" >"$T/drill.yaml"
	for ((i = 0; i < ATTEMPTS; i++)); do
		rm -rf "$T/out"
		env --default-signal=INT "$CTL" run "$T/drill.yaml" "${DIRS[@]}" --embedded \
			--out "$T/out" >"$T/drill.log" 2>&1 &
		ctl=$!
		wait_for 120 active_or_over || fail "never active"
		sleep 1.5 # longer than an unconfirmed one has
		kill -0 $ctl 2>/dev/null && return
		was_starved "$T/drill.log" || break
	done
	fail "never active"
}
active_or_over() { grep -q '"text":"active' "$T/out/events.ndjson" || ! kill -0 $ctl; }
finish() { # finish EXIT WHAT: the drill ends like this and leaves nothing behind
	local rc=0
	wait "$ctl" || rc=$?
	[ $rc -eq "$1" ] || fail "$2: exit $rc, expected $1"
	wait_for 60 storm_gone || fail "$2: an agent process is still there"
	snapshot >"$T/after"
	same "$T/before" "$T/after" "$2"
	ok "$2"
}
stop() {
	kill -INT "$ctl"
	finish 8 "$1"
}
snapshot >"$T/before"

# --- words that make no sense ------------------------------------------------------------
refuse 2 'jitter 20ms is more than the delay 10ms' net.delay delay=10ms jitter=20ms to=any
refuse 2 'net.partition needs to' net.partition port=80
refuse 2 'an item of the list is empty' net.partition to=
refuse 2 'reorder needs delay' net.loss loss=5% reorder=5% to=any
refuse 2 'could mean bits or bytes' net.rate rate=10Mbps to=any
refuse 3 'everything that .to. names is excluded' net.partition to=10.1.1.2 exclude=10.1.0.0/16
refuse 9 'nosuch0' net.loss loss=5% to=10.1.1.2 interface=v-b1,nosuch0
refuse 9 'no such user|nobody-here' net.loss loss=5% to=10.1.1.2 user=nobody-here
snapshot >"$T/after"
same "$T/before" "$T/after" "what was refused"

# --- all of it lost: the agent is on this host and is heard all the same -------------------
drill 'net.loss: {loss: 100%, to: any, direction: both, engine: nfqueue}'
wait_for 30 cut 10.1.1.2 || fail "nothing is lost"
stop "a loss of everything is stopped as any other"
wait_for 30 reaches 10.1.1.2 || fail "lost after the end"

# --- somebody else's clsact ----------------------------------------------------------------
tc qdisc add dev v-b1 clsact
tc filter add dev v-b1 egress protocol ip prio 7 u32 match ip dst 192.0.2.9/32 flowid 1:1 ||
	fail "no filter of somebody else's"
snapshot >"$T/before"
drill 'net.delay: {delay: 50ms, to: 10.1.1.2}'
tc filter show dev v-b1 egress | grep -q 'pref 7 u32' || fail "their filter is gone"
stop "another's clsact and filter stay"
tc qdisc del dev v-b1 clsact
snapshot >"$T/before"

# --- a rule manager ------------------------------------------------------------------------
drill 'net.partition: {to: 10.1.1.2}' 10s
wait_for 30 cut 10.1.1.2 || fail "not cut"
iptables -F && iptables -X || fail "the rules cannot be flushed"
reaches 10.1.1.2 || fail "still cut without a rule"
wait_for 30 grep -q 'lost' "$T/drill.log" || fail "nobody said that it was lost"
finish "${LOST:-6}" "rules that are flushed are told as lost"

# --- an interface that goes -----------------------------------------------------------------
without_b2() { snapshot | grep -vE 'v-b2|10\.1\.2\.|fd10:1:2:'; }
gone() { # gone FAULT WHAT
	without_b2 >"$T/before"
	drill "$1"
	ip link del v-b2
	sleep 1
	kill -INT "$ctl"
	wait "$ctl"
	wait_for 60 storm_gone || fail "$2: an agent process is still there"
	without_b2 >"$T/after"
	same "$T/before" "$T/after" "$2"
	ok "$2"
	ip netns del b2
	host b2 10.1.2.2
	wait_for 60 reaches 10.1.2.2 || fail "the network does not come back"
	snapshot >"$T/before"
}
gone 'net.partition: {to: 10.1.2.2, interface: v-b2}' "a partition of an interface that goes"
gone 'net.loss: {loss: 50%, to: 10.1.2.2, interface: v-b2, direction: both}' \
	"a loss on an interface that goes"

# --- the xtables lock -------------------------------------------------------------------------
# Only the legacy tools take it; in our mount namespace they stand in the place of the others.
if ! iptables-legacy -L >/dev/null 2>&1; then
	echo "skip: no iptables-legacy, the xtables lock is not tried"
	exit 0
fi
mount --bind "$(command -v xtables-legacy-multi)" "$(readlink -f "$(command -v iptables)")" ||
	fail "cannot put iptables-legacy in place"
iptables --version | grep -q legacy || fail "this is not iptables-legacy"
# The first drill leaves the tables of legacy, empty, for good.
drill 'net.partition: {to: 10.1.1.2}'
kill -INT "$ctl"
wait "$ctl"
wait_for 60 storm_gone || fail "an agent process is still there"
snapshot >"$T/before"
is_locked() { ! flock --nonblock "$XTABLES_LOCKFILE" true; }
hold_lock() { # hold_lock SECONDS: so long nobody else has it; the holder in $lock
	flock --exclusive "$XTABLES_LOCKFILE" sleep "$1" &
	lock=$!
	wait_for 60 is_locked || fail "nobody holds the lock"
}

hold_lock 5
drill 'net.partition: {to: 10.1.1.2}'
! kill -0 $lock 2>/dev/null || fail "armed although somebody had the lock"
cut 10.1.1.2 || fail "not cut"
hold_lock 15
kill -INT "$ctl"
wait_for 10 reaches 10.1.1.2 || fail "the lock holds up the undo"
kill -0 $lock || fail "the lock was given back too early for this test"
finish 8 "the lock in somebody's hand delays arming and sweeping, not disarming"
wait $lock
hold_lock 40
refuse 9 'the xtables lock .* was not to be had in .*: .* holds it' net.partition to=10.1.1.2
kill $lock
wait $lock
snapshot >"$T/after"
same "$T/before" "$T/after" "a lock that is never given back"
exit 0
