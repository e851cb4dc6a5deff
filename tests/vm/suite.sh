#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: BUILD=dir tests/vm/suite.sh
#
# The tests that need another kernel, each by itself, in one virtual machine; what they did
# is counted with the other suites' (tests/summary.sh), each skip with its reason.
set -u
cd "$(dirname "$0")/../.." || exit 1

logs=${BUILD:?}/test-logs/guest
mkdir -p "$logs"
# Some minutes where nothing else runs, many where much does.
said=$(VM_TIMEOUT=${VM_TIMEOUT:-3600} tests/vm/vm.sh tests/vm/guest-suite.sh 2>&1)
code=$?
grep -v '^GUEST-' <<<"$said"
sed -n 's/^GUEST-TOTALS //p' <<<"$said" >"$logs/totals"
sed -n 's/^GUEST-SKIPS //p' <<<"$said" >"$logs/skips"
if [ $code -eq 77 ]; then
	echo "guest 0 0 1" >"$logs/totals"
	sed -n 's/^vm: skipped: /guest: /p' <<<"$said" >"$logs/skips"
	exit 0
fi
[ -s "$logs/totals" ] || echo "guest 0 1 0" >"$logs/totals"
exit $code
