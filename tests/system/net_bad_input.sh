#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hard ends of network faults, by stormctl alone: a controller that loses every packet but
# its own, connections cut and ports gone as programs see it, faults that overlap and of
# which one ends before the other, and whoever takes away what a fault needs.  Each has a
# sane end, the right exit code and words that say what was wrong; nothing is left.
# (net_strange.sh has what stands in the way; netns.sh namespaces that die.)
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
# shellcheck source=tests/system/hosts_lib.sh
. "$(dirname "$0")/hosts_lib.sh"
ok() { echo "ok: $*"; }

backend b1 10.1.1.2
host b2 10.1.2.2
reaches() { ping -q -c 1 -W 1 "$1" >/dev/null; }
is_cut() { ! reaches "$1"; }
wait_for 60 reaches 10.1.2.2 || fail "the test network does not work"
wait_http http://10.1.1.2/
snapshot >"$T/before"

# --- one fault, by `inject` -----------------------------------------------------------------
# inject KIND PARAMETER…: in the background, its log $T/inject.log
inject() {
	rm -f "$T/inject.log" # or the last one's would be read
	"$CTL" inject "$@" "${DIRS[@]}" --embedded --out "$T/i.$RANDOM$RANDOM" \
		>"$T/inject.log" 2>&1 </dev/null &
	RUN=$!
}
in_force() {
	wait_for 60 grep -qE '(:|:.*) active: ' "$T/inject.log" || fail "$1: never active"
}
# over EXIT TEXT WHAT: it ends so, says so, and leaves nothing
over() {
	local rc=0
	wait_for 120 is_over $RUN || fail "$3: stormctl hangs"
	wait $RUN || rc=$?
	[ $rc -eq "$1" ] || fail "$3: exit $rc, expected $1"
	grep -qE "$2" "$T/inject.log" || fail "$3: did not say '$2'"
	wait_for 60 storm_gone || fail "$3: left running: $(pgrep -l stormd | tr '\n' ' ')"
	snapshot >"$T/after"
	same "$T/before" "$T/after" "$3"
	ok "$3"
}
connections() { ss -Htn state established dst 10.1.1.2 dport = :80 | wc -l; }
has_connections() { [ "$(connections)" -eq "$1" ]; }
connect() { # connect: descriptor 3 is a connection to the web server of b1
	exec 3<&-
	{ exec 3<>/dev/tcp/10.1.1.2/80; } 2>>"$T/connect.log"
}
says() { grep -qE "$2" <<<"$1" || fail "$3: $1"; }

# --- connections ----------------------------------------------------------------------------
connect || fail "cannot connect to the web server"
inject net.reset to=10.1.1.2 port=80
over 0 '1 TCP connection cut' "a connection is cut once"
has_connections 0 || fail "the connection is still there"
inject net.reset to=10.1.1.2 port=80
over 6 'no connection matches' "nothing to cut is no success"

inject net.reset to=10.1.1.2 port=80 --for 300s
in_force "held down"
for ((i = 0; i < 3; i++)); do
	connect || fail "connecting is not hindered"
	wait_for 60 has_connections 0 || fail "not cut although it is held down"
done
kill -INT $RUN
over 8 'cut; those that come back are cut again' "what comes back is cut again"
connect || fail "cannot connect after the end"
sleep 0.5
has_connections 1 || fail "cut after the end"

inject net.reset to=10.1.1.2 port=80 --for 60s
in_force "the holder"
wait_for 60 has_connections 0 || fail "not cut"
kill -KILL "$(pgrep -f '^stormd-fault net.reset')"
over 6 'lost|died|killed' "a holder that is killed cuts no more"
connect || fail "cannot connect after the holder's end"
sleep 0.5
has_connections 1 || fail "cut after the holder's end"
exec 3<&-

# --- ports ----------------------------------------------------------------------------------
inject net.ports mode=exhaust --for 300s
in_force "exhaust"
said=$( (exec 3<>/dev/tcp/10.1.1.2/80) 2>&1)
says "$said" 'Cannot assign requested address' "a program could connect"
kill -INT $RUN
over 8 '[0-9]+ of the ephemeral TCP ports 32768-60999 held, 0 left' "no port is left to connect from"
connect || fail "no port is free after the end"
exec 3<&-

inject net.ports mode=occupy port=8080 --for 60s
in_force "occupy"
nginx_conf late "server { listen 8080; }"
said=$(timeout 60 nginx -p "$T/late" -c "$T/late/nginx.conf" 2>&1)
says "$said" '8080.*Address already in use' "a server could have the port"
kill -KILL "$(pgrep -x stormd-keeper)"
over 6 'ended a process that holds the ports' "a keeper that is killed is told as lost"

nginx_start early "server { listen 8080; location / { return 200 early; } }"
wait_http http://127.0.0.1:8080/
inject net.ports mode=occupy port=8000-8090 --for 5s
over 9 'TCP port 8080 is in use by nginx, process [0-9]+' "who has the port is named"
inject net.ports mode=limit port=8080 connections=0 --for 60s
in_force "limit"
curl -s --max-time 10 -o /dev/null http://127.0.0.1:8080/
[ $? -eq 7 ] || fail "a connection beyond the limit is not refused"
kill -INT $RUN
over 8 'at most 0 new connections' "a service that takes no more connections"
curl -sf --max-time 10 -o /dev/null http://127.0.0.1:8080/ || fail "limited after the end"
kill "$(cat "$T/early.pid")"
wait "$(cat "$T/early.pid")" 2>/dev/null

# --- words ----------------------------------------------------------------------------------
wrong() { # wrong EXIT TEXT KIND PARAMETER…
	local want=$1 text=$2
	shift 2
	inject "$@"
	over "$want" "$text" "$want $text"
}
wrong 2 'net.reset needs to' net.reset port=80
wrong 2 "is not a port" net.reset to=any port=http
wrong 2 'mode=limit needs connections' net.ports mode=limit port=80 --for 1s
wrong 2 'counts connections, which udp has not' net.ports mode=limit port=53 connections=1 \
	protocol=udp --for 1s
wrong 2 'port has no meaning with mode=exhaust' net.ports mode=exhaust port=80 --for 1s
wrong 2 '65535 ports are too many' net.ports mode=occupy port=1-65535 --for 1s
wrong 2 'is a network, not an address' net.ports mode=occupy port=80 address=10.0.0.0/8 --for 1s
wrong 9 '192.0.2.1 is not one of this host' net.ports mode=occupy port=80 address=192.0.2.1 \
	--for 1s
wrong 9 '[0-9]+ are free, and 40000 are to be left' net.ports mode=exhaust leave=40000 --for 1s
wrong 2 'net.ports needs a .for.|--for is missing' net.ports mode=exhaust

# --- faults that overlap ----------------------------------------------------------------------
# The first ends while the others go on, on the same packets and on others; `effect` of one
# that goes on still grows.
effect() { # effect ID: of the running drill
	curl -s --max-time 5 --unix-socket "$T/host/test/api.sock" http://agent/v1/status |
		jq -r --arg n "$1" '.. | objects | select(.name? == $n and .effect? != null) | .effect' |
		head -n 1
}
is_over_fault() { grep -qE "fault +$1: gone" "$T/inject.log"; }
overlap() {
	cat >"$T/overlap.yaml" <<-Y
	version: 1
	name: overlap
	lease: 15s
	faults:
	  - net.partition: {to: [10.1.1.0/24]}
	    id: short
	    for: 3s
	  - net.partition: {to: [10.1.1.2]}
	    id: long
	    for: 300s
	  - net.loss: {loss: 100%, to: [10.1.2.2], engine: nfqueue}
	    id: lossy
	    for: 300s
	Y
	rm -rf "$T/overlap" "$T/inject.log"
	"$CTL" run "$T/overlap.yaml" "${DIRS[@]}" --embedded --out "$T/overlap" \
		>"$T/inject.log" 2>&1 &
	RUN=$!
	wait_for 60 is_over_fault short || fail "the short one never ended"
	! is_over $RUN
}
for ((i = 0; i < ATTEMPTS; i++)); do
	overlap && break
	was_starved "$T/inject.log" || fail "faults that overlap: over too soon"
done
is_cut 10.1.1.2 || fail "the end of one partition is the end of the other"
is_cut 10.1.2.2 || fail "the end of a partition is the end of a loss"
for id in long lossy; do
	was=$(effect $id)
	ping -q -c 2 -i 0.2 -W 1 10.1.1.2 >/dev/null
	ping -q -c 2 -i 0.2 -W 1 10.1.2.2 >/dev/null
	grew() { [ "$(effect $id)" -gt "$was" ]; }
	wait_for 60 grew || fail "$id counts no more: $was"
done
kill -INT $RUN
over 8 'short: gone' "faults that overlap end one by one"
reaches 10.1.1.2 && reaches 10.1.2.2 || fail "cut after the end"

# --- a rule manager, and our table ---------------------------------------------------------------
# A table with an owner is out of its reach; nothing is lost.
inject net.partition to=10.1.1.2 engine=nftables --for 60s
sleep 0.5
if wait_for 60 grep -qE 'active: ' "$T/inject.log"; then
	nft flush ruleset 2>/dev/null
	if is_cut 10.1.1.2; then
		sleep 0.5
		kill -INT $RUN
		over 8 'engine nftables' "flushed, and still there: the table has an owner"
	else
		over 6 'taken away by somebody else' "a table that is flushed is told as lost"
	fi
else
	over 9 'nf_tables|nftables' "no nftables here"
fi

# --- a controller that is somewhere else ------------------------------------------------------------
stage
echo "allow net.loss net.reset net.ports" >>"$T/policy"
add_host a
enrol
take_inventory
start_agent a
on_exec a ping -q -i 0.1 $OURS >"$T/a.ping.log" 2>&1 &
disown
snapshot_all >"$T/before"

# What loses everything, for everybody but us: the agent is asked, renewed and stopped.
remote() { # remote FAULT
	drill remote <<-Y
	lease: 4s
	targets: {a: {hosts: [a]}}
	faults:
	  - $1
	    target: a
	    for: 300s
	Y
	active a || return 1
	sleep 5 # longer than the lease, and than a fault may be unconfirmed
	is_over $RUN && { was_too_busy || fail "$1: over by itself"; return 1; }
	timeout 60 "$CTL" status --json >"$T/status.log" 2>&1 || fail "$1: no status"
	grep -q '"active"' "$T/status.log" || fail "$1: status does not show it"
	kill -INT $RUN
	ends 8 "stopped from afar: $1"
}
again remote 'net.loss: {loss: 100%, to: any, direction: both, engine: nfqueue}'
again remote 'net.partition: {to: any}'
again remote 'net.reset: {to: any}'
again remote 'net.ports: {mode: exhaust}'
again remote "net.ports: {mode: limit, port: [$PORT, 1-1000], connections: 0}"
stop_agent a
exit 0
