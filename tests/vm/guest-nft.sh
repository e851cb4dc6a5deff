#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of tests/vm/nft.sh.  Nothing here has to be fast.
set -u
[ -n "${IN_VM:-}" ] || {
	echo "guest-nft.sh: only in the guest: use tests/vm/nft.sh" >&2
	exit 2
}
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
sandbox "$0" "$@"

# A host without iptables: packets for a delay are queued by nftables.
mount --bind /dev/null "$(readlink -f /usr/sbin/iptables-restore)"
! iptables-restore --version >/dev/null 2>&1 || fail "iptables is still there"
host b1 10.1.1.2
wait_for 120 ping -q -c 1 -W 1 10.1.1.2 || fail "the test network does not work"

rtt() { # median of some round trips, in whole ms
	ping -n -c 5 -i 0.1 -W 20 "$1" | sed -n 's/.*time=\([0-9]*\).*/\1/p' | sort -n | sed -n 3p
}
active_or_over() { grep -q '"text":"active' "$T/out/events.ndjson" || ! kill -0 $CTL; }
delay() { # in force, and confirmed
	local i
	one_fault "net.delay: {engine: nfqueue, delay: 200ms, to: [10.1.1.2, \"$(host_v6 10.1.1.2)\"]}" \
		10m >"$T/drill.yaml"
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
	fail "the delay never came: $(cat "$T/ctl.log")"
}
at_once() { [ "$(rtt 10.1.1.2)" -lt 100 ]; }
no_rules() { [ -z "$(nft list ruleset)" ]; }

delay
nft list ruleset | grep -q ' queue ' ||
	fail "nothing is queued by nftables: $(nft list ruleset)"
for address in 10.1.1.2 "$(host_v6 10.1.1.2)"; do
	[ "$(rtt "$address")" -ge 180 ] || fail "$address is not late: $(rtt "$address") ms"
done
echo "ok: late by a queue of nftables"
kill -INT $CTL
wait $CTL
rc=$?
[ $rc -eq 8 ] || fail "a stopped drill ended with $rc"
wait_for 60 no_rules || fail "left behind after Ctrl-C: $(nft list ruleset)"
at_once || fail "still late after Ctrl-C"

delay
kill -KILL "$(pgrep -x stormd-fault)"
wait_for 60 no_rules || fail "left behind after the holder was killed: $(nft list ruleset)"
wait_for 60 at_once || fail "still late after the holder was killed"
wait $CTL
echo "ok: nothing is left"
