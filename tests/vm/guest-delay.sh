#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of tests/vm/smoke.sh.  Emulation is slow, so delays are compared
# generously and by their median, what is too long is measured again (a delay that is wrong
# stays so), and nothing here has to be fast.
set -u
[ -n "${IN_VM:-}" ] || {
	echo "guest-delay.sh: only in the guest: use tests/vm/smoke.sh" >&2
	exit 2
}
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
sandbox "$0" "$@"

host b1 10.1.1.2
host b2 10.1.2.2
tc qdisc replace dev v-b1 root fq_codel
wait_for 120 ping -q -c 1 -W 1 10.1.1.2 || fail "the test network does not work"
snapshot >"$T/before"

rtt() { # median of some round trips, in whole ms
	ping -n -c 5 -i 0.1 -W 20 "$1" | sed -n 's/.*time=\([0-9]*\).*/\1/p' | sort -n | sed -n 3p
}
about() { # about ADDRESS MS
	local ms i
	for ((i = 0; i < 20; i++)); do
		ms=$(rtt "$1")
		[ -n "$ms" ] || fail "no answer from $1"
		[ "$ms" -ge $(($2 * 9 / 10)) ] || fail "$1: $ms ms, expected at least $2"
		[ "$ms" -gt $(($2 * 2 + 30)) ] || break
	done
	[ "$ms" -le $(($2 * 2 + 30)) ] || fail "$1: $ms ms, expected about $2"
	echo "ok: $1 takes $ms ms of $2"
}
# inject PARAMETERS: in force, and confirmed, with a lease that no standstill outlasts
inject() {
	local i
	one_fault "net.delay: {engine: netem, $1}" 10m >"$T/drill.yaml"
	for ((i = 0; i < ATTEMPTS; i++)); do
		rm -rf "$T/out"
		env --default-signal=INT "$BIN/stormctl" run "$T/drill.yaml" --out "$T/out" \
			"${DIRS[@]}" --embedded >"$T/ctl.log" 2>&1 &
		CTL=$!
		wait_for 120 active_or_over || fail "the delay never came"
		sleep 2 # twice what an unconfirmed one has
		kill -0 $CTL 2>/dev/null && return
		was_starved "$T/ctl.log" || break
	done
	fail "the delay never came"
}
active_or_over() { grep -q '"text":"active' "$T/out/events.ndjson" || ! kill -0 $CTL; }
at_once() { [ "$(rtt 10.1.1.2)" -lt 30 ]; }
clean() {
	! ip link show type ifb | grep -q . && ! tc qdisc show | grep -q clsact && storm_gone
}

inject "delay: 50ms, to: [10.1.1.2, \"$(host_v6 10.1.1.2)\"], direction: both"
about 10.1.1.2 100
about "$(host_v6 10.1.1.2)" 100
about 10.1.2.2 0
tc qdisc show dev v-b1 | grep -q '^qdisc fq_codel .* root' || fail "the root qdisc was touched"
kill -INT $CTL
wait $CTL
rc=$?
[ $rc -eq 8 ] || fail "a stopped drill ended with $rc"
wait_for 60 clean || fail "left behind after Ctrl-C: $(ip -br link show type ifb; tc qdisc show | grep clsact)"
snapshot >"$T/after"
same "$T/before" "$T/after" "Ctrl-C"
about 10.1.1.2 0
rm -rf "$T/out"

inject "delay: 50ms, to: [10.1.1.2]"
about 10.1.1.2 50
kill -KILL "$(pgrep -x stormd | head -n 1)"
wait_for 60 at_once || fail "the delay stays after the agent was killed"
wait_for 120 clean || fail "left behind after the agent was killed: $(tc qdisc show; ip -br link)"
wait $CTL
rc=$?
[ $rc -eq 30 ] || fail "stormctl ended with $rc after its agent was killed, not 30"
snapshot >"$T/after"
same "$T/before" "$T/after" "SIGKILL of stormd"
echo "ok: nothing is left"
