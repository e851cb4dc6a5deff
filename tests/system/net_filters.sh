#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every filter of network faults through the whole program: the holder finds users, cgroups
# and interfaces, and loads its rules, under its own confinement.  That a fault met packets
# is its exit 0, that it met none is exit 6: both are asked for.  What exactly is matched is
# tried packet by packet in tests/contract/net_partition_filters.c.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
CTL="$BIN/stormctl"
host b1 10.1.1.2
reaches() { ping -q -c 1 -W 1 "$1" >/dev/null; }
wait_for 60 reaches 10.1.1.2 || fail "the test network does not work"
wait_for 60 reaches fd10:1:1::2 || fail "the test network does not work by IPv6"
snapshot >"$T/before"

# Traffic for as long as the test runs: ICMP of both families, and TCP to port 8080.
NETNS=b1 nginx_start shop 'server { listen 8080; listen [::]:8080; return 200 "ok\n"; }'
ping -q -i 0.1 10.1.1.2 >/dev/null 2>&1 &
ping -q -i 0.1 fd10:1:1::2 >/dev/null 2>&1 &
while :; do
	curl -s -m 1 -o "$T/page" http://10.1.1.2:8080/
	curl -s -m 1 -o "$T/page" 'http://[fd10:1:1::2]:8080/'
	sleep 0.05
done 2>/dev/null &
fetches() { curl -s -m 1 -o /dev/null http://10.1.1.2:8080/; }
wait_for 60 fetches || fail "no page"

# meets EXIT KIND PARAMETER…: what the drill says of its effect, and that nothing is left
meets() {
	local want=$1 rc=0
	shift
	timeout 120 "$CTL" inject "$@" --for 2s "${DIRS[@]}" --embedded \
		--out "$T/r.$RANDOM$RANDOM" >"$T/ctl.log" 2>&1 </dev/null || rc=$?
	[ $rc -eq "$want" ] || fail "exit $rc, expected $want: $*"
	wait_for 60 storm_gone || fail "an agent process is still there: $*"
	snapshot >"$T/after"
	same "$T/before" "$T/after" "$*"
	echo "ok: $want $*"
}

for engine in iptables nftables; do
	partition() { # partition EXIT PARAMETER…
		local want=$1
		shift
		meets "$want" net.partition engine=$engine "$@"
	}
	partition 0 to=any protocol=icmp exclude=10.9.0.0/16,fd09::1
	partition 6 to=any protocol=icmp exclude=10.1.1.0/24,fd10:1:1::2
	partition 0 to=any port=1-79,8000-8080 share=60% seed=7
	partition 6 to=any port=8080 exclude_port=8000-9000
	partition 0 to=10.1.1.2 user=root direction=out protocol=tcp mode=reject
	partition 6 to=10.1.1.2 user=65533 direction=out
	partition 0 to=any established=keep mode=unreachable interface=v-b1,lo
	partition 0 to=fd10:1:1::/64 flap=300ms/200ms local_port=1024-65535
done
for args in 'to=any protocol=icmp' 'to=any port=8080 local_port=1024-65535' \
	'to=10.1.1.2 user=root share=90%' 'to=any exclude=10.1.1.2 interface=v-b1'; do
	# shellcheck disable=SC2086
	meets 0 net.loss loss=50% engine=nfqueue $args
done

# --- a cgroup --------------------------------------------------------------------------------
tree=$(cgroup_tree)
if [ -n "$tree" ] && mkdir "$tree/app"; then
	sh -c "echo \$\$ >$tree/app/cgroup.procs && exec ping -q -i 0.1 10.1.1.2" >/dev/null 2>&1 &
	app=$!
	mkdir "$tree/idle"
	for engine in iptables nftables; do
		meets 0 net.partition engine=$engine to=any cgroup=/app direction=out
		meets 6 net.partition engine=$engine to=any cgroup=/idle direction=out
	done
	meets 0 net.loss engine=nfqueue loss=100% to=any cgroup=/app
	kill $app
	wait $app
	rmdir "$tree/app" "$tree/idle"
else
	echo "skip: no cgroup v2 tree, cgroups are not tried"
fi
echo "all filters by the whole program"
