#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What bad input gets: an error that names the place, the documented exit code, nothing
# injected, nothing lost.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
cd "$T" || exit 1
CTL="$BIN/stormctl"
PATH_FILL=$T/full
snapshot >"$T/before"
sleep 900 &

# refuse EXIT TEXT COMMAND…: ends with EXIT and says TEXT (a grep -E pattern) on stderr
refuse() {
	local want=$1 text=$2 rc=0
	shift 2
	timeout 60 "$@" >"$T/out.log" 2>"$T/err.log" </dev/null || rc=$?
	[ $rc -eq "$want" ] || fail "exit $rc, expected $want: $*"
	grep -qE "$text" "$T/err.log" || fail "did not say '$text': $*"
	echo "ok: $want $text"
}
file() { cat >"$T/x.yaml"; }
head_of() { printf 'version: 1\nname: x\n'; }

# --- the file -------------------------------------------------------------------------
refuse 3 'No such file' "$CTL" check "$T/absent.yaml"
file <<<'version: 1
name: [unclosed'
refuse 3 'x\.yaml:[0-9]+:[0-9]+: error' "$CTL" check "$T/x.yaml"
{ head_of; printf 'hypothesis: "'; head -c 3000000 /dev/zero | tr '\0' a; echo '"'; } >"$T/x.yaml"
refuse 3 'larger|too large|at most' "$CTL" check "$T/x.yaml"
{ head_of; printf 'vars: '; for ((i = 0; i < 5000; i++)); do printf '['; done; echo; } >"$T/x.yaml"
refuse 3 'deep|nest' "$CTL" check "$T/x.yaml"
{
	head_of
	echo 'a: &a [x, x, x, x, x, x, x, x, x]'
	for p in "b a" "c b" "d c" "e d" "f e" "g f"; do
		echo "${p% *}: &${p% *} [*${p#* }, *${p#* }, *${p#* }, *${p#* }, *${p#* }, *${p#* }]"
	done
} >"$T/x.yaml"
refuse 3 'x\.yaml:[0-9]+:[0-9]+: error' "$CTL" check "$T/x.yaml"
{ head_of; echo 'faults: [{net.dellay: {delay: 100ms, to: [10.0.0.0/8]}, for: 1s}]'; } >"$T/x.yaml"
refuse 3 "did you mean 'net.delay'" "$CTL" check "$T/x.yaml"
{ head_of; echo 'faults: [{net.delay: {dellay: 100ms, to: [10.0.0.0/8]}, for: 1s}]'; } >"$T/x.yaml"
refuse 3 "did you mean 'delay'" "$CTL" check "$T/x.yaml"
{ head_of; echo 'faults: [{cpu.load: {percent: 140%}, for: 1s}]'; } >"$T/x.yaml"
refuse 3 'percent|100' "$CTL" check "$T/x.yaml"
{ head_of; echo 'faults: [{net.delay: {delay: "${nope}", to: [10.0.0.0/8]}, for: 1s}]'; } >"$T/x.yaml"
refuse 3 "nope" "$CTL" check "$T/x.yaml"
{ head_of; echo 'faults: [{net.delay: {delay: 100ms, to: []}, for: 1s}]'; } >"$T/x.yaml"
refuse 3 'to|empty' "$CTL" check "$T/x.yaml"
{ head_of; echo 'faults: [{cpu.load: {percent: 10%}}]'; } >"$T/x.yaml"
refuse 3 "'?for'?" "$CTL" check "$T/x.yaml"
refuse 2 'usage|unknown' "$CTL" run
refuse 2 "did you mean" "$CTL" chekc "$T/x.yaml"
refuse 2 'unknown|no such' "$CTL" run "$T/x.yaml" --no-such-option
refuse 2 'percent' "$CTL" inject cpu.load percent=lots --for 1s "${DIRS[@]}" --embedded

# --- the host -------------------------------------------------------------------------
refuse 9 'no process|matches no|nothing matches' "$CTL" inject process.kill name=no-such-thing \
	"${DIRS[@]}" --embedded
refuse 9 'pid 1|protected|never' "$CTL" inject process.kill pid=1 "${DIRS[@]}" --embedded
refuse 9 'No such file|not a directory|path' "$CTL" inject disk.fill path="$T/absent" size=1MiB \
	--for 1s "${DIRS[@]}" --embedded
if ! ip link add probe0 type ifb 2>/dev/null || ! tc qdisc add dev probe0 root netem delay 1ms 2>/dev/null; then
	host b9 10.1.9.2
	refuse 9 'sch_netem' "$CTL" inject net.delay delay=10ms to=10.1.9.2 engine=netem --for 1s \
		"${DIRS[@]}" --embedded
	ip link del v-b9
	ip netns del b9
fi
ip link del probe0 2>/dev/null
mkdir -m 777 "$T/open"
chmod 755 "$T" "$T/host"
refuse 9 'root' setpriv --reuid 65534 --regid 65534 --clear-groups "$CTL" inject cpu.load \
	percent=5 --for 1s --host-dir "$T/host" --out "$T/open/x"

# --- agent unreachable ------------------------------------------------------------------
refuse 30 'agent|reach|socket' "$CTL" halt --run-dir "$T/host/nobody" --host-dir "$T/host"

# --- full disks -------------------------------------------------------------------------
mkdir "$PATH_FILL"
mount -t tmpfs -o size=16k tmpfs "$PATH_FILL"
dd if=/dev/zero of="$PATH_FILL/ballast" bs=1k count=64 2>/dev/null
refuse 9 'No space' "$CTL" inject cpu.load percent=5 cpus=0 --for 1s \
	--host-dir "$T/host" --run-dir "$PATH_FILL/run" --state-dir "$T/state" --embedded --out "$T/o1"
{ head_of; echo "faults: [{disk.fill: {path: $T, size: 1MiB}, for: 4s}]"; } >"$T/x.yaml"
rm -f "$PATH_FILL/ballast"
mkdir -p "$PATH_FILL/out"
"$CTL" run "$T/x.yaml" "${DIRS[@]}" --embedded --out "$PATH_FILL/out/d" >"$T/out.log" 2>"$T/err.log" &
ctl=$!
wait_for 60 grep -q '"type":"fired"' "$PATH_FILL/out/d/events.ndjson" || fail "never fired"
dd if=/dev/zero of="$PATH_FILL/ballast" bs=1k count=64 2>/dev/null # full in the middle of it
rc=0
wait $ctl || rc=$?
[ $rc -eq 0 ] || fail "a full --out changed the verdict: exit $rc"
echo "ok: a full --out undoes and keeps its verdict"
umount "$PATH_FILL"

# --- nobody reads what we say -----------------------------------------------------------
"$CTL" run "$T/x.yaml" "${DIRS[@]}" --embedded --out "$T/o2" 2>"$T/err.log" | true
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "SIGPIPE changed the verdict: ${PIPESTATUS[0]}"
echo "ok: a closed stdout undoes and keeps its verdict"

wait_for 60 storm_gone || fail "an agent process is still there"
snapshot >"$T/after"
same "$T/before" "$T/after" "bad input"
exit 0
