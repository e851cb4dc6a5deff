#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make demo`: a storm over a real nginx, in namespaces of its own that vanish with it.
# One drill kills a backend and holds; one partitions both, breaches the budget and is
# called off in front of you; then the host is compared with what it was before.
# usage: demo.sh BIN-DIR [RESULTS-DIR]
set -u
# shellcheck source=tests/demo/demo_lib.sh
. "$(dirname "$0")/demo_lib.sh"
begin "${1:-build/bin}" "${2:-results/demo}"

drill() { # drill NAME EXPECTED-EXIT
	local rc=0
	typed "stormctl run $1.yaml"
	"$BIN/stormctl" run "$T/$1.yaml" --out "$RESULTS/$1" "${DIRS[@]}" --embedded \
		--reason "make demo" 2>&1 | indented
	rc=${PIPESTATUS[0]}
	[ "$rc" -eq "$2" ] || fail "the drill '$1' ended with exit $rc where $2 was expected"
	say "Exit code $rc."
}

step "A shop: nginx as load balancer on this host, two nginx backends on hosts of their own."
backend b1 10.1.1.2
disown # it is going to be killed, and bash need not tell
backend b2 10.1.2.2
balancer 8080 10.1.1.2 10.1.2.2
wait_http http://127.0.0.1:8080/
say "curl http://127.0.0.1:8080/ → $(curl -s http://127.0.0.1:8080/)"
say "curl http://127.0.0.1:8080/ → $(curl -s http://127.0.0.1:8080/)"

step "A photograph of the host: links, qdiscs, nftables, iptables, ipsets, processes."
snapshot >"$RESULTS/host-before.txt"
say "$(wc -l <"$RESULTS/host-before.txt") lines in $RESULTS/host-before.txt"

step "First drill: one backend dies. The balancer should route around it."
cat >"$T/backend-dies.yaml" <<Y
version: 1
name: backend-dies
hypothesis: When one of two backends dies, 99 % of requests are still answered within 500 ms.
probes:
  shop:
    http: {url: "http://127.0.0.1:8080/"}
    rate: 100/s
    good: {status: 200, within: 500ms, body: hello}
    objective: 99%
    abort_at: 10%
steady: {before: 2s, during: 4s, after: 2s}
faults:
  - process.kill: {cmdline: "*/b1/nginx.conf*"}
    id: kill-b1
    at: 500ms
Y
show "$T/backend-dies.yaml"
drill backend-dies 0
say "Killed for good: $(ps -o pid= -p "$(cat "$T/b1.pid")" >/dev/null && echo 'still there?!' || echo 'b1 is gone, and the shop did not notice')."

step "The backend comes back (an operator's work, not the tool's)."
NETNS=b1 nginx_start b1 "server { listen 80; location / { return 200 \"hello from b1\\n\"; } }"
wait_http http://127.0.0.1:8080/
sleep 1.2 # the balancer holds a dead backend against it for a second
say "curl http://127.0.0.1:8080/ → $(curl -s http://127.0.0.1:8080/)"

step "Second drill: a partition from both backends. Nothing can route around that."
cat >"$T/backends-cut-off.yaml" <<Y
version: 1
name: backends-cut-off
hypothesis: When both backends are cut off, the shop still answers from a cache.
probes:
  shop:
    http: {url: "http://127.0.0.1:8080/"}
    rate: 200/s
    good: {status: 200, within: 250ms, body: hello}
    objective: 99%
    abort_at: 50%
steady: {before: 2s, during: 10s, after: 5s}
budget: {false_abort: 0.1%}
faults:
  - net.partition: {to: [10.1.1.0/24, 10.1.2.0/24]}
    id: cut-off
    at: 500ms
    for: 9s
Y
show "$T/backends-cut-off.yaml"
say "It is meant to be refuted: watch it being called off long before its nine seconds."
drill backends-cut-off 5
say "Bad answers after the undo are nginx's own: it leaves a backend it lost alone for a second."
say "curl http://127.0.0.1:8080/ → $(curl -s http://127.0.0.1:8080/)   (the shop is back)"

step "And the host? The same photograph again, compared."
wait_for 5 storm_gone || fail "an agent process is still there"
snapshot >"$RESULTS/host-after.txt"
compared host

step "What lies where"
for d in backend-dies backends-cut-off; do
	say "$RESULTS/$d/summary.md      the story, for people"
	say "$RESULTS/$d/events.ndjson   every fact, as it happened"
	say "$RESULTS/$d/journal.json    all of it, for machines"
done
printf '\n'
hand_over
exit 0
