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

# Those for many hosts go with the inventory that is shipped beside them.
many() {
	local file=$1 hosts=experiments/inventories/shop.yaml
	timeout 60 "$CTL" check --inventory $hosts "$file" >"$T/out.log" 2>&1 ||
		fail "check $file with hosts"
	timeout 60 "$CTL" plan --offline --inventory $hosts --include-self --seed 1 "$file" \
		>"$T/out.log" 2>&1 || fail "plan $file with hosts"
	grep -q "^targets, from the [0-9]* hosts of $hosts" "$T/out.log" ||
		fail "plan $file shows no targets"
	grep -q '^hosts, [1-6] in all$' "$T/out.log" || fail "plan $file shows no hosts"
}

count=0
for file in experiments/*.yaml; do
	kind=$(sed -n -E 's/^  - ([a-z]+\.[a-z]+):.*/\1/p' "$file" | head -n 1)
	timeout 60 "$CTL" check "$file" >"$T/out.log" 2>&1 || fail "check $file"
	[ -s "$T/out.log" ] && fail "check $file is not quiet"
	timeout 60 "$CTL" plan --offline "$file" >"$T/out.log" 2>&1 || fail "plan $file"
	grep -Eq ": $kind( |$)" "$T/out.log" || fail "plan $file does not show $kind"
	grep -q 'a full outage stops the drill at' "$T/out.log" || fail "plan $file shows no judge"
	timeout 60 "$CTL" plan --offline --json "$file" >"$T/out.log" 2>&1 || fail "plan --json $file"
	grep -q "\"kind\": \"$kind\"" "$T/out.log" || fail "plan --json $file does not show $kind"
	if grep -q '^targets:' "$file"; then
		many "$file"
	fi
	echo "ok: $file"
	count=$((count + 1))
done
[ $count -ge 9 ] || fail "only $count experiments found"

rc=0
timeout 60 "$CTL" check experiments/slow-payment.yaml --var delay=soon >"$T/out.log" 2>&1 || rc=$?
[ $rc -eq 3 ] || fail "a wrong --var is exit $rc"
grep -q "slow-payment.yaml:[0-9]*:[0-9]*: error: delay: 'soon' is not a duration" "$T/out.log" ||
	fail "a wrong --var is not named"
echo "ok: a wrong --var is named with its place"

rc=0
timeout 60 "$CTL" check --inventory experiments/inventories/shop.yaml --var zone=e \
	experiments/zone-outage.yaml >"$T/out.log" 2>&1 || rc=$?
[ $rc -eq 9 ] || fail "a zone that no host is in is exit $rc"
grep -q "matches 'zone=e and not role=balancer': none has 'e'" "$T/out.log" ||
	fail "a zone that no host is in is not named"
echo "ok: a target that matches no host is named"
