#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The experiments that are shipped are right: every one passes `check`, and `plan` shows its
# faults; a mistake in one of their variables is found and named.
set -u
cd "$(dirname "$0")/../.." || exit 1
CTL=${BUILD:-build}/bin/stormctl
T=$(mktemp -d "${TMPDIR:-/tmp}/storm.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT

fail() {
	echo "FAIL: $*" >&2
	cat "$T"/*.log >&2
	exit 1
}

count=0
for file in experiments/*.yaml; do
	kind=$(sed -n -E 's/^  - ([a-z]+\.[a-z]+):.*/\1/p' "$file" | head -n 1)
	timeout 60 "$CTL" check "$file" >"$T/out.log" 2>&1 || fail "check $file"
	[ -s "$T/out.log" ] && fail "check $file is not quiet"
	timeout 60 "$CTL" plan --offline "$file" >"$T/out.log" 2>&1 || fail "plan $file"
	grep -q ": $kind " "$T/out.log" || fail "plan $file does not show $kind"
	grep -q 'a full outage stops the drill at' "$T/out.log" || fail "plan $file shows no judge"
	timeout 60 "$CTL" plan --offline --json "$file" >"$T/out.log" 2>&1 || fail "plan --json $file"
	grep -q "\"kind\": \"$kind\"" "$T/out.log" || fail "plan --json $file does not show $kind"
	echo "ok: $file"
	count=$((count + 1))
done
[ $count -ge 5 ] || fail "only $count experiments found"

rc=0
timeout 60 "$CTL" check experiments/slow-payment.yaml --var delay=soon >"$T/out.log" 2>&1 || rc=$?
[ $rc -eq 3 ] || fail "a wrong --var is exit $rc"
grep -q "slow-payment.yaml:[0-9]*:[0-9]*: error: delay: 'soon' is not a duration" "$T/out.log" ||
	fail "a wrong --var is not named"
echo "ok: a wrong --var is named with its place"
