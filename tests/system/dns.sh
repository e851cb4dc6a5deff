#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# net.dns as an application meets it: curl by the C library's resolver, nginx by its own.  A
# redirect leads both to another server; a name that nobody has breaks the shop and stops
# the drill (exit 5); a slow resolver is held to the objective (exit 0).  When the fault's
# holder is killed the next lookup is right again.  The host is afterwards as it was.
set -u -o pipefail
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"

for program in nginx curl ipset dnsmasq; do
	command -v $program >/dev/null || skip "$program is not installed"
done

backend shop 10.1.2.2
backend other 10.1.3.2
host resolver 10.1.1.2
ip -n other address add 10.1.1.2/32 dev lo # another network with a resolver of its own
for net in resolver other; do
	nsenter --net=/run/netns/$net dnsmasq --keep-in-foreground --conf-file=/dev/null \
		--no-resolv --no-hosts --user=root --pid-file= --cache-size=0 --local-ttl=1 \
		--address=/shop.test/10.1.2.2 --address=/shop.test/fd10:1:2::2 \
		--address=/other.test/10.1.3.2 >"$T/dnsmasq-$net.log" 2>&1 &
done
echo "nameserver 10.1.1.2" >"$T/resolv.conf"
mount --bind "$T/resolv.conf" /etc/resolv.conf
# An application that asks for the shop's name itself, again every second.
# shellcheck disable=SC2016
nginx_start app 'server { listen 127.0.0.1:8080; resolver 10.1.1.2 valid=1s;
	set $shop shop.test; location / { proxy_pass http://$shop; } }'
wait_http http://shop.test/
wait_http http://other.test/
wait_http http://127.0.0.1:8080/
snapshot >"$T/before"

says() { # says WHO URL: this server answers there
	curl -s --max-time 20 "$2" 2>>"$T/curl.log" | grep -qx "hello from $1"
}
expect() { # expect WHO URL WHEN
	wait_for 60 says "$1" "$2" || fail "$3: $2 is not answered by $1"
}
unknown() { # unknown NAME: curl finds no address for it
	local code=0
	curl -s --max-time 20 "http://$1/" >"$T/curl.log" 2>&1 || code=$?
	[ $code -eq 6 ] || fail "$1: curl exits $code, and not for want of an address"
}
clean() {
	wait_for 60 storm_gone || fail "$1: an agent process is left: $(pgrep -l stormd)"
	snapshot >"$T/after"
	same "$T/before" "$T/after" "$1"
}
inject() { # inject NAME PARAMETER…: until it is active
	local name=$1
	shift
	"$BIN/stormctl" inject net.dns "$@" --for 10m --out "$T/out-$name" \
		--embedded "${DIRS[@]}" >"$T/$name.log" 2>&1 &
	ctl=$!
	wait_for 60 grep -q 'net.dns: active' "$T/$name.log" || fail "$name is not active"
}

inject redirect mode=redirect names=shop.test answer=10.1.3.2
expect other http://shop.test/ redirect
expect other http://127.0.0.1:8080/ redirect
expect other http://other.test/ redirect
getent ahosts shop.test | grep -q : &&
	fail "a redirect to IPv4 leaves the name its address of IPv6"
kill -INT $ctl
code=0
wait $ctl || code=$?
[ $code -eq 8 ] || fail "redirect: exit $code, expected 8"
expect shop http://shop.test/ "after the redirect"
expect shop http://127.0.0.1:8080/ "after the redirect"
clean redirect
echo "ok: curl and nginx follow a redirect, and come back"

inject killed mode=nxdomain names='*.test'
unknown shop.test
kill -KILL "$(pgrep -x stormd-fault)" || fail "killed: there is no holder"
says shop http://shop.test/ || fail "the holder is dead, and the name is not found"
code=0
wait $ctl || code=$?
[ $code -eq 6 ] || fail "killed: exit $code, expected 6"
clean killed
echo "ok: a holder that dies takes the fault with it"

nsenter --net=/run/netns/other sleep 600 &
guest=$!
inject guest mode=redirect names=shop.test answer=10.1.3.2 pid=$guest
expect shop http://shop.test/ "a fault of a guest's"
nsenter --net=/run/netns/other curl -s --max-time 20 http://shop.test/ >"$T/curl.log" 2>&1
grep -qx "hello from other" "$T/curl.log" || fail "a guest is not redirected"
kill -INT $ctl
wait $ctl
kill $guest
clean guest
echo "ok: a container is redirected, and its host is not"

# drill NAME FAULT EXPECTED
drill() {
	local i
	cat >"$T/$1.yaml" <<Y
version: 1
name: $1
hypothesis: The shop answers.
probes:
  shop:
    http: {url: "http://127.0.0.1:8080/", timeout: 10s}
    rate: 100/s
    good: {status: 200, within: 10s, body: "hello from shop"}
    objective: 95%
    abort_at: 50%
steady: {before: 1s, during: 4s, after: 30s}
faults:
  - net.dns: {$2}
    for: 8s
Y
	for ((i = 0; i < ATTEMPTS; i++)); do
		code=0
		rm -rf "$T/out-$1"
		"$BIN/stormctl" run "$T/$1.yaml" --out "$T/out-$1" --embedded "${DIRS[@]}" \
			>"$T/$1.log" 2>&1 || code=$?
		clean "$1"
		was_starved "$T/$1.log" || break
	done
	[ "$code" -eq "$3" ] || fail "$1: exit $code, expected $3"
}
drill outage 'mode: nxdomain, names: [shop.test, "*.shop.test"]' 5
grep -Eq '[1-9][0-9]* queries' "$T/out-outage/summary.md" ||
	fail "outage: the summary counts no queries"
drill slow 'mode: delay, delay: 100ms, names: [shop.test]' 0
drill nobody 'mode: servfail, names: [nobody.test]' 6
grep -q 'no effect: it was in force, but met no queries' "$T/nobody.log" || fail "nobody: it is not said that nothing was asked"
echo "ok: drills judge what a broken, a slow and an unasked resolver do to the shop"
