#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/summary.sh BUILD
#
# The skips of all suites with their reasons, then one last line: "N passed, N failed,
# N skipped".  Exit 1 when anything failed, and when nothing passed.
set -u

logs=${1:?usage: tests/summary.sh BUILD}/test-logs
passed=0 failed=0 skipped=0

for totals in "$logs"/*/totals; do
	[ -e "$totals" ] || continue
	read -r _ p f s <"$totals"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
if [ $skipped -gt 0 ]; then
	echo "skipped:"
	cat "$logs"/*/skips | sed 's/^/  /'
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
