#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is secret by its name (in headers, URLs, arguments of programs) or by its owner's word
# is in nothing that is written out: messages about its own line, plans, what probes say.
set -u
cd "$(dirname "$0")/../.." || exit 1
CTL=${BUILD:-build}/bin/stormctl
T=$(mktemp -d "${TMPDIR:-/tmp}/storm.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# Every secret ends in -hidden.  The program says the ones it was given, as careless ones do.
cat >"$T/x.yaml" <<'EOF'
version: 1
name: secrets
vars: {own: {default: own-hidden, secret: true}}
probes:
  page:
    http:
      {url: "http://127.0.0.1:9/?api_key=url-hidden&x=1", proxy: "http://u:proxy-hidden@127.0.0.1:9",
       headers: {Authorization: Bearer head-hidden, Cookie: id=cookie-hidden}, timeout: 1s}
    rate: 40/s
  login: {http: {url: "http://127.0.0.1:9/", auth: {basic: "ada:basic-hidden"}}, rate: 40/s}
  program:
    exec: {command: [/bin/ls, --, "/password=arg-hidden", "postgres://u:dsn-hidden@db/x", "${own}"]}
    rate: 40/s
faults:
  - cpu.load: {percent: 5}
    for: 1s
EOF
sed 's/rate: 40/raet: 40/; s/timeout/tmieout/; s/command/comand/' "$T/x.yaml" >"$T/wrong.yaml"

looked=0
look() { # what must be said, then what says it
	local want=$1
	shift
	timeout 60 "$@" >"$T/out" 2>&1
	grep -q -- "$want" "$T/out" || fail "$* does not say '$want': $(cat "$T/out")"
	grep -n -- '-hidden' "$T/out" && fail "$* shows a secret"
	looked=$((looked + 1))
}
look "unknown key 'tmieout' in 'http'" "$CTL" check "$T/wrong.yaml"
look "unknown key 'comand' in 'exec'" "$CTL" check "$T/wrong.yaml"
look 'exec /bin/ls -- /password=[*]' "$CTL" plan --offline "$T/x.yaml"
look 'own=[*][*][*]' "$CTL" plan --offline --json "$T/x.yaml"
look 'program' "$CTL" probe --for 1s "$T/x.yaml"
look '"program"' "$CTL" probe --for 1s --json "$T/x.yaml"
echo "ok: no secret in $looked outputs"
