#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The power is cut in the middle of a fault that outlives a boot: a file of disk.fill where
# there are no unnamed ones.  At each of these moments of its life the emulator is killed,
# and started again with the same disks; before the next fault is injected nothing of the
# last may be left, neither the file nor the record (tests/vm/guest-power.sh).
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" -eq 0 ] || {
	echo "skip: needs root"
	exit 77
}
STEPS=${STEPS:-promised record staged active undoing clean}

# A file system of our own: what is free on it is nobody else's business.
if [ -z "${POWER_DIR:-}" ]; then
	POWER_DIR=$(mktemp -d)
	export POWER_DIR
	rc=0
	unshare --mount bash "$0" "$@" || rc=$?
	rm -rf "$POWER_DIR"
	exit $rc
fi
mount -t tmpfs -o size=192m,mode=755 tmpfs "$POWER_DIR" || exit 1
mkdir "$POWER_DIR/share"
truncate -s 64M "$POWER_DIR/state"
mkfs.ext4 -q -F "$POWER_DIR/state" || exit 1
export VM_DISKS=$POWER_DIR/state VM_SHARE=$POWER_DIR/share VM_TIMEOUT=${VM_TIMEOUT:-600}

last=nothing
for step in $STEPS; do
	VM_CUT=1 tests/vm/vm.sh tests/vm/guest-power.sh "$last" "$step"
	rc=$?
	[ $rc -ne 77 ] || exit 77
	[ $rc -eq 99 ] || {
		echo "FAIL: no power cut at '$step' (exit $rc)"
		exit 1
	}
	last=$step
done
tests/vm/vm.sh tests/vm/guest-power.sh "$last" end
