#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inventories of real tools, and commands to many hosts: a real ansible-inventory and a real
# DNS server say who there is; hosts, status, halt, resume and doctor ask real agents over
# TLS, of which some are dead, cut off or strangers.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
command -v ansible-inventory >/dev/null || skip "ansible-inventory is not installed"
PATH=$PATH:/usr/sbin command -v dnsmasq >/dev/null || skip "dnsmasq is not installed"
sandbox "$0" "$@"
# shellcheck source=tests/system/hosts_lib.sh
. "$(dirname "$0")/hosts_lib.sh"
CTL="$BIN/stormctl"
PKI=$T/pki
ID=9f0b6c1e-0000-4000-8000-000000000001
export HOME=$T LC_ALL=C.UTF-8 ANSIBLE_LOCAL_TEMP=$T/ansible STORMDRILL_PKI=$T/pki/operators/ann
unset STORMDRILL_INVENTORY

ok() { echo "ok: $*"; }
pki() { "$CTL" pki "$@" --dir "$PKI" >"$T/pki.log" 2>&1 || fail "stormctl pki $*"; }
# ctl EXIT ARGUMENT…: stdout in $T/out, stderr in $T/err.log
ctl() {
	local code=$1 rc=0
	shift
	timeout 300 "$CTL" "$@" >"$T/out" 2>"$T/err.log" || rc=$?
	cp "$T/out" "$T/out.log"
	[ $rc -eq "$code" ] || fail "stormctl $*: exit $rc, expected $code"
}
out() { grep -qE -- "$1" "$T/out" || fail "did not print '$1'"; }
err() { grep -qE -- "$1" "$T/err.log" || fail "did not say '$1'"; }
is() { # is JQ-EXPRESSION: true of the JSON on stdout
	jq -e "$1" "$T/out" >/dev/null || fail "not true: $1"
}

# --- who there is, by Ansible ---------------------------------------------------------------
cat >"$T/hosts.ini" <<-I
	[web]
	web1 ansible_host=10.77.0.1 zone=a
	web2 ansible_host=10.77.0.2 zone=b
	[db]
	db1 ansible_host=10.77.0.3 zone=a canary=True
	[db:vars]
	role=database
	ansible_password=secret
	[gone]
	gone1 ansible_host=10.77.0.99 stormdrill_port=7500
	[shop:children]
	web
	db
	[local]
	localhost ansible_connection=local
I
SOURCE="exec:ansible-inventory -i $T/hosts.ini"
ctl 0 hosts --inventory "$SOURCE" --offline --json
is '[.[].host] == ["db1", "gone1", "web1", "web2"]'
is '.[0] | .address == "10.77.0.3" and .port == 7433 and has("reachable") == false'
is '.[0].tags == {db: "true", shop: "true", role: "database", zone: "a", canary: "true"}'
is '.[1].port == 7500 and .[1].tags == {gone: "true"}'
is '.[2].tags == {web: "true", shop: "true", zone: "a"}'
ok "ansible-inventory: groups, children and variables"
ctl 0 hosts --inventory "$SOURCE" --offline --where 'shop and zone in (a, b) and not canary' --json
is '[.[].host] == ["web1", "web2"]'
ok "--where"
ctl 3 hosts --inventory "exec:ansible-inventory -i $T/hosts.ini --no-such-option"
err 'unrecognized arguments: --no-such-option'
ok "what a failing program wrote is shown"
ctl 3 hosts --inventory "exec:ansible-inventory -i /dev/null"
err 'has no host in it'
ok "an inventory without hosts"

# --- the agents -----------------------------------------------------------------------------
stage
pki init
pki operator ann
pki operator vic --role viewer
for name in web1 web2 db1; do
	add_host $name
	pki host $name --address $name.example.org
	cp -r "$PKI/hosts/$name" "$T/$name/pki"
	start_agent $name
done
arm() { # arm NAME: a drill that is seen by nobody and lasts, if somebody renews it
	api "$1" drills -d "{\"drill\": \"$ID\", \"name\": \"quiet\", \"who\": \"test\",
		\"reason\": \"a reason\", \"lease_ms\": 60000, \"rehearse\": false,
		\"faults\": [{\"kind\": \"disk.fill\", \"name\": \"fill\", \"at_us\": 0,
		\"for_us\": 120000000, \"params\": {\"path\": \"$T/$1\", \"size\": \"1MiB\"}}]}" \
		>"$T/arm.log" || fail "arm $1"
	api "$1" "drills/$ID/fire" -X POST >"$T/arm.log" || fail "fire $1"
}
export STORMDRILL_INVENTORY=$SOURCE

KINDS=$("$CTL" faults --json | jq length)
all_known() { "$CTL" hosts --where shop --json | jq -e 'all(.[]; .kinds != null)'; }
wait_for 60 all_known || ctl 0 hosts --where shop
ctl 0 hosts --where shop --json
is 'length == 3 and all(.[]; .reachable and .version and (.halted | not))'
is "all(.[]; (.kinds | length) == $KINDS and .drills == [])"
is 'all(.[]; .delay_engine == "netem" or .delay_engine == "nfqueue")'
is 'all(.[]; (.clock_offset_us | fabs) < 1000000 and .clock_error_us > 0)' # it is one clock
ctl 0 hosts --where shop
out '^HOST +ADDRESS +STATE +VERSION +FAULTS +CLOCK +TAGS$'
out '^web1 +10\.77\.0\.1:7433 +ready +[0-9.]+ +'"(all $KINDS|[0-9]+ of $KINDS)"', (netem|nfqueue) +[+-][0-9.]+m?s ±[0-9.]+m?s +.*zone=a'
ok "hosts"
ctl 30 hosts --json
is '[.[] | select(.reachable)] | length == 3'
is '.[1].error | test("no way to gone1|gone1.*does not answer")'
ok "one host that is gone is said, the others are shown"

arm web1
ctl 0 status --where shop
out '^web1: stormd .*; drills:$'
out '^  quiet \(drill '
out '^  stop all of it: stormctl halt --host web1$'
out '^db1: stormd .*; no drill$'
STORMDRILL_INVENTORY="" ctl 0 status --inventory "$SOURCE" --host web1
out "stormctl halt --inventory '$SOURCE' --host web1"
ctl 30 status --json
is 'length == 4 and .[1].host == "gone1" and (.[1].error | length) > 0'
is '.[2].host == "web1" and .[2].drills[0].who == "test"'
ctl 0 hosts --host web1
out '^web1 .* 1 drill '
out '^web1: quiet by test, [0-9.]+s left$'
ok "status and hosts show a drill on one of them"

# --- halt -----------------------------------------------------------------------------------
arm db1
unplug web2
ctl 30 halt
out '^web1: halted: everything is undone'
out '^db1: halted: everything is undone'
err '^web2: unreachable: .*its lease or its guardian undoes'
err '^gone1: unreachable: '
owes_nothing web1 db1 || fail "a fault is left after halt"
ok "halt reaches everybody who is there"
plug web2
[ -e "$T/web1/host/halted" ] && [ -e "$T/db1/host/halted" ] || fail "not halted"
ctl 0 halt --host web2 --json
is '. == [{"host": "web2", "outcome": "clean", "message": .[0].message}]'
ctl 0 hosts --where shop
[ "$(grep -c ' HALTED ' "$T/out")" -eq 3 ] || fail "hosts does not show the halt"

STORMDRILL_PKI=$PKI/operators/vic ctl 9 resume --where shop
err '^web1: '
ok "a viewer takes no halt back"
ctl 30 resume --host web1 --host web2 --host gone1 --json
is '[.[] | select(.outcome == "resumed") | .host] == ["web1", "web2"]'
is '[.[] | select(.outcome == "unreachable") | .host] == ["gone1"]'
ctl 0 resume --host db1
out '^db1: drills may start again$'
STORMDRILL_PKI=$PKI/operators/vic ctl 0 halt --host db1
ctl 0 resume --host db1
ok "resume"

# --- doctor ---------------------------------------------------------------------------------
ctl 0 doctor --where shop
out '^web1: its agent answers$'
out '^  cpu\.load +yes'
ctl 30 doctor --json
is "length == 4 and .[0].clean and (.[0].kinds | length) == $KINDS and (.[1].agent | not)"
ok "doctor"

# --- strangers and the dead -----------------------------------------------------------------
"$CTL" pki init --dir "$T/other" >"$T/pki.log" 2>&1 &&
	"$CTL" pki operator eve --dir "$T/other" >"$T/pki.log" 2>&1 || fail "a foreign CA"
STORMDRILL_PKI=$T/other/operators/eve ctl 30 hosts --host web1
out '^web1: .*not believed: its certificate is not of our CA'
ok "an agent of a foreign CA is not believed"
cat >"$T/swapped.yaml" <<-Y
	version: 1
	hosts: {web1: {address: 10.77.0.2}, web2: {address: 10.77.0.1}}
Y
ctl 30 halt --inventory "$T/swapped.yaml"
err '^web1: unreachable: '
[ ! -e "$T/web1/host/halted" ] && [ ! -e "$T/web2/host/halted" ] || fail "the wrong host was halted"
ok "an address that leads to another host is found out"
stop_agent db1
ctl 30 hosts --host db1 --host web1 --json
is '.[0].error | test("no agent at db1")'
is '.[1].reachable'
ok "a host without an agent"

# --- SRV ------------------------------------------------------------------------------------
domain=example.org
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= \
	--user=root --listen-address=127.0.0.1 --bind-interfaces --local=/$domain/ \
	--host-record=web1.$domain,10.77.0.1 --host-record=web2.$domain,10.77.0.2 \
	--srv-host=_stormd._tcp.$domain,web2.$domain,7433,10,60 \
	--srv-host=_stormd._tcp.$domain,web1.$domain,7433,20,40 \
	--cname=storm.$domain,web1.$domain >"$T/dns.log" 2>&1 &
dns=$!
echo "nameserver 127.0.0.1" >"$T/resolv.conf"
mount --bind "$T/resolv.conf" /etc/resolv.conf || fail "no resolv.conf of our own"
unset STORMDRILL_INVENTORY
dns_answers() { "$CTL" hosts --inventory srv:_stormd._tcp.$domain --offline; }
wait_for 60 dns_answers || fail "the name server does not answer"
ctl 0 hosts --inventory srv:_stormd._tcp.$domain --json
is '[.[].host] == ["web1.example.org", "web2.example.org"]'
is '.[0] | .address == .host and .port == 7433 and .tags == {priority: "20", weight: "40"}'
is 'all(.[]; .reachable)'
ctl 0 hosts --inventory srv:_stormd._tcp.$domain --where 'priority=10' --json
is '[.[].host] == ["web2.example.org"]'
ok "SRV records"
ctl 3 hosts --inventory srv:_other._tcp.$domain
err "there is no name '_other._tcp.example.org' in DNS"
ctl 3 hosts --inventory srv:web1.$domain
err "'web1.example.org' has no SRV records"
kill $dns
wait $dns
ctl 3 hosts --inventory srv:_stormd._tcp.$domain
err 'no name server of /etc/resolv.conf answers'
ok "DNS that has no answer"
exit 0
