#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: guest-power.sh LAST NEXT, in the guest of tests/vm/power.sh
#
# What the power cut at LAST left is as expected, and is swept; then a fault is led to NEXT,
# and the power goes.  A moment is held by freezing the file system that is written to next:
# whoever writes waits, and what has been written before stays.
set -u
[ -n "${IN_VM:-}" ] || {
	echo "guest-power.sh: only in the guest: use tests/vm/power.sh" >&2
	exit 2
}
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
LAST=$1 NEXT=$2
T=$(mktemp -d)
CTL=$BIN/stormctl
STATE=/var/lib/stormdrill # the agents' default
DATA=/mnt/data

modprobe -a virtio_blk ext4
mkdir -p $STATE $DATA
mount -t ext4 /dev/vda $STATE || fail "no disk for the state"
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=262144 share $DATA ||
	fail "no disk to fill"

records() { find $STATE -path '*/undo/*' ! -name '.*' | grep .; }
files() { find $DATA -name '.stormdrill-*' | grep .; }
no() { ! "$@"; }
status() {
	curl -sf --max-time 60 --unix-socket /run/stormdrill/default/api.sock http://agent/v1/status
}
in_state() { status | jq -e --arg s "$1" '[.. | objects | .state?] | index($s)' >/dev/null; }
is_or_over() { in_state "$1" || ! kill -0 "$ctl"; }
cut() {
	echo "cut: $NEXT; records: $(records | wc -l), files: $(files | wc -l)"
	echo GUEST-CUT
	sleep 600
	fail "the power is still on"
}
start() {
	printf 'allow disk.fill\n' >"$T/policy"
	chmod 644 "$T/policy"
	"$BIN/stormd" --policy "$T/policy" >>"$T/stormd.log" 2>&1 &
	wait_for 120 status || fail "stormd does not start"
}
inject() { # in the background, its pid in $ctl
	env --default-signal=INT "$CTL" inject disk.fill path=$DATA size=8MiB --for 10m \
		--out "$T/out.$RANDOM$RANDOM" >"$T/ctl.log" 2>&1 &
	ctl=$!
}
later() { # the same, of a drill whose fault is to begin much later
	cat >"$T/drill.yaml" <<-Y
		version: 1
		name: later
		lease: 15s
		faults: [{disk.fill: {path: $DATA, size: 8MiB}, at: 8m, for: 1m}]
	Y
	"$CTL" run "$T/drill.yaml" --out "$T/out.$RANDOM$RANDOM" >"$T/ctl.log" 2>&1 &
	ctl=$!
}
# led_to STATE inject|later: again when the machine stood still and our agent was taken for
# one that hangs.
led_to() {
	local i
	for ((i = 0; i < ATTEMPTS; i++)); do
		: >"$T/stormd.log"
		pgrep -x stormd >/dev/null || start
		"$2"
		wait_for 120 is_or_over "$1"
		in_state "$1" && files >/dev/null && return
		grep -q 'stands still' "$T/stormd.log" || was_starved "$T/ctl.log" || break
		wait_for 120 no files
	done
	fail "never $1"
}

# --- what the last one left ---------------------------------------------------------------
case $LAST in
nothing | promised | clean)
	no records || fail "a record after a cut at '$LAST'"
	no files || fail "a file after a cut at '$LAST'"
	;;
record) ;; # seen, and perhaps not on disk yet: then nothing was touched, which is looked at below
staged) records >/dev/null || fail "no record after a cut at '$LAST'" ;;
active)
	records >/dev/null || fail "no record after a cut at '$LAST'"
	files >/dev/null || fail "no file after a cut at '$LAST': nothing is tested"
	;;
undoing)
	records >/dev/null || fail "no record after a cut at '$LAST'"
	no files || fail "the file is back after a cut at '$LAST'"
	;;
esac
case $LAST in
active) # as the unit does at boot
	"$BIN/stormd-undo" --list >"$T/list.log" || fail "--list"
	grep -q 'of an earlier boot.*outlives a reboot' "$T/list.log" || fail "--list says nothing of it"
	! "$BIN/stormd-undo" --doctor >"$T/doctor.log" 2>&1 || fail "--doctor finds nothing"
	grep -q "outstanding: .*--state-dir $STATE/default --all" "$T/doctor.log" || fail "--doctor"
	"$BIN/stormd-undo" --all >"$T/undo.log" 2>&1 || fail "stormd-undo --all"
	[ ! -e /run/stormdrill ] || fail "it left /run/stormdrill"
	;;
record | staged | undoing)
	had=$(records | wc -l)
	start
	[ "$had" -eq 0 ] || grep -q 'undoing what an earlier agent left' "$T/stormd.log" ||
		fail "no sweep at the start"
	;;
esac
no records || fail "a record is left of '$LAST'"
no files || fail "a file is left of '$LAST'"
[ "$LAST" = nothing ] || echo "ok: after a cut at '$LAST' nothing is left"
"$BIN/stormd-undo" --doctor >"$T/doctor.log" 2>&1 || fail "--doctor is not content"

# --- the next one -------------------------------------------------------------------------
pgrep -x stormd >/dev/null || start
case $NEXT in
promised) # the very first record, whose directory is still to be made
	[ ! -e $STATE/default/undo ] || fail "state was made before it was needed"
	fsfreeze -f $STATE
	inject
	wait_for 60 pgrep -x stormd-fault || fail "no holder"
	sleep 1
	no files || fail "a file before its record"
	cut
	;;
record) # on disk; what it promises may not have been made yet
	inject
	until compgen -G "$STATE/default/undo/[0-9a-f]*" >/dev/null; do
		kill -0 "$ctl" || fail "no record"
	done
	cut
	;;
staged)
	led_to staged later
	cut
	;;
active)
	led_to active inject
	sync
	cut
	;;
undoing)
	led_to active inject
	fsfreeze -f $STATE
	kill -INT "$ctl"
	wait_for 60 no files || fail "the file is not unlinked"
	records >/dev/null || fail "the record went before it could be known"
	cut
	;;
clean)
	led_to active inject
	kill -INT "$ctl"
	wait "$ctl"
	no records || fail "not undone"
	cut
	;;
end) # a promise that cannot be written is not given, and nothing is touched
	refused() { # refused WHY
		! "$CTL" inject disk.fill path=$DATA size=8MiB --for 1s --out "$T/out.$RANDOM" \
			>"$T/ctl.log" 2>&1 || fail "$1: injected all the same"
		grep -q "store the record.*$1" "$T/ctl.log" || fail "does not say '$1'"
		no files || fail "$1: a file without its record"
		no records || fail "$1: half a record"
		echo "ok: refused: $1"
	}
	mount -o remount,ro $STATE
	refused 'Read-only file system'
	mount -o remount,rw $STATE
	dd if=/dev/zero of=$STATE/filler bs=64k 2>/dev/null
	dd if=/dev/zero of=$STATE/filler2 bs=1k 2>/dev/null
	refused 'No space left on device'
	rm $STATE/filler*
	"$CTL" inject disk.fill path=$DATA size=8MiB --for 1s --out "$T/out.last" \
		>"$T/ctl.log" 2>&1 || fail "not injected with room for the record"
	no files || fail "left behind"
	echo "ok: taken again when there is room"
	;;
esac
