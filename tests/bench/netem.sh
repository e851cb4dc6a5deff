#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: BUILD=dir tests/bench/netem.sh
#
# The rows of the netem engine: on this kernel, or in a virtual machine where it has no
# netem.  That is emulated, so there the ratio of a row is what counts, not its figures.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(cd "${BUILD:-build}" && pwd)
export BUILD

said=$("$BUILD/tests/bench/bench_netem")
code=$?
if [ $code -ne 77 ]; then
	echo "$said"
	exit $code
fi
if [ -n "${IN_VM:-}" ]; then
	echo "$said"
	exit 77
fi
echo "netem, in an emulated machine, since ${said#skip: }:"
exec tests/vm/vm.sh tests/bench/netem.sh
