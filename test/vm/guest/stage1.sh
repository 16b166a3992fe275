#!/bin/busybox sh
# Stage 1 of the test VM (see ../run-in-vm.sh): reach the host's / and hand over.
b=/bin/busybox
die() { echo "stage1: $*" >/dev/console; $b poweroff -f; }
$b mount -t devtmpfs d /dev; $b mount -t proc p /proc; $b mount -t sysfs s /sys
for m in $($b cat /mods/order); do $b insmod /mods/$m; done
o9=trans=virtio,version=9p2000.L,msize=512000
$b mount -t 9p -o $o9,cache=loose,ro hostroot /lo || die "no host root"
$b mount -t tmpfs -o mode=755 t /rw && $b mkdir /rw/up /rw/work
$b mount -t overlay -o lowerdir=/lo,upperdir=/rw/up,workdir=/rw/work,xino=off o /new || die "no overlay"
for d in dev proc sys; do $b mount --move /$d /new/$d; done
$b mount -t tmpfs -o mode=755,nosuid,nodev t /new/run
$b mkdir -p /new/run/vm /new/run/lock /new/run/lvm /new/run/cryptsetup /new/run/mount /new/dev/pts /new/dev/shm
$b mount -t 9p -o $o9,cache=none vmctl /new/run/vm || die "no control share"
$b cp $b /new/run/busybox
exec $b switch_root /new /run/busybox sh /run/vm/init2
