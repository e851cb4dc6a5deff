#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An agent on TCP: who gets in and who does not.  Strangers of every kind reach no handler;
# a viewer may look and stop; nobody can keep an operator from halting; a reload drops no
# drill, except the connection of somebody who was revoked.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
sandbox "$0" "$@"
trap '' PIPE # who is cut off while writing must not end us
CTL="$BIN/stormctl"
PORT=7433
PKI=$T/pki
ID=9f0b6c1e-0000-4000-8000-0000000000

ok() { echo "ok: $*"; }
pki() { "$CTL" pki "$@" --dir "$PKI" >"$T/pki.log" 2>&1 || fail "stormctl pki $*"; }
api() { curl -sf --max-time 5 --unix-socket "$T/host/test/api.sock" "http://agent/v1/$1"; }
fault_state() { api status | jq -r '.. | objects | .state? // empty' | grep -v gone | tail -n 1; }
in_state() { [ "$(fault_state)" = "$1" ]; }
free_of_faults() { [ -z "$(ls "$T/host/test/undo")" ]; }
halted() { [ -e "$T/host/halted" ]; }
front_pid() { pgrep -x stormd-front; }

# as DIR PATH [CURL-OPTION…]: over TLS with these files.  CODE is the status, 000 for none;
# the body is in $T/body.
as() {
	local dir=$1 path=$2
	shift 2
	rm -f "$T/body"
	CODE=$(curl -s --max-time 20 --tlsv1.3 --resolve "db1:$PORT:127.0.0.1" \
		--cacert "$PKI/ca.pem" --cert "$dir/cert.pem" --key "$dir/key.pem" \
		-o "$T/body" -w '%{http_code}' "$@" "https://db1:$PORT/v1/$path" 2>"$T/curl.log")
}
gets() { # gets CODE WHAT, of the `as` before
	[ "$CODE" = "$1" ] || {
		cat "$T/body" "$T/curl.log" >&2
		fail "$2: status $CODE, expected $1"
	}
	ok "$2"
}
ann=$PKI/operators/ann
vic=$PKI/operators/vic
is_served() { as "$1" status && [ "$CODE" = 200 ]; }
is_refused() { as "$1" status || [ "$CODE" = 000 ]; }

arm_body() { # arm_body NN LEASE-MS: a fault that disturbs nobody and lasts
	cat <<-J
		{"drill": "$ID$1", "name": "mtls", "who": "test", "reason": "", "lease_ms": $2,
		 "rehearse": false, "faults": [{"kind": "disk.fill", "name": "fill", "at_us": 0,
		 "for_us": 120000000, "params": {"path": "$T/disk", "size": "4MiB"}}]}
	J
}

# A conversation that stays open: requests go to descriptor 5, answers to $T/talk.
talk_begin() { # talk_begin DIR
	rm -f "$T/talk.in" "$T/talk"
	mkfifo "$T/talk.in"
	openssl s_client -quiet -tls1_3 -connect "127.0.0.1:$PORT" -servername db1 \
		-CAfile "$PKI/ca.pem" -cert "$1/cert.pem" -key "$1/key.pem" \
		<"$T/talk.in" >"$T/talk" 2>"$T/talk.log" &
	TALK=$!
	exec 5>"$T/talk.in"
}
talk() { # talk METHOD PATH [BODY]
	local body=${3:-}
	printf '%s /v1/%s HTTP/1.1\r\nHost: db1\r\nContent-Length: %d\r\n\r\n%s' \
		"$1" "$2" "${#body}" "$body" >&5
}
answers() { grep -o 'HTTP/1.1 200' "$T/talk" | wc -l; } # which may stand in one line
answered() { [ "$(answers)" -ge "$1" ]; }
talk_is_over() { ! kill -0 "$TALK" 2>/dev/null; }

# --- the stage ------------------------------------------------------------------------------
exits() { # exits CODE ARGUMENT…, of stormctl pki
	local code=$1 rc=0
	shift
	"$CTL" pki "$@" --dir "$PKI" >"$T/pki.log" 2>&1 || rc=$?
	[ $rc -eq "$code" ] || fail "stormctl pki $*: exit $rc, expected $code"
}
exits 9 host db1
pki init
exits 9 init
pki host db1
exits 9 host db1
exits 2 host
exits 2 host ../db1
exits 2 operator ann --address 10.0.0.1
exits 2 operator ann --role root
exits 9 revoke nobody
pki host db2
pki operator ann
pki operator vic --role viewer
pki operator eve
cat >"$T/policy" <<'P'
allow disk.fill
P
chmod 755 "$T" "$T/host"
chmod 644 "$T/policy"
truncate -s 32M "$T/disk.img"
mkfs.ext4 -q -F "$T/disk.img"
mkdir "$T/disk"
mount -o loop "$T/disk.img" "$T/disk"
snapshot >"$T/before"
"$BIN/stormd" -v "${DIRS[@]}" --policy "$T/policy" --listen "127.0.0.1:$PORT" \
	--pki "$PKI/hosts/db1" >"$T/stormd.log" 2>&1 &
STORMD=$!
wait_for 60 api status || fail "stormd does not answer"
wait_for 60 is_served "$ann" || fail "an operator is not served"
ok "an operator is served"
as "$vic" status
gets 200 "a viewer may look"
FRONT=$(front_pid)

# --- strangers ------------------------------------------------------------------------------
# Certificates that our tool does not make: odd NAME SUBJECT EXTENSIONS [OPENSSL-CA-OPTION…]
cat >"$T/ca.conf" <<-C
	[ca]
	default_ca = ours
	[ours]
	database = $T/ca.index
	new_certs_dir = $T
	certificate = $PKI/ca.pem
	private_key = $PKI/ca-key.pem
	default_md = sha256
	policy = any
	rand_serial = yes
	unique_subject = no
	[any]
	CN = optional
	OU = optional
C
: >"$T/ca.index"
odd() {
	local dir=$T/odd/$1 subject=$2 extensions=$3
	shift 3
	mkdir -p "$dir"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" \
		-keyout "$dir/key.pem" -out "$dir/request.pem" >"$T/openssl.log" 2>&1 &&
		printf '%b\n' "$extensions" >"$dir/extensions" &&
		openssl ca -batch -notext -config "$T/ca.conf" -extfile "$dir/extensions" -days 30 \
			-in "$dir/request.pem" -out "$dir/cert.pem" "$@" >>"$T/openssl.log" 2>&1 ||
		fail "certificate '$1'"
}
client='basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth'
operator='/OU=operator/CN=mallory'
odd good "$operator" "$client" # the measure: what is wrong below is only what is said
odd expired "$operator" "$client" -startdate 20200101000000Z -enddate 20210101000000Z
odd future "$operator" "$client" -startdate 20500101000000Z -enddate 20510101000000Z
odd no-usage "$operator" 'basicConstraints=critical,CA:FALSE'
odd server-usage "$operator" 'extendedKeyUsage=serverAuth'
odd no-role '/CN=mallory' "$client"
odd root-role '/OU=root/CN=mallory' "$client"
odd two-roles '/OU=viewer/OU=operator/CN=mallory' "$client"
odd no-name '/OU=operator' "$client"
odd bad-name '/OU=operator/CN=..\/x y' "$client"
# One that an operator signed with his own certificate, and one by a CA of the same name.
mkdir -p "$T/odd/by-ann" "$T/odd/same-name"
cp "$T/odd/good/key.pem" "$T/odd/good/extensions" "$T/odd/by-ann"
openssl x509 -req -in "$T/odd/good/request.pem" -CA "$ann/cert.pem" -CAkey "$ann/key.pem" \
	-extfile "$T/odd/good/extensions" -out "$T/odd/by-ann/cert.pem" >"$T/openssl.log" 2>&1 &&
	cat "$ann/cert.pem" >>"$T/odd/by-ann/cert.pem" || fail "certificate by-ann"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
	-subj "/$(openssl x509 -in "$PKI/ca.pem" -noout -subject -nameopt RFC2253 | cut -d= -f2-)" \
	-keyout "$T/odd/ca-key.pem" -out "$T/odd/ca.pem" >"$T/openssl.log" 2>&1 &&
	cp "$T/odd/good/key.pem" "$T/odd/same-name" &&
	openssl x509 -req -in "$T/odd/good/request.pem" -CA "$T/odd/ca.pem" \
		-CAkey "$T/odd/ca-key.pem" -extfile "$T/odd/good/extensions" \
		-out "$T/odd/same-name/cert.pem" >>"$T/openssl.log" 2>&1 || fail "certificate same-name"
"$CTL" pki init --dir "$T/other" >"$T/pki.log" 2>&1 &&
	"$CTL" pki operator mallory --dir "$T/other" >"$T/pki.log" 2>&1 || fail "a foreign CA"

is_served "$T/odd/good" || fail "the measure of odd certificates is not served"
nobody() { # nobody WHO, of the `as … halt` before
	[ "$CODE" = 000 ] && [ ! -s "$T/body" ] || fail "$1 was answered: $CODE $(cat "$T/body")"
	! halted || fail "$1 halted the host"
	ok "$1 is refused"
}
for who in expired future no-usage server-usage no-role root-role two-roles no-name bad-name \
	by-ann same-name; do
	as "$T/odd/$who" halt -X POST
	nobody "a certificate of the kind '$who'"
done
as "$T/other/operators/mallory" halt -X POST
nobody "a foreign CA's operator"
as "$PKI/hosts/db2" halt -X POST
nobody "another agent"
as "$PKI/hosts/db1" halt -X POST
nobody "the agent itself"
CODE=$(curl -s --max-time 20 --resolve "db1:$PORT:127.0.0.1" --cacert "$PKI/ca.pem" -X POST \
	-o "$T/body" -w '%{http_code}' "https://db1:$PORT/v1/halt")
nobody "no certificate at all"
as "$ann" halt -X POST --tls-max 1.2 --tlsv1.2
nobody "an operator over TLS 1.2"

# What is not TLS gets at most an alert of TLS, never a word of HTTP.
raw() { # raw WHO BYTES: what comes back is looked at
	{
		exec 6<>"/dev/tcp/127.0.0.1/$PORT"
		printf '%b' "$2" >&6
		timeout 60 cat <&6 >"$T/raw"
		exec 6>&-
	} 2>"$T/raw.log"
	! grep -aqE 'HTTP|html|[{]' "$T/raw" || fail "$1 was answered: $(head -c 200 "$T/raw")"
	! halted || fail "$1 halted the host"
	ok "$1 is refused"
}
raw "plain HTTP" 'POST /v1/halt HTTP/1.1\r\nHost: db1\r\nContent-Length: 0\r\n\r\n'
raw "a line of text" 'halt\n'
raw "a record of nonsense" '\x16\x03\x01\x00\x10AAAAAAAAAAAAAAAA'
raw "a record that is too large" '\x16\x03\x03\xff\xffAAAAAAAAAAAAAAAA'
raw "an application record before any handshake" \
	'\x17\x03\x03\x00\x2bPOST /v1/halt HTTP/1.1\r\nContent-Length: 0\r\n\r\n'
head -c 100000 /dev/urandom >"$T/noise"
timeout 60 bash -c "cat '$T/noise' >/dev/tcp/127.0.0.1/$PORT" 2>/dev/null
[ "$(front_pid)" = "$FRONT" ] || fail "the front did not survive the strangers"
is_served "$ann" || fail "an operator is not served after the strangers"
! grep -qiE 'halted|undo' "$T/stormd.log" || fail "stormd has heard something of a stranger"
ok "stormd has heard nothing of it"

# --- roles ----------------------------------------------------------------------------------
arm_body 01 60000 >"$T/arm"
as "$vic" drills -X POST --data-binary "@$T/arm"
gets 403 "a viewer cannot arm"
as "$ann" drills -X POST --data-binary "@$T/arm"
gets 200 "an operator can"
as "$vic" "drills/${ID}01/fire" -X POST
gets 403 "a viewer cannot fire"
as "$ann" "drills/${ID}01/fire" -X POST
gets 200 "an operator can"
wait_for 60 in_state active || fail "the fault did not become active"
as "$vic" "drills/${ID}01"
gets 200 "a viewer may look at a drill"
as "$vic" "drills/${ID}01/renew" -X POST
gets 403 "a viewer cannot renew"
as "$vic" "drills/${ID}01/undo" -X POST
gets 200 "a viewer may undo"
wait_for 60 free_of_faults || fail "a viewer's undo left a record"
as "$vic" halt -X POST
gets 200 "a viewer may halt"
halted || fail "a viewer's halt did not halt the host"
as "$vic" resume -X POST
gets 403 "a viewer cannot resume"
as "$ann" resume -X POST
gets 200 "an operator can"
as "$ann" "drills/${ID}01" -X DELETE
case $CODE in 4??) ok "an unknown method is an error ($CODE)" ;; *) gets 405 "an unknown method" ;; esac

# A policy may name the operators it takes drills from.
policy() { # policy LINE…: in force once it is read again
	printf '%s\n' 'allow disk.fill' "$@" >"$T/policy"
	kill -HUP $STORMD
}
ann_resumes() {
	as "$ann" resume -X POST
	[ "$CODE" = 200 ]
}
ann_does_not() { ! ann_resumes && [ "$CODE" = 403 ]; }
policy 'remote bob'
wait_for 10 ann_does_not || fail "policy's 'remote' keeps no operator out: $CODE"
arm_body 03 60000 >"$T/arm"
as "$ann" drills -X POST --data-binary "@$T/arm"
gets 403 "an operator whom policy does not name cannot arm"
as "$ann" halt -X POST
gets 200 "and may halt"
policy 'remote bob ann eve'
wait_for 10 ann_resumes || fail "policy's 'remote' keeps everybody out: $CODE"
ok "one whom it names may resume"

# --- the same by stormctl -------------------------------------------------------------------
printf 'version: 1\nhosts:\n  db1: {address: 127.0.0.1, port: %d}\n' $PORT >"$T/hosts.yaml"
ctl() { # ctl EXIT DIR ARGUMENT…: stormctl with these files; what it says is in $T/ctl.log
	local code=$1 dir=$2 rc=0
	shift 2
	"$CTL" "$@" --inventory "$T/hosts.yaml" --pki "$dir" >"$T/ctl.log" 2>&1 || rc=$?
	[ $rc -eq "$code" ] || fail "stormctl $* as ${dir##*/}: exit $rc, expected $code"
}
said() { grep -qiE "$1" "$T/ctl.log" || fail "did not say '$1'"; }
inject=(inject disk.fill path="$T/disk" size=4MiB --for 1s --host db1 --include-self)
ctl 0 "$vic" hosts
said 'db1'
ctl 9 "$vic" "${inject[@]}" --out "$T/out.vic"
said 'viewer'
ctl 0 "$ann" "${inject[@]}" --out "$T/out.ann"
ok "stormctl: an operator injects, a viewer does not"
ctl 0 "$vic" halt
halted || fail "a viewer's stormctl halt did not halt the host"
"$CTL" resume --inventory "$T/hosts.yaml" --pki "$vic" >"$T/ctl.log" 2>&1 &&
	fail "a viewer's stormctl resumes"
said 'viewer'
ctl 0 "$ann" resume
! halted || fail "an operator's stormctl did not resume"
ok "stormctl: a viewer halts, an operator resumes"
cp "$PKI/ca.pem" "$T/odd/expired"
ctl 30 "$T/odd/expired" halt
said 'certificate: it expired on 2021-01-01'
ctl 30 "$PKI/hosts/db2" halt
said "certificate: it is a host's, not an operator's"
! halted || fail "somebody who is refused halted the host by stormctl"
ctl 30 "$T/other/operators/mallory" halt
! halted || fail "a foreign operator halted the host by stormctl"
ok "stormctl says that a certificate is not taken, and why"
cp -a "$PKI" "$T/twin" # of the same CA, with another list
"$CTL" pki revoke db1 --dir "$T/twin" >"$T/pki.log" 2>&1 || fail "revoke db1"
ctl 30 "$T/twin/operators/ann" hosts
said 'revoked'
ok "stormctl does not believe an agent that is revoked"

# --- those who would keep the agent busy -----------------------------------------------------
can_halt() { # an operator's halt gets through, and is taken back
	as "$ann" halt -X POST && [ "$CODE" = 200 ] && halted || fail "no halt beside $1"
	as "$ann" resume -X POST
	gets 200 "an operator can halt beside $1"
}
head -c 700000 /dev/zero | tr '\0' ' ' >"$T/large"
as "$ann" drills -X POST --data-binary "@$T/large"
gets 413 "a body that is too large"
head -c 60000 /dev/zero | tr '\0' 'a' >"$T/large"
as "$ann" status -H "X-Large: $(cat "$T/large")"
case $CODE in 4?? | 000) ok "a header that is too large ($CODE)" ;; *) gets 431 "a large header" ;; esac

fds=()
for ((i = 0; i < 64; i++)); do
	exec {fd}<>"/dev/tcp/127.0.0.1/$PORT" || fail "connection $i"
	printf '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' >&"$fd"
	fds+=("$fd")
done
can_halt "64 half handshakes"
api status >/dev/null || fail "the Unix socket is not served beside 64 half handshakes"
for fd in "${fds[@]}"; do
	exec {fd}>&-
done

speak() { # speak DIR [OPTION…]: a TLS connection between stdin and stdout
	local dir=$1
	shift
	timeout 60 openssl s_client -quiet -tls1_3 -connect "127.0.0.1:$PORT" -servername db1 \
		-CAfile "$PKI/ca.pem" -cert "$dir/cert.pem" -key "$dir/key.pem" "$@" 2>/dev/null
}
mkfifo "$T/stay"
stay() { # say hello once, and then stay until descriptor 7 is closed
	{
		printf 'GET /v1/status HTTP/1.1\r\nHost: db1\r\n\r\n'
		cat "$T/stay"
	} | speak "$vic" -no_ign_eof >"$T/stay.$1"
}
for ((i = 0; i < 40; i++)); do
	stay $i 7>&- &
done
exec 7>"$T/stay"
served() { grep -l '^HTTP/1.1 200' "$T"/stay.* | wc -l; }
many_served() { [ "$(served)" -ge 30 ]; }
wait_for 60 many_served || fail "only $(served) of 40 viewers are served"
can_halt "40 viewers who stay"
[ "$(served)" -lt 40 ] || fail "there is no bound on viewers"
exec 7>&-
wait_for 60 is_served "$vic" || fail "a viewer is not served when the others have gone"

# One byte a second: cut off long before the 60 that the client would stay.
drip() {
	printf '%s' "$1"
	for ((j = 0; j < 50; j++)); do
		printf 'x' || return
		sleep 1
	done
}
slow() { # slow WHAT BYTES
	drip "$2" 2>/dev/null | speak "$ann" >"$T/slow" &
	local pid=$!
	can_halt "$1"
	wait $pid
	[ $? -ne 124 ] || fail "$1 was never cut off"
	! grep -q 'HTTP/1.1 200' "$T/slow" || fail "$1 was answered"
	ok "$1 is cut off"
}
slow "a slow header" $'POST /v1/halt HTTP/1.1\r\nX: '
slow "a slow body" $'POST /v1/halt HTTP/1.1\r\nHost: db1\r\nContent-Length: 1000\r\n\r\n'
{
	exec 6<>"/dev/tcp/127.0.0.1/$PORT"
	drip $'\x16\x03\x01\x02' >&6 2>/dev/null &
	timeout 45 cat <&6 >/dev/null || fail "a slow handshake was never cut off"
	kill $!
	exec 6>&-
} 2>/dev/null
ok "a slow handshake is cut off"
! halted || fail "somebody slow halted the host"

# --- reload while a drill holds a lease ------------------------------------------------------
# drill NN: armed and fired on a conversation of eve's, and renewed on it ever after
drill() {
	talk_begin "$PKI/operators/eve"
	talk POST drills "$(arm_body "$1" 15000)"
	wait_for 60 answered 1 || fail "eve cannot arm: $(cat "$T/talk")"
	talk POST "drills/$ID$1/fire"
	wait_for 60 answered 2 || fail "eve cannot fire"
	wait_for 60 in_state active || fail "eve's fault did not become active"
	while talk POST "drills/$ID$1/renew" 2>/dev/null; do sleep 0.3; done &
	RENEW=$!
}
drill 02
before=$(answers)
kill -HUP $STORMD
wait_for 60 answered $((before + 15)) || fail "no renewals after a reload"
in_state active || fail "a reload undid the fault"
! talk_is_over || fail "a reload ended the connection"
is_served "$ann" || fail "nobody is served after a reload"
ok "a reload drops neither connection, lease nor fault"

serial() { # of the certificate that the agent shows
	openssl s_client -connect "127.0.0.1:$PORT" </dev/null 2>/dev/null |
		openssl x509 -noout -serial
}
old=$(serial)
shows_another() { [ "$(serial)" != "$old" ]; }
pki host db1 --renew
kill -HUP $STORMD
wait_for 60 shows_another || fail "a renewed certificate is not shown after a reload"
is_served "$ann" || fail "nobody is served after a renewal"
! talk_is_over || fail "a renewal ended the connection"
ok "a reload takes a renewed certificate"

# Files that will not do: the agent goes on with what it had.
cp -a "$PKI/hosts/db1" "$T/kept"
cp "$PKI/hosts/db2/key.pem" "$PKI/hosts/db1/key.pem"
kill -HUP $STORMD
wait_for 60 grep -q 'key.pem is not the key' "$T/stormd.log" || fail "a wrong key is not named"
is_served "$ann" || fail "files that will not do ended the service"
in_state active || fail "files that will not do undid the fault"
cp "$T/kept/key.pem" "$PKI/hosts/db1/key.pem"
ok "a reload of files that will not do changes nothing"

# --- revoked --------------------------------------------------------------------------------
# A ticket of the time before must not open the door either.
{ printf 'GET /v1/status HTTP/1.1\r\nHost: db1\r\n\r\n'; sleep 2; } |
	timeout 60 openssl s_client -tls1_3 -connect "127.0.0.1:$PORT" -servername db1 -ign_eof \
		-CAfile "$PKI/ca.pem" -cert "$PKI/operators/eve/cert.pem" \
		-key "$PKI/operators/eve/key.pem" -sess_out "$T/ticket" >/dev/null 2>&1
pki revoke eve
is_served "$PKI/operators/eve" || fail "a revocation that was not loaded counts"
in_state active || fail "eve's fault is gone before she was revoked here"
kill -HUP $STORMD
wait_for 60 talk_is_over || fail "eve's connection goes on"
ok "the connection of somebody who is revoked is ended"
wait_for 60 free_of_faults || fail "the lease of somebody who is revoked did not lapse"
ok "and the lease lapses, and the fault is undone"
kill $RENEW 2>/dev/null
exec 5>&-
as "$PKI/operators/eve" halt -X POST
nobody "somebody who is revoked"
ctl 30 "$PKI/operators/eve" halt
said 'certificate: it is revoked'
if [ -s "$T/ticket" ]; then
	{
		printf 'POST /v1/halt HTTP/1.1\r\nHost: db1\r\nContent-Length: 0\r\n\r\n'
		sleep 2
	} | timeout 60 openssl s_client -tls1_3 -connect "127.0.0.1:$PORT" -servername db1 \
		-ign_eof -sess_in "$T/ticket" >"$T/raw" 2>&1
	! grep -q '^HTTP/1.1' "$T/raw" || fail "a ticket of somebody who is revoked was taken"
	! halted || fail "a ticket of somebody who is revoked halted the host"
	ok "nor is a session from before resumed"
else
	ok "and there is no session from before to resume: the agent gives no tickets"
fi
is_served "$ann" || fail "others are not served after a revocation"
pki operator eve --renew
is_served "$PKI/operators/eve" || fail "a renewed certificate is not served"
ok "others are served, and so is a renewed certificate"

[ "$(front_pid)" = "$FRONT" ] || fail "the front did not survive all this"
kill -TERM $STORMD
wait $STORMD || fail "stormd ended with $?"
wait_for 60 storm_gone || fail "an agent process is still there"
umount "$T/disk"
rm -rf "$T/host/test"
snapshot >"$T/after"
same "$T/before" "$T/after" "the agent's life"
exit 0
