#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The agent survives its own faults: CPUs, memory, a disk, processes and descriptors used up
# all at once, and everything is undone all the same.
set -eu
cd "$(dirname "$0")/../.."
exec tests/vm/vm.sh tests/vm/guest-everything.sh
