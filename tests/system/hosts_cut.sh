#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hosts that the controller cannot reach any more.  Somebody pulls a cable, or the drill's
# own fault does it: host b is reached only through a forwarder on host a, and the fault on
# a stands between that and b.  Who is cut off undoes by commit-confirm or lease; all others
# are undone at once.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
# shellcheck source=tests/system/hosts_lib.sh
. "$(dirname "$0")/hosts_lib.sh"
command -v socat >/dev/null || skip "needs socat"

stage
for name in a b c; do add_host $name; done
# b has a cable to a and no other.
ip -n wire link delete p-b
nsenter --net --target "${INIT[a]}" ip link add eth1 type veth peer name eth0 netns "${INIT[b]}"
on a bash -c 'ip address add 10.78.0.1/24 dev eth1; ip link set eth1 addrgenmode none up'
on b bash -c 'ip address add 10.78.0.2/24 dev eth0; ip link set eth0 addrgenmode none up'
LISTEN[b]=10.78.0.2:7444
REACHED[b]="address: $(address a), port: 7444"
# c speaks IPv6 alone.
LISTEN[c]="[$(address6 c)]:$PORT"
REACHED[c]="address: '$(address6 c)'"
enrol
take_inventory
for name in "${HOSTS[@]}"; do start_agent $name; done
on_exec a socat TCP-LISTEN:7444,fork,reuseaddr TCP:10.78.0.2:7444 >"$T/socat.log" 2>&1 &
disown
wait_for 10 on a curl -so /dev/null --connect-timeout 1 telnet://10.78.0.2:7444 </dev/null
snapshot_all >"$T/before"

TARGETS="targets: {a: {hosts: [a]}, b: {hosts: [b]}, c: {hosts: [c]}, all: {hosts: [a, b, c]}}"
# --- the drill's own fault ------------------------------------------------------------------
# b's fault comes into force when nobody can confirm it any more.
unconfirmed() {
	drill unconfirmed <<-Y
	lease: 8s
	$TARGETS
	faults:
	  - net.partition: {to: [10.78.0.2]}
	    id: cut
	    target: a
	    for: 100s
	  - net.delay: {delay: 20ms, to: [10.78.0.250]}
	    id: slow
	    target: b
	    at: 1s
	    for: 99s
	  - disk.fill: {path: /mnt, size: 64KiB}
	    id: fill
	    target: c
	    for: 100s
	Y
	ends 30 "cut off by the drill before a network fault was confirmed" || return 1
	because "unconfirmed lease" b && because asked a c
}
again unconfirmed

# b's fault needs no confirmation, and was there long before.
cut_by_drill() {
	drill cut_by_drill <<-Y
	lease: 3s
	$TARGETS
	faults:
	  - disk.fill: {path: /mnt, size: 64KiB}
	    id: fill
	    target: all
	    for: 100s
	  - net.partition: {to: [10.78.0.2]}
	    id: cut
	    target: a
	    at: 1s
	    for: 99s
	Y
	ends 30 "cut off by the drill" && because lease b && because asked a c
}
again cut_by_drill

# --- somebody else --------------------------------------------------------------------------
cable_pulled() {
	drill cable_pulled <<-Y
	lease: 3s
	$TARGETS
	faults:
	  - disk.fill: {path: /mnt, size: 64KiB}
	    id: fill
	    target: all
	    for: 100s
	Y
	active a b c || return 1
	unplug c
	ends 30 "a cable is pulled" && because lease c && because asked a b
}
again cable_pulled

# For less than the lease it is no loss.
cable_flickers() {
	drill cable_flickers <<-Y
	lease: 30s
	$TARGETS
	faults:
	  - disk.fill: {path: /mnt, size: 64KiB}
	    id: fill
	    target: all
	    for: 8s
	Y
	active a b c || return 1
	unplug c
	sleep 1
	plug c
	ends 0 "a cable is out for a second" && because end a b c
}
again cable_flickers

for name in "${HOSTS[@]}"; do stop_agent $name; done
exit 0
