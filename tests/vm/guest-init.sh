#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# The guest's first process, twice: in the initrd it makes a root of the host's files and an
# overlay in memory, and starts itself again there, where it runs the job that vm.sh wrote,
# says how that ended, and switches the machine off.  The result is a line on the console,
# because an emulator's exit status says nothing about its guest.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

off() {
	echo 1 >/proc/sys/kernel/sysrq
	echo o >/proc/sysrq-trigger
	while :; do
		: # until the power goes: nothing can be executed any more
	done
}

first_stage() {
	/bin/busybox --install -s /bin
	mkdir -p /proc /host /over /new
	mount -t proc proc /proc
	while read -r module; do
		insmod "/modules/$module"
	done </modules/order
	mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host
	mount -t tmpfs tmpfs /over
	mkdir /over/upper /over/work
	mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work overlay /new
	mkdir -p /new/run
	mount -t tmpfs -o mode=755 tmpfs /new/run
	cp /job /init /new/run/
	umount /proc
	exec switch_root /new /bin/sh /run/init second
}

# What a script asks for by VM_INIT=systemd: the job is a unit of a systemd that starts
# nothing else by itself.  (The root is an overlay in memory: what is removed here is not.)
with_systemd() {
	[ $$ -eq 1 ] || exit 2 # on no other machine
	rm -rf /lib/systemd/system/*.wants /etc/systemd/system/*.wants /run/systemd
	mkdir -p /run/systemd/system
	cat >/run/systemd/system/storm.target <<-U
		[Unit]
		Requires=storm-job.service
	U
	cat >/run/systemd/system/storm-job.service <<-U
		[Unit]
		DefaultDependencies=no
		[Service]
		Type=oneshot
		ExecStart=/bin/sh /run/init job
		StandardOutput=file:/dev/ttyS0
		StandardError=inherit
		TimeoutStartSec=infinity
	U
	exec /lib/systemd/systemd --unit=storm.target --log-target=null
}

job() {
	echo GUEST-BEGIN
	setsid /bin/sh /run/job </dev/null
	echo "GUEST-RESULT rc=$?"
	off
}

second_stage() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev
	mkdir -p /dev/pts /dev/shm /lib/modules
	ln -s /proc/self/fd /dev/fd # bash's <(…)
	mount -t devpts devpts /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	modules=$(sed -n "s/.*MODULES='\([^']*\)'.*/\1/p" /run/job)
	mount --bind "$modules" /lib/modules
	# Scripts mount disk images, in namespaces where the kernel would not load these.
	modprobe -a loop ext4
	hostname storm-vm
	ip link set lo up
	if grep -q "VM_INIT='systemd'" /run/job; then
		with_systemd
	fi
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	job
}

case ${1-} in
second) second_stage ;;
job) job ;;
*) first_stage ;;
esac
