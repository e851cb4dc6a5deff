#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of tests/vm/clock.sh.  Steps in both directions and a drift: what the
# clock shows while they last, that neither lease nor deadline goes by it, and that it shows
# the truth to a few milliseconds afterwards, whoever died on the way.
set -u
[ -n "${IN_VM:-}" ] || {
	echo "guest-clock.sh: only in the guest: use tests/vm/clock.sh" >&2
	exit 2
}
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
sandbox "$0" "$@"

cc -O1 -o "$T/offset" tests/system/tools/clock_offset.c || fail "no compiler"
offset() { "$T/offset" | cut -d ' ' -f "$1"; }
uptime_ms() { tr -d . </proc/uptime | sed 's/\([0-9]*\) .*/\10/'; }

"$T/offset" synchronise || fail "cannot be made synchronised"
START=$("$T/offset")
[[ $START == *" sync" ]] || fail "not synchronised: $START"
truth=$(offset 2) # against CLOCK_MONOTONIC_RAW

error_us() { echo $(($(offset 2) - truth)); }
is_off() { # is_off MS: the clock is so far off the truth, to 5 ms
	local error
	error=$(($(error_us) / 1000 - $1))
	[ $error -ge -5 ] && [ $error -le 5 ]
}
state() { cut -d ' ' -f 3-5; }
is_true() { is_off 0 && [ "$("$T/offset" | state)" = "$(state <<<"$START")" ]; }
expect_true() {
	wait_for 60 is_true || fail "$1: $("$T/offset"), was $START: $(cat "$T/ctl.log")"
	echo "ok: $1: $(error_us) µs off"
}
inject() { # inject FOR PARAMETERS
	one_fault "host.clock: {$2}" "$1" >"$T/drill.yaml"
	rm -rf "$T/out"
	env --default-signal=INT "$BIN/stormctl" run "$T/drill.yaml" --out "$T/out" \
		"${DIRS[@]}" --embedded >"$T/ctl.log" 2>&1 &
	CTL=$!
}
off_or_over() { is_off "$1" || ! kill -0 $CTL; }
active() { # active MS
	wait_for 120 off_or_over "$1"
	is_off "$1" || fail "never in force: $(cat "$T/ctl.log")"
	[[ $("$T/offset") == *" unsync" ]] || fail "the hardware clock would be set to it"
}
ends_with() { # ends_with CODE WHAT
	local rc
	wait $CTL
	rc=$?
	[ $rc -eq "$1" ] || fail "$2 ended with $rc, not $1: $(cat "$T/ctl.log")"
}

# Its time is over by CLOCK_BOOTTIME, whatever the wall clock says.
for step in +1h -1h -90s; do
	case $step in +1h) ms=3600000 ;; -1h) ms=-3600000 ;; *) ms=-90000 ;; esac
	inject 5s "step: $step"
	active $ms
	began=$(uptime_ms)
	ends_with 0 $step
	took=$(($(uptime_ms) - began))
	[ $took -ge 2000 ] || fail "$step was over after $took ms of 5 s"
	[ $took -le 60000 ] || fail "$step took $took ms of 5 s"
	expect_true "after $step, for ${took} ms"
done

inject 10m "step: +1h"
active 3600000
kill -INT $CTL
ends_with 8 Ctrl-C
expect_true "after Ctrl-C"

inject 10m "step: -1h"
active -3600000
kill -KILL "$(pgrep -x stormd-fault)"
expect_true "after the holder was killed"
ends_with 6 "a lost fault"

inject 10m "step: +1h"
active 3600000
kill -KILL "$(pgrep -x stormd | head -n 1)"
expect_true "after stormd was killed"
ends_with 30 "a lost agent"

inject 10m "step: +1h"
active 3600000
kill -KILL $CTL
expect_true "after stormctl was killed"
wait_for 60 storm_gone || fail "somebody of ours still runs"

# Percents: what is a fault here is more than an emulated clock does by itself.
fast() { [ "$(error_us)" -ge 50000 ] || ! kill -0 $CTL; }
inject 10m "drift: 50000ppm"
wait_for 120 fast
[ "$(error_us)" -ge 50000 ] || fail "no drift: $(cat "$T/ctl.log")"
kill -INT $CTL
ends_with 8 "a drift"
expect_true "after a drift"
inject 10m "drift: -100000ppm"
slow() { [ "$(error_us)" -le -50000 ] || ! kill -0 $CTL; }
wait_for 120 slow
kill -KILL "$(pgrep -x stormd | head -n 1)"
ends_with 30 "a drift whose agent was killed"
expect_true "after a drift, and stormd killed"

# An NTP daemon that is paused for the time, and goes on when the clock is right again.
cp "$(command -v sleep)" "$T/chronyd"
"$T/chronyd" 1000 &
daemon=$!
daemon_is() { [ "$(sed 's/.*) //; s/ .*//' "/proc/$daemon/stat")" = "$1" ]; }
inject 10m "step: +1h, ntp: pause"
active 3600000
daemon_is T || fail "the NTP daemon is not paused"
kill -KILL "$(pgrep -x stormd-fault)"
expect_true "after a pause of the NTP daemon"
wait_for 60 daemon_is S || fail "the NTP daemon does not go on"
ends_with 6 "a lost fault"
kill $daemon

# Probes go by a clock that nobody sets: a step forwards and back again in the middle of a
# drill moves no request, makes no answer late, and is no breach.
cc -D_GNU_SOURCE -O1 -pthread -o "$T/hostile" tests/system/tools/hostile.c || fail "no compiler"
"$T/hostile" 9000 good >"$T/ports" &
server=$!
wait_for 60 grep -q '^ready' "$T/ports" || fail "no server to probe"
probed() { # probed STEP: its exit code
	cat >"$T/drill.yaml" <<-Y
	version: 1
	name: probed
	lease: 15s
	steady: {before: 5s, during: 6s, after: 30s}
	probes:
	  shop:
	    http: {url: "http://127.0.0.1:$(sed -n 's/^fine //p' "$T/ports")/", timeout: 10s}
	    rate: 10/s
	    objective: 90%
	faults: [{host.clock: {step: $1}, at: 1s, for: 3s}]
	Y
	rm -rf "$T/out"
	"$BIN/stormctl" run "$T/drill.yaml" --out "$T/out" "${DIRS[@]}" --embedded \
		>"$T/ctl.log" 2>&1
}
total() { # total KEY: of the probe, during
	sed -n "s/.*\"type\":\"probe\".*\"text\":\"during\".*\"$1\":\([0-9]*\).*/\1/p" \
		"$T/out/events.ndjson"
}
for step in +1h -1h; do
	for ((i = 0; i < ATTEMPTS; i++)); do
		probed $step
		rc=$?
		[ $rc -ne 0 ] && was_starved "$T/ctl.log" || break
	done
	[ $rc -eq 0 ] || fail "probes and a step of $step: $rc: $(cat "$T/ctl.log")"
	n=$(total n) max=$(total max_us)
	[ "$n" -ge 30 ] && [ "$n" -le 70 ] || fail "$n requests in 6 s at 10/s, with $step"
	[ "$max" -le 10000000 ] || fail "an answer took $max µs, with $step"
	expect_true "after probes with $step: $n answers, $max µs at most"
done
kill $server

# Somebody sets the clock meanwhile: that is theirs, and said.
inject 30s "step: +1h"
active 3600000
date -s @$(($(date +%s) - 3600)) >/dev/null
ends_with 6 "a clock set by somebody else"
ms=$(($(error_us) / 1000))
[ ${ms#-} -le 2500 ] || fail "$ms ms off after somebody else set it"
echo "ok: a clock set by somebody else is a lost fault, and theirs: $ms ms off"
wait_for 60 storm_gone || fail "somebody of ours still runs"
