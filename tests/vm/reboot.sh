#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# host.reboot for good, in a virtual machine whose emulator ends where a host would start
# again: that it ends, and with which last words, is all there is to see of it.
set -u
cd "$(dirname "$0")/../.." || exit 1
limit=600

for how in ${1:-hard crash}; do
	began=$SECONDS
	said=$(VM_TIMEOUT=$limit tests/vm/vm.sh tests/vm/guest-reboot.sh "$how" 2>&1)
	code=$?
	if [ $code -eq 77 ]; then
		echo "${said/vm: skipped:/skip:}"
		exit 77
	fi
	case $said in
	*"about to go: $how"*) ;;
	*) echo "FAIL: $how: never got so far: $said" && exit 1 ;;
	esac
	case $said in
	*"still here"*) echo "FAIL: $how: $said" && exit 1 ;;
	esac
	[ $((SECONDS - began)) -lt $limit ] || { echo "FAIL: $how hung: $said" && exit 1; }
	[ "$how" != crash ] || grep -qi 'sysrq.*crash\|kernel panic' <<<"$said" ||
		{ echo "FAIL: no panic: $said" && exit 1; }
	echo "ok: $how: the machine is gone"
done
