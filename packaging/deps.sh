#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building, testing, demonstrating or benchmarking stormdrill needs, and
# nothing that is there already.  Says what it installs.  Never starts an installed server:
# while packages unpack, a policy-rc.d that forbids it stands in /usr/sbin, and what stood
# there before is put back whatever happens.
#
# usage: packaging/deps.sh build|test|demo|bench|gate …
set -eu

# group  Debian               Fedora                proof that it is there
table() {
	cat <<'T'
build    gcc                  gcc                   cmd:gcc
build    make                 make                  cmd:make
build    pkg-config           pkgconf-pkg-config    cmd:pkg-config
build    libc6-dev            glibc-devel           file:/usr/include/stdlib.h
build    linux-libc-dev       kernel-headers        file:/usr/include/linux/netlink.h
build    libnl-3-dev          libnl3-devel          pc:libnl-3.0
build    libseccomp-dev       libseccomp-devel      pc:libseccomp
build    liburing-dev         liburing-devel        pc:liburing
build    libmicrohttpd-dev    libmicrohttpd-devel   pc:libmicrohttpd
build    libgnutls28-dev      gnutls-devel          pc:gnutls
build    libjansson-dev       jansson-devel         pc:jansson
build    libyaml-dev          libyaml-devel         pc:yaml-0.1
build    libcurl4-gnutls-dev  libcurl-devel         pc:libcurl
build    libpcre2-dev         pcre2-devel           pc:libpcre2-8
build    libjq-dev            jq-devel              lib:jq
build    iptables             iptables-nft          cmd:iptables-restore
build    ipset                ipset                 cmd:ipset
build    iproute2             iproute               cmd:ip
demo     nginx-light          nginx                 cmd:nginx
demo     curl                 curl                  cmd:curl
demo     procps               procps-ng             cmd:ps
demo     util-linux           util-linux            cmd:unshare
demo     diffutils            diffutils             cmd:diff
test     libcmocka-dev        libcmocka-devel       pc:cmocka
test     nginx-light          nginx                 cmd:nginx
test     nftables             nftables              cmd:nft
test     curl                 curl                  cmd:curl
test     jq                   jq                    cmd:jq
test     procps               procps-ng             cmd:ps
test     iputils-ping         iputils               cmd:ping
test     util-linux           util-linux            cmd:unshare
test     openssl              openssl               cmd:openssl
test     socat                socat                 cmd:socat
test     e2fsprogs            e2fsprogs             cmd:mkfs.ext4
test     btrfs-progs          btrfs-progs           cmd:mkfs.btrfs
test     dosfstools           dosfstools            cmd:mkfs.vfat
test     systemd              systemd               file:/lib/systemd/systemd
test     groff                groff                 cmd:groff
test     ansible-core         ansible-core          cmd:ansible-inventory
test     python3-jsonschema   python3-jsonschema    py:jsonschema
test     python3-yaml         python3-pyyaml        py:yaml
test     dnsmasq-base         dnsmasq               cmd:dnsmasq
test     qemu-system-x86      qemu-system-x86-core  cmd:qemu-system-x86_64
test     runc                 runc                  cmd:runc
test     busybox-static       busybox               cmd:busybox
test     cpio                 cpio                  cmd:cpio
test     kmod                 kmod                  cmd:depmod
bench    stress-ng            stress-ng             cmd:stress-ng
bench    wrk                  wrk                   cmd:wrk
gate     clang                clang                 cmd:clang
gate     clang-format         clang-tools-extra     cmd:clang-format
gate     clang-tidy           clang-tools-extra     cmd:clang-tidy
gate     universal-ctags      ctags                 cmd:ctags
gate     shellcheck           ShellCheck            cmd:shellcheck
T
}

is_there() {
	case $1 in
	cmd:*) PATH=$PATH:/usr/sbin:/sbin command -v "${1#cmd:}" >/dev/null 2>&1 ;;
	file:*) [ -e "${1#file:}" ] ;;
	py:*) /usr/bin/python3 -c "import ${1#py:}" >/dev/null 2>&1 ;;
	# the linker's word and a header of the same name, where there is no pkg-config file
	lib:*) printf '#include <%s.h>\nint main(void) { return 0; }\n' "${1#lib:}" |
		cc -x c - -o /dev/null "-l${1#lib:}" >/dev/null 2>&1 ;;
	pc:*) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "${1#pc:}" ;;
	esac
}

missing() { # missing deb|rpm GROUP… : the names, on one line
	local column=$1 group deb rpm proof
	shift
	table | while read -r group deb rpm proof; do
		case " $* " in *" $group "*) ;; *) continue ;; esac
		is_there "$proof" && continue
		if [ "$column" = deb ]; then echo "$deb"; else echo "$rpm"; fi
	done | sort -u | tr '\n' ' '
}

[ $# -gt 0 ] || {
	echo "usage: packaging/deps.sh build|test|demo|bench|gate …" >&2
	exit 2
}
column=deb
command -v apt-get >/dev/null 2>&1 || column=rpm
want=$(missing $column "$@")
[ -n "$want" ] || exit 0

if [ $column = rpm ] && ! command -v dnf >/dev/null 2>&1; then
	echo "deps: neither apt-get nor dnf here; install by hand (Fedora's names): $want" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=sudo
	command -v sudo >/dev/null 2>&1 || {
		echo "deps: not root and no sudo; as root, install: $want" >&2
		exit 1
	}
fi

echo "deps: installing (for: $*): $want"
if [ $column = rpm ]; then
	# Fedora never starts a server because it was installed.
	# shellcheck disable=SC2086
	exec $sudo dnf install -y --setopt=install_weak_deps=False $want
fi

policy=/usr/sbin/policy-rc.d
kept=
log=$(mktemp)
put_back() {
	rm -f "$log"
	if [ -n "$kept" ]; then
		$sudo mv -f "$kept" $policy
	else
		$sudo rm -f $policy
	fi
}
if [ -e $policy ]; then
	kept=$policy.stormdrill.$$
	$sudo cp -a $policy "$kept"
fi
trap put_back EXIT
trap 'exit 130' INT TERM HUP
printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
$sudo chmod 755 $policy

run_apt() {
	# shellcheck disable=SC2086
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -y \
		--no-install-recommends install $want >"$log" 2>&1
}
if ! run_apt; then
	# An empty or old package list: fetch it once and try again.
	$sudo apt-get update >>"$log" 2>&1 || true
	run_apt || {
		tail -n 20 "$log" >&2
		echo "deps: apt-get could not install: $want" >&2
		exit 1
	}
fi
left=$(missing deb "$@")
[ -z "$left" ] || {
	echo "deps: still missing after installing: $left" >&2
	exit 1
}
