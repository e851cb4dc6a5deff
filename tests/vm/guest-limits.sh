#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: guest-limits.sh [host.pids | host.fds]
#
# Runs in a guest (vm.sh): what must not be tried on a host that others use.  The whole host
# can start no process, or open no file, and others wait to take whatever becomes free; then
# the holder, the agent or the controller is killed.  The limit is what it was afterwards,
# and soon.
#
# While processes are short this script starts none: it only uses what bash has itself.
set -u
[ -n "${IN_VM:-}" ] || {
	echo "guest-limits.sh: only in the guest of vm.sh" >&2
	exit 2
}
BIN=${BIN:-$BUILD/bin}
command -v python3 >/dev/null || {
	echo "skip: python3 is not installed"
	exit 77
}
T=$(mktemp -d /run/limits.XXXXXX)
chmod 755 "$T" # for those without rights
DIRS=(--host-dir "$T/host" --run-dir "$T/host/test" --state-dir "$T/state")
mkfifo "$T/never"
exec 9<>"$T/never"
pause() { read -r -t 0.1 -u 9; }
fail() {
	local line
	echo "FAIL: $*"
	while read -r line; do echo "  $line"; done <"$T/ctl.log"
	while read -r line; do echo "  $line"; done <"$T/hog"
	exit 1
}
wait_until() { # wait_until SECONDS COMMAND…
	local i n=$1
	shift
	for ((i = 0; i < n * 10; i++)); do
		"$@" && return 0
		pause
	done
	return 1
}
says() { # says TEXT FILE
	local line
	while read -r line; do
		[[ $line == *"$1"* ]] && return 0
	done <"$2"
	return 1
}
pid_of() { # pid_of COMM: in $pid
	local dir comm
	for dir in /proc/[0-9]*; do
		read -r comm 2>/dev/null <"$dir/comm" || continue
		pid=${dir#/proc/}
		[ "$comm" = "$1" ] && return 0
	done
	return 1
}
nobody_left() { ! pid_of stormd && ! pid_of stormd-fault && ! pid_of stormd-guardian; }

# Takes what there is, again and again, until it is told to stop; as a user without rights.
cat >"$T/hog.py" <<'F'
import errno, os, sys, time
what, go, stop = sys.argv[1:4]
os.setgid(65534)
os.setuid(65534)
said = False
files, children = [], []
while not os.path.exists(go):
    time.sleep(0.1)
while not os.path.exists(stop):
    if len(children) >= 100 or len(files) >= 20000: # it is over
        time.sleep(0.1)
        continue
    try:
        if what == "pids":
            pid = os.fork()
            if pid == 0:
                while not os.path.exists(stop):
                    time.sleep(0.2)
                os._exit(0)
            children.append(pid)
        else:
            files.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as e:
        if not said:
            os.write(1, b"refused: %s\n" % errno.errorcode[e.errno].encode())
            said = True
        time.sleep(0.01)
for pid in children:
    os.waitpid(pid, 0)
F

knob= # of the kind that is tried
is_what_it_was() {
	local now
	read -r now <"$knob"
	[ "$now" = "$was" ]
}
is_lowered() { ! is_what_it_was; }

# try KIND LEAVE WHAT VICTIM SIGNAL
try() {
	local kind=$1 leave=$2 what=$3 victim=$4 signal=$5 ctl hog
	rm -f "$T/stop" "$T/go"
	: >"$T/hog"
	: >"$T/ctl.log"
	(ulimit -n 100000 2>/dev/null; exec python3 "$T/hog.py" "$what" "$T/go" "$T/stop") \
		>"$T/hog" 2>&1 &
	hog=$!
	"$BIN/stormctl" inject "$kind" "leave=$leave" --for 300s "${DIRS[@]}" --embedded \
		--out "$T/out" >"$T/ctl.log" 2>&1 &
	ctl=$!
	wait_until 120 says active "$T/ctl.log" || fail "$kind: never active"
	is_lowered || fail "$kind: active, and the limit is what it was"
	: >"$T/go"
	wait_until 120 says refused "$T/hog" || fail "$kind: nothing was refused"
	case $victim in
	stormctl) kill "-$signal" $ctl ;;
	holder) pid_of stormd-fault && kill "-$signal" "$pid" ;;
	*) pid_of "$victim" && kill "-$signal" "$pid" ;;
	esac
	wait_until 60 is_what_it_was || fail "$kind: $signal $victim: the limit stays"
	: >"$T/stop"
	wait $ctl
	wait $hog
	wait_until 60 nobody_left || fail "$kind: $signal $victim: something is left running"
	[ -z "$(find "$T/host/test/undo" -type f 2>/dev/null)" ] ||
		fail "$kind: $signal $victim: a record is left"
	rm -rf "$T/out"
	echo "ok: $kind: $signal $victim"
}

case ${1:-all} in all | host.pids)
	knob=/proc/sys/kernel/threads-max
	read -r was <$knob
	for victim in holder stormd stormctl; do
		try host.pids 20 pids $victim KILL
	done
	;;
esac
case ${1:-all} in all | host.fds)
	knob=/proc/sys/fs/file-max
	read -r was <$knob
	for victim in holder stormd stormctl; do
		try host.fds 200 files $victim KILL
	done
	;;
esac
rm -rf "$T"
