# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# How the demos talk, and how they start.  Sourced with the demo's own arguments, BIN-DIR and
# RESULTS-DIR; as root, or it asks sudo.
bold='' dim='' plain=''
[ -t 1 ] && bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'
step() { printf '\n%s▸ %s%s\n' "$bold" "$1" "$plain"; }
say() { printf '  %s\n' "$*"; }
show() { sed "s/^/  $dim│$plain /" "$1"; }
typed() { printf '  %s$ %s%s\n' "$dim" "$*" "$plain"; }
indented() { sed 's/^/    /'; }

begin() { # begin BIN-DIR RESULTS-DIR
	BIN=$(cd "$1" && pwd)
	RESULTS=$2
	if [ "$(id -u)" -ne 0 ]; then
		echo "The demo makes network namespaces, so it needs root: asking sudo."
		exec sudo "$0" "$BIN" "$RESULTS"
	fi
	[ -n "${STORM_SANDBOX:-}" ] || {
		rm -rf "$RESULTS"
		mkdir -p "$RESULTS"
		RESULTS=$(cd "$RESULTS" && pwd)
	}
	export RESULTS BIN
	# shellcheck source=tests/system/lib.sh
	. "$(dirname "$0")/../system/lib.sh"
	sandbox "$0" "$BIN" "$RESULTS"
}
# The results belong to whoever asked sudo for them.
hand_over() { [ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$RESULTS"; }
# compared WHAT: the two photographs, in words.
compared() {
	typed "diff $1-before.txt $1-after.txt"
	if diff "$RESULTS/$1-before.txt" "$RESULTS/$1-after.txt" >"$T/diff"; then
		say "no difference: not a rule, not a set, not a link, not a process left."
		return
	fi
	show "$T/diff"
	fail "not as it was"
}
