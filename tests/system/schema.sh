#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The JSON Schema is one, and agrees with the loader: it takes every file that `check` takes
# (what is shipped, and the loader's own tests), and refuses those with keys, kinds or
# choices that there are not.  Every key of it is on the manual page.
set -u
cd "$(dirname "$0")/../.." || exit 1
CTL=${BUILD:-build}/bin/stormctl
T=$(mktemp -d "${TMPDIR:-/tmp}/storm.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
/usr/bin/python3 -c 'import jsonschema, yaml' 2>/dev/null || {
	echo "skip: no python3-jsonschema or python3-yaml (packaging/deps.sh test)"
	exit 77
}
"$CTL" schema >"$T/schema.json" || exit 1
cat >"$T/judge.py" <<'PY'
import glob, json, os, sys, yaml, jsonschema

schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
failed = taken = refused = 0


# Times and the like stay text, as they are for the loader.
class Loader(yaml.SafeLoader):
    pass


Loader.yaml_implicit_resolvers = {
    first: [r for r in rules if r[0] in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def mistakes(path):
    try:
        return [e.message for e in validator.iter_errors(yaml.load(open(path), Loader))]
    except (yaml.YAMLError, UnicodeDecodeError):
        return None


def said(path):
    expected = path[: -len(".yaml")] + ".expected"
    return open(expected).read() if os.path.exists(expected) else ""


# What only the loader can see is no reason to refuse; what the schema can see is one.
seen = ("unknown key", "unknown fault kind", "unknown topology")
for path in sorted(glob.glob("experiments/*.yaml") + glob.glob("tests/unit/load/*.yaml")):
    wrong = mistakes(path)
    if wrong is None:
        continue
    errors = [line for line in said(path).splitlines() if ": error: " in line]
    if not errors:
        taken += 1
        if wrong:
            print(f"FAIL: {path} is refused: {wrong[0][:300]}")
            failed += 1
    elif any(word in line for line in errors for word in seen):
        refused += 1
        if not wrong:
            print(f"FAIL: {path} is taken, and check says: {errors[0]}")
            failed += 1
print(f"{taken} good files taken, {refused} bad ones refused")
sys.exit(failed > 0 or taken < 16 or refused < 5)
PY
/usr/bin/python3 "$T/judge.py" "$T/schema.json" || exit 1
"$CTL" faults | sed -n 's/^\([a-z]*\.[a-z]*\) .*/\1/p' >"$T/kinds"
[ -s "$T/kinds" ] || exit 1
while read -r kind; do
	jq -e --arg k "$kind" '.definitions.fault.properties[$k].properties | length > 0' \
		"$T/schema.json" >/dev/null || {
		echo "FAIL: $kind is not in the schema"
		exit 1
	}
done <"$T/kinds"
page=docs/man/stormdrill-experiment.5
jq -r '[.properties, (.definitions[] | .. | .properties? // empty)] | map(keys) | add | unique[]' \
	"$T/schema.json" | grep -v '\.' >"$T/keys"
[ "$(wc -l <"$T/keys")" -ge 40 ] || exit 1
kinds=$(jq -r '[.definitions.fault.properties[].properties? // empty | keys] | add | unique[]' "$T/schema.json")
while read -r key; do
	# a parameter of a fault has its own page
	grep -qx "$key" <<<"$kinds" && continue
	grep -Eq "^\.(It )?Cm (.* )?$key( |\$)" $page || {
		echo "FAIL: $key is not in $page"
		exit 1
	}
done <"$T/keys"
echo "ok: the schema has every kind and agrees with the loader and the page"
