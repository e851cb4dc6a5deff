#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run a script of the tree as root in a virtual machine that has a distribution's kernel:
# what a host's own kernel lacks (sch_netem, flower, cgroup v2) or what must never be done
# to a host (clock, reboot, power cut).
#
#   usage: [BUILD=dir] [VM_INIT=systemd] tests/vm/vm.sh SCRIPT [ARG…]
#
# The guest sees this machine's files, read only, under an overlay in memory: programs,
# libraries and the build tree are there with nothing copied, and nothing it writes lasts.
# Its kernel is Debian's package, unpacked below $BUILD/vm and installed nowhere.  The exit
# status is that of SCRIPT; 77 with a reason when no such machine can be had here.
#
# VM_DISKS: images that the guest has as /dev/vda, /dev/vdb …, after modprobe virtio_blk.
# VM_SHARE: a directory that it may mount as 9p "share" and write to.  Both last.
# VM_CUT=1: when it says GUEST-CUT on its console the emulator is killed, as if the power
# had been cut; the exit status is 99 then.
set -eu

skip() {
	echo "vm: skipped: $*"
	exit 77
}

quote() { # for sh
	printf "'%s' " "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

# Unpack the kernel package that linux-image-amd64 stands for: sets $tree and $release.
get_kernel() {
	tree=$(echo "$cache"/kernel/*/lib/modules/*/modules.dep)
	if [ ! -e "$tree" ]; then
		package=$(apt-cache depends linux-image-amd64 2>/dev/null |
			sed -n '/ Depends: linux-image-/{s/.*: //p;q}')
		[ -n "$package" ] || skip "apt knows no package linux-image-amd64"
		(cd "$cache" && apt-get -q download "$package") >"$cache/apt.log" 2>&1 ||
			skip "apt-get download $package: $(tail -n 1 "$cache/apt.log")"
		rm -rf "$cache/unpack" "$cache/kernel"
		mkdir -p "$cache/unpack" "$cache/kernel"
		dpkg-deb -x "$cache/$package"_*.deb "$cache/unpack"
		rm -f "$cache/$package"_*.deb
		depmod -b "$cache/unpack" "$(basename "$cache"/unpack/lib/modules/*)"
		mv "$cache/unpack" "$cache/kernel/$package" # whole or not at all
		tree=$(echo "$cache"/kernel/*/lib/modules/*/modules.dep)
	fi
	release=$(basename "${tree%/modules.dep}")
	tree=${tree%/lib/modules/*}
}

# busybox, the modules that the root file system needs, and guest-init.sh as /init.
make_initrd() {
	root=$cache/initrd
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/modules"
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp "$here/guest-init.sh" "$root/init"
	for module in virtio_pci 9pnet_virtio 9p overlay; do
		modprobe -d "$tree" -S "$release" --show-depends "$module"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
		while read -r file; do
			name=$(basename "$file")
			case $name in
			*.xz) xz -dc "$file" >"$root/modules/${name%.xz}" ;;
			*.zst) zstd -qdc "$file" >"$root/modules/${name%.zst}" ;;
			*) cp "$file" "$root/modules/" ;;
			esac
			name=${name%.xz}
			echo "${name%.zst}" >>"$root/modules/order"
		done
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$cache/initrd.tmp"
	mv "$cache/initrd.tmp" "$cache/initrd.cpio"
}

# What the guest runs once it has its root: one more archive behind the initrd.
make_job() {
	mkdir "$scratch/job"
	{
		echo "cd $(quote "$(pwd)")"
		for name in BUILD BIN PATH; do
			eval "echo export \"$name=\$(quote \"\$$name\")\""
		done
		echo "export VM_INIT='${VM_INIT:-}'"
		echo "export IN_VM=1 MODULES=$(quote "$tree/lib/modules")"
		printf 'bash '
		for word in "$@"; do
			quote "$word"
		done
		echo
	} >"$scratch/job/job"
	(cd "$scratch/job" && echo job | cpio -o -H newc --quiet) |
		cat "$cache/initrd.cpio" - >"$scratch/initrd"
}

[ $# -ge 1 ] || {
	echo "usage: vm.sh SCRIPT [ARG...]" >&2
	exit 2
}
for tool in qemu-system-x86_64 busybox cpio depmod modprobe dpkg-deb apt-get; do
	command -v "$tool" >/dev/null || skip "$tool is not installed (packaging/deps.sh test)"
done
[ "$(uname -m)" = x86_64 ] || skip "the kernel package fetched is amd64, this is $(uname -m)"

here=$(cd "$(dirname "$0")" && pwd)
BUILD=$(mkdir -p "${BUILD:-build}" && cd "${BUILD:-build}" && pwd)
BIN=$(realpath -m "${BIN:-$BUILD/bin}")
cache=$BUILD/vm
mkdir -p "$cache"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

exec 9>"$cache/lock"
flock 9
get_kernel
make_initrd
make_job "$@"
flock -u 9

set --
for disk in ${VM_DISKS:-}; do
	set -- "$@" -drive "if=virtio,format=raw,file=$disk"
done
[ -z "${VM_SHARE:-}" ] ||
	set -- "$@" -virtfs "local,path=$VM_SHARE,mount_tag=share,security_model=none"

# Emulated on purpose: with nested KVM some cloud machines hang although /dev/kvm is there.
# By one thread: with one for each CPU this emulator goes on with code that the other CPU has
# just changed, and a guest that switches one of its jump labels (a first hook of nf_tables, a
# first clsact) while packets pass stands still in ip_local_deliver for ever.
timeout -k 5 "${VM_TIMEOUT:-1500}" qemu-system-x86_64 -accel tcg,thread=single -cpu max -m 1G -smp 2 \
	-display none -monitor none -serial stdio -no-reboot -nic none \
	-kernel "$tree/boot/vmlinuz-$release" -initrd "$scratch/initrd" \
	-append "console=ttyS0 quiet panic=-1 systemd.show_status=false" -pidfile "$scratch/pid" "$@" \
	-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
	</dev/null >"$scratch/console" 2>&1 9>&- &
emulator=$!
was_cut=
while [ -n "${VM_CUT:-}" ] && [ -z "$was_cut" ] && kill -0 $emulator 2>/dev/null; do
	if grep -qs '^GUEST-CUT' "$scratch/console"; then
		kill -KILL "$(cat "$scratch/pid")"
		was_cut=1
	else
		sleep 0.02
	fi
done
{ wait $emulator || true; } 2>/dev/null

tr -d '\r' <"$scratch/console" | sed -n '/^GUEST-BEGIN$/,/^GUEST-\(RESULT\|CUT\)/{//!p}'
rc=$(tr -d '\r' <"$scratch/console" | sed -n 's/^GUEST-RESULT rc=\([0-9]*\)$/\1/p')
[ -z "$was_cut" ] || [ -n "$rc" ] || exit 99
if [ -z "$rc" ]; then
	echo "vm: the guest gave no result within ${VM_TIMEOUT:-1500} s; its last words:"
	tail -n 20 "$scratch/console"
	exit 1
fi
exit "$rc"
