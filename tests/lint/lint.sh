#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/lint/lint.sh BUILD
#
# The rules of the house that a compiler does not know.  Each finding is "file:line: what";
# a check whose tool is not installed says so and passes.
set -u -o pipefail

build=${1:?usage: tests/lint/lint.sh BUILD}
findings=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mapfile -t sources < <(find agent ctl include lib tests -name '*.[ch]' | sort)
mapfile -t scripts < <(find . -path './build*' -prune -o -path './.git' -prune -o \
	-type f \( -name '*.sh' -o -path './.ci/*' -o -path './tests/hooks/*' \) -print | sort)

# Reports every line of stdin as a finding with this text.
report() {
	local line
	while IFS= read -r line; do
		printf '%s: %s\n' "$line" "$1"
		echo >>"$work/findings"
	done
}

have() {
	command -v "$1" >/dev/null && return
	echo "lint: $1 is not installed, $2 not checked"
	return 1
}

# Code alone, line numbers kept: comments by the compiler, then the text of strings.
strip_code() {
	local f
	for f in "${sources[@]}"; do
		${CC:-cc} -fpreprocessed -dD -E "$f" 2>/dev/null |
			awk -v file="$f" '
				/^# [0-9]+ "/ { line = $2 - 1; next }
				{ line++; gsub(/"([^"\\]|\\.)*"/, "\"\""); print file ":" line ":" $0 }'
	done >"$work/code"
}

# Findings in the stripped code: "file:line" of lines whose code matches.
in_code() {
	grep -P "^[^:]+:[0-9]+:.*$1" "$work/code" | grep -vP "${2:-^$}" | cut -d: -f1,2
}

check_calls() {
	in_code '\b(system|popen|v?sprintf|strcpy|strcat|atoi|atol|atoll|atof|alloca|gets)\s*\(' |
		report 'banned call'
	# What the kernel itself wrote may be scanned; what a person wrote may not.
	in_code '\b(strto[a-z]+|v?sscanf)\s*\(' '^(lib/parse|tests/|agent/kernel/)' |
		report 'numbers are read by parse.h only'
	in_code '\b(fork|vfork|clone3?|posix_spawn[a-z]*)\s*\(' '^(lib/spawn\.c|tests/)' |
		report 'children are started by spawn() only'
	in_code '(?i)\w*(rollback|revert)\w*' | report 'the word is undo'
	in_code '\bgoto\s+(?!out\b)' | report 'goto only to one forward out:'
}

check_text() {
	grep -nE '^#[[:space:]]*include "\.\./' "${sources[@]}" | cut -d: -f1,2 |
		report 'include by layer, not by ../'
	local f max
	for f in "${sources[@]}" "${scripts[@]}"; do
		head -n 2 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
			echo "$f:1" | report 'no SPDX line on top'
		# Cases in a row are no harder to read for being many.
		case $f in */tests/* | tests/*) max=800 ;; *) max=600 ;; esac
		awk -v f="$f" -v max=$max 'END { if (NR > max) print f ":" NR }' "$f" |
			report "longer than $max lines"
	done
	for f in "${sources[@]}"; do
		sed -E 's/"([^"\\]|\\.)*"//g; /^[[:space:]]*\/?\*/s/.*//' "$f" |
			grep -nE '//' | sed "s|^\([0-9]*\):.*|$f:\1|" |
			report 'comments are /* */'
		sed -E 's/"([^"\\]|\\.)*"//g' "$f" |
			grep -nE '\b(TODO|FIXME|XXX|HACK)\b' | sed "s|^\([0-9]*\):.*|$f:\1|" |
			report 'finish it or leave it out'
	done
	# A control statement at four tabs stands inside three others.
	grep -nP '^\t{4,}(if|for|while|do|switch|FOR_EACH\w*)\b' "${sources[@]}" |
		cut -d: -f1,2 | report 'nested deeper than 3'
}

check_functions() {
	have ctags 'function sizes' || return
	ctags -x --c-kinds=f --fields=+eS --_xformat='%F	%n	%{end}	%N	%S' \
		"${sources[@]}" 2>/dev/null >"$work/functions" || {
		echo 'lint: this ctags is not Universal Ctags, function sizes not checked'
		return
	}
	awk -F'\t' '
		# Callbacks of a library are not ours to shape; struct err * at the end is a
		# custom; a format with its arguments, a callback with its ctx are one each.
		{
			gsub(/\([^()]*\)\([^()]*\)/, "", $5)
			sub(/, *struct err \* ?[a-z]*\)$/, ")", $5)
			sub(/, *const char \* ?fmt, *\.\.\.\)$/, ")", $5)
			sub(/, *void \* ?ctx/, "", $5)
			commas = gsub(/,/, ",", $5)
		}
		$3 - $2 + 1 > 80 { print $1 ":" $2 ": " $4 "() is longer than 80 lines" }
		commas >= 5 && $5 !~ /MHD_|gnutls_/ { print $1 ":" $2 ": " $4 "() has more than 5 parameters" }' \
		"$work/functions" >"$work/long" || echo "$0:1" | report 'the check itself failed'
	report 'split it, or pass a struct' <"$work/long"
}

check_objects() {
	local program object
	# No parser of what strangers send is mapped where root is.
	for program in stormd stormd-fault stormd-undo; do
		[ -x "$build/bin/$program" ] || continue
		ldd "$build/bin/$program" |
			grep -oE 'lib[a-z]*(microhttpd|jansson|yaml|curl|gnutls|systemd|lzma)[^ ]*' |
			sed "s|^|$build/bin/$program: |" | report 'must not be linked'
	done
	# libjq is for the program that is bounded, alone.
	for program in "$build"/bin/*; do
		case $program in */stormctl-jq) continue ;; esac
		ldd "$program" 2>/dev/null | grep -oE 'lib(jq|onig)[^ ]*' |
			sed "s|^|$program: |" | report 'must not be linked'
	done
	# The model is pure: no clock, no I/O.  (Sanitizers bring calls of their own.)
	for object in "$build"/ctl/model/*.o; do
		[ -e "$object" ] || continue
		nm -u "$object" |
			grep -wE 'open|open64|openat|openat64|socket|connect|read|write|time|clock_gettime|gettimeofday|fopen|fopen64' |
			sed "s|^ *U|$object:|" | report 'no I/O and no clock in ctl/model'
	done
}

check_pages() {
	local kind command
	if [ -e docs/man/stormdrill-faults.7 ]; then
		while read -r kind; do
			grep -qE "^\.(Ss|Sh|It).*\b${kind//./\\.}( |$)" docs/man/stormdrill-faults.7 ||
				echo "docs/man/stormdrill-faults.7:1" | report "no section for $kind"
		done < <(sed -n -E 's/^[[:space:]]*\.name = "([a-z]+\.[a-z]+)",?$/\1/p' lib/kinds/*.c)
	fi
	if [ -e docs/man/stormctl.1 ]; then
		while read -r command; do
			grep -qE "^\.(Ss|It).*\b$command( |$)" docs/man/stormctl.1 ||
				echo "docs/man/stormctl.1:1" | report "no entry for $command"
		done < <(sed -n -E '/define CMD_LIST/,/^$/s/^[[:space:]]*X\(([a-z]+)\).*/\1/p' ctl/cmd/cmd.h)
	fi
}

# A test that the page names is one that there is: `file`, and after it `names` in it.
check_safety() {
	local word file=
	while read -r word; do
		case $word in
		tests/*)
			file=$word
			[ -e "$file" ] || echo "docs/SAFETY.md:1" | report "there is no $file"
			;;
		*)
			grep -qw "$word" "$file" 2>/dev/null ||
				echo "docs/SAFETY.md:1" | report "no test '$word' in $file"
			;;
		esac
	done < <(sed -n '/^| P[0-9]/s/.*| \([^|]*\) |$/\1/p' docs/SAFETY.md |
		grep -o '`[^` ]*`' | tr -d '`')
}

check_scripts() {
	have shellcheck 'shell scripts' || return
	shellcheck -x -S warning -f gcc "${scripts[@]}" 2>&1 | report 'shellcheck'
}

strip_code
check_calls
check_text
check_functions
check_objects
check_pages
check_safety
check_scripts

[ -e "$work/findings" ] && findings=$(wc -l <"$work/findings")
if [ "$findings" -gt 0 ]; then
	echo "lint: $findings findings" >&2
	exit 1
fi
