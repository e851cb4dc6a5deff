#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/lint/man.sh BUILD
#
# Every page of docs/man through groff with all warnings on: any output is a finding.
set -u -o pipefail

shopt -s nullglob
pages=(docs/man/*.[1-8])
[ ${#pages[@]} -gt 0 ] || exit 0
if ! command -v groff >/dev/null; then
	echo "man-lint: groff is not installed, pages not checked"
	exit 0
fi
bad=0
for page in "${pages[@]}"; do
	said=$(groff -mdoc -Tutf8 -ww -z "$page" 2>&1)
	[ -z "$said" ] && continue
	printf '%s:\n%s\n' "$page" "$said"
	bad=1
done
exit $bad
