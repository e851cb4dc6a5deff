#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Probes of what misbehaves (tools/hostile.c, programs): from the beginning on, which is no
# steady state; and from the middle of a drill on, which stops it.  A controller that is
# stopped, or gets hardly any CPU, which is no fault of the system under test.  Each ends by
# itself, with the right verdict, within a bound of memory, and writes nothing that a terminal
# obeys.
#
# Drills run side by side, each with a server, a host-dir and a process to pause of its own.
set -u -o pipefail
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
command -v openssl >/dev/null || skip "openssl is not installed"
sandbox "$0" "$@"

TOOLS=$HERE/tests/system/tools
cc -D_GNU_SOURCE -O1 -pthread -o "$T/hostile" "$TOOLS/hostile.c" || fail "no compiler"
cc -O1 -o "$T/peak" "$TOOLS/peak.c" || fail "no compiler"
PEAK_MAX=80000 # KiB; a server here sends 1 GiB
ESCAPE=$'\033|\007|\302\233'

echo "nameserver 127.0.0.1" >"$T/resolv.conf"
mount --bind "$T/resolv.conf" /etc/resolv.conf

# --- one drill, in a directory of its own ---------------------------------------------------
# serve PORT [good]: its pid in $SERVER, the ports of its vices in $D/ports
serve() {
	"$T/hostile" "$@" >"$D/ports" 2>"$D/server.log" &
	SERVER=$!
	wait_for 60 grep -q '^ready' "$D/ports" || fail "no server: $(cat "$D/server.log")"
}
port() { sed -n "s/^$1 //p" "$D/ports"; }
# probe NAME URL: a line of `probes:`
probe() {
	echo "  $1: {http: {url: '$2', ${CA:+ca: $CA,} timeout: 1s, redirects: 3}, rate: ${RATE:-10}/s," \
		"good: {within: ${WITHIN:-500ms}, body: ok}, objective: 90%}"
}
vices() { # vices NAME…
	local v
	for v; do probe "$v" "http://127.0.0.1:$(port "$v")/"; done
}
# drill NAME <PROBES begins it in the background, its pid in $CTL
drill() {
	sleep 1000 &
	VICTIM=$!
	{
		printf 'version: 1\nname: %s\nlease: 15s\n' "$1"
		echo "steady: {before: ${BEFORE:-4s}, during: ${DURING:-20s}, after: 20s}"
		[ -z "${BUDGET:-}" ] || echo "budget: $BUDGET"
		echo "faults: [{process.pause: {pid: $VICTIM}, for: ${FOR:-20s}}]"
		echo "probes:"
		cat
	} >"$D/drill.yaml"
	rm -rf "$D/out" "$D/run.log"
	"$T/peak" "$D/peak" "$BIN/stormctl" run "$D/drill.yaml" --out "$D/out" --embedded \
		--host-dir "$D/host" --run-dir "$D/host/test" --state-dir "$D/state" \
		>"$D/run.log" 2>&1 </dev/null &
	CTL=$!
}
fired_or_over() { grep -qs '"type":"fired"' "$D/out/events.ndjson" || ! kill -0 "$CTL"; }
# over: its exit code in $CODE, in words what else is wrong in $WRONG
over() {
	local peak
	CODE=0 WRONG=
	wait "$CTL" || CODE=$?
	kill "$VICTIM"
	wait "$VICTIM" 2>/dev/null
	peak=$(cat "$D/peak")
	[ "$peak" -le $PEAK_MAX ] || WRONG="$peak KiB of memory"
	grep -qE "$ESCAPE" "$D/run.log" "$D/out"/* && WRONG="a terminal would obey"
}
# again NAME EXPECTED FUNCTION: until the machine has time for it; the result in $T/NAME.end
again() {
	local i D=$T/$1
	mkdir -p "$D"
	# shellcheck disable=SC2064
	trap "[ -s '$T/$1.end' ] || echo 'it was not run' >'$T/$1.end'" EXIT
	for ((i = 0; i < ATTEMPTS; i++)); do
		"$3" "${@:4}"
		[ "$CODE" -ne "$2" ] || break
		was_starved "$D/run.log" || break
	done
	[ "$CODE" -eq "$2" ] || WRONG="exit $CODE, expected $2"
	echo "$WRONG" >"$T/$1.end"
	[ -z "$WRONG" ] || cp "$D/run.log" "$T/$1.log"
}
begin() { # begin NAME EXPECTED FUNCTION [ARGUMENT…]: `again`, beside the others
	again "$@" &
	NAMES+=("$1")
}
NAMES=()
all_end() {
	local name
	for name in "${NAMES[@]}"; do
		wait_for 300 test -s "$T/$name.end" || fail "$name hangs"
		[ -z "$(cat "$T/$name.end")" ] || fail "$name: $(cat "$T/$name.end")"
		echo "ok: $name"
	done
	NAMES=()
}

# --- what a file may not ask for -----------------------------------------------------------
refused() { # refused TEXT PROBE STEADY
	{
		one_fault 'process.pause: {name: x}' 1s
		printf 'steady: {%s}\nprobes: {p: {http: "http://x/", %s}}\n' "$3" "$2"
	} >"$T/bad.yaml"
	"$BIN/stormctl" check "$T/bad.yaml" >"$T/check.log" 2>&1
	[ $? -eq 3 ] || fail "not refused: $2"
	grep -qF "$1" "$T/check.log" || fail "not said of $2: $1"
	rm "$T/check.log"
}
refused 'must be more than twice the 5%' 'objective: 95%, abort_at: 4%' 'before: 60s'
refused 'gets 1 samples in 10s before' 'rate: 0.1/s' 'before: 10s'
refused 'gets 0 samples in 0s before' 'rate: 100/s' 'before: 0s'
refused 'objective' 'objective: 101%' 'before: 60s'

# --- bad from the beginning on: nothing is injected -------------------------------------------
# What all answers of a vice are.
VICES="silent slow
deaf connect
drip-head slow
drip-body slow
loop status
to-file status
to-ftp status
empty connect
reset-accept connect
reset-request connect
reset-body connect
babble status
chunk-garbage status
escapes status
escaped-length status
nul-header status
nul-body ok
http2 status
cut-short connect
bad-length status
html body
deep-json body
nan-json body
too-long ok
old ok
fine ok
closing ok
closing-reset ok"
NAMED="mute dns
garbled dns
nobody dns
late ok
many ok
six ok
plain tls
mum tls
not-trusted tls
for-another tls
bomb body"
TYPES="tcp-silent slow
tcp-flood body
tcp-reset-accept connect
tcp-empty connect
tcp-deaf connect
tcp-drip-body slow
tcp-nul-body body
prom-silent slow
prom-nan-json body
prom-huge-json body
prom-deep-json body
prom-html body
prom-cut-short connect
jq-deep-json body
jq-html body
jq-nul-body body
flood body
stubborn slow
orphans slow
rude status
sound ok"
is_all() { # is_all NAME CLASS: in the drill's `before`
	local event n bad
	event=$(grep -F '"type":"probe"' "$D/out/events.ndjson" |
		grep -F "\"subject\":\"$1\",\"text\":\"before\"")
	n=$(grep -oE '"n":[0-9]+' <<<"$event" | cut -d : -f 2)
	bad=$(grep -oE '"(slow|status|body|connect|dns|tls|timeout)":[0-9]+' <<<"$event" |
		tr -d '"\n')
	[ "$2" != ok ] || n=
	[ "$bad" = "${n:+$2:$n}" ] || WRONG="$1: $bad, expected $2:$n"
}
are_all() { # are_all LIST
	local name class
	[ "$CODE" -eq 4 ] || return
	while read -r name class; do
		is_all "$name" "$class"
	done <<<"$1"
	! grep -q '"type":"armed"' "$D/out/events.ndjson" || WRONG="something was injected"
}
bad_vices() {
	cp "$T/ports" "$D/ports"
	# shellcheck disable=SC2046
	drill vices < <(vices $(cut -d ' ' -f 1 <<<"$VICES"))
	over
	are_all "$VICES"
}
bad_names() {
	local fine name
	cp "$T/ports" "$D/ports"
	fine=$(port fine)
	drill names < <(
		for name in mute garbled nobody late many six; do
			probe $name "http://$name.test:$fine/"
		done
		# The system's authorities take 20 ms of CPU for each connection: none are needed.
		CA=$T/other.pem probe plain "https://127.0.0.1:$fine/"
		CA=$T/other.pem probe mum "https://127.0.0.1:$(port silent)/"
		CA=$T/other.pem probe not-trusted https://127.0.0.1:8443/
		CA=$T/cert.pem probe for-another https://127.0.0.1:8443/
		probe bomb http://127.0.0.1:8080/bomb
	)
	over
	are_all "$NAMED"
}
types() { # the probes of TYPES
	local common='rate: 10/s, objective: 90%' v
	local good="good: {within: 500ms, body: PONG}"
	while read -r v; do
		case $v in
		tcp-*) v=${v#*-} && echo "  tcp-$v: {tcp: {address: '127.0.0.1:$(port "$v")'," \
			"send: PING, timeout: 1s}, $good, $common}" ;;
		prom-*) v=${v#*-} && echo "  prom-$v: {prometheus: {url:" \
			"'http://127.0.0.1:$(port "$v")', query: x, timeout: 1s}," \
			"good: {within: 500ms, at_most: 1}, $common}" ;;
		jq-*) v=${v#*-} && echo "  jq-$v: {http: {url: 'http://127.0.0.1:$(port "$v")/'," \
			"timeout: 1s}, good: {within: 500ms, jq: .}, $common}" ;;
		*) echo "  $v: {exec: {command: [$T/$v], timeout: 1s}, $good, $common}" ;;
		esac
	done < <(cut -d ' ' -f 1 <<<"$TYPES")
}
command_of() { # command_of NAME SCRIPT
	printf '#!/bin/sh\n%s\n' "$2" >"$T/$1"
	chmod +x "$T/$1"
}
bad_types() {
	cp "$T/ports" "$D/ports"
	drill types < <(types)
	over
	are_all "$TYPES"
	! pgrep -f 'sleep 987' >/dev/null || WRONG="a probe's processes are left"
}
command_of flood 'exec yes'
command_of stubborn "trap '' TERM INT HUP; sleep 987"
command_of orphans 'sleep 987 & sleep 987 & wait'
command_of rude "printf '\\033[2J' | tee /dev/stderr; exit 3"
command_of sound 'echo PONG'
D=$T
serve 9000
# A name that speaks to terminals, and a body that is 1000 times as long as it looks.
certificate() { # certificate NAME COMMON-NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -utf8 \
		-keyout "$T/$1.key" -out "$T/$1.pem" -subj "/CN=$2" 2>"$T/openssl.log" ||
		fail "no certificate"
	rm "$T/openssl.log"
}
certificate cert $'\033[2J\007evil.test'
certificate other other.test
mkdir "$T/www"
head -c 100M /dev/zero | gzip -9 >"$T/www/bomb"
nginx_start web "server { listen 127.0.0.1:8443 ssl; ssl_certificate $T/cert.pem;
		ssl_certificate_key $T/cert.key; location / { return 200 ok; } }
	server { listen 127.0.0.1:8080; root $T/www;
		location /bomb { add_header Content-Encoding gzip; } }"
wait_http http://127.0.0.1:8080/

# --- bad from the middle on: stopped --------------------------------------------------------------
decided_or_over() { grep -qs '"type":"decision"' "$D/out/events.ndjson" || ! kill -0 "$CTL"; }
end_server() {
	kill "$SERVER"
	wait "$SERVER" 2>/dev/null
}
turns_bad() { # turns_bad PORT VICE
	serve "$1" good
	drill turns < <(RATE=20 vices "$2")
	wait_for 60 fired_or_over
	kill -USR1 "$SERVER"
	wait_for 60 decided_or_over
	kill -USR2 "$SERVER"
	over
	end_server
}
stays_good() { # stays_good PORT VICE…
	serve "$1" good
	FOR=2s DURING=3s drill stays < <(vices "${@:2}")
	over
	end_server
}

# --- our own fault -----------------------------------------------------------------------------------
# stops PORT VICE TIMES SECONDS-STOPPED SECONDS-RUNNING; odd vices answer all the time, the
# others until the third stop.
stops() {
	local ctl i
	serve "$1" good
	FOR=2s DURING=5s BUDGET='{consecutive: 5}' drill stops < <(RATE=100 WITHIN=300ms vices "$2")
	wait_for 60 fired_or_over
	ctl=$(pgrep -P "$CTL")
	for ((i = 0; i < $3; i++)); do
		kill -STOP "$ctl" 2>/dev/null || break
		sleep "$4"
		kill -CONT "$ctl" 2>/dev/null
		sleep "$5"
		[ $i -ne 3 ] || kill -USR1 "$SERVER"
		! grep -qs '"type":"decision"' "$D/out/events.ndjson" || break
	done
	kill -USR2 "$SERVER"
	over
	end_server
}

begin vices 4 bad_vices
begin names 4 bad_names
begin types 4 bad_types
# Answers take 100 ms, so that ten are under way whenever we are stopped.
begin stopped 6 stops 9100 dawdle 5 0.7 0.2
begin starved 6 stops 9200 dawdle 60 0.08 0.02
all_end
n=9300
for vice in silent drip-body huge headers interim loop reset-request; do
	begin $vice 5 turns_bad $n $vice
	n=$((n + 100))
done
begin good 0 stays_good $n closing closing-reset old fine too-long nul-body
begin starved-and-silent 5 stops $((n + 100)) silent 200 0.08 0.02
all_end
wait_for 60 storm_gone || fail "left running: $(pgrep -l stormd)"
