#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# service.stop, and our own units, under a real systemd: in a virtual machine that it boots.
set -eu
cd "$(dirname "$0")/../.."
command -v /lib/systemd/systemd >/dev/null || {
	echo "skip: systemd is not installed"
	exit 77
}
VM_INIT=systemd exec tests/vm/vm.sh tests/vm/guest-service.sh
