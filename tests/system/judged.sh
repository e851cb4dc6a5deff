#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the judge says of drills on a real nginx: every kind of stop with its evidence, phases
# against each other, the error budget, and that what was breached and healed is not "held".
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
CTL="$BIN/stormctl"
backend web 10.1.1.2
wait_http http://10.1.1.2/
J="$T/out/journal.json"

# experiment FAULT BUDGET SLO: one probe of the backend, two seconds before, 5 s during.
experiment() {
	cat <<Y
version: 1
name: judged
lease: 15s
probes:
  shop:
    http: {url: "http://10.1.1.2/", timeout: 2s}
    rate: 100/s
    good: {status: 200, within: ${WITHIN:-250ms}}
    objective: ${OBJECTIVE:-99%}
    abort_at: ${ABORT_AT:-50%}
    ${3:-}
steady: {before: 2s, during: ${DURING:-5s}, after: 15s}
budget: {${2:-}}
faults:
  - $1
    id: hurt
    at: ${FROM:-500ms}
    for: ${FOR:-4s}
Y
}
DELAY='net.delay: {delay: 400ms, to: 10.1.1.2}'
SHIFT='net.delay: {delay: 40ms, to: 10.1.1.2}'
CUT='net.partition: {to: 10.1.1.2}'

# drill EXIT FAULT [BUDGET [SLO]]: run it, again when the machine was too busy.
drill() {
	local want=$1 rc i
	shift
	experiment "$@" >"$T/drill.yaml"
	for ((i = 0; i < ATTEMPTS; i++)); do
		rc=0
		rm -rf "$T/out"
		"$CTL" run "$T/drill.yaml" "${DIRS[@]}" --out "$T/out" >"$T/drill.log" 2>&1 || rc=$?
		[ $rc -eq "$want" ] && return
		was_starved "$T/drill.log" || break
	done
	fail "exit $rc, not $want: $(cat "$T/drill.log")"
}
holds() { # holds WHAT JQ: of the journal
	jq -e "$2" "$J" >/dev/null || fail "$1: $(jq '{decision, probes, verdict}' "$J")"
}
tells() { # tells WORDS: the summary
	grep -qF -- "$1" "$T/out/summary.md" || fail "no '$1': $(cat "$T/out/summary.md")"
}

drill 5 "$DELAY"
holds "evidence of a test" '.decision | .reason == "breach" and .s >= .h and .p1 == 0.5 and
	.to >= .from and .bad <= .to - .from + 1 and .first_us <= .at_us and .base_n > 100 and
	.q > 0 and .r >= .q and .alpha == 0.001 and .planned == 500 and .tests >= 2 and
	.probes == 1 and ((.planned * .tests * .probes / .alpha | log) - .h | fabs < 1e-6)'
holds "healed is not held" '.verdict.exit == 5 and .probes[0].recovery.after_us >= 0 and
	.probes[0].recovery.n >= 30 and .undo.first_good_us > 0'
tells "| Chance of a false stop | at most 0.1 % of healthy drills"
tells "## Recovery"
echo "ok: a breach and its evidence"

drill 0 "$SHIFT"
holds "a shift" '.probes[0].against_before.during | .p50_us > 30000 and .p50_us_low > 20000 and
	.p50_us_high < 80000 and .worse > 0.6 and .bad_low <= 0.02'
holds "and back" '.probes[0].against_before.after.p50_us_low < 20000'
tells "## Against before"
grep -q 'shop during against before: .*p50 +' "$T/drill.log" || fail "$(cat "$T/drill.log")"
echo "ok: a shift with its limits"

# A row of two seconds is no evidence, so that the tests wait.  1 % of 30 days at 100/s are
# 2.592 million bad answers, and a hundred-thousandth of those is 26.
drill 5 "$CUT" 'stall: 2s' \
	'slo: {objective: 99%, window: 30d, spend: 0.001%}'
holds "a slice" '.decision | .reason == "slo" and .bad == 26 and .limit > 25.9 and .limit < 26'
holds "what was spent" '.probes[0].error_budget | .slice == 0.00001 and .bad >= 26 and
	.spent >= .slice and .allowed > 2591999 and .allowed < 2592001'
tells "## Error budget"
echo "ok: a slice of the error budget"

drill 5 "$CUT" 'stall: 2s' \
	'slo: {objective: 99%, window: 30d, burn: [{rate: 10, long: 2s, short: 500ms}]}'
holds "a burn rate" '.decision | .reason == "burn" and .burn >= 10 and .burn_short >= 10 and
	.limit == 10 and .long_us == 2000000 and .short_us == 500000 and .bad >= 20'
tells "| Burn rate | "
echo "ok: a burn rate over both windows"

drill 5 "$CUT" 'consecutive: 3'
holds "consecutive" '.decision | .reason == "consecutive" and .bad == 3 and .limit == 3 and
	.to - .from == 2'
drill 5 "$CUT" 'max_bad: 2'
holds "max_bad" '.decision | .reason == "max_bad" and .bad == 2'
tells "| Chance of a false stop | none is promised"
echo "ok: ceilings"

# All that the cut hurts is known bad only when it is over, and good again at once.
WITHIN=700ms FROM=0s FOR=500ms DURING=500ms OBJECTIVE=60% ABORT_AT=90% drill 5 "$CUT"
holds "healed before it was known is not held" '.decision.late == 1 and .undo.cause == "end" and
	.verdict.sentence == "The budget or a guard was breached, as was known only when the " +
	"faults\u0027 time was up; they are undone." and .probes[0].recovery.after_us > 0'
tells "## What was breached"
grep -q ' BREACH  *shop: ' "$T/drill.log" || fail "$(cat "$T/drill.log")"
echo "ok: a breach that was known too late"
