#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Faults in the networks of processes and containers, on a distribution's kernel: cgroup v2
# alone, and delays by the kernel's netem.
set -eu
cd "$(dirname "$0")/../.."
exec tests/vm/vm.sh tests/system/netns.sh
