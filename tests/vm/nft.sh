#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A delay on a host without iptables: a distribution's kernel, in a virtual machine, queues
# by nftables, which a developer's may not.
set -eu
cd "$(dirname "$0")/../.."
exec tests/vm/vm.sh tests/vm/guest-nft.sh
