#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# host.clock in a virtual machine: there is but one clock, and a test must not touch ours.
set -eu
cd "$(dirname "$0")/../.."
exec tests/vm/vm.sh tests/vm/guest-clock.sh
