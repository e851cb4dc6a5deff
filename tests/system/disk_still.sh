#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# disk.freeze and disk.readonly through the real agent: a writer that stands still goes on
# afterwards; what the agent, the controller or the host needs is refused, and so is what
# cannot be taken back; somebody else's thaw ends the fault as lost, somebody else's freeze
# stays theirs.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
command -v fsfreeze >/dev/null || skip "fsfreeze (util-linux) is not installed"
sandbox "$0" "$@"

disk=$T/disk
truncate -s 64M "$T/disk.img"
mkfs.ext4 -q -F "$T/disk.img"
mkdir "$disk" "$T/other"
mount -o loop,nosuid "$T/disk.img" "$disk"
[ "$(stat -c %d "$disk")" != "$(stat -c %d /)" ] || fail "the test disk is the machine's"
# Whatever happens nobody is left waiting for ever.
trap 'fsfreeze -u "$disk" 2>/dev/null; umount -l "$disk" 2>/dev/null' EXIT

inject() { # inject KIND ARG…: what it said in $T/inject.log
	local rc=0
	"$BIN/stormctl" inject "$@" "${DIRS[@]}" --embedded --out "$T/out" \
		>"$T/inject.log" 2>&1 || rc=$?
	rm -rf "$T/out"
	return $rc
}
refuses() { # refuses TEXT KIND ARG…
	local text=$1 rc=0 exit=9
	shift
	[ "$text" = "${text#frozen}" ] || exit=6 # known only when it is tried
	inject "$@" --for 1s || rc=$?
	[ $rc -eq $exit ] || fail "$*: exit $rc instead of $exit"
	grep -q "$text" "$T/inject.log" || fail "$*: does not say '$text'"
	echo "ok: refused: $(sed -n 's/.*error *//p' "$T/inject.log" | head -n 1)"
}
state() {
	curl -s --max-time 1 --unix-socket "$T/host/test/api.sock" http://agent/v1/status |
		jq -r '.. | objects | .state? // empty' 2>/dev/null | head -n 1
}
is_active() { [ "$(state)" = active ]; }
in_background() {
	"$BIN/stormctl" inject "$@" "${DIRS[@]}" --embedded --out "$T/out" \
		>"$T/inject.log" 2>&1 &
	CTL=$!
	wait_for 60 is_active || fail "$*: never active"
}
ended() { # ended EXIT TEXT
	local rc=0
	wait "$CTL" || rc=$?
	rm -rf "$T/out"
	[ $rc -eq "$1" ] || fail "exit $rc instead of $1"
	grep -q "$2" "$T/inject.log" || fail "does not say '$2'"
}
options() { findmnt -n -o OPTIONS "$disk"; }
count() { # it may be being written
	local n=''
	until [ -n "$n" ]; do n=$(cat "$T/count" 2>/dev/null); done
	echo "$n"
}
grown() { [ "$(count)" -gt "$1" ]; }

# --- frozen ----------------------------------------------------------------------------
before=$(options)
echo 0 >"$T/count"
(n=0; while echo x >"$disk/file"; do n=$((n + 1)); echo $n >"$T/count"; sleep 0.01; done) &
writer=$!
wait_for 20 grown 3 || fail "the writer does not write"
in_background disk.freeze "path=$disk" --for 3s
at=$(count)
sleep 0.5
[ "$(count)" -le $((at + 1)) ] || fail "the writer went on"
cat "$disk/file" >/dev/null || fail "nobody can read"
at=$(count)
ended 0 'is frozen, a write waits'
wait_for 20 grown $((at + 3)) || fail "the writer does not go on"
echo "ok: a writer stood still and went on"

in_background disk.freeze "path=$disk" --for 60s
fsfreeze -u "$disk"
ended 6 'somebody has thawed'
wait_for 20 grown "$(count)" || fail "the writer does not go on"
echo "ok: thawed by somebody else: lost"

fsfreeze -f "$disk"
refuses 'frozen already, by somebody else' disk.freeze "path=$disk"
fsfreeze -u "$disk" || fail "somebody else's freeze was ended"
kill $writer
wait $writer 2>/dev/null

in_background disk.freeze "path=$disk" --for 60s
umount -l "$disk"
kill -INT "$CTL"
ended 8 ''
mount -o loop,nosuid "$T/disk.img" "$disk" || fail "the disk is not free again"
echo x >"$disk/file" || fail "the disk is still frozen"
echo "ok: thawed though it had been unmounted meanwhile"

# --- read-only -------------------------------------------------------------------------
for scope in filesystem mount; do
	mount --bind "$disk" "$T/other"
	in_background disk.readonly "path=$disk" "scope=$scope" --for 60s
	echo x 2>/dev/null >"$disk/file" && fail "$scope: takes changes"
	if [ $scope = mount ]; then
		echo x >"$T/other/file" || fail "$scope: another mount is read-only, too"
	else
		echo x 2>/dev/null >"$T/other/file" && fail "$scope: takes changes elsewhere"
	fi
	kill -INT "$CTL"
	ended 8 'is read-only'
	echo x >"$disk/file" || fail "$scope: is still read-only"
	[ "$(options)" = "$before" ] || fail "$scope: '$before' became '$(options)'"
	umount "$T/other"
done
echo "ok: read-only, and then as it was: $before"

in_background disk.readonly "path=$disk" --for 60s
mount -o remount,rw "$disk"
ended 6 'somebody has made'
echo "ok: made writable by somebody else: lost"

sleep 600 7>"$disk/open" &
refuses "open for writing: sleep ($!)" disk.readonly "path=$disk"
refuses "open for writing: sleep ($!)" disk.readonly "path=$disk" scope=mount
kill $!
wait $! 2>/dev/null
mount -o remount,ro "$disk"
refuses 'is read-only already' disk.readonly "path=$disk"
refuses 'nobody writes there' disk.freeze "path=$disk"
mount -o remount,rw "$disk"

# --- what must go on -------------------------------------------------------------------
for kind in disk.freeze disk.readonly; do
	refuses 'would stop' $kind path=/
	refuses 'would stop' $kind path=/proc/sys
	ended_by() { "$BIN/stormctl" inject $kind "path=$disk" --for 1s "${DIRS[@]}" \
		--embedded --out "$disk/out" >"$T/inject.log" 2>&1; }
	rc=0
	ended_by || rc=$?
	{ [ $rc -eq 9 ] && grep -q 'the controller, which writes there' "$T/inject.log"; } ||
		fail "$kind: exit $rc with results on the disk"
	rm -rf "$disk/out"
	truncate -s 8M "$disk/run.img"
	mkfs.ext4 -q -F "$disk/run.img"
	mkdir -p "$T/host2"
	mount -o loop "$disk/run.img" "$T/host2"
	rc=0
	"$BIN/stormctl" inject $kind "path=$disk" --for 1s --host-dir "$T/host2" \
		--run-dir "$T/host2/test" --state-dir "$T/state" --embedded --out "$T/out" \
		>"$T/inject.log" 2>&1 || rc=$?
	{ [ $rc -eq 9 ] && grep -q 'whose records are there' "$T/inject.log"; } ||
		fail "$kind: exit $rc with the records in an image on the disk"
	umount "$T/host2"
	rm -rf "$T/out" "$disk/run.img"
done
echo "ok: what the agent, the controller and the host need is refused"
mkdir -p "$T/memory"
mount -t tmpfs tmpfs "$T/memory"
refuses 'can be frozen' disk.freeze "path=$T/memory"
ln -s "$disk" "$T/link"
refuses 'symbolic link' disk.freeze "path=$T/link"
echo x >"$disk/file" || fail "the disk takes no changes"
umount "$disk"
