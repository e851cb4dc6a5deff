#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Strange hosts among good ones: one that has been up an hour longer, one whose wall clock is
# an hour ahead, and one that lies: nginx stands between stormctl and its agent, and on
# command answers nonsense, or the truth at a byte a second, or nothing at all.  The others
# are drilled, and above all undone, as if it were not there.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
# shellcheck source=tests/system/hosts_lib.sh
. "$(dirname "$0")/hosts_lib.sh"

stage
add_host good
add_host older --time --boottime 3600 --monotonic 3600
add_host ahead
add_host liar

# Every program on `ahead` reads another wall clock.
cp -a /etc "$T/ahead/etc"
"${CC:-cc}" -O1 -shared -fPIC -DOFFSET_SEC=3600 -o "$T/wall_clock.so" \
	"$HERE/tests/system/tools/wall_clock.c" || fail "no compiler for the wall clock"
echo "$T/wall_clock.so" >"$T/ahead/etc/ld.so.preload"
nsenter --mount --target "${INIT[ahead]}" mount --bind "$T/ahead/etc" /etc
chmod 755 "$T" "$T/wall_clock.so"

enrol
# The liar's agent takes no port; nginx does, with the agent's certificate.
take_inventory
mv "$T/liar/pki" "$T/liar/keys"
for name in "${HOSTS[@]}"; do start_agent $name; done
nginx_conf liar/web "
	server {
		listen $(address liar):$PORT ssl;
		ssl_protocols TLSv1.3;
		ssl_certificate $T/liar/keys/cert.pem;
		ssl_certificate_key $T/liar/keys/key.pem;
		ssl_client_certificate $T/liar/keys/ca.pem;
		ssl_verify_client on;
		keepalive_requests 100000;
		location / {
			if (-f $T/liar/nonsense) { return 200 '{\"drill\": {\"faults\": 7, \"ended\": tr'; }
			if (-f $T/liar/slow) { set \$limit_rate 1; }
			proxy_pass http://unix:$T/liar/host/test/api.sock;
			proxy_http_version 1.1;
			proxy_read_timeout 300s;
		}
	}"
on_exec liar nginx -p "$T/liar/web" -c "$T/liar/web/nginx.conf" >"$T/liar.web.log" 2>&1 &
LIAR=$!
disown
LIAR=$(wait_for 10 pgrep -P $LIAR && pgrep -P $LIAR)
wait_for 10 on liar curl -so /dev/null --connect-timeout 1 "http://$(address liar):$PORT/" ||
	fail "the liar does not listen"
snapshot_all >"$T/before"
GOOD=(good older ahead)
TARGETS="targets: {good: {hosts: [good, older, ahead]}, all: {hosts: [good, older, ahead, liar]}}"
FILL="disk.fill: {path: /mnt, size: 64KiB}
    id: fill"

# --- clocks ---------------------------------------------------------------------------------
# The moments of a fault's states on one host, by our clock, since the fire.
since() {
	events "select(.type == \"fault\" and .host == \"$1\" and .subject == \"fill\") | .since_us" |
		cut -d. -f1
}
clocks() {
	local name n at last
	drill clocks <<-Y
	$TARGETS
	faults:
	  - $FILL
	    target: good
	    at: 500ms
	    for: 2s
	Y
	ends 0 "clocks that are an hour apart" || return 1
	for name in "${GOOD[@]}"; do
		n=0 last=400000 # a fault begins when it should, not an hour before or after
		for at in $(since $name); do
			[ "$at" -ge $last ] && [ "$at" -le 60000000 ] ||
				fail "$name: a fault's states at $(since $name | tr '\n' ' ')µs after the fire"
			n=$((n + 1)) last=$at
		done
		[ $n -ge 3 ] || fail "$name: only $n states of its fault were told"
	done
}
again clocks
"$CTL" hosts --json >"$T/hosts.json" 2>"$T/hosts.log" || fail "stormctl hosts: exit $?"

# --- a liar ---------------------------------------------------------------------------------
lie() {
	case $1 in
	silent) kill -STOP "$LIAR" ;;
	*) touch "$T/liar/$1" ;;
	esac
}
truth() {
	kill -CONT "$LIAR"
	rm -f "$T/liar/nonsense" "$T/liar/slow"
}
lies_when_active() {
	drill lies_when_active <<-Y
	lease: 4s
	$TARGETS
	faults:
	  - $FILL
	    target: all
	    for: 100s
	Y
	active "${GOOD[@]}" liar || return 1
	lie "$1"
	kill -INT $RUN
	ends 30 "a host turns $1, the drill is stopped"
	local rc=$?
	truth
	[ $rc -eq 0 ] && because asked "${GOOD[@]}"
}
lies_from_the_start() {
	lie "$1"
	drill lies_from_the_start <<-Y
	lease: 4s
	$TARGETS
	faults:
	  - $FILL
	    target: all
	    for: 100s
	Y
	ends 9 30 "a host is $1 from the start"
	local rc=$?
	truth
	[ $rc -ne 0 ] || [ -z "$(events 'select(.type == "fired")')" ] || fail "fired all the same"
	return $rc
}
for how in nonsense slow silent; do
	again lies_when_active $how
	again lies_from_the_start $how
done

for name in "${HOSTS[@]}"; do stop_agent $name; done
exit 0
