#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of tests/vm/everything.sh.  What uses up CPUs, memory, a disk, inodes
# and processes is in force, all of them at once, and then: the host is halted; stormd is
# killed, and its guardian has to do it; every holder is killed, and it is done by record.
# How long that took is printed, and nothing is asked of it: the machine is emulated.
set -u
[ -n "${IN_VM:-}" ] || {
	echo "guest-everything.sh: only in the guest: use tests/vm/everything.sh" >&2
	exit 2
}
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
T=$(mktemp -d)
CTL=$BIN/stormctl
API=/run/stormdrill/default/api.sock

for disk in disk inodes; do # a full disk has no room for the names of inodes
	truncate -s 64M "$T/$disk.img"
	mkfs.ext4 -q -F -N 2000 "$T/$disk.img"
	mkdir "$T/$disk"
	mount -o loop "$T/$disk.img" "$T/$disk" || fail "no disk"
done
chmod 755 "$T"

kinds=$("$CTL" faults | awk '/^[a-z]+[.]/ { print $1 }')
has() { grep -qx "$1" <<<"$kinds"; }
# Not host.fds: a holder without CAP_SYS_ADMIN may open nothing then, not even the file by
# which its cgroup is killed, and gives its fault up; it is tried alone (guest-limits.sh).
faults() {
	echo "  - cpu.load: {percent: 100%}"
	echo "  - disk.fill: {path: $T/disk, leave: 0}"
	! has disk.inodes || echo "  - disk.inodes: {path: $T/inodes, leave: 0}"
	! has memory.fill || echo "  - memory.fill: {leave: 64MiB}"
	! has host.pids || echo "  - host.pids: {leave: 16}"
}
printf 'allow %s\n' "$(tr '\n' ' ' <<<"$kinds")" >"$T/policy"
chmod 644 "$T/policy"
{
	printf 'version: 1\nname: everything\nlease: 30s\nfaults:\n'
	faults | sed 's/}$/}\n    for: 5m/'
} >"$T/drill.yaml"
count=$(grep -c 'for: 5m' "$T/drill.yaml")
echo "at once: $(faults | sed 's/^ *- //; s/:.*//' | tr '\n' ' ')"

api() { curl -sf --max-time 60 --unix-socket $API "http://agent/v1/$1"; }
active() { api status | jq '[.. | objects | select(.state? == "active")] | length'; }
all_active() { [ "$(active)" = "$count" ]; }
all_active_or_over() { all_active || ! kill -0 "$ctl"; }
start() {
	"$BIN/stormd" --policy "$T/policy" >>"$T/stormd.log" 2>&1 &
	STORMD=$!
	answers_or_over() { api status || ! kill -0 "$STORMD"; }
	wait_for 120 answers_or_over
	api status >/dev/null || fail "stormd does not answer"
}
world() {
	df --output=used,iused "$T/disk" "$T/inodes"
	cat /proc/sys/fs/file-max /proc/sys/kernel/threads-max /proc/sys/kernel/pid_max
	find /sys/fs/cgroup -maxdepth 4 -name 'stormdrill-*'
	find /run/stormdrill/default/undo -type f 2>/dev/null
	ps -e -o comm= | grep -E '^stormd-(fault|undo|[bdkp])' # holders and their crews
}
# Again when the machine stood still, and our agent or a holder was taken for one that hangs.
storm() {
	local i
	for ((i = 0; i < ATTEMPTS; i++)); do
		: >"$T/stormd.log"
		pgrep -x stormd >/dev/null || start
		"$CTL" run "$T/drill.yaml" --out "$T/out.$RANDOM$RANDOM" >"$T/ctl.log" 2>&1 &
		ctl=$!
		wait_for 60 all_active_or_over
		all_active && break
		grep -qE 'stands still|did not answer in time' "$T/stormd.log" ||
			was_starved "$T/ctl.log" || break
		wait_for 20 back
	done
	all_active || fail "not all of them are in force"
	drill=$(api status | jq -r '.. | objects | .drill? // empty' | head -n 1)
	echo "in force: $(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo) MiB of memory," \
		"$(df --output=avail -k "$T/disk" | tail -n 1) KiB of the disk left," \
		"load $(cut -d' ' -f1 /proc/loadavg)"
}
now() { tr -d . </proc/uptime | cut -d' ' -f1; } # hundredths of a second
back() { [ "$(world)" = "$before" ]; }
check() {
	wait_for 30 back || fail "$1: the host is not as before: $(diff <(echo "$before") <(world))"
	"$BIN/stormd-undo" --doctor >"$T/doctor.log" 2>&1 || fail "$1: --doctor is not content"
	echo "ok: $1"
}

before=$(world)
start

# --- halt ---------------------------------------------------------------------------------
storm
began=$(now)
# A process that was killed may wait seconds here for the turn in which it dies: halt says
# then what is not undone yet, and is asked again.
halted() {
	"$CTL" halt >"$T/halt.log" 2>&1
	code=$?
	[ $code = 20 ] && grep -q 'is not undone yet' "$T/halt.log" && return 1
	return 0
}
wait_for 10 halted
[ $code = 0 ] || fail "halt: exit $code"
took=$(($(now) - began))
echo "halt: answered after $((took * 10)) ms; told to disarmed, by fault:"
api "drills/$drill" | jq -r '.faults[] |
	"  \(.kind): disarmed \((.disarmed_us - .told_us) / 1000) ms, undone \((.undone_us - .told_us) / 1000) ms, clean \((.clean_us - .told_us) / 1000) ms"' ||
	fail "the drill says nothing of it"
wait "$ctl"
check "halt under everything"
"$CTL" resume >"$T/resume.log" 2>&1 || fail "resume"

# --- every holder is killed -----------------------------------------------------------------
storm
for holder in $(api status | jq -r '.. | objects | .holder_pid? // empty'); do
	kill -KILL "$holder"
done
began=$(now)
# On a machine as slow as this one stormd may be taken for hung: then its guardian does it.
nothing_active() { [ "$(active)" = 0 ] || ! kill -0 "$STORMD"; }
wait_for 60 nothing_active || fail "still active without a holder"
check "every holder killed under everything"
wait "$ctl"
echo "by record: the host was as before $((($(now) - began) * 10)) ms after the holders died"

# --- stormd is killed -----------------------------------------------------------------------
storm
kill -KILL "$STORMD"
began=$(now)
check "stormd killed under everything"
echo "guardian: the host was as before $((($(now) - began) * 10)) ms after stormd died"
wait "$ctl"
exit 0
