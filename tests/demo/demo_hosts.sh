#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make demo-hosts`: one controller, three hosts with an agent each, mutual TLS between them.
# A zone is cut off, and the shop holds; both are, and the drill is called off on all hosts
# at once; the controller itself is killed in the middle, and every host cleans up alone.
# The hosts are namespaces that vanish with the demo.
# usage: demo_hosts.sh BIN-DIR [RESULTS-DIR]
set -u
# shellcheck source=tests/demo/demo_lib.sh
. "$(dirname "$0")/demo_lib.sh"
begin "${1:-build/bin}" "${2:-results/demo-hosts}"
# shellcheck source=tests/system/hosts_lib.sh
. "$(dirname "$0")/../system/hosts_lib.sh"
cd "$T" || exit 1
PATH=$BIN:$PATH

run() { # run NAME EXPECTED-EXIT
	local i rc
	for ((i = 0; i < ATTEMPTS; i++)); do
		typed "stormctl run $1.yaml"
		rm -rf "${RESULTS:?}/$1"
		stormctl run "$1.yaml" --out "$RESULTS/$1" --reason "make demo-hosts" 2>&1 |
			tee "$T/run.out" | indented
		rc=${PIPESTATUS[0]}
		say "Exit code $rc."
		[ "$rc" -ne "$2" ] || return 0
		was_starved "$T/run.out" || break
		say "This machine is too busy just now for the drill to show anything. Once more:"
	done
	fail "the drill '$1' ended with exit $rc where $2 was expected"
}
ask() { # a command and what it says
	typed "$*"
	"$@" 2>&1 | indented
}

step "Three hosts on one network: two web servers in two zones, and a balancer before them."
stage
TAGS=([web1]="role: web, zone: a" [web2]="role: web, zone: b" [lb]="role: balancer, zone: a")
for name in web1 web2 lb; do add_host $name; done
web web1
web web2
web lb "upstream shop {
		server $(address web1) max_fails=1 fail_timeout=1s;
		server $(address web2) max_fails=1 fail_timeout=1s;
	}
	server { listen 80; location / {
		proxy_pass http://shop;
		proxy_connect_timeout 300ms; proxy_read_timeout 1s; } }"
SHOP=http://$(address lb)/
wait_http "$SHOP"
say "Each has processes, mounts, interfaces and a host name of its own. We are a fourth one."
ask curl -s "$SHOP"
ask curl -s "$SHOP"

step "Keys: a CA of our own, a certificate for each host, one for us."
ask stormctl pki init
for name in web1 web2 lb; do
	ask stormctl pki host $name
	ln -s "$T/pki/hosts/$name" "$T/$name/pki" # "copy it to $name"
done
ask stormctl pki operator ada
export STORMDRILL_PKI=$T/pki/operators/ada

step "An agent on each host, listening to whoever holds a certificate of that CA."
for name in "${HOSTS[@]}"; do
	say "$dim$name#$plain stormd --listen $(address $name):$PORT --pki …"
	start_agent $name
done
say "Anybody else is turned away in the handshake; no byte of theirs reaches the agent:"
typed "curl --cacert pki/ca.pem https://web1:$PORT/v1/status"
if curl -s --cacert pki/ca.pem --resolve "web1:$PORT:$(address web1)" --max-time 5 \
	"https://web1:$PORT/v1/status" >curl.out 2>&1; then
	fail "the agent answered somebody without a certificate"
fi
say "  (the connection is closed, without an answer)"

step "The inventory: which hosts there are, and what they are."
take_inventory
show inventory.yaml
export STORMDRILL_INVENTORY=inventory.yaml
ask stormctl hosts

step "A photograph of all four: links, qdiscs, nftables, iptables, ipsets, processes."
snapshot_all >"$RESULTS/hosts-before.txt"
say "$(wc -l <"$RESULTS/hosts-before.txt") lines in $RESULTS/hosts-before.txt"

PROBE="probes:
  shop:
    http: {url: \"$SHOP\", timeout: 5s}
    rate: 100/s
    good: {status: 200, body: hello}
    objective: 95%
    abort_at: 50%"
step "First drill: zone b is cut off from the balancer. The shop should live on zone a."
cat >zone-lost.yaml <<Y
version: 1
name: zone-lost
hypothesis: When a whole zone is unreachable, 95 % of requests are still answered.
targets:
  zone-b: {where: "role=web and zone=b"}
  balancer: {where: "role=balancer"}
$PROBE
steady: {before: 2s, during: 4s, after: 2s}
faults:
  - net.partition: {}
    id: cut-off
    target: zone-b             # on these hosts …
    against: balancer          # … nothing gets to or from those
    for: 3s
Y
show zone-lost.yaml
say "What exactly would that do? Nothing has happened yet:"
ask stormctl plan zone-lost.yaml
run zone-lost 0

step "Second drill: both zones become slow, and then they are cut off."
cat >both-lost.yaml <<Y
version: 1
name: both-lost
hypothesis: When no zone is reachable, the shop still answers from a cache.
targets:
  web: {where: "role=web"}
  balancer: {where: "role=balancer"}
$PROBE
steady: {before: 2s, during: 10s, after: 5s}
faults:
  - net.delay: {delay: 50ms}   # both web servers answer the balancer late …
    id: slow
    target: web
    against: balancer
    for: 9s
  - net.partition: {}          # … and a second later not at all
    id: cut-off
    target: balancer
    against: web
    at: 1s
    for: 8s
Y
show both-lost.yaml
say "There is no cache. Watch all three hosts being put right long before the nine seconds:"
run both-lost 5
say "Bad answers after the undo are nginx's own: it leaves a server it lost alone for a second."
ask curl -s "$SHOP"

step "Third drill: the controller itself dies in the middle, by kill -9."
cat >controller-dies.yaml <<Y
version: 1
name: controller-dies
lease: 1s                      # how long a host goes on without hearing from us
targets:
  all: {where: role}
faults:
  - net.partition: {to: [10.77.0.200]}
    id: cut-off
    target: all
    for: 10m
Y
show controller-dies.yaml
typed "stormctl run controller-dies.yaml &"
stormctl run controller-dies.yaml --out "$RESULTS/controller-dies" >controller.log 2>&1 &
RUN=$!
disown
wait_for 20 in_state active web1 web2 lb || fail "not active everywhere: $(cat controller.log)"
say "In force on all three: $(obligations | wc -l) written promises to undo. One of them:"
obligations web1 | grep /undo/ | head -n 1 | xargs cat | show /dev/stdin
typed "kill -9 %1"
kill -KILL $RUN
for name in "${HOSTS[@]}"; do
	wait_for 30 owes_nothing $name || fail "$name still owes $(obligations $name)"
	say "$name: $(sed -n -E "s/.*(undo: drill 'controller-dies').*, (cause [a-z]+):.*/\1, \2/p" "$T/$name.agent.log")"
done
say "No host was told. Each waited for its lease of one second, and undid."

step "And the hosts? The same photograph again, compared."
snapshot_all >"$RESULTS/hosts-after.txt"
compared hosts

step "What lies where"
for d in zone-lost both-lost; do
	say "$RESULTS/$d/summary.md      the story, host by host, for people"
	say "$RESULTS/$d/events.ndjson   every fact, as it happened"
	say "$RESULTS/$d/journal.json    all of it, for machines"
done
printf '\n'
for name in "${HOSTS[@]}"; do stop_agent $name; done
hand_over
exit 0
