#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of tests/vm/reboot.sh, and does not come to its end.
set -u
[ -n "${IN_VM:-}" ] || {
	echo "guest-reboot.sh: only in the guest: use tests/vm/reboot.sh" >&2
	exit 2
}
T=$(mktemp -d)
mkdir "$T/host"
dirs=(--host-dir "$T/host" --run-dir "$T/host/test" --state-dir "$T/state")

# A daemon has to be allowed by name; what root asks of its own host is not refused.
"$BIN/stormctl" inject host.reboot how=never "${dirs[@]}" --embedded && exit 1
echo "about to go: $1"
"$BIN/stormctl" inject host.reboot "how=$1" after=500ms "${dirs[@]}" --embedded
echo "stormctl ended with $?"
sleep 60
echo "still here"
exit 1
