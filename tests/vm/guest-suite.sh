#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of tests/vm/suite.sh: the programs that need a kernel with netem, with
# flower and gact, with modules of nf_tables to load, or with the whole of cgroup v2.  The
# last lines are for that script.
#
# Not here: contract/net_unrelated, whose 10,000 packets a second are more than an emulated
# machine sends (what it loses then says nothing of faults), and contract/contract, which
# takes too long there.
set -u
[ -n "${IN_VM:-}" ] || {
	echo "guest-suite.sh: only in the guest: use tests/vm/suite.sh" >&2
	exit 2
}
# io.max is where the controller is enabled.
echo +io >/sys/fs/cgroup/cgroup.subtree_control
programs=(
	unit/test_tc
	unit/test_nft
	unit/test_cpu_load
	unit/test_disk_fill_ways
	unit/test_memory_fill
	unit/test_memory_cache
	unit/test_disk_throttle
	"contract/net_delay netem"
	contract/net_netem
	"contract/net_partition_filters netem"
	contract/net_partition_nft
	"contract/net_impair netem"
	"contract/net_impair_loss netem"
)
scripts=(tests/vm/guest-limits.sh) # what the whole guest is broken by
TEST_TIMEOUT=600 SUMMARY_FOLLOWS=1 tests/run.sh "$BUILD" guest "${programs[@]/#/$BUILD/tests/}" "${scripts[@]}"
code=$?
sed 's/^/GUEST-TOTALS /' "$BUILD/test-logs/guest/totals"
sed 's/^/GUEST-SKIPS /' "$BUILD/test-logs/guest/skips"
exit $code
