#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `stormctl probe`: every type of probe against a real nginx, without an agent and without
# root's help: what is steady, what is not, what cannot be said, and each exit code.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
CTL="$BIN/stormctl"

answer() { # answer VALUE: as Prometheus does
	echo "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1,\"$1\"]}]}}"
}
nginx_start shop "server { listen 127.0.0.1:8080;
	location / { return 200 '{\"ok\":true}'; }
	location /broken { return 503; }
	location /slow { limit_rate 1; return 200 'ten letters'; }
	location /api/v1/query { default_type application/json; return 200 '$(answer 0.02)'; }
}"
up() { curl -sf --max-time 5 http://127.0.0.1:8080/; }
wait_for 60 up || fail "nginx does not answer"

# probe NAME OPTION…: the exit status in $rc, what it printed in $T/NAME.log.  A machine
# without time for us is asked again.
probe() {
	local name=$1 i
	shift
	for ((i = 0; i < ATTEMPTS; i++)); do
		rc=0
		"$CTL" probe "$T/$name.yaml" --for 2s "$@" >"$T/$name.log" 2>&1 || rc=$?
		grep -q 'our own prober' "$T/$name.log" || return
	done
}
says() { grep -qE "$2" "$T/$1.log" || fail "$1 does not say '$2': $(cat "$T/$1.log")"; }

cat >"$T/good.yaml" <<Y
version: 1
name: good
vars:
  token: {default: s3cret-token, secret: true}
probes:
  shop: {http: {url: "http://127.0.0.1:8080/"}, rate: 40/s, fresh_connections: 25%, good: {body: '"ok"'}}
  door: {tcp: {address: "127.0.0.1:8080", send: "GET / HTTP/1.0\r\n\r\n"}, rate: 20/s, good: {body: "200 OK"}}
  script: {exec: {command: [/bin/echo, "1 row"]}, rate: 20/s, good: {body: "^1 row"}}
  errors:
    prometheus: {url: "http://127.0.0.1:8080", query: "rate(errors[1m])"}
    rate: 20/s
    good: {at_most: 0.05}
guards:
  - tcp: "127.0.0.1:8080"
load:
  shoppers: {http: {url: "http://127.0.0.1:8080/"}, rate: 20/s}
faults:
  - net.partition: {to: 10.1.1.2}
    for: 1s
Y
probe good
[ $rc -eq 0 ] || fail "steady, and exit $rc: $(cat "$T/good.log")"
says good '^ +\+1s +shop +[0-9]+ answers, 0 bad, p50 '
says good '^shop \(http, 40/s\): steady$'
says good '^door \(tcp, 20/s\): steady$'
says good '^script \(exec, 20/s\): steady$'
says good '^errors \(prometheus, 20/s\): steady$'
says good '^guard-1 \(tcp, 1/s\): holds$'
says good '^shoppers \(http, 20/s\): base load$'
says good '^  connect +[0-9]+ '
says good 'a full outage would stop it'
[ ! -e "$T/host/test" ] || fail "an agent was started"
echo "ok: four types, a guard and base load: steady"

probe good --json
jq -e '.exit == 0 and .verdict == "steady" and (.probes | length == 6) and
	(.probes[0] | .name == "shop" and .state == "steady" and .n >= 60 and .bad == 0
		and .times.connect.count >= 10 and .times.latency.count >= 60
		and .judge.outage_samples > 0)' "$T/good.log" >/dev/null ||
	fail "JSON: $(cat "$T/good.log")"
echo "ok: the same as JSON"

cat >"$T/bad.yaml" <<Y
version: 1
name: bad
vars:
  token: {default: s3cret-token, secret: true}
probes:
  broken: {http: {url: "http://127.0.0.1:8080/broken"}, rate: 20/s}
  nobody: {tcp: "127.0.0.1:1", rate: 20/s}
  script: {exec: {command: [/bin/sh, -c, "echo it says \${token} >&2; exit 3"]}, rate: 20/s}
  errors:
    prometheus: {url: "http://127.0.0.1:8080", query: "errors"}
    rate: 20/s
    good: {at_most: 0.01}
faults:
  - net.partition: {to: 10.1.1.2}
    for: 1s
Y
probe bad
[ $rc -eq 4 ] || fail "not steady, and exit $rc: $(cat "$T/bad.log")"
says bad '^broken .*: not steady: 0 % good, the objective is 99 %'
says bad '\(status [0-9]+; the first: status 503\)'
says bad '\(connect [0-9]+; the first: connection refused\)'
says bad 'exit status 3: it says \*+'
says bad '0.02 is more than 0.01'
grep -q s3cret "$T/bad.log" && fail "a secret: $(cat "$T/bad.log")"
echo "ok: four kinds of bad answers: not steady, exit 4"

cat >"$T/guard.yaml" <<Y
version: 1
name: guard
guards:
  - http: {url: "http://127.0.0.1:8080/broken"}
faults:
  - net.partition: {to: 10.1.1.2}
    for: 1s
Y
probe guard
[ $rc -eq 4 ] || fail "a guard that does not hold, and exit $rc: $(cat "$T/guard.log")"
says guard 'the guard does not hold'
echo "ok: a guard that does not hold: exit 4"

sed 's/40/4/; s/rate: 20/rate: 4/' "$T/good.yaml" >"$T/few.yaml"
probe few
[ $rc -eq 6 ] || fail "too few, and exit $rc: $(cat "$T/few.log")"
says few 'too few answers to say'
echo "ok: too few answers: exit 6"

# Ctrl-C ends it early, with all that it has to say.
"$CTL" probe "$T/good.yaml" --for 1h >"$T/early.log" 2>&1 &
ctl=$!
third() { grep -q '+3s' "$T/early.log" || ! kill -0 $ctl; }
wait_for 60 third || fail "not a line: $(cat "$T/early.log")"
kill -INT $ctl
rc=0
wait $ctl || rc=$?
[ $rc -eq 0 ] || grep -q 'our own prober' "$T/early.log" || fail "exit $rc: $(cat "$T/early.log")"
says early '^shop .*: (steady|our own)'
echo "ok: ended early"

rc=0
"$CTL" probe "$T/good.yaml" --for 5 >"$T/usage.log" 2>&1 || rc=$?
[ $rc -eq 2 ] || fail "--for 5: exit $rc"
sed '/^probes/,/^faults/{/^faults/!d}' "$T/good.yaml" >"$T/none.yaml"
rc=0
"$CTL" probe "$T/none.yaml" >"$T/none.log" 2>&1 || rc=$?
[ $rc -eq 2 ] || fail "no probes: exit $rc: $(cat "$T/none.log")"
says none 'has no probes and no guards'
sed 's,/bin/echo,/no/such/program,' "$T/good.yaml" >"$T/program.yaml"
rc=0
"$CTL" probe "$T/program.yaml" >"$T/program.log" 2>&1 || rc=$?
[ $rc -eq 3 ] || fail "no such program: exit $rc: $(cat "$T/program.log")"
says program "'/no/such/program': No such file"
echo "ok: wrong use, nothing to probe, no such program"
exit 0
