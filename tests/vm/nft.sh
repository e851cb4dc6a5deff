#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Partitions and queues by nftables, on a distribution's kernel in a virtual machine.
set -eu
cd "$(dirname "$0")/../.."
exec tests/vm/vm.sh tests/vm/guest-nft.sh
