#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# net.delay by the kernel's netem, on a distribution's kernel in a virtual machine: a drill
# that is stopped, and a whole agent killed in the middle of one.
set -eu
cd "$(dirname "$0")/../.."
exec tests/vm/vm.sh tests/vm/guest-delay.sh
