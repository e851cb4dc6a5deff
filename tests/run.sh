#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/run.sh BUILD SUITE TEST...
#
# Runs each test, one line per test, output kept in BUILD/test-logs/SUITE/.  A *.sh is run
# by bash with BUILD and BIN in its environment, anything else as it is; the words behind a
# program's name are its arguments.  Exit 77 is a skip
# whose reason is the last line that starts with "skip:"; single skips inside a cmocka
# program are counted too.  Fails when a test fails, and when everything was skipped,
# because a suite that looked at nothing has proved nothing.
#
# TEST_TIMEOUT: seconds a test may take (1800).  SUMMARY_FOLLOWS=1: tests/summary.sh judges
# whether everything was skipped, over all suites.
set -u -o pipefail

if [ $# -lt 2 ]; then
	echo "usage: tests/run.sh BUILD SUITE TEST..." >&2
	exit 2
fi
build=$1 suite=$2
shift 2
case $build in /*) ;; *) build=$PWD/$build ;; esac
logs=$build/test-logs/$suite
rm -rf "$logs"
mkdir -p "$logs"
: >"$logs/skips"
passed=0 failed=0 skipped=0
limit=${TEST_TIMEOUT:-1800}

run_one() { # PROGRAM [ARG...]
	case $1 in
	*.sh) BUILD=$build BIN=$build/bin timeout -k 10 "$limit" bash "$@" ;;
	/* | ./*) timeout -k 10 "$limit" "$@" ;;
	*) timeout -k 10 "$limit" "./$1" "${@:2}" ;;
	esac
}

# What a whole program gave as its reason to skip.
skip_reason() {
	sed -n -E 's/^([a-z-]+: )?skip(ped)?: *//p' "$1" | tail -n 1 | grep . ||
		echo "no reason given"
}

# "name: reason" for each test a cmocka program skipped: the reason stands before it.
inner_skips() {
	awk '/^skip: /{ reason = substr($0, 7) }
		/^\[ RUN /{ running = $NF }
		/^\[  SKIPPED \] / && $NF == running {
			print $NF ": " (reason != "" ? reason : "no reason given")
			reason = running = ""
		}' "$1"
}

say_skip() {
	skipped=$((skipped + 1))
	echo "$1" >>"$logs/skips"
	printf '  skip  %s\n' "$1"
}

judge() { # NAME CODE LOG SECONDS
	local name=$suite/$1 code=$2 log=$3 slow="" why="exit $2" one
	[ "$4" -lt 5 ] || slow=" ($4 s)"
	if [ "$code" -eq 77 ]; then
		say_skip "$name: $(skip_reason "$log")"
		return
	fi
	while read -r one; do
		say_skip "$name: $one"
	done < <(inner_skips "$log")
	if [ "$code" -ne 0 ]; then
		failed=$((failed + 1))
		[ "$code" -ne 124 ] || why="no end within $limit s"
		printf '  FAIL  %s (%s), its output:\n' "$name" "$why"
		tail -n "${TEST_LOG_LINES:-200}" "$log" | sed 's/^/        | /'
	elif ! grep -q '^\[  PASSED  \] 0 test' "$log"; then
		passed=$((passed + 1))
		printf '  ok    %s%s\n' "$name" "$slow"
	fi
}

for test in "$@"; do
	read -ra words <<<"$test"
	words[0]=${words[0]##*/}
	log=$logs/${words[*]}.log
	begin=$SECONDS
	# shellcheck disable=SC2086 # its words
	run_one $test >"$log" 2>&1 </dev/null
	code=$?
	judge "${words[*]}" $code "$log" $((SECONDS - begin))
done

echo "$suite $passed $failed $skipped" >"$logs/totals"
if [ $failed -gt 0 ]; then
	echo "$suite: $failed of $# failed; their output is in $logs" >&2
	exit 1
fi
if [ $# -gt 0 ] && [ $passed -eq 0 ] && [ -z "${SUMMARY_FOLLOWS:-}" ]; then
	echo "$suite: everything was skipped, which proves nothing" >&2
	exit 1
fi
